/**
 * LagOver's rules, step by step: each test is named after the step of CORRECTIONS 5.2-5.4 (paper 3.1-3.4) it holds the code
 * to. The peers are written as in the paper's examples: constraint and fan-out are given, delays are hops.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decideGreedy, decideGreedyAtSource } from '../../src/protocol/lagover/greedy.ts';
import { decideHybrid, decideHybridAtSource } from '../../src/protocol/lagover/hybrid.ts';
import { decideToLeave } from '../../src/protocol/lagover/maintenance.ts';
import type { ChildView, CounterpartView, InitiatorView, ParentView, RuleOptions, SourceView } from '../../src/protocol/lagover/views.ts';
import { SOURCE } from '../../src/protocol/lagover/views.ts';
import { LagoverRounds, ROUNDS_DEFAULTS } from '../../src/sim/lagover/rounds.ts';
import type { RoundsOptions } from '../../src/sim/lagover/rounds.ts';

const PAPER: RuleOptions = { rules: 'paper', source: 'pull' };
const DISPLACING: RuleOptions = { rules: 'displacing', source: 'pull' };
const PUSH: RuleOptions = { rules: 'paper', source: 'push' };
const ASK = { kind: 'ask' };

const child = (id: number, constraint: number, fanout = 1): ChildView => ({ id, constraint, fanout, hop: 1 });
const parent = (id: number, constraint: number, delay: number): ParentView => ({ id, constraint, delay, hop: 1 });
const BELOW_SOURCE = parent(SOURCE, 0, 0);

/** The initiator has id 1. */
function initiator(constraint: number, fanout: number, children: readonly ChildView[] = []): InitiatorView {
  return { id: 1, constraint, fanout, children };
}

/** The counterpart has id 2; without a parent it floats. */
function counterpart(constraint: number, fanout: number, rest: Partial<CounterpartView> = {}): CounterpartView {
  const k = rest.parent;
  return { id: 2, constraint, fanout, hop: 1, children: [], parent: k, delay: k === undefined ? 1 : k.delay + 1, ...rest };
}

function source(laxestChild?: ChildView): SourceView {
  return { hasFreeSlot: laxestChild === undefined, hop: 1, laxestChild };
}

const attach = (below: number, above: number) => ({ kind: 'attach', child: below, parent: above });
const insert = (above: number, below: number, discarded?: number) => ({ kind: 'insert', parent: above, child: below, discarded });
const displace = (above: number, displaced: number) => ({ kind: 'displace', parent: above, displaced });
const refer = (to: number) => ({ kind: 'refer', to });

for (const [name, atSource] of [['greedy 1', decideGreedyAtSource], ['hybrid 2-5', decideHybridAtSource]] as const) {
  describe(`${name}: i contacts the source`, () => {
    test('a free slot at 0: i <- 0', () => {
      assert.deepEqual(atSource(initiator(4, 2), source(), PAPER), attach(1, SOURCE));
    });
    test('else the laxest c <- 0 with l_c > l_i: c <- i <- 0', () => {
      assert.deepEqual(atSource(initiator(1, 2), source(child(7, 3)), PAPER), insert(SOURCE, 7));
    });
    test('a full i discards its laxest child for that', () => {
      assert.deepEqual(atSource(initiator(1, 2, [child(8, 4), child(9, 6)]), source(child(7, 3)), PAPER), insert(SOURCE, 7, 9));
    });
    test('no child of the source is laxer: i asks the oracle', () => {
      assert.deepEqual(atSource(initiator(3, 2), source(child(7, 3)), DISPLACING), ASK);
    });
    test('an i without slots displaces c under `displacing` and asks the oracle under `paper`', () => {
      assert.deepEqual(atSource(initiator(1, 0), source(child(7, 3)), DISPLACING), displace(SOURCE, 7));
      assert.deepEqual(atSource(initiator(1, 0), source(child(7, 3)), PAPER), ASK);
    });
  });
}

describe('greedy 3: j floats', () => {
  test('the stricter one is the parent', () => {
    assert.deepEqual(decideGreedy(initiator(3, 1), counterpart(5, 9), PAPER), attach(2, 1));
    assert.deepEqual(decideGreedy(initiator(5, 9), counterpart(3, 1), PAPER), attach(1, 2));
  });
  test('tie: the larger fan-out, then the lower id', () => {
    assert.deepEqual(decideGreedy(initiator(3, 1), counterpart(3, 2), PAPER), attach(1, 2));
    assert.deepEqual(decideGreedy(initiator(3, 2), counterpart(3, 2), PAPER), attach(2, 1));
  });
  test('only if the stricter one has a free slot: the order is never reversed', () => {
    assert.deepEqual(decideGreedy(initiator(5, 2), counterpart(3, 1, { children: [child(8, 4)] }), DISPLACING), ASK);
  });
  test('and only if the child stays within its constraint', () => {
    assert.deepEqual(decideGreedy(initiator(1, 2), counterpart(1, 1), PAPER), ASK);
  });
});

