/**
 * Where the latencies of an instance come from: a matrix in the file, coordinates, or a file of measured round trips.
 *
 * Only the hosts that take part are looked at. Measured matrices break the triangle inequality, and plans use that; but a matrix
 * must be the same in both directions, because a plan does not know which way data will flow between two relays.
 */
import { Latencies } from '../../protocol/alm/latencies.ts';
import type { RttMatrix } from '../latency/matrix.ts';
import type { Fields } from '../spec-fields.ts';
import { SpecFault } from '../spec-fields.ts';

export interface LatencySource {
  /** In the order of `hosts`; or why they cannot all reach one another. */
  among(hosts: readonly number[]): Latencies | { readonly infeasible: true; readonly reason: string };
}

const SOURCES = ['latencyMs', 'coordinates', 'latencyFile'] as const;
const DIMENSIONS_MAX = 16;
const LATENCY_MS_MAX = 1e9;
/** Of two directions, as a share: what rounding may leave. */
const ASYMMETRY_MAX = 1e-6;

export function latencySource(spec: Fields, matrix: RttMatrix | undefined): LatencySource {
  const given = SOURCES.filter((field) => spec[field] !== undefined);
  if (given.length !== 1) throw new SpecFault(`the instance needs latencyMs, coordinates or latencyFile, and exactly one of them${given.length === 0 ? '' : `, not ${given.join(' and ')}`}`);
  if (given[0] === 'latencyMs') return { among: (hosts) => fromRows(spec.latencyMs, hosts) };
  if (given[0] === 'coordinates') return { among: (hosts) => fromPlaces(spec.coordinates, hosts) };
  if (matrix === undefined) throw new SpecFault('latencyFile must be the path of a file');
  return { among: (hosts) => fromFile(matrix, hosts) };
}

function fromRows(rows: unknown, hosts: readonly number[]): ReturnType<LatencySource['among']> {
  if (!Array.isArray(rows)) throw new SpecFault('latencyMs must be a list of rows, each a list of numbers');
  (rows as unknown[]).forEach((row, i) => {
    if (!Array.isArray(row) || row.length !== rows.length) throw new SpecFault(`latencyMs must be square: it has ${rows.length} rows, and row ${i} ${Array.isArray(row) ? `has ${row.length} entries` : 'is no list'}`);
  });
  const outside = hosts.find((host) => host >= rows.length);
  if (outside !== undefined) throw new SpecFault(`latencyMs has ${rows.length} rows and none for host ${outside}`);
  const matrix = rows as readonly (readonly unknown[])[];
  const apart: (readonly [number, number])[] = [];
  for (const a of hosts) for (const b of hosts) {
    if (a >= b) continue;
    const there = latencyAt(matrix, a, b);
    const back = latencyAt(matrix, b, a);
    if (there === undefined && back === undefined) apart.push([a, b]);
    else if (there === undefined || back === undefined || Math.abs(there - back) > ASYMMETRY_MAX * Math.max(there, back)) {
      throw new SpecFault(`latencyMs must be symmetric, but [${a}][${b}] is ${there ?? null} and [${b}][${a}] is ${back ?? null}`);
    }
  }
  const first = apart[0];
  if (first !== undefined) {
    const lost = unreached(matrix, hosts);
    if (lost !== undefined) return { infeasible: true, reason: `host ${lost} cannot be reached from the root ${hosts[0]}` };
    throw new SpecFault(`latencyMs[${first[0]}][${first[1]}] is null: every two hosts need a latency`);
  }
  return Latencies.fromFunction(hosts.length, (a, b) => latencyAt(matrix, hosts[a] as number, hosts[b] as number) as number);
}

/** Undefined for null, which says that two hosts do not reach one another. */
function latencyAt(matrix: readonly (readonly unknown[])[], a: number, b: number): number | undefined {
  const value = matrix[a]?.[b];
  if (value === null) return undefined;
  if (typeof value === 'number' && value >= 0 && value <= LATENCY_MS_MAX) return value;
  throw new SpecFault(`latencyMs[${a}][${b}] must be a number from 0 to ${LATENCY_MS_MAX}, not ${JSON.stringify(value)}`);
}

/** The first host to which no chain of latencies leads from the root. */
function unreached(matrix: readonly (readonly unknown[])[], hosts: readonly number[]): number | undefined {
  const root = hosts[0] as number;
  const reached = new Set([root]);
  for (const waiting = [root]; waiting.length > 0;) {
    const a = waiting.pop() as number;
    for (const b of hosts) {
      if (reached.has(b) || latencyAt(matrix, a, b) === undefined) continue;
      reached.add(b);
      waiting.push(b);
    }
  }
  return hosts.find((host) => !reached.has(host));
}

function fromPlaces(places: unknown, hosts: readonly number[]): Latencies {
  if (!Array.isArray(places)) throw new SpecFault('coordinates must be a list of places, each like [x,y]');
  const rows = places as readonly unknown[];
  const dimensions = Array.isArray(rows[0]) ? rows[0].length : 0;
  if (dimensions < 1 || dimensions > DIMENSIONS_MAX) throw new SpecFault(`coordinates[0] must have 1 to ${DIMENSIONS_MAX} numbers`);
  const vectors = new Float64Array(hosts.length * dimensions);
  hosts.forEach((host, node) => {
    const place = rows[host];
    if (place === undefined) throw new SpecFault(`coordinates has ${rows.length} places and none for host ${host}`);
    if (!Array.isArray(place) || place.length !== dimensions || !place.every((value) => typeof value === 'number' && Math.abs(value) <= LATENCY_MS_MAX)) {
      throw new SpecFault(`coordinates[${host}] must be ${dimensions} numbers like [x,y], not ${JSON.stringify(place)}`);
    }
    vectors.set(place as number[], node * dimensions);
  });
  return Latencies.fromCoordinates({ dimensions, vectors });
}

/** One way is half the measured round trip, as everywhere here. */
function fromFile({ rows, units, unitMs, name }: RttMatrix, hosts: readonly number[]): Latencies {
  const outside = hosts.find((host) => host >= rows);
  if (outside !== undefined) throw new SpecFault(`${name} has ${rows} rows and none for host ${outside}`);
  for (const a of hosts) for (const b of hosts) {
    if (units[a * rows + b] !== units[b * rows + a]) throw new SpecFault(`${name} must be symmetric, but differs between hosts ${a} and ${b}`);
  }
  return Latencies.fromFunction(hosts.length, (a, b) => ((units[(hosts[a] as number) * rows + (hosts[b] as number)] as number) * unitMs) / 2);
}
