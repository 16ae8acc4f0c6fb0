/**
 * What each peer of a planned tree has to be told: its parent, who stands above that, its children and how far the tree goes on below
 * each of them. Pure.
 */
import type { ChildTerms } from '../stream/audience.ts';
import { ANCESTORS_MAX } from './bounds.ts';
import type { Parents } from './planning.ts';

export interface Spot {
  readonly peerId: string;
  readonly parent: string | undefined;
  /** Above the parent, nearest first. */
  readonly ancestors: readonly string[];
  readonly children: readonly ChildTerms[];
  readonly depth: number;
}

/** Everybody in the tree, parents before their children. */
export function spotsOf(root: string, parents: Parents): readonly Spot[] {
  const childrenOf = new Map<string, string[]>();
  for (const [peerId, parent] of parents) childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), peerId]);
  const order: { readonly peerId: string; readonly way: readonly string[] }[] = [{ peerId: root, way: [] }];
  for (let i = 0; i < order.length; i++) {
    const { peerId, way } = order[i] as (typeof order)[number];
    for (const child of childrenOf.get(peerId) ?? []) order.push({ peerId: child, way: [peerId, ...way] });
  }
  const below = new Map<string, number>();
  for (const { peerId } of [...order].reverse()) below.set(peerId, Math.max(0, ...(childrenOf.get(peerId) ?? []).map((child) => 1 + (below.get(child) ?? 0))));
  return order.map(({ peerId, way }) => ({
    peerId, parent: way[0], ancestors: ancestorsOf(way), depth: way.length,
    children: (childrenOf.get(peerId) ?? []).map((child) => ({ peerId: child, below: below.get(child) ?? 0 })),
  }));
}

/** The root is always named: it keeps most. */
function ancestorsOf(way: readonly string[]): readonly string[] {
  const above = way.slice(1);
  return above.length <= ANCESTORS_MAX ? above : [...above.slice(0, ANCESTORS_MAX - 1), above.at(-1) as string];
}