describe('greedy 4: l_j <= l_i and j has a parent', () => {
  const k = parent(3, 1, 1);
  test('free(j) and DelayAt(j) + 1 <= l_i: i <- j', () => {
    assert.deepEqual(decideGreedy(initiator(3, 0), counterpart(3, 1, { parent: k }), PAPER), attach(1, 2));
  });
  test('j full: m <- i <- j with a child m whose constraint stays met, the laxest', () => {
    const j = counterpart(3, 2, { parent: k, children: [child(8, 4), child(9, 5)] });
    assert.deepEqual(decideGreedy(initiator(3, 1), j, PAPER), insert(2, 9));
  });
  test('never above a stricter m: l_parent <= l_child holds on every link', () => {
    const j = counterpart(3, 1, { parent: k, children: [child(8, 4)] });
    assert.deepEqual(decideGreedy(initiator(5, 3), j, DISPLACING), ASK);
  });
  test('5.4: a full i discards its laxest child', () => {
    const j = counterpart(3, 1, { parent: k, children: [child(8, 5)] });
    assert.deepEqual(decideGreedy(initiator(4, 1, [child(9, 6)]), j, PAPER), insert(2, 8, 9));
  });
  test('5.4: an i that cannot take m displaces it under `displacing` only', () => {
    const j = counterpart(3, 1, { parent: k, children: [child(8, 5)] });
    assert.deepEqual(decideGreedy(initiator(4, 0), j, DISPLACING), displace(2, 8));
    assert.deepEqual(decideGreedy(initiator(4, 0), j, PAPER), ASK);
  });
  test('5.4: as does one below which m would be late', () => {
    const j = counterpart(3, 1, { parent: parent(3, 1, 2), children: [child(8, 4)] });
    assert.deepEqual(decideGreedy(initiator(4, 2), j, PAPER), ASK);
    const laxer = counterpart(3, 1, { parent: parent(3, 1, 3), children: [child(8, 5.5)] });
    assert.deepEqual(decideGreedy(initiator(5, 2), laxer, DISPLACING), displace(2, 8));
  });
  test('DelayAt(j) >= l_i: parent(j) is the next reference, otherwise the oracle', () => {
    const late = counterpart(3, 1, { parent: parent(3, 1, 3), children: [child(8, 3)] });
    assert.deepEqual(decideGreedy(initiator(4, 1), late, DISPLACING), refer(3));
    assert.deepEqual(decideGreedy(initiator(5, 0), late, PAPER), ASK);
  });
});

describe('greedy 5: l_i < l_j and j <- k', () => {
  test('k other than 0, l_k <= l_i, DelayAt(k) + 2 <= l_j, i can take a child: j <- i <- k', () => {
    assert.deepEqual(decideGreedy(initiator(3, 1), counterpart(4, 1, { parent: parent(3, 2, 1) }), PAPER), insert(3, 2));
  });
  test('else k is the next reference: k = 0', () => {
    assert.deepEqual(decideGreedy(initiator(3, 1), counterpart(4, 1, { parent: BELOW_SOURCE }), DISPLACING), refer(SOURCE));
  });
  test('else k is the next reference: l_k > l_i', () => {
    assert.deepEqual(decideGreedy(initiator(3, 1), counterpart(5, 1, { parent: parent(3, 4, 1) }), DISPLACING), refer(3));
  });
  test('5.4: a full i discards its laxest child', () => {
    const i = initiator(3, 1, [child(9, 6)]);
    assert.deepEqual(decideGreedy(i, counterpart(4, 1, { parent: parent(3, 2, 1) }), PAPER), insert(3, 2, 9));
  });
  test('5.4: an i without slots displaces j under `displacing` and goes upstream under `paper`', () => {
    const j = counterpart(4, 1, { parent: parent(3, 2, 1) });
    assert.deepEqual(decideGreedy(initiator(3, 0), j, DISPLACING), displace(3, 2));
    assert.deepEqual(decideGreedy(initiator(3, 0), j, PAPER), refer(3));
  });
});

