/** Control links without a network: batching, back-pressure, what is dropped, and when links are given back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Stream } from '@libp2p/interface';
import type { Contact } from '../../../src/core/contact.ts';
import { positionFromLead } from '../../../src/core/position.ts';
import type { Line } from '../../../src/host/connections.ts';
import { newCounters } from '../../../src/host/facts.ts';
import { FrameParser } from '../../../src/host/frames.ts';
import type { HostLimits } from '../../../src/host/host-options.ts';
import { HOST_LIMITS, keptIdleMs } from '../../../src/host/host-options.ts';
import { LinkTable } from '../../../src/host/link-table.ts';
import { bytesOf, text } from './toy.ts';

/** What a link uses of a libp2p stream. */
class FakeStream extends EventTarget {
  status = 'open';
  full = false;
  readonly writes: Uint8Array[] = [];

  send(bytes: Uint8Array): boolean {
    if (this.status !== 'open') throw new Error('closed');
    this.writes.push(bytes);
    return !this.full;
  }

  async close(): Promise<void> {
    this.status = 'closed';
    this.dispatchEvent(new Event('close'));
  }

  abort(): void {
    void this.close();
  }

  drain(): void {
    this.full = false;
    this.dispatchEvent(new Event('drain'));
  }

  texts(): string[] {
    const texts: string[] = [];
    const parser = new FrameParser();
    for (const write of this.writes) parser.push(write, (_kind, payload) => texts.push(text(payload)));
    return texts;
  }
}

function peer(name: string, incarnation = 1): Contact {
  return { peerId: name, position: positionFromLead(1), addresses: [], name, incarnation };
}

function newTable(limits: Partial<HostLimits> = {}) {
  const streams = new Map<string, FakeStream[]>();
  const opened: Contact[] = [];
  const counters = newCounters();
  const state = { fails: false, backedOff: false, best: true };
  const table = new LinkTable({
    limits: { ...HOST_LIMITS, ...limits },
    counters,
    open: async (contact) => {
      opened.push(contact);
      if (state.fails) throw new Error('no route');
      const stream = new FakeStream();
      streams.set(contact.peerId, [...(streams.get(contact.peerId) ?? []), stream]);
      return { line: { usedAt: 0 } as unknown as Line, stream: stream as unknown as Stream };
    },
    isBest: () => state.best,
    news: () => undefined,
    isBackedOff: () => state.backedOff,
  });
  const streamTo = (name: string): FakeStream => {
    const stream = streams.get(name)?.at(-1);
    assert.ok(stream !== undefined, `a stream to ${name}`);
    return stream;
  };
  return { table, counters, opened, state, streamTo };
}

/** Lets the flush at the end of this turn and the opening that it starts happen. */
async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await turn();
}

test('nothing is written during send; one turn makes one stream and one write', async () => {
  const { table, opened, streamTo } = newTable();
  for (const message of ['1', '2', '3']) table.send(peer('b'), [bytesOf(message)]);
  assert.equal(opened.length, 0);
  await settle();
  assert.equal(opened.length, 1);
  assert.equal(streamTo('b').writes.length, 1);
  assert.deepEqual(streamTo('b').texts(), ['1', '2', '3']);
  table.send(peer('b'), [bytesOf('4')]);
  await settle();
  assert.equal(streamTo('b').writes.length, 2);
  assert.equal(opened.length, 1);
});

test('a full stream stops the writing; the oldest are dropped, counted, and the rest leaves at the drain', async () => {
  const { table, counters, streamTo } = newTable({ queue: { framesMax: 4, bytesMax: 1_000 } });
  table.send(peer('b'), [bytesOf('first')]);
  await settle();
  streamTo('b').full = true;
  for (let i = 0; i < 10; i++) {
    table.send(peer('b'), [bytesOf(`${i}`)]);
    await settle();
  }
  assert.deepEqual(streamTo('b').texts(), ['first', '0']);
  assert.equal(counters.framesDroppedQueue, 5);
  streamTo('b').drain();
  assert.deepEqual(streamTo('b').texts(), ['first', '0', '6', '7', '8', '9']);
});

test('what waits for a peer that cannot be reached is dropped and counted, and the link forgotten', async () => {
  const { table, counters, opened, state } = newTable();
  state.fails = true;
  table.send(peer('b'), [bytesOf('1')]);
  table.send(peer('b'), [bytesOf('2')]);
  await settle();
  assert.equal(counters.framesDroppedUnreachable, 2);
  assert.equal(table.size, 0);
  state.fails = false;
  table.send(peer('b'), [bytesOf('3')]);
  await settle();
  assert.equal(opened.length, 2);
});

