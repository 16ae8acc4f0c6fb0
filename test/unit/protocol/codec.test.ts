/**
 * The wire codec with generated messages of every type (INV-WIRE-1), and what it refuses (INV-WIRE-2): maxima, missing
 * parts, unknown kinds, numbers that are none, positions that are not their claimants' own.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Contact } from '../../../src/core/contact.ts';
import { WireError } from '../../../src/core/errors.ts';
import { createCodec, sizeByDescriptors } from '../../../src/protocol/wire/codec.ts';
import type { Field, Message, MessageType, StoredObject, Vitals } from '../../../src/protocol/wire/messages.ts';
import { MESSAGE } from '../../../src/protocol/wire/messages.ts';
import { utf8Bytes } from '../../../src/protocol/wire/sizes.ts';
import { messageOf } from './arbitraries.ts';
import { at, peerAt, vitalsOf } from './recording-env.ts';

const codec = createCodec();
const types = Object.keys(MESSAGE) as MessageType[];
const vitals = vitalsOf();
const peer = peerAt(0.5);
const version = { wallMs: 5, counter: 1, writer: 'w' };
const reference = { key: at(0.3), host: undefined };
const object: StoredObject = { key: at(0.2), version, value: new Uint8Array(3), fields: [], expiresAtMs: 0, deleted: false };
const bytes = (count: number): Uint8Array => new Uint8Array(count);
const fieldsOf = (count: number): Field[] => Array.from({ length: count }, (_, i) => ({ name: `f${i}`, reference }));
const many = <T>(count: number, item: T): T[] => new Array<T>(count).fill(item);

for (const type of types) {
  test(`INV-WIRE-1: ${type}: size is the encoded length, by hand and by descriptors, and decoding gives the message back`, () => {
    fc.assert(fc.property(messageOf[type], (message) => {
      const encoded = codec.encode(message);
      assert.equal(codec.size(message), encoded.length);
      assert.equal(sizeByDescriptors(message), encoded.length);
      assert.deepStrictEqual(codec.decode(encoded), message);
    }), { numRuns: 60 });
  });
}

test('INV-WIRE-1: large bytes go past the encoder as they are, and the message comes back', () => {
  const large = fc.uint8Array({ minLength: 4_096, maxLength: 90_000 });
  const message = fc.oneof(
    fc.record({ message: messageOf.put, large }).map(({ message: put, large: value }) => ({ message: { ...put, value } as Message, given: value })),
    fc.record({ message: messageOf.feedPush, large }).map(({ message: push, large: packed }) => ({ message: { ...push, packed } as Message, given: packed })),
  );
  fc.assert(fc.property(message, ({ message: one, given }) => {
    const encoded = codec.encode(one);
    assert.equal(codec.size(one), encoded.length);
    assert.deepStrictEqual(codec.decode(encoded), one);
    assert.equal(codec.parts(one).at(-1), given, 'not a copy');
    assert.deepEqual(Buffer.concat(codec.parts(one)), Buffer.from(encoded));
  }), { numRuns: 40 });
});

test('numbers and names of messages go together, and a number that nobody has still has a name to count it under', () => {
  for (const type of types) {
    assert.equal(codec.number({ type } as Message), MESSAGE[type]);
    assert.equal(codec.name(MESSAGE[type]), type);
  }
  assert.equal(codec.name(999), 'unknown-999');
});

/** A message with exactly `n` of what is limited, and the limit that the wire declares. */
const limits: readonly [what: string, max: number, make: (n: number) => Message][] = [
  ['neighbours in a probe', 64, (n) => ({ type: 'probe', op: 1, vitals, knownDigest: 0, leafset: many(n, peer), failed: [] })],
  ['claims in a probe', 32, (n) => ({ type: 'probe', op: 1, vitals, knownDigest: 0, leafset: [], failed: many(n, 'x') })],
  ['bytes of a claim', 64, (n) => ({ type: 'probe', op: 1, vitals, knownDigest: 0, leafset: [], failed: ['x'.repeat(n)] })],
  ['neighbours in a probeReply', 64, (n) => ({ type: 'probeReply', op: 1, vitals, leafset: many(n, peer) })],
  ['neighbours in a leave', 64, (n) => ({ type: 'leave', leafset: many(n, peer) })],
  ['neighbours in a routeReply', 64, (n) => ({ type: 'routeReply', op: 1, hops: 1, vitals, leafset: many(n, peer) })],
  ['peers gone', 16, (n) => ({ type: 'tableRequest', op: 1, part: 0, vitals, gone: many(n, at(0)), reach: new Uint8Array(0), rttMs: 0 })],
  ['entries of a table', 128, (n) => ({ type: 'tableReply', op: 1, vitals, entries: many(n, { contact: peer, zoneStart: undefined, tellerRttMs: 0 }), gone: [] })],
  ['dimensions of a coordinate', 8, (n) => ({ type: 'heartbeat', announcement: false, vitals: vitalsOf({ coordinate: { vector: many(n, 1), height: 1, error: 1 } }) })],
  ['addresses of a contact', 8, (n) => ({ type: 'leave', leafset: [{ ...peer, addresses: many(n, 'a') }] })],
  ['bytes of an address', 256, (n) => ({ type: 'leave', leafset: [{ ...peer, addresses: ['a'.repeat(n)] }] })],
  ['bytes of a name', 64, (n) => ({ type: 'leave', leafset: [{ ...peer, name: 'a'.repeat(n) }] })],
  ['bytes of an identity', 64, (n) => ({ type: 'leave', leafset: [{ ...peer, peerId: 'a'.repeat(n) }] })],
  ['bytes of a value', 1_048_576, (n) => ({ type: 'put', op: 1, key: at(0), value: bytes(n), fields: [], leaseMs: 0, delete: false })],
  ['fields of a put', 4_096, (n) => ({ type: 'put', op: 1, key: at(0), value: bytes(0), fields: fieldsOf(n), leaseMs: 0, delete: false })],
  ['bytes of a field name', 64, (n) => ({ type: 'setField', op: 1, key: at(0), field: 'a'.repeat(n), reference, onlyHost: false })],
  ['bytes of a writer', 64, (n) => ({ type: 'writeReply', op: 1, status: 0, version: { ...version, writer: 'a'.repeat(n) }, copies: 1 })],
  ['bytes of a stored value', 1_048_576, (n) => ({ type: 'getReply', op: 1, status: 0, object: { ...object, value: bytes(n) } })],
  ['fields of an object', 4_096, (n) => ({ type: 'getReply', op: 1, status: 0, object: { ...object, fields: fieldsOf(n) } })],
  ['objects handed over', 64, (n) => ({ type: 'replicate', op: 1, objects: many(n, object), handOver: true })],
  ['statuses', 64, (n) => ({ type: 'replicateReply', op: 1, statuses: many(n, 1) })],
  ['entries of a comparison', 512, (n) => ({ type: 'syncReply', op: 1, equal: false, entries: many(n, { key: at(0), version }), coveredTo: undefined })],
];

