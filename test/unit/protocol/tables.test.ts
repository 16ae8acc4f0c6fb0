/**
 * The four routing tables ([0037], [0044]): a next hop is strictly nearer by the table's own measure, what is forgotten
 * is gone, and the torus of `can` is the circle seen in d dimensions.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Contact } from '../../../src/core/contact.ts';
import type { Position } from '../../../src/core/position.ts';
import { CIRCLE, circleDistance, clockwise, positionFromLead, sharedDigits } from '../../../src/core/position.ts';
import { randomFrom } from '../../../src/core/random.ts';
import { Leafset } from '../../../src/protocol/ring/leafset.ts';
import { Can } from '../../../src/protocol/routing/can.ts';
import { Chord } from '../../../src/protocol/routing/chord.ts';
import { LeafsetOnly } from '../../../src/protocol/routing/leafset-only.ts';
import type { Box } from '../../../src/protocol/routing/morton.ts';
import { abut, acrossFace, boxAt, boxesOf, distanceTo, leadOf, pointOf } from '../../../src/protocol/routing/morton.ts';
import { Pastry } from '../../../src/protocol/routing/pastry.ts';
import type { Strategy } from '../../../src/protocol/routing/strategy.ts';
import { ALL_WELCOME } from '../../../src/protocol/routing/strategy.ts';
import { WHOLE_TABLE } from '../../../src/protocol/wire/messages.ts';
import { position } from './arbitraries.ts';

const never = (): boolean => false;
const lead = fc.oneof(fc.constantFrom(0, 1, CIRCLE / 2 - 1, CIRCLE / 2, CIRCLE - 1), fc.maxSafeNat().map((n) => n % CIRCLE));
const dimensions = fc.integer({ min: 1, max: 5 });

function peerOf(place: Position, i: number): Contact {
  return { peerId: `p${i}`, position: place, addresses: [], name: '', incarnation: 1 };
}

/** Asks, and stands in no table. */
const nobody = peerOf(positionFromLead(7), -1);

function pastryAt(place: Position, leafset = new Leafset(peerOf(place, 0), 8)): Pastry {
  return new Pastry(place, leafset);
}

/** The leafset of one of these members, all of it measured to be 10 ms away. */
function neighboursOf(members: readonly Contact[], radius: number, self = 0): Leafset {
  const leafset = new Leafset(members[self] as Contact, radius);
  for (const peer of members) {
    const member = peer === members[self] ? undefined : leafset.insert(peer, 0);
    if (member) member.rttUs = 10_000;
  }
  return leafset;
}

/** Distinct peers in order round the circle; the first is self. Each one's zone starts at the one before. */
const ring = fc.uniqueArray(position, { minLength: 2, maxLength: 40, size: 'max', selector: ({ lead: l }) => l }).map((places) => places.toSorted((a, b) => a.lead - b.lead).map(peerOf));

type Making = (members: readonly Contact[]) => Strategy;
const makers: readonly [string, Making][] = [
  ['leafset', () => new LeafsetOnly()],
  ['chord', ([self]) => new Chord((self as Contact).position)],
  ['pastry', ([self]) => pastryAt((self as Contact).position)],
  ['can', (members) => new Can((members[0] as Contact).position, 2, () => (members.at(-1) as Contact).position)],
];

function taught(make: Making, members: readonly Contact[]): Strategy {
  const strategy = make(members);
  members.forEach((peer, i) => {
    // All equally near, and measured: what was never measured may be kept from others.
    if (i > 0) strategy.learn(peer, { zoneStart: (members[i - 1] as Contact).position, rttMs: 10 });
  });
  return strategy;
}

