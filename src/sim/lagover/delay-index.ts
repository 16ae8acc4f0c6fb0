/**
 * A set of peers by delay that answers "any one with a delay below x, uniformly" in O(log classes).
 *
 * One array of members for each delay, and a Fenwick tree over the sizes. The oracles of round-based runs draw from it, so a
 * run of 10^6 peers spends its time on interactions and not on looking for partners.
 */
import type { Random } from '../../core/random.ts';

const FIRST_CAPACITY = 8;

export class DelayIndex {
  size = 0;
  readonly #classes: number;
  readonly #members: Int32Array[] = [];
  readonly #counts: Int32Array;
  /** Fenwick tree over the counts: #tree[c] sums a run of classes that ends at c - 1. */
  readonly #tree: Int32Array;
  /** Where a peer stands in its class, or -1. */
  readonly #slots: Int32Array;
  readonly #classOf: Int32Array;

  /** Delays of `delayMax` and more share the last class. */
  constructor(peers: number, delayMax: number) {
    this.#classes = delayMax + 1;
    this.#counts = new Int32Array(this.#classes);
    this.#tree = new Int32Array(this.#classes + 1);
    this.#slots = new Int32Array(peers + 1).fill(-1);
    this.#classOf = new Int32Array(peers + 1);
  }

  get delayMax(): number {
    return this.#classes - 1;
  }

  has(peer: number): boolean {
    return this.#slots[peer] !== -1;
  }

  add(peer: number, delay: number): void {
    const at = Math.min(Math.floor(delay), this.#classes - 1);
    const count = this.#counts[at] as number;
    let members = this.#members[at];
    if (members === undefined || members.length === count) {
      const longer = new Int32Array(Math.max(FIRST_CAPACITY, count * 2));
      if (members !== undefined) longer.set(members);
      this.#members[at] = members = longer;
    }
    members[count] = peer;
    this.#slots[peer] = count;
    this.#classOf[peer] = at;
    this.#count(at, 1);
  }

  remove(peer: number): void {
    const slot = this.#slots[peer] as number;
    const at = this.#classOf[peer] as number;
    const members = this.#members[at] as Int32Array;
    const last = members[(this.#counts[at] as number) - 1] as number;
    members[slot] = last;
    this.#slots[last] = slot;
    this.#slots[peer] = -1;
    this.#count(at, -1);
  }

  move(peer: number, delay: number): void {
    if (Math.min(Math.floor(delay), this.#classes - 1) === this.#classOf[peer]) return;
    this.remove(peer);
    this.add(peer, delay);
  }

  /** How many have a delay below `limit`. */
  below(limit: number): number {
    let sum = 0;
    for (let node = this.#classesBelow(limit); node > 0; node -= node & -node) sum += this.#tree[node] as number;
    return sum;
  }

  /** The member of this rank among those sorted by delay. */
  at(rank: number): number {
    let node = 0;
    let rest = rank;
    for (let step = 2 ** Math.floor(Math.log2(this.#classes)); step >= 1; step /= 2) {
      const next = node + step;
      if (next <= this.#classes && (this.#tree[next] as number) <= rest) {
        node = next;
        rest -= this.#tree[next] as number;
      }
    }
    return (this.#members[node] as Int32Array)[rest] as number;
  }

  /** Any member with a delay below `limit`, or -1. */
  draw(limit: number, random: Random): number {
    const count = this.below(limit);
    return count === 0 ? -1 : this.at(random.below(count));
  }

  #classesBelow(limit: number): number {
    return Math.min(this.#classes, Math.max(0, Math.ceil(limit)));
  }

  #count(at: number, change: number): void {
    this.#counts[at] = (this.#counts[at] as number) + change;
    this.size += change;
    for (let node = at + 1; node <= this.#classes; node += node & -node) this.#tree[node] = (this.#tree[node] as number) + change;
  }
}