describe('hybrid 9-10: j floats', () => {
  test('both have a free slot: the larger fan-out is the parent', () => {
    assert.deepEqual(decideHybrid(initiator(5, 3), counterpart(3, 1), PAPER), attach(2, 1));
    assert.deepEqual(decideHybrid(initiator(3, 1), counterpart(5, 3), PAPER), attach(1, 2));
  });
  test('equal fan-outs: the stricter one is the parent', () => {
    assert.deepEqual(decideHybrid(initiator(3, 2), counterpart(5, 2), PAPER), attach(2, 1));
  });
  test('only one has a free slot: it is the parent', () => {
    assert.deepEqual(decideHybrid(initiator(3, 1), counterpart(5, 3, { children: [child(7, 9), child(8, 9), child(9, 9)] }), PAPER), attach(2, 1));
  });
  test('neither has one: the oracle', () => {
    assert.deepEqual(decideHybrid(initiator(3, 0), counterpart(5, 0), PAPER), ASK);
  });
});

describe('hybrid 14-18: j <- 0 and the source is polled', () => {
  test('16: l_i < l_j: j <- i <- 0', () => {
    assert.deepEqual(decideHybrid(initiator(1, 1), counterpart(3, 8, { parent: BELOW_SOURCE }), PAPER), insert(SOURCE, 2));
  });
  test('16: an i that cannot take j displaces it under `displacing`', () => {
    assert.deepEqual(decideHybrid(initiator(1, 0), counterpart(3, 8, { parent: BELOW_SOURCE }), DISPLACING), displace(SOURCE, 2));
  });
  test('18: else i <- j', () => {
    assert.deepEqual(decideHybrid(initiator(4, 9), counterpart(3, 1, { parent: BELOW_SOURCE }), PAPER), attach(1, 2));
  });
  test('18: or else m <- i <- j', () => {
    const j = counterpart(3, 1, { parent: BELOW_SOURCE, children: [child(8, 3)] });
    assert.deepEqual(decideHybrid(initiator(4, 1), j, PAPER), insert(2, 8));
  });
  test('otherwise the next reference is 0', () => {
    const j = counterpart(3, 1, { parent: BELOW_SOURCE, children: [child(8, 2)] });
    assert.deepEqual(decideHybrid(initiator(4, 1), j, PAPER), refer(SOURCE));
  });
});

describe('hybrid 21-24: j <- 0 and the source pushes', () => {
  test('21: f_i > f_j: j <- i <- 0, and i may discard a child', () => {
    const i = initiator(5, 2, [child(8, 4), child(9, 6)]);
    assert.deepEqual(decideHybrid(i, counterpart(3, 1, { parent: BELOW_SOURCE }), PUSH), insert(SOURCE, 2, 9));
  });
  test('21: equal fan-outs and l_i < l_j', () => {
    assert.deepEqual(decideHybrid(initiator(2, 1), counterpart(3, 1, { parent: BELOW_SOURCE }), PUSH), insert(SOURCE, 2));
  });
  test('24: else i <- j, or else m <- i <- j', () => {
    assert.deepEqual(decideHybrid(initiator(2, 1), counterpart(3, 2, { parent: BELOW_SOURCE }), PUSH), attach(1, 2));
    const full = counterpart(3, 2, { parent: BELOW_SOURCE, children: [child(8, 3), child(9, 2)] });
    assert.deepEqual(decideHybrid(initiator(2, 1), full, PUSH), insert(2, 8));
  });
  test('the preferred order violates a constraint: the other order', () => {
    assert.deepEqual(decideHybrid(initiator(3, 5), counterpart(1, 1, { parent: BELOW_SOURCE }), PUSH), attach(1, 2));
    assert.deepEqual(decideHybrid(initiator(1, 1), counterpart(3, 5, { parent: BELOW_SOURCE }), PUSH), insert(SOURCE, 2));
  });
  test('neither: the next reference is 0', () => {
    assert.deepEqual(decideHybrid(initiator(1, 1), counterpart(1, 5, { parent: BELOW_SOURCE }), PUSH), refer(SOURCE));
  });
});

