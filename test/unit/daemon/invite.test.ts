/** Invites: what goes in comes out, and every mistake a person can make with one is told apart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GroveError } from '../../../src/core/errors.ts';
import { decodeInvite, encodeInvite } from '../../../src/daemon/invite.ts';
import type { Pool } from '../../../src/daemon/pool.ts';
import { newPool } from '../../../src/daemon/pool.ts';
import { STRATEGY_NAMES } from '../../../src/protocol/options.ts';

const ADDRESS = '/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWNvf6q3GVd6q4hpMhsBaXh9zKoQfarfEvH1Lp5eZFonK6';
const pool: Pool = { ...newPool({ strategy: 'can', dimensions: 3, leafsetRadius: 4 }), introducers: [ADDRESS] };

function refusal(text: string): GroveError {
  try {
    decodeInvite(text);
  } catch (error) {
    assert.ok(error instanceof GroveError, String(error));
    assert.equal(error.code, 'usage');
    return error;
  }
  assert.fail(`taken for an invite: ${text}`);
}

test('an invite carries key, settings and addresses', () => {
  assert.deepEqual(decodeInvite(encodeInvite(pool)), pool);
});

test('space around an invite, as copying leaves it, does not matter', () => {
  assert.deepEqual(decodeInvite(`  ${encodeInvite(pool)}\n`), pool);
});

test('a truncated invite is said to be incomplete, wherever it was cut', () => {
  const text = encodeInvite(pool);
  for (let length = 'grove1'.length; length < text.length; length++) {
    assert.match(refusal(text.slice(0, length)).message, /incomplete or damaged/);
  }
});

test('a mistyped character is noticed', () => {
  const text = encodeInvite(pool);
  fc.assert(
    fc.property(fc.integer({ min: 6, max: text.length - 1 }), fc.constantFrom(...'ABCabc019_-'), (at, character) => {
      const mistyped = text.slice(0, at) + character + text.slice(at + 1);
      if (mistyped !== text) refusal(mistyped);
    }),
  );
});

test('an invite whose checksum has another wire type is damaged, although a lenient reader would take it', () => {
  const bytes = Buffer.from(encodeInvite(pool).slice('grove1'.length), 'base64url');
  const tag = bytes.length - 6;
  assert.equal(bytes[tag], 0x12, 'field 2, length-delimited');
  bytes[tag] = 0x10;
  assert.match(refusal(`grove1${bytes.toString('base64url')}`).message, /incomplete or damaged/);
});

test('something else is said to be no invite', () => {
  for (const text of ['', 'hello', 'grove2abc', 'https://example.org/', ADDRESS]) assert.match(refusal(text).message, /not a Grove invite/);
});

test('whatever bytes follow the prefix, the decoder answers with a pool or a sentence', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      refusal(`grove1${Buffer.from(bytes).toString('base64url')}`);
    }),
  );
});

test('any pool survives the way through an invite', () => {
  const pools = fc.record({
    key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    settings: fc.record({
      strategy: fc.constantFrom(...STRATEGY_NAMES),
      dimensions: fc.integer({ min: 1, max: 8 }),
      leafsetRadius: fc.integer({ min: 1, max: 16 }),
      replicas: fc.integer({ min: 1, max: 16 }),
      somoArity: fc.integer({ min: 2, max: 64 }),
      somoPeriodMs: fc.integer({ min: 1_000, max: 3_600_000 }),
      pollers: fc.integer({ min: 1, max: 16 }),
    }, { noNullPrototype: true }),
    introducers: fc.array(fc.integer({ min: 1, max: 65_535 }).map((port) => `/ip4/192.0.2.1/tcp/${port}/p2p/12D3KooW`), { maxLength: 16 }),
  }, { noNullPrototype: true });
  fc.assert(fc.property(pools, (one) => assert.deepEqual(decodeInvite(encodeInvite(one)), one)));
});
