/** Both coordinate models on a space that can be embedded exactly, the optimiser beneath, and samples that cannot be true. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { randomFrom } from '../../../src/core/random.ts';
import { createModel, MODEL_NAMES } from '../../../src/protocol/measure/model.ts';
import { minimise } from '../../../src/protocol/measure/simplex.ts';
import { originCoordinate, updatedCoordinate } from '../../../src/protocol/measure/vivaldi.ts';
import { runCoordinateSimulation } from '../../../src/sim/coordinates/run-coordinates.ts';
import type { RttMatrix } from '../../../src/sim/latency/matrix.ts';

/** Round trips of points in a square, plus what each access link adds. */
function plane(rows: number, seed: number): RttMatrix {
  const random = randomFrom(seed);
  const points = Array.from({ length: rows }, () => [200 * random.unit(), 200 * random.unit(), 2 + 10 * random.unit()] as const);
  const units = new Uint16Array(rows * rows);
  points.forEach(([x, y, h], i) => points.forEach(([u, v, g], j) => {
    if (i !== j) units[i * rows + j] = Math.round((Math.sqrt((x - u) ** 2 + (y - v) ** 2) + h + g) * 8);
  }));
  return { name: 'plane', rows, unitMs: 0.125, units };
}

test('[0074] downhill simplex finds the minimum of a sum of absolute differences', () => {
  const { at, value } = minimise(([x = 0, y = 0]) => Math.abs(x - 3) + Math.abs(y + 4) + Math.abs(x + y + 1), [50, 50], { evaluationsMax: 800, step: 10, tolerance: 1e-9, restarts: 3 });
  assert.ok(value < 0.05, `${value} at ${at.join(', ')}`);
});

test('the optimiser never evaluates more often than it may', () => {
  let count = 0;
  minimise((x) => (count++, x.reduce((sum, value) => sum + value * value, 0)), [1, 2, 3, 4], { evaluationsMax: 60, step: 1, tolerance: 0, restarts: 5 });
  assert.ok(count <= 60 + 6, `${count}`);
});

test('a peer that claims to stand anywhere moves others by a quarter of a second at most, and farther out than anybody can be not at all', () => {
  const self = originCoordinate(2);
  const liar = { vector: [90_000, 0], height: 1, error: 0.01 };
  const moved = updatedCoordinate(self, liar, 1, 0.5);
  assert.ok(Math.hypot(...moved.vector) > 200 && Math.hypot(...moved.vector) <= 250, moved.vector.join());
  assert.equal(updatedCoordinate(self, { ...liar, vector: [1e30, 0] }, 1, 0.5), self);
  assert.equal(updatedCoordinate(self, { ...liar, vector: [0, 0], height: 1e30 }, 1, 0.5), self);
});

for (const model of MODEL_NAMES) {
  describe(model, () => {
    test('predicts a space that has a map, from a few measured pairs of each peer', () => {
      const { medianRelativeError } = runCoordinateSimulation(plane(80, 4), { model, dimensions: 2, leafset: 8, random: 8, minutes: 40, seed: 2 });
      assert.ok(medianRelativeError < 0.06, `${medianRelativeError}`);
    });

    test('samples that cannot be true change nothing', () => {
      const one = createModel(model, 4);
      const before = one.coordinate;
      for (const rttMs of [0, -5, Number.NaN, Infinity, 1e9]) one.observe('x', originCoordinate(4), rttMs, 0.5);
      for (let i = 0; i < 20; i++) one.observe(`y${i}`, originCoordinate(3), 20, 0.5);
      assert.deepEqual(one.coordinate.vector, before.vector);
    });

    test('a round trip that was long by accident is filtered out', () => {
      const [calm, noisy] = [createModel(model, 2), createModel(model, 2)];
      const random = randomFrom(1);
      for (let i = 0; i < 400; i++) {
        const remote = { vector: [(i % 5) * 30, (i % 3) * 40], height: 1, error: 0.1 };
        const draw = random.unit();
        calm.observe(`p${i % 15}`, remote, 50, draw);
        noisy.observe(`p${i % 15}`, remote, i % 4 === 3 && i > 60 ? 900 : 50, draw);
      }
      noisy.coordinate.vector.forEach((value, i) => assert.ok(Math.abs(value - (calm.coordinate.vector[i] as number)) < 20));
    });

    test('begins where it was when it last ran', () => {
      const at = { vector: [3, 4], height: 2, error: 0.2 };
      assert.equal(createModel(model, 2, at).coordinate, at);
      assert.notEqual(createModel(model, 3, at).coordinate, at, 'another space is another place');
    });
  });
}
