/**
 * [0061] The most capable machine at the root: who swaps, what becomes of everybody else and of the objects, and what
 * happens when messages are lost or one of the two dies in the middle.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Contact } from '../../src/core/contact.ts';
import { CIRCLE } from '../../src/core/position.ts';
import { randomFrom } from '../../src/core/random.ts';
import { protocolOptions } from '../../src/protocol/options.ts';
import { randomKey } from '../../src/protocol/overlay/keys.ts';
import { ConstantLatency } from '../../src/sim/latency/latency-model.ts';
import { SomoWorld } from '../../src/sim/somo/somo-world.ts';
import { toyNotary } from '../../src/sim/somo/toy-notary.ts';

const PEERS = 60;
const PERIOD_MS = 5_000;
const LOOK_MS = 10_000;
/** Looks until the call, and then some. */
const LONG_ENOUGH_MS = 6 * LOOK_MS;

interface Wishes {
  readonly seed?: number;
  readonly loss?: number;
  readonly wire?: boolean;
  readonly consent?: (index: number) => boolean;
  readonly capability: (index: number, now: number) => number;
  readonly onSign?: (world: SomoWorld, index: number) => void;
}

function pool({ seed = 3, loss = 0, wire = false, consent = () => true, capability, onSign = () => undefined }: Wishes): SomoWorld {
  const world = new SomoWorld(
    { seed, latency: new ConstantLatency(50), rollCall: true, loss, wire, freeze: wire },
    protocolOptions({ somo: 'synchronised', somoPeriodMs: PERIOD_MS, promotionLookMs: LOOK_MS, promotionPauseMs: 60_000, syncMs: 20_000 }),
  );
  world.wire(PEERS);
  for (const index of world.ring.world.alive()) {
    const somo = world.somo(index);
    if (consent(index)) somo.promotion.notary = toyNotary(world.ring.world.contact(index).peerId, () => onSign(world, index));
    somo.readReport = (now) => ({ report: new Map([['capability', capability(index, now)]]), at: now });
  }
  world.ring.world.runFor(4 * PERIOD_MS);
  return world;
}

function zonesOf(world: SomoWorld): Map<string, string> {
  return new Map(world.ring.oracle.members.map((member) => {
    const node = world.ring.node(world.ring.world.indexOf(member));
    return [member.position.hex, node.zoneStart?.hex ?? ''];
  }));
}

/** Every zone begins where the one before ends. */
function assertPartition(world: SomoWorld): void {
  const { members } = world.ring.oracle;
  members.forEach((member, place) => {
    const before = members.at(place - 1) as Contact;
    assert.equal(world.ring.node(world.ring.world.indexOf(member)).zoneStart?.hex, before.position.hex, `zone of ${member.peerId}`);
  });
}

/** Everybody but one is alike. */
function withStrong(strong: number): (index: number) => number {
  return (index) => (index === strong ? 100 : 10);
}

function weakAndRoot(seed?: number): { readonly root: number; readonly strong: number } {
  const world = pool({ capability: () => 10, ...(seed === undefined ? {} : { seed }) });
  const root = world.rootIndex;
  return { root, strong: (root + 17) % PEERS };
}

describe('[0061] promotion', () => {
  const { root, strong } = weakAndRoot();

  test('an upward merge-sort identifies the most capable node, which exchanges its ID with the node at the root', () => {
    const world = pool({ capability: withStrong(strong) });
    assert.equal(world.rootIndex, root);
    const [was, willBe] = [world.ring.world.contact(root).position, world.ring.world.contact(strong).position];
    world.ring.world.runFor(LONG_ENOUGH_MS);
    assert.equal(world.rootIndex, strong);
    assert.deepEqual([world.ring.world.contact(strong).position, world.ring.world.contact(root).position], [was, willBe]);
    world.ring.world.runFor(4 * PERIOD_MS);
    assert.deepEqual([world.coverage, world.view?.machines, world.view?.space], [1, PEERS, CIRCLE]);
    assertPartition(world);
  });

  test('this changes the machine that acts as the root without disturbing any other peers: no other zone changes', () => {
    const world = pool({ capability: withStrong(strong) });
    const before = zonesOf(world);
    const disturbed = new Set<number>();
    world.ring.world.onFact((peer, fact) => {
      if (fact.kind === 'zone-changed' || fact.kind === 'peer-dead') disturbed.add(peer);
    });
    world.ring.world.runFor(LONG_ENOUGH_MS);
    assert.equal(world.rootIndex, strong);
    assert.deepEqual([...disturbed].sort((a, b) => a - b), [root, strong].sort((a, b) => a - b));
    assert.deepEqual(zonesOf(world), before);
  });

  test('off by default: whoever has not agreed neither goes to the root nor gives it up', () => {
    for (const refusing of [root, strong]) {
      const world = pool({ capability: withStrong(strong), consent: (index) => index !== refusing });
      world.ring.world.runFor(LONG_ENOUGH_MS);
      assert.equal(world.rootIndex, root);
    }
  });

  test('damped: a machine that is a little better, or better for a moment only, stays where it is', () => {
    const little = pool({ capability: (index) => (index === strong ? 14 : 10) });
    little.ring.world.runFor(LONG_ENOUGH_MS);
    assert.equal(little.rootIndex, root);
    const moment = pool({ capability: (index, now) => (index === strong && now % (3 * LOOK_MS) < LOOK_MS ? 100 : 10) });
    moment.ring.world.runFor(LONG_ENOUGH_MS);
    assert.equal(moment.rootIndex, root);
  });

  test('damped: after a swap nothing moves for a while, whatever becomes better', () => {
    let stronger = strong;
    const world = pool({ capability: (index) => (index === stronger ? 100 : 10) });
    world.ring.world.runFor(LONG_ENOUGH_MS);
    assert.equal(world.rootIndex, strong);
    stronger = (strong + 1) % PEERS;
    world.ring.world.runFor(20_000);
    assert.equal(world.rootIndex, strong);
    world.ring.world.runFor(60_000 + LONG_ENOUGH_MS);
    assert.equal(world.rootIndex, stronger);
  });

  test('every message through the codec', () => {
    const world = pool({ capability: withStrong(strong), wire: true });
    world.ring.world.runFor(LONG_ENOUGH_MS);
    assert.equal(world.rootIndex, strong);
    assertPartition(world);
  });
});

