/**
 * A peer that lies about its delay or its slots, refuses every child, or accepts and never forwards is found out by those it
 * lies to, left and avoided (issue C, "Bad input"); everybody else is served in time all the same.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lie } from '../../../../src/sim/lagover/liars.ts';
import type { TreeWorld } from '../../../../src/sim/lagover/tree-world.ts';
import { system, trees, workload } from './small-trees.ts';

const WITHIN_MS = 60_000;

function childrenOf(world: TreeWorld, peer: number): number[] {
  return [...world.truth.parents.keys()].filter((child) => world.truth.parents[child] === peer);
}

/** Everybody but the liars is served in time. */
function othersAreServed(world: TreeWorld, liars: ReadonlyMap<number, Lie>): boolean {
  const { delays } = world.truth;
  return world.workload.consumers.every(({ constraint }, place) => {
    const delay = delays[place + 1] as number;
    return liars.has(place + 1) || (delay > 0 && delay <= constraint);
  });
}

// Peer 1 stands below the source and has most slots; 2 and 3 are all that can take the others instead.
const withAlternative = system(3, [[1, 8], [1, 4], [1, 4], [3, 0], [3, 0], [3, 0], [3, 0], [3, 0], [3, 0]]);

test('a peer that lies about its free slots and refuses every child is avoided: all it refused stand elsewhere', () => {
  for (const seed of [1, 2, 3]) {
    const liars = new Map<number, Lie>([[1, 'refuses']]);
    const world = trees(withAlternative, seed, { liars });
    for (const peer of [0, 1, 2, 3]) world.join(peer);
    world.world.runFor(5_000);
    for (let peer = 4; peer <= 9; peer++) world.join(peer);
    assert.ok(world.world.runUntilHolds(() => othersAreServed(world, liars), 100, WITHIN_MS) !== undefined, `seed ${seed}, parents ${world.truth.parents.join(' ')}`);
  }
});

test('a peer that accepts and never forwards is left by its children', () => {
  for (const seed of [1, 2, 3]) {
    const liars = new Map<number, Lie>([[1, 'silences']]);
    const world = trees(withAlternative, seed, { liars });
    world.joinAll(1_000);
    assert.ok(world.world.runUntilHolds(() => world.onlineCount === 9 && childrenOf(world, 1).length === 0 && othersAreServed(world, liars), 100, WITHIN_MS) !== undefined, `seed ${seed}`);
    world.world.runFor(30_000);
    assert.deepEqual(childrenOf(world, 1), [], 'and nobody comes back to it soon');
  }
});

test('a peer that lies about its delay with a path that adds up is found out by asking its parent, and left', () => {
  // Peer 2 stands below 1, and claims to stand below the source; 3 and 4 can also stand below 1.
  const of = system(1, [[1, 3], [2, 2], [3, 0], [3, 0]]);
  for (const seed of [1, 2, 3]) {
    const liars = new Map<number, Lie>([[2, 'flatters']]);
    const world = trees(of, seed, { liars });
    for (const peer of [0, 1, 2]) world.join(peer);
    world.world.runFor(5_000);
    for (const peer of [3, 4]) world.join(peer);
    assert.ok(world.world.runUntilHolds(() => world.onlineCount === 4 && childrenOf(world, 2).length === 0 && othersAreServed(world, liars), 100, WITHIN_MS) !== undefined, `seed ${seed}, parents ${world.truth.parents.join(' ')}`);
    world.world.runFor(30_000);
    assert.deepEqual(childrenOf(world, 2), []);
  }
});

test('in a larger tree with liars of each kind everybody else is served nearly all the time', () => {
  const liars = new Map<number, Lie>([[3, 'refuses'], [7, 'silences'], [11, 'flatters'], [19, 'refuses']]);
  const world = trees(workload('rand', 60, 4), 4, { liars });
  world.joinAll(1_000);
  world.world.runFor(60_000);
  let served = 0;
  for (let second = 0; second < 60; second++) {
    world.world.runFor(1_000);
    const { delays } = world.truth;
    const honest = world.workload.consumers.filter(({ constraint }, place) => !liars.has(place + 1) && (delays[place + 1] as number) > 0 && (delays[place + 1] as number) <= constraint);
    served += honest.length / (world.peers - liars.size) / 60;
  }
  assert.equal(world.faults.exceeded, 0);
  assert.ok(served >= 0.97, `served ${served}`);
});
