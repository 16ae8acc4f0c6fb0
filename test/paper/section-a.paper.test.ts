/**
 * Section A of the patent, [0034]-[0044], sentence by sentence: each test is named after the sentence or step it holds the
 * code to, in its own words or nearly so. All on the simulator; sizes are small, because the sentences are about kinds.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compareContacts } from '../../src/core/contact.ts';
import type { Position } from '../../src/core/position.ts';
import { circleDistance, inArc } from '../../src/core/position.ts';
import type { StrategyName } from '../../src/protocol/options.ts';
import { protocolOptions } from '../../src/protocol/options.ts';
import { nearKey, randomKey } from '../../src/protocol/overlay/keys.ts';
import type { MessageType } from '../../src/protocol/wire/messages.ts';
import { ConstantLatency } from '../../src/sim/latency/latency-model.ts';
import { checkAllJoined, checkLeafsets, checkZones } from '../../src/sim/ring/check-ring.ts';
import { RingWorld } from '../../src/sim/ring/ring-world.ts';
import { SmallRing } from '../unit/protocol/small-ring.ts';

const PEERS = 16;
const MINUTE_MS = 60_000;

function worldOf(peers: number, strategy: StrategyName = 'pastry'): RingWorld {
  const ring = new RingWorld({ seed: 3, latency: new ConstantLatency(10) }, protocolOptions({ strategy }));
  ring.wire(peers);
  return ring;
}

function sentOf(ring: RingWorld, ...types: MessageType[]): number {
  return ring.world.messageCounts().filter(({ name }) => types.includes(name as MessageType)).reduce((sum, { sent }) => sum + sent, 0);
}

function checkRing(ring: RingWorld): void {
  assert.deepEqual([...checkZones(ring), ...checkLeafsets(ring), ...checkAllJoined(ring)], []);
}

function meanHops(peers: number, strategy: StrategyName, lookups = 150): number {
  const ring = worldOf(peers, strategy);
  const random = ring.world.random('keys');
  const hops: number[] = [];
  for (let i = 0; i < lookups; i++) ring.lookup(i % peers, ring.randomKey(random), (result) => hops.push(result.hops));
  ring.world.runFor(20_000);
  assert.deepEqual([ring.lookups.delivered, ring.lookups.wrongOwner], [lookups, 0]);
  return hops.reduce((sum, h) => sum + h, 0) / lookups;
}

/** A ring with objects a and b, b referred to by a.foo. */
function referring(): { ring: SmallRing; a: Position; b: Position } {
  const ring = new SmallRing(PEERS);
  const [a, b] = ring.keys(2) as [Position, Position];
  assert.ok(ring.put(0, a, 'object a').ok && ring.put(1, b, 'object b').ok && ring.setref(2, a, 'foo', b).ok);
  return { ring, a, b };
}

describe('[0034] objects and references', () => {
  test('individual nodes in the DHT logical space host the objects in the data overlay', () => {
    const { ring, a, b } = referring();
    for (const key of [a, b]) assert.ok(ring.node(ring.ownerOf(key)).overlay.holds(key));
  });

  test('object a can link to object b by storing the key that is used to access object b', () => {
    const { ring, a, b } = referring();
    const read = ring.get(5, a);
    assert.ok(read.ok);
    assert.deepEqual(read.object.fields.map(({ name, reference }) => [name, reference.key.hex]), [['foo', b.hex]]);
  });

  test('the referencing scheme includes two fields: a.foo.key, and a.foo.host, the last known node that hosts b', () => {
    const { ring, a, b } = referring();
    const read = ring.get(5, a);
    const reference = read.ok ? read.object.fields[0]?.reference : undefined;
    assert.equal(reference?.key.hex, b.hex);
    assert.equal(reference?.host?.peerId, ring.ring.oracle.ownerOf(b)?.peerId);
  });

  test('the host field serves as a routing shortcut: with it no lookup of b is made', () => {
    const { ring, a, b } = referring();
    const reader = ring.ring.world.alive().find((peer) => peer !== ring.ownerOf(a) && peer !== ring.ownerOf(b)) as number;
    let lookupsOfB = 0;
    ring.ring.world.onFact((_, fact) => {
      if (fact.kind === 'lookup-delivered' && fact.key.hex === b.hex) lookupsOfB++;
    });
    const found = ring.deref(reader, a, 'foo');
    assert.ok(found.ok && found.shortcut);
    assert.equal(lookupsOfB, 0);
  });

  test('the host is soft state: when it is stale, b is found by its key and the reference is repaired', () => {
    const { ring, a, b } = referring();
    ring.ring.crash(ring.ownerOf(b));
    ring.runFor(MINUTE_MS);
    const reader = ring.ring.world.alive()[0] as number;
    const first = ring.deref(reader, a, 'foo');
    assert.ok(first.ok && !first.shortcut);
    ring.runFor(5_000);
    const second = ring.deref(reader, a, 'foo');
    assert.ok(second.ok && second.shortcut && second.host.peerId === ring.ring.oracle.ownerOf(b)?.peerId);
  });
});

