/** The ring as shown: zones follow from who stands before whom, and the size is exact or a fair estimate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Contact } from '../../../src/core/contact.ts';
import { CIRCLE, positionFromLead } from '../../../src/core/position.ts';
import { estimatedSize } from '../../../src/daemon/ring-view.ts';
import { Leafset } from '../../../src/protocol/ring/leafset.ts';

const peerAt = (share: number): Contact => ({
  peerId: `peer-${share}`,
  position: positionFromLead(Math.floor(share * CIRCLE)),
  addresses: [],
  name: '',
  incarnation: 1,
});

function leafsetOf(peers: number, radius: number): Leafset {
  const leafset = new Leafset(peerAt(0), radius);
  for (let i = 1; i < peers; i++) leafset.insert(peerAt(i / peers), 0);
  return leafset;
}

test('while all members are neighbours the size is their number', () => {
  for (const peers of [1, 2, 3, 9, 16]) assert.equal(estimatedSize(leafsetOf(peers, 8)), peers);
});

test('beyond that it follows from how densely neighbours sit', () => {
  for (const peers of [100, 1_000]) assert.equal(estimatedSize(leafsetOf(peers, 8)), peers);
});
