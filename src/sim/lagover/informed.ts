/**
 * The views of algorithms that use what travels along the tree, read from the columns.
 *
 * Of more than SHOWN_MAX children a random choice is shown. The source shows a few as well: those it would send i to, the
 * laxest, and some others.
 */
import type { Random } from '../../core/random.ts';
import type { InformedChild, InformedCounterpart, InformedInitiator, InformedSource, SubtreeView } from '../../protocol/lagover/informed-views.ts';
import { SOURCE } from '../../protocol/lagover/views.ts';
import type { Forest } from './forest.ts';
import { FLOATING } from './forest.ts';
import { Summaries } from './summaries.ts';

const HOP = 1;
const SHOWN_MAX = 32;
const SHOWN_BY_SOURCE_MAX = 16;

export class InformedViews {
  readonly #forest: Forest;
  readonly #summaries: Summaries;
  readonly #random: Random;

  constructor(forest: Forest, random: Random) {
    this.#forest = forest;
    this.#summaries = new Summaries(forest, random.fork('summaries'));
    this.#random = random;
  }

  /** At the beginning of each round: what everybody has heard by then. */
  refresh(): void {
    this.#summaries.refresh();
  }

  /** j sent i to somebody: it remembers that, if it was to a child of its own. */
  sent(i: number, j: number, to: number): void {
    if (to !== SOURCE && this.#forest.parent[to] === j) this.#summaries.promise(to, this.#forest.limit[i] as number);
  }

  initiator(i: number): InformedInitiator {
    return { ...this.#subtree(i), children: this.#subtreesBelow(i), chance: this.#random.unit() };
  }

  /** `awaited`: the delay that j will have in the place it is about to take. */
  counterpart(i: number, j: number, awaited: number | undefined): InformedCounterpart {
    const { parent, delay, constraint, limit, root } = this.#forest;
    const limitOfI = limit[i] as number;
    const k = parent[j] as number;
    const rootId = root[j] as number;
    return {
      ...this.#subtree(j), hop: HOP, delay: delay[j] as number, awaited,
      parent: k === FLOATING ? undefined : { id: k, constraint: constraint[k] as number, delay: delay[k] as number, hop: HOP },
      root: { id: rootId, limit: limit[rootId] as number },
      children: this.#shown(j).map((child) => this.#child(child, limitOfI)),
      roomAt: this.#ancestor(j, (up) => this.#summaries.roomBelow(up, limitOfI) > 0),
      laxerAt: this.#ancestor(j, (up) => this.#summaries.laxerBelow(up, limitOfI) > 0),
    };
  }

  source(i: number): InformedSource {
    const limit = this.#forest.limit[i] as number;
    const roomAt = this.#summaries.drawByRoom(limit);
    const laxerAt = this.#summaries.drawByLaxer(limit);
    return {
      hop: HOP, openSlots: this.#forest.openSlots(SOURCE),
      children: this.#shownBySource([roomAt, laxerAt]).map((child) => this.#child(child, limit)),
      roomAt: roomAt < 0 ? undefined : roomAt,
      laxerAt: laxerAt < 0 ? undefined : laxerAt,
    };
  }

  #ancestor(j: number, fits: (up: number) => boolean): number | undefined {
    for (let up = this.#forest.parent[j] as number; up !== FLOATING; up = this.#forest.parent[up] as number) {
      if (fits(up)) return up;
      if (up === SOURCE) return undefined;
    }
    return undefined;
  }

  #child(child: number, limit: number): InformedChild {
    return {
      ...this.#subtree(child), children: this.#subtreesBelow(child),
      room: this.#summaries.roomToOffer(child, limit), laxer: this.#summaries.laxerToOffer(child, limit),
    };
  }

  #subtree(peer: number): SubtreeView {
    const { fanout, constraint, limit } = this.#forest;
    return {
      id: peer, fanout: fanout[peer] as number, constraint: constraint[peer] as number,
      limit: limit[peer] as number, openSlots: this.#forest.openSlots(peer),
    };
  }

  #subtreesBelow(peer: number): SubtreeView[] {
    return this.#shown(peer).map((child) => this.#subtree(child));
  }

  /** All children, or of very many a uniform choice. */
  #shown(node: number): number[] {
    const shown = this.#forest.childrenOf(node);
    if (shown.length <= SHOWN_MAX) return shown;
    for (let at = 0; at < SHOWN_MAX; at++) {
      const other = at + this.#random.below(shown.length - at);
      const kept = shown[at] as number;
      shown[at] = shown[other] as number;
      shown[other] = kept;
    }
    return shown.slice(0, SHOWN_MAX);
  }

  #shownBySource(preferred: readonly number[]): number[] {
    const forest = this.#forest;
    if ((forest.childCount[SOURCE] as number) <= SHOWN_BY_SOURCE_MAX) return forest.childrenOf(SOURCE);
    const shown = new Set<number>();
    for (const child of preferred) if (child >= 0 && forest.parent[child] === SOURCE) shown.add(child);
    for (let rank = 0; rank < SHOWN_BY_SOURCE_MAX / 2; rank++) shown.add(forest.laxestBelowSource(rank));
    for (let draws = 0; draws < SHOWN_BY_SOURCE_MAX && shown.size < SHOWN_BY_SOURCE_MAX; draws++) shown.add(forest.anyBelowSource(this.#random));
    return [...shown];
  }
}
