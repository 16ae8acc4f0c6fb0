/**
 * Moves of our planner, beyond the patent's three. Only a move that touches the way from the root to the highest member can
 * lower a tree, so each looks at the nodes on that way, and at all partners for them, and takes the best.
 *
 * A move counts if everything it moved hears sooner than the highest member did. Each function looks, moves and says whether it
 * did; it adds to `effort` how many candidates it looked at, and makes do with the best so far when time is up. The caller refreshes.
 */
import type { Budget } from './budget.ts';
import { NONE, ROOT } from './instance.ts';
import { tradePlaces } from './kicks.ts';
import type { Tree } from './tree.ts';

/** After so many candidates the budget is asked again. */
const WORK_PER_QUESTION = 1_000;

/** Counts the candidates that were looked at, and knows when to stop. */
export class Effort {
  isOver = false;
  readonly #budget: Budget;
  #work = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  add(work: number): void {
    this.#work += work;
    if (this.#work < WORK_PER_QUESTION) return;
    this.isOver ||= !this.#budget.allows(this.#work);
    this.#work = 0;
  }
}

/** What stands on the way from the root to the highest member, from below, without the root. */
function wayTo(tree: Tree, highest: number): number[] {
  const way: number[] = [];
  for (let node = highest; node !== ROOT && node !== NONE; node = tree.parent[node] as number) way.push(node);
  return way;
}

/** A subtree goes below another node, or trades places with another subtree. */
export function relocate(tree: Tree, effort: Effort): boolean {
  const { latencies } = tree.instance;
  const highest = tree.highest();
  let least = tree.height[highest] as number;
  let moved = NONE;
  let partner = NONE;
  let isSwap = false;
  for (const a of wayTo(tree, highest)) {
    const above = tree.parent[a] as number;
    const heightAbove = tree.height[above] as number;
    const below = tree.below[a] as number;
    for (let i = 0; i < tree.count && !effort.isOver; i++) {
      const b = tree.order[i] as number;
      if (tree.isWithin(b, a)) continue;
      effort.add(1);
      if (b !== above && tree.isOpen(b)) {
        const value = (tree.height[b] as number) + latencies.between(b, a) + below;
        if (value < least) {
          least = value;
          moved = a;
          partner = b;
          isSwap = false;
        }
      }
      const other = tree.parent[b] as number;
      if (b === ROOT || other === above || tree.isWithin(a, b)) continue;
      const mine = (tree.height[other] as number) + latencies.between(other, a) + below;
      if (mine >= least) continue;
      const value = Math.max(mine, heightAbove + latencies.between(above, b) + (tree.below[b] as number));
      if (value >= least) continue;
      least = value;
      moved = a;
      partner = b;
      isSwap = true;
    }
  }
  if (moved === NONE) return false;
  if (isSwap) tree.swap(moved, partner);
  else tree.move(moved, partner);
  return true;
}

/** How late the last below `node` would hear if it stood below `parent` and had the children of `model`. */
function lastBelow(tree: Tree, node: number, parent: number, model: number): number {
  const { latencies } = tree.instance;
  const height = (tree.height[parent] as number) + latencies.between(parent, node);
  let last = height;
  for (let child = tree.firstChild(model); child !== NONE; child = tree.nextSibling(child)) {
    const below = height + latencies.between(node, child) + (tree.below[child] as number);
    if (below > last) last = below;
  }
  return last;
}

