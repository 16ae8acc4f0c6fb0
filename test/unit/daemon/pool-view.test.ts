/** The library's view of the pool: three real peers in one process, an operation of the user's own, a job. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Peer } from '../../../src/api/peer.ts';
import { createPeer } from '../../../src/api/peer.ts';
import { GroveError } from '../../../src/core/errors.ts';
import type { Op } from '../../../src/protocol/pool/ops.ts';

const LISTEN = ['/ip4/127.0.0.1/tcp/0'];
const peers: Peer[] = [];

const product: Op = {
  name: 'product', takes: 'number',
  init: ({ report }, { field }) => ({ numbers: [report.get(field) as number], texts: [] }),
  merge: (a, b) => ({ numbers: [(a.numbers[0] as number) * (b.numbers[0] as number)], texts: [] }),
  finish: (state) => state?.numbers[0] ?? null,
  isSane: ({ numbers }) => numbers.length === 1,
};

before(async () => {
  for (const slot of [2, 3, 7]) {
    const first = peers[0];
    peers.push(await createPeer({ listen: LISTEN, name: `p${slot}`, attributes: { slot }, ...(first === undefined ? {} : { join: [first.invite()] }) }));
  }
  for (const peer of peers) peer.pool.ops.register(product);
  await Promise.all(peers.map(seesAll));
});

/** Asks now and then, not at once again: the root answers from what it has, and nothing else would ever run. */
async function seesAll(peer: Peer): Promise<void> {
  while ((await peer.pool.query('count()', {})).coverage.machines < 3) await setTimeout(50);
}

after(async () => {
  await Promise.all(peers.map(async (peer) => peer.close()));
});

test('an operation of the user\'s own runs on the way up', async () => {
  const answer = await (peers[1] as Peer).pool.query('product(slot), count()', { where: 'slot > 0' });
  assert.deepEqual(answer.values, { 'product(slot)': 42, 'count()': 3 });
});

test('a job: every machine holds the same news, until it is stopped', async () => {
  const stopped = new AbortController();
  const enough = AbortSignal.timeout(60_000);
  const heard = peers.map(async (peer) => {
    for await (const event of peer.events({ signal: enough })) {
      if (event.event !== 'told' || event['topic'] !== 'slots') continue;
      const news = JSON.parse(String(event['text'])) as { values: number[]; machines: number };
      // The first news may come before all have heard of the job, and say so.
      if (news.machines === 3) return news;
      assert.notDeepEqual(news.values, [42]);
    }
    return undefined;
  });
  const job = (peers[2] as Peer).pool.job('slots', 'product(slot)', {}, stopped.signal);
  for (const news of await Promise.all(heard)) assert.deepEqual([news?.values, news?.machines], [[42], 3]);
  stopped.abort();
  await job;
});

test('a watch yields the answer and ends with its signal', async () => {
  const stopped = new AbortController();
  for await (const answer of (peers[0] as Peer).pool.watch('sum(slot)', {}, stopped.signal)) {
    assert.equal(answer.values?.['sum(slot)'] === 12, answer.coverage.machines === 3, 'coverage counts whose slots are in the sum');
    if (answer.coverage.machines === 3) stopped.abort();
  }
  assert.ok(stopped.signal.aborted);
});

test('a watch and a job end with their peer', async () => {
  const peer = await createPeer({ listen: LISTEN, name: 'short-lived' });
  const never = new AbortController().signal;
  const job = peer.pool.job('slots', 'count()', {}, never);
  const watch = peer.pool.watch('count()', {}, never);
  await watch.next();
  const ends = [job, (async () => { for await (const answer of watch) void answer; })()].map(async (end) => assert.rejects(end, (error: unknown) => error instanceof GroveError && error.code === 'stopped'));
  await peer.close();
  await Promise.all(ends);
});

test('attributes that do not fit are refused before anything starts', async () => {
  await assert.rejects(createPeer({ listen: LISTEN, attributes: { 'cpu.lod': 1 } }), (error: unknown) => error instanceof GroveError && error.code === 'usage');
});
