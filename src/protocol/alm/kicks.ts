/**
 * Random moves that keep a tree a tree and all degrees within their bounds: what shakes a search out of a dead end.
 * They may raise the tree; whoever shakes it descends again and decides whether to keep it.
 */
import type { Random } from '../../core/random.ts';
import type { Tree } from './tree.ts';

/** Any node goes to a free link, or trades its subtree or its place with another one; it may also happen that nothing does. */
export function randomMove(tree: Tree, random: Random): void {
  const { degrees } = tree.instance;
  if (tree.count < 3) return;
  const a = tree.order[1 + random.below(tree.count - 1)] as number;
  const b = tree.order[random.below(tree.count)] as number;
  if (tree.isWithin(b, a)) return;
  if (tree.isOpen(b) && random.below(2) === 0) {
    if (tree.parent[a] !== b) tree.move(a, b);
  } else if (!tree.isWithin(a, b)) {
    const fit = (tree.degree[b] as number) <= (degrees[a] as number) && (tree.degree[a] as number) <= (degrees[b] as number);
    if (fit && random.below(2) === 0) tradePlaces(tree, a, b);
    else tree.swap(a, b);
  } else return;
  tree.refresh();
}

/** Each then serves whom the other served. Neither stands below the other. */
export function tradePlaces(tree: Tree, a: number, b: number): void {
  const ofA = tree.childrenOf(a);
  const ofB = tree.childrenOf(b);
  tree.swap(a, b);
  for (const child of ofA) tree.move(child, b);
  for (const child of ofB) tree.move(child, a);
}