for (const [name, make] of makers) {
  test(`${name}: the table holds each peer once, and its views agree with one another`, () => {
    fc.assert(fc.property(ring, (members) => {
      const strategy = taught(make, members);
      const ids = strategy.entries().map(({ contact }) => contact.peerId);
      assert.equal(new Set(ids).size, ids.length);
      assert.equal(strategy.size, ids.length);
      assert.deepEqual(strategy.part(WHOLE_TABLE, ALL_WELCOME, nobody).map(({ contact }) => contact.peerId), ids);
      const drawn = strategy.randomEntry(randomFrom(1))?.contact.peerId;
      assert.equal(drawn === undefined, ids.length === 0);
      assert.ok(drawn === undefined || ids.includes(drawn));
      const asked = new Set(ids.map(() => {
        const next = strategy.nextToAsk()?.hop.contact as Contact;
        strategy.learn(next, { rttMs: 10, zoneStart: strategy.find(next.position)?.zoneStart });
        return next.peerId;
      }));
      assert.deepEqual([...asked].toSorted(), ids.toSorted(), 'when all answer, each is asked in as many turns as there are');
    }), { numRuns: 60 });
  });

  test(`${name}: a forgotten peer is in no entry and is no next hop; learnt again it is back`, () => {
    fc.assert(fc.property(ring, fc.nat(1_000), (members, pick) => {
      const strategy = taught(make, members);
      const entries = strategy.entries();
      const gone = entries[pick % entries.length]?.contact;
      if (!gone) return;
      strategy.forget(gone);
      assert.ok(!strategy.entries().some(({ contact }) => contact.peerId === gone.peerId));
      for (const peer of members) assert.notEqual(strategy.nextHop(peer.position, never)?.contact.peerId, gone.peerId);
      const place = members.indexOf(gone);
      strategy.learn(gone, { zoneStart: (members[place - 1] as Contact).position, rttMs: 10 });
      assert.ok(strategy.entries().some(({ contact }) => contact.peerId === gone.peerId));
    }), { numRuns: 60 });
  });

  test(`${name}: whom the caller skips is never the next hop, and skipping all leaves none`, () => {
    fc.assert(fc.property(ring, position, (members, key) => {
      const strategy = taught(make, members);
      const first = strategy.nextHop(key, never)?.contact;
      assert.notEqual(strategy.nextHop(key, (peer) => peer === first)?.contact ?? null, first);
      assert.equal(strategy.nextHop(key, () => true), undefined);
    }), { numRuns: 60 });
  });
}

test('chord: [0037] the next hop is the finger that goes furthest without reaching the key', () => {
  fc.assert(fc.property(ring, position, (members, key) => {
    const chord = taught((m) => new Chord((m[0] as Contact).position), members);
    const self = (members[0] as Contact).position.lead;
    const goal = clockwise(self, key.lead);
    const hop = chord.nextHop(key, never);
    const distances = chord.entries().map(({ contact }) => clockwise(self, contact.position.lead)).filter((distance) => distance < goal);
    assert.equal(hop ? clockwise(self, hop.contact.position.lead) : -Infinity, Math.max(...distances));
  }));
});

test('chord: [0037] finger i is the first peer at least 2^i further, whatever the order in which peers were met', () => {
  fc.assert(fc.property(ring, fc.nat(), (members, seed) => {
    const self = (members[0] as Contact).position.lead;
    const others = members.slice(1);
    const model = new Set<string>();
    for (let bit = 20; bit < 52; bit++) {
      const reached = others.filter((peer) => clockwise(self, peer.position.lead) >= 2 ** bit);
      const finger = reached.toSorted((a, b) => clockwise(self, a.position.lead) - clockwise(self, b.position.lead))[0];
      if (finger) model.add(finger.peerId);
    }
    const chord = new Chord((members[0] as Contact).position);
    const random = randomFrom(seed);
    for (const peer of others.toSorted(() => random.unit() - 0.5)) chord.learn(peer, {});
    assert.deepEqual(chord.entries().map(({ contact }) => contact.peerId).toSorted(), [...model].toSorted());
  }));
});

