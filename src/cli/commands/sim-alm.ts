/**
 * `grove sim alm`: what helpers and adjusting save over AMCast, by group size, algorithm and choice of helpers, with true latencies
 * and with those that coordinates predict. One line a case.
 */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { GroveError } from '../../core/errors.ts';
import type { HelperChoice } from '../../protocol/alm/helpers.ts';
import { HELPER_RULE } from '../../protocol/alm/helpers.ts';
import type { ModelName } from '../../protocol/measure/model.ts';
import { MODEL_NAMES } from '../../protocol/measure/model.ts';
import type { HostPool } from '../../sim/alm/host-pool.ts';
import type { CaseAlgorithm, LatencySource } from '../../sim/alm/planning-cases.ts';
import { CASE_ALGORITHMS, CASE_WORK } from '../../sim/alm/planning-cases.ts';
import { numberWithin, withExamples, withJson } from '../command.ts';
import { printJson, printTable } from '../output.ts';

interface AlmOptions {
  readonly groups: readonly number[];
  readonly algorithms: readonly CaseAlgorithm[];
  readonly select: readonly HelperChoice[];
  readonly latencies: readonly LatencySource[];
  readonly runs: number;
  readonly seed: number;
  readonly radiusMs: number;
  readonly minDegree: number;
  readonly work: number;
  readonly model: ModelName;
  readonly latency: string;
  readonly hosts?: string;
  readonly rateMbps: number;
  readonly json?: boolean;
}

const TRANSIT_STUB = 'transit-stub';
const HOSTS = 1_200;
const GROUP_MAX = 1_200;
/** Networks that are drawn; runs take them in turn. */
const POOLS = 4;
const DIMENSIONS = 4;

export function defineSimAlm(sim: Command): void {
  const command = sim
    .command('alm')
    .description('Measures multicast planners: the share of AMCast\'s height that they save, and the helpers they take.')
    .option('--groups <n,...>', 'group sizes', sizes, [10, 20, 50, 100, 200])
    .option('--algorithms <name,...>', 'planners', listOf(CASE_ALGORITHMS), CASE_ALGORITHMS)
    .option('--select <name,...>', 'how helpers are chosen', listOf(['closest', 'minmax'] as const), ['closest', 'minmax'])
    .option('--latencies <name,...>', 'what is known of hosts outside the group', listOf(['true', 'coordinates'] as const), ['true', 'coordinates'])
    .option('--runs <n>', 'groups drawn for each size', numberWithin(1, 100_000, true), 20)
    .option('--seed <s>', 'the run is a function of this', numberWithin(0, Number.MAX_SAFE_INTEGER, true), 1)
    .option('--radius-ms <ms>', 'a helper lies within this of its parent', numberWithin(0, 1e9, false), HELPER_RULE.radiusMs)
    .option('--min-degree <d>', 'links that a helper must have free', numberWithin(2, 1_000, true), HELPER_RULE.minDegree)
    .option('--work <n>', 'candidates for moves that "best" looks at', numberWithin(0, 1e12, true), CASE_WORK)
    .addOption(new Option('--model <name>', 'how coordinates are found').choices(MODEL_NAMES).default('vivaldi'))
    .option('--latency <file>', `a matrix of measured round trips, with --hosts; or ${TRANSIT_STUB}`, TRANSIT_STUB)
    .option('--hosts <csv>', 'a table of measured hosts with a column ul_mbps, from which degrees follow')
    .option('--rate-mbps <r>', 'of the stream that uplinks in --hosts carry', numberWithin(0.001, 1e6, false), 0.5);
  withExamples(withJson(command), ['sim alm --groups 20,100 --runs 5', 'sim alm --latency planetlab/ --hosts uplinks.csv --json']);
  command.action(async (options: AlmOptions) => run(options));
}

async function run(options: AlmOptions): Promise<void> {
  const { casesOf, runCases } = await import('../../sim/alm/planning-cases.ts');
  const pools = await poolsFor(options);
  const { hosts } = pools[0] as HostPool;
  const tooLarge = options.groups.find((size) => size > hosts);
  if (tooLarge !== undefined) throw new GroveError('usage', `There are ${hosts} hosts, too few for a group of ${tooLarge}.`);
  const cases = casesOf(options.groups, options.algorithms, options.select, options.latencies);
  const results = runCases(pools, cases, { minHelperDegree: options.minDegree, radiusMs: options.radiusMs, runs: options.runs, seed: options.seed, work: options.work });
  if (typeof results === 'string') throw new GroveError('usage', `With these hosts ${results}; take smaller groups, or a lower --rate-mbps.`);
  if (options.json === true) {
    for (const result of results) printJson(result);
    return;
  }
  printTable(['group', 'algorithm', 'select', 'latencies', 'saved', 'sd', 'helpers'], results.map(({ groupSize, algorithm, select, latencies, improvement, helpers }) => [
    groupSize, algorithm, select ?? '', latencies, `${(100 * improvement.mean).toFixed(1)} %`, `${(100 * improvement.sd).toFixed(1)} %`, helpers.mean.toFixed(1),
  ]));
}

async function poolsFor({ latency, hosts, rateMbps, seed, runs, model }: AlmOptions): Promise<HostPool[]> {
  const { measuredPool, transitStubPool } = await import('../../sim/alm/host-pool.ts');
  const { parseUplinks } = await import('../../sim/lagover/simulate.ts');
  const { readMatrix } = await import('../../sim/edge/latency-file.ts');
  const fit = { model, dimensions: DIMENSIONS };
  const seeds = Array.from({ length: Math.min(POOLS, runs) }, (_, i) => seed + i);
  if (latency === TRANSIT_STUB) {
    if (hosts !== undefined) throw new GroveError('usage', '--hosts goes with --latency FILE: the transit-stub network draws its degrees.');
    return seeds.map((each) => transitStubPool(HOSTS, each, fit));
  }
  if (hosts === undefined) throw new GroveError('usage', '--latency FILE needs --hosts CSV, from which the degrees follow.');
  const matrix = readMatrix(latency);
  if (matrix.rows < 3) throw new GroveError('usage', `${latency} has ${matrix.rows} rows, and coordinates need at least three.`);
  const uplinks = parseUplinks(readText(hosts));
  if (typeof uplinks === 'string') throw new GroveError('usage', `${hosts} is not a table of measured hosts: ${uplinks}.`);
  return seeds.map((each) => measuredPool(matrix, uplinks, rateMbps, each, fit));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new GroveError('usage', `Cannot read ${path}: check that it exists and is readable.`, { cause });
  }
}

function sizes(text: string): number[] {
  return text.split(',').map(numberWithin(2, GROUP_MAX, true));
}

function listOf<T extends string>(names: readonly T[]): (text: string) => T[] {
  return (text) => text.split(',').map((word) => {
    const found = names.find((name) => name === word);
    if (found === undefined) throw new InvalidArgumentError(`Each must be one of ${names.join(', ')}.`);
    return found;
  });
}