for (const [what, max, make] of limits) {
  test(`INV-WIRE-2: ${what}: ${max} pass, one more is a WireError`, () => {
    assert.deepStrictEqual(codec.decode(codec.encode(make(max))), make(max));
    assert.throws(() => codec.decode(codec.encode(make(max + 1))), WireError);
  });
}

const nobody = undefined as unknown as Vitals;
const nowhere = undefined as unknown as Contact['position'];
const lacking: readonly [what: string, message: Message][] = [
  ['a heartbeat without vitals', { type: 'heartbeat', vitals: nobody, announcement: false }],
  ['a probe without vitals', { type: 'probe', op: 1, vitals: nobody, knownDigest: 0, leafset: [], failed: [] }],
  ['a probeReply without vitals', { type: 'probeReply', op: 1, vitals: nobody, leafset: [] }],
  ['a routeReply without vitals', { type: 'routeReply', op: 1, hops: 0, vitals: nobody, leafset: [] }],
  ['a tableRequest without vitals', { type: 'tableRequest', op: 1, part: 0, vitals: nobody, gone: [], reach: new Uint8Array(0), rttMs: 0 }],
  ['a tableReply without vitals', { type: 'tableReply', op: 1, vitals: nobody, entries: [], gone: [] }],
  ['a table entry without contact', { type: 'tableReply', op: 1, vitals, entries: [{ contact: undefined as unknown as Contact, zoneStart: undefined, tellerRttMs: 0 }], gone: [] }],
  ['a contact without position', { type: 'leave', leafset: [{ ...peer, position: nowhere }] }],
  ['a route without key', { type: 'route', op: 1, hop: 1, purpose: 0, key: nowhere, origin: peer, hops: 0, byRing: false, attempt: 1 }],
  ['a route without origin', { type: 'route', op: 1, hop: 1, purpose: 0, key: at(0), origin: undefined as unknown as Contact, hops: 0, byRing: false, attempt: 1 }],
  ['a get without key', { type: 'get', op: 1, key: nowhere, local: false }],
  ['a put without key', { type: 'put', op: 1, key: nowhere, value: bytes(0), fields: [], leaseMs: 0, delete: false }],
  ['a reference without key', { type: 'setField', op: 1, key: at(0), field: 'f', reference: { key: nowhere, host: undefined }, onlyHost: false }],
  ['an object without version', { type: 'getReply', op: 1, status: 0, object: { ...object, version: undefined as unknown as StoredObject['version'] } }],
  ['an object without key', { type: 'replicate', op: 1, objects: [{ ...object, key: nowhere }], handOver: false }],
  ['a comparison without end', { type: 'sync', op: 1, from: at(0), to: nowhere, count: 0, digest: 0 }],
];

