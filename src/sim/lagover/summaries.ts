/**
 * What travels along the trees, for the algorithms that use it: how many slots are free below each peer and at which depth,
 * and how many peers there accept more delay than a given constraint although they stand early enough for it.
 *
 * Both are counted per class of constraint, one class for a hop, and taken at the beginning of each round: a real peer knows
 * them as old as a heartbeat per level. Within a round a peer only remembers whom it sent where. Free slots are counted by hops
 * below the peer, so they stay right when its subtree moves. One pass over the peers, the deepest first.
 */
import type { Random } from '../../core/random.ts';
import { SOURCE } from '../../protocol/lagover/views.ts';
import type { Forest } from './forest.ts';

/** Deeper and laxer than that counts as that. */
const CLASSES_MAX = 32;
const REDRAWS_MAX = 8;
const NOBODY = -1;

export class Summaries {
  readonly #forest: Forest;
  readonly #random: Random;
  readonly #classes: number;
  /** Peer by class: free slots at most so many hops below it. */
  readonly #room: Int32Array;
  /** Of those, what its parent sent requests to in this round. */
  readonly #promised: Int32Array;
  /** Peer by class x: peers of its subtree, rooted at the source, with delay <= x < constraint. */
  readonly #laxer: Int32Array;
  /** Of those, what its parent sent requests to in this round. */
  readonly #claimed: Int32Array;
  readonly #byDepth: Int32Array;
  /** For the source, which may have very many children: who they are, and by class the running sums to draw from. */
  #children: number[] = [];
  #roomSums: Float64Array[] = [];
  #laxerSums: Float64Array[] = [];

  constructor(forest: Forest, random: Random) {
    this.#forest = forest;
    this.#random = random;
    this.#classes = Math.min(CLASSES_MAX, forest.everyone.delayMax) + 1;
    const cells = (forest.peers + 1) * this.#classes;
    this.#room = new Int32Array(cells);
    this.#promised = new Int32Array(cells);
    this.#laxer = new Int32Array(cells);
    this.#claimed = new Int32Array(cells);
    this.#byDepth = new Int32Array(forest.peers + 1);
  }

  /** Free slots below `node` in time for who must not stand deeper than `limit`. */
  roomBelow(node: number, limit: number): number {
    return this.#room[this.#roomCell(node, limit)] as number;
  }

