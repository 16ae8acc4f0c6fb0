/** The queue in front of a neighbour: bounded in frames and bytes, and it is the oldest that go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Uint8ArrayList } from 'uint8arraylist';
import { FrameQueue } from '../../../src/host/frame-queue.ts';

function drain(queue: FrameQueue, bytesMax = Infinity): number[] {
  const bytes: number[] = [];
  for (let batch = queue.takeBatch(bytesMax); batch !== undefined; batch = queue.takeBatch(bytesMax)) bytes.push(...batch.subarray());
  return bytes;
}

test('over the frame limit the oldest go, and are counted', () => {
  const queue = new FrameQueue({ framesMax: 3, bytesMax: 1_000 });
  const dropped = [1, 2, 3, 4, 5].map((byte) => queue.push(Uint8Array.of(byte)));
  assert.deepEqual(dropped, [0, 0, 0, 1, 1]);
  assert.deepEqual(drain(queue), [3, 4, 5]);
});

test('over the byte limit as many of the oldest go as the newest needs', () => {
  const queue = new FrameQueue({ framesMax: 100, bytesMax: 10 });
  for (const byte of [1, 2, 3]) queue.push(new Uint8Array(3).fill(byte));
  assert.equal(queue.push(new Uint8Array(6).fill(4)), 2);
  assert.deepEqual(drain(queue), [3, 3, 3, 4, 4, 4, 4, 4, 4]);
});

test('a frame that fits no queue is lost itself, and nothing for it', () => {
  const queue = new FrameQueue({ framesMax: 4, bytesMax: 4 });
  queue.push(Uint8Array.of(1));
  assert.equal(queue.push(new Uint8Array(5)), 1);
  assert.deepEqual(drain(queue), [1]);
});

test('batches keep the order, respect their maximum, and always make progress', () => {
  const frames = fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 40 });
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 50 }), (pushed, bytesMax) => {
      const queue = new FrameQueue({ framesMax: 1_000, bytesMax: 10_000 });
      for (const frame of pushed) assert.equal(queue.push(frame), 0);
      const out: number[] = [];
      for (let batch = queue.takeBatch(bytesMax); batch !== undefined; batch = queue.takeBatch(bytesMax)) {
        assert.ok(batch.byteLength <= Math.max(bytesMax, 20));
        out.push(...batch.subarray());
      }
      assert.deepEqual(out, pushed.flatMap((frame) => [...frame]));
      assert.equal(queue.bytes, 0);
      assert.equal(queue.length, 0);
    }),
  );
});

test('a frame in pieces leaves alone and in its turn, and nothing of it is copied', () => {
  const queue = new FrameQueue();
  const large = new Uint8ArrayList(Uint8Array.of(2), Uint8Array.of(3, 4));
  for (const frame of [Uint8Array.of(0), Uint8Array.of(1), large, Uint8Array.of(5)]) queue.push(frame);
  const batches = [1, 2, 3].map(() => queue.takeBatch(1_000));
  assert.deepEqual(batches.map((batch) => [...(batch?.subarray() ?? [])]), [[0, 1], [2, 3, 4], [5]]);
  assert.equal(batches[1], large);
  assert.deepEqual([queue.bytes, queue.length], [0, 0]);
});
