/**
 * Several sessions on one pool ([0087]-[0095] of the patent), sentence by sentence: degree tables, priorities, and the market that sessions
 * make by competing. What sessions say to helpers, and how they find them ([0079], [0092]), is tested on peers in scenarios-sim.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { randomFrom } from '../../src/core/random.ts';
import { HELPER_RULE } from '../../src/protocol/alm/helpers.ts';
import type { Claim } from '../../src/protocol/alm/market/degree-table.ts';
import { DegreeTable } from '../../src/protocol/alm/market/degree-table.ts';
import { degreesOf, isRealGain, UNREST_PERIODS } from '../../src/protocol/alm/market/schedule.ts';
import { Latencies } from '../../src/protocol/alm/latencies.ts';
import type { HostPool } from '../../src/sim/alm/host-pool.ts';
import { drawDegrees } from '../../src/sim/alm/host-pool.ts';
import type { MarketSession } from '../../src/sim/alm/market-world.ts';
import { MarketWorld } from '../../src/sim/alm/market-world.ts';
import { MARKET_RULES, runMarket } from '../../src/sim/alm/run-market.ts';

/** Of a member: so many of its links are those of its session's tree without helpers. */
const claim = (session: string, priority: number, degree: number, needed?: number): Claim => ({ session, priority, degree, rateBps: 0, member: needed === undefined ? undefined : { needed, offered: degree } });

/** Hosts at places in the plane, all latencies known. */
function plane(places: readonly (readonly [number, number])[], degrees: readonly number[]): HostPool {
  const latencies = Latencies.fromCoordinates({ dimensions: 2, vectors: Float64Array.from(places.flat()) });
  return { hosts: places.length, degrees: Int32Array.from(degrees), trueMs: latencies, predictedMs: latencies };
}

/** Hosts drawn in a square of 100 ms. */
function square(hosts: number, seed: number): HostPool {
  const random = randomFrom(seed);
  const latencies = Latencies.fromCoordinates({ dimensions: 2, vectors: Float64Array.from({ length: 2 * hosts }, () => 100 * random.unit()) });
  return { hosts, degrees: drawDegrees(hosts, random.fork('degrees')), trueMs: latencies, predictedMs: latencies };
}

const market = (pool: HostPool): MarketWorld => new MarketWorld(pool, MARKET_RULES, randomFrom(1));

/** Three members on both sides of a root of one link: without a helper the data goes to one side and back. */
const GROUP = { places: [[0, 0], [20, 0], [-20, 0], [25, 0]] as const, degrees: [1, 2, 2, 2] };
/** The same group twice in one place, and the helper that both want. */
const rivals = (degree: number): HostPool => plane([...GROUP.places, ...GROUP.places, [1, 0]], [...GROUP.degrees, ...GROUP.degrees, degree]);
const RIVALS = rivals(4);
const FIRST = [0, 1, 2, 3];
const SECOND = [4, 5, 6, 7];
const HELPER = 8;

function holdings(world: MarketWorld): number {
  return world.sessions.reduce((sum, { links }) => sum + [...degreesOf(links).values()].reduce((a, b) => a + b, 0), 0);
}

describe('degree table C ([0092]-[0094])', () => {
  const x = new DegreeTable(4);
  x.take(claim('s4', 1, 2, 2));
  x.take(claim('s12', 3, 1, 1));
  const y = new DegreeTable(2);
  y.take(claim('s5', 1, 2));

  test('its degree is broken down into priorities taken by active sessions', () => {
    const table = new DegreeTable(9);
    for (const one of [claim('a', 1, 2), claim('b', 2, 3), claim('c', 3, 2), claim('d', 3, 2)]) table.take(one);
    assert.deepEqual(table.rows, [2, 3, 4]);
  });
  test("x's total degree is 4, taken by s4 and s12, leaving x with one free degree", () => {
    assert.equal(x.free, 1);
  });
  test('y has two degrees and both of them are taken by session s5', () => {
    assert.deepEqual([y.free, y.rows], [0, [2, 0, 0]]);
    const refused = y.take(claim('s6', 1, 2));
    assert.ok(!refused.isGranted && refused.reason.startsWith('s5 '), 'the later one is told who came first');
  });
  test('degree tables are updated whenever the scheduling happens that affects a node', () => {
    const world = market(RIVALS);
    world.start('s', 2, FIRST);
    assert.deepEqual(world.table(HELPER).rows, [0, 0, 0]);
    world.period();
    assert.deepEqual(world.table(HELPER).rows, [0, 4, 0]);
    world.end('s');
    assert.deepEqual([world.table(HELPER).rows, world.degreeInUse], [[0, 0, 0], 0]);
  });
  test('a machine can partition itself among different streams', () => {
    const table = new DegreeTable(9);
    for (const name of ['a', 'b', 'c']) assert.ok(table.take(claim(name, 2, 3)).isGranted);
    assert.deepEqual(['a', 'b', 'c'].map((name) => table.heldBy(name)), [3, 3, 3]);
  });
});