test('pastry: the next hop shares more digits with the key, or as many and is nearer to it on the circle', () => {
  fc.assert(fc.property(ring, position, fc.integer({ min: 1, max: 8 }), (members, key, radius) => {
    const self = (members[0] as Contact).position;
    const hop = taught((m) => pastryAt(self, neighboursOf(m, radius)), members).nextHop(key, never);
    if (!hop) return;
    const own = sharedDigits(self, key);
    const theirs = sharedDigits(hop.contact.position, key);
    const nearer = circleDistance(hop.contact.position.lead, key.lead) < circleDistance(self.lead, key.lead);
    assert.ok(theirs > own || (theirs === own && nearer), `${own} digits here, ${theirs} there`);
  }), { numRuns: 400 });
});

test('pastry: of those whose leafset should reach the key the nearest is the next hop, in whatever slot or leafset it stands', () => {
  // 256 peers, evenly: five gaps are 5/256 of the circle, and a slot of row 0 is 16 of them wide.
  const at = (place: number): Contact => peerOf(positionFromLead((place * CIRCLE) / 256), place);
  const ringOf256 = Array.from({ length: 256 }, (_, place) => at(place));
  const key = positionFromLead(33 * (CIRCLE / 256));
  const hopOf = (ways: readonly (readonly [place: number, rttMs: number])[], leafset = neighboursOf(ringOf256, 8)): number | undefined => {
    const pastry = pastryAt(at(0).position, leafset);
    for (const [place, rttMs] of ways) pastry.learn(at(place), { rttMs });
    const contact = pastry.nextHop(key, never)?.contact;
    return contact && Math.round((contact.position.lead / CIRCLE) * 256);
  };
  assert.equal(hopOf([[30, 50], [36, 100]]), 30, 'another slot will do');
  assert.equal(hopOf([[30, 100], [36, 50]]), 36, 'the slot of the key, if it is nearer');
  assert.equal(hopOf([[27, 50], [36, 100]]), 36, 'six gaps are too many to be sure');
  assert.equal(hopOf([[28, 50], [40, 100]]), 28, 'five are not, and save a hop');
  assert.equal(hopOf([[27, 50], [40, 100]]), 40, 'the prefix decides when nobody reaches');
  const beside = neighboursOf(ringOf256, 8, 24);
  const fromBeside = (rttMs: number): number | undefined => {
    for (const member of beside.right) member.rttUs = 1_000 * (member.contact.peerId === 'p30' ? rttMs : 200);
    const pastry = pastryAt(at(24).position, beside);
    pastry.learn(at(36), { rttMs: 100 });
    return Number(pastry.nextHop(key, never)?.contact.peerId.slice(1));
  };
  assert.equal(fromBeside(50), 30, 'a neighbour on the way');
  assert.equal(fromBeside(150), 36, 'but not one that is farther');
});

/** Peers of one slot, seen from a peer at position 0. */
const slotPeer = (i: number): Contact => peerOf(positionFromLead(CIRCLE / 2 + i), i);
const COLUMNS = 16;
const fromZero = (): Pastry => pastryAt(positionFromLead(0));
const holderOf = (pastry: Pastry): string | undefined => pastry.entries()[0]?.contact.peerId;

test('pastry: of several for one slot the one measured to be nearest holds it; small differences do not count', () => {
  const pastry = fromZero();
  pastry.learn(slotPeer(1), { rttMs: 100 });
  pastry.learn(slotPeer(2), { rttMs: 150 });
  assert.equal(holderOf(pastry), 'p1');
  pastry.learn(slotPeer(3), { rttMs: 20 });
  assert.equal(holderOf(pastry), 'p3');
  pastry.learn(slotPeer(4), { rttMs: 19 });
  assert.equal(holderOf(pastry), 'p3', 'a little nearer is noise');
  assert.equal(pastry.size, 1);
});

