/**
 * One peer against everybody: arbitrary valid messages from arbitrary contacts in arbitrary order, and liars with a plan.
 *
 * Whatever arrives, nothing throws, each input is answered by a bounded number of messages, every message that leaves can
 * be encoded, and nobody becomes a neighbour who was not heard itself (INV-RING-5).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Contact } from '../../src/core/contact.ts';
import { STRATEGY_NAMES } from '../../src/protocol/options.ts';
import { createCodec } from '../../src/protocol/wire/codec.ts';
import type { Message, Route } from '../../src/protocol/wire/messages.ts';
import { PURPOSE } from '../../src/protocol/wire/messages.ts';
import { contact, message } from '../unit/protocol/arbitraries.ts';
import { LonePeer } from '../unit/protocol/lone-peer.ts';
import { at, peerAt, vitalsOf } from '../unit/protocol/recording-env.ts';

/**
 * Most messages that one input may cause: as many probes as may be in progress (64), second opinions on the claims of one
 * probe (32), the objects of one hand-over sent home (64), the fields of a leafset told (2 x 16), and a handful of replies.
 */
const SENT_PER_INPUT_MAX = 256;
const codec = createCodec();
const friends: readonly Contact[] = [0.2, 0.4, 0.6, 0.8].map((share) => peerAt(share));

/** Senders: neighbours, newcomers, strangers, and twins at a neighbour's or our own position. */
const sender = fc.oneof(
  fc.constantFrom(...friends),
  fc.constantFrom(peerAt(0.45), peerAt(0.55), peerAt(0.5, { peerId: 'twin' }), peerAt(0.4, { incarnation: 7 }), peerAt(0.4, { peerId: 'twin of a friend' })),
  contact,
);
/** Numbers that our own questions may have, so that replies sometimes meet one. */
type Input = { readonly from: Contact; readonly message: Message; readonly waitMs: number; readonly aim: boolean };
const input: fc.Arbitrary<Input> = fc.record({ from: sender, message, waitMs: fc.constantFrom(0, 0, 1, 50, 2_000, 30_000), aim: fc.boolean() });

function aimed(peer: LonePeer, { from, message: m, aim }: Input): { from: Contact; message: Message } {
  const open = aim && 'op' in m ? peer.log.findLast((sent) => 'op' in sent.message && sent.message.type !== m.type) : undefined;
  if (!open || !('op' in open.message)) return { from, message: m };
  return { from: open.to, message: { ...m, op: open.message.op } as Message };
}

function checkSent(peer: LonePeer, what: string, max = SENT_PER_INPUT_MAX): void {
  const sent = peer.env.take();
  assert.ok(sent.length <= max, `${sent.length} messages after ${what}`);
  for (const one of sent) {
    const encoded = codec.encode(one.message);
    assert.deepStrictEqual(codec.decode(encoded), one.message, `what is sent after ${what} can be received`);
    assert.notEqual(one.to.peerId, peer.self.peerId, `nothing is sent to ourselves after ${what}`);
  }
  peer.log.push(...sent.slice(-50));
  peer.log.splice(0, peer.log.length - 50);
}

function checkNeighbours(peer: LonePeer, heard: ReadonlySet<string>): void {
  for (const { peerId } of peer.node.membership.leafset.contacts()) assert.ok(heard.has(peerId), `${peerId} is a neighbour and was never heard`);
}

for (const strategy of STRATEGY_NAMES) {
  test(`${strategy}: whatever arrives, in whatever order: nothing throws, answers are bounded, INV-RING-5 holds`, () => {
    fc.assert(fc.property(fc.array(input, { maxLength: 40, size: 'max' }), (inputs) => {
      const peer = LonePeer.member(friends, { strategy });
      const heard = new Set(friends.map(({ peerId }) => peerId));
      for (const one of inputs) {
        const { from, message: m } = aimed(peer, one);
        heard.add(from.peerId);
        peer.hear(from, m);
        checkSent(peer, m.type);
        peer.env.advance(one.waitMs);
        // Time is no input: what timers send is bounded by what was begun.
        checkSent(peer, 'waiting', 64 * SENT_PER_INPUT_MAX);
        checkNeighbours(peer, heard);
      }
      assert.equal(peer.node.standing, 'active');
    }), { numRuns: 40 });
  });
}

test('a peer that is still joining takes arbitrary messages too, and owns nothing by them', () => {
  fc.assert(fc.property(fc.array(input, { maxLength: 25, size: 'max' }), (inputs) => {
    const peer = new LonePeer({ somo: 'unsynchronised' });
    peer.node.join([peerAt(0.1)]);
    for (const one of inputs) {
      // Nobody grants a zone here: whoever states one for its own is not asked first.
      if (one.message.type === 'probeReply' || one.message.type === 'routeReply') continue;
      peer.hear(one.from, one.message);
      checkSent(peer, one.message.type);
      assert.equal(peer.node.zoneStart, undefined);
    }
  }), { numRuns: 100 });
});

// --- liars ---

const liar = peerAt(0.45);
const fakes = Array.from({ length: 64 }, (_, i) => peerAt(0.46 + i / 2_000, { peerId: `fake-${i}` }));

