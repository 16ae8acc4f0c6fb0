/**
 * The market for helpers with messages, on simulated peers: sessions find helpers by the metadata tree, reserve, lose and give back
 * ([0079], [0086], [0091]-[0094]); what either side believes is settled by leases.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HelpTerms } from '../../src/protocol/alm/market/help-desk.ts';
import { LEASE_MS } from '../../src/protocol/alm/market/help-desk.ts';
import type { HelperAccount, HelperCandidate, HelperLinks } from '../../src/protocol/alm/market/helper-market.ts';
import { positionFromLead } from '../../src/core/position.ts';
import type { OwnSession } from '../../src/protocol/alm/session/own-session.ts';
import { FROM } from '../../src/protocol/alm/stream/frames.ts';
import { protocolOptions } from '../../src/protocol/options.ts';
import { ConstantLatency } from '../../src/sim/latency/latency-model.ts';
import { RingWorld } from '../../src/sim/ring/ring-world.ts';

const PEERS = 12;
const PERIOD_MS = 2_000;
const RATE_BPS = 1e6;
const TERMS: HelpTerms = { degree: 5, help: { upBps: 1e9, monthBytes: 1e9, sessions: 4 } };

class Pool {
  readonly ring: RingWorld;
  readonly lost = new Map<string, (readonly [peer: number, links: number, reason: string])[]>();
  /** Of each loss, in order, how long ago that was of which it follows. */
  readonly lostBy: number[] = [];
  /** Of sessions that did not begin just now. */
  readonly stirAgesMs = new Map<string, number>();

  constructor(terms: ReadonlyMap<number, HelpTerms>) {
    this.ring = new RingWorld({ seed: 4, latency: new ConstantLatency(20), wire: true, freeze: true }, protocolOptions({ somo: 'synchronised', somoPeriodMs: PERIOD_MS }));
    this.ring.wire(PEERS);
    for (let peer = 0; peer < PEERS; peer++) {
      const allowed = terms.get(peer);
      const { market, somo } = this.ring.node(peer);
      if (allowed !== undefined) market.allow(allowed);
      somo.readReport = (now) => ({ report: new Map<string, number | readonly number[]>([['degree.bound', allowed?.degree ?? 0], ['degree.table', market.desk.table.rows], ['net.up', 1e8 + peer]]), at: now });
    }
    this.run(6 * PERIOD_MS);
  }

  run(ms: number): void {
    this.ring.world.runFor(ms);
  }

  open(peer: number, session: string, priority: number): HelperAccount {
    const losses: (readonly [number, number, string])[] = [];
    this.lost.set(session, losses);
    return this.ring.node(peer).market.open({ session, priority, rateBps: RATE_BPS }, {
      onLost: ({ helper, links }, reason, stirAgeMs) => {
        losses.push([this.ring.world.indexOf(helper), links, reason]);
        this.lostBy.push(stirAgeMs);
      },
      stirAgeMs: () => this.stirAgesMs.get(session) ?? 0,
    });
  }

  candidates(account: HelperAccount, members: readonly number[] = []): readonly HelperCandidate[] {
    let found: readonly HelperCandidate[] | undefined;
    account.candidates(members.map((peer) => this.ring.world.contact(peer).peerId), (some) => {
      found = some;
    });
    this.run(9_000);
    assert.ok(found, 'an answer');
    return found;
  }

  /** Links by helper, as the session is told. */
  hold(account: HelperAccount, wanted: readonly (readonly [peer: number, links: number])[]): number[] {
    let held: readonly HelperLinks[] | undefined;
    account.hold(wanted.map(([peer, links]) => ({ helper: this.ring.world.contact(peer), links })), (some) => {
      held = some;
    });
    this.run(8_000);
    assert.ok(held, 'an answer');
    return held.map(({ links }) => links);
  }

  rows(peer: number): readonly number[] {
    return this.ring.node(peer).market.desk.table.rows;
  }
}

const pool = (helpers: readonly number[] = [0, 1], terms = TERMS): Pool => new Pool(new Map(helpers.map((peer) => [peer, terms])));

