/**
 * A plan that changes as little as it can: after members joined or left, a helper was lost or degrees shrank ([0091]).
 *
 * Links that can stay, stay. What lost its parent hangs on again as a whole subtree, lowest first, under the same guard against
 * dead ends as a new plan. Then a few of the patent's moves, as many as the caller allows, repair the height.
 */
import { adjustOnce } from './adjust.ts';
import type { Instance } from './instance.ts';
import { missingLinks, NONE, ROOT } from './instance.ts';
import { Tree } from './tree.ts';

export interface Replan {
  readonly tree: Tree;
  /** Peers that were in the tree and have another parent now. */
  readonly moved: number;
}

/** `previous` has the parents so far, NONE for those without one, in the numbers of `instance`. A string says why there is no tree. */
export function replan(instance: Instance, previous: Int32Array, movesMax: number): Replan | string {
  const parents = keptLinks(instance, previous);
  const tree = rehung(instance, parents);
  if (typeof tree === 'string') return tree;
  tree.prune();
  for (let i = 0; i < movesMax && adjustOnce(tree); i++) {
    tree.refresh();
    tree.prune();
  }
  let moved = 0;
  previous.forEach((parent, node) => {
    if (parent !== NONE && tree.present[node] === 1 && tree.parent[node] !== parent) moved++;
  });
  return { tree, moved };
}

/** Links whose both ends are still there and have room for them; a parent with too many keeps those that it had first by number. */
function keptLinks({ members, size, degrees }: Instance, previous: Int32Array): Int32Array {
  const used = new Int32Array(size);
  const parents = new Int32Array(size).fill(NONE);
  const isThere = (node: number): boolean => node < members || (degrees[node] as number) >= 2;
  for (let node = 1; node < size; node++) {
    const parent = previous[node] as number;
    if (parent === NONE || parent === node || !isThere(node) || !isThere(parent)) continue;
    // One link of everybody but the root is for its own parent.
    const room = (degrees[parent] as number) - (parent === ROOT ? 0 : 1);
    if ((used[parent] as number) >= room) continue;
    used[parent] = (used[parent] as number) + 1;
    parents[node] = parent;
  }
  return parents;
}

/** Subtrees without a parent are hung on again, whole. */
function rehung(instance: Instance, parents: Int32Array): Tree | string {
  const { members, latencies, degrees } = instance;
  if (degrees.subarray(0, members).some((degree) => members > 1 && degree < 1)) return 'a member has no free link';
  const isIn = new Uint8Array(instance.size);
  const height = new Float64Array(instance.size);
  const children: number[][] = Array.from({ length: instance.size }, () => []);
  parents.forEach((parent, node) => {
    if (parent !== NONE) children[parent]?.push(node);
  });
  const freeOf = (node: number): number => (degrees[node] as number) - (children[node] as number[]).length - (node === ROOT ? 0 : 1);
  let slots = 0;
  const enter = (top: number): void => {
    for (const waiting = [top]; waiting.length > 0;) {
      const node = waiting.pop() as number;
      isIn[node] = 1;
      slots += freeOf(node);
      if (node !== ROOT) height[node] = (height[parents[node] as number] as number) + latencies.between(parents[node] as number, node);
      waiting.push(...(children[node] as number[]));
    }
  };
  enter(ROOT);
  const tops = [...parents.keys()].filter((node) => parents[node] === NONE && node !== ROOT && (node < members || (children[node] as number[]).length > 0));
  const slotsBelow = (node: number): number => (children[node] as number[]).reduce((sum, child) => sum + slotsBelow(child), freeOf(node));
  // Everything that is left below the root may be full: then a leaf makes room for a subtree that has some.
  const leaf = (children[ROOT] as number[]).length > 0 && slots === 0 && tops.some((top) => slotsBelow(top) > 0) ? someLeaf(children) : NONE;
  if (leaf !== NONE) {
    const above = parents[leaf] as number;
    children[above] = (children[above] as number[]).filter((child) => child !== leaf);
    parents[leaf] = NONE;
    isIn[leaf] = 0;
    slots = 1;
    if (leaf < members) tops.push(leaf);
  }
  while (tops.length > 0) {
    let chosen: readonly [at: number, parent: number] | undefined;
    let least = Infinity;
    tops.forEach((top, at) => {
      if (tops.length > 1 && slots - 1 + slotsBelow(top) <= 0) return;
      for (let w = 0; w < instance.size; w++) {
        if (isIn[w] === 0 || freeOf(w) <= 0) continue;
        const ms = (height[w] as number) + latencies.between(w, top);
        if (ms < least) {
          least = ms;
          chosen = [at, w];
        }
      }
    });
    if (chosen === undefined) return `the members have ${Math.max(1, missingLinks(instance))} links too few for a tree`;
    const [at, parent] = chosen as readonly [number, number];
    const top = tops.splice(at, 1)[0] as number;
    parents[top] = parent;
    children[parent]?.push(top);
    slots--;
    enter(top);
  }
  return Tree.fromParents(instance, parents);
}

function someLeaf(children: readonly (readonly number[])[]): number {
  let node = ROOT;
  for (let child = children[node]?.[0]; child !== undefined; child = children[node]?.[0]) node = child;
  return node;
}