/** Two nodes trade places and children: each serves whom the other served. */
export function exchange(tree: Tree, effort: Effort): boolean {
  const { degrees } = tree.instance;
  const highest = tree.highest();
  let least = tree.height[highest] as number;
  let moved = NONE;
  let partner = NONE;
  for (const a of wayTo(tree, highest)) {
    const above = tree.parent[a] as number;
    for (let i = 1; i < tree.count && !effort.isOver; i++) {
      const b = tree.order[i] as number;
      if ((tree.degree[b] as number) > (degrees[a] as number) || (tree.degree[a] as number) > (degrees[b] as number)) continue;
      if (tree.isWithin(b, a) || tree.isWithin(a, b)) continue;
      effort.add(tree.degree[a] as number);
      const there = lastBelow(tree, b, above, a);
      if (there >= least) continue;
      const value = Math.max(there, lastBelow(tree, a, tree.parent[b] as number, b));
      if (value >= least) continue;
      least = value;
      moved = a;
      partner = b;
    }
  }
  if (moved === NONE) return false;
  tradePlaces(tree, moved, partner);
  return true;
}

/** A node and its child trade places: the child takes over the other children. */
export function turn(tree: Tree, effort: Effort): boolean {
  const { degrees, latencies } = tree.instance;
  const highest = tree.highest();
  let least = tree.height[highest] as number;
  let upper = NONE;
  let lower = NONE;
  for (const a of wayTo(tree, highest)) {
    for (let c = tree.firstChild(a); c !== NONE; c = tree.nextSibling(c)) {
      if ((tree.degree[c] as number) > (degrees[a] as number) || (tree.degree[a] as number) > (degrees[c] as number)) continue;
      effort.add((tree.degree[a] as number) + (tree.degree[c] as number));
      const above = tree.parent[a] as number;
      const height = (tree.height[above] as number) + latencies.between(above, c);
      let value = height + latencies.between(c, a);
      const heightA = value;
      for (let other = tree.firstChild(a); other !== NONE; other = tree.nextSibling(other)) {
        if (other !== c) value = Math.max(value, height + latencies.between(c, other) + (tree.below[other] as number));
      }
      for (let other = tree.firstChild(c); other !== NONE; other = tree.nextSibling(other)) {
        value = Math.max(value, heightA + latencies.between(a, other) + (tree.below[other] as number));
      }
      if (value >= least) continue;
      least = value;
      upper = a;
      lower = c;
    }
  }
  if (upper === NONE) return false;
  const above = tree.parent[upper] as number;
  const ofUpper = tree.childrenOf(upper);
  const ofLower = tree.childrenOf(lower);
  tree.move(lower, above);
  tree.move(upper, lower);
  for (const child of ofUpper) if (child !== lower) tree.move(child, lower);
  for (const child of ofLower) tree.move(child, upper);
  return true;
}

/** A subtree goes below a full node, and a child of that node makes room by going below a third one. */
export function displace(tree: Tree, effort: Effort): boolean {
  const { latencies } = tree.instance;
  const highest = tree.highest();
  const limit = tree.height[highest] as number;
  let least = limit;
  let chosen: readonly [number, number, number, number] | undefined;
  for (const a of wayTo(tree, highest)) {
    const below = tree.below[a] as number;
    for (let i = 0; i < tree.count && !effort.isOver; i++) {
      const w = tree.order[i] as number;
      if ((tree.height[w] as number) + below >= least || tree.isOpen(w) || w === tree.parent[a] || tree.isWithin(w, a)) continue;
      effort.add(1);
      const mine = (tree.height[w] as number) + latencies.between(w, a) + below;
      if (mine >= least) continue;
      for (let c = tree.firstChild(w); c !== NONE; c = tree.nextSibling(c)) {
        if (tree.isWithin(a, c)) continue;
        effort.add(tree.count >> 2);
        for (let j = 0; j < tree.count; j++) {
          const third = tree.order[j] as number;
          if (third === w || !(tree.isOpen(third) || third === tree.parent[a]) || tree.isWithin(third, c) || tree.isWithin(third, a)) continue;
          const value = Math.max(mine, (tree.height[third] as number) + latencies.between(third, c) + (tree.below[c] as number));
          if (value >= least) continue;
          least = value;
          chosen = [a, w, c, third];
        }
      }
    }
  }
  if (chosen === undefined) return false;
  const [a, w, c, third] = chosen;
  tree.move(c, third);
  tree.move(a, w);
  return true;
}
