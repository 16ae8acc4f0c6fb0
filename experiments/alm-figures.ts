/**
 * Redraws what the resource pool saves in planning one multicast session ([0082]-[0086], CORRECTIONS 2): improvement over AMCast by
 * group size, helpers used, and the effect of the radius R, of the helpers' minimum degree and of errors in coordinates.
 *
 * Then what many sessions get of one pool (alm-market.ts).
 *
 * `npm run experiment -- alm-figures [runs=20] [markets=2] [latency=FILE hosts=CSV] [only=market]`. With a measured matrix and measured uplinks the first figure
 * and those of the market are drawn for them too. Budgets are work, not time: the figures are the same on every machine.
 */
import { readFileSync } from 'node:fs';
import { argument } from '../bench/report.ts';
import { randomFrom } from '../src/core/random.ts';
import type { HostPool } from '../src/sim/alm/host-pool.ts';
import { blurred, measuredPool, transitStubPool } from '../src/sim/alm/host-pool.ts';
import type { CaseOptions, CaseResult } from '../src/sim/alm/planning-cases.ts';
import { CASE_ALGORITHMS, CASE_WORK, casesOf, runCases } from '../src/sim/alm/planning-cases.ts';
import { readMatrix } from '../src/sim/edge/latency-file.ts';
import { parseUplinks } from '../src/sim/lagover/simulate.ts';
import { drawMarket } from './alm-market.ts';
import { lineChart } from './chart.ts';
import { outputTo } from './output.ts';

const output = outputTo('alm');
const { tell, write } = output;
const HOSTS = 1_200;
const POOLS = 4;
const FIT = { model: 'vivaldi', dimensions: 4 } as const;
const RATE_MBPS = 0.5;
const GROUPS = [10, 20, 50, 100, 150, 200];
const MARKET_SESSIONS = [10, 20, 30, 40, 50, 60];
/** The same shares of the hosts; at a higher rate, or links are not scarce. */
const MEASURED_SESSIONS = [4, 8, 12, 16, 20, 24];
const MEASURED_MARKET_MBPS = 1;
const SWEPT_GROUPS = [20, 100];
const BASE: CaseOptions = { minHelperDegree: 4, radiusMs: 100, runs: argument('runs', 20), seed: 1, work: CASE_WORK };
const SAVED = { label: 'saved of AMCast\'s height, %' } as const;
const SWEPT_ALGORITHMS = ['critical', 'critical+adjust', 'best'] as const;

function word(name: string): string | undefined {
  return process.argv.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1);
}

function play(pools: readonly HostPool[], cases: ReturnType<typeof casesOf>, options: CaseOptions): CaseResult[] {
  const results = runCases(pools, cases, options);
  if (typeof results === 'string') throw new Error(results);
  return results;
}

function rowOf({ groupSize, algorithm, select, latencies, improvement, helpers }: CaseResult): Record<string, string | number> {
  return { groupSize, algorithm, select: select ?? '', latencies, improvementMean: improvement.mean, improvementSd: improvement.sd, helpersMean: helpers.mean };
}

function seriesOf<T extends CaseResult>(results: readonly T[], x: (result: T) => number, y: (result: T) => number): { name: string; points: (readonly [number, number])[] }[] {
  const names = [...new Set(results.map(({ algorithm }) => algorithm))];
  return names.map((name) => ({ name, points: results.filter(({ algorithm }) => algorithm === name).map((result) => [x(result), y(result)] as const) }));
}

const percent = ({ improvement }: CaseResult): number => 100 * improvement.mean;

function drawGroups(name: string, title: string, pools: readonly HostPool[], groups: readonly number[]): void {
  const say = tell(name);
  const results = groups.flatMap((size) => {
    say(`groups of ${size}`);
    return play(pools, casesOf([size], CASE_ALGORITHMS, ['minmax'], ['true', 'coordinates']), BASE);
  });
  const panels = (['true', 'coordinates'] as const).map((source) => ({
    title: source === 'true' ? 'true latencies' : 'coordinates to helpers (Leafset)',
    own: results.filter(({ latencies, algorithm }) => latencies === source || algorithm === 'amcast+adjust'),
  }));
  const size = { label: 'members', min: 0 };
  write(name, lineChart({ title, x: size, y: SAVED, panels: panels.map(({ title: head, own }) => ({ title: head, series: seriesOf(own, (one) => one.groupSize, percent) })) }), results.map(rowOf));
  write(`${name}-helpers`, lineChart({
    title: `Helpers used: ${title}`, x: size, y: { label: 'helpers', min: 0 },
    panels: panels.map(({ title: head, own }) => ({ title: head, series: seriesOf(own, (one) => one.groupSize, (one) => one.helpers.mean) })),
  }), results.map(rowOf));
}

