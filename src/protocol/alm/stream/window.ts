/**
 * The latest part of a stream, as far as a peer keeps it: for children that are behind, and for whoever lost its parent and comes
 * back for what it missed.
 *
 * Chunks are consecutive. What lies before everybody's place goes when room is needed and not before, because it may still
 * fill somebody's gap. A queue in an array with a moving start: nothing is copied when chunks go.
 */
import { assert } from '../../../core/assert.ts';
import { WINDOW_CHUNKS_MAX } from './bounds.ts';
import type { Chunk } from './frames.ts';

/** Gone chunks are cut off the array in bulk. */
const CUT = 1_024;

export class Window {
  readonly bytesMax: number;
  #chunks: (Chunk | undefined)[] = [];
  /** Of #chunks, the first that is still here. */
  #start = 0;
  #oldest: number;
  #bytes = 0;
  #latestKey: number | undefined;

  constructor(first: number, bytesMax: number) {
    this.#oldest = first;
    this.bytesMax = bytesMax;
  }

  /** The number of the first chunk that is here. */
  get oldest(): number {
    return this.#oldest;
  }

  /** The number that comes next. */
  get head(): number {
    return this.#oldest + this.#chunks.length - this.#start;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#bytes >= this.bytesMax || this.head - this.#oldest >= WINDOW_CHUNKS_MAX;
  }

  /** Where somebody who wants a key point begins: the latest one here, if there is one. */
  get latestKey(): number | undefined {
    return this.#latestKey !== undefined && this.#latestKey >= this.#oldest ? this.#latestKey : undefined;
  }

  /** Where the message begins that the next chunk belongs to, as far as it is here. */
  get messageStart(): number {
    let first = this.head;
    while (this.at(first - 1)?.hasMore === true) first--;
    return first;
  }

  push(chunk: Chunk): void {
    assert(chunk.seq === this.head, 'chunks are consecutive');
    this.#chunks.push(chunk);
    this.#bytes += chunk.bytes.length;
    if (chunk.isKey) this.#latestKey = chunk.seq;
  }

  at(seq: number): Chunk | undefined {
    return seq < this.#oldest ? undefined : this.#chunks[this.#start + seq - this.#oldest];
  }

  /** Makes room, by chunks before `least` only. Whether there is room now. */
  makeRoom(least: number): boolean {
    while (this.isFull && this.#oldest < least && this.#oldest < this.head) this.#dropOldest();
    return !this.isFull;
  }

  #dropOldest(): void {
    this.#bytes -= (this.#chunks[this.#start] as Chunk).bytes.length;
    this.#chunks[this.#start] = undefined;
    this.#start++;
    this.#oldest++;
    if (this.#start < CUT || this.#start * 2 < this.#chunks.length) return;
    this.#chunks = this.#chunks.slice(this.#start);
    this.#start = 0;
  }
}