describe('finding helpers', () => {
  test('[0079] the task manager queries SOMO for candidates: availability, coordinates and bandwidth; only who consents, and no member', () => {
    const world = pool([0, 1, 2]);
    const found = world.candidates(world.open(5, 's', 2), [2]);
    assert.deepEqual(found.map(({ contact }) => world.ring.world.indexOf(contact)).sort(), [0, 1]);
    for (const { contact, degree, coordinate, upBps } of found) {
      assert.deepEqual([degree, upBps, coordinate.vector.length], [5, 1e8 + world.ring.world.indexOf(contact), 4]);
      assert.equal(contact.position.hex, world.ring.world.contact(world.ring.world.indexOf(contact)).position.hex);
    }
  });
  test('[0094] degree tables are made available for any running task to query: what lower priorities hold can be had, the rest not', () => {
    const world = pool([0]);
    world.hold(world.open(5, 'holder', 2), [[0, 3]]);
    assert.deepEqual([1, 2, 3].map((priority) => world.candidates(world.open(6, `asker ${priority}`, priority))[0]?.degree), [5, undefined, undefined]);
    assert.deepEqual(world.rows(0), [0, 3, 0]);
  });
});

describe('reserving', () => {
  test('[0079] it contacts the helping peers to reserve their usages; what it does not name any more it gives back', () => {
    const world = pool();
    const account = world.open(5, 's', 3);
    assert.deepEqual(world.hold(account, [[0, 4], [1, 3]]), [4, 3]);
    assert.deepEqual(world.hold(account, [[1, 2]]), [2]);
    assert.deepEqual([world.rows(0), world.rows(1)], [[0, 0, 0], [0, 0, 2]]);
    account.end();
    world.run(1_000);
    assert.deepEqual(world.rows(1), [0, 0, 0]);
  });
  test('a lease is renewed as long as the session lives, and ends by itself when its root has died', () => {
    const world = pool();
    world.hold(world.open(5, 's', 3), [[0, 4]]);
    world.run(3 * LEASE_MS);
    assert.deepEqual(world.rows(0), [0, 0, 4]);
    world.ring.crash(5);
    world.run(LEASE_MS + 1_000);
    assert.deepEqual(world.rows(0), [0, 0, 0]);
  });
  test('a helper that accepts and vanishes is found by its lease', () => {
    const world = pool();
    world.hold(world.open(5, 's', 3), [[0, 4]]);
    world.ring.crash(0);
    world.run(LEASE_MS);
    assert.deepEqual(world.lost.get('s'), [[0, 4, 'it does not answer']]);
  });
  test('a helper that leaves says so at once', () => {
    const world = pool();
    world.hold(world.open(5, 's', 3), [[0, 4]]);
    world.ring.leave(0);
    world.run(1_000);
    assert.deepEqual(world.lost.get('s'), [[0, 4, 'it leaves the pool']]);
  });
});

describe('competing', () => {
  test('[0091] what lower priorities hold is taken at once, and the loser is told how much and by whom', () => {
    const world = pool();
    world.hold(world.open(5, 'low', 3), [[0, 5]]);
    assert.deepEqual(world.hold(world.open(6, 'high', 2), [[0, 3]]), [3]);
    assert.deepEqual(world.lost.get('low'), [[0, 3, 'high, of priority 2, took them']]);
    assert.deepEqual(world.rows(0), [0, 3, 2]);
  });
  test('[0091] who loses links, takes or finds those that were freed learns how long ago the change from outside was that they follow from', () => {
    const world = pool([0]);
    const near = (ageMs: number | undefined, expectedMs: number): boolean => Math.abs((ageMs ?? Infinity) - expectedMs) < 2_000;
    const [low, high] = [world.open(5, 'low', 3), world.open(6, 'high', 2)];
    const asker = world.open(7, 'asker', 1);
    const age = (): number | undefined => world.candidates(asker)[0]?.stirAgeMs;
    world.stirAgesMs.set('low', 200_000).set('high', 100_000);
    world.hold(low, [[0, 5]]);
    world.run(300_000);
    assert.ok(near(age(), 0), 'it knows latencies better than before');
    world.run(300_000);
    const renewed = age() ?? 0;
    assert.ok(renewed > 195_000 && renewed < 215_000, `${renewed} ms`);
    world.hold(high, [[0, 4]]);
    assert.ok(near(world.lostBy[0], 100_000), `${world.lostBy[0]} ms`);
    assert.ok(near(age(), 108_000), 'taken');
    world.stirAgesMs.set('high', 50_000);
    world.hold(high, []);
    const back = age();
    assert.ok(near(back, 58_000), `given back for another plan: ${back} ms`);
    world.hold(high, [[0, 4]]);
    high.end();
    assert.ok(near(age(), 0), 'given back by the end of a session');
  });
  test('among equal priorities the holder keeps, and the later session is told what is left', () => {
    const world = pool();
    world.hold(world.open(5, 'first', 2), [[0, 4]]);
    assert.deepEqual(world.hold(world.open(6, 'second', 2), [[0, 3], [1, 3]]), [0, 3]);
    assert.deepEqual(world.lost.get('first'), []);
  });
  test('[0090] a machine goes to the sessions that it is a member of first; the later one of two is refused with the reason', () => {
    const world = pool();
    world.hold(world.open(5, 'helped', 1), [[0, 5]]);
    const { market } = world.ring.node(0);
    assert.equal(market.takeOwn('own', 3, 3), undefined);
    world.run(1_000);
    const reason = 'the machine needs them for own, of which it is a member';
    assert.deepEqual(world.lost.get('helped'), [[0, 1, reason]]);
    // What it does not need without helpers it has at its priority only: the holder keeps.
    market.useOwn('own', 3, 2);
    world.run(1_000);
    assert.deepEqual([world.lost.get('helped'), market.availableToOwn('own')], [[[0, 1, reason], [0, 1, reason]], 2]);
    assert.match(market.takeOwn('late', 1, 3) ?? '', /^own came first/);
  });
});

