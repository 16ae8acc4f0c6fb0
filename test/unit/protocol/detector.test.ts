/**
 * Who is dead and who is not ([0042], [0043]): silence to the last probe, never a word from a third party.
 *
 * One whole peer in a RecordingEnv; the test plays everybody else.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Probe } from '../../../src/protocol/wire/messages.ts';
import { LonePeer } from './lone-peer.ts';
import { peerAt, vitalsOf } from './recording-env.ts';

const friend = peerAt(0.4);
const other = peerAt(0.6);
/** So long ago that a claim is not refuted by what we heard ourselves, and not so long that silence is one. */
const QUIET_MS = 6_000;
const probe = (wishes: Partial<Probe> = {}): Probe => ({ type: 'probe', op: 9, vitals: vitalsOf(), knownDigest: 0, leafset: [], failed: [], ...wishes });

test('INV-RING-5: a claim of death alone kills nobody: the claimed peer is probed, and stays when it answers', () => {
  const peer = LonePeer.member([friend, other]);
  peer.env.advance(QUIET_MS);
  peer.hear(other, probe({ failed: [friend.peerId] }));
  const [asked] = peer.env.takeOf('probe').filter(({ to }) => to.peerId === friend.peerId);
  assert.ok(asked, 'it is asked itself');
  assert.ok(peer.isNeighbour(friend));
  assert.equal(peer.env.factsOf('peer-suspected').length, 1);
  peer.hear(friend, { type: 'probeReply', op: asked.message.op, vitals: vitalsOf(), leafset: [] });
  peer.env.advance(8_000);
  assert.ok(peer.isNeighbour(friend));
  assert.equal(peer.env.factsOf('peer-refuted').length, 1);
  assert.equal(peer.env.factsOf('peer-dead').length, 0);
});

test('a claimed peer that is silent to the second opinion is dead', () => {
  const peer = LonePeer.member([friend, other]);
  peer.env.advance(QUIET_MS);
  peer.hear(other, probe({ failed: [friend.peerId] }));
  peer.advanceAnswering(9_000, [other]);
  assert.ok(!peer.isNeighbour(friend));
  assert.equal(peer.env.factsOf('peer-dead').length, 1);
});

test('claims about peers that are no neighbours start nothing', () => {
  const peer = LonePeer.member([friend, other]);
  peer.hear(other, probe({ failed: ['nobody', 'nobody else'] }));
  assert.equal(peer.env.takeOf('probe').length, 0);
});

test('a claim of our own death is refuted: the next word carries a higher incarnation', () => {
  const peer = LonePeer.member([friend, other]);
  peer.hear(other, probe({ failed: [peer.self.peerId] }));
  assert.equal(peer.node.local.contact.incarnation, 2);
  assert.deepEqual(peer.env.factsOf('self-refuted').map(({ incarnation }) => incarnation), [2]);
  peer.env.take();
  peer.hear(friend, probe());
  assert.deepEqual(peer.env.takeOf('probeReply').map(({ message }) => message.vitals.incarnation), [2]);
});

test('[0042] a right neighbour whose heartbeats stop is suspected, probed with growing time-outs, and then dead', () => {
  const peer = LonePeer.member([friend, other]);
  const { heartbeatMs, heartbeatGraceMs, probeAttempts } = peer.options;
  peer.advanceAnswering(heartbeatMs + heartbeatGraceMs + 60_000, [friend]);
  assert.ok(!peer.isNeighbour(other));
  assert.ok(peer.isNeighbour(friend));
  const asked = peer.log.filter(({ to, message }) => to.peerId === other.peerId && message.type === 'probe');
  assert.ok(asked.length >= probeAttempts);
  assert.equal(peer.node.zoneStart?.hex, friend.position.hex);
});

