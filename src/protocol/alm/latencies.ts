/**
 * Latencies between the hosts that a planner may use: a matrix, or coordinates ([0086]: "so that we can calculate latency
 * between an arbitrary pair"), with measured pairs preferred where they are known.
 *
 * One class for all of them: the planner's inner loops ask for a hundred million pairs, and a call that can only go to one
 * place costs a tenth of one that may go to several.
 */
import { assert } from '../../core/assert.ts';
import type { Millis } from '../../core/env.ts';

/** Up to so many hosts, distances between coordinates are worth keeping. */
const DENSE_MAX = 1_500;

export interface CoordinateColumns {
  readonly dimensions: number;
  /** Row major: a host's coordinates stand together. */
  readonly vectors: Float64Array;
  /** Added at both ends, as in height-vector models; none means zero. */
  readonly heights?: Float64Array;
}

export class Latencies {
  readonly size: number;
  readonly #matrix: Float64Array | undefined;
  readonly #dimensions: number;
  readonly #vectors: Float64Array;
  readonly #heights: Float64Array;

  private constructor(size: number, matrix: Float64Array | undefined, columns: CoordinateColumns | undefined) {
    this.size = size;
    this.#matrix = matrix;
    this.#dimensions = columns?.dimensions ?? 0;
    this.#vectors = columns?.vectors ?? new Float64Array(0);
    this.#heights = columns?.heights ?? new Float64Array(columns === undefined ? 0 : size);
  }

  /** `values` is row major, symmetric and finite. */
  static fromMatrix(size: number, values: Float64Array): Latencies {
    assert(values.length === size * size, 'a latency matrix is square');
    return new Latencies(size, values, undefined);
  }

  static fromFunction(size: number, latencyMs: (a: number, b: number) => Millis): Latencies {
    const values = new Float64Array(size * size);
    for (let a = 0; a < size; a++) for (let b = 0; b < size; b++) if (a !== b) values[a * size + b] = latencyMs(a, b);
    return new Latencies(size, values, undefined);
  }

  /** As far one way as the other: each pair is asked for once. */
  static ofPairs(size: number, latencyMs: (a: number, b: number) => Millis): Latencies {
    const values = new Float64Array(size * size);
    for (let a = 0; a < size; a++) for (let b = a + 1; b < size; b++) values[a * size + b] = values[b * size + a] = latencyMs(a, b);
    return new Latencies(size, values, undefined);
  }

  /** `measured` (NaN where unknown, row major over the first hosts) goes before what coordinates say: [0079], members know one another. */
  static fromCoordinates(columns: CoordinateColumns, measured?: { readonly size: number; readonly values: Float64Array }): Latencies {
    const size = columns.vectors.length / columns.dimensions;
    assert(Number.isInteger(size), 'every host has all coordinates');
    const sparse = new Latencies(size, undefined, columns);
    if (size > DENSE_MAX && measured === undefined) return sparse;
    const dense = Latencies.fromFunction(size, (a, b) => sparse.between(a, b));
    for (let a = 0; a < (measured?.size ?? 0); a++) {
      for (let b = 0; b < (measured?.size ?? 0); b++) {
        const known = measured?.values[a * measured.size + b] ?? NaN;
        if (a !== b && !Number.isNaN(known)) (dense.#matrix as Float64Array)[a * size + b] = known;
      }
    }
    return dense;
  }

  /** Node i of the result is host order[i] of this. */
  reordered(order: readonly number[]): Latencies {
    return Latencies.fromFunction(order.length, (a, b) => this.between(order[a] as number, order[b] as number));
  }

  between(a: number, b: number): Millis {
    if (this.#matrix !== undefined) return this.#matrix[a * this.size + b] as number;
    const dimensions = this.#dimensions;
    const vectors = this.#vectors;
    let sum = 0;
    for (let i = 0, at = a * dimensions, other = b * dimensions; i < dimensions; i++, at++, other++) {
      const d = (vectors[at] as number) - (vectors[other] as number);
      sum += d * d;
    }
    return Math.sqrt(sum) + (this.#heights[a] as number) + (this.#heights[b] as number);
  }

  /** out[i] = the latency from `a` to nodes[i], for the first `count`. */
  row(a: number, nodes: Int32Array, count: number, out: Float64Array): void {
    const matrix = this.#matrix;
    if (matrix !== undefined) {
      const base = a * this.size;
      for (let i = 0; i < count; i++) out[i] = matrix[base + (nodes[i] as number)] as number;
    } else if (this.#dimensions === 2) this.#rowOfPlane(a, nodes, count, out);
    else for (let i = 0; i < count; i++) out[i] = this.between(a, nodes[i] as number);
  }

  #rowOfPlane(a: number, nodes: Int32Array, count: number, out: Float64Array): void {
    const vectors = this.#vectors;
    const heights = this.#heights;
    const x = vectors[2 * a] as number;
    const y = vectors[2 * a + 1] as number;
    const height = heights[a] as number;
    for (let i = 0; i < count; i++) {
      const node = nodes[i] as number;
      const dx = (vectors[2 * node] as number) - x;
      const dy = (vectors[2 * node + 1] as number) - y;
      out[i] = Math.sqrt(dx * dx + dy * dy) + height + (heights[node] as number);
    }
  }
}