describe('[0035] keys close to each other', () => {
  test('generating the keys of a and b close to each other makes it more likely that one node hosts both', () => {
    const ring = new SmallRing(PEERS);
    const random = ring.ring.world.random('near');
    let together = 0;
    for (let i = 0; i < 50; i++) {
      const a = randomKey(random);
      const b = nearKey(a, random);
      assert.ok(circleDistance(a.lead, b.lead) < 2 ** 20);
      if (ring.ownerOf(a) === ring.ownerOf(b)) together++;
    }
    assert.equal(together, 50);
  });
});

describe('[0036] the primitives', () => {
  test('setref establishes a reference from object a to another object b', () => {
    const { ring, a } = referring();
    const [c] = ring.keys(3).slice(2) as [Position];
    ring.put(0, c, 'object c');
    assert.ok(ring.setref(4, a, 'foo', c).ok);
    const found = ring.deref(5, a, 'foo');
    assert.ok(found.ok && found.key.hex === c.hex, 'and replaces the one that was there');
  });

  test('setref on an object that does not exist is refused', () => {
    const ring = new SmallRing(4);
    const [a, b] = ring.keys(2) as [Position, Position];
    const outcome = ring.setref(0, a, 'foo', b);
    assert.ok(!outcome.ok && outcome.code === 'missing');
  });

  test('deref returns the object pointed to by object a', () => {
    const { ring, a, b } = referring();
    for (const peer of [0, 7, 15]) {
      const found = ring.deref(peer, a, 'foo');
      assert.ok(found.ok && found.key.hex === b.hex && new TextDecoder().decode(found.object.value) === 'object b');
    }
    const none = ring.deref(0, a, 'bar');
    assert.ok(!none.ok && none.code === 'missing');
  });

  test('delete deletes the object pointed to by object a, and a stays', () => {
    const { ring, a, b } = referring();
    assert.ok(ring.removeRef(3, a, 'foo').ok);
    assert.equal(ring.textAt(4, b), undefined);
    assert.equal(ring.textAt(4, a), 'object a');
    assert.equal(ring.deref(5, a, 'foo').ok, false);
  });
});

describe('[0037] the services of the DHT', () => {
  test('DHT_insert inserts an object and, as a side effect, returns the node that hosts it', () => {
    const ring = new SmallRing(PEERS);
    for (const key of ring.keys(5)) {
      const written = ring.put(2, key, 'x');
      assert.ok(written.ok && ring.ring.world.indexOf(written.host) === ring.ownerOf(key));
    }
  });

  test('DHT_lookup finds an object based on its key and, as a side effect, returns the node that hosts it', () => {
    const ring = new SmallRing(PEERS);
    for (const key of ring.keys(5)) {
      ring.put(2, key, 'x');
      const read = ring.get(9, key);
      assert.ok(read.ok && ring.ring.world.indexOf(read.host) === ring.ownerOf(key));
    }
  });

  test('DHT_direct bypasses the lookup and directly seeks the node that hosts the object given its key', () => {
    const ring = new SmallRing(PEERS);
    const [key] = ring.keys(1) as [Position];
    ring.put(2, key, 'x');
    const host = ring.ownerOf(key);
    const other = ring.ring.world.alive().find((peer) => peer !== host) as number;
    const before = sentOf(ring.ring, 'route');
    assert.ok(ring.direct(other, key, host).ok);
    assert.equal(sentOf(ring.ring, 'route'), before);
    const wrong = ring.direct(host, key, other);
    assert.ok(!wrong.ok && wrong.code === 'missing', 'a node that does not host it says so');
  });
});

