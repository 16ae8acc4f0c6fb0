/**
 * What liars name: real peers with forged contacts, peers that do not exist, and ourselves.
 *
 * Hearsay makes candidates and nothing else; a peer is adopted as it names itself, and no claim moves us off the wire's range.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCodec } from '../../../src/protocol/wire/codec.ts';
import { LonePeer } from './lone-peer.ts';
import { at, peerAt, vitalsOf } from './recording-env.ts';

test('INV-RING-5: a contact is adopted as its own peer states it, not as a third party forged it', () => {
  const peer = LonePeer.member([peerAt(0.2), peerAt(0.6)]);
  const real = peerAt(0.45);
  const forged = { ...real, incarnation: 2 ** 32 - 1, addresses: ['/ip4/6.6.6.6/tcp/6'] };
  peer.hear(peerAt(0.6), { type: 'probe', op: 1, vitals: vitalsOf(), knownDigest: 0, leafset: [forged], failed: [] });
  const [asked] = peer.env.takeOf('probe').filter(({ to }) => to.peerId === real.peerId);
  peer.hear(real, { type: 'probeReply', op: asked?.message.op as number, vitals: vitalsOf({ zoneStart: undefined }), leafset: [] });
  const known = (): unknown => { const e = peer.node.membership.leafset.find(real); return [e?.contact.incarnation, e?.contact.addresses.length, e?.joining]; };
  assert.deepEqual(known(), [1, 0, true]);
  peer.hear(real, { type: 'heartbeat', vitals: vitalsOf({ zoneStart: at(0.3) }), announcement: true });
  assert.deepEqual(known(), [1, 0, false]);
});
test('the lost that are remembered were once known: invented peers do not push them out', () => {
  const peer = LonePeer.member([peerAt(0.2), peerAt(0.4), peerAt(0.6)]);
  peer.node.membership.bury(peerAt(0.4));
  for (let i = 0; i < 40; i++) {
    peer.hear(peerAt(0.6), { type: 'probe', op: i, vitals: vitalsOf(), knownDigest: 0, leafset: [peerAt(0.41 + i / 1000)], failed: [] });
  }
  peer.advanceAnswering(12_000, [peerAt(0.2), peerAt(0.6)]);
  assert.ok(peer.node.membership.remembered.contacts().some(({ peerId }) => peerId === 'peer-0.4'));
});

test('INV-WIRE-1: a liar that knows us by the largest incarnation does not make us say what the wire cannot carry', () => {
  const peer = LonePeer.member([peerAt(0.4), peerAt(0.6)]);
  peer.hear(peerAt(0.6), { type: 'probe', op: 1, vitals: vitalsOf(), knownDigest: 0, leafset: [{ ...peer.self, incarnation: 2 ** 32 - 1 }], failed: [] });
  peer.hear(peerAt(0.6), { type: 'probe', op: 2, vitals: vitalsOf(), knownDigest: 0, leafset: [], failed: [] });
  for (const { message } of peer.env.take()) assert.doesNotThrow(() => createCodec().encode(message));
});
