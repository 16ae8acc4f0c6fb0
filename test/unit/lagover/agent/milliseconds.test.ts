/**
 * Trees of milliseconds: the cost of a hop is measured, constraints are milliseconds, and who is served in time is judged by what
 * the simulated network really takes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planeOfMedian } from '../../../../src/sim/lagover/run-messages.ts';
import { trees, workload } from './small-trees.ts';

const PER_LEVEL_MS = 150;
/** Of smoothing and jitter, over all levels. */
const ERROR_MAX_MS = 120;

for (const name of ['rand', 'bicorr', 'biuncorr'] as const) {
  test(`everybody of ${name} is served within the milliseconds it asked for, by true delays (60 peers)`, () => {
    for (const seed of [1, 2]) {
      const { sourceFanout, consumers } = workload(name, 60, seed);
      const inMs = consumers.map(({ constraint, fanout }) => ({ fanout, constraint: constraint * PER_LEVEL_MS + 100 }));
      const world = trees({ sourceFanout, consumers: inMs }, seed, { latency: planeOfMedian(100, seed), tree: { unit: 'ms' } });
      world.joinAll(1_000);
      assert.ok(world.world.runUntilHolds(() => world.onlineCount === 60 && world.satisfiedShare === 1, 100, 60_000) !== undefined, `seed ${seed}, satisfied ${world.satisfiedShare}`);
      world.world.runFor(10_000);
      assert.ok(world.satisfiedShare >= 0.98, `seed ${seed}: it stays so`);
      assert.equal(world.faults.exceeded, 0);
      for (let peer = 1; peer <= 60; peer++) {
        assert.ok(Math.abs(world.agent(peer).delay - world.trueDelay(peer)) <= ERROR_MAX_MS, `peer ${peer} believes ${world.agent(peer).delay} ms, and it is ${world.trueDelay(peer)}`);
      }
    }
  });
}

test('a tree of milliseconds stays in time under loss, crashes and returns', () => {
  const { sourceFanout, consumers } = workload('rand', 60, 3);
  const inMs = consumers.map(({ constraint, fanout }) => ({ fanout, constraint: constraint * PER_LEVEL_MS + 100 }));
  const world = trees({ sourceFanout, consumers: inMs }, 3, { latency: planeOfMedian(100, 3), loss: 0.02, tree: { unit: 'ms' } });
  world.joinAll(1_000);
  world.world.runFor(30_000);
  let share = 0;
  for (let second = 0; second < 100; second++) {
    const peer = 1 + (second * 7) % 60;
    if (second % 5 === 0) world.restart(peer);
    world.world.runFor(1_000);
    share += world.satisfiedShare / 100;
  }
  assert.equal(world.faults.exceeded, 0);
  assert.ok(world.faults.cycleMs <= 2 * world.tree.heartbeatMs);
  assert.ok(share >= 0.9, `satisfied ${share}`);
});
