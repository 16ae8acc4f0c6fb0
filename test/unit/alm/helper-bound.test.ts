/**
 * The bound on trees with helpers that planners are held against.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomFrom } from '../../../src/core/random.ts';
import { UNLIMITED, WorkBudget } from '../../../src/protocol/alm/budget.ts';
import { HELPER_RULE } from '../../../src/protocol/alm/helpers.ts';
import type { Instance } from '../../../src/protocol/alm/instance.ts';
import { Latencies } from '../../../src/protocol/alm/latencies.ts';
import { optimum } from '../../../src/protocol/alm/optimum.ts';
import { plan } from '../../../src/protocol/alm/plan.ts';
import { helperBoundMs } from '../../../src/sim/alm/helper-bound.ts';

/** Hosts at places in the plane; members first. */
function instanceOf(members: number, places: readonly (readonly [number, number])[], degrees: readonly number[]): Instance {
  return { members, size: places.length, degrees: Int32Array.from(degrees), latencies: Latencies.fromCoordinates({ dimensions: 2, vectors: Float64Array.from(places.flat()) }), upMbps: undefined, downMbps: undefined };
}

function drawn(seed: number, members: number, helpers: number): Instance {
  const random = randomFrom(seed);
  const hosts = Array.from({ length: members + helpers }, (_, host) => host);
  return instanceOf(members, hosts.map(() => [100 * random.unit(), 100 * random.unit()] as const), hosts.map((host) => (host < members ? 2 + random.below(3) : 4)));
}

test('without helpers it is the optimum', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const instance = drawn(seed, 4 + (seed % 4), 0);
    const { heightMs, isProven } = optimum(instance, Infinity, Infinity, UNLIMITED);
    assert.ok(isProven && Math.abs(helperBoundMs(instance) - heightMs) < 1e-9, `seed ${seed}`);
  }
});

test('with helpers no plan is lower, and where one helper is wanted once it is what a plan can reach', () => {
  let reached = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const instance = drawn(seed, 6, 10);
    const found = plan(instance, { planner: 'best', adjust: true, objective: 'height', helpers: HELPER_RULE, random: randomFrom(seed), budget: new WorkBudget(20_000) });
    assert.ok(typeof found !== 'string');
    const boundMs = helperBoundMs(instance);
    assert.ok(boundMs <= found.tree.heightMs + 1e-9, `seed ${seed}`);
    if (boundMs > found.tree.heightMs - 1e-9) reached++;
  }
  assert.ok(reached >= 10, `${reached} of 20`);
  // A root with one link, and a helper beside it: it hands on to all three.
  const star = instanceOf(4, [[0, 0], [20, 0], [-20, 0], [0, 20], [0, 1]], [1, 2, 2, 2, 4]);
  assert.ok(Math.abs(helperBoundMs(star) - (1 + Math.hypot(20, 1))) < 1e-9);
});
