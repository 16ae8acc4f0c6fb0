/**
 * One oracle, realised four ways (section 2.1.4): the same tree is built with exact knowledge, walks over the ring, a directory in
 * the DHT and one that the metadata tree fills, under loss and churn.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OracleName } from '../../../../src/sim/lagover/oracles.ts';
import { REALISATIONS } from '../../../../src/sim/lagover/tree-ring.ts';
import { settle, trees, workload } from './small-trees.ts';

for (const realised of REALISATIONS) {
  const oracle: OracleName = realised === 'walk' ? 'random-delay' : 'directory';
  test(`${realised}: everybody is served in time, under 2 % loss and through crashes and returns`, () => {
    const world = trees(workload('rand', 60, 2), 2, { oracle, realised, loss: 0.02 });
    world.joinAll(1_000);
    assert.ok(settle(world, 60_000) !== undefined, `satisfied ${world.satisfiedShare}`);
    let share = 0;
    for (let second = 0; second < 60; second++) {
      if (second % 6 === 0) world.crash(1 + (second * 5) % 60);
      if (second % 6 === 4) world.restart(1 + ((second - 4) * 5) % 60);
      world.world.runFor(1_000);
      share += world.satisfiedShare / 60;
    }
    assert.ok(share >= 0.9, `satisfied ${share} of the time`);
    assert.equal(world.faults.exceeded, 0);
    assert.ok(world.faults.cycleMs <= 2 * world.tree.heartbeatMs);
    assert.ok(settle(world, 60_000, world.onlineCount) !== undefined, `satisfied ${world.satisfiedShare} in the end`);
  });
}
