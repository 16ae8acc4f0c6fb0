/**
 * What the world promises: one seed one run, lives, timers, counters, and messages that cannot alias.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstDifference } from '../../../src/sim/fingerprint.ts';
import { EuclideanLatency } from '../../../src/sim/latency/latency-model.ts';
import { randomFrom } from '../../../src/core/random.ts';
import type { Toy } from './toy.ts';
import { gossip, note, spawnToy, spawnToys, toyWorld } from './toy.ts';

const rough = { loss: 0.1, duplicate: 0.1, reorder: 0.2, jitter: 0.3 };

function fingerprintOf(options: Parameters<typeof gossip>[0]): string {
  const world = gossip(options);
  world.runUntil(5000);
  assert.ok(world.counters.events > 1000);
  return world.fingerprint;
}

test('the same seed gives the same run', () => {
  assert.match(fingerprintOf({ seed: 5, ...rough }), /^[0-9a-f]{16}$/);
  assert.equal(fingerprintOf({ seed: 5, ...rough }), fingerprintOf({ seed: 5, ...rough }));
});

test('another seed gives another run', () => {
  assert.notEqual(fingerprintOf({ seed: 5, ...rough }), fingerprintOf({ seed: 6, ...rough }));
});

test('this very run: a change of the simulator that changes runs has to be meant', () => {
  assert.equal(fingerprintOf({ seed: 5, ...rough }), 'd8c00ac8c5bd3729');
});

test('both queues give the same run', () => {
  assert.equal(fingerprintOf({ queue: 'heap', ...rough }), fingerprintOf({ queue: 'calendar', ...rough }));
  const shuffled = { shuffleTies: true, ...rough };
  assert.equal(fingerprintOf({ queue: 'heap', ...shuffled }), fingerprintOf({ queue: 'calendar', ...shuffled }));
});

test('encoding and decoding, or freezing, every message changes nothing', () => {
  const plain = fingerprintOf({ ...rough });
  assert.equal(fingerprintOf({ ...rough, wire: true }), plain);
  assert.equal(fingerprintOf({ ...rough, freeze: true }), plain);
  assert.equal(fingerprintOf({ ...rough, wire: true, freeze: true }), plain);
});

test('running in small steps is running at once', () => {
  const world = gossip(rough);
  while (world.now() < 5000) world.runFor(7);
  const steps = gossip(rough);
  steps.runUntil(world.now());
  assert.equal(world.fingerprint, steps.fingerprint);
});

test('checkpoints find where two runs part', () => {
  const run = (crashAt: number): ReturnType<typeof gossip> => {
    const world = gossip({ checkpointEvery: 100, ...rough });
    world.at(crashAt, () => world.crash(3));
    world.runUntil(5000);
    return world;
  };
  assert.equal(firstDifference(run(2000).checkpoints, run(2000).checkpoints), undefined);
  const parted = firstDifference(run(2000).checkpoints, run(2500).checkpoints);
  assert.ok(parted !== undefined && parted.at >= 2000 && parted.at < 2500);
});

test('send never delivers at once, not even to self, and counts self-sends apart', () => {
  const world = toyWorld();
  const toy = spawnToy(world);
  toy.env.send(toy.self, note());
  assert.equal(toy.heard.length, 0);
  world.runFor(0);
  assert.equal(toy.heard.length, 1);
  assert.deepEqual([world.counters.loopback, world.counters.sent], [1, 0]);
});

test('a message arrives after the latency, from the latest contact of its sender', () => {
  const world = toyWorld();
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  a.env.send(b.self, note());
  world.at(10, () => world.setContact(0, { ...a.self, incarnation: 9 }));
  world.runUntil(100);
  assert.deepEqual(b.heard.map(({ from, at }) => [from.peerId, from.incarnation, at]), [['sim-0', 9, 50]]);
});

test('a contact without an index is found by its identity, a stranger is not found', () => {
  const world = toyWorld();
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  const { peerId, position, addresses, name, incarnation } = b.self;
  a.env.send({ peerId, position, addresses, name, incarnation }, note());
  a.env.send({ peerId: 'stranger', position, addresses, name, incarnation }, note());
  a.env.send({ ...b.self, peerId: 'stranger with an index' }, note());
  world.runUntil(100);
  assert.equal(b.heard.length, 1);
  assert.equal(world.counters.lost, 2);
});

test('a timer slot holds one deadline: arming again replaces, disarming removes, kinds are apart', () => {
  const world = toyWorld();
  const toy = spawnToy(world);
  toy.env.arm(1, 10);
  toy.env.arm(1, 30);
  toy.env.arm(2, 20);
  toy.env.arm(200, 25);
  toy.env.arm(3, 15);
  toy.env.disarm(3);
  toy.env.disarm(4);
  world.runUntil(100);
  assert.deepEqual(toy.timers, [{ kind: 2, at: 20 }, { kind: 200, at: 25 }, { kind: 1, at: 30 }]);
  toy.env.arm(1, 50);
  world.runUntil(200);
  assert.deepEqual(toy.timers.at(-1), { kind: 1, at: 100 }, 'a deadline in the past is now');
});

test('a timer may be armed again from its own callback', () => {
  const world = toyWorld();
  const toy = spawnToy(world);
  toy.onTick = () => toy.env.arm(0, toy.env.now() + 10);
  toy.env.arm(0, 10);
  world.runUntil(55);
  assert.deepEqual(toy.timers.map(({ at }) => at), [10, 20, 30, 40, 50]);
});

test('a crash voids timers and messages on their way, and the old Env is deaf', () => {
  const world = toyWorld();
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  a.env.send(b.self, note());
  b.env.arm(0, 60);
  world.at(20, () => world.crash(1));
  world.at(21, () => world.respawn(1, { ...b.self, incarnation: 2 }, () => b));
  world.at(22, () => b.env.send(a.self, note()));
  world.runUntil(200);
  assert.deepEqual([a.heard.length, b.heard.length, b.timers.length], [0, 0, 0]);
  assert.deepEqual([world.isAlive(1), world.aliveCount, world.counters.lost], [true, 2, 1]);
});

test('a respawned peer keeps its store and draws anew', () => {
  const world = toyWorld();
  const toy = spawnToy(world);
  const drawn = toy.env.random.u32();
  const bytes = Uint8Array.of(1, 2);
  toy.env.store.write('b', bytes);
  toy.env.store.write('a', bytes);
  bytes[0] = 9;
  world.crash(0);
  world.respawn(0, { ...toy.self, incarnation: 2 }, (env, self) => {
    assert.equal(self.incarnation, 2);
    assert.deepEqual(env.store.names(''), ['a', 'b']);
    assert.deepEqual(env.store.read('b'), Uint8Array.of(1, 2));
    assert.notEqual(env.random.u32(), drawn);
    return toy;
  });
  world.store(0).remove('a');
  assert.deepEqual(world.store(0).names('a'), []);
});

test('what a peer draws does not depend on how many others there are', () => {
  const one = toyWorld({ seed: 3 });
  const many = toyWorld({ seed: 3 });
  const alone = spawnToy(one).env.random.u32();
  const crowd = spawnToys(many, 50);
  assert.equal((crowd[0] as Toy).env.random.u32(), alone);
  assert.equal(new Set(crowd.map((toy) => toy.env.random.u32())).size, 50);
});

test('counters add up: sent + duplicated = delivered + lost, also by message type', () => {
  const world = gossip({ ...rough, latency: new EuclideanLatency(randomFrom(2)) });
  world.at(1000, () => world.crash(4));
  world.runUntil(5000);
  for (const index of world.alive()) world.crash(index);
  assert.equal(world.runUntilQuiet(10_000), true);
  const { sent, duplicated, delivered, lost, bytes } = world.counters;
  assert.equal(sent + duplicated, delivered + lost);
  const rows = world.messageCounts();
  assert.deepEqual(rows.map(({ name }) => name), ['note-1', 'note-2', 'note-3']);
  const sum = (of: (row: (typeof rows)[0]) => number): number => rows.reduce((total, row) => total + of(row), 0);
  assert.deepEqual([sum((row) => row.sent), sum((row) => row.bytes)], [sent, bytes]);
  assert.deepEqual([sum((row) => row.delivered), sum((row) => row.lost)], [delivered, lost]);
  const byPeer = Array.from({ length: 20 }, (_, peer) => world.counters.sentBy(peer));
  assert.equal(byPeer.reduce((total, count) => total + count, 0), sent);
});

test('a dead or unknown peer is hinted at after a round trip, if asked for', () => {
  const world = toyWorld({ hintUnreachable: true });
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  world.crash(1);
  a.env.send(b.self, note());
  world.runUntil(500);
  assert.deepEqual(a.unreachable, [{ peer: 'sim-1', at: 100 }]);
  const silent = toyWorld();
  const [c, d] = spawnToys(silent, 2) as [Toy, Toy];
  silent.crash(1);
  c.env.send(d.self, note());
  silent.runUntil(500);
  assert.deepEqual(c.unreachable, []);
});

test('facts reach every observer with peer and time; wall clocks differ by at most the skew', () => {
  const world = toyWorld({ clockSkewMs: 500 });
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  const facts: unknown[] = [];
  world.onFact((index, fact, at) => facts.push([index, fact.hops, at]));
  a.env.send(b.self, note(1, 7));
  world.runUntil(50);
  assert.deepEqual(facts, [[1, 7, 50]]);
  const skews = [a, b].map((toy) => toy.env.wallClock() - 1_700_000_000_050);
  assert.ok(skews.every((skew) => Math.abs(skew) <= 500) && skews[0] !== skews[1]);
  world.setClockSkew(0, -3_600_000);
  assert.equal(a.env.wallClock(), 1_700_000_000_050 - 3_600_000);
});

test('a hanging process handles nothing, and then everything in order', () => {
  const world = toyWorld();
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  b.env.arm(0, 60);
  a.env.send(b.self, note(1));
  a.env.send(b.self, note(2));
  world.hang(1, 300);
  world.runUntil(299);
  assert.deepEqual([b.heard.length, b.timers.length], [0, 0]);
  world.runUntil(400);
  assert.deepEqual(b.heard.map(({ note: { type }, at }) => [type, at]), [[1, 300], [2, 300]]);
  assert.deepEqual(b.timers, [{ kind: 0, at: 300 }]);
});

test('freezing catches a message changed after sending; wire mode keeps it as it was', () => {
  const message = { type: 1, hops: 0, to: ['x'] };
  const world = toyWorld({ wire: true });
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  a.env.send(b.self, message);
  message.to.push('y');
  world.runUntil(100);
  assert.deepEqual(b.heard[0]?.note.to, ['x']);
  const frozen = toyWorld({ freeze: true });
  const [c, d] = spawnToys(frozen, 2) as [Toy, Toy];
  c.env.send(d.self, message);
  assert.throws(() => message.to.push('z'), TypeError);
});

test('bytes that the codec refuses are counted and dropped', () => {
  const world = toyWorld({ wire: true });
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  a.env.send(b.self, note(99));
  world.runUntil(100);
  assert.deepEqual([b.heard.length, world.counters.malformed], [0, 1]);
});

test('a failure in a peer says where and when, and which seed repeats it', () => {
  const world = toyWorld({ seed: 77 });
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  b.onNote = () => {
    throw new RangeError('broken');
  };
  a.env.send(b.self, note());
  const expected = /^broken \[simulated: seed 77, at 50 ms, peer 1, event 1\]$/;
  assert.throws(() => world.runUntil(100), (error) => error instanceof RangeError && expected.test(error.message));
});

test('runUntilHolds tells how long it took, or that it did not', () => {
  const world = gossip({});
  const took = world.runUntilHolds(() => world.counters.delivered >= 100, 10, 60_000);
  assert.ok(took !== undefined && took > 0 && took % 10 === 0);
  assert.equal(world.runUntilHolds(() => false, 10, 95), undefined);
  assert.equal(world.now(), took + 95);
});
