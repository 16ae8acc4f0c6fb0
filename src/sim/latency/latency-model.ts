/**
 * How long a message is on its way between two peers, before jitter, bandwidth and faults.
 *
 * A model maps peer indexes to places once (drawn from a stream per index, so that the hundredth peer sits where it
 * sits however many come after it) and answers from arrays.
 */
import type { Millis } from '../../core/env.ts';
import { assert } from '../../core/assert.ts';
import type { Random } from '../../core/random.ts';

export interface LatencyModel {
  /** One line for reports: which model, with which parameters. */
  readonly description: string;
  /** How many distinct places there are; Infinity if every peer has one of its own. */
  readonly places: number;
  /** Symmetric for all models here except matrices that are not. Zero from a peer to itself. */
  oneWayMs(a: number, b: number): Millis;
}

/** The same latency between any two peers. */
export class ConstantLatency implements LatencyModel {
  readonly description: string;
  readonly places = 1;
  readonly #ms: Millis;

  constructor(ms: Millis = 50) {
    assert(ms >= 0 && ms < Infinity, 'a latency is finite and not negative');
    this.#ms = ms;
    this.description = `constant ${ms} ms`;
  }

  oneWayMs(a: number, b: number): Millis {
    return a === b ? 0 : this.#ms;
  }
}

export interface EuclideanOptions {
  /** Side of the square the peers are scattered over, in units. */
  readonly side?: number;
  readonly msPerUnit?: number;
  /** Added to every path: the access links. */
  readonly baseMs?: Millis;
}

/** Peers scattered uniformly over a square; latency grows with distance. Every coordinate system can embed it. */
export class EuclideanLatency implements LatencyModel {
  readonly description: string;
  readonly places = Infinity;
  readonly #random: Random;
  readonly #side: number;
  readonly #msPerUnit: number;
  readonly #baseMs: number;
  readonly #xs: number[] = [];
  readonly #ys: number[] = [];

  constructor(random: Random, options: EuclideanOptions = {}) {
    this.#random = random;
    this.#side = options.side ?? 1000;
    this.#msPerUnit = options.msPerUnit ?? 0.15;
    this.#baseMs = options.baseMs ?? 5;
    this.description = `plane ${this.#side} x ${this.#side}, ${this.#msPerUnit} ms a unit + ${this.#baseMs} ms`;
  }

  oneWayMs(a: number, b: number): Millis {
    if (a === b) return 0;
    this.#place(a > b ? a : b);
    const dx = (this.#xs[a] as number) - (this.#xs[b] as number);
    const dy = (this.#ys[a] as number) - (this.#ys[b] as number);
    return this.#baseMs + this.#msPerUnit * Math.sqrt(dx * dx + dy * dy);
  }

  /** Where the peer sits, for figures. */
  locate(peer: number): { x: number; y: number } {
    this.#place(peer);
    return { x: this.#xs[peer] as number, y: this.#ys[peer] as number };
  }

  #place(upTo: number): void {
    for (let peer = this.#xs.length; peer <= upTo; peer++) {
      const draw = this.#random.fork('place', peer);
      this.#xs.push(draw.unit() * this.#side);
      this.#ys.push(draw.unit() * this.#side);
    }
  }
}
