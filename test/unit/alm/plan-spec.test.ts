// The file of `grove plan`: what it may say, and one clear sentence for each thing that is wrong with it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UNLIMITED, WorkBudget } from '../../../src/protocol/alm/budget.ts';
import type { PlanAnswer, PlanSpec } from '../../../src/sim/alm/plan-spec.ts';
import { answerPlan, parsePlan, treeLines } from '../../../src/sim/alm/plan-spec.ts';
import { SpecFault } from '../../../src/sim/spec-fields.ts';

const PLANE = { members: [0, 1, 2], degrees: [2, 2, 2], coordinates: [[0, 0], [3, 4], [6, 8]] };

function parsed(value: object): PlanSpec {
  const spec = parsePlan(value, undefined);
  assert.ok(!('infeasible' in spec), JSON.stringify(spec));
  return spec;
}

function answered(value: object): PlanAnswer {
  const answer = answerPlan(parsed(value), new WorkBudget(50_000), () => 0);
  assert.ok(!('infeasible' in answer), JSON.stringify(answer));
  return answer;
}

function reasonOf(value: object): string {
  const spec = parsePlan(value, undefined);
  const answer = 'infeasible' in spec ? spec : answerPlan(spec, UNLIMITED, () => 0);
  assert.ok('infeasible' in answer, 'there is a tree');
  return answer.reason;
}

function refused(value: unknown, sentence: RegExp): void {
  assert.throws(() => parsePlan(value, undefined), (fault) => fault instanceof SpecFault && sentence.test(fault.message));
}

test('hosts keep their numbers: any root, members in any order', () => {
  const answer = answered({ ...PLANE, root: 2, members: [0, 2, 1], degrees: [1, 2, 1] });
  assert.deepEqual(answer.parents, { 0: 1, 1: 2 });
  assert.deepEqual([answer.heightMs, answer.starBoundMs, answer.helpers, answer.bottleneckMbps], [10, 10, [], null]);
});

test('a session that holds links leaves the rest; lower priorities yield at helpers, and at own members the session counts as 1', () => {
  const instance = { members: [0, 1, 2, 3], helpers: [4], degrees: [1, 2, 2, 2, 5], coordinates: [[0, 0], [20, 0], [10, 11], [10, -12], [10, 0]] };
  const held = (priority: number) => ({ ...instance, used: [{ host: 4, priority, degree: 2 }], priority: 2 });
  assert.deepEqual(answered(held(3)).helpers, [4]);
  assert.deepEqual(answered(held(2)).helpers, [], 'three free links are fewer than minHelperDegree');
  assert.equal(parsed({ ...instance, used: [{ host: 1, priority: 2, degree: 1 }], priority: 3 }).instance.degrees[1], 2);
  assert.equal(parsed({ ...instance, used: [{ host: 1, priority: 1, degree: 1 }], priority: 3 }).instance.degrees[1], 1);
});

test('bandwidths: the widest tree, its narrowest link, and variance over all but the root', () => {
  const answer = answered({ ...PLANE, objective: 'bottleneck', upMbps: [10, 1, 20], downMbps: [9, 8, 7] });
  assert.deepEqual([answer.parents, answer.bottleneckMbps, answer.varianceMs2], [{ 1: 0, 2: 0 }, 7, 6.25]);
});

test('no tree: an answer with its reason', () => {
  assert.match(reasonOf({ ...PLANE, degrees: [2, 0, 2] }), /^member 1 has no free link/);
  assert.match(reasonOf({ ...PLANE, degrees: [1, 1, 1] }), /1 link too few/);
  assert.match(reasonOf({ ...PLANE, used: [{ host: 1, priority: 1, degree: 2 }] }), /^member 1 has no free link/);
  assert.match(reasonOf({ members: [0, 1, 2], degrees: [2, 2, 2], latencyMs: [[0, 1, null], [1, 0, null], [null, null, 0]] }), /host 2 cannot be reached from the root 0/);
});

test('members of degree 1 are leaves, one member is a tree, and a matrix need not be metric', () => {
  assert.deepEqual(answered({ ...PLANE, degrees: [1, 2, 1] }).parents, { 1: 0, 2: 1 });
  assert.deepEqual(answered({ members: [1], degrees: [0, 0], coordinates: [[0], [1]] }), {
    parents: {}, heightMs: 0, amcastHeightMs: 0, starBoundMs: 0, helpers: [], bottleneckMbps: null, varianceMs2: 0, moves: 0, elapsedMs: 0,
  });
  const answer = answered({ members: [0, 1, 2], degrees: [2, 2, 2], latencyMs: [[0, 100, 10], [100, 0, 10], [10, 10, 0]] });
  assert.deepEqual([answer.heightMs, answer.starBoundMs], [20, 20]);
});

test('the tree as text: each host below its parent, with its time', () => {
  const instance = { members: [0, 1, 2, 3], helpers: [4], degrees: [1, 2, 2, 2, 5], coordinates: [[0, 0], [20, 0], [10, 11], [10, -12], [10, 0]] };
  assert.deepEqual(treeLines(parsed(instance), answered(instance)), ['0  0.0 ms  root', '└─ 4  10.0 ms  helper', '   ├─ 1  20.0 ms', '   ├─ 2  21.0 ms', '   └─ 3  22.0 ms']);
});