describe('priorities ([0088]-[0090])', () => {
  test('a session has the 1st priority for nodes in M(s), and L elsewhere', () => {
    const table = new DegreeTable(4);
    table.take(claim('s', 3, 2, 1));
    assert.deepEqual(table.rows, [1, 0, 1], 'one of two is what it needs there');
    table.take(claim('t', 3, 2));
    assert.deepEqual(table.rows, [1, 0, 3]);
  });
  test('it is fair to have that job be of highest priority in that node: a helper of priority 1 gives way to it', () => {
    const table = new DegreeTable(4);
    table.take(claim('helped', 1, 4));
    const taking = table.take(claim('own', 3, 2, 2));
    assert.deepEqual(taking, { isGranted: true, losses: [{ session: 'helped', lost: 2, left: 2 }] });
  });
  test('this ensures a lower bound: what it needs for that it takes from a helper of priority 1, and more only from lower ones', () => {
    const table = new DegreeTable(6);
    for (const helped of [claim('first', 1, 3), claim('third', 3, 3)]) table.take(helped);
    const own = { ...claim('own', 2, 1, 4), member: { needed: 1, offered: 6 } };
    assert.equal(table.availableTo(own), 3);
    assert.deepEqual(table.take({ ...own, degree: 3 }), { isGranted: true, losses: [{ session: 'third', lost: 3, left: 0 }] });
    assert.equal(table.take({ ...own, degree: 4 }).isGranted, false);
    assert.deepEqual(table.take({ ...own, degree: 4, member: { needed: 4, offered: 6 } }), { isGranted: true, losses: [{ session: 'first', lost: 1, left: 2 }] });
  });
  test('[0091] what a session has at its own members beside that, a higher priority takes', () => {
    const table = new DegreeTable(6);
    table.take({ ...claim('own', 3, 5, 2), member: { needed: 2, offered: 6 } });
    assert.equal(table.availableTo(claim('high', 1, 1)), 4);
    assert.equal(table.availableTo(claim('equal', 3, 1)), 1);
    assert.deepEqual(table.take(claim('high', 1, 3)), { isGranted: true, losses: [{ session: 'own', lost: 2, left: 3 }] });
  });
  test('links that a member offers and that its session does not use help others meanwhile; another session of its own cannot have them', () => {
    const table = new DegreeTable(6);
    const own = { ...claim('own', 3, 1, 1), member: { needed: 3, offered: 6 } };
    table.take(own);
    assert.equal(table.take(claim('other', 1, 1, 1)).isGranted, false);
    assert.ok(table.take(claim('helped', 2, 5)).isGranted);
    assert.deepEqual(table.take({ ...own, degree: 3 }), { isGranted: true, losses: [{ session: 'helped', lost: 2, left: 3 }] });
  });
  test('among members the holder keeps, and a machine too small for all its sessions is refused by the later one', () => {
    const table = new DegreeTable(3);
    table.take(claim('first', 3, 2, 2));
    const refused = table.take(claim('second', 1, 2, 2));
    assert.ok(!refused.isGranted);
    assert.deepEqual([refused.available, refused.reason], [1, 'first came first and may keep what they hold of its 3 links, which leaves 1 of the 2 asked for']);
  });
  test('nodes with larger degrees may be involved in more than one session', () => {
    const world = market(rivals(8));
    world.start('s', 1, FIRST);
    world.start('t', 1, SECOND);
    world.period();
    assert.deepEqual(world.table(HELPER).claims.map(({ session, degree }) => [session, degree]).sort(), [['s', 4], ['t', 4]]);
  });
  test('each session can be run, with a lower bound corresponding to AMCast + adjust, at any time', () => {
    const pool = square(120, 3);
    const world = market(pool);
    for (let i = 0; i < 6; i++) {
      world.start(`s${i}`, 1 + (i % 3), Array.from({ length: 20 }, (_, member) => 20 * i + member));
      world.period();
      for (const { name, heightMs, ownMs } of world.sessions) assert.ok(heightMs <= ownMs, `${name}: ${heightMs} of ${ownMs} ms`);
    }
  });
});

