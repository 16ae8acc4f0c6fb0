/**
 * Audits of versions that others found, at a rate that does not depend on how many subscribe, and what an auditor concludes.
 *
 * A matching validator proves nothing, so the document is fetched whole. Two kinds. A poller that did not find the version asks for the whole document at
 * its next turn instead of whether it changed: that is no further request, and every version that lasts until then is attested twice. And of N
 * subscribers each audits with probability c/N, so that pollers who lie together are found too: c requests a version, whatever N is, and none
 * further, because what such an audit confirms counts as a word of the pool and the next turn is passed over. If a
 * lie reaches a share f of the subscribers, one of them audits it with probability 1 - e^(-cf): good against wide poisoning, weak against one victim.
 */
import type { Millis } from '../../core/env.ts';
import type { FoundVersion } from './feed.ts';

/** c: audits of a version by subscribers that do not poll. */
export const AUDITS_A_VERSION = 0.1;

/** Whether this subscriber audits; `draw` is from [0, 1). */
export function isAuditor(subscribers: number, draw: number): boolean {
  return draw < AUDITS_A_VERSION / Math.max(1, subscribers);
}

/** In the second half of the time until the pool polls again, and not right before that. */
const EARLIEST = 0.55;
const LATEST = 0.9;

/** When, after the version came. So late that what it says stands for the pool's next turn, which is then passed over. */
export function auditDelay(gapMs: Millis, draw: number): Millis {
  return gapMs * (EARLIEST + (LATEST - EARLIEST) * draw);
}

/**
 * `other`: the origin may just have gone on. Items that are missing prove nothing: publishers take items back, and lists of what is popular change
 * at their top. Other bytes under the same strong validator do.
 */
export type Verdict = 'same' | 'other' | 'conflict';

/** What the origin gave compared with what the pool gave. */
export function verdictOf(told: Pick<FoundVersion, 'hash' | 'etag'>, seen: Pick<FoundVersion, 'hash' | 'etag'>): Verdict {
  if (told.hash === seen.hash) return 'same';
  const isStrong = told.etag !== '' && !told.etag.startsWith('W/');
  return isStrong && told.etag === seen.etag ? 'conflict' : 'other';
}
