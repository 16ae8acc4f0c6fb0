/**
 * The order of versions, and what a peer does with one that it is told of.
 *
 * A lead numbers versions within its epoch. What a peer finds while it has no lead is numbered for itself alone: in epoch 0, or
 * by a fraction above the last number that it was given, so that readers see it at once and the pool's next version still comes
 * after it. When the pool gets to the same document, the version it has is given the pool's number and nobody is told twice.
 */
import type { FeedVersion, Stamp } from './feed.ts';
import { compareStamps } from './feed.ts';

const ALONE_STEP = 2 ** -20;

/** Whether a lead gave this number. */
export function isPoolStamp({ epoch, seq }: Stamp): boolean {
  return Number.isInteger(epoch) && epoch >= 1 && Number.isInteger(seq) && seq >= 1;
}

/** The last number of a lead at or before it; undefined when there is none. */
export function poolStamp(stamp: Stamp | undefined): Stamp | undefined {
  if (stamp === undefined) return undefined;
  const whole = { epoch: stamp.epoch, seq: Math.floor(stamp.seq) };
  return isPoolStamp(whole) ? whole : undefined;
}

/** For a version found without a lead. Counting begins at the wall clock: whatever else this peer counts in epoch 0 is smaller. */
export function nextAlone(latest: Stamp | undefined, wallMs: number): Stamp {
  if (latest === undefined || latest.epoch === 0) return { epoch: 0, seq: Math.max((latest?.seq ?? 0) + 1, Math.floor(wallMs)) };
  return { epoch: latest.epoch, seq: latest.seq + ALONE_STEP };
}

/** For the lead's next version. */
export function nextStamp(have: Stamp | undefined, epoch: number): Stamp {
  return have !== undefined && have.epoch === epoch ? { epoch, seq: have.seq + 1 } : { epoch, seq: 1 };
}

/** Whether `a` comes after `b`; anything comes after nothing. */
export function isAfter(a: Stamp, b: Stamp | undefined): boolean {
  return b === undefined || compareStamps(a, b) > 0;
}

/**
 * `store`: new to this peer. `restamp`: it is the latest version that it has, which gets the pool's number. `skip`: it had that
 * document before, or found a newer one itself: only the number counts.
 */
export type Judgement = 'store' | 'restamp' | 'skip';

export interface Held {
  readonly latest: FeedVersion | undefined;
  /** A version with the same bytes, if there is one. */
  readonly same: FeedVersion | undefined;
}

/** Of a version that comes after all that the pool has given so far. `again`: the origin went back to what it had before. */
export function judge(incoming: Pick<FeedVersion, 'hash' | 'stamp' | 'fetchedAt'>, { latest, same }: Held, again: boolean): Judgement {
  if (latest === undefined) return 'store';
  if (latest.hash === incoming.hash) return 'restamp';
  // Found alone, or numbered by another lead: what was fetched earlier is old news.
  const isForeign = !isPoolStamp(latest.stamp) || latest.stamp.epoch !== incoming.stamp.epoch;
  if (isForeign && latest.fetchedAt >= incoming.fetchedAt) return 'skip';
  // Another epoch's number for it: another lead found it as well, or it was found alone.
  return same !== undefined && !again && (same.stamp.epoch !== incoming.stamp.epoch || !isPoolStamp(same.stamp)) ? 'skip' : 'store';
}
