// Feasibility against brute force: every tree of small systems, and the trees that the exact decision returns.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Demand } from '../../../src/protocol/lagover/feasibility.ts';
import { describeInsufficiency, describeShortage, findShortage, findTree, meetsSufficientCondition, smallestSufficientSource } from '../../../src/protocol/lagover/feasibility.ts';
import { checkTree } from '../../../src/protocol/lagover/tree-check.ts';

const demand = (constraint: number, fanout: number): Demand => ({ constraint, fanout });
const systems = (peers: number) => fc.tuple(
  fc.integer({ min: 1, max: 3 }),
  fc.array(fc.record({ constraint: fc.integer({ min: 1, max: 5 }), fanout: fc.integer({ min: 0, max: 3 }) }), { minLength: 1, maxLength: peers }),
);
const PRINTED = [demand(1, 1), demand(2, 1), demand(4, 2), demand(3, 1), demand(3, 0)];
const REPAIRED = [demand(1, 1), demand(2, 1), demand(5, 2), demand(4, 1), demand(4, 0)];

/** Tries every way to fill depth after depth: who stands at depth d is any subset that fits and contains who must. */
function bruteForce(slots: number, depth: number, waiting: readonly Demand[]): boolean {
  if (waiting.length === 0) return true;
  if (slots === 0 || waiting.some(({ constraint }) => constraint < depth)) return false;
  for (let mask = 1; mask < 1 << waiting.length; mask++) {
    const here = waiting.filter((_, bit) => (mask >> bit) & 1);
    if (here.length > slots) continue;
    const next = here.reduce((sum, { fanout }) => sum + fanout, 0);
    if (bruteForce(next, depth + 1, waiting.filter((_, bit) => !((mask >> bit) & 1)))) return true;
  }
  return false;
}

test('the exact decision agrees with brute force', () => {
  fc.assert(fc.property(systems(6), ([sourceFanout, consumers]) => {
    assert.equal(findShortage(sourceFanout, consumers) === undefined, bruteForce(sourceFanout, 1, consumers));
  }), { numRuns: 1_500 });
});

test('the tree it finds is one, and serves everybody in time', () => {
  fc.assert(fc.property(systems(40), ([sourceFanout, consumers]) => {
    const tree = findTree(sourceFanout, consumers);
    if (tree === undefined) return;
    assert.deepEqual(checkTree(sourceFanout, consumers, tree.map((parent) => parent + 1)).faults, []);
  }), { numRuns: 500 });
});

test('3.3: the sufficient condition is sufficient', () => {
  fc.assert(fc.property(systems(30), ([sourceFanout, consumers]) => {
    if (meetsSufficientCondition(sourceFanout, consumers)) assert.equal(findShortage(sourceFanout, consumers), undefined);
  }), { numRuns: 1_000 });
});

test('the smallest sufficient source meets the condition, and one slot less does not', () => {
  fc.assert(fc.property(systems(30), ([, consumers]) => {
    const least = smallestSufficientSource(consumers, 0);
    assert.ok(meetsSufficientCondition(least, consumers));
    assert.ok(least === 0 || !meetsSufficientCondition(least - 1, consumers));
  }));
});

test('3.3.1 as printed is infeasible: four consumers need depth <= 3, only three fit', () => {
  const shortage = findShortage(1, PRINTED);
  assert.deepEqual(shortage, { slots: 1, depth: 3, consumers: 4 });
  assert.match(describeShortage(shortage), /^1 more slot at depth <= 3 needed: 4 consumers have/);
});

test('3.3.1 repaired is feasible by one tree, although the sufficient condition fails', () => {
  assert.deepEqual(findTree(1, REPAIRED), [-1, 0, 1, 2, 2]);
  assert.equal(meetsSufficientCondition(1, REPAIRED), false);
  assert.match(describeInsufficiency(1, REPAIRED) ?? '', /fails at latency constraint 4: 4 consumers .* have 3 slots$/);
});

test('a fractional constraint counts whole hops', () => {
  assert.equal(findShortage(1, [demand(1.9, 1), demand(1.9, 1)])?.depth, 1);
  assert.equal(findShortage(1, [demand(1.9, 1), demand(2.1, 1)]), undefined);
});

test('very lax constraints cost no time', () => {
  assert.equal(findShortage(1, [demand(1, 1), demand(1e12, 0)]), undefined);
  assert.deepEqual(findShortage(1, [demand(1, 0), demand(1e12, 0)]), { slots: 1, depth: 1e12, consumers: 2 });
});

test('a proposed tree: every kind of fault is named', () => {
  const consumers = [demand(1, 1), demand(3, 2), demand(2, 0), demand(9, 1), demand(9, 1)];
  assert.deepEqual(checkTree(2, consumers, [0, 1, 2, 5, 4]), {
    delays: [1, 2, 3, null, null],
    satisfied: 2,
    faults: [
      'consumer 4 is on a cycle',
      'consumer 3 stands at depth 3, and its latency constraint is 2',
      'consumer 4 has no path to the source',
      'consumer 5 has no path to the source',
    ],
  });
  assert.match(checkTree(1, consumers, [0, 0, -1, -1, 3]).faults.join('\n'), /the source has 2 children and a fan-out of 1\nconsumer 3 has 1 children/);
});
