/**
 * Redraws Figures 2, 3 and 4 of the LagOver paper, for both rule sets and all three algorithms, and draws what the paper does
 * not show: growth with the number of peers, shares over time under churn, work per peer, depth against constraint, and
 * refusals of the oracles. Beside each SVG lies a CSV with its data; docs/lagover-reproduction.md says what follows.
 */
import { join } from 'node:path';
import { ALGORITHM_NAMES } from '../src/protocol/lagover/algorithm.ts';
import { ORACLE_NAMES } from '../src/sim/lagover/oracles.ts';
import { dotChart, lineChart } from './chart.ts';
import { writePage } from './lagover-page.ts';
import { outputTo } from './output.ts';
import type { DepthRecord, RunRecord, SeriesRecord } from './lagover-runs.ts';
import { PEERS, playDepths, playGrowth, playMatrix, playRefusals, playShares, ROUNDS_LIMIT, RULES, WORKLOADS } from './lagover-runs.ts';

const DOCS = join(import.meta.dirname, '..', 'docs');
const ROUNDS = { label: 'rounds until all are satisfied', log: true } as const;
const SHARE = { label: 'satisfied share of online peers', min: 0, max: 1 } as const;
const BY_ROUND = { label: 'round' } as const;
const CONVERGING_ROUNDS = 150;
const CHURN_ROUNDS = 600;
const REFUSAL_ROUNDS = 60;

const { tell, write } = outputTo('lagover');

/** One row for each round, one column for each series. */
function columnsOf(records: readonly SeriesRecord[], nameOf: (series: SeriesRecord) => string): object[] {
  const rounds = records.reduce((most, { values }) => Math.max(most, values.length), 0);
  return Array.from({ length: rounds }, (_, index) => ({
    round: index + 1, ...Object.fromEntries(records.map((series) => [nameOf(series), series.values[index] ?? ''])),
  }));
}

function pointsOf(values: readonly number[]): (readonly [number, number])[] {
  return values.map((y, index) => [index + 1, y] as const);
}

function drawSpread(records: readonly RunRecord[]): void {
  for (const rules of RULES) {
    const own = records.filter((run) => run.rules === rules && run.oracle === 'random-delay' && run.timing === 'synchronous');
    write(`figure-2-${rules}`, dotChart({
      title: `Figure 2: 50 runs and their median, Random-Delay, no churn, rules \`${rules}\``, y: ROUNDS, limit: ROUNDS_LIMIT,
      panels: WORKLOADS.map((workload) => ({
        title: workload,
        groups: [{
          label: '', series: ALGORITHM_NAMES.map((name) => ({
            name, values: own.filter((run) => run.workload === workload && run.algorithm === name).map((run) => run.rounds),
          })),
        }],
      })),
    }), own);
  }
}

function drawOracles(records: readonly RunRecord[]): void {
  for (const rules of RULES) {
    const own = records.filter((run) => run.rules === rules && run.timing === 'synchronous' && run.seed <= 5);
    write(`figure-3-${rules}`, dotChart({
      title: `Figure 3: 5 runs and their median by oracle, no churn, rules \`${rules}\``, y: ROUNDS, limit: ROUNDS_LIMIT,
      panels: ALGORITHM_NAMES.map((algorithm) => ({
        title: algorithm,
        groups: WORKLOADS.map((workload) => ({
          label: workload, series: ORACLE_NAMES.map((name) => ({
            name, values: own.filter((run) => run.algorithm === algorithm && run.workload === workload && run.oracle === name).map((run) => run.rounds),
          })),
        })),
      })),
    }), own);
  }
}

function drawShares(calm: readonly SeriesRecord[], churned: readonly SeriesRecord[]): void {
  for (const rules of RULES) {
    const own = [...calm, ...churned].filter((series) => series.rules === rules);
    const panel = (title: string, records: readonly SeriesRecord[]) =>
      ({ title, series: records.map(({ algorithm, values }) => ({ name: algorithm, points: pointsOf(values.slice(0, CONVERGING_ROUNDS)) })) });
    const bicorr = own.filter((series) => series.workload === 'bicorr');
    write(`figure-4-${rules}`, lineChart({
      title: `Figure 4: BiCorr, mean of 10 seeds, Random-Delay, rules \`${rules}\``, x: BY_ROUND, y: SHARE,
      panels: [panel('without churn', bicorr.filter((series) => !series.churn)), panel('with churn .01 / .2', bicorr.filter((series) => series.churn))],
    }), columnsOf(bicorr, ({ algorithm, churn }) => `${algorithm} ${churn ? 'with' : 'without'} churn`));
    const under = own.filter((series) => series.churn);
    write(`churn-${rules}`, lineChart({
      title: `Satisfied share under churn .01 / .2, mean of 10 seeds, Random-Delay, rules \`${rules}\``, x: BY_ROUND, y: SHARE,
      panels: WORKLOADS.map((workload) => ({
        title: workload,
        series: under.filter((series) => series.workload === workload).map(({ algorithm, values }) => ({ name: algorithm, points: pointsOf(values) })),
      })),
    }), columnsOf(under, ({ workload, algorithm }) => `${workload} ${algorithm}`));
  }
}