test('[0094] a machine partitions itself: what its own session offers and does not use helps others, and its root is told what is left', () => {
  const world = pool([0]);
  const terms = { key: positionFromLead(7), name: 'film', upBps: 0, downBps: 0 };
  const events = { onRoom: () => undefined, onNews: () => undefined, onOver: () => undefined };
  let own: OwnSession | undefined;
  world.ring.node(5).casts.open({ ...terms, degree: 4, priority: 2, rateBps: 0, objective: 'height', contentType: '', hasKeys: false }, events, (outcome) => {
    own = outcome.ok ? outcome.value : undefined;
  });
  world.run(2_000);
  world.ring.node(0).casts.join({ ...terms, degree: 5, from: FROM.now }, () => undefined);
  world.run(4_000);
  const links = (): number | undefined => own?.manager.view().tree.find(({ depth }) => depth === 1)?.degree;
  const account = world.open(6, 's', 3);
  assert.deepEqual([links(), world.rows(0), world.hold(account, [[0, 4]])], [5, [1, 0, 0], [4]]);
  assert.deepEqual([links(), world.rows(0)], [5, [1, 0, 4]], 'it can have them back from a lower priority');
  account.end();
  const higher = world.open(6, 't', 1);
  assert.deepEqual([world.hold(higher, [[0, 4]]), links()], [[4], 1], 'not from a higher one, but for what it needs');
  higher.end();
  world.run(3_000);
  assert.equal(links(), 5);
});

describe('consent', () => {
  test('nobody helps whose operator has not said so', () => {
    const world = pool([]);
    assert.deepEqual(world.candidates(world.open(5, 's', 1)), []);
    assert.deepEqual(world.hold(world.open(5, 's', 1), [[0, 3]]), [0]);
  });
  test('no more is granted than may be sent, in bit/s: one link of each session is the one to its parent', () => {
    const world = pool([0], { degree: 9, help: { upBps: 2.5 * RATE_BPS, monthBytes: 1e9, sessions: 4 } });
    assert.deepEqual(world.hold(world.open(5, 's', 2), [[0, 6]]), [3]);
  });
  test('no more sessions are helped than allowed, but a higher priority does not wait for a lower one', () => {
    const world = pool([0], { degree: 9, help: { upBps: 1e9, monthBytes: 1e9, sessions: 1 } });
    world.hold(world.open(5, 'first', 2), [[0, 3]]);
    assert.deepEqual(world.hold(world.open(6, 'equal', 2), [[0, 3]]), [0]);
    assert.deepEqual(world.hold(world.open(7, 'higher', 1), [[0, 3]]), [3]);
    assert.equal(world.lost.get('first')?.length, 1);
  });
  test('when the bytes of a month are sent, all help ends, and none begins before the next', () => {
    const world = pool([0], { degree: 9, help: { upBps: 1e9, monthBytes: 1_000, sessions: 4 } });
    const account = world.open(5, 's', 2);
    world.hold(account, [[0, 3]]);
    world.ring.node(0).market.desk.spent(999);
    world.run(1_000);
    assert.deepEqual(world.rows(0), [0, 3, 0]);
    world.ring.node(0).market.desk.spent(1);
    world.run(1_000);
    assert.deepEqual(world.lost.get('s'), [[0, 3, 'it has sent for others what it may in a month']]);
    assert.deepEqual(world.hold(account, [[0, 3]]), [0]);
  });
});
