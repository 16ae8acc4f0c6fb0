/**
 * Multicast sessions over a ring: one stream to many, and what holds for simulated peers holds for real ones.
 */
import assert from 'node:assert/strict';
import { positionFromLead } from '../../src/core/position.ts';
import type { OwnSession } from '../../src/protocol/alm/session/own-session.ts';
import type { Chunk } from '../../src/protocol/alm/stream/frames.ts';
import { FROM } from '../../src/protocol/alm/stream/frames.ts';
import type { Cluster, Scenario } from './cluster.ts';
import { grow } from './steps.ts';

const KEY = positionFromLead(987_654_321);
const WITHIN_MS = 30_000;
const NO_BANDWIDTH = { upBps: 0, downBps: 0 };

/** What one reader got: numbers of chunks in order, their bytes, and the end. */
class Sink {
  readonly seqs: number[] = [];
  bytes = 0;
  end: { readonly reason: string; readonly isFailure: boolean } | undefined;
  refusal: string | undefined;
  readonly #takes: (chunk: Chunk) => boolean;

  constructor(takes: (chunk: Chunk) => boolean = () => true) {
    this.#takes = takes;
  }

  onChunk(chunk: Chunk): boolean {
    this.seqs.push(chunk.seq);
    this.bytes += chunk.bytes.length;
    // The payload says which chunk it is: what is handed on is what was taken in.
    assert.equal(new DataView(chunk.bytes.buffer, chunk.bytes.byteOffset).getUint32(0), chunk.seq);
    return this.#takes(chunk);
  }

  onEnd(reason: string, isFailure: boolean): void {
    this.end = { reason, isFailure };
  }

  /** Every chunk once, in order, up to the end. */
  hasAll(count: number): boolean {
    return this.end?.isFailure === false && this.seqs.length === count && this.seqs.every((seq, i) => seq === i);
  }
}

interface Stream {
  readonly own: OwnSession;
  offered: number;
  over: string | undefined;
}

async function opened(cluster: Cluster, root: number, degree: number, rateBps = 0): Promise<Stream> {
  let stream: Stream | undefined;
  let problem: string | undefined;
  const events = { onRoom: () => undefined, onNews: () => undefined, onOver: (reason: string) => void (stream !== undefined && (stream.over = reason)) };
  cluster.input(root, (node) => node.casts.open({ key: KEY, name: 'film', priority: 1, rateBps, objective: 'height', contentType: '', degree, ...NO_BANDWIDTH }, events, (outcome) => {
    if (outcome.ok) stream = { own: outcome.value, offered: 0, over: undefined };
    else problem = outcome.reason;
  }));
  assert.ok(await cluster.until(() => stream !== undefined, WITHIN_MS), `it opens: ${problem}, ${cluster.replay}`);
  return stream as unknown as Stream;
}

function joined(cluster: Cluster, peer: number, degree: number, sink = new Sink()): Sink {
  cluster.input(peer, (node) => node.casts.join({ key: KEY, name: 'film', degree, from: FROM.now, ...NO_BANDWIDTH }, (outcome) => {
    if (outcome.ok) node.casts.read(outcome.value, sink, FROM.now);
    else sink.refusal = outcome.reason;
  }));
  return sink;
}

/** Offers so many chunks more, as fast as they are taken; false when that does not come to an end. */
async function sent(cluster: Cluster, root: number, stream: Stream, count: number, bytes = 1_000, withinMs = WITHIN_MS): Promise<boolean> {
  const until = stream.offered + count;
  return cluster.until(() => {
    let isTaken = true;
    for (let burst = 0; burst < 64 && isTaken && stream.offered < until; burst++) {
      const body = new Uint8Array(bytes);
      new DataView(body.buffer).setUint32(0, stream.offered);
      cluster.input(root, () => {
        isTaken = stream.own.offer({ bytes: body, isKey: stream.offered % 10 === 0, hasMore: false });
      });
      if (isTaken) stream.offered++;
    }
    return stream.offered >= until;
  }, withinMs);
}

const others = (cluster: Cluster): number[] => cluster.alive().filter((peer) => peer !== 0);

