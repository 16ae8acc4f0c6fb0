/**
 * Streams over links that are not alike, which only the simulator has: a member behind a narrow link, and readers that begin where the
 * source says.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FROM } from '../../src/protocol/alm/stream/frames.ts';
import { everybodyStarts, interior, joined, KEY, NO_BANDWIDTH, opened, others, returned, sent, Sink, WITHIN_MS } from '../scenarios/cast-steps.ts';
import { QUICK } from '../scenarios/cluster.ts';
import { SimCluster } from '../scenarios/sim-cluster.ts';
import { grow } from '../scenarios/steps.ts';

const RATE_BPS = 4_000_000;
const CHUNK_BYTES = 20_000;
const CHUNKS_A_SECOND = RATE_BPS / 8 / CHUNK_BYTES;

test('a member whose link carries a tenth of the rate is moved, then let go with the reason; its siblings get all of it, in time', async () => {
  const cluster = new SimCluster(1, QUICK);
  await grow(cluster, 6);
  const stream = await opened(cluster, 0, 5, RATE_BPS);
  const [narrow = 0, ...rest] = others(cluster);
  const slow = joined(cluster, narrow, 1);
  const sinks = rest.map((peer) => joined(cluster, peer, 3));
  await everybodyStarts(cluster, stream, 5);
  // The root has looked for a better tree and measured links by then: of who is behind with what it gets, messages say nothing.
  cluster.ring.world.runFor(5_000);
  cluster.ring.world.setPeerLink(narrow, { bandwidth: { upBps: Infinity, downBps: RATE_BPS / 10 } });
  const seconds = 30;
  const startAt = cluster.ring.world.now();
  assert.ok(await sent(cluster, 0, stream, seconds * CHUNKS_A_SECOND, CHUNK_BYTES, 2 * seconds * 1_000));
  assert.ok(cluster.ring.world.now() - startAt < 1.05 * seconds * 1_000, `the source kept its pace: ${cluster.ring.world.now() - startAt} ms`);
  assert.ok(await cluster.until(() => sinks.every(({ seqs }) => seqs.length === stream.offered), 1_000), 'nobody else is behind');
  cluster.input(0, () => stream.own.finish());
  assert.ok(await cluster.until(() => stream.over !== undefined, WITHIN_MS), 'it ends');
  for (const sink of sinks) assert.ok(sink.hasAll(stream.offered));
  assert.equal(slow.end?.isFailure, true);
  assert.match(slow.end?.reason ?? '', /too far behind|kbit\/s/);
  assert.deepEqual(slow.seqs, slow.seqs.map((_, i) => i), 'what it got was in order');
});

test('a file without a stated rate, whose root serves one only: that one dies in the middle of it, and nobody else lacks a byte', async () => {
  const cluster = new SimCluster(1, QUICK);
  await grow(cluster, 8);
  const stream = await opened(cluster, 0, 1);
  const sinks = new Map(others(cluster).map((peer) => [peer, joined(cluster, peer, 3)]));
  await everybodyStarts(cluster, stream, 7);
  // Links of 50 Mbit/s: far slower than the root could read its file.
  for (const peer of cluster.alive()) cluster.ring.world.setPeerLink(peer, { bandwidth: { upBps: 50e6, downBps: 50e6 } });
  assert.ok(await sent(cluster, 0, stream, 400, 30_000));
  const middle = interior(cluster, stream);
  sinks.delete(middle);
  await cluster.kill(middle);
  assert.ok(await sent(cluster, 0, stream, 1_600, 30_000, 120_000), 'the source goes on');
  cluster.input(0, () => stream.own.finish());
  assert.ok(await cluster.until(() => stream.over !== undefined, 60_000), 'it ends');
  for (const [peer, sink] of sinks) assert.ok(sink.hasAll(stream.offered), `peer ${peer}: ${sink.seqs.length}, ${sink.end?.reason}`);
});

/** A member in the middle that vanishes, comes back after so long and reads on; whether the stream had gone on meanwhile. */
async function away(rateBps: number, awaySeconds: number, chunks: number): Promise<{ readonly sinks: ReadonlyMap<number, Sink>; readonly middle: Sink; readonly offered: number; readonly offeredMeanwhile: number }> {
  const cluster = new SimCluster(1, QUICK);
  await grow(cluster, 6);
  const stream = await opened(cluster, 0, 1, rateBps, { awayMs: 30_000 });
  const sinks = new Map(others(cluster).map((peer) => [peer, joined(cluster, peer, 3)]));
  await everybodyStarts(cluster, stream, 5);
  for (const peer of cluster.alive()) cluster.ring.world.setPeerLink(peer, { bandwidth: { upBps: 100e6, downBps: 100e6 } });
  assert.ok(await sent(cluster, 0, stream, 100, 30_000));
  const middle = interior(cluster, stream);
  const { record } = stream.own;
  await cluster.kill(middle);
  const before = stream.offered;
  await sent(cluster, 0, stream, chunks - 100, 30_000, awaySeconds * 1_000);
  const offeredMeanwhile = stream.offered - before;
  if (awaySeconds < 60) {
    await cluster.restart(middle);
    returned(cluster, middle, 3, record, sinks.get(middle) as Sink);
  }
  assert.ok(await sent(cluster, 0, stream, chunks - stream.offered, 30_000, 120_000), 'the source goes on');
  cluster.input(0, () => stream.own.finish());
  assert.ok(await cluster.until(() => stream.over !== undefined, 60_000), 'it ends');
  const lost = sinks.get(middle) as Sink;
  sinks.delete(middle);
  return { sinks, middle: lost, offered: stream.offered, offeredMeanwhile };
}