const DRAWN = randomFrom(61);

describe('objects and lookups', () => {
  const KEYS = Array.from({ length: 200 }, () => randomKey(DRAWN));

  test('the objects of both zones are handed over: all are read while the two swap, and afterwards', () => {
    const { strong } = weakAndRoot();
    const world = pool({ capability: withStrong(strong) });
    let put = 0;
    for (const key of KEYS) world.ring.node(1).overlay.put(key, new TextEncoder().encode(key.hex), {}, (outcome) => void (outcome.ok && put++));
    world.ring.world.runFor(5_000);
    assert.equal(put, KEYS.length);
    const read = { ok: 0, asked: 0 };
    const readAll = (): void => KEYS.forEach((key, i) => {
      const reader = world.ring.world.alive()[(i * 7) % world.ring.world.alive().length] as number;
      read.asked++;
      world.ring.node(reader).overlay.get(key, (outcome) => void (outcome.ok && read.ok++));
    });
    for (let i = 0; i < 30; i++) {
      readAll();
      world.ring.world.runFor(2_000);
    }
    world.ring.world.runFor(30_000);
    assert.equal(world.rootIndex, strong);
    assert.deepEqual(read, { ok: read.asked, asked: KEYS.length * 30 });
  });

  test('lookups find the right owner after the swap, from everybody', () => {
    const { strong } = weakAndRoot();
    const world = pool({ capability: withStrong(strong) });
    world.ring.world.runFor(LONG_ENOUGH_MS);
    let right = 0;
    for (const index of world.ring.world.alive()) {
      for (const position of [world.ring.world.contact(strong).position, world.ring.world.contact(world.rootIndex).position, KEYS[index] as never]) {
        const expected = world.ring.oracle.ownerOf(position)?.peerId;
        world.ring.lookup(index, position, ({ owner }) => void (owner.peerId === expected && right++));
      }
    }
    world.ring.world.runFor(30_000);
    assert.equal(right, 3 * PEERS);
  });
});

describe('when something breaks in the middle', () => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    test(`with a fifth of all messages lost the two swap or do not, and the ring is whole (seed ${seed})`, () => {
      const { strong } = weakAndRoot(seed);
      const world = pool({ seed, capability: withStrong(strong) });
      world.ring.world.setLoss(0.2);
      world.ring.world.runFor(LONG_ENOUGH_MS);
      world.ring.world.setLoss(0);
      world.ring.world.runFor(120_000);
      assertPartition(world);
      assert.deepEqual([world.coverage, world.view?.machines], [1, PEERS]);
      const places = new Set(world.ring.oracle.members.map(({ position }) => position.hex));
      assert.equal(places.size, PEERS, 'nobody shares a place');
    });
  }

  const ENDS = [
    ['leaves', 'it goes, and what was agreed is void', [10, 60, 110, 160]],
    ['dies', 'the ring is whole', [10, 60, 110, 160, 210, 260]],
  ] as const;
  for (const [how, then, moments] of ENDS) {
    for (const [who, role] of [['the root', 'root'], ['the machine that goes there', 'strong']] as const) {
      for (const afterMs of moments) {
        test(`${who} ${how} ${afterMs} ms after the call: ${then}`, () => {
          const found = weakAndRoot();
          let armed = false;
          const world = pool({
            capability: withStrong(found.strong),
            onSign: ({ ring }, index) => {
              if (armed || index !== found.strong) return;
              armed = true;
              ring.world.at(ring.world.now() + afterMs, () => (how === 'leaves' ? ring.leave(found[role]) : ring.crash(found[role])));
            },
          });
          world.ring.world.runFor(LONG_ENOUGH_MS);
          assert.ok(armed, 'the swap was begun');
          world.ring.world.runFor(120_000);
          assertPartition(world);
          assert.deepEqual([world.coverage, world.view?.machines], [1, PEERS - 1]);
        });
      }
    }
  }
});
