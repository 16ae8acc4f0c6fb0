/**
 * One instance for `grove plan`, as it comes out of a JSON file: checked field by field, and turned into what the planner takes.
 *
 * Hosts are named by their index in `degrees` and in the matrix or the coordinates; the planner numbers them anew, members first.
 * What is wrong with the file is a fault. That no tree exists is an answer.
 */
import type { Millis } from '../../core/env.ts';
import { randomFrom } from '../../core/random.ts';
import type { Budget } from '../../protocol/alm/budget.ts';
import type { HelperChoice } from '../../protocol/alm/helpers.ts';
import { HELPER_RULE } from '../../protocol/alm/helpers.ts';
import type { Instance, UsedDegree } from '../../protocol/alm/instance.ts';
import { freeDegrees, PRIORITY_HIGHEST, PRIORITY_LOWEST, ROOT } from '../../protocol/alm/instance.ts';
import { Latencies } from '../../protocol/alm/latencies.ts';
import { bottleneckMbps, starBoundMs, varianceMs2 } from '../../protocol/alm/measures.ts';
import type { Objective, PlannerName } from '../../protocol/alm/plan.ts';
import { amcastHeightMs, OBJECTIVES, plan, PLANNER_NAMES } from '../../protocol/alm/plan.ts';
import { latencySource } from './latency-source.ts';
import type { RttMatrix } from '../latency/matrix.ts';
import type { Fields } from '../spec-fields.ts';
import { oneOf, onlyFields, record, SpecFault, whole, within } from '../spec-fields.ts';

export interface PlanSpec {
  /** Members first, the root at their head, then helpers. */
  readonly hosts: readonly number[];
  readonly members: number;
  readonly instance: Instance;
  readonly planner: PlannerName;
  readonly select: HelperChoice;
  readonly minHelperDegree: number;
  readonly radiusMs: Millis;
  readonly adjust: boolean;
  readonly budgetMs: Millis;
  readonly seed: number;
  readonly objective: Objective;
}

export interface PlanAnswer {
  /** By host; the root has none. */
  readonly parents: Readonly<Record<string, number>>;
  readonly heightMs: Millis;
  /** Null where the members alone have too few links for a tree. */
  readonly amcastHeightMs: Millis | null;
  readonly starBoundMs: Millis;
  readonly helpers: readonly number[];
  readonly bottleneckMbps: number | null;
  readonly varianceMs2: number;
  readonly moves: number;
  readonly elapsedMs: Millis;
}

export interface Infeasible {
  readonly infeasible: true;
  readonly reason: string;
}

const FIELDS = [
  'root', 'members', 'helpers', 'degrees', 'latencyMs', 'coordinates', 'latencyFile', 'algorithm', 'select', 'minHelperDegree', 'radiusMs', 'adjust',
  'budgetMs', 'seed', 'objective', 'upMbps', 'downMbps', 'used', 'priority',
];
export const PLANNED_HOSTS_MAX = 20_000;
const DEGREE_MAX = 1_000_000;
const BUDGET_MS_MAX = 3_600_000;
const MBPS_MAX = 1e9;

/** The path of the matrix that the instance names, if it does. */
export function latencyFileOf(value: unknown): string | undefined {
  const file = (value as { readonly latencyFile?: unknown } | null)?.latencyFile;
  return typeof file === 'string' ? file : undefined;
}

