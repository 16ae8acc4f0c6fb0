/**
 * Met, late or infeasible: what a stated max staleness has come to, from numbers alone.
 *
 * Infeasible says that nobody could do it: the origin's floor (alone) or the pool's gap and delay stand above the wish. Late
 * says that it could be done and is not, now or in one of a hundred moments lately. Words for people are made elsewhere.
 */
import type { Millis } from '../../core/env.ts';

export interface Standing {
  readonly now: number;
  readonly wishMs: Millis;
  readonly hasVersion: boolean;
  /** 0 when never. */
  readonly freshAt: number;
  /** The last question went wrong. */
  readonly failing: boolean;
  /** 410: it will not come back. */
  readonly gone: boolean;
  /** The least time between two polls that reach this peer, and how long what they find takes to get here. */
  readonly gapMs: Millis;
  readonly delayMs: Millis;
  readonly p99Ms: Millis | undefined;
}

export type Verdict = 'met' | 'late' | 'late-lately' | 'infeasible' | 'pending' | 'failing' | 'gone';

/** Timers and answers take a moment; that is not lateness. */
const TOLERANCE_MS = 2_000;
const TOLERANCE_SHARE = 0.02;

export function verdictOn({ now, wishMs, hasVersion, freshAt, failing, gone, gapMs, delayMs, p99Ms }: Standing): Verdict {
  const limit = wishMs + Math.max(TOLERANCE_SHARE * wishMs, Math.min(TOLERANCE_MS, wishMs));
  if (gone) return 'gone';
  if (!hasVersion) return failing ? 'failing' : 'pending';
  const isLate = now - freshAt > limit;
  if (failing && isLate) return 'failing';
  if (gapMs + delayMs > limit) return 'infeasible';
  if (isLate) return 'late';
  return p99Ms !== undefined && p99Ms > limit ? 'late-lately' : 'met';
}
