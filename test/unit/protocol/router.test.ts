/**
 * Routes through one peer: acknowledged, sent on, sent round whoever is silent, held while the owner is in doubt, and
 * dropped when they loop; and lookups of its own, which always end (INV-ROUTE-1, INV-ROUTE-2).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Contact } from '../../../src/core/contact.ts';
import type { Position } from '../../../src/core/position.ts';
import type { Route } from '../../../src/protocol/wire/messages.ts';
import { PURPOSE } from '../../../src/protocol/wire/messages.ts';
import { LonePeer } from './lone-peer.ts';
import { at, peerAt, vitalsOf } from './recording-env.ts';

const origin = peerAt(0.99);
/** Four on each side, and far peers for the table: a ring that does not look small. */
const near: readonly Contact[] = [0.46, 0.47, 0.48, 0.49, 0.51, 0.52, 0.53, 0.54].map((share) => peerAt(share));
const far: readonly Contact[] = [0.02, 0.1, 0.2, 0.3, 0.7, 0.8, 0.9].map((share) => peerAt(share));

function member(options = {}): LonePeer {
  const peer = LonePeer.member(near, options, far.map((contact) => ({ contact, zoneStart: undefined, tellerRttMs: 0 })));
  // Candidates and table questions of the start are not what these tests are about.
  peer.env.take();
  return peer;
}

const route = (key: Position, wishes: Partial<Route> = {}): Route => {
  return { type: 'route', op: 77, hop: 5, purpose: PURPOSE.lookup, key, origin, hops: 2, byRing: false, attempt: 1, ...wishes };
};

test('INV-ROUTE-1: the owner acknowledges the hop, delivers, and answers the origin with its vitals', () => {
  const peer = member();
  peer.hear(near[0] as Contact, route(at(0.495)));
  const sent = peer.env.take();
  assert.deepEqual(sent.map(({ to, message }) => [to.peerId, message.type]), [['peer-0.46', 'hopAck'], ['peer-0.99', 'routeReply']]);
  const [delivered] = peer.env.factsOf('lookup-delivered');
  assert.deepEqual([delivered?.op, delivered?.hops, delivered?.origin.peerId], [77, 2, origin.peerId]);
  const reply = sent[1]?.message;
  assert.ok(reply?.type === 'routeReply' && reply.op === 77 && reply.leafset.length === 0 && reply.vitals.zoneStart?.hex === at(0.49).hex);
});

test('a key near by goes straight to its owner, a far one to the table entry that is nearest, one hop more each', () => {
  const peer = member();
  peer.hear(origin, route(at(0.525)));
  peer.hear(origin, route(at(0.795), { hop: 6, op: 78 }));
  const sent = peer.env.takeOf('route');
  assert.deepEqual(sent.map(({ to, message }) => [to.peerId, message.hops, message.byRing]), [['peer-0.53', 3, false], ['peer-0.8', 3, false]]);
  assert.notEqual(sent[0]?.message.hop, sent[1]?.message.hop, 'each hop has a number of its own');
});

test('a far entry that does not acknowledge is passed by: the route takes another way', () => {
  const peer = member();
  peer.hear(origin, route(at(0.795)));
  const [first] = peer.env.takeOf('route');
  assert.equal(first?.to.peerId, 'peer-0.8');
  peer.env.advance(peer.options.initialTimeoutMs);
  const again = peer.env.takeOf('route');
  assert.equal(again.length, 1);
  assert.notEqual(again[0]?.to.peerId, 'peer-0.8');
});

test('an acknowledged hop is done with: nothing is sent again, also not for a late second acknowledgement', () => {
  const peer = member();
  peer.hear(origin, route(at(0.795)));
  const [first] = peer.env.takeOf('route');
  assert.ok(first);
  peer.hear(first.to, { type: 'hopAck', hop: first.message.hop });
  peer.hear(first.to, { type: 'hopAck', hop: first.message.hop });
  peer.env.advance(5_000);
  assert.equal(peer.env.takeOf('route').length, 0);
});

test('an acknowledgement from somebody else does not count', () => {
  const peer = member();
  peer.hear(origin, route(at(0.795)));
  const [first] = peer.env.takeOf('route');
  peer.hear(near[0] as Contact, { type: 'hopAck', hop: first?.message.hop as number });
  peer.env.advance(peer.options.initialTimeoutMs);
  assert.equal(peer.env.takeOf('route').length, 1);
});

test('INV-ROUTE-1: while the owner is in doubt a route is held, and released to it when it answers', () => {
  const peer = member();
  const owner = near[5] as Contact;
  peer.node.onPeerUnreachable(owner);
  const [asked] = peer.env.takeOf('probe');
  peer.hear(origin, route(at(0.515)));
  assert.equal(peer.env.takeOf('route').length, 0);
  assert.equal(peer.node.router.routesHeld, 1);
  peer.hear(owner, { type: 'probeReply', op: asked?.message.op as number, vitals: vitalsOf(), leafset: [] });
  peer.env.advance(1);
  // Hearing it may come before the doubt ends; the next sign of life releases the route.
  peer.hear(owner, { type: 'heartbeat', vitals: vitalsOf(), announcement: false });
  assert.deepEqual(peer.env.takeOf('route').map(({ to }) => to.peerId), [owner.peerId]);
  assert.equal(peer.node.router.routesHeld, 0);
});

