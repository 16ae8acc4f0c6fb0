/**
 * LagOver in rounds against its bands: convergence by workload, oracle and rule set; the paper's two examples; planted systems;
 * satisfied share under churn; growth with N; a million consumers on one core.
 *
 * Expected: medians at 120 peers with Random-Delay Tf1 130-250, Rand 9-85, BiCorr
 * 20-100, BiUnCorr 10-36; all seeds converge under `displacing`; share under churn .74-.94. `npm run bench -- lagover-bands`
 * runs everything, a word (bands, oracles, examples, planted, churn, growth, million) only that part.
 *
 * Asked of adaptive: median rounds at most half of the better of greedy and hybrid where that needs 20 rounds or more, else .6;
 * with a directory .4; planted systems 99 %; shares under churn .99, and .97 on BiCorr with source fan-out 3; a million
 * consumers in 120 s and 2 GiB on one core.
 */
import { spawnSync } from 'node:child_process';
import type { AlgorithmName } from '../src/protocol/lagover/algorithm.ts';
import { ALGORITHM_NAMES } from '../src/protocol/lagover/algorithm.ts';
import type { Demand } from '../src/protocol/lagover/feasibility.ts';
import { meetsSufficientCondition } from '../src/protocol/lagover/feasibility.ts';
import { ORACLE_NAMES } from '../src/sim/lagover/oracles.ts';
import type { RoundsOptions } from '../src/sim/lagover/rounds.ts';
import { LagoverRounds, ROUNDS_DEFAULTS } from '../src/sim/lagover/rounds.ts';
import type { Workload, WorkloadName } from '../src/sim/lagover/workloads.ts';
import { drawWorkload } from '../src/sim/lagover/workloads.ts';
import { cpuSeconds, describeMachine, print } from './report.ts';

const WORKLOADS = ['tf1', 'rand', 'bicorr', 'biuncorr'] as const;
const RULES = ['displacing', 'paper'] as const;
const BAND: Readonly<Record<string, readonly [number, number]>> = { tf1: [130, 250], rand: [9, 85], bicorr: [20, 100], biuncorr: [10, 36] };

function draw(name: WorkloadName, peers: number, seed: number, slack = 1): Workload {
  const workload = drawWorkload({ name, peers, seed, slack, uplinksMbps: [], rateMbps: 1 });
  if (typeof workload === 'string') throw new Error(workload);
  return workload;
}

function play(workload: Workload, options: Partial<RoundsOptions>, maxRounds: number): LagoverRounds {
  const run = new LagoverRounds(workload, { ...ROUNDS_DEFAULTS, ...options });
  while (!run.allSatisfied && run.round < maxRounds) run.step();
  return run;
}

/** Plays so many seeds and prints what share converged and the spread of the rounds. */
function spread(what: object, seeds: number, maxRounds: number, runOf: (seed: number) => LagoverRounds): void {
  const runs = Array.from({ length: seeds }, (_, index) => runOf(index + 1));
  const sorted = runs.map((run) => run.round).sort((a, b) => a - b);
  const mean = (value: (run: LagoverRounds) => number): number => runs.reduce((sum, run) => sum + value(run), 0) / seeds;
  const at = (share: number): number | undefined => sorted[Math.min(seeds - 1, Math.floor(seeds * share))];
  print({
    ...what, seeds, maxRounds, converged: runs.filter((run) => run.allSatisfied).length / seeds,
    rounds: { min: sorted[0], q1: at(0.25), median: at(0.5), q3: at(0.75), max: sorted[seeds - 1] },
    perPeer: {
      interactions: mean((run) => run.interactions / run.forest.peers), reconfigurations: mean((run) => run.reconfigurations / run.forest.peers),
    },
    refusalsPerRound: mean((run) => run.refusals / run.round),
  });
}

function bands(): void {
  for (const oracle of ['random-delay', 'directory'] as const) {
    for (const workload of WORKLOADS) {
      for (const algorithm of ALGORITHM_NAMES) {
        spread({ part: 'bands', workload, algorithm, rules: 'displacing', oracle, peers: 120, band: BAND[workload] }, 200, 5_000,
          (seed) => play(draw(workload, 120, seed), { algorithm, oracle, seed }, 5_000));
      }
    }
  }
}

function oracles(): void {
  for (const workload of WORKLOADS) {
    for (const algorithm of ALGORITHM_NAMES) {
      for (const rules of RULES) {
        for (const oracle of ORACLE_NAMES) {
          spread({ part: 'oracles', workload, algorithm, rules, oracle, peers: 120 }, 50, 2_000,
            (seed) => play(draw(workload, 120, seed), { algorithm, rules, oracle, seed }, 2_000));
        }
      }
      spread({ part: 'asynchronous', workload, algorithm, rules: 'displacing', oracle: 'random-delay', peers: 120 }, 50, 5_000,
        (seed) => play(draw(workload, 120, seed), { algorithm, timing: 'asynchronous', seed }, 5_000));
    }
  }
}

function examples(): void {
  const system = (sourceFanout: number, pairs: readonly (readonly [number, number])[]): Workload =>
    ({ sourceFanout, consumers: pairs.map(([constraint, fanout]) => ({ constraint, fanout })) });
  const toy = system(3, [[1, 2], [3, 2], [3, 2], [1, 2], [2, 2], [3, 2], [3, 2], [3, 2], [3, 2], [4, 2]]);
  const repaired = system(1, [[1, 1], [2, 1], [5, 2], [4, 1], [4, 0]]);
  for (const [example, workload] of [['3.2', toy], ['3.3.1 repaired', repaired]] as const) {
    for (const algorithm of ALGORITHM_NAMES) {
      for (const rules of RULES) {
        spread({ part: 'examples', example, algorithm, rules }, 200, 5_000, (seed) => play(workload, { algorithm, rules, seed }, 5_000));
      }
    }
  }
}

