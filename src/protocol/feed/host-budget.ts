/**
 * One host, one budget: however many feeds a host serves, it gets a request a minute from this peer (ecosystem 3.2).
 *
 * A budget gives out instants, so that feeds which fall due together line up instead of bursting, each wait with some
 * chance in it. It learns: a 429 doubles the spacing, a long row of good answers halves it again, and a server that counts
 * aloud (X-RateLimit-*) is believed. It is kept over restarts. Origins on loopback with a lowered floor have no spacing.
 */
import type { Millis } from '../../core/env.ts';

export interface HostBudget {
  /** Unix ms: nobody asks before. */
  readonly nextAt: number;
  readonly spacingMs: Millis;
  readonly goodInARow: number;
}

export interface HostAnswer {
  readonly at: number;
  readonly throttled: boolean;
  readonly retryAfterMs: Millis | undefined;
  readonly rateLimit: { readonly remaining: number; readonly resetMs: Millis } | undefined;
}

export const HOST_SPACING_MS = 60_000;
const SPACING_MS_MAX = 3_600_000;
const GOOD_TO_HALVE = 20;
const SPREAD = 0.25;
/** One feed's Retry-After of weeks is that feed's; the host is left alone for so long at most. */
const HOST_WAIT_MS_MAX = 3_600_000;

export function newBudget(spacingMs: Millis): HostBudget {
  return { nextAt: 0, spacingMs, goodInARow: 0 };
}

/** The instant that is given to one request, and the budget after it. */
export function reserve(budget: HostBudget, now: number, unit: number): { readonly at: number; readonly budget: HostBudget } {
  const at = Math.max(now, budget.nextAt);
  return { at, budget: { ...budget, nextAt: at + budget.spacingMs * (1 + SPREAD * unit) } };
}

/** `leastMs`: the spacing of a host that never complained. */
export function learn(budget: HostBudget, { at, throttled, retryAfterMs, rateLimit }: HostAnswer, leastMs: Millis, unit: number): HostBudget {
  let { nextAt, spacingMs, goodInARow } = budget;
  if (throttled) {
    spacingMs = Math.min(SPACING_MS_MAX, Math.max(2 * spacingMs, leastMs));
    goodInARow = 0;
    nextAt = Math.max(nextAt, at + Math.min(HOST_WAIT_MS_MAX, retryAfterMs ?? spacingMs * (1 + unit)));
  } else if (++goodInARow >= GOOD_TO_HALVE) {
    spacingMs = Math.max(leastMs, spacingMs / 2);
    goodInARow = 0;
  }
  if (rateLimit !== undefined) {
    const pause = rateLimit.remaining < 1 ? rateLimit.resetMs : rateLimit.resetMs / rateLimit.remaining;
    if (rateLimit.remaining < 1 || pause > spacingMs) nextAt = Math.max(nextAt, at + Math.min(HOST_WAIT_MS_MAX, pause) * (1 + SPREAD * unit));
  }
  return { nextAt, spacingMs, goodInARow };
}
