/**
 * How a session's task manager plans within the pool ([0091]): with what its rank gives it of each machine, completely on its own.
 *
 * A plan names hosts, not the planner's nodes, because candidates change from one plan to the next. Latencies to helpers are
 * predicted from coordinates until the session has measured them: a plan is tried on its own links, and planned again with what
 * they turned out to be, because a tree is as high as its worst link. docs/decisions/0045 says what that gains.
 */
import type { Millis } from '../../../core/env.ts';
import type { Random } from '../../../core/random.ts';
import { UNLIMITED, WorkBudget } from '../budget.ts';
import type { HelperRule } from '../helpers.ts';
import { HELPER_RULE } from '../helpers.ts';
import type { Instance } from '../instance.ts';
import { NONE, PRIORITY_HIGHEST } from '../instance.ts';
import { Latencies } from '../latencies.ts';
import type { PlannerName } from '../plan.ts';
import { plan } from '../plan.ts';
import { replan } from '../replan.ts';
import { gatherFreeLinks } from '../thrift.ts';
import type { Tree } from '../tree.ts';

/** A machine, and the links that a session may have of it. */
export interface Offer {
  readonly host: number;
  readonly degree: number;
}

export interface Situation {
  /** The session's own, the root first; they can be had at the highest rank. */
  readonly members: readonly Offer[];
  readonly helpers: readonly Offer[];
  readonly latencyMs: (a: number, b: number) => Millis;
}

/** A tree of hosts. The root has no parent. */
export interface Links {
  readonly root: number;
  readonly parents: ReadonlyMap<number, number>;
}

export interface PlannerChoice {
  readonly planner: PlannerName;
  readonly helpers: HelperRule;
  readonly random: Random;
  /** Candidates for moves that `best` may look at. */
  readonly work: number;
}

/** Helpers with three free links are worth having where those with four are all taken; docs/decisions/0045. */
export const MARKET_HELPER_RULE: HelperRule = { ...HELPER_RULE, minDegree: 3 };
/** Hosts that a plan considers: those that seem nearest to some member. */
const CANDIDATES_MAX = 128;
/** A plan that is lower by less than this share is not worth moving peers for. */
export const REAL_GAIN = 0.05;
/**
 * Periods after a change from outside, in which a session looks for better plans: a session starts or ends, a member comes or goes, a helper vanishes, a
 * latency is another. What follows from such a change, links lost to others or freed by them, counts from the same moment, so that all of it is over by then.
 */
export const UNREST_PERIODS = 4;
/** Candidates for a move that one plan may look at. */
export const PLAN_WORK = 60_000;
/** Moves of the patent's that repair a plan after a loss. */
const REPAIR_MOVES = 8;

/** `changes`: as far as they count. */
export function isRealGain(nowMs: Millis, thenMs: Millis, changes = 0): boolean {
  return thenMs < nowMs * (1 - REAL_GAIN * 2 ** changes);
}

/** Hosts that a session looks at each time before it plans, and members that each of them measures. */
export const LOOKED_AT_MAX = 16;
export const LOOKED_FROM_MAX = 16;

/** Of all that would help, those worth a look; distances as far as they are known. */
export function nearestTo<T>(candidates: readonly T[], distanceMs: (candidate: T) => Millis, most = CANDIDATES_MAX): T[] {
  const ranked = candidates.map((candidate, place) => ({ candidate, place, ms: distanceMs(candidate) }));
  return ranked.sort((a, b) => a.ms - b.ms || a.place - b.place).slice(0, most).map(({ candidate }) => candidate);
}

/** What counts of a session's changes for a better plan: after each it asks for twice as much, but no more than is fit for its priority. What lower ones find is soon lost again. */
export function countedChanges(changes: number, priority: number): number {
  return Math.min(changes, priority - PRIORITY_HIGHEST);
}

