/**
 * Latencies from a measured matrix of round-trip times.
 *
 * Peers are spread over the rows at random, the first ones over all different rows, so that a small world uses real
 * pairs only. Further peers share rows, and two peers of one row are neighbours on one local network. One way is half
 * the measured round trip; nothing is added.
 */
import { assert } from '../../core/assert.ts';
import type { Millis } from '../../core/env.ts';
import type { Random } from '../../core/random.ts';
import { shuffle } from '../../core/random.ts';
import type { LatencyModel } from './latency-model.ts';

/** Between two peers of one row. */
const LAN_MS = 0.5;

export interface RttMatrix {
  readonly name: string;
  readonly rows: number;
  readonly unitMs: Millis;
  /** Row major: the round trip from i to j in units, `rows` x `rows`. */
  readonly units: Uint16Array;
}

export class MatrixLatency implements LatencyModel {
  readonly description: string;
  readonly places: number;
  readonly #random: Random;
  readonly #matrix: RttMatrix;
  readonly #rowOf: number[];

  constructor(matrix: RttMatrix, random: Random) {
    assert(matrix.rows > 0 && matrix.units.length === matrix.rows * matrix.rows, 'a latency matrix is square');
    this.#matrix = matrix;
    this.#random = random;
    this.places = matrix.rows;
    this.description = `measured round trips, ${matrix.name}, ${matrix.rows} places`;
    const all = Array.from({ length: matrix.rows }, (_, row) => row);
    this.#rowOf = shuffle(random.fork('rows'), all);
  }

  oneWayMs(a: number, b: number): Millis {
    if (a === b) return 0;
    const from = this.rowOf(a);
    const to = this.rowOf(b);
    if (from === to) return LAN_MS;
    return ((this.#matrix.units[from * this.#matrix.rows + to] as number) * this.#matrix.unitMs) / 2;
  }

  /** The row of the matrix the peer sits in. */
  rowOf(peer: number): number {
    const rows = this.#rowOf;
    for (let next = rows.length; next <= peer; next++) {
      rows.push(this.#random.fork('place', next).below(this.#matrix.rows));
    }
    return rows[peer] as number;
  }
}
