/**
 * The latest part of a stream, as far as a peer keeps it: for children that are behind, and for whoever lost its parent and comes
 * back for what it missed.
 *
 * Chunks are consecutive. Half of the window is for what somebody here still has to get. The other half is for what all have had: it
 * goes when room is needed and not before, because it fills the gaps of those below whose parent is lost. While somebody below is being hung on elsewhere, or is away, the window may become twice as large before anything goes: whoever lost its
 * parent is behind by what lay in that one's buffers. Without a stated rate nothing goes then even so, and the source waits. A queue in an array with a moving start: nothing is copied when chunks go.
 */
import { assert } from '../../../core/assert.ts';
import type { Millis } from '../../../core/env.ts';
import { WINDOW_CHUNKS_MAX } from './bounds.ts';
import type { Chunk } from './frames.ts';
import { FROM } from './frames.ts';

/** Gone chunks are cut off the array in bulk. */
const CUT = 1_024;
/** How large it may become while it is held. */
const HELD_TIMES = 2;

export class Window {
  readonly bytesMax: number;
  /** What comes waits rather than that anything goes which is held. */
  readonly #isPatient: boolean;
  #chunks: (Chunk | undefined)[] = [];
  /** Bytes of all chunks before each of them. */
  #offsets: number[] = [];
  #pushed = 0;
  /** Of #chunks, the first that is still here. */
  #start = 0;
  #oldest: number;
  #bytes = 0;
  #latestKey: number | undefined;
  #heldUntil: Millis = -Infinity;

  constructor(first: number, bytesMax: number, isPatient: boolean) {
    this.#oldest = first;
    this.bytesMax = bytesMax;
    this.#isPatient = isPatient;
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

  /** Nothing goes until then. */
  hold(until: Millis): void {
    this.#heldUntil = Math.max(this.#heldUntil, until);
  }

  /** Where somebody who wants a key point begins: the latest one here, if there is one. */
  get latestKey(): number | undefined {
    return this.#latestKey !== undefined && this.#latestKey >= this.#oldest ? this.#latestKey : undefined;
  }

  /** The first chunk for somebody who asks like this. Nobody begins within a message. */
  placeFor(from: number): number {
    if (from >= 0) return from;
    if (from === FROM.start) return this.#oldest;
    return from === FROM.key ? (this.latestKey ?? this.messageStart) : this.messageStart;
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
    this.#offsets.push(this.#pushed);
    this.#pushed += chunk.bytes.length;
    this.#bytes += chunk.bytes.length;
    if (chunk.isKey) this.#latestKey = chunk.seq;
  }

  at(seq: number): Chunk | undefined {
    return seq < this.#oldest ? undefined : this.#chunks[this.#start + seq - this.#oldest];
  }

  /** Makes room, by chunks before `least` only. Whether there is room now. */
  makeRoom(least: number, now: Millis): boolean {
    if (2 * this.bytesFrom(least) >= this.bytesMax || 2 * (this.head - least) >= WINDOW_CHUNKS_MAX) return false;
    const times = now < this.#heldUntil ? HELD_TIMES : 1;
    if (times > 1 && this.#isPatient) return this.#hasRoom(times);
    while (!this.#hasRoom(times) && this.#oldest < least) this.#dropOldest();
    return true;
  }

  /** Of what is here, that number and all after it. */
  bytesFrom(seq: number): number {
    return seq >= this.head ? 0 : this.#pushed - (this.#offsets[this.#start + Math.max(0, seq - this.#oldest)] as number);
  }

  #hasRoom(times: number): boolean {
    return this.#bytes < times * this.bytesMax && this.head - this.#oldest < times * WINDOW_CHUNKS_MAX;
  }

  #dropOldest(): void {
    this.#bytes -= (this.#chunks[this.#start] as Chunk).bytes.length;
    this.#chunks[this.#start] = undefined;
    this.#start++;
    this.#oldest++;
    if (this.#start < CUT || this.#start * 2 < this.#chunks.length) return;
    this.#chunks = this.#chunks.slice(this.#start);
    this.#offsets = this.#offsets.slice(this.#start);
    this.#start = 0;
  }
}
