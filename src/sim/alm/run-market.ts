/**
 * The experiment of [0088]: sessions with disjoint sets of members start and end at random on one pool, until as many run as were
 * asked for; then nothing more changes, and the market comes to rest.
 *
 * Each session that is left is held against two bounds ([0090]): AMCast + adjust on its own members, and the same rules with the
 * whole pool for itself.
 */
import { assert, must } from '../../core/assert.ts';
import type { Millis } from '../../core/env.ts';
import type { Random } from '../../core/random.ts';
import { randomFrom, shuffle } from '../../core/random.ts';
import { MARKET_HELPER_RULE, PLAN_WORK } from '../../protocol/alm/market/schedule.ts';
import { amcastHeightMs } from '../../protocol/alm/plan.ts';
import type { HostPool } from './host-pool.ts';
import type { MarketRules, MarketSession } from './market-world.ts';
import { MarketWorld } from './market-world.ts';

export interface MarketOptions {
  readonly sessions: number;
  readonly membersEach: number;
  readonly seed: number;
  readonly rules: MarketRules;
}

export interface SessionResult {
  readonly priority: number;
  readonly members: number;
  readonly helpers: number;
  readonly heightMs: Millis;
  /** Height by AMCast + adjust on the session's own members: the lower bound of what it gets. */
  readonly lowerMs: Millis;
  /** Height with the whole pool for itself: the upper bound of what it can get. */
  readonly upperMs: Millis;
  /** Share of AMCast's height that is saved. */
  readonly improvement: number;
}

export interface MarketResult {
  readonly sessions: readonly SessionResult[];
  readonly preemptions: number;
  readonly replans: number;
  /** Periods after the last start or end in which some session still changed its plan; as far as was waited. */
  readonly quietAfterPeriods: number;
}

export interface MarketRun {
  readonly result: MarketResult;
  readonly degreeInUse: number;
}

export const MARKET_RULES: MarketRules = { planner: 'best', helpers: MARKET_HELPER_RULE, work: PLAN_WORK };
export const MARKET_MEMBERS = 20;
const PRIORITIES = 3;
/** In periods: how long sessions start and end, how long one lasts and how long its place then stays empty, on average. */
const CHURN_PERIODS = 30;
const LIFE_PERIODS = 15;
const PAUSE_PERIODS = 4;
const WAIT_PERIODS = 40;
/** So many periods without a change of plan are rest. */
const REST_PERIODS = 3;
/** By then a session that is alone has looked at all that it considers. */
const LOOKS_ALONE = 10;

export function runMarket(pool: HostPool, { sessions, membersEach, seed, rules }: MarketOptions): MarketRun {
  assert(sessions * membersEach <= pool.hosts, 'sets of members are disjoint');
  const random = randomFrom(seed).fork('market');
  const world = new MarketWorld(pool, rules, random.fork('world'));
  const idle = shuffle(random.fork('hosts'), Array.from({ length: pool.hosts }, (_, host) => host));
  churn(world, { sessions, membersEach, idle, random: random.fork('churn') });
  let quietAfterPeriods = 0;
  for (let period = 1; period <= WAIT_PERIODS && period - quietAfterPeriods <= REST_PERIODS; period++) if (world.period() > 0) quietAfterPeriods = period;
  const results = world.sessions.map((session) => resultOf(world, session, aloneMs(pool, rules, session, random), amcastMs(pool, session)));
  return { result: { sessions: results, ...world.counts, quietAfterPeriods }, degreeInUse: world.degreeInUse };
}

interface Places {
  readonly sessions: number;
  readonly membersEach: number;
  /** Hosts that are no members of any session. */
  readonly idle: number[];
  readonly random: Random;
}

/** Ends with every place taken, right after a start. */
function churn(world: MarketWorld, { sessions, membersEach, idle, random }: Places): void {
  const places = Array.from({ length: sessions }, (): MarketSession | undefined => undefined);
  let started = 0;
  const start = (): MarketSession => {
    const members = idle.splice(0, membersEach);
    return world.start(`s${++started}`, 1 + random.below(PRIORITIES), members);
  };
  const end = ({ name, members }: MarketSession): undefined => {
    world.end(name);
    idle.push(...members);
    shuffle(random, idle);
  };
  for (let period = 1; places.includes(undefined); period++) {
    places.forEach((session, place) => {
      if (session === undefined) places[place] = random.below(PAUSE_PERIODS) === 0 ? start() : undefined;
      else if (period < CHURN_PERIODS && random.below(LIFE_PERIODS) === 0) places[place] = end(session);
    });
    if (period < CHURN_PERIODS || places.includes(undefined)) world.period();
  }
}

function resultOf(world: MarketWorld, session: MarketSession, upperMs: Millis, baseMs: Millis): SessionResult {
  const { priority, members, heightMs, ownMs } = session;
  return { priority, members: members.length, helpers: world.helpersOf(session), heightMs, lowerMs: ownMs, upperMs, improvement: 1 - heightMs / baseMs };
}

/** In a market of its own, until it is content however often it looks. */
function aloneMs(pool: HostPool, rules: MarketRules, { name, priority, members }: MarketSession, random: Random): Millis {
  const world = new MarketWorld(pool, rules, random.fork('alone'));
  const session = world.start(name, priority, members);
  for (let period = 1, last = 0; period <= WAIT_PERIODS && period - last <= LOOKS_ALONE; period++) {
    world.stir();
    if (world.period() > 0) last = period;
  }
  return session.heightMs;
}

function amcastMs({ degrees, trueMs }: HostPool, { members }: MarketSession): Millis {
  const alone = {
    members: members.length, size: members.length, degrees: Int32Array.from(members, (host) => degrees[host] as number),
    latencies: trueMs.reordered(members), upMbps: undefined, downMbps: undefined,
  };
  return must(amcastHeightMs(alone), 'members that have a tree were drawn');
}
