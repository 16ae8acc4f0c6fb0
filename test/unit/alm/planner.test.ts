// What every plan is, whatever the instance: a tree within its degrees, never higher than promised, the same for the same seed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomFrom } from '../../../src/core/random.ts';
import { ClockBudget, UNLIMITED, WorkBudget } from '../../../src/protocol/alm/budget.ts';
import { HELPER_RULE } from '../../../src/protocol/alm/helpers.ts';
import type { Instance } from '../../../src/protocol/alm/instance.ts';
import { missingLinks, NONE } from '../../../src/protocol/alm/instance.ts';
import { Latencies } from '../../../src/protocol/alm/latencies.ts';
import { bottleneckMbps, starBoundMs, varianceMs2 } from '../../../src/protocol/alm/measures.ts';
import { optimum } from '../../../src/protocol/alm/optimum.ts';
import type { Plan, PlanOptions } from '../../../src/protocol/alm/plan.ts';
import { OBJECTIVES, plan, PLANNER_NAMES } from '../../../src/protocol/alm/plan.ts';
import { replan } from '../../../src/protocol/alm/replan.ts';
import { Tree } from '../../../src/protocol/alm/tree.ts';
import { anyInstance, assertValid, feasibleInstance, inPlane, lowestByTrial, ofMatrix, onLine, parentsOf } from './instances.ts';

const WORK = 20_000;

function optionsOf(rest: Partial<PlanOptions> = {}, work = WORK): PlanOptions {
  return { planner: 'best', helpers: { ...HELPER_RULE, minDegree: 3 }, adjust: true, objective: 'height', random: randomFrom(1), budget: new WorkBudget(work), ...rest };
}

function planned(instance: Instance, rest: Partial<PlanOptions> = {}, work = WORK): Plan {
  const found = plan(instance, optionsOf(rest, work));
  assert.ok(typeof found !== 'string', String(found));
  return found;
}

const withBandwidth = (instance: Instance, mbps: readonly number[]): Instance => ({
  ...instance, upMbps: Float64Array.from({ length: instance.size }, (_, i) => mbps[i % mbps.length] as number),
  downMbps: Float64Array.from({ length: instance.size }, (_, i) => mbps[(i * 7 + 3) % mbps.length] as number),
});

test('every planner and objective gives a tree of all members within its degrees', () => {
  fc.assert(fc.property(feasibleInstance(14, 8), fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 3, maxLength: 12 }), (instance, mbps) => {
    for (const planner of PLANNER_NAMES) for (const objective of OBJECTIVES) assertValid(planned(withBandwidth(instance, mbps), { planner, objective }, 3_000).tree);
  }), { seed: 1, numRuns: 60 });
});

test('there is a plan exactly if members, and for planners with helpers those too, have links enough', () => {
  fc.assert(fc.property(anyInstance(9, 3), (instance) => {
    const spare = instance.degrees.subarray(instance.members).reduce((sum, degree) => sum + Math.max(0, degree - 2), 0);
    for (const planner of PLANNER_NAMES) {
      const missing = missingLinks(instance) - (planner === 'amcast' ? 0 : spare);
      assert.equal(typeof plan(instance, optionsOf({ planner }, 2_000)) !== 'string', missing <= 0);
    }
  }), { seed: 2, numRuns: 300 });
});

test('no tree is lower than the bound, adjusting never raises one, and best is never worse than critical + adjust nor takes more helpers', () => {
  fc.assert(fc.property(feasibleInstance(12, 10), (instance) => {
    const bound = starBoundMs(instance);
    for (const planner of ['amcast', 'critical'] as const) {
      const plain = planned(instance, { planner, adjust: false }).tree;
      const adjusted = planned(instance, { planner }).tree;
      assert.ok(plain.heightMs >= bound - 1e-9 && adjusted.heightMs >= bound - 1e-9);
      assert.ok(adjusted.heightMs <= plain.heightMs);
    }
    const { tree } = planned(instance);
    const critical = planned(instance, { planner: 'critical' }).tree;
    assert.ok(tree.heightMs >= bound - 1e-9 && tree.heightMs <= critical.heightMs + 1e-9);
    assert.ok(tree.helpers <= critical.helpers);
  }), { seed: 3, numRuns: 100 });
});