function drawGrowth(records: readonly RunRecord[]): void {
  const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
  write('growth', lineChart({
    title: 'Rounds against the number of peers, median, Random-Delay, no churn, rules `displacing`', x: { label: 'peers', log: true }, y: ROUNDS,
    panels: WORKLOADS.map((workload) => ({
      title: workload,
      series: ALGORITHM_NAMES.map((name) => {
        const own = records.filter((run) => run.workload === workload && run.algorithm === name);
        const sizes = [...new Set(own.map((run) => run.peers))];
        return { name, points: sizes.map((peers) => [peers, median(own.filter((run) => run.peers === peers).map((run) => run.rounds))] as const) };
      }),
    })),
  }), records);
}

function drawWork(records: readonly RunRecord[]): void {
  const own = records.filter((run) => run.rules === 'displacing' && run.oracle === 'random-delay' && run.timing === 'synchronous');
  const panel = (title: string, valueOf: (run: RunRecord) => number) => ({
    title,
    groups: WORKLOADS.map((workload) => ({
      label: workload, series: ALGORITHM_NAMES.map((name) => ({
        name, values: own.filter((run) => run.workload === workload && run.algorithm === name).map(valueOf),
      })),
    })),
  });
  write('work', dotChart({
    title: 'Work until all are satisfied, 50 runs and their median, Random-Delay, rules `displacing`', y: { label: 'per peer', min: 0 }, limit: Infinity,
    panels: [panel('interactions', (run) => run.interactionsPerPeer), panel('reconfigurations', (run) => run.reconfigurationsPerPeer)],
  }), own);
}

function drawDepths(records: readonly DepthRecord[]): void {
  const workloads = [...new Set(records.map((record) => record.workload))];
  write('depth', lineChart({
    title: 'Depth against latency constraint in finished trees, mean of 10 seeds', x: { label: 'latency constraint' }, y: { label: 'mean depth', min: 0 },
    panels: workloads.map((workload) => ({
      title: workload,
      series: [
        ...ALGORITHM_NAMES.map((name) => ({
          name, points: records.filter((record) => record.workload === workload && record.algorithm === name)
            .map(({ constraint, meanDepth }) => [constraint, meanDepth] as const),
        })),
        { name: 'the constraint', points: [[1, 1], [10, 10]] as const },
      ],
    })),
  }), records);
}

function drawRefusals(records: readonly SeriesRecord[]): void {
  write('refusals', lineChart({
    title: `Peers (of ${PEERS}) to whom the oracle could name nobody, BiCorr, mean of 10 seeds, no churn, rules \`displacing\``,
    x: BY_ROUND, y: { label: 'refusals a round', min: 0 },
    panels: ALGORITHM_NAMES.map((algorithm) => ({
      title: algorithm,
      series: records.filter((series) => series.algorithm === algorithm).map(({ oracle, values }) => ({ name: oracle, points: pointsOf(values) })),
    })),
  }), columnsOf(records, ({ algorithm, oracle }) => `${algorithm} ${oracle}`));
}

const runs = playMatrix(tell('convergence'));
drawSpread(runs);
drawOracles(runs);
drawWork(runs);
const calm = playShares(tell('shares'), ['bicorr'], false, CONVERGING_ROUNDS);
const churned = playShares(tell('shares'), WORKLOADS, true, CHURN_ROUNDS);
drawShares(calm, churned);
drawDepths(playDepths(tell('depths'), ['rand', 'bicorr']));
drawRefusals(playRefusals(tell('refusals'), 'bicorr', REFUSAL_ROUNDS));
const growth = playGrowth(tell('growth'));
drawGrowth(growth);
writePage(join(DOCS, 'lagover-reproduction.md'), { runs, churned, growth });
console.log('docs/lagover-reproduction.md');
