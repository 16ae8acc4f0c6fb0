/**
 * Trees whose members hear at nearly the same time ([0080]: variance of latencies as an objective).
 *
 * Moves are a subtree to another link and two subtrees traded. With counts and sums of heights below each node a move is judged in
 * constant time. Nobody may hear later than a limit, or else the evenest tree would be one in which all hear late.
 */
import type { Millis } from '../../core/env.ts';
import type { Budget } from './budget.ts';
import { NONE, ROOT } from './instance.ts';
import type { Tree } from './tree.ts';

const GAIN_MIN = 1e-9;

/** Best improvement until nothing helps; returns how many moves did. */
export function evenOut(tree: Tree, limitMs: Millis, budget: Budget): number {
  const sums = new Sums(tree);
  let moves = 0;
  while (budget.allows(tree.count * tree.count) && evenOutOnce(tree, sums, limitMs)) {
    tree.refresh();
    tree.prune();
    moves++;
  }
  return moves;
}

/** Of the members at and below each node. */
class Sums {
  readonly count: Int32Array;
  readonly heights: Float64Array;
  total = 0;

  constructor({ instance }: Tree) {
    this.count = new Int32Array(instance.size);
    this.heights = new Float64Array(instance.size);
  }

  compute({ instance, order, count, parent, height }: Tree): void {
    for (let i = count - 1; i >= 0; i--) {
      const node = order[i] as number;
      const isReceiver = node < instance.members && node !== ROOT;
      this.count[node] = isReceiver ? 1 : 0;
      this.heights[node] = isReceiver ? (height[node] as number) : 0;
    }
    for (let i = count - 1; i > 0; i--) {
      const node = order[i] as number;
      const above = parent[node] as number;
      this.count[above] = (this.count[above] as number) + (this.count[node] as number);
      this.heights[above] = (this.heights[above] as number) + (this.heights[node] as number);
    }
    this.total = this.heights[ROOT] as number;
  }

  /** By how much the sum of squares grows if all below `node` hear so much later. */
  squares(node: number, laterMs: Millis): number {
    return 2 * laterMs * (this.heights[node] as number) + (this.count[node] as number) * laterMs * laterMs;
  }
}

function evenOutOnce(tree: Tree, sums: Sums, limitMs: Millis): boolean {
  const { latencies, members } = tree.instance;
  const { height, below } = tree;
  sums.compute(tree);
  const n = members - 1;
  /** Growth of n times the variance: squares - (sum^2)/n. */
  const growth = (squares: number, sum: number): number => squares - (2 * sums.total * sum + sum * sum) / n;
  let least = -GAIN_MIN * n;
  let moved = NONE;
  let partner = NONE;
  let isSwap = false;
  for (let i = 1; i < tree.count; i++) {
    const a = tree.order[i] as number;
    const above = tree.parent[a] as number;
    for (let j = 0; j < tree.count; j++) {
      const b = tree.order[j] as number;
      if (tree.isWithin(b, a)) continue;
      if (b !== above && tree.isOpen(b)) {
        const later = (height[b] as number) + latencies.between(b, a) - (height[a] as number);
        const value = growth(sums.squares(a, later), later * (sums.count[a] as number));
        if (value < least && (height[a] as number) + later + (below[a] as number) <= limitMs) {
          least = value;
          moved = a;
          partner = b;
          isSwap = false;
        }
      }
      const other = tree.parent[b] as number;
      if (b < a || b === ROOT || other === above || tree.isWithin(a, b)) continue;
      const laterA = (height[other] as number) + latencies.between(other, a) - (height[a] as number);
      const laterB = (height[above] as number) + latencies.between(above, b) - (height[b] as number);
      const value = growth(sums.squares(a, laterA) + sums.squares(b, laterB), laterA * (sums.count[a] as number) + laterB * (sums.count[b] as number));
      if (value >= least || (height[a] as number) + laterA + (below[a] as number) > limitMs || (height[b] as number) + laterB + (below[b] as number) > limitMs) continue;
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