describe('what is wrong is said', () => {
  const bad: readonly (readonly [string, unknown, RegExp])[] = [
    ['no object', [], /the instance must be a JSON object/],
    ['an unknown field', { ...PLANE, rout: 1 }, /unknown field "rout"/],
    ['no members', { ...PLANE, members: [] }, /at least the root/],
    ['members missing', { ...PLANE, members: undefined }, /members must be a list/],
    ['a member twice', { ...PLANE, members: [0, 1, 1] }, /members names host 1 twice/],
    ['a helper twice', { ...PLANE, members: [0], helpers: [2, 2] }, /helpers names host 2 twice/],
    ['a member that helps', { ...PLANE, helpers: [1] }, /host 1 is a member and a helper/],
    ['an unknown member', { ...PLANE, members: [0, 7] }, /members names host 7, but degrees has 3 entries/],
    ['a broken member', { ...PLANE, members: [0, 1.5] }, /whole numbers from 0, not 1.5/],
    ['a root that is no member', { ...PLANE, root: 2, members: [0, 1] }, /the root 2 is not a member/],
    ['a root that is no host', { ...PLANE, root: 'a' }, /root must be a whole number/],
    ['a negative degree', { ...PLANE, degrees: [2, -1, 2] }, /degrees\[1\] must be a whole number from 0/],
    ['a degree that is none', { ...PLANE, degrees: [2, 'x', 2] }, /degrees\[1\]/],
    ['no latencies', { ...PLANE, coordinates: undefined }, /latencyMs, coordinates or latencyFile, and exactly one/],
    ['two kinds of latencies', { ...PLANE, latencyMs: [[0]] }, /exactly one of them, not latencyMs and coordinates/],
    ['a coordinate that is NaN', { ...PLANE, coordinates: [[0, 0], [NaN, 1], [1, 1]] }, /coordinates\[1\] must be 2 numbers/],
    ['a coordinate short', { ...PLANE, coordinates: [[0, 0], [1], [1, 1]] }, /coordinates\[1\] must be 2 numbers/],
    ['no coordinates for a host', { ...PLANE, coordinates: [[0, 0]] }, /has 1 places and none for host 1/],
    ['a matrix that is not square', { ...PLANE, coordinates: undefined, latencyMs: [[0, 1], [1, 0], [1, 1]] }, /must be square: it has 3 rows, and row 0 has 2/],
    ['an asymmetric matrix', { ...PLANE, coordinates: undefined, latencyMs: [[0, 1, 2], [1, 0, 3], [2, 4, 0]] }, /symmetric, but \[1\]\[2\] is 3 and \[2\]\[1\] is 4/],
    ['one direction missing', { ...PLANE, coordinates: undefined, latencyMs: [[0, 1, 2], [1, 0, 3], [2, null, 0]] }, /symmetric, but \[1\]\[2\] is 3 and \[2\]\[1\] is null/],
    ['a pair without latency', { ...PLANE, coordinates: undefined, latencyMs: [[0, 1, 2], [1, 0, null], [2, null, 0]] }, /\[1\]\[2\] is null: every two hosts need a latency/],
    ['a negative latency', { ...PLANE, coordinates: undefined, latencyMs: [[0, -1, 2], [-1, 0, 3], [2, 3, 0]] }, /latencyMs\[0\]\[1\] must be a number from 0/],
    ['a latency that is NaN', { ...PLANE, coordinates: undefined, latencyMs: [[0, NaN, 2], [NaN, 0, 3], [2, 3, 0]] }, /latencyMs\[0\]\[1\] must be a number/],
    ['a latency file that is no path', { ...PLANE, coordinates: undefined, latencyFile: 3 }, /latencyFile must be the path/],
    ['an unknown algorithm', { ...PLANE, algorithm: 'x' }, /algorithm must be one of amcast, critical, best, not "x"/],
    ['an unknown choice', { ...PLANE, select: 'x' }, /select must be one of closest, minmax/],
    ['an unknown objective', { ...PLANE, objective: 'x' }, /objective must be one of height, bottleneck, variance/],
    ['a bottleneck without bandwidths', { ...PLANE, objective: 'bottleneck' }, /needs upMbps and downMbps/],
    ['too few bandwidths', { ...PLANE, upMbps: [1] }, /upMbps has 1 entries and degrees has 3/],
    ['a priority out of range', { ...PLANE, priority: 4 }, /priority must be a whole number from 1 to 3, not 4/],
    ['a used priority out of range', { ...PLANE, used: [{ host: 1, priority: 0, degree: 1 }] }, /used\[0\]: priority must be/],
    ['used by an unknown host', { ...PLANE, used: [{ host: 9, priority: 1, degree: 1 }] }, /used\[0\]: host must be a whole number from 0 to 2/],
    ['a negative budget', { ...PLANE, budgetMs: -1 }, /budgetMs must be a number from 0/],
    ['adjust as a word', { ...PLANE, adjust: 'yes' }, /adjust must be true or false/],
  ];
  for (const [name, value, sentence] of bad) test(name, () => refused(value, sentence));
});
