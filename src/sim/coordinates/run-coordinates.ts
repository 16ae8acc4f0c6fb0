/**
 * How well network coordinates predict a measured matrix: `grove sim coordinates`.
 *
 * Peers stand in a ring in random order. Each measures, one at a time, its leafset and some random members, as heartbeats and
 * exchanges do, and tells its coordinate; in the end every pair's prediction is compared with the matrix. The models are the
 * daemon's; only the messages are left out, because what they carry here is one number.
 */
import { assert } from '../../core/assert.ts';
import type { Random } from '../../core/random.ts';
import { randomFrom, shuffle } from '../../core/random.ts';
import type { CoordinateModel, ModelName } from '../../protocol/measure/model.ts';
import { createModel } from '../../protocol/measure/model.ts';
import { predictedRtt } from '../../protocol/measure/vivaldi.ts';
import type { Coordinate } from '../../protocol/wire/messages.ts';
import type { RttMatrix } from '../latency/matrix.ts';

export interface CoordinateSimulation {
  readonly model: ModelName;
  readonly dimensions: number;
  /** Neighbours on the ring, both sides together. */
  readonly leafset: number;
  /** Random members that a peer measures besides. */
  readonly random: number;
  readonly minutes: number;
  readonly seed: number;
}

export interface CoordinateFigures {
  readonly medianRelativeError: number;
  readonly p90RelativeError: number;
  readonly pairs: number;
}

/** Between two measurements of a peer. */
const SAMPLE_MS = 5_000;

export function runCoordinateSimulation(matrix: RttMatrix, options: CoordinateSimulation): CoordinateFigures {
  const coordinates = fitCoordinates(matrix.rows, (i, j) => rttMs(matrix, i, j), options);
  return errorsOf(matrix, coordinates);
}

/** The coordinates that `rows` peers end up with, who see round trips of `rtt`. */
export function fitCoordinates(rows: number, rtt: (i: number, j: number) => number, options: CoordinateSimulation): Coordinate[] {
  assert(rows > 2 && options.leafset + options.random > 0, 'somebody to measure');
  const random = randomFrom(options.seed);
  const ring = shuffle(random.fork('ring'), Array.from({ length: rows }, (_, row) => row));
  const models = Array.from({ length: rows }, () => createModel(options.model, options.dimensions));
  const partners = ring.map((_, place) => partnersOf(ring, place, options, random.fork('members', place)));
  const names = ring.map((_, row) => `peer-${row}`);
  const draws = random.fork('draws');
  const rounds = Math.ceil((options.minutes * 60_000) / SAMPLE_MS);
  for (let round = 0; round < rounds; round++) {
    ring.forEach((self, place) => {
      const list = partners[place] as number[];
      const other = list[round % list.length] as number;
      models[self]?.observe(names[other] as string, (models[other] as CoordinateModel).coordinate, rtt(self, other), draws.unit());
    });
  }
  return models.map(({ coordinate }) => coordinate);
}

/** The nearest on both sides in turn, and then members at random. */
function partnersOf(ring: readonly number[], place: number, { leafset, random: strangers }: CoordinateSimulation, random: Random): number[] {
  const { length } = ring;
  const near = Math.min(leafset, length - 1);
  const chosen = new Set<number>();
  for (let i = 1; chosen.size < near; i++) {
    chosen.add(ring[(place + i) % length] as number);
    if (chosen.size < near) chosen.add(ring[(place + length - (i % length)) % length] as number);
  }
  while (chosen.size < Math.min(near + strangers, length - 1)) {
    const other = ring[random.below(length)] as number;
    if (other !== ring[place]) chosen.add(other);
  }
  return [...chosen];
}

function errorsOf(matrix: RttMatrix, coordinates: readonly Coordinate[]): CoordinateFigures {
  const errors: number[] = [];
  for (let i = 0; i < matrix.rows; i++) {
    for (let j = 0; j < matrix.rows; j++) {
      const truth = rttMs(matrix, i, j);
      if (i === j || truth <= 0) continue;
      errors.push(Math.abs(predictedRtt(coordinates[i] as Coordinate, coordinates[j] as Coordinate) - truth) / truth);
    }
  }
  errors.sort((a, b) => a - b);
  const at = (share: number): number => errors[Math.min(errors.length - 1, Math.floor(share * errors.length))] ?? 0;
  return { medianRelativeError: at(0.5), p90RelativeError: at(0.9), pairs: errors.length };
}

function rttMs({ units, rows, unitMs }: RttMatrix, i: number, j: number): number {
  return (units[i * rows + j] as number) * unitMs;
}
