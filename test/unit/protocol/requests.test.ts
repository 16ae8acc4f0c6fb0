/**
 * A question ends exactly once: answered by whom it was put to, or silent after its last attempt. Time is the test's.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Contact } from '../../../src/core/contact.ts';
import { Local } from '../../../src/protocol/local.ts';
import { protocolOptions } from '../../../src/protocol/options.ts';
import type { Ask } from '../../../src/protocol/requests.ts';
import { Requests } from '../../../src/protocol/requests.ts';
import type { Message } from '../../../src/protocol/wire/messages.ts';
import { peerAt, RecordingEnv } from './recording-env.ts';

interface Ended {
  readonly how: string;
  readonly at: number;
}

const friend = peerAt(0.2);
const reply = (op: number): Message => ({ type: 'probeReply', op } as Message);

class Setting {
  readonly env = new RecordingEnv();
  readonly requests = new Requests(new Local(this.env, protocolOptions({ timeoutMaxMs: 3_000 }), peerAt(0.5)));
  readonly ended: Ended[] = [];

  constructor() {
    this.env.onTimer = () => this.requests.onTimer();
  }

  ask(attempts: number, timeoutMs: number, to: Contact = friend): number {
    const end = (how: string): void => void this.ended.push({ how, at: this.env.now() });
    const ask: Ask = {
      to, attempts, timeoutMs, message: (op) => ({ type: 'get', op } as Message),
      onReply: (_reply, rttMs) => end(`reply after ${rttMs}`), onSilent: () => end('silent'),
    };
    return this.requests.ask(ask);
  }
}

test('a question is repeated with time-outs that double up to the maximum, the same message each time, and then silent', () => {
  const s = new Setting();
  s.ask(5, 1_000);
  s.env.advance(60_000);
  const sent = s.env.take();
  assert.deepEqual(sent.map(({ at }) => at), [0, 1_000, 3_000, 6_000, 9_000]);
  assert.equal(new Set(sent.map(({ message }) => message)).size, 1);
  assert.deepEqual(s.ended, [{ how: 'silent', at: 12_000 }]);
  assert.equal(s.requests.inFlight, 0);
});

test('a reply ends the question once; a second one, and one that comes late, answer nothing', () => {
  const s = new Setting();
  const op = s.ask(2, 100);
  s.env.advance(40);
  assert.equal(s.requests.onReply(op, friend, reply(op), 40), true);
  assert.equal(s.requests.onReply(op, friend, reply(op), 41), false);
  const late = s.ask(1, 100);
  s.env.advance(200);
  assert.equal(s.requests.onReply(late, friend, reply(late), 240), false);
  assert.deepEqual(s.ended.map(({ how }) => how), ['reply after 40', 'silent']);
  assert.equal(s.env.take().length, 2, 'an answered question is not repeated');
});

test('only the first attempt measures the round trip: which copy a later reply answers is not known', () => {
  const s = new Setting();
  const op = s.ask(3, 100);
  s.env.advance(150);
  s.requests.onReply(op, friend, reply(op), 150);
  assert.deepEqual(s.ended.map(({ how }) => how), ['reply after undefined']);
});

test('a reply from somebody else than was asked is ignored, whatever its number', () => {
  const s = new Setting();
  const op = s.ask(1, 100);
  assert.equal(s.requests.onReply(op, peerAt(0.9), reply(op), 1), false);
  assert.equal(s.requests.onReply(op, { ...friend, peerId: 'friend of a friend' }, reply(op), 1), false);
  assert.equal(s.requests.onReply(op, { ...friend, incarnation: 2, addresses: ['new'] }, reply(op), 1), true, 'the same peer, freshened');
});

test('a cancelled question runs no handler', () => {
  const s = new Setting();
  const op = s.ask(2, 100);
  s.requests.cancel(op);
  assert.equal(s.requests.onReply(op, friend, reply(op), 1), false);
  s.env.advance(10_000);
  assert.deepEqual(s.ended, []);
  assert.equal(s.env.take().length, 1);
});

test('beyond the most questions in flight a new one is silent at once and nothing is sent', () => {
  const s = new Setting();
  for (let i = 0; i < 4_096; i++) s.ask(1, 1_000);
  s.env.take();
  s.ask(1, 1_000);
  assert.deepEqual(s.ended, [{ how: 'silent', at: 0 }]);
  assert.equal(s.env.take().length, 0);
  assert.equal(s.env.factsOf('message-ignored').length, 1);
  s.env.advance(1_000);
  assert.equal(s.ended.length, 4_097);
  assert.equal(s.requests.inFlight, 0);
});

test('one timer serves all: it is always armed for the earliest question', () => {
  const s = new Setting();
  s.ask(1, 500);
  s.ask(1, 200);
  s.ask(1, 900);
  s.env.advance(1_000);
  assert.deepEqual(s.ended.map(({ at }) => at), [200, 500, 900]);
});

test('a handler may ask again: questions that begin while others end are kept', () => {
  const s = new Setting();
  let again = 0;
  const ask = (): void => {
    s.requests.ask({ to: friend, attempts: 1, timeoutMs: 100, message: () => ({ type: 'hopAck', hop: 0 }), onReply: () => undefined, onSilent: () => void (again++ < 4 && ask()) });
  };
  ask();
  s.env.advance(1_000);
  assert.equal(again, 5);
});

test('numbers are never given twice in a row, fit the wire, and a restarted peer begins elsewhere', () => {
  const starts = new Set<number>();
  for (let seed = 1; seed <= 20; seed++) {
    const requests = new Requests(new Local(new RecordingEnv(seed), protocolOptions(), peerAt(0.5)));
    const first = requests.nextOp();
    starts.add(first);
    assert.ok(Number.isInteger(first) && first >= 0 && first < 2 ** 32);
    assert.notEqual(requests.nextOp(), first);
  }
  assert.equal(starts.size, 20);
});

test('a question to somebody who is probably gone is asked once more at once, and then silent after the first time-out', () => {
  const s = new Setting();
  const op = s.ask(5, 1_000);
  s.env.advance(200);
  s.requests.askOnceMore(op);
  s.requests.askOnceMore(op);
  s.env.advance(60_000);
  assert.deepEqual(s.env.take().map(({ at }) => at), [0, 200]);
  assert.deepEqual(s.ended, [{ how: 'silent', at: 1_000 }]);
  s.requests.askOnceMore(op);
  assert.deepEqual(s.env.take(), []);
});
