/**
 * Many sessions on one pool of hosts ([0087]-[0095]): each plans for itself with what the pool's report says, and takes what its
 * priority gives it; who loses something plans again; every period each looks whether it could do better.
 *
 * Hosts decide by their own degree tables at the moment they are asked; sessions plan with tables as old as the period, and hear of
 * what has changed since by being refused. Latencies among members are measured; those to helpers are predicted until the session
 * has tried them. The rules are those of protocol/alm/market; here is only who acts when.
 *
 * Only starts and ends come from outside. Each has its period, which goes on to whoever loses links or finds them freed by it, at
 * first or second hand; `UNREST_PERIODS` later nobody looks for anything better any more.
 */
import { assert, must } from '../../core/assert.ts';
import type { Millis } from '../../core/env.ts';
import type { Random } from '../../core/random.ts';
import { shuffle } from '../../core/random.ts';
import type { HelperRule } from '../../protocol/alm/helpers.ts';
import type { Claimant, Loss } from '../../protocol/alm/market/degree-table.ts';
import { DegreeTable } from '../../protocol/alm/market/degree-table.ts';
import { improve } from '../../protocol/alm/market/improvement.ts';
import type { Links, Offer, PlannerChoice, Situation } from '../../protocol/alm/market/schedule.ts';
import { countedChanges, degreesOf, guaranteed, heightOf, helpersOf, isRealGain, LOOKED_AT_MAX, LOOKED_FROM_MAX, nearestTo, planned, repaired, UNREST_PERIODS } from '../../protocol/alm/market/schedule.ts';
import type { PlannerName } from '../../protocol/alm/plan.ts';
import type { HostPool } from './host-pool.ts';

export interface MarketRules {
  readonly planner: PlannerName;
  readonly helpers: HelperRule;
  readonly work: number;
}

export interface MarketCounts {
  /** Times that a session lost links to another one. */
  preemptions: number;
  /** Times that a session changed its plan. */
  replans: number;
}

/** A session that loses something plans again at once, so often in a period; after that it waits for the next. */
const HASTE_MAX = 3;

export interface MarketSession {
  readonly name: string;
  readonly priority: number;
  /** The root first. */
  readonly members: readonly number[];
  readonly memberSet: ReadonlySet<number>;
  /** On its own members: what it falls back to, and the links that it needs for that. */
  readonly own: Links;
  readonly needed: ReadonlyMap<number, number>;
  /** By AMCast + adjust. */
  readonly ownMs: Millis;
  links: Links;
  heightMs: Millis;
  /** Of links to helpers that it has tried. */
  readonly tried: Map<number, Millis>;
  readonly triedHosts: Uint8Array;
  /** Hosts that have measured its members. */
  readonly lookedAt: Set<number>;
  readonly random: Random;
  isHurt: boolean;
  haste: number;
  /** Times that it has changed its plan for a better one. */
  changes: number;
  /** The period of the latest change from outside that has told on it. */
  stirredAt: number;
}

export class MarketWorld {
  readonly counts: MarketCounts = { preemptions: 0, replans: 0 };
  readonly #pool: HostPool;
  readonly #rules: MarketRules;
  readonly #random: Random;
  readonly #tables: readonly DegreeTable[];
  readonly #sessions = new Map<string, MarketSession>();
  /** What the pool's report says: links of each host that sessions of priority 1, 2, 3 cannot have. */
  readonly #kept: readonly Int32Array[];
  #period = 0;
  /** Of each host, now and as reported: the period of the latest change from outside that has told on it. */
  readonly #stirs: Float64Array;
  readonly #reportedStirs: Float64Array;
  #hurt: string[] = [];

  constructor(pool: HostPool, rules: MarketRules, random: Random) {
    this.#pool = pool;
    this.#rules = rules;
    this.#random = random;
    this.#tables = Array.from(pool.degrees, (degree) => new DegreeTable(degree));
    this.#kept = [1, 2, 3].map(() => new Int32Array(pool.hosts));
    this.#stirs = new Float64Array(pool.hosts).fill(-Infinity);
    this.#reportedStirs = this.#stirs.slice();
  }

