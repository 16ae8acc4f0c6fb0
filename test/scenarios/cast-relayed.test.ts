/** A member that nobody can dial, on real peers: it gets the stream, and serves another through its relay if it offers links. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Testnet } from '../../src/daemon/testnet.ts';
import type { OwnSession } from '../../src/protocol/alm/session/own-session.ts';
import { FROM } from '../../src/protocol/alm/stream/frames.ts';
import { KEY, NO_BANDWIDTH, Sink } from './cast-steps.ts';
import { QUICK } from './cluster.ts';

const CHUNKS = 60;
const CHUNK_BYTES = 20_000;
const HIDDEN = 1;

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let waitedMs = 0; !holds(); waitedMs += 20) {
    assert.ok(waitedMs < 30_000, `${what}: not within 30 s`);
    await sleep(20);
  }
}

test('a member behind a relay is served, and serves', async () => {
  const net = await Testnet.create({ protocol: QUICK, services: true, isHidden: (peer) => peer === HIDDEN });
  try {
    for (let peer = 0; peer < 3; peer++) {
      await net.spawn();
      await until('it is a member of the ring', () => net.node(peer).standing === 'active');
    }
    await until('it has a relay', () => net.host(HIDDEN).contact.addresses.length > 0);
    let own: OwnSession | undefined;
    let over: string | undefined;
    const events = { onRoom: () => undefined, onNews: () => undefined, onOver: (reason: string) => void (over = reason) };
    const terms = { key: KEY, name: 'film', priority: 1, rateBps: 0, objective: 'height', contentType: '', degree: 1, ...NO_BANDWIDTH } as const;
    net.input(0, (node) => node.casts.open(terms, events, (outcome) => void (own = outcome.ok ? outcome.value : undefined)));
    await until('it opens', () => own !== undefined);
    const session = own as unknown as OwnSession;
    // The root serves one, so whoever comes second is served by the hidden one.
    const sinks = [1, 2].map(() => new Sink());
    for (const [i, sink] of sinks.entries()) {
      net.input(i + 1, (node) => node.casts.join({ key: KEY, name: 'film', degree: 2 - i, from: FROM.now, ...NO_BANDWIDTH }, (outcome) => {
        assert.ok(outcome.ok);
        node.casts.read(outcome.value, sink, FROM.now);
      }));
      await until(`member ${i + 1} is served`, () => session.manager.startedCount === i + 1);
    }
    net.input(0, () => {
      for (let i = 0; i < CHUNKS; i++) {
        const bytes = new Uint8Array(CHUNK_BYTES);
        new DataView(bytes.buffer).setUint32(0, i);
        assert.ok(session.offer({ bytes, isKey: false, hasMore: false }));
      }
      session.finish();
    });
    const { tree } = session.manager.view();
    assert.deepEqual(tree.map(({ depth }) => depth), [0, 1, 2]);
    await until('it ends', () => over !== undefined);
    for (const sink of sinks) assert.ok(sink.hasAll(CHUNKS), `${sink.seqs.length} chunks, ${sink.end?.reason}`);
  } finally {
    await net.stop();
  }
});
