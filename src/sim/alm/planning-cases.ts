/**
 * What helpers and adjusting save over AMCast, by group size: `grove sim alm`, and the figures of the resource pool.
 *
 * A run draws a group from the pool; everybody else may help. All algorithms plan for the same group. Members measure one another, so
 * coordinates only stand in for latencies to and between helpers; whatever was planned is judged by the true latencies.
 */
import { assert, must } from '../../core/assert.ts';
import type { Random } from '../../core/random.ts';
import { randomFrom, shuffle } from '../../core/random.ts';
import { WorkBudget } from '../../protocol/alm/budget.ts';
import type { HelperChoice } from '../../protocol/alm/helpers.ts';
import type { Instance } from '../../protocol/alm/instance.ts';
import { missingLinks, NONE, unlinkedMember } from '../../protocol/alm/instance.ts';
import { Latencies } from '../../protocol/alm/latencies.ts';
import type { PlannerName } from '../../protocol/alm/plan.ts';
import { amcastHeightMs, plan } from '../../protocol/alm/plan.ts';
import { Tree } from '../../protocol/alm/tree.ts';
import type { HostPool } from './host-pool.ts';

export type CaseAlgorithm = 'amcast+adjust' | 'critical' | 'critical+adjust' | 'best';
export const CASE_ALGORITHMS: readonly CaseAlgorithm[] = ['amcast+adjust', 'critical', 'critical+adjust', 'best'];
const PLANNERS: Readonly<Record<CaseAlgorithm, PlannerName>> = { 'amcast+adjust': 'amcast', critical: 'critical', 'critical+adjust': 'critical', best: 'best' };
export type LatencySource = 'true' | 'coordinates';

export interface CaseSpec {
  readonly groupSize: number;
  readonly algorithm: CaseAlgorithm;
  /** Null without helpers. */
  readonly select: HelperChoice | null;
  readonly latencies: LatencySource;
}

export interface CaseResult extends CaseSpec {
  readonly improvement: { readonly mean: number; readonly sd: number };
  readonly helpers: { readonly mean: number };
}

export interface CaseOptions {
  readonly minHelperDegree: number;
  readonly radiusMs: number;
  readonly runs: number;
  readonly seed: number;
  /** Candidates for moves that `best` may look at, in each plan. */
  readonly work: number;
}

/** What `best` is given in experiments: about half a second for 200 members, on an idle machine. */
export const CASE_WORK = 3_000_000;
/** Groups of slow hosts that no tree can serve are drawn again, so often. */
const DRAWS_MAX = 1_000;

/** All combinations; without helpers there is nothing to choose, and latencies are known. */
export function casesOf(
  groups: readonly number[], algorithms: readonly CaseAlgorithm[], selects: readonly HelperChoice[], sources: readonly LatencySource[],
): CaseSpec[] {
  return groups.flatMap((groupSize) => algorithms.flatMap((algorithm): CaseSpec[] => {
    if (PLANNERS[algorithm] === 'amcast') return [{ groupSize, algorithm, select: null, latencies: 'true' }];
    return sources.flatMap((latencies) => selects.map((select) => ({ groupSize, algorithm, select, latencies })));
  }));
}

/** One result for each case, in order; or why a group size cannot be had. */
export function runCases(pools: readonly HostPool[], cases: readonly CaseSpec[], options: CaseOptions): CaseResult[] | string {
  const outcomes = cases.map((): Outcome[] => []);
  for (const groupSize of new Set(cases.map((one) => one.groupSize))) {
    for (let run = 0; run < options.runs; run++) {
      const random = randomFrom(options.seed).fork(`group of ${groupSize}`, run);
      const group = drawGroup(must(pools[run % pools.length], 'there is a pool'), groupSize, options.minHelperDegree, random);
      if (group === undefined) return `no group of ${groupSize} hosts has links enough for a tree`;
      cases.forEach((one, i) => {
        if (one.groupSize === groupSize) outcomes[i]?.push(group.outcomeOf(one, options, random.fork('search')));
      });
    }
  }
  return cases.map((one, i) => ({ ...one, ...summaryOf(outcomes[i] as Outcome[]) }));
}

interface Outcome {
  readonly saved: number;
  readonly helpers: number;
}

function summaryOf(outcomes: readonly Outcome[]): Pick<CaseResult, 'improvement' | 'helpers'> {
  const meanOf = (value: (outcome: Outcome) => number): number => outcomes.reduce((sum, outcome) => sum + value(outcome), 0) / outcomes.length;
  const mean = meanOf(({ saved }) => saved);
  const variance = meanOf(({ saved }) => (saved - mean) ** 2) * (outcomes.length / Math.max(1, outcomes.length - 1));
  return { improvement: { mean, sd: Math.sqrt(variance) }, helpers: { mean: meanOf(({ helpers }) => helpers) } };
}

/** The same group for the same random numbers; undefined: none has links enough. */
export function drawGroup(pool: HostPool, groupSize: number, minHelperDegree: number, random: Random): Group | undefined {
  for (let draw = 0; draw < DRAWS_MAX; draw++) {
    const order = shuffle(random.fork('draw', draw), Array.from({ length: pool.hosts }, (_, host) => host));
    const helpers = order.slice(groupSize).filter((host) => (pool.degrees[host] as number) >= minHelperDegree);
    const group = new Group(pool, [...order.slice(0, groupSize), ...helpers], groupSize);
    if (missingLinks(group.alone) === 0 && unlinkedMember(group.alone) === NONE) return group;
  }
  return undefined;
}

/** Members, the root first, and those who may help them. */
export class Group {
  readonly alone: Instance;
  /** With those who may help, and true latencies. */
  readonly truth: Instance;
  readonly #predicted: Instance;
  /** AMCast's height. */
  readonly baseMs: number;

  constructor({ degrees, trueMs, predictedMs }: HostPool, hosts: readonly number[], members: number) {
    const size = hosts.length;
    const known = trueMs.reordered(hosts);
    const rest = { degrees: Int32Array.from(hosts, (host) => degrees[host] as number), upMbps: undefined, downMbps: undefined };
    this.truth = { ...rest, members, size, latencies: known };
    this.alone = { ...rest, members, size: members, latencies: trueMs.reordered(hosts.slice(0, members)) };
    // Members measure one another.
    const latencies = Latencies.fromFunction(size, (a, b) => (a < members && b < members ? known.between(a, b) : predictedMs.between(hosts[a] as number, hosts[b] as number)));
    this.#predicted = { ...rest, members, size, latencies };
    this.baseMs = amcastHeightMs(this.alone) ?? 0;
  }

  outcomeOf({ algorithm, select, latencies }: CaseSpec, options: CaseOptions, random: Random): Outcome {
    const planner = PLANNERS[algorithm];
    const instance = latencies === 'true' ? this.truth : this.#predicted;
    const planned = plan(planner === 'amcast' ? this.alone : instance, {
      planner, adjust: algorithm.endsWith('+adjust'), objective: 'height', random, budget: new WorkBudget(options.work),
      helpers: { select: select ?? 'minmax', minDegree: options.minHelperDegree, radiusMs: options.radiusMs },
    });
    assert(typeof planned !== 'string', 'the group has a tree');
    const { tree } = planned;
    const heightMs = latencies === 'true' || planner === 'amcast' ? tree.heightMs : Tree.fromParents(this.truth, tree.parent).heightMs;
    return { saved: 1 - heightMs / this.baseMs, helpers: tree.helpers };
  }
}
