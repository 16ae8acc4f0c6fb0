// Round-based runs: what must hold after every round, that one seed gives one run, oracles, workloads and churn.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomFrom } from '../../../src/core/random.ts';
import { ALGORITHM_NAMES } from '../../../src/protocol/lagover/algorithm.ts';
import { findShortage, meetsSufficientCondition } from '../../../src/protocol/lagover/feasibility.ts';
import { checkForest } from '../../../src/sim/lagover/check-forest.ts';
import { DelayIndex } from '../../../src/sim/lagover/delay-index.ts';
import { Forest } from '../../../src/sim/lagover/forest.ts';
import { ORACLE_NAMES, oracleFor } from '../../../src/sim/lagover/oracles.ts';
import { parseTrace } from '../../../src/sim/churn-trace.ts';
import { LagoverRounds, ROUNDS_DEFAULTS } from '../../../src/sim/lagover/rounds.ts';
import type { RoundsOptions } from '../../../src/sim/lagover/rounds.ts';
import type { Workload, WorkloadName } from '../../../src/sim/lagover/workloads.ts';
import { drawWorkload } from '../../../src/sim/lagover/workloads.ts';

const PAPER_WORKLOADS = ['tf1', 'rand', 'bicorr', 'biuncorr'] as const;

function workload(name: WorkloadName, peers = 120, seed = 1, slack = 1): Workload {
  const drawn = drawWorkload({ name, peers, seed, slack, uplinksMbps: [0.5, 1, 3, 20, 100], rateMbps: 1 });
  assert.ok(typeof drawn !== 'string');
  return drawn;
}

function start(name: WorkloadName, options: Partial<RoundsOptions> = {}, peers = 120): LagoverRounds {
  return new LagoverRounds(workload(name, peers, options.seed), { ...ROUNDS_DEFAULTS, ...options });
}

function converge(run: LagoverRounds, maxRounds = 5_000): boolean {
  while (!run.allSatisfied && run.round < maxRounds) run.step();
  return run.allSatisfied;
}

for (const algorithm of ALGORITHM_NAMES) {
  test(`${algorithm}: no cycle, no fan-out exceeded and right delays after every round, under churn, with every oracle and timing`, () => {
    for (const oracle of ORACLE_NAMES) {
      for (const timing of ['synchronous', 'asynchronous'] as const) {
        for (const name of ['bicorr', 'planted'] as const) {
          const run = start(name, { algorithm, oracle, timing, churn: { leave: 0.05, rejoin: 0.2 }, source: 'push' }, 60);
          for (let round = 0; round < 60; round++) {
            run.step();
            assert.deepEqual(checkForest(run.forest), [], `${oracle}, ${timing}, ${name}, round ${round}`);
          }
        }
      }
    }
  });

  for (const name of PAPER_WORKLOADS) {
    test(`${algorithm} converges on ${name} with Random-Delay under \`displacing\`: every one of 10 seeds`, () => {
      for (let seed = 1; seed <= 10; seed++) {
        const run = start(name, { algorithm, seed });
        assert.ok(converge(run), `seed ${seed}`);
        assert.deepEqual(checkForest(run.forest), []);
      }
    });
  }

  test(`${algorithm}: asynchronous interactions are slower and still converge`, () => {
    assert.ok(converge(start('bicorr', { algorithm, timing: 'asynchronous' })));
  });
}

test('greedy keeps the stricter one above on every link', () => {
  const run = start('rand', { algorithm: 'greedy', churn: { leave: 0.02, rejoin: 0.2 } });
  for (let round = 0; round < 100; round++) {
    run.step();
    const { parent, constraint, peers } = run.forest;
    for (let peer = 1; peer <= peers; peer++) {
      const above = parent[peer] as number;
      assert.ok(above < 0 || (constraint[above] as number) <= (constraint[peer] as number));
    }
  }
});

test('one seed gives one run, another seed another', () => {
  const digits = (seed: number): string => {
    const run = new LagoverRounds(workload('rand'), { ...ROUNDS_DEFAULTS, seed });
    for (let round = 0; round < 20; round++) run.step();
    return run.fingerprint.digits();
  };
  assert.equal(digits(5), digits(5));
  assert.notEqual(digits(5), digits(6));
});

for (const algorithm of ALGORITHM_NAMES) {
  test(`${algorithm}: a floating peer has at most one interaction a round and asks the oracle at most once, an attached one starts none`, () => {
    const run = start('rand', { algorithm });
    for (let round = 0; round < 15; round++) {
      const floating = [...run.forest.parent.subarray(1)].filter((parent) => parent < 0).length;
      const { interactions, refusals } = run;
      run.step();
      assert.ok(run.interactions - interactions <= floating);
      assert.ok(run.refusals - refusals <= floating);
    }
  });
}

test('an infeasible system runs on, without ever breaking a fan-out', () => {
  const consumers = Array.from({ length: 5 }, () => ({ constraint: 1, fanout: 1 }));
  const run = new LagoverRounds({ sourceFanout: 2, consumers }, ROUNDS_DEFAULTS);
  assert.equal(converge(run, 100), false);
  assert.equal(run.satisfiedShare, 0.4);
  assert.deepEqual(checkForest(run.forest), []);
});

