/**
 * A tree that is being planned: parents, children, heights and links in use, as typed arrays.
 *
 * Moving a subtree changes links in constant time; `refresh` then brings heights, the distances below each node and the order
 * of the nodes up to date in one pass. Positions in that order tell in constant time who stands below whom, which every
 * move has to ask.
 */
import { assert } from '../../core/assert.ts';
import type { Instance } from './instance.ts';
import { NONE, ROOT } from './instance.ts';

export class Tree {
  readonly instance: Instance;
  readonly parent: Int32Array;
  /** Links in use, the one to the parent included. */
  readonly degree: Int32Array;
  readonly height: Float64Array;
  /** The longest way down to a descendant. */
  readonly below: Float64Array;
  readonly present: Uint8Array;
  /** Nodes in preorder; the first `count`. */
  readonly order: Int32Array;
  count = 1;
  helpers = 0;
  readonly #first: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #position: Int32Array;
  readonly #end: Int32Array;

  constructor(instance: Instance) {
    const { size } = instance;
    const nodes = (fill: number): Int32Array => new Int32Array(size).fill(fill);
    this.instance = instance;
    this.parent = nodes(NONE);
    this.degree = nodes(0);
    this.height = new Float64Array(size);
    this.below = new Float64Array(size);
    this.present = new Uint8Array(size);
    this.order = nodes(0);
    this.#first = nodes(NONE);
    this.#next = nodes(NONE);
    this.#previous = nodes(NONE);
    this.#position = nodes(0);
    this.#end = nodes(0);
    this.present[ROOT] = 1;
    this.order[0] = ROOT;
    this.#end[ROOT] = 1;
  }

  /** Nodes without a parent, but for the root, are not in it. */
  static fromParents(instance: Instance, parents: Int32Array): Tree {
    const tree = new Tree(instance);
    parents.forEach((parent, node) => {
      if (parent === NONE) return;
      tree.present[node] = 1;
      tree.count++;
      if (tree.isHelper(node)) tree.helpers++;
      tree.#link(node, parent);
    });
    tree.refresh();
    return tree;
  }

  copyFrom(other: Tree): void {
    this.parent.set(other.parent);
    this.degree.set(other.degree);
    this.height.set(other.height);
    this.below.set(other.below);
    this.present.set(other.present);
    this.order.set(other.order);
    this.#first.set(other.#first);
    this.#next.set(other.#next);
    this.#previous.set(other.#previous);
    this.#position.set(other.#position);
    this.#end.set(other.#end);
    this.count = other.count;
    this.helpers = other.helpers;
  }

  clone(): Tree {
    const copy = new Tree(this.instance);
    copy.copyFrom(this);
    return copy;
  }

  isOpen(node: number): boolean {
    return (this.degree[node] as number) < (this.instance.degrees[node] as number);
  }

  isHelper(node: number): boolean {
    return node >= this.instance.members;
  }

