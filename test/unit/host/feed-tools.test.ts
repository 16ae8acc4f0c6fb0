/**
 * Digests, signatures and compression of real peers: what one makes another can check and undo, and nothing else is taken.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { createFeedTools } from '../../../src/host/feed-tools.ts';
import { identityOf, newPrivateKey } from '../../../src/host/identity.ts';

const key = newPrivateKey();
const tools = createFeedTools(key);
const { peerId } = identityOf(key);
const text = (unit: string, times: number): Uint8Array => new TextEncoder().encode(unit.repeat(times));

test('a signature is true for its signer and its statement, and for no other', () => {
  const statement = text('statement', 3);
  const signature = tools.sign(statement);
  const other = identityOf(newPrivateKey()).peerId;
  assert.ok(tools.verify(peerId, statement, signature));
  assert.ok(!tools.verify(other, statement, signature));
  assert.ok(!tools.verify(peerId, text('statement', 2), signature));
  assert.ok(!tools.verify('nobody', statement, signature));
  assert.ok(!tools.verify(peerId, statement, signature.subarray(1)));
});

test('what is packed is unpacked, with and without a dictionary, however small or large', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 5_000 });
  fc.assert(fc.property(bytes, fc.option(bytes, { nil: undefined }), (body, base) => {
    assert.deepEqual(Buffer.from(tools.unpack(tools.pack(body, base), base, body.length) ?? []), Buffer.from(body));
  }), { numRuns: 200 });
  const large = new Uint8Array(randomBytes(3_000_000));
  assert.deepEqual(tools.unpack(tools.pack(large, undefined), undefined, large.length)?.length, large.length);
});

test('what is new at one place only is packed, and what is all new and random is not', () => {
  const base = new Uint8Array(randomBytes(60_000));
  const random = new Uint8Array(randomBytes(40_000));
  assert.ok(tools.pack(new Uint8Array([...random, ...base]), base).length < 45_000);
  assert.ok(tools.pack(new Uint8Array([...base, ...random]), base).length < 45_000);
  assert.equal(tools.pack(random, base).length, random.length + 1);
  assert.equal(tools.pack(random, undefined).length, random.length + 1);
});

test('one more item in a large document costs little more than the item', () => {
  const base = new Uint8Array(randomBytes(400_000));
  const next = new Uint8Array([...randomBytes(500), ...base.subarray(0, 399_000)]);
  const packed = tools.pack(next, base);
  assert.ok(packed.length < 1_000, `${packed.length} bytes`);
  assert.deepEqual(Buffer.from(tools.unpack(packed, base, next.length) ?? []), Buffer.from(next));
});

test('what is larger than it says, cut off, or has another dictionary is nobody\'s body', () => {
  const base = text('0123456789', 2_000);
  const body = text('9876543210', 2_000);
  const packed = tools.pack(body, base);
  assert.equal(tools.unpack(packed, base, body.length - 1), undefined);
  assert.equal(tools.unpack(packed, base, body.length + 1), undefined);
  assert.equal(tools.unpack(packed.subarray(0, packed.length - 3), base, body.length), undefined);
  assert.equal(tools.unpack(Uint8Array.of(7, 1, 2), undefined, 2), undefined);
  assert.equal(tools.unpack(new Uint8Array(0), undefined, 0), undefined);
  // A bomb: 20 MB of zeros in few bytes.
  assert.equal(tools.unpack(tools.pack(new Uint8Array(20_000_000), undefined), undefined, 1_000), undefined);
});