/** Throws a SpecFault. An answer `infeasible` means that latencies leave hosts apart. */
export function parsePlan(value: unknown, matrix: RttMatrix | undefined): PlanSpec | Infeasible {
  const spec = record(value, 'the instance');
  onlyFields(spec, FIELDS, 'the instance');
  const degrees = numbers(spec.degrees, 'degrees', { min: 0, max: DEGREE_MAX, isWhole: true });
  const members = hostList(spec.members, 'members', degrees.length);
  if (members.length === 0) throw new SpecFault('members must name at least the root');
  const root = whole(spec, 'root', 0, degrees.length - 1, members[0]);
  if (!members.includes(root)) throw new SpecFault(`the root ${root} is not a member`);
  const helpers = hostList(spec.helpers ?? [], 'helpers', degrees.length);
  const both = helpers.find((host) => members.includes(host));
  if (both !== undefined) throw new SpecFault(`host ${both} is a member and a helper`);
  const hosts = [root, ...members.filter((host) => host !== root), ...helpers];
  const latencies = latencySource(spec, matrix).among(hosts);
  if (!(latencies instanceof Latencies)) return latencies;
  const bandwidth = (field: 'upMbps' | 'downMbps'): Float64Array | undefined => bandwidths(spec, field, hosts, degrees.length);
  const objective = oneOf(spec, 'objective', OBJECTIVES, 'height');
  const instance: Instance = {
    members: members.length, size: hosts.length, latencies, upMbps: bandwidth('upMbps'), downMbps: bandwidth('downMbps'),
    degrees: freeDegrees(Int32Array.from(hosts, (host) => degrees[host] as number), members.length, parseUsed(spec.used, hosts, degrees.length), whole(spec, 'priority', PRIORITY_HIGHEST, PRIORITY_LOWEST, PRIORITY_LOWEST)),
  };
  if (objective === 'bottleneck' && (instance.upMbps === undefined || instance.downMbps === undefined)) throw new SpecFault('"objective":"bottleneck" needs upMbps and downMbps');
  return {
    hosts, members: members.length, instance, objective,
    planner: oneOf(spec, 'algorithm', PLANNER_NAMES, 'best'),
    select: oneOf(spec, 'select', ['closest', 'minmax'], HELPER_RULE.select),
    minHelperDegree: whole(spec, 'minHelperDegree', 2, DEGREE_MAX, HELPER_RULE.minDegree),
    radiusMs: within(spec, 'radiusMs', 0, Number.MAX_VALUE, HELPER_RULE.radiusMs),
    adjust: flag(spec, 'adjust', true),
    budgetMs: within(spec, 'budgetMs', 0, BUDGET_MS_MAX, 1_000),
    seed: whole(spec, 'seed', 0, Number.MAX_SAFE_INTEGER, 1),
  };
}

/** `budget` has begun; `nowMs` only measures how long it took. */
export function answerPlan(spec: PlanSpec, budget: Budget, nowMs: () => Millis): PlanAnswer | Infeasible {
  const { instance, hosts, members, planner, select, minHelperDegree, radiusMs, adjust, seed, objective } = spec;
  for (let node = 0; node < members && members > 1; node++) {
    if ((instance.degrees[node] as number) === 0) return { infeasible: true, reason: `member ${hosts[node]} has no free link, and every member needs one` };
  }
  const startedAt = nowMs();
  const planned = plan(instance, { planner, adjust, objective, helpers: { select, minDegree: minHelperDegree, radiusMs }, random: randomFrom(seed), budget });
  const elapsedMs = nowMs() - startedAt;
  if (typeof planned === 'string') return { infeasible: true, reason: planned };
  const { tree, moves } = planned;
  const parents: Record<string, number> = {};
  for (let i = 1; i < tree.count; i++) {
    const node = tree.order[i] as number;
    parents[String(hosts[node])] = hosts[tree.parent[node] as number] as number;
  }
  const width = bottleneckMbps(tree);
  return {
    parents, heightMs: tree.heightMs, amcastHeightMs: amcastHeightMs(instance) ?? null, starBoundMs: starBoundMs(instance),
    helpers: hosts.filter((_, node) => node >= members && tree.present[node] === 1).sort((a, b) => a - b),
    bottleneckMbps: width === undefined || width === Infinity ? null : width, varianceMs2: varianceMs2(tree), moves, elapsedMs,
  };
}

