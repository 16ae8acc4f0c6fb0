/**
 * Who is a neighbour and which zone follows: only who was heard (INV-RING-5), members before joiners, no stale
 * incarnation; and the memory of the lost, by which a ring that was split finds its other half.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Contact } from '../../../src/core/contact.ts';
import { randomFrom } from '../../../src/core/random.ts';
import { Local } from '../../../src/protocol/local.ts';
import { protocolOptions } from '../../../src/protocol/options.ts';
import { Membership } from '../../../src/protocol/ring/membership.ts';
import { Remembered } from '../../../src/protocol/ring/remembered.ts';
import { at, peerAt, RecordingEnv, vitalsOf } from './recording-env.ts';

function member(): { env: RecordingEnv; local: Local; membership: Membership } {
  const env = new RecordingEnv();
  const local = new Local(env, protocolOptions({ leafsetRadius: 4 }), peerAt(0.5));
  const membership = new Membership(local);
  local.standing = 'active';
  membership.settle();
  return { env, local, membership };
}

test('[0041] a peer alone owns the whole circle; its zone then begins at whoever is heard next on the left', () => {
  const { env, membership } = member();
  assert.ok(membership.owns(at(0.1)) && membership.owns(at(0.9)));
  membership.hear(peerAt(0.2), vitalsOf(), 0);
  membership.hear(peerAt(0.4), vitalsOf(), 0);
  membership.hear(peerAt(0.8), vitalsOf(), 0);
  assert.equal(membership.zoneStart?.hex, at(0.4).hex);
  assert.ok(!membership.owns(at(0.4)), 'the start is not ours');
  assert.ok(membership.owns(at(0.5)), 'our own position is');
  assert.deepEqual(env.factsOf('zone-changed').map(({ start }) => start?.hex), [at(0.5), at(0.2), at(0.4)].map(({ hex }) => hex));
});

test('INV-RING-2: who joins or leaves states no zone, and does not bound ours', () => {
  const { local, membership } = member();
  membership.hear(peerAt(0.2), vitalsOf(), 0);
  membership.hear(peerAt(0.4), vitalsOf({ zoneStart: undefined }), 0);
  assert.equal(membership.zoneStart?.hex, at(0.2).hex);
  membership.hear(peerAt(0.4), vitalsOf(), 0);
  assert.equal(membership.zoneStart?.hex, at(0.4).hex, 'a joiner that became a member does');
  local.standing = 'leaving';
  membership.settle();
  assert.equal(membership.zoneStart, undefined);
  assert.equal(membership.owns(at(0.45)), false);
  assert.equal(membership.ownsWithout(at(0.45), peerAt(0.1)), false);
});

test('INV-RING-1: a zone once let go is not taken back by what the joiner said before it knew', () => {
  // Seed 1, 10,000 peers, 60-minute sessions: an answer that the joiner gave while its claim was granted made two owners.
  const { membership } = member();
  membership.hear(peerAt(0.2), vitalsOf(), 0);
  membership.hear(peerAt(0.4), vitalsOf(), 0);
  membership.hear(peerAt(0.4), vitalsOf({ zoneStart: undefined }), 1);
  assert.equal(membership.zoneStart?.hex, at(0.4).hex);
  membership.hear(peerAt(0.4, { incarnation: 2 }), vitalsOf({ incarnation: 2, zoneStart: undefined }), 2);
  assert.equal(membership.zoneStart?.hex, at(0.2).hex, 'in a later life it begins anew');
});

test('ownsWithout leaves out exactly the absent peer: a joiner finds whom to ask for its zone', () => {
  const { membership } = member();
  membership.hear(peerAt(0.2), vitalsOf(), 0);
  membership.hear(peerAt(0.4), vitalsOf(), 0);
  assert.equal(membership.ownsWithout(at(0.3), peerAt(0.4)), true);
  assert.equal(membership.ownsWithout(at(0.3), peerAt(0.9)), false);
});

test('a stale incarnation changes nothing; a newer one brings its contact along', () => {
  const { membership } = member();
  membership.hear(peerAt(0.4, { incarnation: 5 }), vitalsOf({ incarnation: 5 }), 0);
  assert.equal(membership.hear(peerAt(0.4, { incarnation: 4, name: 'old' }), vitalsOf({ incarnation: 4, zoneStart: undefined }), 9), undefined);
  const entry = membership.leafset.find(peerAt(0.4));
  assert.deepEqual([entry?.contact.incarnation, entry?.joining], [5, false]);
  membership.hear(peerAt(0.4, { incarnation: 5 }), vitalsOf({ incarnation: 6 }), 10);
  assert.equal(membership.leafset.find(peerAt(0.4))?.contact.incarnation, 6, 'what it says of itself counts');
});

test('nobody else can stand at our own position, and we are no neighbour of ourselves', () => {
  const { env, membership } = member();
  assert.equal(membership.hear(peerAt(0.5, { peerId: 'twin' }), vitalsOf(), 0), undefined);
  assert.equal(membership.hear(peerAt(0.5), vitalsOf(), 0), undefined);
  assert.equal(membership.leafset.isEmpty, true);
  assert.equal(env.factsOf('message-ignored').length, 1);
});

test('a buried neighbour gives its zone to us and is remembered; one that said goodbye is not', () => {
  const { env, membership } = member();
  const gone: Contact[] = [];
  membership.listen({ onPeerGone: (peer) => gone.push(peer) });
  for (const share of [0.2, 0.3, 0.4]) membership.hear(peerAt(share), vitalsOf(), 0);
  assert.equal(membership.bury(peerAt(0.4)), true);
  assert.equal(membership.zoneStart?.hex, at(0.3).hex);
  membership.farewell(peerAt(0.3));
  assert.equal(membership.zoneStart?.hex, at(0.2).hex);
  assert.equal(membership.bury(peerAt(0.9)), false, 'it was none');
  assert.deepEqual(membership.remembered.contacts().map(({ peerId }) => peerId), ['peer-0.4', 'peer-0.9']);
  assert.deepEqual(gone.map(({ peerId }) => peerId), ['peer-0.4', 'peer-0.3', 'peer-0.9']);
  assert.deepEqual(env.factsOf('peer-dead').length, 2);
});

test('touch freshens members and makes nobody one (INV-RING-5)', () => {
  const { membership } = member();
  membership.hear(peerAt(0.4), vitalsOf(), 1);
  membership.touch(peerAt(0.4), 7);
  membership.touch(peerAt(0.3), 7);
  assert.equal(membership.leafset.find(peerAt(0.4))?.heardAt, 7);
  assert.equal(membership.leafset.find(peerAt(0.3)), undefined);
});

test('the lost: each once, the oldest forgotten first, told newest first', () => {
  const step = fc.record({ add: fc.boolean(), who: fc.nat(8) });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), fc.nat(6), (steps, since, most) => {
    const remembered = new Remembered(5);
    let model: { who: number; lostAt: number }[] = [];
    steps.forEach(({ add, who }, lostAt) => {
      const known = model.some((lost) => lost.who === who);
      model = model.filter((lost) => lost.who !== who);
      if (add) {
        model = [...model, { who, lostAt }].slice(-5);
        remembered.add(peerAt(who / 16), lostAt, true);
      } else assert.equal(remembered.remove(peerAt(who / 16)), known);
    });
    assert.equal(remembered.size, model.length);
    assert.deepEqual(remembered.contacts().map(({ peerId }) => peerId), model.map(({ who }) => `peer-${who / 16}`));
    const told = model.filter(({ lostAt }) => lostAt >= since).toReversed().slice(0, most);
    assert.deepEqual(remembered.lostSince(since, most), told.map(({ who }) => `peer-${who / 16}`));
    const picked = remembered.pick(randomFrom(since));
    assert.equal(picked === undefined, model.length === 0);
  }));
});

test('a third party that mentions the dead is not believed for a while, unless it names a later life', () => {
  const remembered = new Remembered(5);
  remembered.add(peerAt(0.1, { incarnation: 2 }), 1_000, true);
  assert.equal(remembered.isHearsay(peerAt(0.1, { incarnation: 2 }), 20_999), true);
  assert.equal(remembered.isHearsay(peerAt(0.1, { incarnation: 3 }), 1_000), false);
  assert.equal(remembered.isHearsay(peerAt(0.1, { incarnation: 2 }), 21_000), false);
  assert.equal(remembered.isHearsay(peerAt(0.2), 1_000), false);
});