/** Planned anew, whatever stood before. A string says why there is no tree. */
export function planned(situation: Situation, { planner, helpers, random, work }: PlannerChoice): Links | string {
  const { hosts, instance } = instanceOf(situation);
  const found = plan(instance, { planner, helpers, adjust: true, objective: 'height', random, budget: new WorkBudget(work) });
  if (typeof found === 'string') return found;
  return linksOf(hosts, found.tree);
}

/**
 * What a session is never worse off than ([0090]): AMCast + adjust on its own members, and its height. Of trees that are no higher the one
 * that leaves most to others: it has those links before everybody else.
 */
export function guaranteed(members: readonly Offer[], latencyMs: Situation['latencyMs'], random: Random): { readonly links: Links; readonly heightMs: Millis } | string {
  const { hosts, instance } = instanceOf({ members, helpers: [], latencyMs });
  const found = plan(instance, { planner: 'amcast', helpers: MARKET_HELPER_RULE, adjust: true, objective: 'height', random, budget: UNLIMITED });
  if (typeof found === 'string') return found;
  const { heightMs } = found.tree;
  return { links: linksOf(hosts, gatherFreeLinks(found.tree, heightMs, random)), heightMs };
}

/** The plan as far as it can stay, and the rest hung on again ([0091]: "when an active session loses a resource"). */
export function repaired(situation: Situation, before: Links): Links | string {
  const { hosts, instance } = instanceOf(situation);
  const nodeOf = new Map(hosts.map((host, node) => [host, node]));
  const previous = Int32Array.from(hosts, (host) => {
    const parent = before.parents.get(host);
    return parent === undefined ? NONE : (nodeOf.get(parent) ?? NONE);
  });
  const found = replan(instance, previous, REPAIR_MOVES);
  return typeof found === 'string' ? found : linksOf(hosts, found.tree);
}

/** Links of each host of the tree, the one to its parent included. */
export function degreesOf({ root, parents }: Links): Map<number, number> {
  const degrees = new Map<number, number>([[root, 0]]);
  const add = (host: number): void => void degrees.set(host, (degrees.get(host) ?? 0) + 1);
  for (const [child, parent] of parents) {
    add(child);
    add(parent);
  }
  return degrees;
}

/** When the last of these hosts hears. */
export function heightOf({ root, parents }: Links, members: readonly number[], latencyMs: (a: number, b: number) => Millis): Millis {
  const known = new Map<number, Millis>([[root, 0]]);
  const reachedAt = (host: number): Millis => {
    const before = known.get(host);
    if (before !== undefined) return before;
    const parent = parents.get(host) as number;
    const ms = reachedAt(parent) + latencyMs(parent, host);
    known.set(host, ms);
    return ms;
  };
  return members.reduce((highest, member) => Math.max(highest, reachedAt(member)), 0);
}

/** How many hosts of the tree are none of these members. */
export function helpersOf({ root, parents }: Links, members: ReadonlySet<number>): number[] {
  return [root, ...parents.keys()].filter((host) => !members.has(host));
}

function instanceOf({ members, helpers, latencyMs }: Situation): { readonly hosts: readonly number[]; readonly instance: Instance } {
  const offers = [...members, ...helpers];
  const hosts = offers.map(({ host }) => host);
  const instance: Instance = {
    members: members.length, size: hosts.length, degrees: Int32Array.from(offers, ({ degree }) => degree),
    latencies: Latencies.ofPairs(hosts.length, (a, b) => latencyMs(hosts[a] as number, hosts[b] as number)), upMbps: undefined, downMbps: undefined,
  };
  return { hosts, instance };
}

function linksOf(hosts: readonly number[], tree: Tree): Links {
  const parents = new Map<number, number>();
  for (let i = 1; i < tree.count; i++) {
    const node = tree.order[i] as number;
    parents.set(hosts[node] as number, hosts[tree.parent[node] as number] as number);
  }
  return { root: hosts[0] as number, parents };
}