  /** Is `node` the other one, or below it? By the order of the last refresh. */
  isWithin(node: number, ancestor: number): boolean {
    const at = this.#position[node] as number;
    return at >= (this.#position[ancestor] as number) && at < (this.#end[ancestor] as number);
  }

  firstChild(node: number): number {
    return this.#first[node] as number;
  }

  nextSibling(node: number): number {
    return this.#next[node] as number;
  }

  /** A new node enters, at its height. */
  add(node: number, parent: number): void {
    assert(this.present[node] === 0, 'a node enters once');
    this.present[node] = 1;
    if (this.isHelper(node)) this.helpers++;
    this.count++;
    this.#link(node, parent);
    this.height[node] = (this.height[parent] as number) + this.instance.latencies.between(parent, node);
  }

  /** A leaf leaves. */
  remove(node: number): void {
    assert(this.#first[node] === NONE && node !== ROOT, 'only leaves can go');
    this.#unlink(node);
    this.present[node] = 0;
    this.count--;
    if (this.isHelper(node)) this.helpers--;
  }

  /** The subtree of `node` goes below `parent`. The caller refreshes. */
  move(node: number, parent: number): void {
    this.#unlink(node);
    this.#link(node, parent);
  }

  swap(a: number, b: number): void {
    const above = this.parent[a] as number;
    const other = this.parent[b] as number;
    this.#unlink(a);
    this.#unlink(b);
    this.#link(a, other);
    this.#link(b, above);
  }

  /** `stranger`, which is not in the tree, takes the place of `node`, children included. */
  replace(node: number, stranger: number): void {
    const above = this.parent[node] as number;
    const children = this.childrenOf(node);
    this.#unlink(node);
    for (const child of children) this.#unlink(child);
    this.present[node] = 0;
    this.count--;
    if (this.isHelper(node)) this.helpers--;
    this.add(stranger, above);
    for (const child of children) this.#link(child, stranger);
  }

  /** `stranger`, which is not in the tree, enters above `node`. */
  insertAbove(node: number, stranger: number): void {
    const above = this.parent[node] as number;
    this.#unlink(node);
    this.add(stranger, above);
    this.#link(node, stranger);
  }

  childrenOf(node: number): number[] {
    const children: number[] = [];
    for (let child = this.firstChild(node); child !== NONE; child = this.nextSibling(child)) children.push(child);
    return children;
  }

  /** Heights, ways down and order, anew from the links. */
  refresh(): void {
    const { latencies } = this.instance;
    let count = 0;
    let node = ROOT;
    this.height[ROOT] = 0;
    while (node !== NONE) {
      this.order[count] = node;
      this.#position[node] = count++;
      this.below[node] = 0;
      const parent = this.parent[node] as number;
      if (parent !== NONE) this.height[node] = (this.height[parent] as number) + latencies.between(parent, node);
      let next = this.#first[node] as number;
      for (let up = node; next === NONE && up !== NONE; up = this.parent[up] as number) {
        this.#end[up] = count;
        next = this.#next[up] as number;
      }
      node = next;
    }
    assert(count === this.count, 'all nodes hang together');
    for (let i = count - 1; i > 0; i--) {
      const child = this.order[i] as number;
      const parent = this.parent[child] as number;
      const way = (this.below[child] as number) + (this.height[child] as number) - (this.height[parent] as number);
      if (way > (this.below[parent] as number)) this.below[parent] = way;
    }
  }

  /** The member that hears last; of several the first by number. */
  highest(): number {
    let highest = ROOT;
    for (let node = 1; node < this.instance.members; node++) if ((this.height[node] as number) > (this.height[highest] as number)) highest = node;
    return highest;
  }

  get heightMs(): number {
    return this.height[this.highest()] as number;
  }

  /** Drops helpers that serve nobody, and bridges those with one child where that is shorter. */
  prune(): boolean {
    const { members, size, latencies } = this.instance;
    let isChanged = false;
    for (let isAgain = this.helpers > 0; isAgain;) {
      isAgain = false;
      for (let node = members; node < size; node++) {
        if (this.present[node] === 0) continue;
        const child = this.firstChild(node);
        if (child !== NONE && this.nextSibling(child) !== NONE) continue;
        const parent = this.parent[node] as number;
        if (child !== NONE) {
          if (latencies.between(parent, child) > latencies.between(parent, node) + latencies.between(node, child)) continue;
          this.#unlink(child);
        }
        this.remove(node);
        if (child !== NONE) this.#link(child, parent);
        isAgain = true;
        isChanged = true;
      }
    }
    if (isChanged) this.refresh();
    return isChanged;
  }

  #link(node: number, parent: number): void {
    const first = this.#first[parent] as number;
    this.parent[node] = parent;
    this.#next[node] = first;
    this.#previous[node] = NONE;
    if (first !== NONE) this.#previous[first] = node;
    this.#first[parent] = node;
    this.degree[node] = (this.degree[node] as number) + 1;
    this.degree[parent] = (this.degree[parent] as number) + 1;
  }

  #unlink(node: number): void {
    const parent = this.parent[node] as number;
    const next = this.#next[node] as number;
    const previous = this.#previous[node] as number;
    if (previous === NONE) this.#first[parent] = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
    this.parent[node] = NONE;
    this.degree[node] = (this.degree[node] as number) - 1;
    this.degree[parent] = (this.degree[parent] as number) - 1;
  }
}
