/**
 * How low a tree of few members can be at best when any number of hosts may help: what planners are held against.
 *
 * Exact but for one thing: a host may help in two branches at once. So it is a bound, and whoever reaches it has found the optimum. From
 * small sets of members to large ones: the least height below each host that has to serve just that set, shared out among as many
 * children as it has links for. A chain of helpers counts as one long link.
 */
import { assert } from '../../core/assert.ts';
import type { Millis } from '../../core/env.ts';
import type { Instance } from '../../protocol/alm/instance.ts';
import { ROOT } from '../../protocol/alm/instance.ts';

/** The work grows with three to the power of the members. */
export const BOUND_MEMBERS_MAX = 12;

export function helperBoundMs(instance: Instance): Millis {
  const { members, size, degrees } = instance;
  assert(members >= 2 && members <= BOUND_MEMBERS_MAX, 'few members');
  const ways = waysOf(instance);
  const sets = 1 << (members - 1);
  /** By set and host: the least height below a host that serves the set, and the same if it does so through one child. */
  const served = Array.from({ length: sets }, () => new Float64Array(size));
  const handed = Array.from({ length: sets }, () => new Float64Array(size));
  const childrenOf = Int32Array.from(degrees, (degree, host) => (host === ROOT ? degree : degree - 1));
  for (let set = 1; set < sets; set++) {
    // Subsets have smaller numbers.
    const shared = Float64Array.from({ length: size }, (_, host) => shareOut(set, host, childrenOf[host] as number, handed));
    for (let host = 0; host < size; host++) {
      let least = Infinity;
      for (let child = 1; child < members; child++) {
        if ((set & bitOf(child)) !== 0 && child !== host) least = Math.min(least, (ways[host * size + child] as number) + (served[set & ~bitOf(child)]?.[child] as number));
      }
      for (let helper = members; helper < size; helper++) {
        if (helper !== host) least = Math.min(least, (ways[host * size + helper] as number) + (shared[helper] as number));
      }
      (handed[set] as Float64Array)[host] = least;
      (served[set] as Float64Array)[host] = Math.min(shared[host] as number, (childrenOf[host] as number) > 0 ? least : Infinity);
    }
  }
  return served[sets - 1]?.[ROOT] as number;
}

function bitOf(member: number): number {
  return 1 << (member - 1);
}

/** The least height below the host if two children or more serve the set. */
function shareOut(set: number, host: number, children: number, handed: readonly Float64Array[]): Millis {
  if (children < 2 || (set & (set - 1)) === 0) return Infinity;
  const lowest = set & -set;
  let least = Infinity;
  // One child has the lowest member; the others have the rest.
  for (let rest = (set - 1) & set; rest > 0; rest = (rest - 1) & set) {
    if ((rest & lowest) !== 0) continue;
    const first = handed[set & ~rest]?.[host] as number;
    if (first >= least) continue;
    least = Math.min(least, Math.max(first, Math.min(handed[rest]?.[host] as number, children > 2 ? shareOut(rest, host, children - 1, handed) : Infinity)));
  }
  return least;
}

/** Between all hosts, by any helpers that can pass something on. */
function waysOf({ members, size, degrees, latencies }: Instance): Float64Array {
  const ways = new Float64Array(size * size);
  for (let a = 0; a < size; a++) for (let b = 0; b < size; b++) if (a !== b) ways[a * size + b] = latencies.between(a, b);
  for (let k = members; k < size; k++) {
    if ((degrees[k] as number) < 2) continue;
    for (let a = 0; a < size; a++) {
      const there = ways[a * size + k] as number;
      for (let b = 0; b < size; b++) {
        const ms = there + (ways[k * size + b] as number);
        if (ms < (ways[a * size + b] as number)) ways[a * size + b] = ms;
      }
    }
  }
  return ways;
}
