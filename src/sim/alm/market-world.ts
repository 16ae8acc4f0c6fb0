/**
 * Many sessions on one pool of hosts ([0087]-[0095]): each plans for itself with what the pool's report says, and takes what its
 * priority gives it; who loses something plans again; every period each looks whether it could do better.
 *
 * Hosts decide by their own degree tables at the moment they are asked; sessions plan with tables as old as the period, and hear of
 * what has changed since by being refused. Latencies among members are measured; those to helpers are predicted until the session
 * has tried them. The rules are those of protocol/alm/market; here is only who acts when.
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
import { changesAfterLoss, degreesOf, guaranteed, heightOf, helpersOf, isRealGain, nearestTo, planned, repaired } from '../../protocol/alm/market/schedule.ts';
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
  readonly random: Random;
  isHurt: boolean;
  haste: number;
  /** Times that it has changed its plan for a better one, as far as they still count. */
  changes: number;
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
  #hurt: string[] = [];

  constructor(pool: HostPool, rules: MarketRules, random: Random) {
    this.#pool = pool;
    this.#rules = rules;
    this.#random = random;
    this.#tables = Array.from(pool.degrees, (degree) => new DegreeTable(degree));
    this.#kept = [1, 2, 3].map(() => new Int32Array(pool.hosts));
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
      random, isHurt: false, haste: 0, changes: 0,
    };
    this.#sessions.set(name, session);
    this.#insist(session, own.links);
    this.#soothe();
    return session;
  }

  end(name: string): void {
    this.#sessions.delete(name);
    for (const table of this.#tables) table.release(name);
  }

  /** Every session looks once, in any order. Returns how many changed their plan. */
  period(): number {
    const before = this.counts.replans;
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
    session.changes = changesAfterLoss(session.changes, session.priority);
    const { members, memberSet, links, name } = session;
    const helpers = helpersOf(links, memberSet).map((host) => ({ host, degree: this.table(host).heldBy(name) })).filter(({ degree }) => degree > 0);
    const mended = repaired({ members: this.#ownOffers(session), helpers, latencyMs: this.#trueMs }, links);
    const isMended = typeof mended !== 'string' && heightOf(mended, members, this.#trueMs) < session.ownMs;
    this.#insist(session, isMended ? mended : session.own);
    this.counts.replans++;
  }

  /** Plans anew, and changes to that if it is really better. */
  #improve(session: MarketSession): void {
    const told = new Map<number, number>();
    improve<Links>({
      plan: () => {
        const links = planned(this.#situation(session, told), this.#choice(session.random));
        return typeof links === 'string' ? undefined : links;
      },
      heightMs: (links) => heightOf(links, session.members, this.#trueMs),
      tryLinks: (links, onDone) => onDone(this.#tryLinks(session, links)),
      isGain: (heightMs) => isRealGain(session.heightMs, heightMs, session.changes),
      reserve: (links, onDone) => onDone(this.#reserve(session, links, told)),
    }, (links) => {
      if (links === undefined) return this.#letGo(session);
      this.#adopt(session, links);
      this.counts.replans++;
      session.changes++;
    });
  }

  /** False if there was nothing new to learn. */
  #tryLinks({ memberSet, tried }: MarketSession, { parents }: Links): boolean {
    const before = tried.size;
    for (const [child, parent] of parents) {
      if (memberSet.has(child) && memberSet.has(parent)) continue;
      tried.set(this.#pair(child, parent), this.#trueMs(child, parent));
    }
    return tried.size > before;
  }

  #situation(session: MarketSession, told: ReadonlyMap<number, number>): Situation {
    const { name, priority, members, memberSet, tried } = session;
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
      return tried.get(this.#pair(a, b)) ?? this.#pool.predictedMs.between(a, b);
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
      this.#hurtThem(taking.losses);
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
      if (degree === 0) table.release(name);
      else table.take({ ...claimantAt(session, host), degree });
    });
  }

  #hurtThem(losses: readonly Loss[]): void {
    for (const { session } of losses) {
      this.counts.preemptions++;
      must(this.#sessions.get(session), 'who holds links runs').isHurt = true;
      this.#hurt.push(session);
    }
  }

  /** What the metadata tree has gathered by now. */
  #report(): void {
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
