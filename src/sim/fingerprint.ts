/**
 * Sixty-four bits that say whether two runs were the same run.
 *
 * Every dispatched event is mixed in as (time, kind, peer, number); equal seeds must give equal digits, and a change of
 * protocol behaviour shows as different ones. Checkpoints every N events let a script find the first event at which two
 * runs part. It is not cryptographic: nobody attacks it, and it is paid for at every event.
 */
import type { Millis } from '../core/env.ts';

export interface Checkpoint {
  readonly events: number;
  readonly at: Millis;
  readonly fingerprint: string;
}

const scratch = new Float64Array(1);
const scratchWords = new Uint32Array(scratch.buffer);

export class Fingerprint {
  readonly checkpoints: Checkpoint[] = [];
  /** How many events were mixed in. */
  events = 0;
  readonly #every: number;
  #a = 0x243f6a88;
  #b = 0x85a308d3;
  #untilCheckpoint: number;

  /** `every` = 0 takes no checkpoints. */
  constructor(every = 0) {
    this.#every = every;
    this.#untilCheckpoint = every;
  }

  add(at: Millis, kind: number, peer: number, number: number): void {
    scratch[0] = at;
    let a = this.#a;
    let b = this.#b;
    a = Math.imul(a ^ (scratchWords[0] as number), 0x85ebca6b);
    a ^= a >>> 15;
    b = Math.imul(b + (scratchWords[1] as number) + a, 0xc2b2ae35);
    b ^= b >>> 13;
    a = Math.imul(a ^ peer ^ (b << 7), 0x9e3779b1);
    a ^= a >>> 16;
    b = Math.imul(b + ((kind << 24) ^ number) + a, 0x27d4eb2f);
    b ^= b >>> 15;
    this.#a = a;
    this.#b = b;
    this.events++;
    if (--this.#untilCheckpoint === 0) {
      this.#untilCheckpoint = this.#every;
      this.checkpoints.push({ events: this.events, at, fingerprint: this.digits() });
    }
  }

  /** Sixteen hex digits. */
  digits(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.#a) + hex(this.#b);
  }
}

/** The first checkpoint at which two runs differ: the runs part somewhere in the interval that ends there. */
export function firstDifference(a: readonly Checkpoint[], b: readonly Checkpoint[]): Checkpoint | undefined {
  for (let i = 0; i < a.length && i < b.length; i++) {
    if (a[i]?.fingerprint !== b[i]?.fingerprint) return a[i];
  }
  return undefined;
}
