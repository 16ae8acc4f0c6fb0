/**
 * The link model: shares of loss and duplicates, overtaking, partitions, cuts, bandwidth and per-peer differences.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomFrom } from '../../../src/core/random.ts';
import { ConstantLatency } from '../../../src/sim/latency/latency-model.ts';
import { Link } from '../../../src/sim/link.ts';
import type { Toy, ToyWorld } from './toy.ts';
import { note, spawnToys, toyWorld } from './toy.ts';

/** Sends `count` messages from peer 0 to peer 1, one a millisecond, numbered in `hops`. */
function stream(world: ToyWorld, count: number): [Toy, Toy] {
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  for (let i = 0; i < count; i++) world.at(i, () => a.env.send(b.self, note(1, i)));
  return [a, b];
}

test('loss, duplication and reordering happen in the share asked for', () => {
  const count = 20_000;
  const lossy = toyWorld({ loss: 0.25 });
  const [, lossyEnd] = stream(lossy, count);
  lossy.runUntilQuiet(1e6);
  assert.ok(Math.abs(lossyEnd.heard.length / count - 0.75) < 0.02);
  const twice = toyWorld({ duplicate: 0.25 });
  const [, twiceEnd] = stream(twice, count);
  twice.runUntilQuiet(1e6);
  assert.ok(Math.abs(twiceEnd.heard.length / count - 1.25) < 0.02);
  const mixed = toyWorld({ reorder: 0.1, reorderMs: 20 });
  const [, mixedEnd] = stream(mixed, count);
  mixed.runUntilQuiet(1e6);
  const overtaken = mixedEnd.heard.filter(({ note: { hops } }, i) => hops < (mixedEnd.heard[i - 1]?.note.hops ?? 0));
  assert.equal(mixedEnd.heard.length, count);
  assert.ok(overtaken.length / count > 0.05 && overtaken.length / count < 0.12);
});

test('without faults nothing is drawn, and messages stay in order', () => {
  const world = toyWorld();
  const [, b] = stream(world, 100);
  world.runUntilQuiet(1e6);
  assert.deepEqual(b.heard.map(({ note: { hops } }) => hops), Array.from({ length: 100 }, (_, i) => i));
  assert.ok(b.heard.every(({ at, note: { hops } }) => at === hops + 50));
});

test('jitter adds at most its share of the latency', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 2, noNaN: true }), fc.integer(), (jitter, seed) => {
      const link = new Link({ latency: new ConstantLatency(80), jitter }, randomFrom(seed));
      for (let i = 0; i < 20; i++) {
        const ms = link.delay(0, 1);
        assert.ok(ms >= 80 && ms <= 80 * (1 + jitter));
      }
    }),
  );
});

test('a partition loses what crosses it, also what is on its way, until it heals', () => {
  const world = toyWorld();
  const [a, b, c] = spawnToys(world, 3) as [Toy, Toy, Toy];
  a.env.send(b.self, note(1));
  world.at(20, () => world.partition((peer) => (peer === 1 ? 1 : 0)));
  world.at(30, () => {
    a.env.send(b.self, note(2));
    a.env.send(c.self, note(2));
    b.env.send(a.self, note(2));
    b.env.send(b.self, note(2));
  });
  world.at(200, () => world.heal());
  world.at(210, () => a.env.send(b.self, note(3)));
  world.runUntil(500);
  assert.deepEqual([a, b, c].map((toy) => toy.heard.map((entry) => entry.note.type)), [[], [2, 3], [2]]);
  assert.equal(world.counters.lost, 3);
});

test('a cut closes one direction only, until it is mended', () => {
  const world = toyWorld();
  const [a, b, c] = spawnToys(world, 3) as [Toy, Toy, Toy];
  const cut = world.cut((peer) => peer === 0, (peer) => peer === 1);
  const toOneAnother = (): void => {
    for (const from of [a, b, c]) for (const to of [a, b, c]) if (from !== to) from.env.send(to.self, note());
  };
  toOneAnother();
  world.runUntil(100);
  assert.deepEqual([a.heard.length, b.heard.length, c.heard.length], [2, 1, 2]);
  world.mend(cut);
  toOneAnother();
  world.runUntil(200);
  assert.deepEqual([a.heard.length, b.heard.length, c.heard.length], [4, 3, 4]);
});

test('bandwidth: messages leave one after the other and arrive at the pace of the bottleneck', () => {
  const bytes = 1000;
  const rates = [{ upBps: 8e6, downBps: 8e6 }, { upBps: 8e6, downBps: 1e6 }];
  const bandwidth = (peer: number): { upBps: number; downBps: number } => rates[peer] ?? { upBps: 8e6, downBps: 8e6 };
  const overheadBytes = bytes - JSON.stringify(note()).length;
  const world = toyWorld({ bandwidth, overheadBytes });
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  for (let i = 0; i < 4; i++) a.env.send(b.self, note());
  world.runUntil(1000);
  // Up: 1 ms each. Down: 8 ms each, the first bit in at 51.
  assert.deepEqual(b.heard.map(({ at }) => at), [59, 67, 75, 83]);
});

test('bandwidth: two senders share the receiver in the order of arrival, not of sending', () => {
  const overheadBytes = 1000 - JSON.stringify(note()).length;
  const latency = { description: '', places: 3, oneWayMs: (a: number) => (a === 0 ? 100 : 10) };
  const world = toyWorld({ latency, overheadBytes, bandwidth: { upBps: Infinity, downBps: 8e4 } });
  const [far, near, sink] = spawnToys(world, 3) as [Toy, Toy, Toy];
  far.env.send(sink.self, note(1));
  world.at(20, () => near.env.send(sink.self, note(2)));
  world.runUntil(1000);
  assert.deepEqual(sink.heard.map(({ note: { type }, at }) => [type, at]), [[2, 130], [1, 230]]);
});

test('bandwidth: what would wait longer than the buffer is lost', () => {
  const overheadBytes = 1000 - JSON.stringify(note()).length;
  const world = toyWorld({ overheadBytes, bandwidth: { upBps: 8e5, downBps: Infinity }, bufferMs: 25 });
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  for (let i = 0; i < 10; i++) a.env.send(b.self, note(1, i));
  world.runUntil(1000);
  assert.deepEqual(b.heard.map(({ note: { hops } }) => hops), [0, 1, 2]);
  assert.equal(world.counters.lost, 7);
});

test('a peer can be worse than the rest, and become ordinary again', () => {
  const world = toyWorld();
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  world.setPeerLink(1, { extraMs: 25 });
  a.env.send(b.self, note());
  world.runUntil(100);
  assert.equal(b.heard[0]?.at, 75);
  world.setPeerLink(1, { loss: 1 });
  a.env.send(b.self, note());
  b.env.send(a.self, note());
  world.runUntil(200);
  world.setPeerLink(1, undefined);
  a.env.send(b.self, note());
  world.runUntil(300);
  assert.deepEqual([a.heard.length, b.heard.length, world.counters.lost], [0, 2, 2]);
  const overheadBytes = 1000 - JSON.stringify(note()).length;
  const slow = toyWorld({ overheadBytes });
  const [c, d] = spawnToys(slow, 2) as [Toy, Toy];
  slow.setPeerLink(1, { bandwidth: { upBps: 1e6, downBps: 8e5 } });
  c.env.send(d.self, note());
  slow.runUntil(200);
  assert.equal(d.heard[0]?.at, 60);
});
