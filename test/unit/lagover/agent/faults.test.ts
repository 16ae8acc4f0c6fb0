/**
 * Trees built by messages while things go wrong: loss, copies, overtaking, crashes, farewells, division. Through all of it no
 * fan-out is exceeded (INV-LAG-4) and no cycle is older than two heartbeats (INV-LAG-5); afterwards everybody is served again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALGORITHM_NAMES } from '../../../../src/protocol/lagover/algorithm.ts';
import { describeFaults, drawFaultPlan, playFaults } from '../../../../src/sim/faults.ts';
import type { TreeWorld } from '../../../../src/sim/lagover/tree-world.ts';
import { settle, system, trees, workload } from './small-trees.ts';

const TWO_HEARTBEATS_MS = 1_500;

function assertSafe(world: TreeWorld, what: string): void {
  assert.equal(world.faults.exceeded, 0, `a fan-out was exceeded: ${what}`);
  assert.ok(world.faults.cycleMs <= TWO_HEARTBEATS_MS, `a cycle stood for ${world.faults.cycleMs} ms: ${what}`);
}

for (const algorithm of ALGORITHM_NAMES) {
  test(`${algorithm}: lost, doubled and overtaking messages do no harm`, () => {
    for (const seed of [1, 2, 3, 4]) {
      const world = trees(workload('bicorr', 40, seed), seed, { tree: { algorithm }, loss: 0.05, duplicate: 0.1, reorder: 0.2 });
      world.joinAll(1_000);
      assert.ok(settle(world, 120_000) !== undefined, `seed ${seed}, satisfied ${world.satisfiedShare}`);
      assertSafe(world, `seed ${seed}`);
    }
  });
}

test('the children of a crashed peer have a path to the source again within three seconds, and keep their subtrees', () => {
  // 1 below the source, 2 and 3 below 1, the others below those; each of 2 and 3 could take the other one in.
  const world = trees(system(1, [[1, 2], [2, 3], [2, 3], [3, 0], [3, 0], [3, 0], [3, 0]]), 4);
  world.joinAll(500);
  assert.ok(settle(world, 60_000) !== undefined);
  const before = world.truth.parents;
  world.crash(1);
  world.world.runFor(3_000);
  assert.equal(world.orphanedMs.length, [2, 3].filter((peer) => before[peer] === 1).length, 'all children of the crashed peer have a path again');
  const after = world.truth.parents;
  for (const peer of [4, 5, 6, 7]) if (before[peer] !== 1) assert.equal(after[peer], before[peer], `grandchild ${peer} keeps its parent`);
  assertSafe(world, 'crash');
});

test('a peer that leaves says goodbye: nobody is cut off for as long as a crash would take', () => {
  const world = trees(system(1, [[1, 2], [2, 3], [2, 3], [3, 0], [3, 0], [3, 0], [3, 0]]), 4);
  world.joinAll(500);
  assert.ok(settle(world, 60_000) !== undefined);
  world.leave(1);
  // Two round trips: to the grandparent, and of the sibling to the heir; none of them waits for a lease.
  world.world.runFor(900);
  const { delays } = world.truth;
  for (let peer = 2; peer <= 7; peer++) assert.ok((delays[peer] as number) > 0, `peer ${peer} hears from the source`);
});

test('a lease that nobody renews ends: the slot of a crashed leaf is granted to somebody else', () => {
  const world = trees(system(1, [[1, 0], [1, 0]]), 6);
  world.join(0);
  world.join(1);
  assert.ok(settle(world, 10_000, 1) !== undefined);
  world.crash(1);
  world.join(2);
  assert.ok(settle(world, 10_000, 1) !== undefined);
  assertSafe(world, 'lease');
});

test('a peer that returns at once grants no slot that a child of its former life may still hold', () => {
  const world = trees(system(1, [[1, 1], [2, 0], [2, 0]]), 6);
  for (const peer of [0, 1, 2]) world.join(peer);
  assert.ok(settle(world, 20_000, 2) !== undefined);
  world.join(3);
  for (let i = 0; i < 5; i++) {
    world.restart(1);
    world.world.runFor(1_500);
  }
  assert.ok(world.world.runUntilHolds(() => world.truth.parents[1] === 0 && (world.truth.parents[2] === 1 || world.truth.parents[3] === 1), 100, 30_000) !== undefined);
  assertSafe(world, 'restarts');
});

test('chaos: whatever a fault plan does, the invariants hold through it, and everybody is served within a minute of its end', () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const world = trees(workload('rand', 40, seed), seed, { shuffleTies: true });
    world.joinAll(1_000);
    world.world.runFor(20_000);
    const plan = drawFaultPlan(world.world.random('faults'), { startMs: 20_000, healMs: 110_000, peers: world.peers + 1, spared: [0], lossMax: 0.3 });
    const target = {
      now: () => world.world.now(), at: (at: number, action: () => void) => world.world.at(at, action),
      setLoss: (share: number) => world.world.setLoss(share), setDuplicate: (share: number) => world.world.setDuplicate(share),
      setReorder: (share: number) => world.world.setReorder(share), setJitter: (share: number) => world.world.setJitter(share),
      partition: (groupOf: ((peer: number) => number) | undefined) => world.world.partition(groupOf),
      cut: (from: (peer: number) => boolean, to: (peer: number) => boolean) => world.world.cut(from, to), mend: (cut: number) => world.world.mend(cut),
      heal: () => world.world.heal(), isAlive: (peer: number) => world.isOnline(peer), crash: (peer: number) => world.crash(peer),
      hang: (peer: number, durationMs: number) => world.world.hang(peer, durationMs), setClockSkew: (peer: number, skewMs: number) => world.world.setClockSkew(peer, skewMs),
    };
    playFaults(target, plan, (peer) => world.restart(peer));
    world.world.runUntil(110_000);
    const what = `seed ${seed}\n${describeFaults(plan)}`;
    assert.equal(world.faults.exceeded, 0, what);
    world.faults.cycleMs = 0;
    assert.ok(settle(world, 60_000, world.onlineCount) !== undefined, `satisfied ${world.satisfiedShare}, ${what}`);
    assertSafe(world, what);
  }
});
