/**
 * When a peer stops relying on the pool and asks the origin itself: rule zero, never worse than no pool.
 *
 * The pool is late when its last word of freshness is older than the wish and some grace. Right after subscribing it gets
 * time to settle, also when what is held is old, or else a restart would ask for everything at once. From then on the peer
 * asks at its own polite interval, and stops with the pool's next word in time: there is nothing to catch up, so nothing
 * comes in a burst. Someone who must not be seen by the source (`neverOrigin`) waits.
 */
import type { Millis } from '../../core/env.ts';

export interface Reliance {
  /** Unix ms: the pool knew then that there was nothing newer; 0 when it never said. */
  readonly poolWordAt: number;
  readonly subscribedAt: number;
  readonly hasVersion: boolean;
  readonly wishMs: Millis;
  /** When this peer would ask if it were alone. */
  readonly ownPlanAt: number;
  /** 0..1, drawn once for each subscription. */
  readonly unit: number;
}

const GRACE_SHARE = 0.1;
const GRACE_MS_MIN = 2_000;
const GRACE_MS_MAX = 60_000;
/** A first reader waits ten seconds: the pool gets most of them. */
export const FIRST_VERSION_MS = 7_000;
const SETTLE_MS_MIN = 10_000;
const SETTLE_MS_MAX = 120_000;
/** Of the wish. */
const SPREAD = 0.5;

/** The instant at which this peer asks by itself unless the pool speaks before. */
export function asksItselfAt({ poolWordAt, subscribedAt, hasVersion, wishMs, ownPlanAt, unit }: Reliance): number {
  if (!hasVersion) return Math.max(subscribedAt + FIRST_VERSION_MS, ownPlanAt);
  // All subscribers miss the same word: spread, the first to ask tells the others, and the origin sees no crowd.
  const spreadMs = unit * SPREAD * wishMs;
  const settleMs = Math.min(SETTLE_MS_MAX, Math.max(SETTLE_MS_MIN, wishMs));
  return Math.max(poolWordAt + wishMs + graceFor(wishMs) + spreadMs, subscribedAt + settleMs + spreadMs, ownPlanAt);
}

export function graceFor(wishMs: Millis): Millis {
  return Math.min(GRACE_MS_MAX, Math.max(GRACE_MS_MIN, GRACE_SHARE * wishMs));
}