  /** The same, less what was promised to others. */
  roomToOffer(node: number, limit: number): number {
    const cell = this.#roomCell(node, limit);
    return Math.max(0, (this.#room[cell] as number) - (this.#promised[cell] as number));
  }

  /** The parent of `node` sent somebody there. */
  promise(node: number, limit: number): void {
    const end = (node + 1) * this.#classes;
    for (let cell = this.#roomCell(node, limit); cell < end; cell++) this.#promised[cell] = (this.#promised[cell] as number) + 1;
    const cell = this.#laxerCell(node, limit);
    this.#claimed[cell] = (this.#claimed[cell] as number) + 1;
  }

  laxerBelow(node: number, limit: number): number {
    return this.#laxer[this.#laxerCell(node, limit)] as number;
  }

  laxerToOffer(node: number, limit: number): number {
    const cell = this.#laxerCell(node, limit);
    return Math.max(0, (this.#laxer[cell] as number) - (this.#claimed[cell] as number));
  }

  /** A child of the source in proportion to the room below it, or -1. */
  drawByRoom(limit: number): number {
    for (let draws = 0; draws < REDRAWS_MAX; draws++) {
      const child = this.#draw(this.#roomSums[this.#classOf(limit)]);
      if (child === NOBODY || this.roomToOffer(child, limit) > 0) return child;
    }
    return NOBODY;
  }

  /** A child of the source in proportion to the laxer peers below it, or -1. */
  drawByLaxer(limit: number): number {
    return this.#draw(this.#laxerSums[this.#classOf(limit)]);
  }

  refresh(): void {
    const { parent, delay, constraint, root } = this.#forest;
    const classes = this.#classes;
    const room = this.#room.fill(0);
    const laxer = this.#laxer.fill(0);
    this.#promised.fill(0);
    this.#claimed.fill(0);
    const count = this.#sortByDepth();
    for (let rank = 0; rank < count; rank++) {
      const peer = this.#byDepth[rank] as number;
      const own = peer * classes;
      this.#addFree(peer);
      if (root[peer] === SOURCE) {
        const end = Math.min(classes, Math.ceil(constraint[peer] as number));
        for (let x = delay[peer] as number; x < end; x++) laxer[own + x] = (laxer[own + x] as number) + 1;
      }
      const above = (parent[peer] as number) * classes;
      if (above < 0) continue;
      laxer[above] = (laxer[above] as number) + (laxer[own] as number);
      for (let x = 1; x < classes; x++) {
        room[above + x] = (room[above + x] as number) + (room[own + x - 1] as number);
        laxer[above + x] = (laxer[above + x] as number) + (laxer[own + x] as number);
      }
    }
    this.#addFree(SOURCE);
    this.#sumUpSource();
  }

  #addFree(node: number): void {
    const free = this.#forest.openSlots(node);
    if (free === 0) return;
    const own = node * this.#classes;
    for (let x = own + 1; x < own + this.#classes; x++) this.#room[x] = (this.#room[x] as number) + free;
  }

  /** Online peers, the deepest first. */
  #sortByDepth(): number {
    const { online, delay, peers } = this.#forest;
    let deepest = 0;
    for (let peer = 1; peer <= peers; peer++) if (online[peer] === 1) deepest = Math.max(deepest, delay[peer] as number);
    const starts = new Int32Array(deepest + 2);
    for (let peer = 1; peer <= peers; peer++) {
      if (online[peer] === 1) starts[deepest - (delay[peer] as number) + 1] = (starts[deepest - (delay[peer] as number) + 1] as number) + 1;
    }
    for (let depth = 1; depth < starts.length; depth++) starts[depth] = (starts[depth] as number) + (starts[depth - 1] as number);
    for (let peer = 1; peer <= peers; peer++) {
      if (online[peer] === 0) continue;
      const at = starts[deepest - (delay[peer] as number)] as number;
      this.#byDepth[at] = peer;
      starts[deepest - (delay[peer] as number)] = at + 1;
    }
    return this.#forest.onlineCount;
  }

  #sumUpSource(): void {
    this.#children = this.#forest.childrenOf(SOURCE);
    const sum = (cells: Int32Array, offset: number): Float64Array => {
      const sums = new Float64Array(this.#children.length + 1);
      for (const [index, child] of this.#children.entries()) {
        const value = offset < 0 ? 0 : (cells[child * this.#classes + offset] as number);
        sums[index + 1] = (sums[index] as number) + value;
      }
      return sums;
    };
    const classes = Array.from({ length: this.#classes }, (_, x) => x);
    this.#roomSums = classes.map((x) => sum(this.#room, x - 1));
    this.#laxerSums = classes.map((x) => sum(this.#laxer, x));
  }

  #draw(sums: Float64Array | undefined): number {
    if (sums === undefined || sums[sums.length - 1] === 0) return NOBODY;
    const wanted = this.#random.unit() * (sums[sums.length - 1] as number);
    let low = 0;
    let high = sums.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) <= wanted) low = middle;
      else high = middle;
    }
    return this.#children[low] as number;
  }

  #roomCell(node: number, limit: number): number {
    return node * this.#classes + this.#classOf(limit - (this.#forest.delay[node] as number));
  }

  #laxerCell(node: number, limit: number): number {
    return node * this.#classes + this.#classOf(limit);
  }

  #classOf(limit: number): number {
    return Math.max(0, Math.min(this.#classes - 1, Math.floor(limit)));
  }
}
