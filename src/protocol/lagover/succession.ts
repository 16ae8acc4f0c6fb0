/**
 * Whom a peer of `adaptive` turns to when it floats, from what it learnt while it was attached.
 *
 * A parent tells its children who its heir is, and its own parent and delay. When it is gone, the heir goes to the
 * grandparent, where a slot has just become free, and the others to the heir: one interaction each, and every subtree stays
 * whole. Who was turned out begins with who took its place: its neighbours know best what is left there. And who comes back
 * begins with an ancestor of its last place.
 */
import type { SubtreeView } from './informed-views.ts';

/** How far above its deepest allowed place a peer looks for somebody to begin with: regroup.ts orders so many levels. */
const REACH_HOPS = 3;

/** The child with most free slots, then the largest fan-out, then the laxest subtree; the first among equals. Undefined without children. */
export function heirAmong(children: readonly SubtreeView[]): number | undefined {
  let heir: SubtreeView | undefined;
  for (const child of children) {
    if (heir === undefined || comesFirst(child, heir)) heir = child;
  }
  return heir?.id;
}

function comesFirst(a: SubtreeView, b: SubtreeView): boolean {
  if (a.openSlots !== b.openSlots) return a.openSlots > b.openSlots;
  if (a.fanout !== b.fanout) return a.fanout > b.fanout;
  return a.limit > b.limit;
}

/** Of the path to the source, nearest first: the first one from which every place that the peer may take can be reached at once. */
export function ancestorToRemember(path: readonly { readonly id: number; readonly delay: number }[], constraint: number, hop: number): number | undefined {
  const latest = Math.max(hop, constraint - REACH_HOPS * hop);
  return path.find(({ delay }) => delay <= latest)?.id ?? path.at(-1)?.id;
}
