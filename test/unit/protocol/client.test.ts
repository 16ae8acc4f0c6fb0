/**
 * Operations on objects from the caller's side, with owners that refuse, change, fall silent or answer nonsense: each
 * operation ends exactly once, with the object that was asked for or with a code that says why not (INV-ROUTE-2).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Failure, ReadOutcome, WriteOutcome } from '../../../src/protocol/overlay/outcomes.ts';
import type { GetReply, Message, StoredObject, WriteReply } from '../../../src/protocol/wire/messages.ts';
import { STATUS } from '../../../src/protocol/wire/messages.ts';
import { LonePeer } from './lone-peer.ts';
import { at, peerAt, vitalsOf } from './recording-env.ts';

const owner = peerAt(0.75, { name: 'olga' });
const key = at(0.7);
const object: StoredObject = { key, version: { wallMs: 5, counter: 0, writer: 'w' }, value: new Uint8Array([1]), fields: [], expiresAtMs: 0, deleted: false };

type Answer = (op: number) => Message | undefined;

/** A peer whose lookups all lead to `owner`, which answers what it is asked by the next of `answers`, the last for ever. */
class Story {
  readonly peer = LonePeer.member([peerAt(0.4), peerAt(0.6)], { operationMs: 20_000 });
  readonly reads: ReadOutcome[] = [];
  readonly writes: WriteOutcome[] = [];
  asked = 0;
  readonly #answers: readonly Answer[];

  constructor(...answers: readonly Answer[]) {
    this.#answers = answers;
  }

  run(ms = 25_000): void {
    for (let passed = 0; passed < ms; passed += 50) {
      for (const { to, message } of this.peer.env.take()) this.#play(to.peerId, message);
      this.peer.env.advance(50);
    }
  }

  #play(to: string, message: Message): void {
    if (message.type === 'route' && message.key.hex === key.hex) {
      this.peer.hear(peerAt(Number(to.slice(5))), { type: 'hopAck', hop: message.hop });
      if (message.origin.peerId === this.peer.self.peerId) this.peer.hear(owner, { type: 'routeReply', op: message.op, hops: 2, vitals: vitalsOf(), leafset: [] });
    } else if (to === owner.peerId && (message.type === 'get' || message.type === 'put' || message.type === 'setField')) {
      const answer = this.#answers[Math.min(this.asked++, this.#answers.length - 1)]?.(message.op);
      if (answer) this.peer.hear(owner, answer);
    } else if (message.type === 'probe') {
      this.peer.hear(peerAt(Number(to.slice(5))), { type: 'probeReply', op: message.op, vitals: vitalsOf(), leafset: [] });
    }
  }

  get(): this {
    this.peer.node.overlay.get(key, (outcome) => this.reads.push(outcome));
    return this;
  }

  put(): this {
    this.peer.node.overlay.put(key, new Uint8Array(3), {}, (outcome) => this.writes.push(outcome));
    return this;
  }
}

const got = (wishes: Partial<GetReply>): Answer => (op) => ({ type: 'getReply', op, status: STATUS.ok, object, ...wishes });
const wrote = (wishes: Partial<WriteReply>): Answer => (op) => ({ type: 'writeReply', op, status: STATUS.ok, version: object.version, copies: 2, ...wishes });
const codeOf = (outcome: ReadOutcome | WriteOutcome | undefined): string => (outcome === undefined ? 'open' : outcome.ok ? 'ok' : outcome.code);

test('[0037] a read returns the object and its host, a write its version, copies and host', () => {
  const story = new Story(got({})).get();
  story.run(5_000);
  const [read] = story.reads;
  assert.ok(read?.ok && read.host.peerId === owner.peerId && read.hops === 2 && read.object === object);
  const writing = new Story(wrote({})).put();
  writing.run(5_000);
  const [write] = writing.writes;
  assert.ok(write?.ok && write.host.peerId === owner.peerId && write.copies === 2);
});