test('INV-RING-5: 64 invented neighbours are asked, at most once at a time each, and none is adopted', () => {
  const peer = LonePeer.member([...friends, liar]);
  const lies: Message[] = [
    { type: 'probe', op: 1, vitals: vitalsOf(), knownDigest: 0, leafset: fakes, failed: [] },
    { type: 'leave', leafset: fakes },
    { type: 'routeReply', op: 3, hops: 1, vitals: vitalsOf(), leafset: fakes },
    { type: 'tableReply', op: 4, vitals: vitalsOf(), entries: fakes.map((fake) => ({ contact: fake, zoneStart: at(0.4), tellerRttMs: 1 })), gone: [] },
  ];
  for (const lie of lies) peer.hear(liar, lie);
  const probes = peer.env.takeOf('probe').map(({ to }) => to.peerId);
  assert.ok(probes.length <= peer.options.probesMax);
  assert.equal(new Set(probes).size, probes.length);
  peer.advanceAnswering(30_000, friends);
  assert.deepEqual(peer.node.membership.leafset.contacts().filter(({ peerId }) => peerId.startsWith('fake')), []);
  for (const friend of friends) assert.ok(peer.isNeighbour(friend));
});

test('a liar that says everybody is dead buries nobody who answers', () => {
  const peer = LonePeer.member([...friends, liar]);
  for (let i = 0; i < 5; i++) {
    peer.hear(liar, { type: 'probe', op: i, vitals: vitalsOf(), knownDigest: 0, leafset: [], failed: [...friends.map(({ peerId }) => peerId), peer.self.peerId, liar.peerId] });
    peer.advanceAnswering(5_000, [...friends, liar]);
  }
  assert.equal(peer.env.factsOf('peer-dead').length, 0);
  for (const friend of friends) assert.ok(peer.isNeighbour(friend));
});

test('replies to questions never asked, and replies in another\'s name, are without effect', () => {
  const peer = LonePeer.member(friends);
  const before = peer.node.membership.leafset.digest;
  const vitals = vitalsOf();
  const replies: Message[] = [
    { type: 'probeReply', op: 1, vitals, leafset: fakes }, { type: 'hopAck', hop: 1 }, { type: 'tableReply', op: 1, vitals, entries: [], gone: [] },
    { type: 'routeReply', op: 1, hops: 0, vitals, leafset: fakes }, { type: 'writeReply', op: 1, status: 0, version: undefined, copies: 9 },
    { type: 'getReply', op: 1, status: 0, object: undefined }, { type: 'replicateReply', op: 1, statuses: [0] }, { type: 'syncReply', op: 1, equal: false, entries: [], coveredTo: undefined },
  ];
  for (const reply of replies) peer.hear(liar, reply);
  assert.equal(peer.env.take().length, 0);
  assert.equal(peer.node.membership.leafset.digest, before);
  const ends: string[] = [];
  peer.node.overlay.direct(at(0.9), friends[3] as Contact, ({ ok }) => ends.push(String(ok)));
  const [asked] = peer.env.takeOf('get');
  peer.hear(liar, { type: 'getReply', op: asked?.message.op as number, status: 1, object: undefined });
  assert.deepEqual(ends, [], 'the answer of somebody else ends nothing');
});

test('a peer that lies about its zone takes nothing of ours, and ours begins where the nearest one stands', () => {
  const peer = LonePeer.member(friends);
  // The last states no zone: from a member of the same life that is old news, not a return to joining.
  for (const zoneStart of [at(0.5), at(0.45), at(0.9), undefined]) {
    peer.hear(liar, { type: 'heartbeat', vitals: vitalsOf({ zoneStart }), announcement: true });
    assert.equal(peer.node.zoneStart?.hex, liar.position.hex);
    assert.ok(peer.node.membership.owns(at(0.49)));
  }
});

test('stale and absurd incarnations: an old one changes nothing, the largest one harms only its sender', () => {
  const peer = LonePeer.member(friends);
  const [friend, other] = friends as [Contact, Contact];
  peer.hear({ ...friend, incarnation: 5 }, { type: 'heartbeat', vitals: vitalsOf({ incarnation: 5 }), announcement: false });
  peer.hear({ ...friend, incarnation: 1, addresses: ['/ip4/6.6.6.6/tcp/6'] }, { type: 'heartbeat', vitals: vitalsOf({ incarnation: 1, zoneStart: undefined }), announcement: false });
  const known = peer.node.membership.leafset.find(friend);
  assert.deepEqual([known?.contact.incarnation, known?.contact.addresses.length, known?.joining], [5, 0, false]);
  peer.hear({ ...liar, incarnation: 2 ** 32 - 1 }, { type: 'heartbeat', vitals: vitalsOf({ incarnation: 2 ** 32 - 1 }), announcement: false });
  peer.hear(other, { type: 'heartbeat', vitals: vitalsOf(), announcement: false });
  assert.ok(peer.isNeighbour(other));
});

test('a flood of routes from one peer is held and sent within bounds, and none comes back to us', () => {
  const peer = LonePeer.member(friends, { routesHeldMax: 10 });
  peer.node.onPeerUnreachable(friends[2] as Contact);
  const route: Route = { type: 'route', op: 1, hop: 1, purpose: PURPOSE.lookup, key: at(0.55), origin: liar, hops: 0, byRing: false, attempt: 1 };
  for (let i = 0; i < 500; i++) {
    peer.hear(liar, { ...route, op: i, hop: i, origin: i % 2 === 0 ? liar : peer.self, purpose: i % 5 });
    checkSent(peer, 'route', 8);
  }
  assert.ok(peer.node.router.routesHeld <= 10);
});

test('whoever left answers nothing and holds no timer', () => {
  fc.assert(fc.property(fc.array(input, { maxLength: 10 }), (inputs) => {
    const peer = LonePeer.member(friends);
    let left = false;
    peer.node.leave(() => {
      left = true;
    });
    assert.ok(left, 'with nothing to hand over it goes at once');
    peer.env.take();
    for (const one of inputs) peer.hear(one.from, one.message);
    checkSent(peer, 'leaving', 10 * SENT_PER_INPUT_MAX);
    assert.equal(peer.node.zoneStart, undefined);
  }), { numRuns: 40 });
});
