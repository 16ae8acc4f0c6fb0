/**
 * Latency models by name, and measured matrices from files.
 *
 * A matrix on disk is a file of little-endian 16-bit round-trip times beside a `meta.json` that says how many rows it
 * has and what a unit is. Whatever is wrong with the two is a usage error with a sentence, because the path was typed
 * by a person.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { GroveError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import type { LatencyModel } from '../latency/latency-model.ts';
import { ConstantLatency, EuclideanLatency } from '../latency/latency-model.ts';
import type { RttMatrix } from '../latency/matrix.ts';
import { MatrixLatency } from '../latency/matrix.ts';
import { TransitStubLatency } from '../latency/transit-stub.ts';

const META = 'meta.json';
const MATRIX_SUFFIX = '.u16';
const ROWS_MAX = 20_000;

/** 'constant', 'euclidean', 'transit-stub', or the path of a matrix file, of its meta.json, or of their folder. */
export function latencyByName(name: string, random: Random): LatencyModel {
  if (name === 'constant') return new ConstantLatency();
  if (name === 'euclidean') return new EuclideanLatency(random);
  if (name === 'transit-stub') return new TransitStubLatency(random);
  return new MatrixLatency(readMatrix(name), random);
}

/** Reads a matrix and checks that it is what its meta.json says. */
export function readMatrix(path: string): RttMatrix {
  const matrixPath = findMatrix(path);
  const meta = readMeta(join(dirname(matrixPath), META));
  const bytes = read(matrixPath);
  const sliceBytes = meta.rows * meta.rows * 2;
  if (bytes.length === 0 || bytes.length % sliceBytes !== 0) {
    const expected = `${meta.rows} x ${meta.rows} values of 2 bytes (${sliceBytes} bytes, or several times that)`;
    throw usage(`${matrixPath} has ${bytes.length} bytes, but its ${META} promises ${expected}.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, sliceBytes);
  const units = new Uint16Array(meta.rows * meta.rows);
  for (let i = 0; i < units.length; i++) units[i] = view.getUint16(2 * i, true);
  return { name: basename(matrixPath), rows: meta.rows, unitMs: meta.unitMs, units };
}

function findMatrix(path: string): string {
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (cause) {
    const known = "'constant', 'euclidean', 'transit-stub'";
    throw usage(`There is no latency model or file "${path}": use ${known}, or the path of a latency matrix.`, cause);
  }
  if (!isFolder && basename(path) !== META) return path;
  const folder = isFolder ? path : dirname(path);
  const found = readdirSync(folder).filter((name) => name.endsWith(MATRIX_SUFFIX)).sort()[0];
  if (found === undefined) throw usage(`${folder} holds no latency matrix: no file there ends in ${MATRIX_SUFFIX}.`);
  return join(folder, found);
}

function readMeta(path: string): { rows: number; unitMs: number } {
  let meta: unknown;
  try {
    meta = JSON.parse(read(path).toString('utf8'));
  } catch (cause) {
    if (cause instanceof GroveError) throw cause;
    throw usage(`${path} is not valid JSON.`, cause);
  }
  const { n, unit_ms: unitMs, dtype } = (meta ?? {}) as Record<string, unknown>;
  if (typeof n !== 'number' || !Number.isInteger(n) || n < 1 || n > ROWS_MAX) {
    throw usage(`${path} needs "n", the number of rows: an integer from 1 to ${ROWS_MAX}.`);
  }
  if (typeof unitMs !== 'number' || !(unitMs > 0) || unitMs === Infinity) {
    throw usage(`${path} needs "unit_ms", the milliseconds one unit stands for: a positive number.`);
  }
  if (dtype !== undefined && dtype !== 'uint16le') {
    throw usage(`${path} says dtype "${String(dtype)}", but only "uint16le" can be read.`);
  }
  return { rows: n, unitMs };
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw usage(`Cannot read ${path}: check that it exists and is readable.`, cause);
  }
}

function usage(sentence: string, cause?: unknown): GroveError {
  return new GroveError('usage', sentence, { cause });
}