test('a refusal ends the operation at once, with its code and a sentence that names the peer', () => {
  const reading = new Story(got({ status: STATUS.missing, object: undefined })).get();
  reading.run(5_000);
  assert.deepEqual(reading.reads.map(codeOf), ['missing']);
  const writing = new Story(wrote({ status: STATUS.quota, version: undefined })).put();
  writing.run(5_000);
  assert.deepEqual(writing.writes.map(codeOf), ['quota']);
  assert.match((writing.writes[0] as Failure).reason, /olga/);
  assert.equal(writing.asked, 1);
});

test('an owner that is none any more, not ready or short of copies is asked again through a fresh lookup', () => {
  for (const status of [STATUS.notOwner, STATUS.notReady, STATUS.tooFewCopies, STATUS.busy, 12345]) {
    const story = new Story(wrote({ status, version: undefined }), wrote({})).put();
    story.run(5_000);
    assert.deepEqual(story.writes.map(codeOf), ['ok'], `after status ${status}`);
    assert.equal(story.asked, 2);
  }
});

test('INV-ROUTE-2: what stays wrong ends at the deadline, once, with the last trouble as its reason', () => {
  const short = new Story(wrote({ status: STATUS.tooFewCopies, version: undefined })).put();
  short.run();
  assert.deepEqual(short.writes.map(codeOf), ['too-few-copies']);
  const silent = new Story(() => undefined).get();
  silent.run();
  assert.deepEqual(silent.reads.map(codeOf), ['timeout']);
});

test('INV-ROUTE-2: an owner that says yes and sends nothing, another object or another kind of reply gives no answer', () => {
  const nonsense: Answer[] = [got({ object: undefined }), got({ object: { ...object, key: at(0.1) } }), wrote({}), (op) => ({ type: 'syncReply', op, equal: true, entries: [], coveredTo: undefined })];
  for (const answer of nonsense) {
    const story = new Story(answer).get();
    story.run();
    assert.deepEqual(story.reads.map(codeOf), ['timeout']);
  }
  for (const answer of [wrote({ version: undefined }), got({})]) {
    const story = new Story(answer).put();
    story.run();
    assert.deepEqual(story.writes.map(codeOf), ['timeout']);
  }
  const mended = new Story(got({ object: undefined }), got({})).get();
  mended.run(5_000);
  assert.deepEqual(mended.reads.map(codeOf), ['ok'], 'and it is asked again');
});

test('[0037] direct asks the known host without a lookup, and takes no other object for the one asked for', () => {
  for (const [answer, code] of [[got({}), 'ok'], [got({ status: STATUS.notOwner, object: undefined }), 'missing'], [got({ object: { ...object, key: at(0.1) } }), 'missing'], [() => undefined, 'missing']] as const) {
    const story = new Story(answer);
    story.peer.node.overlay.direct(key, owner, (outcome) => story.reads.push(outcome));
    assert.deepEqual(story.peer.env.sent.map(({ to, message }) => [to.peerId, message.type]), [[owner.peerId, 'get']]);
    story.run(6_000);
    assert.deepEqual(story.reads.map(codeOf), [code]);
  }
});

test('too large a value, too long or empty a field name, too many operations: refused at once, nothing sent', () => {
  const { node, env } = LonePeer.member([peerAt(0.4)], { operationsMax: 1 });
  const ends: WriteOutcome[] = [];
  const done = (outcome: WriteOutcome): void => void ends.push(outcome);
  node.overlay.put(key, new Uint8Array(1_048_577), {}, done);
  node.overlay.setref(key, '', { key: at(0.1) }, done);
  node.overlay.setref(key, '€'.repeat(22), { key: at(0.1) }, done);
  assert.deepEqual(ends.map(codeOf), ['too-large', 'too-large', 'too-large']);
  assert.equal(env.sent.length, 0);
  node.overlay.put(at(0.2), new Uint8Array(1), {}, done);
  node.overlay.put(at(0.2), new Uint8Array(1), {}, done);
  assert.equal(codeOf(ends[3]), 'busy');
});
