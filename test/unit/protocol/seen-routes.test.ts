/**
 * Copies of a route are sent on once; the origin's own repetitions are not copies.
 *
 * The reply to the first attempt may have been lost, so whoever has seen the route must answer the next attempt again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PURPOSE } from '../../../src/protocol/wire/messages.ts';
import { LonePeer } from './lone-peer.ts';
import { at, peerAt } from './recording-env.ts';

for (const lookupRetryMs of [4_000, 2_000]) for (const quiet of [0, 3_000]) test(`INV-ROUTE-2: the origin's repetition after ${lookupRetryMs} ms is answered again (${quiet})`, () => {
  const peer = LonePeer.member([peerAt(0.4), peerAt(0.6)], { lookupRetryMs });
  const route = { type: 'route', op: 77, hop: 5, purpose: PURPOSE.lookup, key: at(0.45), origin: peerAt(0.9), hops: 1, byRing: false, attempt: 1 } as const;
  peer.env.advance(quiet);
  peer.hear(peerAt(0.4), route);
  assert.equal(peer.env.takeOf('routeReply').length, 1);
  peer.env.advance(lookupRetryMs);
  peer.env.take();
  peer.hear(peerAt(0.4), { ...route, hop: 6, attempt: 2 });
  assert.equal(peer.env.takeOf('routeReply').length, 1);
});

test('INV-ROUTE-2: a copy of the same attempt is acknowledged and goes no further', () => {
  const peer = LonePeer.member([peerAt(0.4), peerAt(0.6)]);
  const route = { type: 'route', op: 77, hop: 5, purpose: PURPOSE.lookup, key: at(0.45), origin: peerAt(0.9), hops: 1, byRing: false, attempt: 1 } as const;
  peer.hear(peerAt(0.4), route);
  peer.env.take();
  peer.hear(peerAt(0.6), { ...route, hop: 9 });
  assert.deepEqual(peer.env.take().map(({ message }) => message.type), ['hopAck']);
});
