/**
 * Latency models: what every model promises, the shape of each, and the sentences about bad matrix files.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { GroveError } from '../../../src/core/errors.ts';
import { randomFrom } from '../../../src/core/random.ts';
import { latencyByName, readMatrix } from '../../../src/sim/edge/latency-file.ts';
import { EuclideanLatency } from '../../../src/sim/latency/latency-model.ts';
import { MatrixLatency } from '../../../src/sim/latency/matrix.ts';
import { TransitStubLatency } from '../../../src/sim/latency/transit-stub.ts';

const folder = mkdtempSync(join(tmpdir(), 'grove-latency-'));
after(() => rmSync(folder, { recursive: true }));

/** Three places: 10, 20 and 40 ms of round trip, in units of 0.5 ms; not symmetric from the third to the first. */
const UNITS = [0, 20, 40, 20, 0, 80, 60, 80, 0];

function write(name: string, meta: unknown, bytes: Uint8Array): string {
  const path = join(folder, `${name}.u16`);
  writeFileSync(join(folder, 'meta.json'), typeof meta === 'string' ? meta : JSON.stringify(meta));
  writeFileSync(path, bytes);
  return path;
}

function encode(units: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(units.length * 2);
  const view = new DataView(bytes.buffer);
  units.forEach((unit, i) => view.setUint16(2 * i, unit, true));
  return bytes;
}

test('every model: symmetric, zero to oneself, the same from the same seed, independent of who is asked first', () => {
  for (const name of ['constant', 'euclidean', 'transit-stub']) {
    const one = latencyByName(name, randomFrom(4));
    const two = latencyByName(name, randomFrom(4));
    for (let a = 40; a >= 0; a--) {
      for (let b = 0; b < 40; b++) two.oneWayMs(a, b);
    }
    for (let a = 0; a < 40; a++) {
      for (let b = 0; b < 40; b++) {
        const ms = one.oneWayMs(a, b);
        assert.ok(a === b ? ms === 0 : ms > 0 && ms < 1000, `${name}: ${ms}`);
        assert.equal(ms, two.oneWayMs(a, b));
        assert.ok(Math.abs(ms - one.oneWayMs(b, a)) < 1e-9);
      }
    }
  }
});

test('euclidean: base plus distance', () => {
  const model = new EuclideanLatency(randomFrom(1), { side: 100, msPerUnit: 2, baseMs: 3 });
  const a = model.locate(0);
  const b = model.locate(1);
  assert.ok([a.x, a.y, b.x, b.y].every((value) => value >= 0 && value < 100));
  assert.equal(model.oneWayMs(0, 1), 3 + 2 * Math.sqrt((a.x - b.x) ** 2 + (a.y - b.y) ** 2));
});

test('transit-stub: near inside a stub domain, at least a transit link away between distant ones', () => {
  const model = new TransitStubLatency(randomFrom(9));
  const byLatency: number[] = [];
  for (let a = 0; a < 300; a++) {
    for (let b = 0; b < a; b++) {
      const ms = model.oneWayMs(a, b);
      byLatency.push(ms);
      if (model.routerOf(a) === model.routerOf(b)) assert.ok(ms >= 6 && ms <= 16);
    }
  }
  byLatency.sort((x, y) => x - y);
  assert.ok((byLatency[0] as number) < 60);
  const median = byLatency[byLatency.length >> 1] as number;
  assert.ok(median > 150 && median < 450, `median ${median}`);
});

test('transit-stub: every size of domains is connected', () => {
  for (const [transitRouters, transitDomains, stubRouters] of [[1, 1, 3], [2, 2, 6], [5, 3, 20], [7, 2, 40]] as const) {
    const model = new TransitStubLatency(randomFrom(3), { transitRouters, transitDomains, stubRouters });
    assert.ok(model.oneWayMs(0, 1) < Infinity);
  }
});

test('a matrix: half the round trip, first peers on different rows, later ones share and are neighbours', () => {
  write('good', { n: 3, unit_ms: 0.5, dtype: 'uint16le' }, encode(UNITS));
  const matrix = readMatrix(folder);
  const model = new MatrixLatency(matrix, randomFrom(8));
  assert.deepEqual([0, 1, 2].map((peer) => model.rowOf(peer)).sort(), [0, 1, 2]);
  const at = (row: number): number => [0, 1, 2].findIndex((peer) => model.rowOf(peer) === row);
  assert.deepEqual([model.oneWayMs(at(0), at(1)), model.oneWayMs(at(1), at(2))], [5, 20]);
  assert.deepEqual([model.oneWayMs(at(0), at(2)), model.oneWayMs(at(2), at(0))], [10, 15]);
  const later = Array.from({ length: 50 }, (_, i) => i + 3);
  const neighbour = later.find((peer) => model.rowOf(peer) === model.rowOf(0)) as number;
  assert.equal(model.oneWayMs(0, neighbour), 0.5);
  assert.equal(model.oneWayMs(neighbour, neighbour), 0);
});

test('a matrix is found by its file, its meta.json or its folder', () => {
  const path = write('good', { n: 3, unit_ms: 0.5 }, encode(UNITS));
  for (const name of [path, join(folder, 'meta.json'), folder]) {
    assert.equal(latencyByName(name, randomFrom(8)).places, 3);
  }
});

test('bad latency names and files are usage errors that say what is wrong', () => {
  const good = encode(UNITS);
  const cases: [string, RegExp][] = [
    ['lightspeed', /no latency model or file "lightspeed": use 'constant', 'euclidean', 'transit-stub', or the path/],
  ];
  const refuses = (name: string, expected: RegExp): void => {
    const matches = (error: unknown): boolean =>
      error instanceof GroveError && error.code === 'usage' && expected.test(error.message);
    assert.throws(() => latencyByName(name, randomFrom(1)), matches, name);
  };
  for (const [name, expected] of cases) refuses(name, expected);
  refuses(write('good', '{', good), /meta\.json is not valid JSON/);
  refuses(write('good', 'null', good), /needs "n"/);
  refuses(write('good', { n: 2.5, unit_ms: 1 }, good), /needs "n"/);
  refuses(write('good', { n: 3, unit_ms: 0 }, good), /needs "unit_ms"/);
  refuses(write('good', { n: 3, unit_ms: 1, dtype: 'float32' }, good), /only "uint16le"/);
  refuses(write('good', { n: 4, unit_ms: 1 }, good), /has 18 bytes, but its meta\.json promises 4 x 4/);
  refuses(write('good', { n: 3, unit_ms: 1 }, new Uint8Array(0)), /has 0 bytes/);
  const empty = mkdtempSync(join(folder, 'empty-'));
  refuses(empty, /holds no latency matrix/);
  writeFileSync(join(empty, 'lone.u16'), good);
  refuses(join(empty, 'lone.u16'), /Cannot read .*meta\.json/);
});
