/** Which pool a peer is in: from its memory, its invite, its key file; and what contradicts is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GroveError } from '../../../src/core/errors.ts';
import { encodeInvite } from '../../../src/daemon/invite.ts';
import type { Pool } from '../../../src/daemon/pool.ts';
import { decodeSettings, encodeSettings, newPool, poolKeyFrom } from '../../../src/daemon/pool.ts';
import type { PoolChoice, PoolWishes } from '../../../src/daemon/pool-choice.ts';
import { choosePool } from '../../../src/daemon/pool-choice.ts';

const MEMBER = '/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWNvf6q3GVd6q4hpMhsBaXh9zKoQfarfEvH1Lp5eZFonK6';
const KEY = new Uint8Array(32).fill(7);
const invited: Pool = { ...newPool({ strategy: 'chord' }), introducers: [MEMBER] };

const choose = (wishes: Partial<PoolWishes>): PoolChoice => choosePool({ stored: undefined, join: [], poolKey: undefined, settings: {}, ...wishes });

function refused(wishes: Partial<PoolWishes>, sentence: RegExp): void {
  assert.throws(() => choose(wishes), (error) => error instanceof GroveError && error.code === 'usage' && sentence.test(error.message));
}

test('with nothing given a private pool begins, each with a key of its own', () => {
  const [a, b] = [choose({}), choose({})];
  assert.ok(a.isNew);
  assert.notDeepEqual(a.pool.key, b.pool.key);
  assert.equal(a.pool.settings.strategy, 'pastry');
});

test('an invite gives key, settings and who must be reached', () => {
  const { pool, mustReach, askSettings } = choose({ join: [encodeInvite(invited)] });
  assert.deepEqual([pool, mustReach, askSettings], [invited, [MEMBER], false]);
});

test('an address with a key file asks the member for the settings', () => {
  const { pool, mustReach, askSettings } = choose({ join: [MEMBER], poolKey: KEY });
  assert.deepEqual([pool.key, mustReach, askSettings], [KEY, [MEMBER], true]);
});

test('a pool that is remembered stays, and an invite for another one replaces it', () => {
  const stored = newPool({});
  assert.equal(choose({ stored }).pool, stored);
  assert.deepEqual(choose({ stored, join: [encodeInvite(invited)] }).pool, invited);
});

test('contradictions are refused', () => {
  const stored = newPool({});
  refused({ join: [encodeInvite(invited)], poolKey: KEY }, /two different pools/);
  refused({ join: [encodeInvite(invited)], settings: { strategy: 'can' } }, /--routing chord, not can/);
  refused({ join: [encodeInvite(invited), encodeInvite(newPool({}))] }, /different pools/);
  refused({ stored, poolKey: KEY }, /another pool than --pool-key/);
  refused({ stored, settings: { leafsetRadius: 2 } }, /--leafset 8, not 2/);
  refused({ settings: { leafsetRadius: 17 } }, /1 to 16/);
  refused({ settings: { strategy: 'nosuch' as 'can' } }, /leafset, chord, pastry, can/);
  refused({ join: ['example.org:4001'] }, /neither an invite nor an address/);
});

test('settings survive the handshake, and what no pool can have does not', () => {
  const { settings } = newPool({ strategy: 'can', dimensions: 5 });
  assert.deepEqual(decodeSettings(encodeSettings(settings)), settings);
  assert.equal(decodeSettings(encodeSettings({ ...settings, replicas: 99 })), undefined);
  assert.equal(decodeSettings(Uint8Array.of(255, 255)), undefined);
  assert.equal(decodeSettings(new Uint8Array(0)), undefined);
});

test('a key file may be raw, hex or base64', () => {
  for (const text of [Buffer.from(KEY).toString('hex'), `${Buffer.from(KEY).toString('hex')}\n`, Buffer.from(KEY).toString('base64'), Buffer.from(KEY).toString('base64url')]) {
    assert.deepEqual(poolKeyFrom(Buffer.from(text)), KEY);
  }
  assert.deepEqual(poolKeyFrom(KEY), KEY);
  for (const wrong of ['', 'short', 'x'.repeat(64), 'f'.repeat(63)]) assert.equal(poolKeyFrom(Buffer.from(wrong)), undefined);
});