test('pastry: who is nearer for certain, by the way over the teller, takes the slot unmeasured, and is not told to others', () => {
  const pastry = fromZero();
  pastry.learn(slotPeer(1), { rttMs: 100 });
  pastry.learn(slotPeer(2), { atMostMs: 95, atLeastMs: 90 });
  assert.equal(holderOf(pastry), 'p1', 'no gain worth a change');
  pastry.learn(slotPeer(2), { atMostMs: 60, atLeastMs: 10 });
  assert.equal(holderOf(pastry), 'p2');
  assert.equal(pastry.entries()[0]?.rttMs, 60, 'time-outs rely on the bound');
  assert.deepEqual(pastry.part(WHOLE_TABLE, ALL_WELCOME, nobody), []);
  pastry.learn(slotPeer(3), {});
  assert.equal(holderOf(pastry), 'p2', 'nothing is known by a bare name');
  pastry.learn(slotPeer(2), { rttMs: 40.2 });
  assert.deepEqual(pastry.part(0, ALL_WELCOME, nobody).map(({ contact, tellerRttMs }) => [contact.peerId, tellerRttMs]), [['p2', 41]]);
});

/** In that column of the first row, in that public network; 0: in none. */
function fromNetwork(column: number, network: number, i: number): Contact {
  return { ...peerOf(positionFromLead((column * CIRCLE) / 16 + i), i), addresses: network === 0 ? ['/ip4/192.168.0.1/tcp/1'] : [`/ip4/8.8.${network}.${i}/tcp/1`] };
}

test('pastry: of one public network a row keeps two entries once others are met, however near the rest are, and no slot stays empty for it', () => {
  const pastry = fromZero();
  for (const column of [1, 2, 3, 4]) pastry.learn(fromNetwork(column, 1, column), { rttMs: 10 });
  assert.equal(pastry.size, 4);
  pastry.learn(fromNetwork(4, 2, 14), { atMostMs: 400, atLeastMs: 300 });
  assert.equal(pastry.nextToTry()?.hop.contact.peerId, 'p14', 'somebody from elsewhere is tried although it is farther');
  pastry.learn(fromNetwork(4, 2, 14), { rttMs: 300 });
  pastry.learn(fromNetwork(3, 0, 13), { rttMs: 300 });
  const held = (): (string | undefined)[] => pastry.entries().map(({ contact }) => contact.peerId);
  assert.deepEqual(held(), ['p1', 'p2', 'p13', 'p14']);
  pastry.learn(fromNetwork(4, 1, 24), { rttMs: 1 });
  pastry.learn(fromNetwork(3, 1, 23), { atMostMs: 1 });
  assert.deepEqual(held(), ['p1', 'p2', 'p13', 'p14']);
  pastry.learn(fromNetwork(2, 1, 22), { rttMs: 1 });
  assert.deepEqual(held(), ['p1', 'p22', 'p13', 'p14'], 'in the place of one of the two the nearest counts');
  for (const column of [5, 6, 7]) pastry.learn(fromNetwork(column, 0, column), { rttMs: 10 });
  assert.equal(pastry.size, 7, 'local addresses know no limit');
});

test('pastry: who may be much nearer is tried once, the greatest possible gain first', () => {
  const pastry = fromZero();
  pastry.learn(slotPeer(1), { rttMs: 100 });
  for (const [i, atLeastMs] of [[2, 40], [3, 5], [4, 60], [5, 20]] as const) pastry.learn(slotPeer(i), { atMostMs: 300, atLeastMs });
  assert.equal(holderOf(pastry), 'p1', 'a chance alone does not give the slot');
  assert.deepEqual([1, 2, 3, 4].map(() => pastry.nextToTry()?.hop.contact.peerId), ['p3', 'p5', 'p2', undefined], '60 is too little to gain');
  pastry.learn(slotPeer(3), { atMostMs: 300, atLeastMs: 5 });
  assert.equal(pastry.nextToTry(), undefined, 'tried already');
});

