/**
 * The patent's three adjusting moves ([0082]): give the highest node a new parent; swap it with another leaf; swap the subtree under
 * its parent with another subtree. Each is taken only if everything it moved then hears sooner than the highest node did.
 *
 * So the number of nodes at the greatest height falls with every move, and the moves come to an end.
 */
import type { Budget } from './budget.ts';
import { NONE, ROOT } from './instance.ts';
import type { Tree } from './tree.ts';

/** Returns how many moves helped. Before and after each, helpers without work go. */
export function adjust(tree: Tree, budget: Budget): number {
  let moves = 0;
  tree.prune();
  while (budget.allows(tree.count) && adjustOnce(tree)) {
    tree.refresh();
    tree.prune();
    moves++;
  }
  return moves;
}

/** The first of the moves that helps. The caller refreshes. */
export function adjustOnce(tree: Tree): boolean {
  const x = tree.highest();
  return x !== ROOT && (giveNewParent(tree, x) || swapLeaves(tree, x) || swapSubtrees(tree, x));
}

/** (a) The free link through which x hears soonest. */
export function giveNewParent(tree: Tree, x: number): boolean {
  const { latencies } = tree.instance;
  let least = tree.height[x] as number;
  let parent = NONE;
  for (let i = 0; i < tree.count; i++) {
    const w = tree.order[i] as number;
    if (!tree.isOpen(w) || tree.isWithin(w, x)) continue;
    const height = (tree.height[w] as number) + latencies.between(w, x);
    if (height >= least) continue;
    least = height;
    parent = w;
  }
  if (parent === NONE) return false;
  tree.move(x, parent);
  return true;
}

/** (b) The leaf with which x trades places best. */
export function swapLeaves(tree: Tree, x: number): boolean {
  return swapBest(tree, x, (y) => tree.firstChild(y) === NONE);
}

/** (c) The subtree with which that of x's parent trades places best. */
export function swapSubtrees(tree: Tree, x: number): boolean {
  const top = tree.parent[x] as number;
  return top !== ROOT && swapBest(tree, top, () => true);
}

function swapBest(tree: Tree, a: number, fits: (b: number) => boolean): boolean {
  const { latencies } = tree.instance;
  const above = tree.parent[a] as number;
  const below = tree.below[a] as number;
  let least = (tree.height[a] as number) + below;
  let partner = NONE;
  for (let i = 1; i < tree.count; i++) {
    const b = tree.order[i] as number;
    const other = tree.parent[b] as number;
    if (other === above || tree.isWithin(a, b) || tree.isWithin(b, a) || !fits(b)) continue;
    const mine = (tree.height[other] as number) + latencies.between(other, a) + below;
    if (mine >= least) continue;
    const worst = Math.max(mine, (tree.height[above] as number) + latencies.between(above, b) + (tree.below[b] as number));
    if (worst >= least) continue;
    least = worst;
    partner = b;
  }
  if (partner === NONE) return false;
  tree.swap(a, partner);
  return true;
}