describe('hybrid 28-34: j has another parent k', () => {
  const k = parent(3, 1, 1);
  test('28: f_i >= f_j: j <- i <- k', () => {
    assert.deepEqual(decideHybrid(initiator(9, 2), counterpart(4, 1, { parent: k }), PAPER), insert(3, 2));
  });
  test('28: i may discard one child', () => {
    const i = initiator(9, 2, [child(8, 9), child(9, 7)]);
    assert.deepEqual(decideHybrid(i, counterpart(4, 1, { parent: k, children: [child(7, 2)] }), PAPER), insert(3, 2, 8));
  });
  test('5.4: with equal fan-outs it may swap in, but discards nobody', () => {
    assert.deepEqual(decideHybrid(initiator(9, 1), counterpart(4, 1, { parent: k }), PAPER), insert(3, 2));
    const full = initiator(9, 1, [child(8, 9)]);
    assert.deepEqual(decideHybrid(full, counterpart(4, 1, { parent: k }), PAPER), attach(1, 2));
  });
  test('28 fails: it goes on with 31: i <- j', () => {
    assert.deepEqual(decideHybrid(initiator(9, 2), counterpart(2, 1, { parent: k }), PAPER), attach(1, 2));
  });
  test('31: or else m <- i <- j, where m stays in time, even a stricter one', () => {
    const j = counterpart(2, 3, { parent: k, children: [child(7, 3), child(8, 4), child(9, 3)] });
    assert.deepEqual(decideHybrid(initiator(9, 1), j, PAPER), insert(2, 8));
  });
  test('5.4: an i without slots displaces a laxer m under `displacing` only', () => {
    const j = counterpart(2, 1, { parent: k, children: [child(7, 5)] });
    assert.deepEqual(decideHybrid(initiator(4, 0), j, DISPLACING), displace(2, 7));
    assert.deepEqual(decideHybrid(initiator(4, 0), j, PAPER), ASK);
  });
  test('33: neither, because DelayAt(j) >= l_i: the next reference is k', () => {
    assert.deepEqual(decideHybrid(initiator(2, 0), counterpart(2, 1, { parent: k }), PAPER), refer(3));
  });
  test('34: otherwise the oracle', () => {
    assert.deepEqual(decideHybrid(initiator(3, 0), counterpart(2, 1, { parent: k, children: [child(7, 3)] }), PAPER), ASK);
  });
});

describe('Algorithm 1 and the time-out form: maintenance', () => {
  const late = { rootedAtSource: true, delay: 4, constraint: 3, hop: 1, lateRounds: 1 };
  test('Root(i) = 0 and DelayAt(i) = l_i + 1: i leaves its parent at once', () => {
    assert.equal(decideToLeave(late, 'algorithm-1', 3), true);
    assert.equal(decideToLeave(late, 'timeout', 3), true);
  });
  test('in time, or in a floating chain: i stays', () => {
    assert.equal(decideToLeave({ ...late, delay: 3 }, 'timeout', 1), false);
    assert.equal(decideToLeave({ ...late, rootedAtSource: false, lateRounds: 9 }, 'timeout', 1), false);
  });
  test('hybrid 35: DelayAt(i) > l_i for the maintenance timeout', () => {
    const later = { ...late, delay: 6 };
    assert.equal(decideToLeave({ ...later, lateRounds: 2 }, 'timeout', 3), false);
    assert.equal(decideToLeave({ ...later, lateRounds: 3 }, 'timeout', 3), true);
    assert.equal(decideToLeave({ ...later, lateRounds: 99 }, 'algorithm-1', 3), false);
  });
});

describe('5.5 test vectors', () => {
  const consumers = (...pairs: [constraint: number, fanout: number][]) => pairs.map(([constraint, fanout]) => ({ constraint, fanout }));
  const solve = (sourceFanout: number, list: ReturnType<typeof consumers>, options: Partial<RoundsOptions>, maxRounds: number) => {
    const run = new LagoverRounds({ sourceFanout, consumers: list }, { ...ROUNDS_DEFAULTS, ...options });
    while (!run.allSatisfied && run.round < maxRounds) run.step();
    return run;
  };
  const EXAMPLE = consumers([1, 2], [3, 2], [3, 2], [1, 2], [2, 2], [3, 2], [3, 2], [3, 2], [3, 2], [4, 2]);
  const REPAIRED = consumers([1, 1], [2, 1], [5, 2], [4, 1], [4, 0]);
  const seeds = Array.from({ length: 40 }, (_, index) => index + 1);

  for (const algorithm of ['greedy', 'hybrid'] as const) {
    for (const rules of ['paper', 'displacing'] as const) {
      test(`the example of 3.2 is always solved by ${algorithm} under ${rules}`, () => {
        for (const seed of seeds) assert.ok(solve(3, EXAMPLE, { algorithm, rules, seed }, 1_000).allSatisfied, `seed ${seed}`);
      });
    }
  }

  test('the repaired example of 3.3.1: greedy never finds the tree', () => {
    for (const seed of seeds.slice(0, 10)) assert.ok(!solve(1, REPAIRED, { algorithm: 'greedy', seed }, 1_000).allSatisfied);
  });

  test('the repaired example of 3.3.1: hybrid always finds the tree under `displacing`: parents 0,1,2,3,3', () => {
    for (const seed of seeds) {
      const run = solve(1, REPAIRED, { algorithm: 'hybrid', seed }, 1_000);
      assert.deepEqual([...run.forest.parent.subarray(1)], [0, 1, 2, 3, 3], `seed ${seed}`);
    }
  });
});