function planted(): void {
  for (const slack of [1, 2]) {
    for (const algorithm of ALGORITHM_NAMES) {
      for (const rules of RULES) {
        spread({ part: 'planted', slack, algorithm, rules, peers: 200 }, 200, 5_000,
          (seed) => play(draw('planted', 200, seed, slack), { algorithm, rules, seed }, 5_000));
      }
    }
  }
}

/** BiCorr with three slots at the source: whoever does not fit at its constraint gets one more, the largest fan-outs last. */
function raisedToFit({ consumers }: Workload): Workload {
  const raised: Demand[] = [];
  let slots = 3;
  let waiting = [...consumers];
  for (let constraint = 1; waiting.length > 0; constraint++) {
    const due = waiting.filter((consumer) => consumer.constraint <= constraint).sort((a, b) => b.fanout - a.fanout);
    const placed = due.slice(0, slots - raised.length);
    waiting = waiting.filter((consumer) => !placed.includes(consumer));
    for (const { fanout } of placed) {
      raised.push({ constraint, fanout });
      slots += fanout;
    }
    // The condition counts only slots of the stricter: one constraint's own slots serve the next.
    if (raised.length > slots) throw new Error('cannot happen: more placed than slots');
  }
  return { sourceFanout: 3, consumers: raised };
}

function churn(): void {
  const systems: readonly (readonly [string, (seed: number) => Workload])[] = [
    ...WORKLOADS.map((name) => [name, (seed: number) => draw(name, 120, seed)] as const),
    ['bicorr, source fan-out 3', (seed) => raisedToFit(draw('bicorr', 120, seed))],
  ];
  for (const [workload, systemOf] of systems) {
    for (const oracle of ['random-delay', 'directory'] as const) {
      for (const algorithm of ALGORITHM_NAMES) {
        for (const rules of RULES) printShare(workload, systemOf, { oracle, algorithm, rules });
      }
    }
  }
}

/** Mean of rounds 201-600 over 10 seeds. */
function printShare(workload: string, systemOf: (seed: number) => Workload, options: Partial<RoundsOptions>): void {
  const seeds = 10;
  let share = 0;
  let shareAfterChurn = 0;
  let reconfigurations = 0;
  let interactions = 0;
  let sufficient = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const system = systemOf(seed);
    if (meetsSufficientCondition(system.sourceFanout, system.consumers)) sufficient++;
    const run = new LagoverRounds(system, { ...ROUNDS_DEFAULTS, ...options, seed, churn: { leave: 0.01, rejoin: 0.2 } });
    while (run.round < 600) {
      const before = { reconfigurations: run.reconfigurations, interactions: run.interactions };
      const rightAfter = run.step();
      if (run.round <= 200) continue;
      shareAfterChurn += rightAfter / 400 / seeds;
      share += run.satisfiedShare / 400 / seeds;
      reconfigurations += (run.reconfigurations - before.reconfigurations) / 400 / seeds;
      interactions += (run.interactions - before.interactions) / 400 / seeds;
    }
  }
  print({
    part: 'churn', workload, ...options, peers: 120, seeds, sufficient, share, shareAfterChurn,
    reconfigurationsPerRound: reconfigurations, interactionsPerRound: interactions,
  });
}

function growth(): void {
  for (const peers of [1_200, 12_000]) {
    for (const workload of WORKLOADS) {
      for (const algorithm of ALGORITHM_NAMES) {
        spread({ part: 'growth', workload, algorithm, rules: 'displacing', oracle: 'random-delay', peers }, 20, 200_000,
          (seed) => play(draw(workload, peers, seed), { algorithm, seed }, 200_000));
      }
    }
  }
}

/** Each in a process of its own, so that the peak of one is not the peak of another. */
function million(): void {
  for (const workload of ['rand', 'bicorr']) {
    for (const algorithm of ALGORITHM_NAMES) {
      const run = spawnSync(process.execPath, [...process.execArgv, import.meta.filename, 'one-million', workload, algorithm], { stdio: ['ignore', 'inherit', 'inherit'] });
      if (run.status !== 0) process.exitCode = 1;
    }
  }
}

function oneMillion(workload: WorkloadName, algorithm: AlgorithmName): void {
  const system = draw(workload, 1_000_000, 1);
  const start = cpuSeconds();
  const run = play(system, { algorithm }, 1_000);
  print({
    part: 'million', workload, algorithm, rules: 'displacing', oracle: 'random-delay', peers: 1_000_000, sourceFanout: system.sourceFanout,
    converged: run.allSatisfied, rounds: run.round, interactions: run.interactions,
    cpuSeconds: cpuSeconds() - start, peakMiB: Math.round(process.resourceUsage().maxRSS / 1024),
  });
}

const words = process.argv.slice(2);
if (words[0] === 'one-million') {
  oneMillion(words[1] as WorkloadName, words[2] as AlgorithmName);
} else {
  describeMachine('lagover-bands');
  const parts = { bands, oracles, examples, planted, churn, growth, million };
  for (const [name, part] of Object.entries(parts)) {
    if (words.length === 0 || words.includes(name)) part();
  }
}
