/**
 * The runs behind the figures of LagOver: what is played, and what is kept of each run. Seeds are 1, 2, 3, ... throughout.
 */
import type { AlgorithmName } from '../src/protocol/lagover/algorithm.ts';
import { ALGORITHM_NAMES } from '../src/protocol/lagover/algorithm.ts';
import { SOURCE } from '../src/protocol/lagover/views.ts';
import type { RuleSet } from '../src/protocol/lagover/views.ts';
import type { OracleName } from '../src/sim/lagover/oracles.ts';
import { ORACLE_NAMES } from '../src/sim/lagover/oracles.ts';
import type { RoundsOptions } from '../src/sim/lagover/rounds.ts';
import { LagoverRounds, ROUNDS_DEFAULTS } from '../src/sim/lagover/rounds.ts';
import type { Workload } from '../src/sim/lagover/workloads.ts';
import { drawWorkload } from '../src/sim/lagover/workloads.ts';

export const WORKLOADS = ['tf1', 'rand', 'bicorr', 'biuncorr'] as const;
export type PaperWorkload = (typeof WORKLOADS)[number];
export const RULES: readonly RuleSet[] = ['displacing', 'paper'];
export const PEERS = 120;
/** A run that takes longer counts as not converging. */
export const ROUNDS_LIMIT = 2_000;
export const CHURN = { leave: 0.01, rejoin: 0.2 };
/** As often as the paper repeats an experiment, and as often as a band needs. */
const REPETITIONS = 5;
const REPETITIONS_OF_BANDS = 50;

export interface RunRecord {
  readonly workload: PaperWorkload;
  readonly algorithm: AlgorithmName;
  readonly rules: RuleSet;
  readonly oracle: OracleName;
  readonly timing: RoundsOptions['timing'];
  readonly peers: number;
  readonly seed: number;
  readonly converged: boolean;
  readonly rounds: number;
  readonly interactionsPerPeer: number;
  readonly reconfigurationsPerPeer: number;
  readonly refusalsPerRound: number;
}

/** One value for each round, averaged over seeds. */
export interface SeriesRecord {
  readonly workload: PaperWorkload;
  readonly algorithm: AlgorithmName;
  readonly rules: RuleSet;
  readonly oracle: OracleName;
  readonly churn: boolean;
  readonly values: readonly number[];
}

export interface DepthRecord {
  readonly workload: PaperWorkload;
  readonly algorithm: AlgorithmName;
  readonly constraint: number;
  readonly meanDepth: number;
  readonly peers: number;
}

type Tell = (what: string) => void;

export function drawPaperWorkload(name: PaperWorkload, peers: number, seed: number): Workload {
  const workload = drawWorkload({ name, peers, seed, slack: 0, uplinksMbps: [], rateMbps: 1 });
  if (typeof workload === 'string') throw new Error(workload);
  return workload;
}

/** Every algorithm, rule set and oracle on every workload; with Random-Delay as often as bands need, and asynchronously too. */
export function playMatrix(tell: Tell): RunRecord[] {
  const records: RunRecord[] = [];
  for (const workload of WORKLOADS) {
    for (const algorithm of ALGORITHM_NAMES) {
      for (const rules of RULES) {
        tell(`${workload}, ${algorithm}, ${rules}`);
        for (const oracle of ORACLE_NAMES) {
          const repetitions = oracle === 'random-delay' ? REPETITIONS_OF_BANDS : REPETITIONS;
          for (let seed = 1; seed <= repetitions; seed++) records.push(playOne(workload, PEERS, { algorithm, rules, oracle, seed }, ROUNDS_LIMIT).record);
        }
      }
      for (let seed = 1; seed <= REPETITIONS_OF_BANDS; seed++) {
        records.push(playOne(workload, PEERS, { algorithm, timing: 'asynchronous', seed }, ROUNDS_LIMIT).record);
      }
    }
  }
  return records;
}

/** Rounds against the number of peers. Tf1 leaves no slot over: at 120,000 peers the paper's algorithms would take 10^6 rounds. */
export function playGrowth(tell: Tell): RunRecord[] {
  const records: RunRecord[] = [];
  for (const [peers, seeds] of [[120, 5], [1_200, 5], [12_000, 3], [120_000, 1], [1_000_000, 1]] as const) {
    for (const workload of WORKLOADS) {
      if ((workload === 'tf1' && peers > 12_000) || (workload === 'biuncorr' && peers > 120_000)) continue;
      for (const algorithm of ALGORITHM_NAMES) {
        tell(`${peers} peers, ${workload}, ${algorithm}`);
        for (let seed = 1; seed <= seeds; seed++) records.push(playOne(workload, peers, { algorithm, seed }, 200_000).record);
      }
    }
  }
  return records;
}

