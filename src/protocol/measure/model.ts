/**
 * One interface for network coordinates, and the two models behind it: Vivaldi, and the patent's downhill simplex.
 *
 * Both are fed one measured round trip at a time, with the coordinate that the other side stated. Of each partner the last
 * few are remembered and the smallest counts: a round trip is never too short by accident, and often too long. The simplex
 * model keeps its partners' delay vector d_m and minimises E(x) = sum |d_p(i) - d_m(i)| ([0074]) now and then.
 */
import type { Coordinate } from '../wire/messages.ts';
import { minimise } from './simplex.ts';
import { originCoordinate, predictedRtt, updatedCoordinate } from './vivaldi.ts';

export type ModelName = 'simplex' | 'vivaldi';
export const MODEL_NAMES: readonly ModelName[] = ['simplex', 'vivaldi'];
export const DIMENSIONS_MIN = 2;
export const DIMENSIONS_MAX = 8;

export interface CoordinateModel {
  readonly coordinate: Coordinate;
  /** `partner` names who was measured; `draw` is a random number 0..1. Samples that cannot be true are ignored. */
  observe(partner: string, remote: Coordinate, rttMs: number, draw: number): void;
}

/** Round trips of one partner that are remembered. */
const REMEMBERED = 5;
/** Partners remembered; the one heard longest ago is forgotten first. */
const PARTNERS_MAX = 64;
const RTT_MAX_MS = 10_000;
/** The simplex is run after so many samples. */
const RUN_EVERY = 8;
const PARTNERS_MIN = 3;
const LIMITS = { evaluationsMax: 400, tolerance: 1e-4, restarts: 2 } as const;

/** `at` is where the peer was when it last ran. */
export function createModel(name: ModelName, dimensions: number, at?: Coordinate): CoordinateModel {
  const start = at?.vector.length === dimensions ? at : originCoordinate(dimensions);
  return name === 'vivaldi' ? new Vivaldi(start) : new Simplex(start);
}

/** The smallest of the last few round trips, by partner. */
class Partners {
  readonly #rtts = new Map<string, number[]>();

  /** Undefined for what cannot be a round trip. */
  filtered(partner: string, rttMs: number): number | undefined {
    if (!(rttMs > 0) || rttMs > RTT_MAX_MS) return undefined;
    const rtts = [...(this.#rtts.get(partner) ?? []), rttMs].slice(-REMEMBERED);
    this.#rtts.delete(partner);
    this.#rtts.set(partner, rtts);
    if (this.#rtts.size > PARTNERS_MAX) this.#rtts.delete(this.#rtts.keys().next().value as string);
    return Math.min(...rtts);
  }
}

class Vivaldi implements CoordinateModel {
  coordinate: Coordinate;
  readonly #partners = new Partners();

  constructor(start: Coordinate) {
    this.coordinate = start;
  }

  observe(partner: string, remote: Coordinate, rttMs: number, draw: number): void {
    const filtered = this.#partners.filtered(partner, rttMs);
    if (filtered !== undefined) this.coordinate = updatedCoordinate(this.coordinate, remote, filtered, draw);
  }
}

class Simplex implements CoordinateModel {
  coordinate: Coordinate;
  readonly #partners = new Partners();
  readonly #measured = new Map<string, { readonly remote: Coordinate; readonly rttMs: number }>();
  #samples = 0;

  constructor(start: Coordinate) {
    this.coordinate = start;
  }

  observe(partner: string, remote: Coordinate, rttMs: number, draw: number): void {
    const filtered = this.#partners.filtered(partner, rttMs);
    if (filtered === undefined || remote.vector.length !== this.coordinate.vector.length) return;
    this.#measured.delete(partner);
    this.#measured.set(partner, { remote, rttMs: filtered });
    if (this.#measured.size > PARTNERS_MAX) this.#measured.delete(this.#measured.keys().next().value as string);
    this.#samples++;
    if (this.#samples % RUN_EVERY === 0 && this.#measured.size >= PARTNERS_MIN) this.#fit(draw);
  }

  #fit(draw: number): void {
    const measured = [...this.#measured.values()];
    const { vector } = this.coordinate;
    const dimensions = vector.length;
    const error = (x: readonly number[]): number => {
      const self: Coordinate = { vector: x.slice(0, dimensions), height: Math.max(0, x[dimensions] as number), error: 1 };
      let sum = 0;
      for (const { remote, rttMs } of measured) sum += Math.abs(predictedRtt(self, remote) - rttMs);
      return sum;
    };
    const total = measured.reduce((sum, { rttMs }) => sum + rttMs, 0);
    // All begin at one spot: the first time each steps off in a direction of its own.
    const isFirst = vector.every((value) => value === 0);
    const start = vector.map((value, i) => (isFirst ? (((draw * (i + 1) * 7.31) % 1) - 0.5) * (total / measured.length) : value));
    const found = minimise(error, [...start, this.coordinate.height], { ...LIMITS, step: Math.max(1, (isFirst ? 0.5 : 0.1) * (total / measured.length)) });
    this.coordinate = {
      vector: found.at.slice(0, dimensions).map(Math.fround), height: Math.fround(Math.max(0, found.at[dimensions] as number)),
      error: Math.fround(Math.min(1, Math.max(0.01, found.value / total))),
    };
  }
}
