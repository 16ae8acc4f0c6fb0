/**
 * Network coordinates by spring relaxation (Vivaldi, with height): where a peer sits in latency space.
 *
 * Every answered probe is a sample. The coordinate serves proximity-aware routing and time-outs before a peer was ever
 * measured. Pure: a coordinate is a value, an update returns a new one. Only + - * / sqrt, so runs replay anywhere.
 */
import type { Coordinate } from '../wire/messages.ts';

/** Fraction of the distance to move per sample, at equal certainty; and the weight of a new error sample. */
const MOVE_SHARE = 0.25;
const ERROR_SHARE = 0.25;
/** Rounded like everything that travels, so that both ends of a wire compute with the same number. */
const HEIGHT_MIN_MS = Math.fround(0.05);
const RTT_MAX_MS = 10_000;
/** Nobody stands farther out: whoever says so lies, and one sample must not throw a peer out of latency space. */
const COORDINATE_MS_MAX = 100_000;
const MOVE_MAX_MS = 250;

/** Where every peer starts: at the origin, knowing nothing. */
export function originCoordinate(dimensions: number): Coordinate {
  return { vector: new Array<number>(dimensions).fill(0), height: HEIGHT_MIN_MS, error: 1 };
}

/** Predicted round trip in ms. */
export function predictedRtt(a: Coordinate, b: Coordinate): number {
  return euclidean(a.vector, b.vector) + a.height + b.height;
}

/** Is the coordinate settled enough to prefer one peer over another by it? */
export function isSettled(coordinate: Coordinate): boolean {
  return coordinate.error < 0.6;
}

/**
 * The coordinate after one measured round trip to `remote`. `nudge` (0..1) picks a direction when both sit at one spot.
 * Samples that cannot be true leave it unchanged.
 */
export function updatedCoordinate(self: Coordinate, remote: Coordinate, rttMs: number, nudge: number): Coordinate {
  if (!(rttMs > 0) || rttMs > RTT_MAX_MS || !isValid(remote, self.vector.length)) return self;
  const distance = euclidean(self.vector, remote.vector);
  const predicted = distance + self.height + remote.height;
  const certainty = self.error / (self.error + remote.error);
  const sampleError = Math.abs(predicted - rttMs) / rttMs;
  const errorWeight = ERROR_SHARE * certainty;
  const error = Math.min(1, sampleError * errorWeight + self.error * (1 - errorWeight));
  const force = Math.max(-MOVE_MAX_MS, Math.min(MOVE_MAX_MS, MOVE_SHARE * certainty * (rttMs - predicted)));
  // By map: an array that grows by push has room for thirteen more, in every coordinate of every peer.
  const vector = self.vector.map((mine, i) => {
    const away = distance > 1e-6 ? (mine - (remote.vector[i] as number)) / distance : direction(nudge, i);
    return Math.fround(mine + away * force);
  });
  const heightShare = predicted > 1e-6 ? (self.height + remote.height) / predicted : 0;
  const height = Math.fround(Math.max(HEIGHT_MIN_MS, self.height + heightShare * force));
  return { vector, height, error: Math.fround(Math.max(error, 0.01)) };
}

function isValid(coordinate: Coordinate, dimensions: number): boolean {
  const { vector, height, error } = coordinate;
  return vector.length === dimensions && height >= 0 && height <= COORDINATE_MS_MAX && error > 0 && error <= 1 && vector.every((value) => Math.abs(value) <= COORDINATE_MS_MAX);
}

function euclidean(a: readonly number[], b: readonly number[]): number {
  if (a.length === 2 && b.length === 2) {
    const x = (a[0] as number) - (b[0] as number);
    const y = (a[1] as number) - (b[1] as number);
    return Math.sqrt(x * x + y * y);
  }
  let sum = 0;
  for (let i = 0; i < a.length && i < b.length; i++) {
    const d = (a[i] as number) - (b[i] as number);
    sum += d * d;
  }
  return Math.sqrt(sum);
}

/** A direction that depends on `nudge` and differs by axis; its length does not matter much for a first step. */
function direction(nudge: number, axis: number): number {
  const turned = (nudge * (axis + 1) * 7.31) % 1;
  return turned * 2 - 1;
}