describe('[0039] self-organizing and self-healing', () => {
  test('the DHT organizes itself as nodes are added, and the objects move to whoever is responsible', () => {
    const ring = new SmallRing(6);
    const keys = ring.keys(12);
    for (const key of keys) assert.ok(ring.put(0, key, 'x').ok);
    for (let i = 0; i < 10; i++) ring.ring.join();
    ring.runFor(2 * MINUTE_MS);
    checkRing(ring.ring);
    for (const key of keys) assert.ok(ring.node(ring.ownerOf(key)).overlay.holds(key));
  });

  test('the DHT heals itself as nodes are deleted: links are re-established and objects transferred', () => {
    const ring = new SmallRing(PEERS);
    const keys = ring.keys(12);
    for (const key of keys) assert.ok(ring.put(0, key, 'x').ok);
    for (const peer of [3, 8, 12]) {
      ring.ring.crash(peer);
      ring.runFor(MINUTE_MS);
    }
    checkRing(ring.ring);
    for (const key of keys) {
      assert.equal(ring.textAt(0, key), 'x');
      assert.equal(ring.holders(key).length, 4, 'as many copies as before');
    }
  });

  test('the data overlay adopts these features: references hold while their objects change hosts', () => {
    const { ring, a, b } = referring();
    for (const key of [a, b]) {
      ring.ring.crash(ring.ownerOf(key));
      ring.ring.join();
      ring.runFor(MINUTE_MS);
    }
    const found = ring.deref(ring.ring.world.alive()[0] as number, a, 'foo');
    assert.ok(found.ok && new TextDecoder().decode(found.object.value) === 'object b');
  });
});

describe('[0040] the illusion of one storage', () => {
  test('more than one machine holds can be stored: the pool is as large as its nodes together', () => {
    const ring = new SmallRing(PEERS, { quotaBytes: 20_000, replicas: 2 });
    const stored = ring.keys(60).filter((key) => ring.put(0, key, 'x'.repeat(1_500)).ok);
    assert.ok(stored.length * 1_500 > 2 * 20_000, `${stored.length} objects`);
    for (const key of stored) assert.equal(ring.textAt(1, key)?.length, 1_500);
  });

  test('the host shortcut makes performance independent of the underlying DHT: a dereference costs the same in any', () => {
    const costs = (['leafset', 'pastry'] as const).map((strategy) => {
      const ring = new SmallRing(48, { strategy, leafsetRadius: 2 });
      const [a, b] = ring.keys(2) as [Position, Position];
      ring.put(0, a, 'a');
      ring.put(0, b, 'b');
      ring.setref(0, a, 'foo', b);
      const host = ring.ownerOf(b);
      const reader = ring.ownerOf(a);
      const before = sentOf(ring.ring, 'route');
      assert.ok(ring.direct(reader, b, host).ok);
      return sentOf(ring.ring, 'route') - before;
    });
    assert.deepEqual(costs, [0, 0]);
  });
});

describe('[0041] the logical space and zones', () => {
  test('nodes join with random IDs and thus partition the space: every key is in exactly one zone', () => {
    const ring = worldOf(64);
    const random = ring.world.random('keys');
    for (let i = 0; i < 300; i++) {
      const key = ring.randomKey(random);
      assert.equal(ring.world.alive().filter((peer) => ring.node(peer).membership.owns(key)).length, 1);
    }
  });

  test('zone(x) = (ID(p), ID(x)]: the own ID is in the zone, the predecessor\'s is not', () => {
    const ring = worldOf(32);
    const members = ring.world.alive().map((peer) => ring.node(peer)).toSorted((a, b) => compareContacts(a.local.contact, b.local.contact));
    members.forEach((node, i) => {
      const before = members.at(i - 1)?.local.position as Position;
      assert.equal(node.zoneStart?.hex, before.hex);
      assert.ok(node.membership.owns(node.local.position));
      assert.ok(!node.membership.owns(before));
      assert.ok(!inArc(before, before, node.local.position));
    });
  });
});

describe('[0042] joining and departing', () => {
  test('a new machine contacts any of the nodes, seeks its position, and then partitions the space for itself', () => {
    for (const introducer of [0, 5, 11]) {
      const ring = worldOf(12);
      const newcomer = ring.join(introducer);
      ring.world.runFor(10_000);
      const after = ring.world.indexOf(ring.oracle.neighbour(ring.world.contact(newcomer).position, 1) as never);
      assert.equal(ring.node(after).zoneStart?.hex, ring.node(newcomer).local.position.hex, 'its successor gave up its part');
      checkRing(ring);
    }
  });

  test('each node needs to remember a few of its adjacent neighbours: the leafset is all that a base ring keeps', () => {
    const ring = worldOf(100, 'leafset');
    for (const peer of ring.world.alive()) {
      assert.equal(ring.node(peer).router.strategy.size, 0);
      assert.equal(ring.node(peer).membership.leafset.contacts().length, 16);
    }
  });

  test('a departure is detected when the departing machine no longer sends heartbeats, by its adjacent neighbour', () => {
    const ring = worldOf(20);
    ring.world.runFor(30_000);
    const [gone] = ring.world.alive() as [number];
    const contact = ring.world.contact(gone);
    const left = ring.world.indexOf(ring.oracle.neighbour(contact.position, -1) as never);
    const found: number[] = [];
    ring.world.onFact((peer, fact) => {
      if (fact.kind === 'peer-dead' && fact.peer.peerId === contact.peerId) found.push(peer);
    });
    const at = ring.world.now();
    ring.crash(gone);
    const { heartbeatMs, heartbeatGraceMs } = ring.options;
    ring.world.runUntilHolds(() => found.length > 0, 100, MINUTE_MS);
    assert.ok(ring.world.now() - at <= heartbeatMs + heartbeatGraceMs + 15_000);
    ring.world.runFor(30_000);
    assert.ok(found.includes(left));
  });

  test('a new neighbouring machine can then be taken on', () => {
    const ring = worldOf(40);
    ring.world.runFor(5_000);
    for (const gone of [3, 17, 30]) ring.crash(gone);
    ring.world.runFor(2 * MINUTE_MS);
    checkRing(ring);
    for (const peer of ring.world.alive()) assert.equal(ring.node(peer).membership.leafset.contacts().length, 16);
  });
});

