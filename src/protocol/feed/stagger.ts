/**
 * When each poller asks the origin: all at one interval, one after the other, so that n of them notice a change n times as fast.
 *
 * The interval is what the origin allows one client, or as long as the strictest wish leaves each of n pollers. A fifth of the
 * wish is left for the way down the tree.
 */
import type { Millis } from '../../core/env.ts';

const SHARE_OF_WISH = 0.8;
export const INTERVAL_MIN_MS = 1_000;

export interface Rhythm {
  /** Pollers. */
  readonly pollers: number;
  readonly strictestMs: Millis;
  readonly floorMs: Millis;
}

/** Between two polls of one poller. */
export function intervalOf({ pollers, strictestMs, floorMs }: Rhythm): Millis {
  return Math.max(INTERVAL_MIN_MS, floorMs, Math.max(1, pollers) * strictestMs * SHARE_OF_WISH);
}

/** Between two polls of the pool. */
export function gapOf(rhythm: Rhythm): Millis {
  return intervalOf(rhythm) / Math.max(1, rhythm.pollers);
}

/** The first turn after `now` of the poller that is `rank`-th of them. */
export function nextTurn(anchor: Millis, rank: number, rhythm: Rhythm, now: Millis): Millis {
  const interval = intervalOf(rhythm);
  const first = anchor + rank * gapOf(rhythm);
  const turn = first + (Math.floor((now - first) / interval) + 1) * interval;
  // Sums of fractions are not exact.
  return turn > now ? turn : turn + interval;
}
