/**
 * Hosts for planning experiments ([0087]-[0088]): true latencies, degrees, and the coordinates that they found by measuring one
 * another. Either a transit-stub network with geometric degrees, or a measured matrix with degrees from measured uplinks.
 */
import type { Millis } from '../../core/env.ts';
import type { Random } from '../../core/random.ts';
import { randomFrom } from '../../core/random.ts';
import type { CoordinateColumns } from '../../protocol/alm/latencies.ts';
import { Latencies } from '../../protocol/alm/latencies.ts';
import type { ModelName } from '../../protocol/measure/model.ts';
import type { Coordinate } from '../../protocol/wire/messages.ts';
import { fitCoordinates } from '../coordinates/run-coordinates.ts';
import type { RttMatrix } from '../latency/matrix.ts';
import { TransitStubLatency } from '../latency/transit-stub.ts';

export interface HostPool {
  readonly hosts: number;
  readonly degrees: Int32Array;
  /** One way. */
  readonly trueMs: Latencies;
  /** One way, as coordinates predict it. */
  readonly predictedMs: Latencies;
}

export interface CoordinateFit {
  readonly model: ModelName;
  readonly dimensions: number;
}

const DEGREE_MIN = 2;
const DEGREE_MAX = 9;
/** Of these every host measures 16 on the ring and 16 at random, as in docs/decisions/0031. */
const FIT = { leafset: 16, random: 16, minutes: 20 };

/** Degrees 2..9; each further link half as often, and the tail at 9. */
export function drawDegrees(count: number, random: Random): Int32Array {
  return Int32Array.from({ length: count }, () => {
    let degree = DEGREE_MIN;
    while (degree < DEGREE_MAX && random.below(2) === 0) degree++;
    return degree;
  });
}

/** What an uplink bears of a stream of that rate, and the link to the parent; whoever cannot send at all is a leaf. */
export function degreesFromUplinks(count: number, uplinksMbps: readonly number[], rateMbps: number, random: Random): Int32Array {
  return Int32Array.from({ length: count }, () => {
    const up = uplinksMbps[random.below(uplinksMbps.length)] as number;
    return 1 + Math.min(DEGREE_MAX - 1, Math.floor(up / rateMbps));
  });
}

export function transitStubPool(hosts: number, seed: number, fit: CoordinateFit): HostPool {
  const random = randomFrom(seed);
  const network = new TransitStubLatency(random.fork('network'));
  const trueMs = Latencies.fromFunction(hosts, (a, b) => network.oneWayMs(a, b));
  return { hosts, degrees: drawDegrees(hosts, random.fork('degrees')), trueMs, predictedMs: predictions(hosts, trueMs, seed, fit) };
}

export function measuredPool(matrix: RttMatrix, uplinksMbps: readonly number[], rateMbps: number, seed: number, fit: CoordinateFit): HostPool {
  const { rows, units, unitMs } = matrix;
  const trueMs = Latencies.fromFunction(rows, (a, b) => ((units[a * rows + b] as number) * unitMs) / 2);
  const degrees = degreesFromUplinks(rows, uplinksMbps, rateMbps, randomFrom(seed).fork('degrees'));
  return { hosts: rows, degrees, trueMs, predictedMs: predictions(rows, trueMs, seed, fit) };
}

function predictions(hosts: number, trueMs: Latencies, seed: number, fit: CoordinateFit): Latencies {
  const coordinates = fitCoordinates(hosts, (a, b) => 2 * trueMs.between(a, b), { ...FIT, ...fit, seed });
  return Latencies.fromCoordinates(oneWayColumns(coordinates, fit.dimensions));
}

/** Coordinates predict round trips; a plan is about one way. */
export function oneWayColumns(coordinates: readonly Coordinate[], dimensions: number): CoordinateColumns {
  const vectors = new Float64Array(coordinates.length * dimensions);
  coordinates.forEach(({ vector }, host) => vectors.set(vector.map((value) => value / 2), host * dimensions));
  return { dimensions, vectors, heights: Float64Array.from(coordinates, ({ height }) => height / 2) };
}

/** Latencies with an error of the given median, symmetric and independent by pair: what coordinates of that quality would say. */
export function blurred(trueMs: Latencies, medianError: number, random: Random): Latencies {
  const { size } = trueMs;
  const values = new Float64Array(size * size);
  for (let a = 0; a < size; a++) {
    for (let b = 0; b < a; b++) {
      // The median of |x| is half the width for x uniform within plus or minus that width.
      const ms: Millis = trueMs.between(a, b) * Math.max(0.02, 1 + 2 * medianError * (2 * random.unit() - 1));
      values[a * size + b] = ms;
      values[b * size + a] = ms;
    }
  }
  return Latencies.fromMatrix(size, values);
}