test('pastry: only those are told that may serve the asker better than its own', () => {
  const asker = peerOf(positionFromLead(1), 90);
  const teller = fromZero();
  const own = pastryAt(asker.position);
  const at = (column: number): Position => positionFromLead((column * CIRCLE) / COLUMNS);
  const ways = [[1, 100, 40], [2, 100, 95], [3, 100, 70], [4, 100, 75], [5, 100, 80], [6, 100, 200]] as const;
  for (const [column, ownMs, tellerMs] of ways) {
    own.learn(peerOf(at(column), column), { rttMs: ownMs });
    teller.learn(peerOf(at(column), 10 + column), { rttMs: tellerMs });
  }
  for (const column of [7, 8]) teller.learn(peerOf(at(column), 10 + column), { rttMs: 500 });
  own.learn(peerOf(at(8), 8), {});
  const told = (rttMs: number): string[] => teller.part(0, { reach: own.reach(0), rttMs }, asker).map(({ contact }) => contact.peerId);
  assert.deepEqual(told(45), ['p11', 'p17', 'p18', 'p13', 'p14'], 'nearer for certain, unknown, or the two best chances');
  assert.deepEqual(told(1_000), ['p17', 'p18'], 'from far away nothing known is nearer');
  assert.deepEqual(told(0), ['p11', 'p13', 'p14', 'p15', 'p17', 'p18'], 'who was never measured is taken to stand beside us');
  assert.equal(teller.part(0, ALL_WELCOME, asker).length, ways.length + 2, 'whoever wishes nothing is told all');
  const standsThere = peerOf(at(3), 13);
  assert.ok(!teller.part(0, ALL_WELCOME, standsThere).some(({ contact }) => contact.peerId === 'p13'), 'nobody is told of itself');
});

test('pastry: entries are asked nearest first, each for the rows that both can use, and then again', () => {
  const pastry = fromZero();
  const far = peerOf(positionFromLead(CIRCLE / 2), 1);
  const near = peerOf(positionFromLead(CIRCLE / 16 ** 2), 2);
  pastry.learn(far, { rttMs: 200 });
  pastry.learn(near, { rttMs: 10 });
  const unheard = peerOf(positionFromLead(CIRCLE / 4), 3);
  pastry.learn(unheard, {});
  assert.deepEqual(pastry.nextToAsk()?.hop.contact.peerId, 'p3', 'the measured ones have just answered');
  pastry.learn(unheard, { rttMs: 100 });
  const order: [string, number][] = [];
  for (let i = 0; i < 3; i++) {
    const next = pastry.nextToAsk();
    assert.ok(next);
    order.push([next.hop.contact.peerId, next.part]);
    pastry.learn(next.hop.contact, { rttMs: next.hop.rttMs ?? 0 });
  }
  assert.deepEqual(order, [['p2', 1], ['p3', 0], ['p1', 0]]);
});

test('can: the next hop\'s zone is strictly nearer to the key\'s point than our own', () => {
  fc.assert(fc.property(ring, position, (members, key) => {
    const can = taught(makers[3]?.[1] as Making, members);
    const hop = can.nextHop(key, never);
    if (!hop) return;
    const point = pointOf(key.lead, 2);
    const own = boxesOf((members.at(-1) as Contact).position.lead, (members[0] as Contact).position.lead, 2);
    const theirs = boxesOf(hop.zoneStart?.lead as number, hop.contact.position.lead, 2);
    assert.ok(distanceTo(theirs, point) < distanceTo(own, point));
  }));
});

test('can: neighbours are those whose zones share a face with ours; a peer without a zone is none', () => {
  fc.assert(fc.property(ring, (members) => {
    const can = taught(makers[3]?.[1] as Making, members);
    const zone = (i: number): Box[] => boxesOf((members.at(i - 1) as Contact).position.lead, (members[i] as Contact).position.lead, 2);
    const model = members.slice(1).filter((_, i) => abut(zone(i + 1), zone(0))).map(({ peerId }) => peerId);
    assert.deepEqual(can.entries().map(({ contact }) => contact.peerId), model);
    const size = can.size;
    can.learn(peerOf(positionFromLead(5), 99), {});
    assert.equal(can.size, size);
  }), { numRuns: 50 });
});

