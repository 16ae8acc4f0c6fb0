/**
 * Planners against the lowest tree there is: `npm run bench -- alm-optimum latency=FILE [instances=200] [budget=100]`.
 *
 * 8-12 members, degrees 2..4, no helpers, half of the instances from a measured matrix and half in the plane; and 14-16 members.
 * Bounds with budget=100: 8-12 exactly optimal in at least 98 %, mean gap at most .1 %; 14-16 mean gap at most .5 %. The optimum comes
 * from branch and bound without a limit of steps, which test/unit/alm holds against trying all trees.
 */
import type { Random } from '../src/core/random.ts';
import { randomFrom, shuffle } from '../src/core/random.ts';
import { ClockBudget, UNLIMITED } from '../src/protocol/alm/budget.ts';
import { HELPER_RULE } from '../src/protocol/alm/helpers.ts';
import type { Instance } from '../src/protocol/alm/instance.ts';
import { Latencies } from '../src/protocol/alm/latencies.ts';
import { optimum } from '../src/protocol/alm/optimum.ts';
import type { PlannerName } from '../src/protocol/alm/plan.ts';
import { plan } from '../src/protocol/alm/plan.ts';
import { readMatrix } from '../src/sim/edge/latency-file.ts';
import type { RttMatrix } from '../src/sim/latency/matrix.ts';
import { argument, describeMachine, print } from './report.ts';

const SIDE_MS = 200;
const EXACT_MS = 1e-6;
const PLANNERS: readonly (readonly [string, PlannerName, boolean])[] = [['amcast', 'amcast', false], ['amcast+adjust', 'amcast', true], ['best', 'best', true]];

const file = process.argv.find((word) => word.startsWith('latency='))?.slice('latency='.length);
const instances = argument('instances', 200);
const budgetMs = argument('budget', 100);

function draw(matrix: RttMatrix | undefined, random: Random, fewest: number, most: number): Instance {
  const members = fewest + random.below(most - fewest + 1);
  const degrees = Int32Array.from({ length: members }, () => 2 + random.below(3));
  const rest = { members, size: members, degrees, upMbps: undefined, downMbps: undefined };
  if (matrix === undefined) return { ...rest, latencies: Latencies.fromCoordinates({ dimensions: 2, vectors: Float64Array.from({ length: 2 * members }, () => random.unit() * SIDE_MS) }) };
  const rows = shuffle(random, Array.from({ length: matrix.rows }, (_, row) => row)).slice(0, members);
  return { ...rest, latencies: Latencies.fromFunction(members, (a, b) => ((matrix.units[(rows[a] as number) * matrix.rows + (rows[b] as number)] as number) * matrix.unitMs) / 2) };
}

function measure(name: string, matrix: RttMatrix | undefined, fewest: number, most: number, count: number): void {
  const gaps = new Map(PLANNERS.map(([planner]) => [planner, [] as number[]]));
  const plannedMs: number[] = [];
  let proofMs = 0;
  for (let i = 0; i < count; i++) {
    const random = randomFrom(i + 1).fork(name);
    const instance = draw(i % 2 === 0 ? matrix : undefined, random.fork('instance'), fewest, most);
    const heights = PLANNERS.map(([planner, algorithm, adjust]) => {
      const startedAt = performance.now();
      const found = plan(instance, {
        planner: algorithm, adjust, objective: 'height', helpers: HELPER_RULE, random: random.fork('search'), budget: new ClockBudget(() => performance.now(), budgetMs),
      });
      if (planner === 'best') plannedMs.push(performance.now() - startedAt);
      if (typeof found === 'string') throw new Error(found);
      return found.tree.heightMs;
    });
    const startedAt = performance.now();
    const { heightMs, isProven } = optimum(instance, Math.min(...heights), Infinity, UNLIMITED);
    proofMs += performance.now() - startedAt;
    if (!isProven) throw new Error('the optimum is not proven');
    PLANNERS.forEach(([planner], at) => gaps.get(planner)?.push(heights[at] as number <= heightMs + EXACT_MS ? 0 : (heights[at] as number) / heightMs - 1));
  }
  plannedMs.sort((a, b) => a - b);
  for (const [planner, list] of gaps) {
    print({
      members: name, instances: count, planner, optimalShare: list.filter((gap) => gap === 0).length / count,
      meanGap: list.reduce((sum, gap) => sum + gap, 0) / count, maxGap: Math.max(...list),
      ...(planner === 'best' ? { budgetMs, medianMs: plannedMs[count >> 1], maxMs: plannedMs.at(-1), meanProofMs: proofMs / count } : {}),
    });
  }
}

describeMachine('alm-optimum');
if (file === undefined) print({ skipped: 'half of the instances: give latency=FILE' });
const matrix = file === undefined ? undefined : readMatrix(file);
measure('8-12', matrix, 8, 12, instances);
measure('14-16', matrix, 14, 16, Math.ceil(instances / 4));