for (const [what, message] of lacking) {
  test(`INV-WIRE-2: ${what} is a WireError`, () => {
    assert.throws(() => codec.decode(codec.encode(message)), WireError);
  });
}

test('INV-WIRE-2: unknown message types and empty frames are WireErrors', () => {
  assert.throws(() => codec.decode(new Uint8Array(0)), WireError);
  for (const number of [26, 100, 2_000]) {
    const tag = number * 8 + 2;
    const head = tag < 128 ? [tag] : [(tag & 127) | 128, tag >> 7];
    assert.throws(() => codec.decode(Uint8Array.from([...head, 0])), WireError, `number ${number}`);
  }
});

test('INV-WIRE-2: a position of any other length than 20 bytes is a WireError', () => {
  const whole = codec.encode({ type: 'get', op: 0, key: at(0.9), local: false });
  // Frame tag, frame length, field tag, then the length of the position.
  assert.deepEqual([...whole.subarray(1, 4)], [22, 18, 20]);
  for (const length of [1, 19, 21, 40]) {
    assert.throws(() => codec.decode(Uint8Array.from([whole[0] as number, length + 2, 18, length, ...bytes(length)])), WireError);
  }
});

test('INV-WIRE-2: infinite numbers and NaN are WireErrors, in every field that could carry one', () => {
  for (const wrong of [Infinity, -Infinity, NaN]) {
    const messages: Message[] = [
      { type: 'put', op: 1, key: at(0), value: bytes(0), fields: [], leaseMs: wrong, delete: false },
      { type: 'writeReply', op: 1, status: 0, version: { ...version, wallMs: wrong }, copies: 0 },
      { type: 'getReply', op: 1, status: 0, object: { ...object, expiresAtMs: wrong } },
      ...[{ vector: [wrong], height: 1, error: 1 }, { vector: [], height: wrong, error: 1 }, { vector: [], height: 1, error: wrong }].map((coordinate): Message => {
        return { type: 'heartbeat', announcement: false, vitals: vitalsOf({ coordinate }) };
      }),
    ];
    for (const message of messages) assert.throws(() => codec.decode(codec.encode(message)), WireError, `${message.type} ${wrong}`);
  }
});

test('INV-WIRE-1: minus zero keeps its sign and is counted in the size', () => {
  const message: Message = { type: 'heartbeat', announcement: false, vitals: vitalsOf({ coordinate: { vector: [-0], height: -0, error: -0 } }) };
  const encoded = codec.encode(message);
  assert.equal(codec.size(message), encoded.length);
  assert.deepStrictEqual(codec.decode(encoded), message);
});

test('INV-WIRE-1: sizes of strings agree with the encoder, lone halves of surrogate pairs included', () => {
  const unit = fc.oneof(fc.constantFrom('\ud800', '\udbff', '\udc00', '\udfff', 'a', 'é', '€', '😀'), fc.string({ unit: 'binary', maxLength: 1 }));
  fc.assert(fc.property(fc.array(unit, { maxLength: 8 }).map((units) => units.join('')), (name) => {
    assert.equal(utf8Bytes(name), new TextEncoder().encode(name).length);
    const message: Message = { type: 'leave', leafset: [{ ...peer, name }] };
    assert.equal(codec.size(message), codec.encode(message).length);
  }));
});

test('a codec that knows identities refuses a contact at a position not its own, wherever in a message it stands', () => {
  const strict = createCodec({ positionOf: (peerId) => (peerId === peer.peerId ? peer.position : undefined) });
  const liar: Contact = { ...peer, position: at(0.25) };
  const stranger: Contact = { ...peer, peerId: 'stranger' };
  const carriers: ((contact: Contact) => Message)[] = [
    (contact) => ({ type: 'leave', leafset: [peer, contact] }),
    (contact) => ({ type: 'probe', op: 1, vitals, knownDigest: 0, leafset: [contact], failed: [] }),
    (contact) => ({ type: 'route', op: 1, hop: 1, purpose: 0, key: at(0), origin: contact, hops: 0, byRing: false, attempt: 1 }),
    (contact) => ({ type: 'tableReply', op: 1, vitals, entries: [{ contact, zoneStart: undefined, tellerRttMs: 0 }], gone: [] }),
    (contact) => ({ type: 'setField', op: 1, key: at(0), field: 'f', reference: { key: at(0), host: contact }, onlyHost: false }),
    (contact) => ({ type: 'replicate', op: 1, handOver: false, objects: [{ ...object, fields: [{ name: 'f', reference: { key: at(0), host: contact } }] }] }),
  ];
  for (const carry of carriers) {
    assert.deepStrictEqual(strict.decode(strict.encode(carry(peer))), carry(peer));
    for (const wrong of [liar, stranger]) assert.throws(() => strict.decode(strict.encode(carry(wrong))), WireError);
  }
});
