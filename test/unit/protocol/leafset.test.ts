/**
 * The leafset against brute force over everybody it ever met: sides, owners, coverage, digests ([0043], INV-RING-3).
 *
 * Where peers stand evenly, or the ring is small, the sides are exactly the r nearest. Where they cluster, a side may
 * decline peers from beyond the far side of the circle, so there the model speaks of the near half only.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Contact } from '../../../src/core/contact.ts';
import { compareContacts } from '../../../src/core/contact.ts';
import type { Position } from '../../../src/core/position.ts';
import { circleDistance, compareClockwise, inArc, positionFromLead } from '../../../src/core/position.ts';
import type { Neighbour } from '../../../src/protocol/ring/leafset.ts';
import { Leafset } from '../../../src/protocol/ring/leafset.ts';
import { closePosition, position } from './arbitraries.ts';
import { at, peerAt } from './recording-env.ts';

const RADIUS = 4;
/** A little less than half the circle: the leafset measures by leads, which are coarser. */
const HALF = 2n ** 159n - 2n ** 109n;
const names = (side: readonly Neighbour[]): string[] => side.map(({ contact }) => contact.peerId);

function peerOf(place: Position, peerId: string): Contact {
  return { peerId, position: place, addresses: [], name: '', incarnation: 1 };
}

/** Peers at distinct positions, self first. */
function peersAt(positions: readonly Position[]): [Contact, ...Contact[]] {
  const distinct = [...new Map(positions.map((p) => [p.hex, p])).values()];
  return distinct.map((p, i) => peerOf(p, `p${i}`)) as [Contact, ...Contact[]];
}

function walk(self: Contact, others: readonly Contact[], clockwiseWay: boolean): Contact[] {
  const order = others.toSorted((a, b) => compareClockwise(self.position, a.position, b.position) || compareContacts(a, b));
  return clockwiseWay ? order : order.toReversed();
}

function filled(self: Contact, others: readonly Contact[], radius = RADIUS): Leafset {
  const leafset = new Leafset(self, radius);
  for (const peer of others) leafset.insert(peer, 0);
  return leafset;
}

/** Self and up to five radii of others, about evenly round the circle, in random order. */
const evenRing = fc.tuple(fc.integer({ min: 1, max: 5 * RADIUS }), fc.nat(1_000)).chain(([count, turn]) => {
  const jitter = fc.array(fc.nat(300), { minLength: count, maxLength: count });
  return jitter.chain((offsets) => {
    const positions = offsets.map((offset, i) => at((((i * 1_000 + offset) / (count * 1_000)) + turn / 1_000) % 1));
    return fc.shuffledSubarray(peersAt(positions), { minLength: count, maxLength: count });
  });
}) as fc.Arbitrary<[Contact, ...Contact[]]>;

const anyRing = fc.array(fc.oneof(position, closePosition), { minLength: 1, maxLength: 24, size: 'max' }).map(peersAt);

test('INV-RING-3: each side holds exactly the r nearest, nearest first, also in rings smaller than 2r', () => {
  fc.assert(fc.property(evenRing, ([self, ...others]) => {
    const leafset = filled(self, others);
    assert.deepEqual(names(leafset.right), walk(self, others, true).slice(0, RADIUS).map(({ peerId }) => peerId));
    assert.deepEqual(names(leafset.left), walk(self, others, false).slice(0, RADIUS).map(({ peerId }) => peerId));
    assert.equal(leafset.isEmpty, others.length === 0);
    assert.equal(leafset.wrapsAround, others.length < 2 * RADIUS);
    if (others.length < 2 * RADIUS) assert.equal(leafset.sizeEstimate, others.length + 1);
  }));
});

