/**
 * Randomness that replays: one master seed, named streams forked from it, integers only inside.
 *
 * Every part of a run draws from a stream of its own (`fork('churn')`, `fork('peer', 17)`), so that one more peer or one
 * more fault does not shift what the others draw.
 */
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import { assert, must } from './assert.ts';

export interface Random {
  /** 32 random bits as an integer, 0 <= x < 2^32. */
  u32(): number;
  /** Uniform integer, 0 <= x < n, for 1 <= n <= 2^32. */
  below(n: number): number;
  /** Uniform double, 0 <= x < 1, with 52 random bits. */
  unit(): number;
  /** A stream of its own, named; the same name gives the same stream, whatever was drawn from this one before. */
  fork(name: string, index?: number): Random;
}

/** The stream that begins at `seed` (any integer; its low 64 bits count). */
export function randomFrom(seed: number | bigint): Random {
  const wide = BigInt.asUintN(64, BigInt(seed));
  return new Stream(Number(wide & 0xffffffffn), Number(wide >> 32n));
}

/** One element, uniformly. The list must not be empty. */
export function pick<T>(random: Random, list: readonly T[]): T {
  return must(list[random.below(list.length)], 'pick from an empty list');
}

/** Fisher-Yates, in place. */
export function shuffle<T>(random: Random, list: T[]): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const kept = list[i] as T;
    list[i] = list[j] as T;
    list[j] = kept;
  }
  return list;
}

/** Murmur3's finaliser: spreads every input bit over 32 output bits. */
function mix(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

class Stream implements Random {
  readonly #low: number;
  readonly #high: number;
  readonly #generator: { next(): number };

  constructor(low: number, high: number) {
    this.#low = low;
    this.#high = high;
    const a = mix(low ^ 0x9e3779b9);
    const b = mix(high ^ a);
    const c = mix(low ^ mix(b ^ 0x7f4a7c15));
    const d = mix(high ^ c ^ 0x165667b1) | 1; // never the all-zero state
    this.#generator = xoroshiro128plusFromState([a, b, c, d]);
  }

  u32(): number {
    return this.#generator.next() >>> 0;
  }

  below(n: number): number {
    assert(n >= 1 && n <= 2 ** 32, 'below(n) takes 1 <= n <= 2^32');
    const limit = 2 ** 32 - (2 ** 32 % n);
    let draw = this.u32();
    while (draw >= limit) draw = this.u32();
    return draw % n;
  }

  unit(): number {
    return ((this.u32() >>> 6) * 2 ** 26 + (this.u32() >>> 6)) / 2 ** 52;
  }

  fork(name: string, index = 0): Random {
    let low = mix(this.#low ^ index);
    let high = mix(this.#high ^ Math.imul(index, 0x9e3779b1));
    for (let i = 0; i < name.length; i++) {
      low = mix(low ^ name.charCodeAt(i));
      high = mix(high + Math.imul(name.charCodeAt(i), 0x5bd1e995) + i);
    }
    return new Stream(low, high);
  }
}
