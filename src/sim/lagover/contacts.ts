/**
 * Whom each floating peer turns to next: where it was referred to, and for algorithms with a memory whom it knows from the
 * time when it was attached (protocol/lagover/succession.ts).
 */
import { ancestorToRemember, heirAmong } from '../../protocol/lagover/succession.ts';
import { SOURCE } from '../../protocol/lagover/views.ts';
import type { Forest } from './forest.ts';
import { FLOATING } from './forest.ts';

export const NOBODY = -1;
const HOP = 1;

export class Contacts {
  readonly #forest: Forest;
  readonly #remembers: boolean;
  readonly #reference: Int32Array;
  /** Whether the reference is a child of who referred to it. */
  readonly #descends: Uint8Array;
  /** In case that the reference cannot be met. */
  readonly #backup: Int32Array;
  /** The sibling that is to take the place of the lost parent, and the delay of that place. */
  readonly #heir: Int32Array;
  readonly #heirDelay: Int32Array;
  readonly #remembered: Int32Array;

  constructor(forest: Forest, remembers: boolean) {
    this.#forest = forest;
    this.#remembers = remembers;
    const size = forest.peers + 1;
    this.#reference = new Int32Array(size).fill(NOBODY);
    this.#descends = new Uint8Array(size);
    this.#backup = new Int32Array(size).fill(NOBODY);
    this.#heir = new Int32Array(size).fill(NOBODY);
    this.#heirDelay = new Int32Array(size);
    this.#remembered = new Int32Array(size).fill(NOBODY);
  }

  /** Takes out the contact of i, or NOBODY: the source, or somebody online who is no descendant. */
  take(i: number): number {
    const first = this.#reference[i] as number;
    const second = this.#backup[i] as number;
    this.#reference[i] = this.#backup[i] = NOBODY;
    return this.canMeet(i, first) ? first : this.canMeet(i, second) ? second : NOBODY;
  }

  canMeet(i: number, j: number): boolean {
    return j === SOURCE || (j !== NOBODY && this.#forest.online[j] === 1 && this.#forest.root[j] !== i);
  }

  refer(i: number, by: number, to: number): void {
    this.#reference[i] = to;
    this.#descends[i] = Number(to !== SOURCE && this.#forest.parent[to] === by);
  }

  /** i is on its way down to a place: sent to the source it would only begin that way again. */
  isDescending(i: number): boolean {
    return this.#remembers && this.#descends[i] === 1 && this.canMeet(i, this.#reference[i] as number);
  }

  /** The delay that j will soon have, if i expects j to take the place of the parent that both lost. Believed once. */
  takeAwaitedDelay(i: number, j: number): number | undefined {
    const expected = this.#heir[i] === j ? this.#heirDelay[i] : undefined;
    this.#heir[i] = NOBODY;
    return expected;
  }

  forget(peer: number): void {
    this.#reference[peer] = this.#backup[peer] = this.#heir[peer] = NOBODY;
    this.#descends[peer] = 0;
  }

  /** Somebody took the place of `peer`. */
  turnedOut(peer: number, by: number): void {
    if (this.#remembers) this.#reference[peer] = by;
  }

  /** `peer` is about to come online. */
  arriving(peer: number): void {
    this.#reference[peer] = this.#remembered[peer] as number;
  }

  /** `peer` is about to go offline, and its children to float. */
  leaving(peer: number): void {
    const { parent, root, delay, constraint } = this.#forest;
    if (!this.#remembers) return;
    const up = parent[peer] as number;
    const rooted = root[peer] === SOURCE;
    if (rooted) this.#remembered[peer] = ancestorToRemember(this.#pathOf(peer), constraint[peer] as number, HOP) ?? NOBODY;
    const heir = this.#heirOf(peer);
    for (const child of this.#forest.childrenOf(peer)) {
      this.#reference[child] = child === heir ? up : heir;
      if (child === heir) continue;
      this.#backup[child] = up;
      if (!rooted) continue;
      this.#heir[child] = heir;
      this.#heirDelay[child] = delay[peer] as number;
    }
  }

  #heirOf(peer: number): number {
    const { fanout, constraint, limit } = this.#forest;
    const children = this.#forest.childrenOf(peer).map((id) => ({
      id, fanout: fanout[id] as number, constraint: constraint[id] as number, limit: limit[id] as number, openSlots: this.#forest.openSlots(id),
    }));
    return heirAmong(children) ?? NOBODY;
  }

  /** The ancestors of `peer`, nearest first, the source last. */
  #pathOf(peer: number): { id: number; delay: number }[] {
    const { parent, delay } = this.#forest;
    const path: { id: number; delay: number }[] = [];
    for (let up = parent[peer] as number; up !== FLOATING; up = up === SOURCE ? FLOATING : (parent[up] as number)) {
      path.push({ id: up, delay: delay[up] as number });
    }
    return path;
  }
}