test('INV-RING-3: wherever peers stand, the near half of a side is complete, in order, and never longer than r', () => {
  fc.assert(fc.property(anyRing, ([self, ...others]) => {
    const leafset = filled(self, others);
    for (const way of [true, false]) {
      const side = way ? leafset.right : leafset.left;
      const isNear = ({ position: p }: Contact): boolean => {
        const ahead = BigInt(`0x${p.hex}`) - BigInt(`0x${self.position.hex}`);
        return BigInt.asUintN(160, way ? ahead : -ahead) < HALF;
      };
      const near = walk(self, others, way).filter(isNear).slice(0, RADIUS).map(({ peerId }) => peerId);
      assert.ok(side.length <= RADIUS);
      assert.deepEqual(names(side), walk(self, side.map(({ contact }) => contact), way).map(({ peerId }) => peerId));
      assert.deepEqual(near.filter((peerId) => !names(side).includes(peerId)), []);
    }
    assert.equal(new Set(names(leafset.members())).size, leafset.members().length);
  }));
});

test('peers with equal leads are ordered by their further digits, and each is found as itself', () => {
  const self = peerOf(positionFromLead(77, '5'), 'self');
  const [a, b, c] = ['6', '7', '4'].map((tail) => peerOf(positionFromLead(77, tail), `p${tail}`)) as [Contact, Contact, Contact];
  const leafset = filled(self, [c, b, a]);
  assert.deepEqual(names(leafset.right), ['p6', 'p7', 'p4']);
  assert.deepEqual(names(leafset.left), ['p4', 'p7', 'p6']);
  for (const peer of [a, b, c]) assert.equal(leafset.find(peer)?.contact, peer);
  assert.equal(leafset.ownerOf(positionFromLead(77, '55'))?.contact, a);
  assert.equal(leafset.ownerOf(positionFromLead(77, '41')), undefined, 'between p4 and self: our own');
  assert.equal(leafset.find(peerOf(a.position, 'somebody else')), undefined);
});

test('[0043] ownerOf is the first at or after the key, self included; joiners and skipped peers own nothing', () => {
  fc.assert(fc.property(anyRing, fc.oneof(position, closePosition), fc.nat(255), ([self, ...others], key, mask) => {
    const leafset = filled(self, others);
    const members = leafset.members();
    members.forEach((member, i) => {
      member.joining = (mask & (1 << i)) !== 0;
    });
    const skipped = members[0]?.contact;
    const owning = [self, ...members.filter(({ joining }) => !joining).map(({ contact }) => contact)].filter((peer) => peer !== skipped);
    // The owner's zone (its predecessor, itself] holds the key.
    const ordered = owning.toSorted(compareContacts);
    const expected = ordered.find((peer, i) => inArc(key, (ordered.at(i - 1) as Contact).position, peer.position));
    assert.equal(leafset.ownerOf(key, (peer) => peer === skipped)?.contact, expected === self ? undefined : expected);
  }));
});

test('[0043] covers says whether the owner must be known here: between the farthest members, or all in a small ring', () => {
  fc.assert(fc.property(evenRing, position, ([self, ...others], key) => {
    const leafset = filled(self, others);
    const first = leafset.left.at(-1);
    const last = leafset.right.at(-1);
    const model = others.length < 2 * RADIUS || inArc(key, (first as Neighbour).contact.position, (last as Neighbour).contact.position);
    assert.equal(leafset.covers(key), model);
    if (!model) return;
    const ordered = [self, ...others].toSorted(compareContacts);
    const owner = ordered.find(({ position: p }) => p.hex >= key.hex) ?? ordered[0];
    assert.equal(leafset.ownerOf(key)?.contact.peerId ?? self.peerId, owner?.peerId);
  }));
});

test('nearestTo is the member nearest to the key, and nobody unless it is nearer than self', () => {
  fc.assert(fc.property(anyRing, position, ([self, ...others], key) => {
    const leafset = filled(self, others);
    const own = circleDistance(self.position.lead, key.lead);
    const distances = leafset.contacts().map(({ position: p }) => circleDistance(p.lead, key.lead));
    const least = Math.min(...distances);
    const found = leafset.nearestTo(key);
    assert.equal(found ? circleDistance(found.contact.position.lead, key.lead) : undefined, least < own ? least : undefined);
    assert.equal(leafset.nearestTo(key, () => true), undefined);
  }));
});

