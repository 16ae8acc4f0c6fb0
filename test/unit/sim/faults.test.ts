/**
 * Fault plans: drawn from the seed alone, inside their limits, played as printed, and healed at the end.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomFrom } from '../../../src/core/random.ts';
import type { FaultPlan } from '../../../src/sim/faults.ts';
import { describeFaults, drawFaultPlan, playFaults } from '../../../src/sim/faults.ts';
import type { Toy } from './toy.ts';
import { gossip, note, spawnToys, toyWorld } from './toy.ts';

const limits = { startMs: 1000, healMs: 60_000, peers: 20, spared: [0, 1] };

test('a plan stays inside its limits and is plain data', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const plan = drawFaultPlan(randomFrom(seed), limits);
      assert.deepEqual(plan, drawFaultPlan(randomFrom(seed), limits));
      assert.deepEqual(JSON.parse(JSON.stringify(plan)), JSON.parse(JSON.stringify({ ...plan })));
      for (const step of plan.steps) {
        assert.ok(step.at >= 1000 && step.at < 60_000);
        if ('until' in step) assert.ok(step.until >= step.at && step.until <= 60_000);
        if ('share' in step) assert.ok(step.share >= 0 && step.share <= 1);
        if ('peers' in step) assert.ok(step.peers.length > 0 && step.peers.every((peer) => peer >= 2 && peer < 20));
      }
      assert.equal(describeFaults(plan).split('\n').length, plan.steps.length + 1);
    }),
  );
});

test('over many seeds every kind of fault occurs, and some plans lack each', () => {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 100; seed++) {
    const kinds = new Set(drawFaultPlan(randomFrom(seed), limits).steps.map(({ kind }) => kind));
    for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  assert.equal(counts.size, 9);
  for (const [kind, count] of counts) assert.ok(count > 20 && count < 80, `${kind} in ${count} of 100`);
});

test('after heal every message arrives once and in time, and crashed peers that restart are back', () => {
  for (let seed = 0; seed < 30; seed++) {
    const world = gossip({ seed });
    const plan = drawFaultPlan(world.random('faults'), limits);
    const restarted: number[] = [];
    const silent = { onTimer() {}, onMessage() {}, onPeerUnreachable() {} };
    const deaf = { onStreamOpened() {}, onStreamData() {}, onStreamWritable() {}, onStreamClosed() {} };
    playFaults(world, plan, (peer) => {
      restarted.push(peer);
      world.respawn(peer, world.contact(peer), () => ({ ...silent, ...deaf }));
    });
    world.runUntil(61_000);
    const forever = plan.steps.some((step) => step.kind === 'crash' && step.restartAt === undefined);
    if (!forever) assert.equal(world.aliveCount, 20);
    const { lost, sent, delivered, duplicated } = world.counters;
    world.runUntil(65_000);
    const { counters } = world;
    assert.equal(counters.duplicated, duplicated);
    if (!forever) assert.equal(counters.lost, lost);
    assert.ok(Math.abs(counters.delivered - delivered - (counters.sent - sent)) < 100 || forever);
  }
});

test('heal ends whatever a plan left in place', () => {
  const faults: FaultPlan['steps'] = [
    { kind: 'partition', at: 0, until: 9000, groups: [[1]] },
    { kind: 'cut', at: 0, until: 9000, from: [0], to: [1] },
    { kind: 'loss', at: 0, until: 9000, share: 1 },
    { kind: 'duplicate', at: 0, until: 9000, share: 1 },
    { kind: 'jitter', at: 0, until: 9000, share: 1 },
    { kind: 'reorder', at: 0, until: 9000, share: 1 },
  ];
  for (const step of faults) {
    const world = toyWorld();
    const [a, b] = spawnToys(world, 2) as [Toy, Toy];
    playFaults(world, { startMs: 0, healMs: 1000, steps: [step] }, () => undefined);
    world.runUntil(2000);
    a.env.send(b.self, note());
    world.runUntil(2100);
    assert.deepEqual(b.heard.map(({ at }) => at), [2050], step.kind);
  }
});

test('a plan is played as it says', () => {
  const plan: FaultPlan = {
    startMs: 0,
    healMs: 1000,
    steps: [
      { kind: 'loss', at: 100, until: 200, share: 1 },
      { kind: 'partition', at: 300, until: 400, groups: [[1]] },
      { kind: 'cut', at: 500, until: 600, from: [0], to: [1] },
      { kind: 'crash', at: 700, restartAt: 800, peers: [1] },
      { kind: 'clock', at: 900, skewMs: -5000, peers: [0] },
    ],
  };
  const world = toyWorld();
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  playFaults(world, plan, (peer) => world.respawn(peer, { ...b.self, incarnation: 2 }, () => b));
  for (let i = 0; i < 10; i++) world.at(i * 100 + 20, () => a.env.send(b.self, note(1, i)));
  world.runUntil(2000);
  assert.deepEqual(b.heard.map((entry) => entry.note.hops), [0, 2, 4, 6, 8, 9]);
  assert.equal(a.env.wallClock(), 1_700_000_000_000 + 2000 - 5000);
  assert.equal(
    describeFaults(plan),
    [
      '0.1 s to 0.2 s: loss 100 %',
      '0.3 s to 0.4 s: partition, apart: {1}',
      '0.5 s to 0.6 s: cut from {0} to {1}',
      '0.7 s: crash {1} until 0.8 s',
      '0.9 s: clocks wrong by -5000 ms {0}',
      '1 s: heal',
    ].join('\n'),
  );
});
