/**
 * What a planner is given (Definition 1, [0081]): members, the first of which is the root; further hosts that may help; how
 * many links each can bear, counting the one to its parent; and latencies.
 *
 * Nodes are numbered anew, members first, so that all of a plan fits in typed arrays. Degrees are what is free for this
 * session: at its own members it counts as priority 1, elsewhere it has its own ([0090]), and what lower priorities hold is
 * free for it ([0091]).
 */
import { assert } from '../../core/assert.ts';
import type { Latencies } from './latencies.ts';

export interface Instance {
  /** Nodes 0..members-1; node 0 is the root. The rest may help. */
  readonly members: number;
  readonly size: number;
  readonly degrees: Int32Array;
  readonly latencies: Latencies;
  readonly upMbps: Float64Array | undefined;
  readonly downMbps: Float64Array | undefined;
}

/** A part of a host's degree table ([0093]): links that sessions of one priority hold. */
export interface UsedDegree {
  readonly node: number;
  readonly priority: number;
  readonly degree: number;
}

export const ROOT = 0;
export const NONE = -1;
export const PRIORITY_HIGHEST = 1;
export const PRIORITY_LOWEST = 3;

/** Among equal priorities the holder keeps what it has. */
export function freeDegrees(bounds: Int32Array, members: number, used: readonly UsedDegree[], priority: number): Int32Array {
  assert(priority >= PRIORITY_HIGHEST && priority <= PRIORITY_LOWEST, 'a priority is 1, 2 or 3');
  const free = Int32Array.from(bounds);
  for (const { node, priority: holder, degree } of used) {
    const own = node < members ? PRIORITY_HIGHEST : priority;
    if (holder <= own) free[node] = Math.max(0, (free[node] as number) - degree);
  }
  return free;
}

/** How many links are missing for a tree of the members alone; 0 when there is one. Every member must have a link. */
export function missingLinks({ members, degrees }: Instance): number {
  let sum = 0;
  for (let node = 0; node < members; node++) sum += degrees[node] as number;
  return Math.max(0, 2 * (members - 1) - sum);
}

/** The first member that can have no link at all, or NONE. */
export function unlinkedMember({ members, degrees }: Instance): number {
  for (let node = 0; node < members && members > 1; node++) if ((degrees[node] as number) < 1) return node;
  return NONE;
}