test('a member in the middle is started again after 20 s and names the chunk that it needs: a source without a rate has waited, and everybody has every chunk once', async () => {
  const { sinks, middle, offered, offeredMeanwhile } = await away(0, 20, 4_000);
  for (const sink of [middle, ...sinks.values()]) assert.ok(sink.hasAll(offered), `${sink.seqs.length} of ${offered}, ${sink.end?.reason} ${sink.refusal}`);
  assert.ok(offeredMeanwhile > 0 && offeredMeanwhile < 3_900, `it went on as far as the root keeps: ${offeredMeanwhile}`);
});

test('the same with a stated rate: nobody waits for it, and it fills its gap beside the stream', async () => {
  const { sinks, middle, offered } = await away(16e6, 20, 3_000);
  for (const sink of [middle, ...sinks.values()]) assert.ok(sink.hasAll(offered), `${sink.seqs.length} of ${offered}, ${sink.end?.reason} ${sink.refusal}`);
});

test('a member that stays away is waited for so long and no longer; all others have every chunk', async () => {
  const { sinks, middle, offered } = await away(0, 90, 4_000);
  for (const sink of sinks.values()) assert.ok(sink.hasAll(offered), `${sink.seqs.length} of ${offered}, ${sink.end?.reason}`);
  assert.ok(middle.seqs.length < offered);
});

test('who joins late begins at the latest key point, or at the message that is being sent, and never within one', async () => {
  const cluster = new SimCluster(2, QUICK);
  await grow(cluster, 4);
  const stream = await opened(cluster, 0, 3, 0, { hasKeys: true });
  const offer = (isKey: boolean, hasMore: boolean): void => cluster.input(0, () => {
    const bytes = new Uint8Array(100);
    new DataView(bytes.buffer).setUint32(0, stream.offered++);
    assert.ok(stream.own.offer({ bytes, isKey, hasMore }));
  });
  const join = async (peer: number, from: number): Promise<Sink> => {
    const sink = new Sink();
    cluster.input(peer, (node) => node.casts.join({ key: KEY, name: 'film', degree: 2, from, ...NO_BANDWIDTH }, (outcome) => {
      if (outcome.ok) node.casts.read(outcome.value, sink, from);
      else sink.refusal = outcome.reason;
    }));
    assert.ok(await cluster.until(() => sink.seqs.length > 0, WITHIN_MS), `it begins: ${sink.refusal}`);
    return sink;
  };
  // Two whole messages, the first a key point, and the first half of a third.
  for (const [isKey, hasMore] of [[true, true], [false, false], [false, false], [false, true]] as const) offer(isKey, hasMore);
  const key = await join(1, FROM.key);
  const now = await join(2, FROM.now);
  const start = await join(3, FROM.start);
  offer(false, false);
  assert.ok(await cluster.until(() => [key, now, start].every(({ seqs }) => seqs.at(-1) === 4), WITHIN_MS));
  assert.deepEqual([key.seqs, now.seqs, start.seqs], [[0, 1, 2, 3, 4], [3, 4], [0, 1, 2, 3, 4]]);
});

test('whoever wants a key point of a source that names none is refused, and waits for nothing', async () => {
  const cluster = new SimCluster(3, QUICK);
  await grow(cluster, 2);
  await opened(cluster, 0, 3);
  let refusal = '';
  cluster.input(1, (node) => node.casts.join({ key: KEY, name: 'film', degree: 2, from: FROM.key, ...NO_BANDWIDTH }, (outcome) => void (refusal = outcome.ok ? 'none' : outcome.reason)));
  assert.ok(await cluster.until(() => refusal !== '', WITHIN_MS));
  assert.match(refusal, /no key points/);
});
