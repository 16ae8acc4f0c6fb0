/**
 * Multicast sessions over a ring: one stream to many, and what holds for simulated peers holds for real ones.
 */
import assert from 'node:assert/strict';
import { everybodyStarts, interior, joined, opened, others, sent, Sink, WITHIN_MS } from './cast-steps.ts';
import type { Scenario } from './cluster.ts';
import { grow } from './steps.ts';

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
      assert.ok(await sent(cluster, 0, stream, 300, 30_000, 60_000), `the source goes on, ${cluster.replay}`);
      cluster.input(0, () => stream.own.finish());
      assert.ok(await cluster.until(() => stream.over !== undefined, 60_000), `it ends, ${cluster.replay}`);
      for (const sink of sinks) assert.ok(sink.hasAll(300), `others have all, ${cluster.replay}`);
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
