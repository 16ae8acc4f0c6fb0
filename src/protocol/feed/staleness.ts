/**
 * How old a reader's news can have been, as a distribution over time.
 *
 * Between two words of freshness the age of what a reader sees grows evenly: from the delay with which the word came to the
 * age just before the next one. Each such stretch counts for as long as it lasted. So p99 is what a reader meets in 99 of
 * 100 looks at random moments; the mean of the peaks would be kinder or harsher, and not true.
 */
import type { Millis } from '../../core/env.ts';

/** The age at its beginning and at its end. */
export interface Stretch {
  readonly fromMs: Millis;
  readonly toMs: Millis;
}

export const STRETCHES_MAX = 64;

/** The age below which a share `q` of all moments lie; undefined without any. */
export function stalenessAt(stretches: readonly Stretch[], q: number): Millis | undefined {
  const total = stretches.reduce((sum, one) => sum + (one.toMs - one.fromMs), 0);
  if (stretches.length === 0) return undefined;
  if (total <= 0) return Math.max(...stretches.map((one) => one.toMs));
  // Time below an age is piecewise linear in it: find the piece in which the share is reached.
  const edges = [...new Set(stretches.flatMap((one) => [one.fromMs, one.toMs]))].sort((a, b) => a - b);
  let below = edges[0] ?? 0;
  for (const edge of edges) {
    const time = timeBelow(stretches, edge);
    if (time >= q * total) {
      const before = timeBelow(stretches, below);
      return time === before ? edge : below + ((edge - below) * (q * total - before)) / (time - before);
    }
    below = edge;
  }
  return edges.at(-1);
}

function timeBelow(stretches: readonly Stretch[], ageMs: Millis): Millis {
  return stretches.reduce((sum, one) => sum + Math.max(0, Math.min(ageMs, one.toMs) - one.fromMs), 0);
}

/** Median time between changes, from the instants at which they were seen; undefined with fewer than four gaps. */
export function changesEvery(instants: readonly number[]): Millis | undefined {
  const gaps = instants.slice(1).map((at, i) => at - (instants[i] ?? at)).sort((a, b) => a - b);
  return gaps.length < CHANGES_MIN ? undefined : gaps[Math.floor(gaps.length / 2)];
}

const CHANGES_MIN = 4;
/** Instants of change that are remembered. */
export const CHANGES_MAX = 17;
