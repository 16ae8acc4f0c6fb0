/**
 * All consumers of a round-based run as columns: parents, children as linked lists, delays and roots.
 *
 * Delays and roots of a whole subtree are brought up to date when it moves, so that every question of a round ("is j my
 * descendant", "who is late") is one look-up; subtrees that move are small nearly always. How many online peers are
 * satisfied, who has a free slot and who has which delay are counted on the way (delay-index.ts).
 */
import { assert } from '../../core/assert.ts';
import type { Random } from '../../core/random.ts';
import type { Demand } from '../../protocol/lagover/feasibility.ts';
import { SOURCE } from '../../protocol/lagover/views.ts';
import { DelayIndex } from './delay-index.ts';

/** What floats has no parent. */
export const FLOATING = -1;
const NONE = -1;
/** Longer chains share a delay class; no oracle ever answers from there unless a constraint is larger. */
const DELAY_CLASSES_MAX = 4_096;

export class Forest {
  readonly peers: number;
  readonly fanout: Int32Array;
  readonly constraint: Float64Array;
  readonly parent: Int32Array;
  readonly delay: Int32Array;
  readonly root: Int32Array;
  /** The largest delay of a peer at which it and everybody below it is in time. */
  readonly limit: Float64Array;
  readonly childCount: Int32Array;
  readonly firstChild: Int32Array;
  readonly nextSibling: Int32Array;
  readonly online: Uint8Array;
  /** Online peers by delay. */
  readonly everyone: DelayIndex;
  /** Online peers with a free slot, by delay. */
  readonly open: DelayIndex;
  /** Children of the source by constraint: there may be a hundred thousand of them. */
  readonly #belowSource: DelayIndex;
  onlineCount = 0;
  satisfiedCount = 0;
  readonly #previousSibling: Int32Array;
  readonly #stack: number[] = [];

  constructor(sourceFanout: number, consumers: readonly Demand[]) {
    const { length } = consumers;
    this.peers = length;
    this.fanout = Int32Array.from({ length: length + 1 }, (_, id) => (id === SOURCE ? sourceFanout : (consumers[id - 1] as Demand).fanout));
    this.constraint = Float64Array.from({ length: length + 1 }, (_, id) => (id === SOURCE ? 0 : (consumers[id - 1] as Demand).constraint));
    this.parent = new Int32Array(length + 1).fill(FLOATING);
    this.delay = new Int32Array(length + 1).fill(1);
    this.delay[SOURCE] = 0;
    this.root = Int32Array.from({ length: length + 1 }, (_, id) => id);
    this.limit = Float64Array.from(this.constraint);
    this.childCount = new Int32Array(length + 1);
    this.firstChild = new Int32Array(length + 1).fill(NONE);
    this.nextSibling = new Int32Array(length + 1).fill(NONE);
    this.#previousSibling = new Int32Array(length + 1).fill(NONE);
    this.online = new Uint8Array(length + 1);
    let laxest = 1;
    for (const { constraint } of consumers) laxest = Math.max(laxest, constraint);
    const delayMax = Math.min(Math.ceil(laxest), DELAY_CLASSES_MAX);
    this.everyone = new DelayIndex(length, delayMax);
    this.open = new DelayIndex(length, delayMax);
    this.#belowSource = new DelayIndex(length, delayMax);
  }

  isFloating(peer: number): boolean {
    return this.parent[peer] === FLOATING && this.online[peer] === 1;
  }

  isSatisfied(peer: number): boolean {
    return this.root[peer] === SOURCE && (this.delay[peer] as number) <= (this.constraint[peer] as number);
  }

  hasFreeSlot(node: number): boolean {
    return (this.childCount[node] as number) < (this.fanout[node] as number);
  }

  /** The child of the source with the largest constraint there, or of this rank from the largest down; -1 when there are fewer. */
  laxestBelowSource(rank = 0): number {
    return this.#belowSource.size <= rank ? NONE : this.#belowSource.at(this.#belowSource.size - 1 - rank);
  }

  /** One of the source's children, uniformly, or -1. */
  anyBelowSource(random: Random): number {
    return this.#belowSource.draw(Infinity, random);
  }

  openSlots(node: number): number {
    return (this.fanout[node] as number) - (this.childCount[node] as number);
  }

  childrenOf(node: number): number[] {
    const children: number[] = [];
    for (let child = this.firstChild[node] as number; child !== NONE; child = this.nextSibling[child] as number) children.push(child);
    return children;
  }

