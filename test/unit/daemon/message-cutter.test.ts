/** A stream of bytes as messages: the bytes stay what they were, and cuts of the source do not matter. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GroveError } from '../../../src/core/errors.ts';
import type { Piece } from '../../../src/daemon/message-cutter.ts';
import { MessageCutter } from '../../../src/daemon/message-cutter.ts';
import { CHUNK_BYTES_MAX, MESSAGE_BYTES_MAX } from '../../../src/protocol/alm/stream/bounds.ts';

function sized(length: number): Uint8Array {
  const bytes = new Uint8Array(4 + length).fill(7);
  new DataView(bytes.buffer).setUint32(0, length);
  return bytes;
}

/** Everything that comes of these bytes, cut like that. */
function all(cutter: MessageCutter, bytes: Uint8Array, step: number): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < bytes.length; at += step) pieces.push(...cutter.cut(bytes.subarray(at, at + step)));
  return [...pieces, ...cutter.end()];
}

/** Bytes of each message, whether it is a key point. */
function messagesOf(pieces: readonly Piece[]): [string, boolean][] {
  const messages: [string, boolean][] = [];
  let open: { parts: Uint8Array[]; isKey: boolean } | undefined;
  for (const { bytes, isKey, hasMore } of pieces) {
    assert.ok(bytes.length <= CHUNK_BYTES_MAX && (open === undefined || !isKey));
    open ??= { parts: [], isKey };
    open.parts.push(bytes);
    if (hasMore) continue;
    messages.push([Buffer.concat(open.parts).toString('latin1'), open.isKey]);
    open = undefined;
  }
  return messages;
}

test('lines are messages however the source is cut, each third of them a key point, the last one without a line feed', () => {
  fc.assert(fc.property(fc.array(fc.nat(12), { minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 30 }), (lengths, step) => {
    const lines = [...lengths.map((length) => `${'x'.repeat(length)}\n`), 'last'];
    const pieces = all(new MessageCutter('lines', 3), Buffer.from(lines.join('')), step);
    assert.deepEqual(messagesOf(pieces), lines.map((line, i) => [line, i % 3 === 0]));
  }));
});

test('a sized message travels with its length, a long one in several chunks of which the first is the key point', () => {
  const bytes = Buffer.concat([sized(2 * CHUNK_BYTES_MAX), sized(0), sized(3)]);
  for (const step of [70_000, 3, bytes.length]) {
    const messages = messagesOf(all(new MessageCutter('sized', 1), bytes, step));
    assert.deepEqual(messages.map(([text, isKey]) => [text.length, isKey]), [[2 * CHUNK_BYTES_MAX + 4, true], [4, true], [7, true]]);
    assert.equal(messages.map(([text]) => text).join(''), bytes.toString('latin1'));
  }
});

test('a message that is too long, and one that is not whole at the end, are errors; bytes without messages are neither', () => {
  assert.throws(() => new MessageCutter('sized', 0).cut(sized(MESSAGE_BYTES_MAX)), GroveError);
  assert.throws(() => new MessageCutter('lines', 0).cut(new Uint8Array(MESSAGE_BYTES_MAX + 1)), GroveError);
  assert.throws(() => all(new MessageCutter('sized', 0), sized(10).subarray(0, 9), 100), /within a message/);
  const pieces = all(new MessageCutter(undefined, 0), new Uint8Array(CHUNK_BYTES_MAX + 1), 1_000_000);
  assert.deepEqual(pieces.map(({ bytes, isKey, hasMore }) => [bytes.length, isKey, hasMore]), [[CHUNK_BYTES_MAX, false, false], [1, false, false]]);
});
