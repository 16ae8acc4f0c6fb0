/**
 * A whole run from its description to its result: what `grove sim lagover` and `grove lagover check` print.
 *
 * Without churn a run ends with the first round after which every online peer is satisfied. Under churn it always plays
 * `maxRounds`, because what one wants to know is how well it stays satisfied; `rounds` is then the first such round.
 * Files are read by the caller: nothing here touches a disk.
 */
import { describeInsufficiency, describeShortage, findShortage, meetsSufficientCondition } from '../../protocol/lagover/feasibility.ts';
import { SOURCE } from '../../protocol/lagover/views.ts';
import { checkTree } from '../../protocol/lagover/tree-check.ts';
import type { ChurnTrace } from '../churn-trace.ts';
import { runMessages } from './run-messages.ts';
import type { ChurnPlan } from './presence.ts';
import { membersOf } from './presence.ts';
import { LagoverRounds } from './rounds.ts';
import type { LagoverSpec } from './spec.ts';
import { SpecFault } from './spec.ts';
import type { Workload } from './workloads.ts';
import { drawWorkload } from './workloads.ts';

/** The contents of the files that a description names. */
export interface LagoverInputs {
  readonly uplinksMbps: readonly number[];
  readonly trace: ChurnTrace | undefined;
}

export interface LagoverResult {
  readonly converged: boolean;
  readonly rounds: number;
  readonly satisfiedShare: number;
  readonly interactions: number;
  readonly reconfigurations: number;
  readonly refusals: number;
  readonly parents: number[];
  readonly delays: (number | null)[];
  readonly online: boolean[];
  readonly series: {
    readonly satisfiedShare: number[];
    /** After the round's departures and arrivals, before any repair. */
    readonly satisfiedShareAfterChurn: number[];
    readonly interactions: number[];
    readonly reconfigurations: number[];
    readonly refusals: number[];
  };
  readonly feasibility: FeasibilitySummary;
  readonly sourceFanout: number;
  readonly fingerprint: string;
}

/** What a run itself gives, at either level. */
export type RunOutcome = Omit<LagoverResult, 'feasibility' | 'sourceFanout'>;

export interface FeasibilitySummary {
  readonly sufficient: boolean;
  /** Places that are missing even with the largest fan-outs nearest to the source, and at which depth; 0 when none are. */
  readonly bound: { readonly missingSlots: number; readonly depth: number | null };
  readonly reasons: string[];
}

export interface CheckResult {
  readonly sufficient: boolean;
  readonly feasible: boolean;
  readonly reasons: string[];
  readonly tree?: { readonly valid: boolean; readonly satisfiedShare: number; readonly delays: (number | null)[]; readonly faults: string[] };
}

/** The column ul_mbps of a CSV file with a head. A sentence when there is none. */
export function parseUplinks(text: string): number[] | string {
  const [head = '', ...lines] = text.split(/\r?\n/);
  const column = head.split(',').indexOf('ul_mbps');
  if (column < 0) return 'it has no column ul_mbps';
  const uplinks = lines.filter((line) => line !== '').map((line) => Number(line.split(',')[column] || NaN)).filter((mbps) => mbps >= 0);
  return uplinks.length === 0 ? 'its column ul_mbps has no numbers' : uplinks;
}

/** Throws a SpecFault when no such workload exists. */
export function workloadOf({ system }: LagoverSpec, uplinksMbps: readonly number[]): Workload {
  if (!('name' in system)) return system;
  const { sourceFanout, ...options } = system;
  const workload = drawWorkload({ ...options, uplinksMbps });
  if (typeof workload === 'string') throw new SpecFault(workload);
  return sourceFanout === undefined ? workload : { ...workload, sourceFanout };
}

/** Called after every round with the share that is satisfied. */
export type OnRound = (round: number, share: number) => void;

export function simulate(spec: LagoverSpec, inputs: LagoverInputs, onRound?: OnRound): LagoverResult {
  const workload = workloadOf(spec, inputs.uplinksMbps);
  const churn = churnOf(spec, inputs.trace, workload.consumers.length);
  const outcome = spec.level === 'messages' ? runMessages(workload, churn, spec, onRound) : runRounds(workload, churn, spec, onRound);
  return { ...outcome, feasibility: summarize(workload), sourceFanout: workload.sourceFanout };
}

function runRounds(workload: Workload, churn: ChurnPlan | undefined, spec: LagoverSpec, onRound?: OnRound): RunOutcome {
  const run = new LagoverRounds(workload, { ...spec, churn });
  const series: LagoverResult['series'] = {
    satisfiedShare: [], satisfiedShareAfterChurn: [], interactions: [], reconfigurations: [], refusals: [],
  };
  let convergedAt: number | undefined;
  while (run.round < spec.maxRounds && (churn !== undefined || convergedAt === undefined)) {
    const before = { interactions: run.interactions, reconfigurations: run.reconfigurations, refusals: run.refusals };
    series.satisfiedShareAfterChurn.push(run.step());
    series.satisfiedShare.push(run.satisfiedShare);
    series.interactions.push(run.interactions - before.interactions);
    series.reconfigurations.push(run.reconfigurations - before.reconfigurations);
    series.refusals.push(run.refusals - before.refusals);
    if (convergedAt === undefined && run.allSatisfied) convergedAt = run.round;
    onRound?.(run.round, run.satisfiedShare);
  }
  const { forest } = run;
  return {
    converged: convergedAt !== undefined, rounds: convergedAt ?? spec.maxRounds, satisfiedShare: run.satisfiedShare,
    interactions: run.interactions, reconfigurations: run.reconfigurations, refusals: run.refusals,
    parents: Array.from(forest.parent.subarray(1)),
    delays: Array.from(forest.delay.subarray(1), (delay, index) => (forest.root[index + 1] === SOURCE ? delay : null)),
    online: Array.from(forest.online.subarray(1), (flag) => flag === 1),
    series, fingerprint: run.fingerprint.digits(),
  };
}

export function check(spec: LagoverSpec, inputs: LagoverInputs): CheckResult {
  const workload = workloadOf(spec, inputs.uplinksMbps);
  const { sufficient, bound, reasons } = summarize(workload);
  const verdict = { sufficient, feasible: bound.missingSlots === 0, reasons };
  if (spec.parents === undefined) return verdict;
  const { delays, satisfied, faults } = checkTree(workload.sourceFanout, workload.consumers, spec.parents);
  return { ...verdict, tree: { valid: faults.length === 0, satisfiedShare: satisfied / delays.length, delays, faults } };
}

function summarize({ sourceFanout, consumers }: Workload): FeasibilitySummary {
  const sufficient = meetsSufficientCondition(sourceFanout, consumers);
  const shortage = sufficient ? undefined : findShortage(sourceFanout, consumers);
  const insufficiency = describeInsufficiency(sourceFanout, consumers);
  const reasons = shortage !== undefined ? [describeShortage(shortage)] : insufficiency === undefined ? [] : [insufficiency];
  return { sufficient, bound: { missingSlots: shortage?.slots ?? 0, depth: shortage?.depth ?? null }, reasons };
}

function churnOf({ churn }: LagoverSpec, trace: ChurnTrace | undefined, peers: number): ChurnPlan | undefined {
  if (churn === undefined || !('file' in churn)) return churn;
  if (trace === undefined) throw new SpecFault(`the trace ${churn.file} is missing`);
  const members = membersOf(trace);
  if (members < peers) throw new SpecFault(`the trace ${trace.name} has ${members} peers, and the system ${peers}`);
  return { trace, roundSeconds: churn.roundSeconds };
}