function drawSweep(name: string, title: string, label: string, values: readonly number[], resultsAt: (value: number, size: number) => CaseResult[]): void {
  const say = tell(name);
  const results = values.flatMap((value) => SWEPT_GROUPS.flatMap((size) => {
    say(`${label} ${value}, groups of ${size}`);
    return resultsAt(value, size).map((result) => ({ ...result, value }));
  }));
  write(name, lineChart({
    title, x: { label }, y: SAVED,
    panels: SWEPT_GROUPS.map((size) => ({ title: `groups of ${size}`, series: seriesOf(results.filter(({ groupSize }) => groupSize === size), ({ value }) => value, percent) })),
  }), results.map((result) => ({ [label.replace(/\W+/g, '_')]: result.value, ...rowOf(result) })));
}

const pools = Array.from({ length: POOLS }, (_, i) => transitStubPool(HOSTS, i + 1, FIT));
if (word('only') !== 'market') drawPlanner();
drawMarkets(argument('markets', 2));

function drawMarkets(networks: number): void {
  drawMarket(output, { name: 'market', title: `${HOSTS} hosts`, pools: pools.slice(0, networks), sessions: MARKET_SESSIONS });
  const measured = measuredPools(MEASURED_MARKET_MBPS, networks);
  if (measured.length > 0) drawMarket(output, { name: 'market-measured', title: `${measured[0]?.hosts} measured hosts`, pools: measured, sessions: MEASURED_SESSIONS });
}

/** None without latency=FILE hosts=CSV. */
function measuredPools(rateMbps: number, count: number): HostPool[] {
  const [latency, hosts] = [word('latency'), word('hosts')];
  if (latency === undefined || hosts === undefined) {
    console.log('without latency=FILE hosts=CSV there are no figures for measured hosts');
    return [];
  }
  const uplinks = parseUplinks(readFileSync(hosts, 'utf8'));
  if (typeof uplinks === 'string') throw new Error(uplinks);
  const matrix = readMatrix(latency);
  return Array.from({ length: count }, (_, i) => measuredPool(matrix, uplinks, rateMbps, i + 1, FIT));
}

/** All figures of one session planned by itself. */
function drawPlanner(): void {
  drawGroups('groups', `${HOSTS} hosts on transit-stub networks, helpers by minmax, coordinates by Vivaldi`, pools, GROUPS);
  const known = (size: number): ReturnType<typeof casesOf> => casesOf([size], SWEPT_ALGORITHMS, ['minmax'], ['true']);
  drawSweep('radius', 'Effect of the radius R within which helpers lie', 'R in ms', [25, 50, 75, 100, 150, 200, 300], (radiusMs, size) => play(pools, known(size), { ...BASE, radiusMs }));
  drawSweep('degree', 'Effect of the degree that a helper must have', 'minimum degree', [3, 4, 5, 6, 7], (minHelperDegree, size) => play(pools, known(size), { ...BASE, minHelperDegree }));
  const errors = [0, 0.05, 0.1, 0.2, 0.3];
  const blurredPools = new Map(errors.map((error) => [error, pools.map((pool, i) => ({ ...pool, predictedMs: blurred(pool.trueMs, error, randomFrom(i + 1).fork('error')) }))]));
  drawSweep('error', 'Effect of errors in latencies to helpers', 'median relative error', errors, (error, size) => play(blurredPools.get(error) ?? [], casesOf([size], SWEPT_ALGORITHMS, ['minmax'], ['coordinates']), BASE));
  const fitted = Array.from({ length: POOLS }, (_, i) => transitStubPool(HOSTS, i + 1, { ...FIT, model: 'simplex' }));
  drawGroups('groups-simplex', `${HOSTS} hosts on transit-stub networks, helpers by minmax, coordinates by downhill simplex`, fitted, GROUPS);
  const measured = measuredPools(RATE_MBPS, POOLS);
  if (measured.length > 0) drawGroups('groups-measured', `${measured[0]?.hosts} measured hosts, degrees from measured uplinks at ${RATE_MBPS} Mbit/s`, measured, GROUPS);
}