describe('[0043] the base ring', () => {
  test('each node records r neighbours to each side', () => {
    for (const leafsetRadius of [1, 3, 8]) {
      const ring = new RingWorld({ seed: 1, latency: new ConstantLatency(10) }, protocolOptions({ leafsetRadius }));
      ring.wire(30);
      const { right, left } = ring.node(0).membership.leafset;
      assert.deepEqual([right.length, left.length], [leafsetRadius, leafsetRadius]);
      checkRing(ring);
    }
  });

  test('neighbours exchange periodic heartbeats, one per period and node', () => {
    const ring = worldOf(20);
    ring.world.runFor(ring.options.heartbeatMs);
    const before = sentOf(ring, 'heartbeat');
    ring.world.runFor(10 * ring.options.heartbeatMs);
    assert.equal(sentOf(ring, 'heartbeat') - before, 10 * 20);
  });

  test('neighbours update their tables when a node joins or leaves', () => {
    const ring = worldOf(24);
    ring.world.runFor(1_000);
    const newcomer = ring.join(0);
    ring.world.runFor(MINUTE_MS);
    checkRing(ring);
    ring.leave(newcomer);
    ring.world.runFor(10_000);
    checkRing(ring);
  });

  test('given a key in the space, one can always resolve which node is responsible, from anywhere', () => {
    for (const strategy of ['leafset', 'chord', 'pastry', 'can'] as const) {
      const ring = worldOf(60, strategy);
      const random = ring.world.random('keys');
      for (let i = 0; i < 120; i++) ring.lookup(i % 60, ring.randomKey(random));
      ring.world.runFor(MINUTE_MS);
      assert.deepEqual([ring.lookups.delivered, ring.lookups.wrongOwner, ring.lookups.lost], [120, 0, 0], strategy);
    }
  });

  test('the lookup performance is O(N) in this simple ring: four times the nodes, about four times the hops', () => {
    const few = meanHops(128, 'leafset');
    const many = meanHops(512, 'leafset');
    assert.ok(many / few > 3 && many / few < 5, `${few} hops, then ${many}`);
  });
});

describe('[0044] algorithms built upon it', () => {
  for (const strategy of ['chord', 'pastry'] as const) {
    test(`${strategy} achieves O(log N): four times the nodes, about as many hops more as log N grows`, () => {
      const few = meanHops(128, strategy);
      const many = meanHops(512, strategy);
      assert.ok(many - few < 1.3 && many < 6, `${few} hops, then ${many}`);
    });

    test(`${strategy} keeps O(log N) states`, () => {
      const sizes = [128, 512].map((peers) => {
        const ring = worldOf(peers, strategy);
        return ring.world.alive().reduce((sum, peer) => sum + ring.node(peer).router.strategy.size, 0) / peers;
      }) as [number, number];
      const perDoubling = strategy === 'chord' ? 1 : 15 / 4;
      assert.ok(sizes[1] - sizes[0] < 2 * perDoubling * 1.3, `${sizes.join(', then ')} entries`);
    });
  }

  test('can keeps constant states: as many neighbours in a ring four times as large', () => {
    const sizes = [128, 512].map((peers) => {
      const ring = worldOf(peers, 'can');
      return ring.world.alive().reduce((sum, peer) => sum + ring.node(peer).router.strategy.size, 0) / peers;
    }) as [number, number];
    assert.ok(Math.abs(sizes[1] - sizes[0]) < 2, sizes.join(', then '));
  });

  test('a DHT is the virtualization of a space where resources and documents live together: an ID is a key like any other', () => {
    const ring = new SmallRing(8);
    for (const peer of [0, 3]) {
      const { position } = ring.ring.world.contact(peer);
      assert.equal(ring.ring.world.indexOf(ring.lookup(5, position).owner), peer);
      assert.ok(ring.put(1, position, 'about this node').ok);
      assert.ok(ring.node(peer).overlay.holds(position));
    }
  });
});
