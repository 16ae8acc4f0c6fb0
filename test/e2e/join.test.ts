/** Changing pools with a running peer and without, giving up, and watching what happens. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Grove, oneLine, oneSentence, until } from './grove.ts';
import type { PeerProcess } from './grove.ts';

const grove = new Grove();
let a: PeerProcess;
let invite: string;

before(async () => {
  a = await grove.up('a');
  invite = await grove.invite(a);
});
after(async () => grove.end());

const poolOf = async (peer: PeerProcess): Promise<string> => (await grove.json<{ pool: { id: string } }>('status', '--data', peer.data)).pool.id;

test('a running peer changes pools: it is the same peer, and what it stored for the old pool stays there', async () => {
  const b = await grove.up('b');
  const pool = await poolOf(a);
  await grove.json('put', 'secret', 'of the old pool', '--data', b.data);
  const old = await grove.invite(b);
  const reply = await grove.json<{ joined: boolean; pool: { id: string } }>('join', invite, '--data', b.data);
  assert.deepEqual([reply.joined, reply.pool.id], [true, await poolOf(a)]);
  await b.seesRing(2);
  await a.seesRing(2);
  const status = await grove.json('status', '--data', b.data);
  assert.deepEqual([status['peerId'], status['position']], [b.ready.peerId, b.ready.position]);
  for (const peer of [a, b]) assert.equal((await grove.run(['get', 'secret', '--data', peer.data])).code, 1);
  await grove.json('join', old, '--data', b.data);
  assert.equal((await grove.json('get', 'secret', '--data', b.data))['value'], 'of the old pool', 'its own invite leads back');
  await until('the other pool has noticed', async () => (await grove.json<{ size: number }>('ring', '--data', a.data)).size === 1);
  assert.equal(await b.exit('SIGTERM'), 0);
  const nobody = await grove.run(['join', old, '--data', a.data, '--json']);
  assert.deepEqual([nobody.code, nobody.stdout.length], [1, 0]);
  assert.match(oneSentence(nobody.stderr), /Nobody answered/);
  assert.equal((await grove.json('status', '--data', a.data))['state'], 'active', 'a peer that cannot get into a pool is back in its own');
  assert.equal(await poolOf(a), pool);
});

test('without a running peer the invite waits for the next start', async () => {
  const data = grove.path('c');
  const stored = await grove.run(['join', '-', '--data', data, '--json'], Buffer.from(`${invite}\n`));
  assert.deepEqual([stored.code, (oneLine(stored.stdout) as { stored: boolean }).stored], [0, true]);
  const c = await grove.up('c');
  await c.seesRing(2);
  assert.equal(await poolOf(c), await poolOf(a));
  assert.equal(await c.exit('SIGTERM'), 0);
  assert.ok(!existsSync(`${data}/running.json`));
});

test('events are numbered, and a client that comes back gets what it missed', async () => {
  const read = async (since: number, count: number): Promise<number[]> => {
    const { api, token } = a.ready;
    const done = new AbortController();
    const response = await fetch(`${api}/api/v1/events?since=${since}`, { headers: { authorization: `Bearer ${token}` }, signal: done.signal });
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    let text = '';
    for await (const part of response.body ?? assert.fail()) {
      text += Buffer.from(part as Uint8Array).toString('utf8');
      if (text.split('\ndata: ').length > count && text.endsWith('\n\n')) break;
    }
    done.abort();
    return [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1])).slice(0, count);
  };
  assert.deepEqual(await read(0, 3), [1, 2, 3]);
  assert.deepEqual(await read(2, 2), [3, 4]);
});

test('the API stops a peer cleanly', async () => {
  const { api, token } = a.ready;
  const response = await fetch(`${api}/api/v1/leave`, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
  assert.equal(response.status, 202);
  assert.equal(await a.ended(), 0);
  assert.ok(!existsSync(`${a.data}/running.json`));
});