test('fits says what insert does', () => {
  fc.assert(fc.property(anyRing, position, ([self, ...others], place) => {
    const leafset = filled(self, others);
    const newcomer = peerOf(place, 'newcomer');
    fc.pre(!others.some(({ position: p }) => p.hex === place.hex) && place.hex !== self.position.hex);
    assert.equal(leafset.fits(newcomer), leafset.insert(newcomer, 0) !== undefined);
  }));
});

test('a side that reaches a whole round to a peer with our own lead still takes in whoever is nearer', () => {
  const self = peerOf(positionFromLead(77, '5'), 'self');
  const behind = peerOf(positionFromLead(77, '4'), 'behind');
  const leafset = filled(self, [behind, ...[0.2, 0.4, 0.6].map((share) => peerAt(share))]);
  assert.deepEqual(names(leafset.right).at(-1), 'behind');
  assert.ok(leafset.fits(peerAt(0.1)));
});

test('the digest depends on who the members are and on their incarnations, not on the order in which they came', () => {
  fc.assert(fc.property(evenRing, fc.nat(100), ([self, ...others], pick) => {
    fc.pre(others.length > 0 && others.length <= RADIUS);
    const leafset = filled(self, others);
    assert.equal(leafset.digest, filled(self, others.toReversed()).digest);
    assert.notEqual(leafset.digest, 0, '0 means that nothing is known');
    const before = leafset.digest;
    const peer = others[pick % others.length] as Contact;
    leafset.insert({ ...peer, addresses: ['/ip4/1.2.3.4/tcp/1'] }, 5);
    assert.equal(leafset.digest, before, 'a new address is no new member');
    leafset.insert({ ...peer, incarnation: 2 }, 6);
    assert.notEqual(leafset.digest, before);
    leafset.remove(peer);
    assert.notEqual(leafset.digest, before);
    leafset.insert(peer, 7);
    assert.equal(leafset.digest, before);
  }));
});

test('a removed peer is gone from both sides, and the other side fills the gap', () => {
  fc.assert(fc.property(evenRing, fc.nat(100), ([self, ...others], pick) => {
    fc.pre(others.length > 0 && others.length < 2 * RADIUS);
    const leafset = filled(self, others);
    const gone = others[pick % others.length] as Contact;
    assert.equal(leafset.remove(gone), true);
    assert.equal(leafset.remove(gone), false);
    const rest = others.filter((peer) => peer !== gone);
    assert.deepEqual(names(leafset.right), walk(self, rest, true).slice(0, RADIUS).map(({ peerId }) => peerId));
    assert.deepEqual(names(leafset.left), walk(self, rest, false).slice(0, RADIUS).map(({ peerId }) => peerId));
    assert.equal(leafset.contacts().includes(gone), false);
  }));
});

test('an older incarnation never replaces a newer contact, and the list that messages carry is never changed itself', () => {
  const leafset = filled(peerAt(0.5), [peerAt(0.6, { incarnation: 3 })]);
  const told = leafset.contacts();
  leafset.insert(peerAt(0.6, { incarnation: 2, name: 'old' }), 1);
  assert.equal(leafset.find(peerAt(0.6))?.contact.incarnation, 3);
  leafset.insert(peerAt(0.6, { incarnation: 4 }), 1);
  leafset.insert(peerAt(0.7), 1);
  assert.deepEqual(told, [peerAt(0.6, { incarnation: 3 })]);
  assert.deepEqual(leafset.contacts().map(({ incarnation }) => incarnation), [4, 1]);
});

test('of several peers none is passed over that would stand in the leafset if all were inserted, and at most 2r are taken', () => {
  fc.assert(fc.property(evenRing, fc.nat(100), ([self, ...others], known) => {
    const inside = others.slice(0, known % (others.length + 1));
    const told = others.slice(inside.length);
    const after = filled(self, [...inside, ...told]);
    const best = filled(self, inside).bestOf(told);
    assert.ok(best.length <= Math.max(1, 2 * RADIUS));
    for (const peer of told) if (after.find(peer)) assert.ok(best.includes(peer), peer.peerId);
  }));
});
