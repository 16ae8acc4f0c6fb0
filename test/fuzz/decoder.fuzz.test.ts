/**
 * The decoder against rubbish (INV-WIRE-2): arbitrary bytes, and real frames of a simulated ring with bytes flipped,
 * inserted, deleted, doubled or cut off. It decodes or throws WireError; what it decodes can be sized and encoded again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../../src/core/errors.ts';
import { positionFromLead } from '../../src/core/position.ts';
import { createCodec } from '../../src/protocol/wire/codec.ts';
import type { MessageType } from '../../src/protocol/wire/messages.ts';
import { MESSAGE } from '../../src/protocol/wire/messages.ts';
import { capturedFrames } from './captured-frames.ts';

const codec = createCodec();
const strict = createCodec({ positionOf: (peerId) => (peerId.length % 2 === 0 ? positionFromLead(peerId.length) : undefined) });

function decodeOrRefuse(bytes: Uint8Array): void {
  for (const some of [codec, strict]) {
    try {
      const message = some.decode(bytes);
      const encoded = some.encode(message);
      assert.equal(some.size(message), encoded.length);
      assert.deepStrictEqual(some.decode(encoded), message);
    } catch (error) {
      assert.ok(error instanceof WireError, error instanceof Error ? error.stack : String(error));
    }
  }
}

test('INV-WIRE-2: arbitrary bytes are decoded or refused, never anything else', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), decodeOrRefuse), { numRuns: 3_000 });
});

test('INV-WIRE-2: arbitrary bytes in the body of every message type are decoded or refused', () => {
  const body = fc.uint8Array({ maxLength: 100 });
  fc.assert(fc.property(fc.constantFrom(...Object.values(MESSAGE)), body, (number, bytes) => {
    const tag = number * 8 + 2;
    decodeOrRefuse(Uint8Array.from([...(tag < 128 ? [tag] : [(tag & 127) | 128, tag >> 7]), bytes.length, ...bytes]));
  }), { numRuns: 4_000 });
});

test('a simulated ring sends every type of message: the frames that are mutated here are real ones of all kinds', () => {
  const seen = new Set(capturedFrames().map((frame) => codec.decode(frame).type));
  assert.deepEqual((Object.keys(MESSAGE) as MessageType[]).filter((type) => !seen.has(type)), []);
});

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const change = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), place, value: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constantFrom('insert' as const, 'delete' as const, 'double' as const, 'cut' as const), place, value: fc.nat(255) }),
);
type Change = { readonly kind: 'flip' | 'insert' | 'delete' | 'double' | 'cut'; readonly place: number; readonly value: number };

function changed(bytes: number[], { kind, place: share, value }: Change): number[] {
  const at = Math.floor(share * bytes.length);
  const before = bytes.slice(0, at);
  const after = bytes.slice(at);
  switch (kind) {
    case 'flip': return [...before, (after[0] ?? 0) ^ value, ...after.slice(1)];
    case 'insert': return [...before, value, ...after];
    case 'delete': return [...before, ...after.slice(1)];
    case 'double': return [...before, ...after.slice(0, 1 + (value % 16)), ...after];
    default: return before;
  }
}

test('INV-WIRE-2: real frames with bytes flipped, inserted, deleted, doubled or cut off are decoded or refused', () => {
  const frames = capturedFrames();
  fc.assert(fc.property(fc.nat(1e6), fc.array(change, { minLength: 1, maxLength: 4 }), (pick, changes) => {
    let bytes = [...(frames[pick % frames.length] as Uint8Array)];
    for (const one of changes) bytes = changed(bytes, one);
    decodeOrRefuse(Uint8Array.from(bytes));
  }), { numRuns: 5_000 });
});

test('INV-WIRE-2: two frames in one are one message of the last kind, or refused: nothing is mixed', () => {
  const frames = capturedFrames();
  fc.assert(fc.property(fc.nat(1e6), fc.nat(1e6), (a, b) => {
    const first = frames[a % frames.length] as Uint8Array;
    const second = frames[b % frames.length] as Uint8Array;
    const types = [first, second].map((frame) => codec.decode(frame).type);
    decodeOrRefuse(Uint8Array.from([...first, ...second]));
    if (types[0] !== types[1]) assert.deepStrictEqual(codec.decode(Uint8Array.from([...first, ...second])), codec.decode(second));
  }), { numRuns: 500 });
});