  /** Comes online, floating and alone. */
  join(peer: number): void {
    assert(this.online[peer] === 0, 'only an offline peer joins');
    this.online[peer] = 1;
    this.onlineCount++;
    this.everyone.add(peer, 1);
    if ((this.fanout[peer] as number) > 0) this.open.add(peer, 1);
  }

  /** Goes offline at once: its children float and keep their subtrees. */
  leave(peer: number): void {
    assert(this.online[peer] === 1, 'only an online peer leaves');
    if (this.parent[peer] !== FLOATING) this.detach(peer);
    for (let child = this.firstChild[peer] as number; child !== NONE; child = this.firstChild[peer] as number) this.detach(child);
    this.online[peer] = 0;
    this.onlineCount--;
    this.everyone.remove(peer);
    if (this.open.has(peer)) this.open.remove(peer);
  }

  /** A floating `child`, with its subtree, goes below `parent`. */
  attach(child: number, parent: number): void {
    assert(this.isFloating(child), 'only a floating peer is attached');
    assert(this.hasFreeSlot(parent), 'a fan-out is never exceeded');
    assert(this.root[parent] !== child, 'nobody stands below its own descendant');
    const next = this.firstChild[parent] as number;
    this.nextSibling[child] = next;
    if (next !== NONE) this.#previousSibling[next] = child;
    this.firstChild[parent] = child;
    this.parent[child] = parent;
    if (parent === SOURCE) this.#belowSource.add(child, this.constraint[child] as number);
    this.#countChild(parent, 1);
    this.#lowerLimits(child);
    this.#settle(child, this.root[parent] as number, (this.delay[parent] as number) + 1);
  }

  /** `child` leaves its parent, with its subtree, and floats. */
  detach(child: number): void {
    const parent = this.parent[child] as number;
    assert(parent !== FLOATING, 'only an attached peer is detached');
    const previous = this.#previousSibling[child] as number;
    const next = this.nextSibling[child] as number;
    if (previous === NONE) this.firstChild[parent] = next;
    else this.nextSibling[previous] = next;
    if (next !== NONE) this.#previousSibling[next] = previous;
    this.#previousSibling[child] = this.nextSibling[child] = NONE;
    this.parent[child] = FLOATING;
    if (parent === SOURCE) this.#belowSource.remove(child);
    this.#countChild(parent, -1);
    this.#raiseLimits(parent, (this.limit[child] as number) - 1);
    this.#settle(child, child, 1);
  }

  /** A new child may bind its ancestors. */
  #lowerLimits(child: number): void {
    let bound = (this.limit[child] as number) - 1;
    for (let node = this.parent[child] as number; node > SOURCE && (this.limit[node] as number) > bound; node = this.parent[node] as number) {
      this.limit[node] = bound;
      bound--;
    }
  }

  /** A child that held the limit of `from` at `bound` may be gone; so may the reason of the limits above. */
  #raiseLimits(from: number, bound: number): void {
    let held = bound;
    for (let node = from; node > SOURCE && (this.limit[node] as number) >= held; node = this.parent[node] as number) {
      let limit = this.constraint[node] as number;
      for (let child = this.firstChild[node] as number; child !== NONE; child = this.nextSibling[child] as number) {
        limit = Math.min(limit, (this.limit[child] as number) - 1);
      }
      if (limit === this.limit[node]) return;
      held = (this.limit[node] as number) - 1;
      this.limit[node] = limit;
    }
  }

  #countChild(parent: number, change: number): void {
    this.childCount[parent] = (this.childCount[parent] as number) + change;
    if (parent === SOURCE) return;
    const free = this.hasFreeSlot(parent);
    if (free === this.open.has(parent)) return;
    if (free) this.open.add(parent, this.delay[parent] as number);
    else this.open.remove(parent);
  }

  /** Writes root and delays of a subtree anew. */
  #settle(top: number, root: number, delay: number): void {
    const rooted = root === SOURCE;
    const wasRooted = this.root[top] === SOURCE;
    const shift = delay - (this.delay[top] as number);
    const stack = this.#stack;
    stack.push(top);
    for (let peer = stack.pop(); peer !== undefined; peer = stack.pop()) {
      const before = this.delay[peer] as number;
      const limit = this.constraint[peer] as number;
      if (wasRooted && before <= limit) this.satisfiedCount--;
      if (rooted && before + shift <= limit) this.satisfiedCount++;
      this.root[peer] = root;
      if (shift !== 0) {
        this.delay[peer] = before + shift;
        this.everyone.move(peer, before + shift);
        if (this.open.has(peer)) this.open.move(peer, before + shift);
      }
      for (let child = this.firstChild[peer] as number; child !== NONE; child = this.nextSibling[child] as number) stack.push(child);
    }
  }
}
