/**
 * Trees built by messages, in peace: every algorithm serves everybody in time, no fan-out is ever exceeded (INV-LAG-4), no
 * cycle stays (INV-LAG-5), and what peers believe of their delays is true.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALGORITHM_NAMES } from '../../../../src/protocol/lagover/algorithm.ts';
import { ORACLE_NAMES } from '../../../../src/sim/lagover/oracles.ts';
import { settle, system, trees, workload } from './small-trees.ts';

const CYCLE_MAX_MS = 1_500;

for (const name of ['tf1', 'rand', 'bicorr', 'biuncorr'] as const) {
  for (const algorithm of ALGORITHM_NAMES) {
    test(`${algorithm} serves everybody of ${name} in time by messages (39 peers)`, () => {
      const world = trees(workload(name, 39, 3), 3, { tree: { algorithm } });
      world.joinAll(1_000);
      assert.ok(settle(world, 300_000) !== undefined, `satisfied ${world.satisfiedShare}`);
      assert.equal(world.faults.exceeded, 0);
      assert.ok(world.faults.cycleMs <= CYCLE_MAX_MS);
      world.world.runFor(5_000);
      const { delays } = world.truth;
      for (let peer = 1; peer <= world.peers; peer++) assert.equal(world.agent(peer).delay, delays[peer], `peer ${peer} knows its delay`);
      assert.equal(world.satisfiedShare, 1, 'and it stays so');
    });
  }
}

for (const oracle of ORACLE_NAMES) {
  test(`adaptive builds its tree with the oracle ${oracle}`, () => {
    const world = trees(workload('rand', 40, 5), 5, { oracle });
    world.joinAll(1_000);
    assert.ok(settle(world, 120_000) !== undefined, `satisfied ${world.satisfiedShare}`);
    assert.equal(world.faults.exceeded, 0);
  });
}

test('the example of section 3.2 is solved by messages, under both rule sets', () => {
  const toy = system(3, [[1, 2], [3, 2], [3, 2], [1, 2], [2, 2], [3, 2], [3, 2], [3, 2], [3, 2], [4, 2]]);
  for (const rules of ['paper', 'displacing'] as const) {
    for (const algorithm of ALGORITHM_NAMES) {
      const world = trees(toy, 2, { tree: { algorithm, rules } });
      world.joinAll(500);
      assert.ok(settle(world, 120_000) !== undefined, `${algorithm}, ${rules}`);
      assert.equal(world.faults.exceeded, 0);
    }
  }
});

test('the repaired example of 3.3.1 is solved by adaptive, whose one tree greedy never finds', () => {
  const repaired = system(1, [[1, 1], [2, 1], [5, 2], [4, 1], [4, 0]]);
  for (const seed of [1, 2, 3]) {
    const world = trees(repaired, seed);
    world.joinAll(500);
    assert.ok(settle(world, 300_000) !== undefined, `seed ${seed}`);
    assert.deepEqual([...world.truth.parents.subarray(1)], [0, 1, 2, 3, 3]);
  }
});
