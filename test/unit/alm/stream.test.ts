/**
 * The parts of a session's streams that are pure: frames, the window, who is too slow, clocks, and the shape of a tree.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../../../src/core/errors.ts';
import { spotsOf } from '../../../src/protocol/alm/session/tree-shape.ts';
import { SLOW_AFTER_MS, SLOW_PER_HOP_MS } from '../../../src/protocol/alm/stream/bounds.ts';
import type { Chunk } from '../../../src/protocol/alm/stream/frames.ts';
import { encodeChunksHead, encodeFrame, FrameReader, fromLow, fromTenths, tenths } from '../../../src/protocol/alm/stream/frames.ts';
import { ParentClock } from '../../../src/protocol/alm/stream/parent-clock.ts';
import { TakeMeter } from '../../../src/protocol/alm/stream/slowness.ts';
import { Window } from '../../../src/protocol/alm/stream/window.ts';

const chunkOf = (seq: number, length: number): Chunk => ({ seq, bytes: new Uint8Array(length).fill(seq), isKey: seq % 3 === 0, hasMore: seq % 2 === 0, bornAt: 0 });

test('frames come out as they went in, however the stream is cut', () => {
  fc.assert(fc.property(fc.array(fc.nat(300), { minLength: 1, maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (lengths, cuts) => {
    const chunks = lengths.map((length, i) => chunkOf(7 + i, length));
    const parts = [encodeFrame({ kind: 'start', seq: 7, head: 9 }), encodeChunksHead(chunks, 50), ...chunks.map(({ bytes }) => bytes), encodeFrame({ kind: 'end', seq: 20, reason: 'over, ä' })];
    const all = Buffer.concat(parts);
    const reader = new FrameReader();
    const frames = [];
    for (let at = 0, i = 0; at < all.length; i++) {
      const cut = cuts[i % cuts.length] as number;
      reader.push(all.subarray(at, at + cut));
      at += cut;
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(frame);
    }
    assert.deepEqual(frames[0], { kind: 'start', seq: 7, head: 9 });
    assert.deepEqual(frames[2], { kind: 'end', seq: 20, reason: 'over, ä' });
    const [, middle] = frames;
    assert.ok(middle?.kind === 'chunks' && middle.seqLow === 7 && fromTenths(middle.sentAt, 40) === 50);
    middle.chunks.forEach((chunk, i) => {
      const sent = chunks[i] as Chunk;
      assert.deepEqual([Buffer.from(chunk.bytes).toString('hex'), chunk.isKey, chunk.hasMore, chunk.age], [Buffer.from(sent.bytes).toString('hex'), sent.isKey, sent.hasMore, 500]);
    });
  }));
});

test('any bytes are frames, or wait for more, or are refused with a WireError', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
    const reader = new FrameReader();
    reader.push(bytes);
    try {
      while (reader.next() !== undefined);
    } catch (error) {
      assert.ok(error instanceof WireError);
    }
  }));
});

test('numbers and moments that travel in 32 bits are found again', () => {
  assert.equal(fromLow((2 ** 33 + 5) % 2 ** 32, 2 ** 33 + 100), 2 ** 33 + 5);
  assert.equal(fromTenths(tenths(9e8), 9e8 + 1_000), 9e8);
});

test('a window makes room by what everybody has had, and by nothing else', () => {
  const window = new Window(0, 100, true);
  for (let seq = 0; seq < 10; seq++) window.push(chunkOf(seq, 10));
  assert.equal(window.makeRoom(5, 0), false, 'half of it is for what somebody has to get');
  assert.deepEqual([window.oldest, window.bytes], [0, 100]);
  assert.equal(window.makeRoom(6, 0), true);
  assert.deepEqual([window.oldest, window.head, window.at(0), window.at(1)?.seq, window.latestKey], [1, 10, undefined, 1, 9]);
});

test('a window that is held lets nothing go and becomes twice as large, and is as large as before after that', () => {
  const window = new Window(0, 100, true);
  for (let seq = 0; seq < 10; seq++) window.push(chunkOf(seq, 10));
  window.hold(50);
  for (let seq = 10; seq < 20; seq++) {
    assert.equal(window.makeRoom(seq, 49), true);
    window.push(chunkOf(seq, 10));
  }
  assert.deepEqual([window.makeRoom(20, 49), window.oldest], [false, 0]);
  assert.deepEqual([window.makeRoom(20, 50), window.oldest, window.bytes], [true, 11, 90]);
});

test('INV-CAST-2: a window never holds more than its maximum and one chunk, and what is still needed stays', () => {
  const step = fc.record({ length: fc.integer({ min: 1, max: 400 }), gain: fc.nat(6) });
  fc.assert(fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
    const [bytesMax, first] = [1_000, 5];
    const window = new Window(first, bytesMax, true);
    let least = first;
    for (const { length, gain } of steps) {
      if (window.makeRoom(least, 0)) window.push(chunkOf(window.head, length));
      assert.ok(window.bytes < bytesMax + 400, `${window.bytes} bytes`);
      for (let seq = least; seq < window.head; seq++) assert.equal(window.at(seq)?.seq, seq);
      least = Math.min(window.head, least + gain);
    }
  }));
});

test('slow is who takes less than the rate while it is behind; who was behind for a moment only is not judged', () => {
  const meter = new TakeMeter();
  for (let now = 0; now <= SLOW_AFTER_MS; now += 100) {
    meter.took(10_000);
    meter.look(true, now);
    assert.equal(meter.isSlow({ rateBps: 2_000_000, afterMs: SLOW_AFTER_MS }, now), now === SLOW_AFTER_MS);
  }
  assert.equal(meter.isSlow({ rateBps: 800_000, afterMs: SLOW_AFTER_MS }, SLOW_AFTER_MS), false);
  assert.equal(meter.isSlow({ rateBps: 2_000_000, afterMs: SLOW_AFTER_MS + SLOW_PER_HOP_MS }, SLOW_AFTER_MS), false);
  meter.look(false, SLOW_AFTER_MS);
  assert.equal(meter.isSlow({ rateBps: 2_000_000, afterMs: SLOW_AFTER_MS }, SLOW_AFTER_MS), false);
});

test('of several comparisons of clocks the one with the shortest round trip counts', () => {
  const clock = new ParentClock();
  clock.add(0, 1_040, 100);
  clock.add(200, 1_205, 210);
  assert.deepEqual([clock.rttMs, clock.toLocal(1_300), clock.toParent(300)], [10, 300, 1_300]);
});

test('everybody is told its parent, who stands above, and how far it goes on below each child', () => {
  const spots = spotsOf('r', new Map([['a', 'r'], ['b', 'a'], ['c', 'b'], ['d', 'r']]));
  assert.deepEqual(spots.map(({ peerId, parent, ancestors, children, depth }) => [peerId, parent, ancestors, children.map(({ peerId: child, below }) => `${child} ${below}`), depth]), [
    ['r', undefined, [], ['a 2', 'd 0'], 0], ['a', 'r', [], ['b 1'], 1], ['d', 'r', [], [], 1], ['b', 'a', ['r'], ['c 0'], 2], ['c', 'b', ['a', 'r'], [], 3],
  ]);
});
