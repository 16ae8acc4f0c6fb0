// Adaptive: its three moves one by one, what they leave undisturbed, and the systems the paper's algorithms cannot solve.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decideAdaptive, decideAdaptiveAtSource } from '../../../src/protocol/lagover/adaptive.ts';
import type { ChildView, CounterpartView, InitiatorView, RuleOptions } from '../../../src/protocol/lagover/views.ts';
import { SOURCE } from '../../../src/protocol/lagover/views.ts';
import { checkForest } from '../../../src/sim/lagover/check-forest.ts';
import { Forest } from '../../../src/sim/lagover/forest.ts';
import { carryOut } from '../../../src/sim/lagover/interactions.ts';
import { LagoverRounds, ROUNDS_DEFAULTS } from '../../../src/sim/lagover/rounds.ts';

const DISPLACING: RuleOptions = { rules: 'displacing', source: 'pull' };
const PAPER: RuleOptions = { rules: 'paper', source: 'pull' };
const initiator = (constraint: number, fanout: number, children: readonly ChildView[] = []): InitiatorView => ({ id: 1, constraint, fanout, children });
const child = (id: number, constraint: number, fanout: number, rest: Partial<ChildView> = {}): ChildView => ({ id, constraint, fanout, hop: 1, ...rest });

/** j has id 2, stands at depth 2 below peer 3, and its tree has no free slot unless told otherwise. */
function counterpart(constraint: number, fanout: number, rest: Partial<CounterpartView> = {}): CounterpartView {
  return { id: 2, constraint, fanout, hop: 1, delay: 2, parent: { id: 3, constraint: 1, delay: 1, hop: 1 }, children: [], ...rest };
}

describe('a newcomer', () => {
  test('takes a free slot in time', () => {
    assert.deepEqual(decideAdaptive(initiator(3, 0), counterpart(2, 1), DISPLACING), { kind: 'attach', child: 1, parent: 2 });
  });
  test('with more slots than j takes its place and adopts j and its children', () => {
    const j = counterpart(3, 1, { children: [child(7, 3, 0)] });
    assert.deepEqual(decideAdaptive(initiator(9, 2), j, PAPER), { kind: 'replace', parent: 3, replaced: 2, adopted: [2, 7], discarded: [] });
  });
  test('does not, when j cannot stand deeper', () => {
    const j = counterpart(2, 1, { children: [child(7, 3, 0)] });
    assert.deepEqual(decideAdaptive(initiator(9, 2), j, PAPER), { kind: 'ask' });
  });
  test('is routed down to the child below which a slot is known', () => {
    const j = counterpart(2, 2, { children: [child(7, 3, 1, { openDelay: 5 }), child(8, 3, 1, { openDelay: 4 })], openDelayOfTree: 4 });
    assert.deepEqual(decideAdaptive(initiator(5, 0), j, DISPLACING), { kind: 'refer', to: 8 });
  });
  test('is routed up when the slot is elsewhere', () => {
    const j = counterpart(2, 1, { children: [child(7, 9, 0)], openDelayOfTree: 3 });
    assert.deepEqual(decideAdaptive(initiator(5, 0), j, DISPLACING), { kind: 'refer', to: 3 });
  });
  test('turns out the laxer one with the fewest slots when none is left, under `displacing` only', () => {
    const j = counterpart(2, 2, { children: [child(7, 9, 3), child(8, 6, 1, { grandchildren: [11, 12] })] });
    assert.deepEqual(decideAdaptive(initiator(5, 1), j, DISPLACING), { kind: 'replace', parent: 2, replaced: 8, adopted: [11], discarded: [] });
    assert.deepEqual(decideAdaptive(initiator(5, 1), j, PAPER), { kind: 'ask' });
  });
  test('that comes in vain lets j change places with a child that has more slots', () => {
    const j = counterpart(3, 1, { children: [child(7, 3, 2)] });
    assert.deepEqual(decideAdaptive(initiator(3, 0), j, DISPLACING), { kind: 'lift', child: 7, parent: 2 });
  });
  test('at a floating peer goes to the source, and from a full source to one of its children', () => {
    assert.deepEqual(decideAdaptive(initiator(3, 0), counterpart(3, 1, { parent: undefined }), DISPLACING), { kind: 'refer', to: SOURCE });
    const source = { hasFreeSlot: false, hop: 1, laxestChild: child(4, 2, 1), anyChild: 4 };
    assert.deepEqual(decideAdaptiveAtSource(initiator(3, 0), source, DISPLACING), { kind: 'refer', to: 4 });
  });
});

test('lifting a child moves nobody deeper but its parent, and exceeds no fan-out', () => {
  const forest = new Forest(1, [2, 4, 0, 0, 0, 0, 0].map((fanout) => ({ constraint: 9, fanout })));
  for (let peer = 1; peer <= 7; peer++) forest.join(peer);
  for (const [below, above] of [[1, 0], [2, 1], [3, 1], [4, 2], [5, 2], [6, 2], [7, 2]] as const) forest.attach(below, above);
  const before = [...forest.delay];
  carryOut(forest, 1, { kind: 'lift', child: 2, parent: 1 }, () => {});
  assert.deepEqual(checkForest(forest), []);
  assert.deepEqual([forest.parent[2], forest.parent[1], forest.satisfiedCount], [0, 2, 7]);
  for (const peer of [2, 3, 4, 5, 6, 7]) assert.ok((forest.delay[peer] as number) <= (before[peer] as number));
});

test('the repaired example of 3.3.1 is solved by every seed', () => {
  const consumers = [[1, 1], [2, 1], [5, 2], [4, 1], [4, 0]].map(([constraint, fanout]) => ({ constraint: constraint as number, fanout: fanout as number }));
  for (let seed = 1; seed <= 100; seed++) {
    const run = new LagoverRounds({ sourceFanout: 1, consumers }, { ...ROUNDS_DEFAULTS, algorithm: 'adaptive', seed });
    while (!run.allSatisfied && run.round < 5_000) run.step();
    assert.deepEqual([...run.forest.parent.subarray(1)], [0, 1, 2, 3, 3], `seed ${seed}`);
  }
});