test('the same seed and the same work give the same tree; AMCast needs neither', () => {
  fc.assert(fc.property(feasibleInstance(20, 10), fc.integer({ min: 0, max: 1_000 }), (instance, seed) => {
    const once = planned(instance, { random: randomFrom(seed) });
    const again = planned(instance, { random: randomFrom(seed) });
    assert.deepEqual(parentsOf(once.tree), parentsOf(again.tree));
    assert.equal(once.moves, again.moves);
  }), { seed: 4, numRuns: 40 });
});

test('branch and bound finds what trying all trees finds', () => {
  fc.assert(fc.property(feasibleInstance(6).filter(({ members }) => members > 1), (instance) => {
    const found = optimum({ ...instance, size: instance.members }, 1e9, 1e6, UNLIMITED);
    assert.ok(found.isProven);
    assert.equal(found.heightMs, lowestByTrial(instance));
    assert.equal(Tree.fromParents(instance, found.parents as Int32Array).heightMs, found.heightMs);
  }), { seed: 5, numRuns: 150 });
});

test('best is the lowest there is for ten members', () => {
  fc.assert(fc.property(feasibleInstance(10), (instance) => {
    const { tree } = planned(instance, {}, 1e6);
    assert.ok(optimum(instance, tree.heightMs, 1e6, UNLIMITED).heightMs >= tree.heightMs - 1e-9);
  }), { seed: 6, numRuns: 30 });
});

test('fewest helpers for the same height: one that gains nothing is not kept', () => {
  const degrees = [1, 2, 2, 2, 4, 4];
  const gaining = planned(inPlane([[0, 0], [20, 0], [10, 11], [10, -12], [10, 0], [10, 0]], degrees, 4)).tree;
  assert.deepEqual([gaining.helpers, gaining.heightMs], [1, 22]);
  // On a line the members pass it on as fast by themselves.
  const idle = planned(onLine([0, 20, 21, 22, 10, 10], degrees, 4)).tree;
  assert.deepEqual([idle.helpers, idle.heightMs], [0, 22]);
});

test('objective bottleneck: no tree is wider, and of the widest it takes a low one', () => {
  fc.assert(fc.property(feasibleInstance(6).filter(({ members }) => members > 1), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 4, maxLength: 9 }), (plain, mbps) => {
    const instance = withBandwidth(plain, mbps);
    const width = bottleneckMbps(planned(instance, { objective: 'bottleneck' }).tree) as number;
    const { members, degrees } = instance;
    for (const wider of new Set(mbps.filter((value) => value > width))) {
      const isPossible = [...Array(members).keys()].every((node) => node === 0 || (instance.downMbps?.[node] as number) >= wider);
      const links = [...Array(members).keys()].map((node) => ((instance.upMbps?.[node] as number) >= wider ? (degrees[node] as number) : node === 0 ? 0 : 1));
      assert.ok(!isPossible || links[0] === 0 || links.reduce((sum, value) => sum + value, 0) < 2 * (members - 1), `${wider} would be possible`);
    }
  }), { seed: 7, numRuns: 200 });
});

test('objective variance: more even than the low tree, and nobody later than by AMCast or the tree it began with', () => {
  fc.assert(fc.property(feasibleInstance(12), (instance) => {
    const low = planned(instance, { planner: 'amcast' }).tree;
    const even = planned(instance, { objective: 'variance' }).tree;
    assert.ok(varianceMs2(even) <= varianceMs2(low) + 1e-6);
    assert.ok(even.heightMs <= Math.max(low.heightMs, planned(instance, { planner: 'amcast', adjust: false }).tree.heightMs) + 1e-9);
  }), { seed: 8, numRuns: 60 });
});