test('INV-ROUTE-1: a held route goes to the next in line only once the owner is dead', () => {
  const peer = member();
  const owner = near[5] as Contact;
  peer.node.onPeerUnreachable(owner);
  peer.hear(origin, route(at(0.515)));
  peer.env.take();
  peer.advanceAnswering(12_000, near.filter((other) => other !== owner));
  assert.ok(!peer.isNeighbour(owner));
  const routes = peer.log.filter(({ message }) => message.type === 'route' && message.op === 77);
  assert.deepEqual(routes.map(({ to }) => to.peerId), ['peer-0.53']);
});

test('routes held beyond the maximum are dropped, the oldest first, and counted', () => {
  const peer = member({ routesHeldMax: 3 });
  peer.node.onPeerUnreachable(near[5] as Contact);
  for (let op = 0; op < 5; op++) peer.hear(origin, route(at(0.515), { op, hop: op }));
  assert.equal(peer.node.router.routesHeld, 3);
  assert.equal(peer.env.factsOf('route-dropped').length, 2);
});

test('INV-ROUTE-2: a route that has taken too many hops is dropped and counted, still acknowledged', () => {
  const peer = member({ hopsMax: 10 });
  peer.hear(origin, route(at(0.8), { hops: 10 }));
  assert.deepEqual(peer.env.take().map(({ message }) => message.type), ['hopAck']);
  assert.deepEqual(peer.env.factsOf('route-dropped').map(({ reason }) => reason), ['too many hops']);
});

test('INV-ROUTE-2: a lookup without an answer is tried again over another first hop, and fails after the last attempt, once', () => {
  const peer = member({ lookupAttempts: 3, lookupRetryMs: 4_000 });
  const ends: string[] = [];
  peer.node.lookup(at(0.795), () => ends.push('done'), () => ends.push(`failed at ${peer.env.now()}`));
  const firsts: (string | undefined)[] = [];
  const begin = peer.env.now();
  for (let attempt = 0; attempt < 3; attempt++) {
    const [first] = peer.env.takeOf('route');
    assert.ok(first);
    firsts.push(first.to.peerId);
    // It is acknowledged, so that it is no hop that is silent, but somebody further on.
    peer.hear(first.to, { type: 'hopAck', hop: first.message.hop });
    peer.env.advance(4_000);
  }
  assert.equal(new Set(firsts).size, 3, firsts.join());
  assert.deepEqual(ends, [`failed at ${begin + 12_000}`]);
  peer.env.advance(60_000);
  assert.equal(ends.length, 1);
});

test('INV-ROUTE-2: an answer ends a lookup; a second answer, and one to a lookup never begun, end nothing', () => {
  const peer = member();
  const owners: string[] = [];
  const op = peer.node.lookup(at(0.795), ({ owner, hops }) => owners.push(`${owner.peerId} ${hops}`), () => owners.push('failed'));
  const reply = { type: 'routeReply', op, hops: 3, vitals: vitalsOf(), leafset: [] } as const;
  peer.hear(peerAt(0.8), reply);
  peer.hear(peerAt(0.9), reply);
  peer.hear(peerAt(0.9), { ...reply, op: op + 1 });
  peer.env.advance(60_000);
  assert.deepEqual(owners, ['peer-0.8 3']);
});

test('a lookup of what we own ourselves is answered at once, without a message', () => {
  const peer = member();
  const owners: string[] = [];
  peer.node.lookup(at(0.495), ({ owner, hops }) => owners.push(`${owner.peerId} ${hops}`), () => owners.push('failed'));
  assert.deepEqual(owners, ['peer-0.5 0']);
  assert.equal(peer.env.take().length, 0);
});

test('INV-ROUTE-2: more lookups than the maximum are refused at once', () => {
  const peer = member({ operationsMax: 2 });
  const ends: string[] = [];
  for (let i = 0; i < 3; i++) peer.node.lookup(at(0.8), () => ends.push('done'), (reason) => ends.push(reason));
  assert.deepEqual(ends, ['too many lookups in progress']);
});

test('a seek is delivered to who would own the place without the seeker, with the neighbours there', () => {
  const peer = member();
  const joiner = peerAt(0.495);
  peer.hear(near[0] as Contact, route(joiner.position, { purpose: PURPOSE.seek, origin: joiner }));
  const [reply] = peer.env.takeOf('routeReply');
  assert.equal(reply?.to.peerId, joiner.peerId);
  assert.equal(reply?.message.leafset.length, near.length);
  assert.equal(peer.env.factsOf('lookup-delivered').length, 0);
});
