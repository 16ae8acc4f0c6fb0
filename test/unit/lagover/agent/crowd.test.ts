/**
 * Many who join a tree at the same moment refuse one another by chance, on a fast network more than anywhere: whoever can stand in
 * few places must not be kept away from them for long because of it. The seeds are some that took eleven seconds.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { treeWorldOf } from '../../../../src/sim/lagover/run-messages.ts';
import { ROUNDS_DEFAULTS } from '../../../../src/sim/lagover/rounds.ts';
import type { Workload } from '../../../../src/sim/lagover/workloads.ts';
import { drawWorkload } from '../../../../src/sim/lagover/workloads.ts';

const PEERS = 31;
const WITHIN_MS = 3_000;

for (const seed of [46, 54, 173, 288]) {
  test(`31 peers that join a tree without a slot to spare within 5 ms are all served within 3 simulated seconds (seed ${seed})`, () => {
    const workload = drawWorkload({ name: 'tf1', peers: PEERS, seed, slack: 1, uplinksMbps: [], rateMbps: 1 }) as Workload;
    const trees = treeWorldOf(workload, { ...ROUNDS_DEFAULTS, algorithm: 'adaptive', seed, network: { latencyMs: 1, loss: 0 }, realised: 'walk' });
    trees.world.runFor(60_000);
    trees.joinAll(5);
    trees.world.runFor(WITHIN_MS);
    assert.equal(trees.onlineCount, PEERS);
    assert.equal(trees.satisfiedShare, 1);
    assert.equal(trees.faults.exceeded, 0);
  });
}