test('the star is no bound where a relay beats the direct link', () => {
  const instance = ofMatrix([[0, 100, 10], [100, 0, 10], [10, 10, 0]], [2, 2, 2]);
  assert.equal(starBoundMs(instance), 20);
  assert.equal(planned(instance).tree.heightMs, 20);
});

test('a first tree that takes too long is finished in a hurry, and is a tree', () => {
  const members = 2_000;
  let readings = 0;
  const clock = (): number => readings++;
  const degrees = Array.from({ length: members }, (_, i) => (i % 5 === 0 ? 6 : 1));
  const { tree } = planned(onLine(Array.from({ length: members }, (_, i) => (i * 37) % 1_009), degrees), { budget: new ClockBudget(clock, 20) });
  assertValid(tree);
  assert.ok(readings < 60, `the clock was read ${readings} times: the rest was not built with the same care`);
});

test('a budget by a clock ends the search: the clock is what the caller says it is', () => {
  let nowMs = 0;
  const clock = (): number => (nowMs += 1);
  const { tree } = planned(onLine(Array.from({ length: 40 }, (_, i) => (i * 37) % 101), new Array<number>(40).fill(3)), { budget: new ClockBudget(clock, 50) });
  assertValid(tree);
  assert.ok(nowMs <= 60, `${nowMs} readings`);
});

test('members know their latencies: what is measured goes before what coordinates say', () => {
  const columns = { dimensions: 2, vectors: Float64Array.of(0, 0, 3, 4, 6, 8), heights: Float64Array.of(1, 1, 0) };
  const latencies = Latencies.fromCoordinates(columns, { size: 2, values: Float64Array.of(0, 9, 9, 0) });
  assert.deepEqual([latencies.between(0, 1), latencies.between(0, 2), latencies.between(1, 2)], [9, 11, 6]);
});

test('a plan that is repaired keeps every link that can stay', () => {
  fc.assert(fc.property(feasibleInstance(16, 5), fc.integer({ min: 1, max: 15 }), (instance, gone) => {
    const before = planned(instance, { planner: 'critical' }).tree;
    const previous = Int32Array.from(before.parent);
    const same = replan(instance, previous, 0);
    assert.ok(typeof same !== 'string');
    assert.deepEqual(parentsOf(same.tree), parentsOf(before));
    const node = 1 + (gone % Math.max(1, instance.members - 1));
    if (node >= instance.members) return;
    // A member loses its place: its children keep theirs below it, and only it moves.
    previous[node] = NONE;
    const repaired = replan(instance, previous, 0);
    assert.ok(typeof repaired !== 'string');
    assertValid(repaired.tree);
    assert.equal(repaired.moved, 0);
    for (let other = 1; other < instance.members; other++) if (other !== node) assert.ok(repaired.tree.parent[other] === before.parent[other] || before.parent[other] as number >= instance.members);
  }), { seed: 9, numRuns: 200 });
});

test('a helper that is lost: its children alone find new parents', () => {
  const instance = onLine([0, 20, 21, 22, 10], [2, 3, 2, 2, 4], 4);
  const previous = Int32Array.from([NONE, 4, 4, 4, 0]);
  const lost = { ...instance, degrees: Int32Array.from([2, 3, 2, 2, 0]) };
  const repaired = replan(lost, previous, 0);
  assert.ok(typeof repaired !== 'string');
  assertValid(repaired.tree);
  assert.deepEqual([repaired.moved, repaired.tree.present[4]], [3, 0]);
});

test('degrees that shrank are respected after a repair', () => {
  fc.assert(fc.property(feasibleInstance(12), fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 12, maxLength: 12 }), (instance, bounds) => {
    const before = planned(instance, { planner: 'amcast' }).tree;
    const shrunk = { ...instance, degrees: instance.degrees.map((degree, node) => Math.min(degree, bounds[node] as number)) };
    const repaired = replan(shrunk, before.parent, 3);
    if (missingLinks(shrunk) > 0) assert.equal(typeof repaired, 'string');
    else {
      assert.ok(typeof repaired !== 'string');
      assertValid(repaired.tree);
    }
  }), { seed: 10, numRuns: 300 });
});