test('the paper\'s churn leaves 95.2 % online', () => {
  const run = start('rand', { churn: { leave: 0.01, rejoin: 0.2 } }, 1_000);
  let online = 0;
  for (let round = 0; round < 300; round++) {
    run.step();
    if (round >= 50) online += run.forest.onlineCount / 1_000 / 250;
  }
  assert.ok(Math.abs(online - 0.952) < 0.005, String(online));
});

test('a recorded trace decides who is online', () => {
  const trace = parseTrace('7 2 0 100 200 300\n8 1 0 400\n9 1 150 400\n', 'made');
  assert.ok(typeof trace !== 'string');
  const run = new LagoverRounds(workload('rand', 3), { ...ROUNDS_DEFAULTS, churn: { trace, roundSeconds: 50 } });
  const online: number[] = [];
  for (let round = 0; round < 8; round++) {
    run.step();
    online.push(run.forest.onlineCount);
    assert.deepEqual(checkForest(run.forest), []);
  }
  assert.deepEqual(online, [2, 2, 1, 2, 3, 3, 2, 2]);
});

test('no oracle returns the enquirer, its descendants, or who is offline; each keeps its promise', () => {
  const forest = new Forest(2, workload('rand', 40).consumers);
  for (let peer = 1; peer <= 40; peer++) forest.join(peer);
  const random = randomFrom(3);
  for (let step = 0; step < 60; step++) {
    const child = 1 + random.below(40);
    const parent = random.below(41);
    if (forest.isFloating(child) && forest.root[parent] !== child && forest.hasFreeSlot(parent)) forest.attach(child, parent);
  }
  forest.leave(3);
  forest.leave(17);
  for (const name of ORACLE_NAMES) {
    const oracle = oracleFor(name, forest, random);
    oracle.beginRound(0);
    for (let peer = 1; peer <= 40; peer++) {
      if (!forest.isFloating(peer)) continue;
      for (let draw = 0; draw < 30; draw++) {
        const j = oracle.answer(peer);
        if (j === -1) continue;
        assert.ok(forest.root[j] !== peer && forest.online[j] === 1, name);
        if (name.includes('capacity')) assert.ok(forest.hasFreeSlot(j), name);
        if (name.includes('delay') || name === 'directory') assert.ok((forest.delay[j] as number) < (forest.constraint[peer] as number), name);
      }
    }
  }
});

test('the index by delay draws uniformly from what is below a limit, whatever was moved and removed', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 12 })), { maxLength: 60 }), (changes) => {
    const index = new DelayIndex(20, 9);
    const model = new Map<number, number>();
    for (const [peer, delay] of changes) {
      if (!model.has(peer)) index.add(peer, delay);
      else if (delay === 0) index.remove(peer);
      else index.move(peer, delay);
      if (model.has(peer) && delay === 0) model.delete(peer);
      else model.set(peer, Math.min(delay, 9));
    }
    for (const limit of [0, 1, 5.5, 10, Infinity]) {
      const expected = [...model].filter(([, delay]) => delay < limit).map(([peer]) => peer).sort((a, b) => a - b);
      const found = Array.from({ length: index.below(limit) }, (_, rank) => index.at(rank)).sort((a, b) => a - b);
      assert.deepEqual(found, expected);
    }
  }));
});

test('5.6: the workloads are what they say', () => {
  const tf1 = workload('tf1');
  assert.equal(tf1.sourceFanout, 3);
  assert.deepEqual([1, 2, 3, 4].map((l) => tf1.consumers.filter(({ constraint }) => constraint === l).length), [3, 9, 27, 81]);
  assert.ok(tf1.consumers.every(({ fanout }) => fanout === 3));
  for (const name of ['rand', 'bicorr', 'biuncorr', 'measured'] as const) {
    const { sourceFanout, consumers } = workload(name, 2_000);
    assert.ok(meetsSufficientCondition(sourceFanout, consumers), name);
    assert.ok(sourceFanout === 3 || !meetsSufficientCondition(sourceFanout - 1, consumers), name);
    const constraints = consumers.map(({ constraint }) => constraint);
    assert.deepEqual([Math.min(...constraints), Math.max(...constraints)], [1, name === 'measured' ? 30 : 10], name);
  }
  const fanouts = (name: WorkloadName): number[] => [...new Set(workload(name, 2_000).consumers.map(({ fanout }) => fanout))].sort((a, b) => a - b);
  assert.deepEqual(fanouts('rand'), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(fanouts('bicorr'), [1, 2, 7, 8]);
  assert.deepEqual(fanouts('measured'), [0, 1, 3, 20, 32]);
  assert.ok(workload('bicorr', 2_000).consumers.every(({ constraint, fanout }) => constraint >= 3 || fanout <= 2));
  assert.ok(workload('biuncorr', 2_000).consumers.some(({ constraint, fanout }) => constraint < 3 && fanout >= 7));
});

test('5.6: planted systems are feasible although the sufficient condition fails', () => {
  for (const slack of [1, 2]) {
    for (let seed = 1; seed <= 10; seed++) {
      const { sourceFanout, consumers } = workload('planted', 200, seed, slack);
      assert.equal(meetsSufficientCondition(sourceFanout, consumers), false);
      assert.equal(findShortage(sourceFanout, consumers), undefined);
    }
  }
});

test('5.6: where no such system exists, planted says so', () => {
  assert.match(String(drawWorkload({ name: 'planted', peers: 1, seed: 1, slack: 1, uplinksMbps: [], rateMbps: 1 })), /violates the sufficient condition/);
});
