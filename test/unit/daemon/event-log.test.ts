/** The event log: every reader sees everything once and in order, or is told how much it missed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { positionOfKey } from '../../../src/daemon/key.ts';
import type { LoggedEvent } from '../../../src/daemon/event-log.ts';
import { EventLog } from '../../../src/daemon/event-log.ts';
import { HOST } from './fake-overlay.ts';

async function take(events: AsyncIterable<LoggedEvent>, count: number): Promise<LoggedEvent[]> {
  const taken: LoggedEvent[] = [];
  for await (const event of events) if (taken.push(event) === count) break;
  return taken;
}

test('a reader gets what it asked for and then what comes', async () => {
  const log = new EventLog();
  for (let attempt = 1; attempt <= 3; attempt++) log.add({ kind: 'join-retried', attempt });
  const reading = take(log.after(1), 4);
  await new Promise((resolve) => setImmediate(resolve));
  for (let attempt = 4; attempt <= 5; attempt++) log.add({ kind: 'join-retried', attempt });
  assert.deepEqual((await reading).map(({ id, attempt }) => [id, attempt]), [[2, 2], [3, 3], [4, 4], [5, 5]]);
});

test('without a number a reader gets only what is new', async () => {
  const log = new EventLog();
  log.add({ kind: 'ring-left' });
  const reading = take(log.after(), 1);
  await new Promise((resolve) => setImmediate(resolve));
  log.add({ kind: 'join-retried', attempt: 1 });
  assert.equal((await reading)[0]?.event, 'join-retried');
});

test('the log is bounded, and a reader learns how many events it missed', async () => {
  const log = new EventLog(10);
  for (let attempt = 1; attempt <= 100; attempt++) log.add({ kind: 'join-retried', attempt });
  const [missed, first] = await take(log.after(5), 11);
  assert.deepEqual([missed?.event, missed?.['count'], missed?.id], ['gap', 85, 90]);
  assert.equal(first?.id, 91);
});

test('a number from before the peer was started anew is a gap, and everything since follows', async () => {
  const log = new EventLog();
  log.add({ kind: 'join-retried', attempt: 1 });
  assert.deepEqual((await take(log.after(500), 2)).map(({ id, event }) => [id, event]), [[0, 'gap'], [1, 'join-retried']]);
});

test('a reader ends with its signal and with the log', async () => {
  const log = new EventLog();
  const signal = AbortSignal.abort();
  assert.deepEqual(await take(log.after(0, signal), 1), []);
  const later = new AbortController();
  const reading = [take(log.after(0, later.signal), 1), take(log.after(0), 1)];
  await new Promise((resolve) => setImmediate(resolve));
  later.abort();
  log.end();
  assert.deepEqual(await Promise.all(reading), [[], []]);
});

test('positions are digits, peers are names, and values are not in it', async () => {
  const log = new EventLog();
  const key = positionOfKey('k');
  const version = { wallMs: 1, counter: 0, writer: 'w' };
  const object = { key, version, value: new Uint8Array(1_000), fields: [], expiresAtMs: 0, deleted: false };
  log.add({ kind: 'read-done', op: 1, key, object, host: HOST, hops: 1, direct: false });
  const [event] = await take(log.after(0), 1);
  assert.equal(event?.['key'], key.hex);
  assert.deepEqual(event?.['host'], { peerId: 'host', name: 'host' });
  assert.ok(JSON.stringify(event).length < 500);
});
