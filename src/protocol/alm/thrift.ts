/**
 * The same hosts in a tree that is no higher, with the links that it leaves free gathered at few hosts: one machine with three free links
 * can help another session, three machines with one each cannot ([0072]: "an available peer having a large degree").
 *
 * Random moves that keep the height within its limit and do not lower the sum of the squares of what is free.
 */
import type { Millis } from '../../core/env.ts';
import type { Random } from '../../core/random.ts';
import { NONE, ROOT } from './instance.ts';
import { Tree } from './tree.ts';

const TRIALS_MAX = 3_000;
/** Trials times hosts: what one call may cost. */
const WORK = 300_000;
const EPSILON_MS = 1e-9;

/** Hosts outside the tree stay outside. */
export function gatherFreeLinks(tree: Tree, limitMs: Millis, random: Random): Tree {
  const { count } = tree;
  let best = tree;
  if (count < 3) return best;
  for (let trial = Math.min(TRIALS_MAX, Math.floor(WORK / count)); trial > 0; trial--) {
    const a = best.order[1 + random.below(count - 1)] as number;
    const b = best.order[random.below(count)] as number;
    if (a === b) continue;
    if (random.below(2) === 0) moveBelow(best, a, b, limitMs);
    else if (b !== ROOT) best = exchanged(best, a, b, limitMs);
  }
  return best;
}

function freeOf({ instance, degree }: Tree, node: number): number {
  return (instance.degrees[node] as number) - (degree[node] as number);
}

/** The subtree of `a` goes below `b` if `b` has less to lose than the parent gains. */
function moveBelow(tree: Tree, a: number, b: number, limitMs: Millis): void {
  const parent = tree.parent[a] as number;
  if (parent === b || !tree.isOpen(b) || tree.isWithin(b, a) || freeOf(tree, parent) + 1 < freeOf(tree, b)) return;
  const reachedMs = (tree.height[b] as number) + tree.instance.latencies.between(b, a) + (tree.below[a] as number);
  if (reachedMs > limitMs + EPSILON_MS) return;
  tree.move(a, b);
  tree.refresh();
}

/** `a` and `b` change places, if each has links enough for the other's. */
function exchanged(tree: Tree, a: number, b: number, limitMs: Millis): Tree {
  const { instance, degree, parent } = tree;
  const [freeA, freeB] = [(instance.degrees[a] as number) - (degree[b] as number), (instance.degrees[b] as number) - (degree[a] as number)];
  if (freeA < 0 || freeB < 0 || freeA ** 2 + freeB ** 2 < freeOf(tree, a) ** 2 + freeOf(tree, b) ** 2) return tree;
  const other = (node: number): number => (node === a ? b : node === b ? a : node);
  const parents = Int32Array.from(parent, (_, node) => {
    const above = parent[other(node)] as number;
    return above === NONE ? NONE : other(above);
  });
  const next = Tree.fromParents(instance, parents);
  return next.heightMs > limitMs + EPSILON_MS ? tree : next;
}