test('[0043] one lost answer is no death: a suspect that answers a later probe stays', () => {
  const peer = LonePeer.member([friend, other]);
  peer.node.onPeerUnreachable(other);
  const [first] = peer.env.takeOf('probe');
  assert.ok(first);
  peer.env.advance(3_500);
  const again = peer.env.takeOf('probe').filter(({ to }) => to.peerId === other.peerId);
  assert.ok(again.length > 0, 'asked again');
  assert.ok(again.every(({ message }) => message.op === first.message.op), 'the same question');
  peer.hear(other, { type: 'probeReply', op: first.message.op, vitals: vitalsOf(), leafset: [] });
  peer.env.advance(4_000);
  assert.ok(peer.isNeighbour(other));
});

test('a hint that a connection broke is no proof: it only starts a probe, and only of neighbours', () => {
  const peer = LonePeer.member([friend, other]);
  peer.node.onPeerUnreachable(peerAt(0.123));
  assert.equal(peer.env.take().length, 0);
  peer.node.onPeerUnreachable(friend);
  assert.ok(peer.isNeighbour(friend));
  assert.deepEqual(peer.env.takeOf('probe').map(({ to }) => to.peerId), [friend.peerId]);
  peer.node.onPeerUnreachable(friend);
  assert.equal(peer.env.take().length, 0, 'one probe at a time');
});

test('INV-RING-5: whoever is named by somebody is probed, and enters only when it answers', () => {
  const peer = LonePeer.member([friend, other]);
  const named = peerAt(0.45);
  peer.hear(other, probe({ leafset: [named, peer.self] }));
  assert.ok(!peer.isNeighbour(named));
  const [asked] = peer.env.takeOf('probe').filter(({ to }) => to.peerId === named.peerId);
  assert.ok(asked);
  peer.hear(named, { type: 'probeReply', op: asked.message.op, vitals: vitalsOf(), leafset: [] });
  assert.ok(peer.isNeighbour(named));
  assert.equal(peer.node.zoneStart?.hex, named.position.hex);
});

test('INV-RING-5: the dead are not taken up again on hearsay, but when they speak and answer for themselves', () => {
  const peer = LonePeer.member([friend, other]);
  peer.node.membership.bury(friend);
  peer.env.take();
  peer.hear(other, probe({ leafset: [friend] }));
  assert.equal(peer.env.takeOf('probe').filter(({ to }) => to.peerId === friend.peerId).length, 0);
  peer.hear(other, probe({ leafset: [{ ...friend, incarnation: 2 }] }));
  assert.equal(peer.env.takeOf('probe').filter(({ to }) => to.peerId === friend.peerId).length, 1, 'a later life is news');
  peer.hear(friend, { type: 'heartbeat', vitals: vitalsOf({ incarnation: 2 }), announcement: true });
  peer.advanceAnswering(4_000, [friend, other]);
  assert.ok(peer.isNeighbour(friend));
});

test('neighbours are told only to whom has not seen them: equal digests need no lists', () => {
  const peer = LonePeer.member([friend, other]);
  const digest = peer.node.membership.leafset.digest;
  peer.hear(friend, probe({ op: 1, knownDigest: digest }));
  peer.hear(friend, probe({ op: 2, knownDigest: digest + 1 }));
  assert.deepEqual(peer.env.takeOf('probeReply').map(({ message }) => [message.op, message.leafset.length]), [[1, 0], [2, 2]]);
});

test('a goodbye takes the peer out without a probe, and those it names are met by asking them', () => {
  const peer = LonePeer.member([friend, other]);
  peer.hear(friend, { type: 'leave', leafset: [peerAt(0.3), other, peer.self] });
  assert.ok(!peer.isNeighbour(friend));
  assert.equal(peer.node.membership.remembered.size, 0, 'nobody need look for it');
  const asked = peer.env.takeOf('probe').map(({ to }) => to.peerId);
  assert.ok(asked.includes('peer-0.3') && !asked.includes(friend.peerId));
  assert.ok(!peer.isNeighbour(peerAt(0.3)));
});
