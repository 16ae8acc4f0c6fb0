/**
 * Summaries of free slots, as they would travel up a tree with the delay data: for each node the least delay of anybody with
 * a free slot in its subtree. Taken at the beginning of each round, so within a round they are as stale as a message is.
 */
import type { Random } from '../../core/random.ts';
import { SOURCE } from '../../protocol/lagover/views.ts';
import type { Forest } from './forest.ts';

const NO_SLOT = 2 ** 30;

export class Summaries {
  readonly #forest: Forest;
  readonly #random: Random;
  readonly #openDelay: Int32Array;

  constructor(forest: Forest, random: Random) {
    this.#random = random;
    this.#forest = forest;
    this.#openDelay = new Int32Array(forest.peers + 1);
  }

  anyChildOfSource(): number {
    return this.#forest.anyBelowSource(this.#random);
  }

  /** Infinity when nobody there has a free slot. */
  openDelayBelow(node: number): number {
    const delay = this.#openDelay[node] as number;
    return delay === NO_SLOT ? Infinity : delay;
  }

  refresh(): void {
    const { root, parent, delay, online, peers } = this.#forest;
    const openDelay = this.#openDelay.fill(NO_SLOT);
    for (let peer = 1; peer <= peers; peer++) {
      if (online[peer] === 0 || root[peer] !== SOURCE || !this.#forest.hasFreeSlot(peer)) continue;
      const open = delay[peer] as number;
      for (let at = peer; at >= 0 && (openDelay[at] as number) > open; at = at === SOURCE ? -1 : (parent[at] as number)) openDelay[at] = open;
    }
  }
}
