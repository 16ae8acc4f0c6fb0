/**
 * What waits for one neighbour: at most so many frames and so many bytes, and when either is exceeded the OLDEST go.
 *
 * Messages are soft: a neighbour that does not read must cost a bounded amount of memory, and of two heartbeats the
 * newer one is worth more. Whoever pushes learns how many frames were lost, and counts them.
 */
import { Uint8ArrayList } from 'uint8arraylist';
import { assert } from '../core/assert.ts';
import type { Frame } from './frames.ts';

export interface QueueLimits {
  /** Raised: a slow neighbour gets older news. Lowered: bursts of small messages are cut. */
  readonly framesMax: number;
  /** Raised: more memory for each neighbour that does not read. Lowered: a large message evicts all others. */
  readonly bytesMax: number;
}

export const QUEUE_LIMITS: QueueLimits = { framesMax: 256, bytesMax: 2 * 1024 * 1024 };

export class FrameQueue {
  readonly #limits: QueueLimits;
  readonly #frames: Frame[] = [];
  #bytes = 0;

  constructor(limits: QueueLimits = QUEUE_LIMITS) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#frames.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Queues a frame and returns how many older ones had to go for it. A frame over the byte limit alone is not taken. */
  push(frame: Frame): number {
    if (frame.byteLength > this.#limits.bytesMax) return 1;
    this.#frames.push(frame);
    this.#bytes += frame.byteLength;
    let dropped = 0;
    while (this.#frames.length > this.#limits.framesMax || this.#bytes > this.#limits.bytesMax) {
      this.#bytes -= this.#frames.shift()?.byteLength ?? 0;
      dropped++;
    }
    return dropped;
  }

  /** Removes the oldest frames, as many as fit `bytesMax` and at least one, and returns them as one. A frame in pieces leaves alone. */
  takeBatch(bytesMax: number): Frame | undefined {
    const first = this.#frames[0];
    if (first === undefined) return undefined;
    let count = 1;
    let bytes = first.byteLength;
    for (let next = this.#frames[1]; next instanceof Uint8Array && first instanceof Uint8Array && bytes + next.length <= bytesMax; next = this.#frames[count]) {
      bytes += next.length;
      count++;
    }
    this.#bytes -= bytes;
    if (count === 1) {
      this.#frames.shift();
      return first;
    }
    const batch = new Uint8Array(bytes);
    let filled = 0;
    for (const frame of this.#frames.splice(0, count)) {
      if (frame instanceof Uint8ArrayList) continue;
      batch.set(frame, filled);
      filled += frame.length;
    }
    assert(filled === bytes, 'a batch holds exactly its frames');
    return batch;
  }

  /** Forgets everything and returns how many frames that were. */
  clear(): number {
    this.#bytes = 0;
    return this.#frames.splice(0).length;
  }
}
