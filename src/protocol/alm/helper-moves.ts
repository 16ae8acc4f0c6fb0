/**
 * Moves of our planner that concern helpers: another host in a helper's place, a further helper where it gains most, and one
 * helper fewer. A helper is judged by what the highest members gain, not by its distance alone.
 */
import { NONE, ROOT } from './instance.ts';
import type { Effort } from './moves.ts';
import type { Tree } from './tree.ts';

/** A helper on the way to the highest member gives its place to the candidate through which everybody below hears soonest. */
export function replaceHelper(tree: Tree, candidates: Int32Array, effort: Effort): boolean {
  const { degrees, latencies } = tree.instance;
  const highest = tree.highest();
  let least = tree.height[highest] as number;
  let replaced = NONE;
  let stranger = NONE;
  for (let h = tree.parent[highest] as number; h !== NONE && h !== ROOT; h = tree.parent[h] as number) {
    if (!tree.isHelper(h)) continue;
    const above = tree.parent[h] as number;
    for (const other of candidates) {
      if (tree.present[other] === 1 || (degrees[other] as number) < (tree.degree[h] as number)) continue;
      effort.add(tree.degree[h] as number);
      const height = (tree.height[above] as number) + latencies.between(above, other);
      let value = height;
      for (let child = tree.firstChild(h); child !== NONE && value < least; child = tree.nextSibling(child)) {
        value = Math.max(value, height + latencies.between(other, child) + (tree.below[child] as number));
      }
      if (value >= least) continue;
      least = value;
      replaced = h;
      stranger = other;
    }
  }
  if (replaced === NONE) return false;
  tree.replace(replaced, stranger);
  return true;
}

/**
 * A further helper enters below p and takes a subtree of the way to the highest member; if p is full, the helper stands in the
 * place of a child of p and takes that one too.
 */
export function insertHelper(tree: Tree, candidates: Int32Array, effort: Effort): boolean {
  const { degrees, latencies } = tree.instance;
  const highest = tree.highest();
  let least = tree.height[highest] as number;
  let chosen: { readonly a: number; readonly p: number; readonly h: number; readonly c: number } | undefined;
  for (let a = highest; a !== ROOT; a = tree.parent[a] as number) {
    const below = tree.below[a] as number;
    for (let i = 0; i < tree.count && !effort.isOver; i++) {
      const p = tree.order[i] as number;
      const heightP = tree.height[p] as number;
      if (heightP + below >= least || tree.isWithin(p, a)) continue;
      const isOpen = tree.isOpen(p);
      for (const h of candidates) {
        if (tree.present[h] === 1 || (degrees[h] as number) < 3) continue;
        effort.add(1);
        const height = heightP + latencies.between(p, h);
        const mine = height + latencies.between(h, a) + below;
        if (mine >= least) continue;
        if (isOpen) {
          least = mine;
          chosen = { a, p, h, c: NONE };
          continue;
        }
        for (let c = tree.firstChild(p); c !== NONE; c = tree.nextSibling(c)) {
          if (c !== a && tree.isWithin(a, c)) continue;
          const value = c === a ? mine : Math.max(mine, height + latencies.between(h, c) + (tree.below[c] as number));
          if (value >= least) continue;
          least = value;
          chosen = { a, p, h, c };
        }
      }
    }
  }
  if (chosen === undefined) return false;
  const { a, p, h, c } = chosen;
  if (c === NONE) tree.add(h, p);
  else tree.insertAbove(c, h);
  if (a !== c) tree.move(a, h);
  return true;
}

/** Takes helpers out, one by one, as long as the tree grows no higher than `limit`. `before` is scratch. */
export function dropHelpers(tree: Tree, limit: number, before: Tree, effort: Effort): void {
  const { members, size } = tree.instance;
  for (let h = members; h < size && !effort.isOver; h++) {
    if (tree.present[h] === 0) continue;
    effort.add(tree.count * (tree.degree[h] as number));
    before.copyFrom(tree);
    if (!drop(tree, h, limit, before)) tree.copyFrom(before);
  }
}

/** One of its children takes its place, each in turn, until the others find room in time. */
function drop(tree: Tree, h: number, limit: number, before: Tree): boolean {
  const children = tree.childrenOf(h).sort((a, b) => (tree.below[b] as number) - (tree.below[a] as number) || a - b);
  const above = tree.parent[h] as number;
  for (const successor of children) {
    tree.copyFrom(before);
    const others = children.filter((child) => child !== successor);
    tree.move(successor, above);
    tree.refresh();
    if (rehang(tree, h, others, limit)) return true;
  }
  return false;
}

/** The children of `h` go where their last member hears soonest, the one with the longest way down first; then `h` goes. */
function rehang(tree: Tree, h: number, children: readonly number[], limit: number): boolean {
  const { latencies } = tree.instance;
  for (const child of children) {
    let least = limit;
    let parent = NONE;
    for (let j = 0; j < tree.count; j++) {
      const w = tree.order[j] as number;
      if (!tree.isOpen(w) || tree.isWithin(w, h)) continue;
      const value = (tree.height[w] as number) + latencies.between(w, child) + (tree.below[child] as number);
      if (value > least || (value === least && parent !== NONE)) continue;
      least = value;
      parent = w;
    }
    if (parent === NONE) return false;
    tree.move(child, parent);
    tree.refresh();
  }
  tree.remove(h);
  tree.refresh();
  return tree.heightMs <= limit;
}