test('can: a neighbour that states a zone elsewhere is let go', () => {
  const at = (share: number): Position => positionFromLead(share * CIRCLE);
  const can = new Can(at(0.125), 2, () => at(0));
  const peer = peerOf(at(0.25), 1);
  can.learn(peer, { zoneStart: at(0.125) });
  assert.equal(can.size, 1);
  const corner = { ...peer, position: at(0.8125) };
  can.learn(corner, { zoneStart: at(0.8124) });
  assert.equal(can.size, abut(boxesOf(at(0.8124).lead, at(0.8125).lead, 2), boxesOf(0, at(0.125).lead, 2)) ? 1 : 0);
});

test('morton: a lead and its point are two forms of one thing, in 1 to 5 dimensions', () => {
  fc.assert(fc.property(lead, dimensions, (at, d) => {
    const point = pointOf(at, d);
    assert.equal(point.length, d);
    assert.ok(point.every((x) => x >= 0 && x < 1));
    assert.equal(leadOf(point), at);
  }));
});

test('morton: the boxes of a zone are disjoint, lie in it, and tile it but for slivers too small to aim at', () => {
  fc.assert(fc.property(lead, lead, dimensions, (start, end, d) => {
    const boxes = boxesOf(start, end, d);
    const length = clockwise(start, end) || CIRCLE;
    const covered = boxes.map((box) => ({ from: clockwise(start, box.start) || CIRCLE, length: box.length })).toSorted((a, b) => a.from - b.from);
    let free = 1;
    for (const box of covered) {
      assert.ok(box.from >= free, 'disjoint');
      free = box.from + box.length;
    }
    assert.ok(free <= length + 1, 'inside the zone');
    const total = covered.reduce((sum, box) => sum + box.length, 0);
    if (boxes.length < 12) assert.equal(total, length, 'all of it');
    else assert.ok(total > length * 0.7, 'nearly all of it');
  }));
});

test('morton: a box is where its leads are, and its volume is their share of the circle', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 52 }), lead, fc.nat(), dimensions, (bits, at, inside, d) => {
    const length = 2 ** bits;
    const start = Math.floor(at / length) * length;
    const box = boxAt(start, length, d);
    assert.equal(box.side.reduce((volume, side) => volume * side, 1), length / CIRCLE);
    assert.equal(distanceTo([box], pointOf(start + (inside % length), d)), 0);
  }));
});

test('morton: going across a face and back comes home, and the two boxes abut, seen from either side', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 50 }), lead, dimensions, fc.nat(4), fc.constantFrom(1, -1), (bits, at, d, k, direction) => {
    const length = 2 ** bits;
    const box = boxAt(Math.floor(at / length) * length, length, d);
    const across = acrossFace(box, k % d, direction);
    assert.equal(acrossFace(across, k % d, -direction).start, box.start);
    assert.ok(abut([box], [across]) && abut([across], [box]));
  }));
});

test('morton: boxes that meet in a corner share no face, boxes that meet in an edge do', () => {
  const cell = (x: number, y: number): Box[] => [boxAt(leadOf([x / 4, y / 4]), CIRCLE / 16, 2)];
  assert.equal(abut(cell(0, 0), cell(1, 0)), true);
  assert.equal(abut(cell(0, 0), cell(0, 3)), true, 'across the end of the torus');
  assert.equal(abut(cell(0, 0), cell(1, 1)), false);
  assert.equal(abut(cell(0, 0), cell(3, 3)), false);
  assert.equal(abut(cell(0, 0), cell(2, 0)), false);
});

test('morton: abut is symmetric for any two zones', () => {
  fc.assert(fc.property(lead, lead, lead, lead, dimensions, (a, b, c, e, d) => {
    const one = boxesOf(a, b, d);
    const two = boxesOf(c, e, d);
    assert.equal(abut(one, two), abut(two, one));
  }));
});
