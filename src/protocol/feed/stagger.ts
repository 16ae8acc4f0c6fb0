/**
 * When each poller asks the origin: all at one interval, one after the other, so that n of them notice a change n times as fast.
 *
 * The interval is what the origin allows one client, or as long as the strictest wish leaves each of n pollers. A part of the
 * wish is left for the way down the tree, and for finding out that a poller is gone.
 */
import type { Millis } from '../../core/env.ts';

/** Of a wish: what is left for the way down the tree. */
const RESERVE_SHARE = 0.2;
/**
 * ... and at least that: a lead that is gone is asked once more (a second), the next one is told and joined (another), and waits for what others know (two).
 */
const RESERVE_MS = 4_000;
/** Of a wish that is shorter than twice that, half. */
const RESERVE_SHARE_MAX = 0.5;
export const INTERVAL_MIN_MS = 1_000;

export interface Rhythm {
  /** Pollers. */
  readonly pollers: number;
  readonly strictestMs: Millis;
  readonly floorMs: Millis;
}

/** Between two polls of one poller. */
export function intervalOf({ pollers, strictestMs, floorMs }: Rhythm): Millis {
  return Math.max(INTERVAL_MIN_MS, floorMs, Math.max(1, pollers) * (strictestMs - reserveOf(strictestMs)));
}

function reserveOf(wishMs: Millis): Millis {
  return Math.min(RESERVE_SHARE_MAX * wishMs, Math.max(RESERVE_SHARE * wishMs, RESERVE_MS));
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

/** A turn may be late by a sixteenth of a gap: an origin takes a moment to answer. */
const MISSED_SHARE = 1 / 16;
/** ... or by that, because a busy machine must not cost the origin a second request, but where gaps are short by a quarter of one at most, and half a second at least. */
const MISSED_USUAL_MS = 1_500;
const MISSED_SHARE_MAX = 1 / 4;
const MISSED_MIN_MS = 500;

export interface Turn {
  readonly slot: number;
  /** One of this poller's turns; the others are whole intervals before and after it. */
  readonly nextAt: Millis;
  readonly intervalMs: Millis;
  readonly gapMs: Millis;
}

/** What a poller knows, on the clock of its turns; -Infinity for never. */
export interface Known {
  /** The pool's last word that there was nothing newer. */
  readonly wordAt: Millis;
  /** When it asked itself. */
  readonly askedAt: Millis;
  /** The origin does not want it before. */
  readonly soonest: Millis;
}

/**
 * When a poller asks next: at its turn, unless the pool's last word will then be younger than half a gap, which happens when turns have moved. The lead
 * hears of every poll, and asks in the place of a poller whose turn stays empty. It counts from that turn, not from the last word: whoever asked late once
 * would otherwise find the next turns empty a moment before they come, and ask in the place of all.
 */
export function askAt({ slot, nextAt, intervalMs, gapMs }: Turn, { wordAt, askedAt, soonest }: Known): { readonly at: Millis; readonly isOwnTurn: boolean } {
  const least = Math.max(soonest, wordAt + gapMs / 2);
  const turn = nextAt >= least ? nextAt : nextAt + Math.ceil((least - nextAt) / intervalMs) * intervalMs;
  const lastAt = Math.max(wordAt, askedAt);
  const emptyAt = nextAt + Math.ceil((lastAt + gapMs / 2 - nextAt) / gapMs) * gapMs;
  const missedAt = slot === 0 && lastAt > -Infinity ? emptyAt + Math.max(MISSED_MIN_MS, MISSED_SHARE * gapMs, Math.min(MISSED_USUAL_MS, MISSED_SHARE_MAX * gapMs)) : Infinity;
  const standsInAt = Math.max(soonest, missedAt);
  return { at: Math.min(turn, standsInAt), isOwnTurn: turn <= standsInAt };
}
