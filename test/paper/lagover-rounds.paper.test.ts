/**
 * What a round of LagOver allows, step by step: time-outs, references, the oracle, maintenance. Each test is named after the
 * step of CORRECTIONS 5.2-5.4 (paper 3.1-3.4, 5.3) it holds the rounds to; the rules themselves are in lagover.paper.test.ts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ALGORITHM_NAMES } from '../../src/protocol/lagover/algorithm.ts';
import { SOURCE } from '../../src/protocol/lagover/views.ts';
import { checkForest } from '../../src/sim/lagover/check-forest.ts';
import { Contacts, NOBODY } from '../../src/sim/lagover/contacts.ts';
import { Forest } from '../../src/sim/lagover/forest.ts';
import type { RoundsOptions } from '../../src/sim/lagover/rounds.ts';
import { LagoverRounds, ROUNDS_DEFAULTS } from '../../src/sim/lagover/rounds.ts';
import { drawWorkload } from '../../src/sim/lagover/workloads.ts';

const consumers = (...pairs: [constraint: number, fanout: number][]) => pairs.map(([constraint, fanout]) => ({ constraint, fanout }));

function start(sourceFanout: number, list: ReturnType<typeof consumers>, options: Partial<RoundsOptions>): LagoverRounds {
  return new LagoverRounds({ sourceFanout, consumers: list }, { ...ROUNDS_DEFAULTS, ...options });
}

function play(run: LagoverRounds, rounds: number): void {
  for (let round = 0; round < rounds; round++) run.step();
}

/** Peers 1, 2, 3 online; 2 stands below 1, 3 below 2, and 1 floats. */
function chain(): Forest {
  const forest = new Forest(1, consumers([9, 2], [9, 2], [9, 2], [9, 2], [9, 2]));
  for (const peer of [1, 2, 3]) forest.join(peer);
  forest.attach(2, 1);
  forest.attach(3, 2);
  return forest;
}

for (const algorithm of ['greedy', 'hybrid'] as const) {
  describe(`${algorithm}: greedy 1-2, hybrid 2-8`, () => {
    test('the oracle knows nobody: i waits a round, and tries again', () => {
      const run = start(1, consumers([1, 0]), { algorithm });
      play(run, 7);
      assert.deepEqual([run.refusals, run.interactions, run.satisfiedShare], [7, 0, 0]);
    });
    test('after T_out rounds without a parent i contacts the source', () => {
      for (const timeout of [4, 8, 20]) {
        const run = start(1, consumers([1, 0]), { algorithm, timeout });
        play(run, timeout - 1);
        assert.equal(run.interactions, 0);
        play(run, 1);
        assert.deepEqual([run.interactions, run.forest.parent[1]], [1, SOURCE]);
      }
    });
    test('the time-out is reset by the contact: the next one comes T_out rounds later', () => {
      const run = start(1, consumers([1, 0], [1, 0]), { algorithm });
      const contacts = Array.from({ length: 24 }, () => {
        const before = run.interactions;
        run.step();
        return run.interactions - before;
      });
      assert.deepEqual(contacts.flatMap((count, index) => (count > 0 ? [[index + 1, count]] : [])), [[8, 2], [16, 1], [24, 1]]);
    });
  });
}

describe('greedy 2, hybrid 6: the reference of the last interaction', () => {
  test('comes before the oracle, once', () => {
    const contacts = new Contacts(chain(), false);
    contacts.refer(1, 4, SOURCE);
    assert.deepEqual([contacts.take(1), contacts.take(1)], [SOURCE, NOBODY]);
  });
  test('not when it has gone, or stands below i by now', () => {
    const forest = chain();
    const contacts = new Contacts(forest, false);
    contacts.refer(1, 4, 3);
    assert.equal(contacts.take(1), NOBODY, 'a descendant');
    contacts.refer(1, 5, 4);
    assert.equal(contacts.take(1), NOBODY, 'offline');
    forest.join(4);
    contacts.refer(1, 5, 4);
    assert.equal(contacts.take(1), 4);
  });
});

describe('5.4: readings', () => {
  test('a floating chain\'s delay counts its root as 1', () => {
    const forest = chain();
    assert.deepEqual([1, 2, 3].map((peer) => forest.delay[peer]), [1, 2, 3]);
    assert.ok(!forest.isSatisfied(3), 'but nobody is satisfied there');
  });
  test('who leaves its parent keeps its own subtree', () => {
    const forest = chain();
    forest.attach(1, SOURCE);
    forest.detach(2);
    assert.deepEqual([forest.root[3], forest.parent[3], forest.delay[3]], [2, 2, 2]);
    assert.deepEqual(checkForest(forest), []);
  });
  for (const algorithm of ALGORITHM_NAMES) {
    test(`T_out 4-20 rounds and maintenance 1-5 rounds all converge: ${algorithm}`, () => {
      for (const [timeout, maintenance] of [[4, 1], [4, 5], [8, 3], [20, 1], [20, 5]] as const) {
        for (let seed = 1; seed <= 3; seed++) {
          const workload = drawWorkload({ name: 'bicorr', peers: 120, seed, slack: 0, uplinksMbps: [], rateMbps: 1 });
          assert.ok(typeof workload !== 'string');
          const run = new LagoverRounds(workload, { ...ROUNDS_DEFAULTS, algorithm, timeout, maintenance, seed });
          while (!run.allSatisfied && run.round < 2_000) run.step();
          assert.ok(run.allSatisfied, `${timeout}, ${maintenance}, seed ${seed}`);
        }
      }
    });
  }
});

test('the paper\'s rounds under churn: a peer that returns begins anew, and whom it left floats with its subtree', () => {
  const run = start(2, consumers([1, 1], [2, 1], [3, 0]), { algorithm: 'greedy', churn: { leave: 0.3, rejoin: 0.3 } });
  let departures = 0;
  for (let round = 0; round < 200; round++) {
    const before = run.forest.online.slice();
    run.step();
    departures += [1, 2, 3].filter((peer) => before[peer] === 1 && run.forest.online[peer] === 0).length;
    assert.deepEqual(checkForest(run.forest), []);
  }
  assert.ok(departures > 20);
});