test('a peer that is backed off is not opened', async () => {
  const { table, counters, opened, state } = newTable();
  state.backedOff = true;
  table.send(peer('b'), [bytesOf('1')]);
  await settle();
  assert.deepEqual([opened.length, counters.framesDroppedUnreachable, table.size], [0, 1, 0]);
});

test('a stream that ends is opened anew by the next message', async () => {
  const { table, opened, streamTo } = newTable();
  table.send(peer('b'), [bytesOf('1')]);
  await settle();
  await streamTo('b').close();
  assert.equal(table.size, 0);
  table.send(peer('b'), [bytesOf('2')]);
  await settle();
  assert.equal(opened.length, 2);
  assert.deepEqual(streamTo('b').texts(), ['2']);
});

test('a link moves to a better connection when there is one', async () => {
  const { table, state, opened, streamTo } = newTable();
  table.send(peer('b'), [bytesOf('1')]);
  await settle();
  const first = streamTo('b');
  state.best = false;
  table.send(peer('b'), [bytesOf('2')]);
  await turn();
  state.best = true; // the stream that is being opened is on the better one
  await settle();
  assert.deepEqual([first.status, first.texts(), streamTo('b').texts(), opened.length], ['closed', ['1'], ['2'], 2]);
});

test('the sweep gives back idle links and only those', async () => {
  const idle = newTable({ linkIdleMs: 0 });
  idle.table.send(peer('b'), [bytesOf('1')]);
  idle.table.flushNow();
  idle.table.sweep();
  assert.equal(idle.table.size, 1, 'one that is being opened is not idle');
  await settle();
  assert.deepEqual(idle.streamTo('b').texts(), ['1']);
  idle.table.sweep();
  assert.deepEqual([idle.table.size, idle.counters.linksReleased, idle.streamTo('b').status], [0, 1, 'closed']);
  const busy = newTable({ linkIdleMs: 1e9 });
  busy.table.send(peer('b'), [bytesOf('1')]);
  await settle();
  busy.table.sweep();
  assert.deepEqual([busy.table.size, busy.streamTo('b').status], [1, 'open']);
});

test('where links are many, what was used for one question only is given back sooner than what was used for longer', () => {
  const limits = { linkIdleMs: 120_000, briefIdleMs: 20_000, linksAtEase: 28 };
  const [question, longer] = [{ since: 1_000, usedAt: 1_200 }, { since: 1_000, usedAt: 61_000 }];
  assert.deepEqual([keptIdleMs(question, 29, limits), keptIdleMs(longer, 29, limits)], [20_000, 120_000]);
  assert.equal(keptIdleMs(question, 28, limits), 120_000, 'among few it is not worth a handshake');
  assert.equal(keptIdleMs(question, 29, { ...limits, linkIdleMs: 200 }), 200, 'never later');
});

test('of links used for one question, so many go that the rest are few, the least recently used first', async () => {
  const { table, counters } = newTable({ linksAtEase: 2, briefIdleMs: -1 });
  for (const name of ['a', 'b', 'c', 'd']) {
    table.send(peer(name), [bytesOf(name)]);
    await settle();
  }
  table.sweep();
  assert.deepEqual([table.size, counters.linksReleased], [2, 2]);
});

test('over the limit the least recently used link goes', async () => {
  const { table, counters, streamTo } = newTable({ linksMax: 2, linkKeptMs: 0 });
  for (const name of ['a', 'b', 'a', 'c']) {
    table.send(peer(name), [bytesOf(name)]);
    await settle();
  }
  assert.equal(table.size, 2);
  assert.deepEqual(['a', 'b', 'c'].map((name) => streamTo(name).status), ['open', 'closed', 'open']);
  assert.equal(counters.linksReleased, 1);
});

test('links in use are never given back for new ones, and the table stops at twice its limit', async () => {
  const { table, counters, streamTo } = newTable({ linksMax: 2, linkKeptMs: 1e9 });
  for (const name of ['a', 'b', 'c', 'd', 'e']) table.send(peer(name), [bytesOf(name)]);
  await settle();
  assert.equal(table.size, 4);
  assert.equal(streamTo('a').status, 'open');
  assert.equal(counters.framesDroppedUnreachable, 1);
});

test('after stop nothing is opened or written', async () => {
  const { table, opened } = newTable();
  table.send(peer('b'), [bytesOf('1')]);
  table.stop();
  table.send(peer('c'), [bytesOf('2')]);
  await settle();
  assert.equal(opened.length, 0);
});
