/**
 * Streams: in order and complete whatever the network does, back-pressured, and reset when an end dies.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StreamId } from '../../../src/core/env.ts';
import type { Toy, ToyWorld } from './toy.ts';
import { spawnToys, toyWorld } from './toy.ts';

function pair(options: Parameters<typeof toyWorld>[0] = {}): { world: ToyWorld; a: Toy; b: Toy; id: StreamId } {
  const world = toyWorld(options);
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  return { world, a, b, id: a.env.streams.open(b.self, 7) };
}

const chunk = (value: number, length = 10): Uint8Array => new Uint8Array(length).fill(value);

test('a stream opens, carries, ends: both ends hear it', () => {
  const { world, a, b, id } = pair();
  assert.equal(a.env.streams.write(id, chunk(1)), true);
  a.env.streams.end(id);
  assert.deepEqual(b.streams, []);
  world.runUntil(1000);
  assert.deepEqual(b.streams, ['50 opened 1 by sim-0 for 7', '50 data 1 1x10', '50 ended 1']);
  assert.deepEqual(a.streams, ['100 ended 1']);
  assert.deepEqual([world.counters.streamsOpened, world.counters.streamBytes], [1, 10]);
});

test('both directions carry data', () => {
  const { world, a, b, id } = pair();
  b.onBytes = (stream) => {
    b.env.streams.write(stream, chunk(2, 5));
    b.env.streams.end(stream);
  };
  a.env.streams.write(id, chunk(1));
  world.runUntil(1000);
  assert.deepEqual(a.streams, ['100 data 1 2x5', '100 ended 1']);
  assert.equal(b.streams.at(-1), '150 ended 1');
});

test('loss, jitter, reordering and bandwidth delay chunks but never reorder, lose or repeat them', () => {
  const bandwidth = { upBps: 1e6, downBps: 8e5 };
  const rough = { loss: 0.2, jitter: 1, reorder: 0.5, duplicate: 0.5, bandwidth };
  const { world, a, b, id } = pair(rough);
  for (let i = 0; i < 200; i++) world.at(i, () => void a.env.streams.write(id, chunk(i, 100)));
  world.at(200, () => a.env.streams.end(id));
  world.runUntilQuiet(1e6);
  const received = b.streams.filter((line) => line.includes('data'));
  assert.deepEqual(received.map((line) => Number(/ (\d+)x/.exec(line)?.[1])), Array.from({ length: 200 }, (_, i) => i));
  assert.ok(b.streams.at(-1)?.endsWith('ended 1'));
  assert.ok(world.now() >= 200 * 1, '20 kB at 0.8 Mbit/s take 200 ms');
});

test('write says stop above the mark, and writable comes when the other end has consumed', () => {
  const { world, a, b, id } = pair({ streamHighWaterBytes: 1000 });
  assert.equal(a.env.streams.write(id, chunk(1, 1000)), true);
  assert.equal(a.env.streams.write(id, chunk(2, 1)), false);
  world.runUntil(99);
  assert.deepEqual(a.streams, []);
  world.runUntil(200);
  assert.deepEqual(a.streams, ['100 writable 1']);
  assert.equal(b.receivedBytes, 1001);
});

test('a paused reader holds the writer back; resume delivers later, in order', () => {
  const { world, a, b, id } = pair({ streamHighWaterBytes: 15 });
  world.runUntil(60);
  b.env.streams.pause(1);
  assert.equal(a.env.streams.write(id, chunk(1)), true);
  assert.equal(a.env.streams.write(id, chunk(2)), false);
  a.env.streams.end(id);
  world.runUntil(5000);
  assert.deepEqual([b.receivedBytes, a.streams.length], [0, 0]);
  b.env.streams.resume(1);
  assert.equal(b.receivedBytes, 0, 'never during the call');
  world.runUntil(6000);
  assert.deepEqual(b.streams.slice(1), ['5000 data 1 1x10', '5000 data 1 2x10', '5000 ended 1']);
  assert.deepEqual(a.streams, ['5050 ended 1']);
});

test('pausing inside a callback stops the rest of what was held', () => {
  const { world, a, b, id } = pair();
  world.runUntil(60);
  b.env.streams.pause(1);
  for (let i = 1; i <= 3; i++) a.env.streams.write(id, chunk(i));
  world.runUntil(200);
  b.onBytes = (stream) => b.env.streams.pause(stream);
  b.env.streams.resume(1);
  world.runUntil(300);
  assert.equal(b.receivedBytes, 10);
  b.env.streams.resume(1);
  world.runUntil(400);
  assert.equal(b.receivedBytes, 20);
});

test('what arrives between resume and its delivery waits behind what was held', () => {
  const { world, a, b, id } = pair();
  world.runUntil(60);
  world.at(150, () => b.env.streams.resume(1));
  b.env.streams.pause(1);
  a.env.streams.write(id, chunk(1));
  world.at(100, () => void a.env.streams.write(id, chunk(2)));
  world.runUntil(200);
  assert.deepEqual(b.streams.slice(1), ['150 data 1 1x10', '150 data 1 2x10']);
});

test('pausing between the pieces of one write keeps the order, and nothing is said twice', () => {
  const { world, a, b, id } = pair({ wire: true, streamHighWaterBytes: 20 });
  const received: number[] = [];
  world.runUntil(60);
  b.env.streams.pause(1);
  b.onBytes = (stream, bytes) => {
    received.push(...bytes);
    b.env.streams.pause(stream);
  };
  for (const start of [0, 10, 20]) a.env.streams.write(id, Uint8Array.from({ length: 10 }, (_, i) => start + i));
  for (let i = 1; i <= 30; i++) world.at(100 * i, () => b.env.streams.resume(1));
  world.runUntil(5000);
  assert.deepEqual(received, Array.from({ length: 30 }, (_, i) => i));
  assert.equal(a.streams.filter((line) => line.includes('writable')).length, 1);
});

test('reset: the other end hears it after what was sent before, the caller hears nothing', () => {
  const { world, a, b, id } = pair();
  a.env.streams.write(id, chunk(1));
  a.env.streams.reset(id);
  assert.equal(a.env.streams.write(id, chunk(2)), false, 'a closed stream takes nothing');
  world.runUntil(1000);
  assert.deepEqual(b.streams.slice(1), ['50 data 1 1x10', '50 reset 1']);
  assert.deepEqual(a.streams, []);
});

test('a crash of either side resets the stream at the other, after the latency', () => {
  const first = pair();
  first.world.at(200, () => first.world.crash(1));
  first.world.runUntil(1000);
  assert.deepEqual(first.a.streams, ['250 reset 1']);
  const second = pair();
  second.world.at(200, () => second.world.crash(0));
  second.world.runUntil(1000);
  assert.deepEqual(second.b.streams.slice(1), ['250 reset 1']);
  assert.deepEqual(second.a.streams, []);
  assert.equal(second.world.counters.streamsReset, 1);
});

test('opening to a dead or unknown peer fails by a reset', () => {
  const world = toyWorld();
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  world.crash(1);
  const dead = a.env.streams.open(b.self, 1);
  const unknown = a.env.streams.open({ ...b.self, peerId: 'nobody' }, 1);
  assert.notEqual(dead, unknown);
  assert.equal(a.env.streams.write(unknown, chunk(1)), true);
  world.runUntil(5000);
  assert.deepEqual(a.streams, [`100 reset ${dead}`, `1000 reset ${unknown}`]);
  assert.equal(b.env.streams.open(a.self, 1) > 0, true, 'the streams of a dead process act on nothing');
  world.runUntil(9000);
  assert.deepEqual(a.opened, []);
});

test('a short partition delays a stream, one of more than ten seconds resets both ends', () => {
  const { world, a, b, id } = pair();
  world.at(100, () => world.partition((peer) => peer));
  world.at(110, () => void a.env.streams.write(id, chunk(1)));
  world.at(120, () => void a.env.streams.write(id, chunk(2)));
  world.at(9000, () => world.heal());
  world.at(9010, () => void a.env.streams.write(id, chunk(3)));
  world.runUntil(11_000);
  assert.deepEqual(b.streams.slice(1), ['9050 data 1 1x10', '9050 data 1 2x10', '9060 data 1 3x10']);
  world.partition((peer) => peer);
  world.runUntil(30_000);
  assert.equal(b.streams.at(-1), '21000 reset 1');
  assert.deepEqual(a.streams, ['21000 reset 1']);
});

test('a dial into a partition fails after ten seconds; a second partition starts the patience anew', () => {
  const world = toyWorld();
  const [a, b] = spawnToys(world, 2) as [Toy, Toy];
  world.partition((peer) => peer);
  a.env.streams.open(b.self, 1);
  world.at(6000, () => world.heal());
  world.at(7000, () => world.partition((peer) => peer));
  world.runUntil(16_999);
  assert.deepEqual(a.streams, []);
  assert.equal(b.opened.length, 1);
  world.runUntil(17_000);
  assert.deepEqual(a.streams, ['17000 reset 1']);
});

test('streams are part of the fingerprint, and wire mode copies their bytes', () => {
  const run = (wire: boolean): string => {
    const { world, a, b, id } = pair({ wire, loss: 0.1, seed: 3 });
    const bytes = chunk(1, 30_000);
    for (let i = 0; i < 10; i++) a.env.streams.write(id, bytes);
    bytes.fill(5);
    world.runUntil(10_000);
    assert.equal(b.streams[1]?.includes(wire ? '1x15001' : '5x30000'), true);
    return world.fingerprint;
  };
  assert.equal(run(true), run(false));
});