describe('the market ([0091])', () => {
  test('resources occupied by tasks with lower priorities are available; who loses one performs scheduling again', () => {
    const world = market(RIVALS);
    const low = world.start('low', 3, FIRST);
    world.period();
    assert.equal(world.helpersOf(low), 1);
    const high = world.start('high', 2, SECOND);
    world.period();
    assert.equal(world.helpersOf(high), 1);
    assert.equal(world.helpersOf(low), 0);
    assert.ok(low.heightMs <= low.ownMs && low.heightMs > high.heightMs);
    assert.equal(world.counts.preemptions, 1);
    assert.ok(world.counts.replans >= 3, 'each took the helper once, and the loser planned again');
  });
  test('among equal priorities the holder keeps', () => {
    const world = market(RIVALS);
    const first = world.start('first', 2, FIRST);
    world.period();
    const second = world.start('second', 2, SECOND);
    for (let i = 0; i < 3; i++) world.period();
    assert.deepEqual([world.helpersOf(first), world.helpersOf(second), world.counts.preemptions], [1, 0, 0]);
  });
  test('each session reruns scheduling periodically, and switches to a better plan by recently freed resources', () => {
    const world = market(RIVALS);
    world.start('first', 2, FIRST);
    world.period();
    const second = world.start('second', 2, SECOND);
    world.period();
    // However long nothing has changed.
    for (let i = 0; i < 2 * UNREST_PERIODS; i++) world.period();
    world.end('first');
    assert.equal(world.helpersOf(second), 0);
    world.period();
    assert.equal(world.helpersOf(second), 1);
    assert.ok(isRealGain(second.ownMs, second.heightMs));
  });
  test('it switches only if the plan is really better', () => {
    // The helper saves half a millisecond of 20.6.
    const world = market(plane([[0, 0], [20, 0], [20, 0.2], [20, -0.2], [19.9, 0]], [1, 2, 2, 2, 4]));
    const session = world.start('s', 1, FIRST);
    assert.ok(Math.abs(session.ownMs - 20.6) < 1e-9);
    assert.equal(world.period(), 0);
    assert.equal(world.helpersOf(session), 0);
  });
  test('no degree is exceeded, and what is in use is what the sessions hold, whatever comes and goes', () => {
    const pool = square(120, 5);
    const world = market(pool);
    const random = randomFrom(9);
    const running: (MarketSession | undefined)[] = [undefined, undefined, undefined, undefined, undefined, undefined];
    for (let step = 0; step < 24; step++) {
      const place = random.below(running.length);
      const session = running[place];
      if (session === undefined) running[place] = world.start(`s${step}`, 1 + random.below(3), Array.from({ length: 20 }, (_, member) => 20 * place + member));
      else {
        world.end(session.name);
        running[place] = undefined;
      }
      for (const check of [true, false]) {
        if (!check) world.period();
        assert.equal(world.degreeInUse, holdings(world));
        for (let host = 0; host < pool.hosts; host++) assert.ok(world.table(host).used <= (pool.degrees[host] as number));
      }
    }
  });
});

describe('under competition ([0078], [0095])', () => {
  const quiet: number[] = [];
  const played = (sessions: number): readonly (readonly [priority: number, helpers: number, kept: number])[] => [1, 2, 3, 4].flatMap((seed) => {
    const { result } = runMarket(square(240, seed), { sessions, membersEach: 12, seed, rules: { ...MARKET_RULES, planner: 'critical', helpers: HELPER_RULE } });
    quiet.push(result.quietAfterPeriods);
    return result.sessions.map(({ priority, helpers, heightMs, upperMs }) => [priority, helpers, upperMs / heightMs] as const);
  });
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const few = played(4);
  const many = played(20);
  const of = (runs: typeof many, priority: number, column: 1 | 2): number => mean(runs.filter((one) => one[0] === priority).map((one) => one[column]));

  test('when there are more sessions, performance decreases', () => {
    assert.ok(mean(many.map((one) => one[2])) < mean(few.map((one) => one[2])));
  });
  test('higher priority tasks sustain better performance', () => {
    assert.ok(of(many, 1, 2) > of(many, 2, 2) && of(many, 2, 2) > of(many, 3, 2));
  });
  test('plans change for so many periods after the last start, and then no more, whatever follows from what', () => {
    assert.ok(quiet.length === 8 && quiet.some((periods) => periods > 0) && quiet.every((periods) => periods <= UNREST_PERIODS), quiet.join(' '));
  });
  test('lower priority tasks lose more helper nodes', () => {
    assert.ok(of(many, 1, 1) > of(many, 3, 1));
  });
});