  get sessions(): readonly MarketSession[] {
    return [...this.#sessions.values()];
  }

  get degreeInUse(): number {
    return this.#tables.reduce((sum, table) => sum + table.used, 0);
  }

  table(host: number): DegreeTable {
    return must(this.#tables[host], 'the host is in the pool');
  }

  /** The session runs on its own members at once, and looks for helpers in the next period. */
  start(name: string, priority: number, members: readonly number[]): MarketSession {
    assert(!this.#sessions.has(name), 'a session starts once');
    const random = this.#random.fork(name);
    const own = guaranteed(members.map((host) => ({ host, degree: this.table(host).bound })), this.#trueMs, random);
    assert(typeof own !== 'string', 'members that have a tree were drawn');
    const session: MarketSession = {
      name, priority, members, memberSet: new Set(members), own: own.links, needed: degreesOf(own.links), ownMs: own.heightMs, links: { root: own.links.root, parents: new Map() }, heightMs: Infinity, tried: new Map(),
      triedHosts: new Uint8Array(this.#pool.hosts), lookedAt: new Set(), random, isHurt: false, haste: 0, changes: 0, stirredAt: this.#period,
    };
    this.#sessions.set(name, session);
    this.#insist(session, own.links);
    this.#soothe();
    return session;
  }

  end(name: string): void {
    this.#sessions.delete(name);
    this.#tables.forEach((table, host) => {
      if (table.heldBy(name) > 0) this.#stirs[host] = this.#period;
      table.release(name);
    });
  }

  /** Something changes from outside for everybody, and no change of plan before it counts any more. */
  stir(): void {
    for (const session of this.#sessions.values()) {
      session.stirredAt = this.#period;
      session.changes = 0;
    }
  }

  /** Every session looks once, in any order. Returns how many changed their plan. */
  period(): number {
    const before = this.counts.replans;
    this.#period++;
    this.#report();
    for (const session of this.#sessions.values()) session.haste = 0;
    this.#soothe();
    for (const name of shuffle(this.#random, [...this.#sessions.keys()])) {
      this.#improve(must(this.#sessions.get(name), 'it runs'));
      this.#soothe();
    }
    return this.counts.replans - before;
  }

  helpersOf({ links, memberSet }: MarketSession): number {
    return helpersOf(links, memberSet).length;
  }

  /** Whoever has lost something repairs its plan, and plans anew while it has not done so too often. */
  #soothe(): void {
    for (let name = this.#hurt.shift(); name !== undefined; name = this.#hurt.shift()) {
      const session = this.#sessions.get(name);
      if (session?.isHurt !== true) continue;
      this.#repair(session);
      if (session.haste++ < HASTE_MAX) this.#improve(session);
    }
  }

  #repair(session: MarketSession): void {
    session.isHurt = false;
    const { members, memberSet, links, name } = session;
    const helpers = helpersOf(links, memberSet).map((host) => ({ host, degree: this.table(host).heldBy(name) })).filter(({ degree }) => degree > 0);
    const mended = repaired({ members: this.#ownOffers(session), helpers, latencyMs: this.#trueMs }, links);
    const isMended = typeof mended !== 'string' && heightOf(mended, members, this.#trueMs) < session.ownMs;
    this.#insist(session, isMended ? mended : session.own);
    this.counts.replans++;
  }

  /** Plans anew, and changes to that if it is really better; unless nothing has changed for long. */
  #improve(session: MarketSession): void {
    const told = new Map<number, number>();
    for (const { host } of this.#situation(session, told).helpers) session.stirredAt = Math.max(session.stirredAt, this.#reportedStirs[host] as number);
    if (this.#period - session.stirredAt > UNREST_PERIODS) return;
    improve<Links>({
      lookAround: (onDone) => {
        this.#lookAround(session, told);
        onDone();
      },
      plan: () => {
        const links = planned(this.#situation(session, told), this.#choice(session.random));
        return typeof links === 'string' ? undefined : links;
      },
      heightMs: (links) => heightOf(links, session.members, this.#trueMs),
      tryLinks: (links, onDone) => onDone(this.#tryLinks(session, links)),
      isGain: (heightMs) => isRealGain(session.heightMs, heightMs, countedChanges(session.changes, session.priority)),
      reserve: (links, onDone) => onDone(this.#reserve(session, links, told)),
    }, (links) => {
      if (links === undefined) return this.#letGo(session);
      this.#adopt(session, links);
      this.counts.replans++;
      session.changes++;
    });
  }

  #lookAround(session: MarketSession, told: ReadonlyMap<number, number>): void {
    const { members, lookedAt } = session;
    const unseen = this.#situation(session, told).helpers.filter(({ host }) => !lookedAt.has(host));
    for (const { host } of unseen.slice(0, LOOKED_AT_MAX)) {
      lookedAt.add(host);
      for (const member of nearestTo(members, (one) => this.#pool.predictedMs.between(one, host), LOOKED_FROM_MAX)) this.#try(session, host, member);
    }
  }

  /** False if there was nothing new to learn. */
  #tryLinks(session: MarketSession, { parents }: Links): boolean {
    const { memberSet, tried } = session;
    const before = tried.size;
    for (const [child, parent] of parents) if (!memberSet.has(child) || !memberSet.has(parent)) this.#try(session, child, parent);
    return tried.size > before;
  }

  #try({ tried, triedHosts }: MarketSession, a: number, b: number): void {
    tried.set(this.#pair(a, b), this.#trueMs(a, b));
    triedHosts[a] = triedHosts[b] = 1;
  }

  #situation(session: MarketSession, told: ReadonlyMap<number, number>): Situation {
    const { name, priority, members, memberSet, tried, triedHosts } = session;
    const kept = must(this.#kept[priority - 1], 'three priorities');
    const { minDegree } = this.#rules.helpers;
    const offers: Offer[] = [];
    for (let host = 0; host < this.#pool.hosts; host++) {
      if (memberSet.has(host)) continue;
      const { bound } = this.table(host);
      if (bound < minDegree) continue;
      const held = this.table(host).heldBy(name);
      const degree = told.get(host) ?? Math.min(bound, bound - (kept[host] as number) + held);
      if (degree >= minDegree || held > 0) offers.push({ host, degree });
    }
    const helpers = nearestTo(offers, ({ host }) => (this.table(host).heldBy(name) > 0 ? 0 : this.#nearness(members, host)));
    const latencyMs = (a: number, b: number): Millis => {
      if (memberSet.has(a) && memberSet.has(b)) return this.#trueMs(a, b);
      const isTried = triedHosts[a] === 1 && triedHosts[b] === 1;
      return (isTried ? tried.get(this.#pair(a, b)) : undefined) ?? this.#pool.predictedMs.between(a, b);
    };
    return { members: this.#ownOffers(session), helpers, latencyMs };
  }

  #nearness(members: readonly number[], host: number): Millis {
    let least = Infinity;
    for (const member of members) least = Math.min(least, this.#pool.predictedMs.between(member, host));
    return least;
  }

  #ownOffers(session: MarketSession): Offer[] {
    return session.members.map((host) => ({ host, degree: this.table(host).availableTo(claimantAt(session, host)) }));
  }

  /** Takes what the plan needs. False if a host refused: `told` says what can be had there. */
  #reserve(session: MarketSession, links: Links, told: Map<number, number>): boolean {
    for (const [host, degree] of degreesOf(links)) {
      if (degree <= this.table(host).heldBy(session.name)) continue;
      const taking = this.table(host).take({ ...claimantAt(session, host), degree });
      if (!taking.isGranted) {
        told.set(host, taking.available);
        return false;
      }
      this.#stir(host, session);
      this.#hurtThem(taking.losses, session.stirredAt);
    }
    return true;
  }

  /** Changes to what was reserved, and then lets go of what it does not need any more. */
  #adopt(session: MarketSession, links: Links): void {
    session.links = links;
    session.heightMs = heightOf(links, session.members, this.#trueMs);
    this.#letGo(session);
  }

  /** What no host may refuse: members' own links, and what is held already. */
  #insist(session: MarketSession, links: Links): void {
    assert(this.#reserve(session, links, new Map()), 'a session has its own members, and what it holds');
    this.#adopt(session, links);
  }

  #letGo(session: MarketSession): void {
    const { name } = session;
    const degrees = degreesOf(session.links);
    this.#tables.forEach((table, host) => {
      const held = table.heldBy(name);
      const degree = degrees.get(host) ?? 0;
      if (held <= degree) return;
      this.#stir(host, session);
      if (degree === 0) table.release(name);
      else table.take({ ...claimantAt(session, host), degree });
    });
  }

  #hurtThem(losses: readonly Loss[], stirredAt: number): void {
    for (const { session: name } of losses) {
      const session = must(this.#sessions.get(name), 'who holds links runs');
      this.counts.preemptions++;
      session.isHurt = true;
      session.stirredAt = Math.max(session.stirredAt, stirredAt);
      this.#hurt.push(name);
    }
  }

  #stir(host: number, { stirredAt }: MarketSession): void {
    this.#stirs[host] = Math.max(this.#stirs[host] as number, stirredAt);
  }

  /** What the metadata tree has gathered by now. */
  #report(): void {
    this.#reportedStirs.set(this.#stirs);
    this.#kept.forEach((kept, i) => {
      for (let host = 0; host < kept.length; host++) {
        kept[host] = this.table(host).bound - this.table(host).availableTo({ session: '', priority: i + 1, rateBps: 0, member: undefined });
      }
    });
  }

  #choice(random: Random): PlannerChoice {
    const { planner, helpers, work } = this.#rules;
    return { planner, helpers, work, random };
  }

  #pair(a: number, b: number): number {
    return a < b ? a * this.#pool.hosts + b : b * this.#pool.hosts + a;
  }

  readonly #trueMs = (a: number, b: number): Millis => this.#pool.trueMs.between(a, b);
}

/** The session at one of its hosts. */
function claimantAt({ name, priority, memberSet, needed }: MarketSession, host: number): Claimant {
  return { session: name, priority, rateBps: 0, member: memberSet.has(host) ? { needed: needed.get(host) ?? 0, offered: 0 } : undefined };
}