/** Satisfied share after each round, averaged over ten seeds. */
export function playShares(tell: Tell, workloads: readonly PaperWorkload[], churn: boolean, rounds: number): SeriesRecord[] {
  const options = { churn: churn ? CHURN : undefined };
  return workloads.flatMap((workload) => ALGORITHM_NAMES.flatMap((algorithm) => RULES.map((rules) => {
    tell(`${workload}, ${algorithm}, ${rules}, ${churn ? 'under churn' : 'without churn'}`);
    const values = meanSeries(workload, { ...options, algorithm, rules }, 10, rounds, (run) => run.satisfiedShare);
    return { workload, algorithm, rules, oracle: ROUNDS_DEFAULTS.oracle, churn, values };
  })));
}

/** How many peers each oracle could name nobody, round by round. */
export function playRefusals(tell: Tell, workload: PaperWorkload, rounds: number): SeriesRecord[] {
  return ALGORITHM_NAMES.flatMap((algorithm) => ORACLE_NAMES.map((oracle) => {
    tell(`${workload}, ${algorithm}, ${oracle}`);
    let before = 0;
    const values = meanSeries(workload, { algorithm, oracle }, 10, rounds, (run) => {
      const refused = run.round === 1 ? run.refusals : run.refusals - before;
      before = run.refusals;
      return refused;
    });
    return { workload, algorithm, rules: ROUNDS_DEFAULTS.rules, oracle, churn: false, values };
  }));
}

/** How deep peers stand in finished trees, by their constraint; ten seeds. */
export function playDepths(tell: Tell, workloads: readonly PaperWorkload[]): DepthRecord[] {
  const records: DepthRecord[] = [];
  for (const workload of workloads) {
    for (const algorithm of ALGORITHM_NAMES) {
      tell(`${workload}, ${algorithm}`);
      const sums = new Map<number, { depth: number; peers: number }>();
      for (let seed = 1; seed <= 10; seed++) {
        const { forest } = playOne(workload, PEERS, { algorithm, seed }, ROUNDS_LIMIT).run;
        for (let peer = 1; peer <= PEERS; peer++) {
          if (forest.root[peer] !== SOURCE) continue;
          const constraint = forest.constraint[peer] as number;
          const sum = sums.get(constraint) ?? { depth: 0, peers: 0 };
          sums.set(constraint, { depth: sum.depth + (forest.delay[peer] as number), peers: sum.peers + 1 });
        }
      }
      for (const [constraint, { depth, peers }] of [...sums].sort(([a], [b]) => a - b)) {
        records.push({ workload, algorithm, constraint, meanDepth: depth / peers, peers });
      }
    }
  }
  return records;
}

function playOne(workload: PaperWorkload, peers: number, options: Partial<RoundsOptions>, limit: number): { run: LagoverRounds; record: RunRecord } {
  const full: RoundsOptions = { ...ROUNDS_DEFAULTS, ...options };
  const run = new LagoverRounds(drawPaperWorkload(workload, peers, full.seed), full);
  while (!run.allSatisfied && run.round < limit) run.step();
  const { algorithm, rules, oracle, timing, seed } = full;
  return {
    run,
    record: {
      workload, algorithm, rules, oracle, timing, peers, seed, converged: run.allSatisfied, rounds: run.round,
      interactionsPerPeer: run.interactions / peers, reconfigurationsPerPeer: run.reconfigurations / peers, refusalsPerRound: run.refusals / run.round,
    },
  };
}

function meanSeries(
  workload: PaperWorkload, options: Partial<RoundsOptions>, seeds: number, rounds: number, valueOf: (run: LagoverRounds) => number,
): number[] {
  const values = new Array<number>(rounds).fill(0);
  for (let seed = 1; seed <= seeds; seed++) {
    const run = new LagoverRounds(drawPaperWorkload(workload, PEERS, seed), { ...ROUNDS_DEFAULTS, ...options, seed });
    for (let round = 0; round < rounds; round++) {
      run.step();
      values[round] = (values[round] as number) + valueOf(run) / seeds;
    }
  }
  return values;
}
