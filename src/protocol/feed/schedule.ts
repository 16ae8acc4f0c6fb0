/**
 * When a feed is asked next: after an answer, after a failure, after a restart (ecosystem 3.2).
 *
 * All of it is arithmetic on Unix milliseconds, with the randomness handed in as a number from 0 to 1, so that every rule
 * has a test. Spreading is never towards the floor's other side: an origin is asked later, never sooner, than it allows.
 */
import type { Millis } from '../../core/env.ts';
import type { Floor, FloorRule, Hints } from './freshness.ts';
import { FLOOR_MS_MAX } from './freshness.ts';

export interface Plan {
  readonly at: number;
  readonly by: FloorRule;
}

/** How asking failed. `gone` is 410; `content` is an answer that is no feed, or too large. */
export type FailureKind = 'gone' | 'missing' | 'forbidden' | 'throttled' | 'server' | 'network' | 'content' | 'refused';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DAYS_PER_WEEK = 7;
/** 1 January 1970 was a Thursday. */
const EPOCH_DAY = 4;
/** Asked a little before the wish runs out, so that the answer is here in time. */
const WISH_SHARE = 0.8;
const SPREAD = 0.05;
const RETRY_LEAST_MS = MINUTE;
/** Feeds that fell due while this peer was off are asked within this time after a start, or their interval if shorter. */
const CATCH_UP_MS = 15 * MINUTE;
/** What a doubling may reach before it is cut anyway. */
const DOUBLINGS_MAX = 20;

/** First step and longest step of the doubling wait; `polite` failures wait the ordinary interval first. */
const WAITS: Readonly<Record<FailureKind, { readonly first: Millis; readonly longest: Millis; readonly polite: boolean }>> = {
  gone: { first: DAY, longest: DAY, polite: true },
  missing: { first: HOUR, longest: DAY, polite: true },
  forbidden: { first: 4 * HOUR, longest: DAY, polite: true },
  throttled: { first: 15 * MINUTE, longest: DAY, polite: true },
  content: { first: HOUR, longest: DAY, polite: true },
  refused: { first: HOUR, longest: DAY, polite: true },
  server: { first: 5 * MINUTE, longest: 6 * HOUR, polite: false },
  network: { first: 5 * MINUTE, longest: 6 * HOUR, polite: false },
};

/** Between two polls of one peer that has nobody to share them with. */
export function intervalFor(floorMs: Millis, wishMs: Millis): Millis {
  return Math.max(floorMs, WISH_SHARE * wishMs);
}

/** After a good answer to a question of `askedAt`. Spread by at most a twentieth, within the wish where there is room. */
export function planAfterAnswer(askedAt: number, floor: Floor, wishMs: Millis, hints: Hints, unit: number): Plan {
  const interval = intervalFor(floor.ms, wishMs);
  const room = floor.ms > wishMs ? SPREAD * interval : Math.min(SPREAD * interval, wishMs - interval);
  return { at: afterSkips(askedAt + interval + unit * room, hints), by: floor.by };
}

/**
 * After the `count`-th failure in a row. Retry-After is honoured however long; a server that answered with a refusal is
 * left alone for the ordinary interval and a random part of a doubling wait; one that did not answer, for the latter.
 */
export function planAfterFailure(failure: { readonly kind: FailureKind; readonly count: number; readonly at: number; readonly retryAfterMs: Millis | undefined }, intervalMs: Millis, unit: number): Plan {
  const { kind, count, at, retryAfterMs } = failure;
  const { first, longest, polite } = WAITS[kind];
  const step = Math.min(longest, Math.min(first, intervalMs) * 2 ** Math.min(count - 1, DOUBLINGS_MAX));
  const least = polite ? intervalMs : Math.min(RETRY_LEAST_MS, intervalMs);
  const wait = Math.min(least + unit * step, Math.max(intervalMs, FLOOR_MS_MAX));
  if (retryAfterMs === undefined || retryAfterMs <= wait) return { at: at + wait, by: 'back-off' };
  return { at: at + retryAfterMs + unit * Math.min(SPREAD * retryAfterMs, MINUTE), by: 'retry-after' };
}

/** What a restart makes of a plan: what is still ahead stays, what fell due meanwhile is spread out. */
export function planAfterRestart(plannedAt: number, now: number, intervalMs: Millis, unit: number): number {
  if (plannedAt > now) return plannedAt;
  return now + unit * Math.min(CATCH_UP_MS, intervalMs);
}

/** The first instant from `at` on that is in no skipped hour or day; when everything is skipped the feed means nothing by it. */
export function afterSkips(at: number, { skipHours, skipDays }: Hints): number {
  if (skipHours.length === 0 && skipDays.length === 0) return at;
  let instant = at;
  for (let hours = 0; hours < 24 * DAYS_PER_WEEK; hours++) {
    const day = (Math.floor(instant / DAY) + EPOCH_DAY) % DAYS_PER_WEEK;
    const hour = Math.floor(instant / HOUR) % 24;
    if (!skipHours.includes(hour) && !skipDays.includes(day)) return Math.min(instant, at + FLOOR_MS_MAX);
    instant = (Math.floor(instant / HOUR) + 1) * HOUR + (at % MINUTE);
  }
  return at;
}

/** A permanent redirect is believed after so many answers that agree: publishers' mistakes are undone within days. */
export const MOVE_CONFIRMATIONS = 10;

export interface Move {
  readonly to: string;
  readonly count: number;
}

/** `target` is undefined when the last answer came without a permanent redirect. */
export function confirmMove(before: Move | undefined, target: string | undefined): Move | undefined {
  if (target === undefined) return undefined;
  return { to: target, count: before?.to === target ? before.count + 1 : 1 };
}

export function hasMoved(move: Move | undefined): move is Move {
  return move !== undefined && move.count >= MOVE_CONFIRMATIONS;
}
