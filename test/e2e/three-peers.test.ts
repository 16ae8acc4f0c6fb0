/** What the README promises: three peers by invite, objects and references shared, one killed, nothing lost. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Grove, oneSentence, until } from './grove.ts';
import type { PeerProcess } from './grove.ts';

const grove = new Grove();
let a: PeerProcess;
let b: PeerProcess;
let c: PeerProcess;

before(async () => {
  a = await grove.up('a', ['--leafset', '4']);
  const invite = await grove.invite(a);
  b = await grove.up('b', ['--join', invite]);
  c = await grove.up('c', ['--join', invite]);
  for (const peer of [a, b, c]) await peer.seesRing(3);
});
after(async () => grove.end());

interface RingReply {
  readonly self: { readonly peerId: string; readonly name: string; readonly position: string; readonly zone: readonly [string, string]; readonly state: string };
  readonly leafset: readonly RingReply['self'][];
  readonly size: number;
}

test('the ready line says all that a program needs, and is all that is printed', () => {
  const { event, pid, peerId, name, position, addresses, api, token } = a.ready;
  assert.deepEqual(Object.keys(a.ready), ['event', 'pid', 'peerId', 'name', 'position', 'addresses', 'api', 'token']);
  assert.deepEqual([event, name], ['ready', 'a']);
  assert.ok(pid > 0 && pid !== process.pid);
  assert.match(peerId, /^12D3KooW/);
  assert.match(position, /^[0-9a-f]{40}$/);
  assert.match(addresses[0] ?? '', /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3KooW/);
  assert.match(api, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.ok(token.length >= 32);
  assert.equal(a.stderr, '');
});

test('the zones of the three partition the circle', async () => {
  const { self, leafset, size } = await grove.json<RingReply>('ring', '--data', a.data);
  assert.equal(size, 3);
  const members = [self, ...leafset];
  assert.deepEqual(members.map((member) => member.name).sort(), ['a', 'b', 'c']);
  for (const [index, member] of members.entries()) {
    const before = members[(index + members.length - 1) % members.length];
    assert.deepEqual(member.zone, [before?.position, member.position]);
    assert.equal(member.state, 'active');
  }
});

test('newcomers take the settings of the pool from the invite', async () => {
  const { pool } = await grove.json<{ pool: { leafsetRadius: number } }>('status', '--data', c.data);
  assert.equal(pool.leafsetRadius, 4);
});

test('all agree who owns a key', async () => {
  const owners = await Promise.all([a, b, c].map(async (peer) => grove.json<{ owner: { peerId: string }; position: string }>('lookup', 'some key', '--data', peer.data)));
  assert.equal(new Set(owners.map(({ owner }) => owner.peerId)).size, 1);
  assert.deepEqual(Object.keys(owners[0] ?? {}), ['key', 'position', 'owner', 'hops', 'ms']);
});

test('what is put at one is read at the others, as text and as bytes', async () => {
  await grove.json('put', 'greeting', 'hällo', '--data', a.data);
  const { value, found } = await grove.json('get', 'greeting', '--data', b.data);
  assert.deepEqual([found, value], [true, 'hällo']);
  const plain = await grove.run(['get', 'greeting', '--data', c.data]);
  assert.deepEqual([plain.code, plain.stdout.toString('utf8')], [0, 'hällo']);
  const bytes = Buffer.from([0, 255, 10, 13, 128, 0]);
  assert.equal((await grove.run(['put', 'bytes', '-', '--data', b.data], bytes)).code, 0);
  assert.deepEqual((await grove.run(['get', 'bytes', '--data', a.data])).stdout, bytes);
  assert.equal((await grove.json('get', 'bytes', '--data', c.data))['valueBase64'], bytes.toString('base64'));
});

test('keys that look like paths or options, and keys given as digits, work', async () => {
  for (const key of ['..', 'a/b?c#d', '%2e', 'ключ', '0x00112233445566778899aabbccddeeff00112233']) {
    await grove.json('put', key, `value of ${key}`, '--data', a.data);
    assert.equal((await grove.json('get', key, '--data', b.data))['value'], `value of ${key}`);
  }
  assert.equal((await grove.run(['put', '--data', a.data, '--', '-dash', 'value'])).code, 0);
  assert.equal((await grove.run(['get', '--data', b.data, '--', '-dash'])).stdout.toString('utf8'), 'value');
});

test('five mebibytes go in and out as a stream, byte for byte', async () => {
  const value = randomBytes(5 * 1024 * 1024 + 1);
  writeFileSync(grove.path('large'), value);
  assert.equal((await grove.json('put', 'large', '--file', grove.path('large'), '--data', a.data))['bytes'], value.length);
  const reply = await grove.json('get', 'large', '--output', grove.path('copy'), '--data', b.data);
  assert.deepEqual([reply['found'], reply['bytes']], [true, value.length]);
  assert.ok(readFileSync(grove.path('copy')).equals(value));
  assert.ok((await grove.run(['get', 'large', '--data', c.data])).stdout.equals(value));
});

test('references are set, followed directly, and deleted with what they refer to', async () => {
  await grove.json('put', 'article', 'text', '--data', a.data);
  await grove.json('put', 'alice', 'Alice', '--data', b.data);
  await grove.json('ref', 'set', 'article', 'author', 'alice', '--data', c.data);
  const { position } = await grove.json('lookup', 'alice', '--data', a.data);
  const reply = await grove.json('ref', 'get', 'article', 'author', '--data', a.data);
  assert.deepEqual(Object.keys(reply), ['value', 'key', 'host', 'shortcut', 'hops']);
  assert.deepEqual([reply['value'], reply['key'], reply['shortcut']], ['Alice', `0x${String(position)}`, true]);
  await grove.json('ref', 'delete', 'article', 'author', '--data', b.data);
  assert.equal((await grove.run(['get', 'alice', '--data', a.data])).code, 1);
  const gone = await grove.run(['ref', 'get', 'article', 'author', '--data', a.data, '--json']);
  assert.deepEqual([gone.code, gone.stdout.length], [1, 0]);
  oneSentence(gone.stderr);
  assert.equal((await grove.json('get', 'article', '--data', c.data))['value'], 'text');
});

test('a missing key is {"found":false} and exit code 1; without --json it is a sentence', async () => {
  const json = await grove.run(['get', 'nothing here', '--data', b.data, '--json']);
  assert.deepEqual([json.code, json.stdout.toString('utf8'), json.stderr], [1, '{"found":false}\n', '']);
  const plain = await grove.run(['get', 'nothing here', '--data', b.data]);
  assert.deepEqual([plain.code, plain.stdout.length], [1, 0]);
  oneSentence(plain.stderr);
  assert.equal((await grove.run(['delete', 'nothing here', '--data', b.data])).code, 1);
});

test('what is deleted is gone for all', async () => {
  await grove.json('put', 'short-lived', 'x', '--data', a.data);
  await grove.json('delete', 'short-lived', '--data', b.data);
  assert.equal((await grove.run(['get', 'short-lived', '--data', c.data])).code, 1);
});

test('commands also take the API and a token file', async () => {
  const where = ['--api', b.ready.api, '--token-file', `${b.data}/token`];
  assert.equal((await grove.json('status', ...where))['name'], 'b');
  writeFileSync(grove.path('wrong-token'), 'not-the-token-of-this-peer');
  const wrong = await grove.run(['status', '--api', b.ready.api, '--token-file', grove.path('wrong-token')]);
  assert.equal(wrong.code, 1);
  assert.match(oneSentence(wrong.stderr), /token/);
});

test('one peer is killed with -9, and everything that was put is still read', async () => {
  const keys = Array.from({ length: 12 }, (_, i) => `kept-${i}`);
  for (const [i, key] of keys.entries()) await grove.json('put', key, `value ${i}`, '--data', [a, b, c][i % 3]?.data ?? '');
  assert.equal(await c.exit('SIGKILL'), null);
  for (const [i, key] of keys.entries()) {
    assert.equal((await grove.json('get', key, '--data', [a, b][i % 2]?.data ?? ''))['value'], `value ${i}`);
  }
  await a.seesRing(2);
});

test('the killed peer comes back as who it was, and reads and serves again', async () => {
  const { peerId, position } = c.ready;
  c = await grove.up('c');
  assert.deepEqual([c.ready.peerId, c.ready.position], [peerId, position]);
  for (const peer of [a, b, c]) await peer.seesRing(3);
  assert.equal((await grove.json('get', 'kept-3', '--data', c.data))['value'], 'value 3');
});

test('SIGTERM and SIGINT end a peer cleanly, and the others go on', async () => {
  assert.equal(await c.exit('SIGTERM'), 0);
  assert.equal(c.stderr, '');
  await until('the ring has let it go', async () => (await a.asks<RingReply>('ring')).size === 2);
  assert.equal(await b.exit('SIGINT'), 0);
  assert.equal((await grove.json('get', 'kept-0', '--data', a.data))['value'], 'value 0');
});

test('a peer that restarts alone has its identity, position and objects', async () => {
  const { peerId, position } = a.ready;
  assert.equal(await a.exit('SIGTERM'), 0);
  a = await grove.up('a');
  assert.deepEqual([a.ready.peerId, a.ready.position], [peerId, position]);
  assert.equal((await grove.json('get', 'kept-1', '--data', a.data))['value'], 'value 1');
  assert.equal((await grove.json('get', 'greeting', '--data', a.data))['value'], 'hällo');
});
