/**
 * Keeping a table: who is asked and when, what others say is gone, and what replies teach.
 *
 * One whole peer in a RecordingEnv; the test plays its table.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Contact } from '../../../src/core/contact.ts';
import type { Position } from '../../../src/core/position.ts';
import type { TableEntry, TableRequest } from '../../../src/protocol/wire/messages.ts';
import { LonePeer } from './lone-peer.ts';
import { peerAt, vitalsOf } from './recording-env.ts';

const near: readonly Contact[] = [0.46, 0.47, 0.48, 0.49, 0.51, 0.52, 0.53, 0.54].map((share) => peerAt(share));
const far: readonly Contact[] = [0.02, 0.1, 0.2, 0.3, 0.7, 0.8, 0.9].map((share) => peerAt(share));
const entry = (contact: Contact, tellerRttMs = 0): TableEntry => ({ contact, zoneStart: undefined, tellerRttMs });

function member(): LonePeer {
  return LonePeer.member(near, {}, far.map((contact) => entry(contact)));
}

function request(gone: readonly Position[]): TableRequest {
  return { type: 'tableRequest', op: 5, part: 0, vitals: vitalsOf(), gone, reach: new Uint8Array(0), rttMs: 0 };
}

/** Who is asked for its table within so long, in order; `silent` peers do not answer, the others know nobody. */
function asked(peer: LonePeer, ms: number, silent: readonly Contact[] = []): string[] {
  const before = peer.log.length;
  peer.advanceAnswering(ms, [...near, ...far].filter((other) => !silent.includes(other)));
  return peer.log.slice(before).filter(({ message }) => message.type === 'tableRequest').map(({ to }) => to.peerId);
}

test('within one round every entry is asked', () => {
  const peer = member();
  const expected = peer.node.router.strategy.entries().map(({ contact }) => contact.peerId);
  const questions = asked(peer, peer.options.tableProbeMs);
  for (const peerId of expected) assert.ok(questions.includes(peerId), peerId);
});

test('whom another peer found gone is asked next, and forgotten when it is silent; one that answers stays', () => {
  const peer = member();
  asked(peer, peer.options.tableProbeMs);
  const [dead, alive] = [far[2] as Contact, far[5] as Contact];
  peer.hear(near[0] as Contact, request([dead.position, alive.position, peerAt(0.123).position]));
  assert.deepEqual(asked(peer, 6_000, [dead]).slice(0, 2), [dead.peerId, alive.peerId], 'a stranger is not asked');
  asked(peer, 6_000, [dead]);
  assert.equal(peer.node.router.strategy.find(dead.position), undefined);
  assert.ok(peer.node.router.strategy.find(alive.position));
});

test('what was found gone is told with the next question and the next answer, until it is heard again or old', () => {
  const peer = member();
  const dead = far[2] as Contact;
  peer.hear(near[0] as Contact, request([dead.position]));
  asked(peer, 15_000, [dead]);
  const told = (): string[] => {
    peer.env.take();
    peer.hear(near[1] as Contact, request([]));
    const [reply] = peer.env.takeOf('tableReply');
    return (reply?.message.gone ?? []).map(({ hex }) => hex);
  };
  assert.deepEqual(told(), [dead.position.hex]);
  asked(peer, 600_000);
  assert.deepEqual(told(), []);
});

test('a reply bounds the way to each of its entries by the way to the teller', () => {
  const peer = member();
  const { strategy } = peer.node.router;
  peer.env.take();
  peer.env.advance(60_000);
  const [question] = peer.env.takeOf('tableRequest');
  assert.ok(question);
  const stranger = peerAt(0.61);
  peer.hear(question.to, { type: 'tableReply', op: question.message.op, vitals: vitalsOf(), entries: [entry(stranger, 30)], gone: [] });
  const rttMs = strategy.find(question.to.position)?.rttMs;
  const waited = strategy.find(stranger.position)?.rttMs;
  // Without a measured way (the answer may be to a repetition) there is no bound either.
  assert.equal(waited, rttMs === undefined ? undefined : rttMs + 30);
});

test('who asks says how far we are, which says how far it is: it takes the slot of somebody farther, and is asked before it is told of', () => {
  const peer = member();
  const { strategy } = peer.node.router;
  asked(peer, peer.options.tableProbeMs);
  const holder = far[1] as Contact;
  strategy.learn(holder, { rttMs: 100 });
  const asker = peerAt(0.11);
  assert.equal(strategy.find(asker.position), undefined);
  peer.hear(asker, { ...request([]), rttMs: 95 });
  assert.ok(strategy.find(holder.position), 'no gain worth a change');
  peer.hear(asker, { ...request([]), rttMs: 40 });
  assert.equal(strategy.find(asker.position)?.rttMs, 40);
  peer.env.take();
  peer.hear(near[0] as Contact, request([]));
  const [reply] = peer.env.takeOf('tableReply');
  assert.ok(reply && !reply.message.entries.some(({ contact }) => contact.peerId === asker.peerId), 'its word alone is not handed on');
});
