/**
 * Timers of all peers: one slot per (peer, kind), cancelled lazily.
 *
 * A slot is a generation number. Arming or disarming raises it, an event in the queue carries the generation it was
 * armed with, and an event whose generation is no longer current is skipped when it is popped. Nothing is ever searched
 * for or removed from the queue. The table widens when a protocol uses a higher kind than any before.
 */
import { assert } from '../core/assert.ts';
import { capacityFor, longerInts } from './columns.ts';

/** Timer kinds are small integers: a slot costs four bytes in every peer. */
const KINDS_MAX = 256;
const GENERATIONS = 2 ** 24;

export class TimerTable {
  #generations = new Int32Array(0);
  #peers = 0;
  #kinds = 8;

  /** Makes all earlier timers of the slot void and returns what the event for a new one must carry. */
  next(peer: number, kind: number): number {
    assert(Number.isInteger(kind) && kind >= 0 && kind < KINDS_MAX, 'a timer kind is an integer, 0..255');
    if (kind >= this.#kinds) this.#widen(kind);
    if (peer >= this.#peers) this.#lengthen(peer);
    const slot = peer * this.#kinds + kind;
    const generation = ((this.#generations[slot] as number) + 1) % GENERATIONS;
    this.#generations[slot] = generation;
    return (generation << 8) | kind;
  }

  /** Is this what the slot was armed with last? */
  isCurrent(peer: number, token: number): boolean {
    return this.#generations[peer * this.#kinds + (token & 255)] === token >>> 8;
  }

  #lengthen(peer: number): void {
    this.#peers = capacityFor(peer);
    this.#generations = longerInts(this.#generations, this.#peers * this.#kinds);
  }

  #widen(kind: number): void {
    const kinds = capacityFor(kind, this.#kinds);
    const wider = new Int32Array(this.#peers * kinds);
    for (let peer = 0; peer < this.#peers; peer++) {
      const row = this.#generations.subarray(peer * this.#kinds, (peer + 1) * this.#kinds);
      wider.set(row, peer * kinds);
    }
    this.#generations = wider;
    this.#kinds = kinds;
  }
}

/** The kind inside a token of `next`. */
export function timerKindOf(token: number): number {
  return token & 255;
}
