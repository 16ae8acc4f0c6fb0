/**
 * One plan for one session: which algorithm, which helpers, which objective ([0078]-[0086]). Pure: the same instance, options and
 * budget of work give the same tree; with a clock for a budget, trees are as good as the time allowed.
 */
import type { Millis } from '../../core/env.ts';
import type { Random } from '../../core/random.ts';
import { adjust } from './adjust.ts';
import type { Budget } from './budget.ts';
import { UNLIMITED } from './budget.ts';
import { AMCAST, construct } from './construct.ts';
import type { HelperRule } from './helpers.ts';
import type { Instance } from './instance.ts';
import { randomMove } from './kicks.ts';
import { starBoundMs, varianceMs2 } from './measures.ts';
import { search } from './search.ts';
import type { Tree } from './tree.ts';
import { evenOut } from './variance.ts';
import { widest } from './widest.ts';

export type PlannerName = 'amcast' | 'critical' | 'best';
export const PLANNER_NAMES: readonly PlannerName[] = ['amcast', 'critical', 'best'];
export type Objective = 'height' | 'bottleneck' | 'variance';
export const OBJECTIVES: readonly Objective[] = ['height', 'bottleneck', 'variance'];

export interface PlanOptions {
  readonly planner: PlannerName;
  readonly helpers: HelperRule;
  /** The three moves after amcast and critical; `best` always has them. */
  readonly adjust: boolean;
  readonly objective: Objective;
  readonly random: Random;
  readonly budget: Budget;
}

export interface Plan {
  readonly tree: Tree;
  /** Moves that helped, after the first tree stood. */
  readonly moves: number;
}

/** With more hosts it takes longer to know when to stop than a search ends early by it. */
const BOUND_MAX = 3_000;
/** Random moves between two descents towards an even tree. */
const KICKS = 3;

/** The plan, or in one sentence without its full stop why there is no tree. */
export function plan(instance: Instance, options: PlanOptions): Plan | string {
  const { planner, objective } = options;
  const mayHelp = planner !== 'amcast' && instance.size > instance.members;
  if (objective === 'bottleneck') return planLow(widest(instance, mayHelp), mayHelp, options);
  return objective === 'variance' ? planEven(instance, mayHelp, options) : planLow(instance, mayHelp, options);
}

/** AMCast's tree of the members alone, unadjusted: what improvement is measured against. */
export function amcastHeightMs(instance: Instance): Millis | undefined {
  const tree = construct(instance, AMCAST);
  return typeof tree === 'string' ? undefined : tree.heightMs;
}

function planLow(instance: Instance, mayHelp: boolean, options: PlanOptions): Plan | string {
  const { planner, random, budget } = options;
  const helpers = mayHelp ? options.helpers : undefined;
  if (planner === 'best') return search(instance, { helpers, random, budget, boundMs: instance.size > BOUND_MAX ? 0 : starBoundMs(instance) });
  const tree = construct(instance, { helpers, creditMs: 0 });
  if (typeof tree === 'string') return tree;
  return { tree, moves: options.adjust ? adjust(tree, UNLIMITED) : 0 };
}

/** As even as can be, and nobody later than by AMCast. */
function planEven(instance: Instance, mayHelp: boolean, options: PlanOptions): Plan | string {
  const first = planLow(instance, mayHelp, { ...options, planner: mayHelp ? 'critical' : 'amcast' });
  if (typeof first === 'string' || !(options.adjust || options.planner === 'best')) return first;
  const { tree } = first;
  const limitMs = Math.max(tree.heightMs, amcastHeightMs(instance) ?? 0);
  let moves = first.moves + evenOut(tree, limitMs, options.planner === 'best' ? options.budget : UNLIMITED);
  if (options.planner !== 'best') return { tree, moves };
  const trial = tree.clone();
  let leastMs2 = varianceMs2(tree);
  while (options.budget.allows(1) && leastMs2 > 0) {
    trial.copyFrom(tree);
    for (let i = 0; i < KICKS; i++) randomMove(trial, options.random);
    const helpful = evenOut(trial, limitMs, options.budget);
    if (trial.heightMs > limitMs || trial.helpers > tree.helpers || varianceMs2(trial) >= leastMs2) continue;
    tree.copyFrom(trial);
    leastMs2 = varianceMs2(tree);
    moves += helpful;
  }
  return { tree, moves };
}
