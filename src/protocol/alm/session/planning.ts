/**
 * From what a root knows of its members to a tree, and back to who is whose parent. Pure.
 *
 * Members measure one another on the edges that they have and on those that a plan would give them; for all other pairs coordinates must do ([0079], [0086]). A pair that did
 * not work counts as very far apart, so that no plan joins it while there is another way, and a peer that somebody lost has no
 * link to give. What lost its parent is hung on again first, with as few moves as can be; a whole new plan is made now and then,
 * and followed only for a real gain ([0091]).
 */
import type { Millis } from '../../../core/env.ts';
import type { Random } from '../../../core/random.ts';
import { predictedRtt } from '../../measure/vivaldi.ts';
import type { Coordinate } from '../../wire/messages.ts';
import { WorkBudget } from '../budget.ts';
import type { Instance } from '../instance.ts';
import { NONE } from '../instance.ts';
import { Latencies } from '../latencies.ts';
import { starBoundMs } from '../measures.ts';
import type { Objective } from '../plan.ts';
import { amcastHeightMs, plan } from '../plan.ts';
import { replan } from '../replan.ts';
import type { Tree } from '../tree.ts';
import { degreesOf, guaranteed, MARKET_HELPER_RULE, PLAN_WORK } from '../market/schedule.ts';

/** A member or a helper, as the planner sees it. */
export interface Party {
  readonly peerId: string;
  /** Links that it may have now, the one to its parent included. */
  readonly degree: number;
  readonly coordinate: Coordinate | undefined;
  /** Bit/s; 0: not known. */
  readonly upBps: number;
  readonly downBps: number;
}

/** By identity: each one's parent. The root has none. */
export type Parents = ReadonlyMap<string, string>;

export interface Knowledge {
  /** The root first. */
  readonly members: readonly Party[];
  readonly helpers: readonly Party[];
  /** Measured round trip between two peers, if there is one. */
  rttMs(a: string, b: string): Millis | undefined;
  isBarred(a: string, b: string): boolean;
}

export interface Planned {
  readonly parents: Parents;
  readonly heightMs: Millis;
  /** Helpers in use, with their links. */
  readonly helpers: readonly { readonly peerId: string; readonly links: number }[];
}

/** One way between peers of which nothing is known. */
const UNKNOWN_MS = 50;
const BARRED_LATENCY_MS = 100_000;
const MBPS = 1e6;
/** Links that are taken to be unlimited where no bandwidth is known. */
const UNKNOWN_MBPS = 1_000;

export function latencyMs(a: Party, b: Party, knowledge: Knowledge): Millis {
  if (knowledge.isBarred(a.peerId, b.peerId)) return BARRED_LATENCY_MS;
  const measured = knowledge.rttMs(a.peerId, b.peerId);
  if (measured !== undefined) return Math.min(BARRED_LATENCY_MS, measured / 2);
  if (a.coordinate === undefined || b.coordinate === undefined || a.coordinate.vector.length !== b.coordinate.vector.length) return UNKNOWN_MS;
  const predicted = predictedRtt(a.coordinate, b.coordinate) / 2;
  return Number.isFinite(predicted) ? Math.min(BARRED_LATENCY_MS, predicted) : UNKNOWN_MS;
}

/** The tree with those who have no parent in `previous`, or cannot keep it, hung on again; or why there is none. */
export function repaired(knowledge: Knowledge, previous: Parents, movesMax: number): Planned | string {
  const parties = [...knowledge.members, ...knowledge.helpers];
  const places = new Map(parties.map(({ peerId }, place) => [peerId, place]));
  const links = Int32Array.from(parties, ({ peerId }) => places.get(previous.get(peerId) ?? '') ?? NONE);
  const repairedTree = replan(instanceOf(knowledge), withoutBarred(parties, links, knowledge), movesMax);
  return typeof repairedTree === 'string' ? repairedTree : planned(repairedTree.tree, parties);
}

/** The best tree that can be found now, without regard to the present one. */
export function bestPlan(knowledge: Knowledge, objective: Objective, random: Random): Planned | string {
  const made = plan(instanceOf(knowledge), { planner: 'best', helpers: MARKET_HELPER_RULE, adjust: true, objective, random, budget: new WorkBudget(PLAN_WORK) });
  return typeof made === 'string' ? made : planned(made.tree, [...knowledge.members, ...knowledge.helpers]);
}

export function heightOf(knowledge: Knowledge, parents: Parents): Millis {
  const byId = new Map([...knowledge.members, ...knowledge.helpers].map((party) => [party.peerId, party]));
  const heightAt = (peerId: string, hops: number): Millis => {
    const parent = parents.get(peerId);
    const [self, above] = [byId.get(peerId), byId.get(parent ?? '')];
    if (parent === undefined || self === undefined || above === undefined || hops > byId.size) return 0;
    return heightAt(parent, hops + 1) + latencyMs(above, self, knowledge);
  };
  return Math.max(0, ...knowledge.members.map(({ peerId }) => heightAt(peerId, 0)));
}

/** Members only: AMCast's tree, and what no tree can beat. */
export function boundsOf(knowledge: Knowledge): { readonly amcastHeightMs: Millis | undefined; readonly starBoundMs: Millis } {
  const instance = instanceOf({ ...knowledge, helpers: [] });
  return { amcastHeightMs: amcastHeightMs(instance), starBoundMs: starBoundMs(instance) };
}

/** Links of each member in a tree without helpers that is no higher than AMCast + adjust makes it: what the session may insist on ([0090]). */
export function neededLinks(knowledge: Knowledge, random: Random): ReadonlyMap<string, number> {
  const { members } = knowledge;
  const found = guaranteed(members.map(({ degree }, host) => ({ host, degree })), (a, b) => latencyMs(members[a] as Party, members[b] as Party, knowledge), random);
  if (typeof found === 'string') return new Map();
  return new Map([...degreesOf(found.links)].map(([host, links]) => [(members[host] as Party).peerId, links]));
}

function instanceOf(knowledge: Knowledge): Instance {
  const parties = [...knowledge.members, ...knowledge.helpers];
  const mbps = (bps: number): number => (bps > 0 ? bps / MBPS : UNKNOWN_MBPS);
  return {
    members: knowledge.members.length,
    size: parties.length,
    degrees: Int32Array.from(parties, ({ degree }) => degree),
    latencies: Latencies.fromFunction(parties.length, (a, b) => latencyMs(parties[a] as Party, parties[b] as Party, knowledge)),
    upMbps: Float64Array.from(parties, ({ upBps }) => mbps(upBps)),
    downMbps: Float64Array.from(parties, ({ downBps }) => mbps(downBps)),
  };
}

function withoutBarred(parties: readonly Party[], links: Int32Array, knowledge: Knowledge): Int32Array {
  return links.map((parent, node) => {
    const [child, above] = [parties[node], parties[parent]];
    return child !== undefined && above !== undefined && knowledge.isBarred(above.peerId, child.peerId) ? NONE : parent;
  });
}

function planned(tree: Tree, parties: readonly Party[]): Planned {
  const parents = new Map<string, string>();
  const helpers: { peerId: string; links: number }[] = [];
  for (let i = 1; i < tree.count; i++) {
    const node = tree.order[i] as number;
    const { peerId } = parties[node] as Party;
    parents.set(peerId, (parties[tree.parent[node] as number] as Party).peerId);
    if (tree.isHelper(node)) helpers.push({ peerId, links: tree.degree[node] as number });
  }
  return { parents, heightMs: tree.heightMs, helpers };
}