/** As text, for people: each host below its parent, with the time at which it hears. */
export function treeLines({ hosts, members, instance }: PlanSpec, { parents }: PlanAnswer): string[] {
  const nodeOf = new Map(hosts.map((host, node) => [host, node]));
  const children = new Map<number, number[]>();
  for (const [child, parent] of Object.entries(parents)) children.set(parent, [...(children.get(parent) ?? []), Number(child)]);
  const lines: string[] = [];
  const waiting: { readonly host: number; readonly ms: Millis; readonly stem: string; readonly isLast: boolean }[] = [{ host: hosts[ROOT] as number, ms: 0, stem: '', isLast: true }];
  while (waiting.length > 0) {
    const { host, ms, stem, isLast } = waiting.pop() as (typeof waiting)[number];
    const isRoot = lines.length === 0;
    const node = nodeOf.get(host) as number;
    const role = isRoot ? '  root' : node >= members ? '  helper' : '';
    lines.push(`${stem}${isRoot ? '' : isLast ? '└─ ' : '├─ '}${host}  ${ms.toFixed(1)} ms${role}`);
    const below = (children.get(host) ?? []).sort((a, b) => b - a);
    below.forEach((child, i) => waiting.push({
      host: child, ms: ms + instance.latencies.between(node, nodeOf.get(child) as number), isLast: i === 0, stem: isRoot ? '' : `${stem}${isLast ? '   ' : '│  '}`,
    }));
  }
  return lines;
}

function hostList(value: unknown, field: string, hosts: number): number[] {
  if (!Array.isArray(value)) throw new SpecFault(`${field} must be a list of hosts, like [0,3]`);
  if (value.length > PLANNED_HOSTS_MAX) throw new SpecFault(`${field} must name at most ${PLANNED_HOSTS_MAX} hosts`);
  const seen = new Set<number>();
  for (const host of value as unknown[]) {
    if (typeof host !== 'number' || !Number.isInteger(host) || host < 0) throw new SpecFault(`${field} must hold whole numbers from 0, not ${JSON.stringify(host)}`);
    if (host >= hosts) throw new SpecFault(`${field} names host ${host}, but degrees has ${hosts} ${hosts === 1 ? 'entry' : 'entries'}`);
    if (seen.has(host)) throw new SpecFault(`${field} names host ${host} twice`);
    seen.add(host);
  }
  return value as number[];
}

interface NumberRange {
  readonly min: number;
  readonly max: number;
  readonly isWhole: boolean;
}

function numbers(value: unknown, field: string, { min, max, isWhole }: NumberRange): number[] {
  if (!Array.isArray(value)) throw new SpecFault(`${field} must be a list of numbers, one for each host`);
  (value as unknown[]).forEach((entry, host) => {
    if (typeof entry === 'number' && entry >= min && entry <= max && (!isWhole || Number.isInteger(entry))) return;
    throw new SpecFault(`${field}[${host}] must be a ${isWhole ? 'whole ' : ''}number from ${min} to ${max}, not ${JSON.stringify(entry)}`);
  });
  return value as number[];
}

function bandwidths(spec: Fields, field: 'upMbps' | 'downMbps', hosts: readonly number[], count: number): Float64Array | undefined {
  if (spec[field] === undefined) return undefined;
  const values = numbers(spec[field], field, { min: 0, max: MBPS_MAX, isWhole: false });
  if (values.length !== count) throw new SpecFault(`${field} has ${values.length} entries and degrees has ${count}`);
  return Float64Array.from(hosts, (host) => values[host] as number);
}

/** Entries for hosts that take no part are allowed: a pool's degree tables may be given whole. */
function parseUsed(value: unknown, hosts: readonly number[], count: number): UsedDegree[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new SpecFault('used must be a list like [{"host":3,"priority":1,"degree":2}]');
  const nodeOf = new Map(hosts.map((host, node) => [host, node]));
  return value.flatMap((entry: unknown, index) => {
    const what = `used[${index}]`;
    const fields = record(entry, what);
    onlyFields(fields, ['host', 'priority', 'degree'], what);
    try {
      const host = whole(fields, 'host', 0, count - 1, undefined);
      const used = { priority: whole(fields, 'priority', PRIORITY_HIGHEST, PRIORITY_LOWEST, undefined), degree: whole(fields, 'degree', 0, DEGREE_MAX, undefined) };
      const node = nodeOf.get(host);
      return node === undefined ? [] : [{ node, ...used }];
    } catch (fault) {
      throw fault instanceof SpecFault ? new SpecFault(`${what}: ${fault.message}`) : fault;
    }
  });
}

function flag(spec: Fields, field: string, otherwise: boolean): boolean {
  const value = spec[field] ?? otherwise;
  if (typeof value !== 'boolean') throw new SpecFault(`${field} must be true or false, not ${JSON.stringify(value)}`);
  return value;
}