/** A member with children. */
function interior(cluster: Cluster, stream: Stream): number {
  const ids = new Map(cluster.alive().map((peer) => [cluster.node(peer).local.contact.peerId, peer]));
  const found = stream.own.manager.view().tree.find(({ depth, children }) => depth >= 1 && children > 0);
  return ids.get(found?.peerId ?? '') ?? -1;
}

async function everybodyStarts(cluster: Cluster, stream: Stream, count: number): Promise<void> {
  assert.ok(await cluster.until(() => stream.own.manager.startedCount === count, WITHIN_MS), `all ${count} are served, ${stream.own.manager.startedCount} are, ${cluster.replay}`);
}

export const castScenarios: Scenario[] = [
  {
    name: 'a stream reaches every member once and in order, also when peers in the middle of the tree die',
    sizes: [24, 8],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const stream = await opened(cluster, 0, 2);
      const sinks = new Map(others(cluster).map((peer) => [peer, joined(cluster, peer, 3)]));
      await everybodyStarts(cluster, stream, peers - 1);
      assert.ok(await sent(cluster, 0, stream, 200));
      for (let kills = 0; kills < 2; kills++) {
        const middle = interior(cluster, stream);
        assert.ok(middle > 0, 'the tree has a middle');
        sinks.delete(middle);
        await cluster.kill(middle);
        assert.ok(await sent(cluster, 0, stream, 200), `the source goes on, ${cluster.replay}`);
        assert.ok(await cluster.until(() => [...sinks.values()].every(({ seqs }) => seqs.length === stream.offered), 10_000), `everybody goes on, ${cluster.replay}`);
      }
      cluster.input(0, () => stream.own.finish());
      assert.ok(await cluster.until(() => stream.over !== undefined, WITHIN_MS), `it ends, ${cluster.replay}`);
      for (const [peer, sink] of sinks) assert.ok(sink.hasAll(600), `peer ${peer} has all of it: ${sink.seqs.length}, ${sink.end?.reason}, ${cluster.replay}`);
    },
  },
  {
    name: 'a reader that never reads is let go with a reason, and costs the others nothing',
    sizes: [8, 4],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const stream = await opened(cluster, 0, 8, 8_000_000);
      const [first = 0, ...rest] = others(cluster);
      const stuck = joined(cluster, first, 1, new Sink(() => false));
      const sinks = rest.map((peer) => joined(cluster, peer, 2));
      await everybodyStarts(cluster, stream, peers - 1);
      assert.ok(await sent(cluster, 0, stream, 150, 60_000, 60_000), `the source goes on, ${cluster.replay}`);
      cluster.input(0, () => stream.own.finish());
      assert.ok(await cluster.until(() => stream.over !== undefined, 60_000), `it ends, ${cluster.replay}`);
      for (const sink of sinks) assert.ok(sink.hasAll(150), `others have all, ${cluster.replay}`);
      assert.equal(stuck.end?.isFailure, true);
      assert.match(stuck.end?.reason ?? '', /more slowly/);
    },
  },
  {
    name: 'members come and go at any time; a late one begins at now, and too few links are said to be too few',
    sizes: [12, 6],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const stream = await opened(cluster, 0, 1);
      const [first = 0, late = 0, ...rest] = others(cluster);
      joined(cluster, first, 1);
      await everybodyStarts(cluster, stream, 1);
      const refused = joined(cluster, late, 4);
      const seconds = rest.map((peer) => joined(cluster, peer, 4));
      assert.ok(await cluster.until(() => refused.refusal !== undefined || stream.own.manager.members.length === peers - 1, WITHIN_MS));
      assert.ok(await sent(cluster, 0, stream, 50));
      const again = joined(cluster, late, 4);
      await everybodyStarts(cluster, stream, stream.own.manager.members.length);
      cluster.input(first, (node) => node.casts.leave(stream.own.record.session, 'it has seen enough'));
      assert.ok(await sent(cluster, 0, stream, 50));
      cluster.input(0, () => stream.own.finish());
      assert.ok(await cluster.until(() => stream.over !== undefined, WITHIN_MS), `it ends, ${cluster.replay}`);
      for (const sink of [again, ...seconds]) {
        if (sink.refusal !== undefined) assert.match(sink.refusal, /links too few|no free link/);
        else assert.deepEqual(sink.seqs, sink.seqs.map((_, i) => 100 - sink.seqs.length + i), `without a gap to the end, ${cluster.replay}`);
      }
    },
  },
];
