/**
 * When a peer stops relying on the pool and asks the origin itself: rule zero, never worse than no pool.
 *
 * A first version is waited for only a moment, but whoever leads must have had that moment to ask, and after it the other pollers: an origin
 * is to send a new pool k whole documents, not one to each subscriber.
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
/** Between two pollers without any version. */
const FIRST_STEP_MS = 1_000;
/** All others ask after the pollers, spread over as long again. */
const FIRST_SPREAD_MS = 4_000;

/** Of a peer that has no version yet and does not lead. */
export interface FirstWait {
  readonly subscribedAt: number;
  /** When it learned that somebody leads; undefined: not yet. */
  readonly leadKnownAt: number | undefined;
  /** Of a poller; undefined: it holds none. */
  readonly slot: number | undefined;
  /** As far as it knows, itself counted. */
  readonly subscribers: number;
  readonly ownPlanAt: number;
  /** 0..1, drawn once for each subscription. */
  readonly unit: number;
}

/** The instant at which it asks by itself unless a version comes before. */
export function asksFirstAt({ subscribedAt, leadKnownAt, slot, subscribers, ownPlanAt, unit }: FirstWait): number {
  // The lead asks as soon as it is one; but a pool that needs too long to find one is not waited for twice.
  const since = Math.min(leadKnownAt ?? subscribedAt, subscribedAt + FIRST_VERSION_MS);
  // Whoever knows of nobody has nobody to wait for.
  const isAlone = leadKnownAt === undefined && subscribers <= 1;
  const laterMs = slot !== undefined ? Math.min(slot * FIRST_STEP_MS, FIRST_SPREAD_MS) : isAlone ? unit * FIRST_STEP_MS : (1 + unit) * FIRST_SPREAD_MS;
  return Math.max(since + FIRST_VERSION_MS + laterMs, ownPlanAt);
}

/** The instant at which a peer that has a version asks by itself unless the pool speaks before. */
export function asksItselfAt({ poolWordAt, subscribedAt, wishMs, ownPlanAt, unit }: Reliance): number {
  // All subscribers miss the same word: spread, the first to ask tells the others, and the origin sees no crowd.
  const spreadMs = unit * SPREAD * wishMs;
  const settleMs = Math.min(SETTLE_MS_MAX, Math.max(SETTLE_MS_MIN, wishMs));
  return Math.max(poolWordAt + wishMs + graceFor(wishMs) + spreadMs, subscribedAt + settleMs + spreadMs, ownPlanAt);
}

export function graceFor(wishMs: Millis): Millis {
  return Math.min(GRACE_MS_MAX, Math.max(GRACE_MS_MIN, GRACE_SHARE * wishMs));
}
