/**
 * What helpers and adjusting save over AMCast on transit-stub networks, against the bands of the reference models:
 * `npm run bench -- alm-bands [runs=50]`. 1,200 hosts, degrees 2..9 geometric, R = 100 ms.
 *
 * Bands (share of AMCast's height): adjust alone .07-.16, critical .19-.24, critical+adjust .28-.42 for groups of 10-100 and about .20 at
 * 200, a star without degree bounds .31-.55. `best` is to be better at every size with no more helpers; the aim is .03.
 *
 * For groups of 10 also what any tree can save at most, with any number of helpers (src/sim/alm/helper-bound.ts).
 */
import { randomFrom } from '../src/core/random.ts';
import { UNLIMITED, WorkBudget } from '../src/protocol/alm/budget.ts';
import { HELPER_RULE } from '../src/protocol/alm/helpers.ts';
import type { PlannerName } from '../src/protocol/alm/plan.ts';
import { plan } from '../src/protocol/alm/plan.ts';
import { helperBoundMs } from '../src/sim/alm/helper-bound.ts';
import type { HostPool } from '../src/sim/alm/host-pool.ts';
import { transitStubPool } from '../src/sim/alm/host-pool.ts';
import { CASE_ALGORITHMS, CASE_WORK, casesOf, drawGroup, runCases } from '../src/sim/alm/planning-cases.ts';
import { argument, cpuSeconds, describeMachine, print } from './report.ts';

const POOLS = 8;
const GROUPS = [10, 20, 50, 100, 200];
const BOUNDED_GROUP = 10;
const SEED = 1;
const EXACT_MS = 1e-6;
const runs = argument('runs', 50);

describeMachine('alm-bands');
const pools = Array.from({ length: POOLS }, (_, i) => transitStubPool(1_200, i + 1, { model: 'vivaldi', dimensions: 4 }));
for (const groupSize of GROUPS) {
  const startedAt = cpuSeconds();
  const results = runCases(pools, casesOf([groupSize], CASE_ALGORITHMS, ['closest', 'minmax'], ['true', 'coordinates']), {
    minHelperDegree: HELPER_RULE.minDegree, radiusMs: HELPER_RULE.radiusMs, runs, seed: SEED, work: CASE_WORK,
  });
  if (typeof results === 'string') throw new Error(results);
  for (const result of results) print(result);
  print({ groupSize, cpuSeconds: cpuSeconds() - startedAt });
}
boundOf(BOUNDED_GROUP);

/** The same groups: what planners save, with helpers by minmax and true latencies, and what can be saved at most; how often `best` and a search ten times as long get there. */
function boundOf(groupSize: number): void {
  const saved = { critical: 0, best: 0, longer: 0, atMost: 0 };
  const reached = { best: 0, longer: 0 };
  for (let run = 0; run < runs; run++) {
    const random = randomFrom(SEED).fork(`group of ${groupSize}`, run);
    const group = drawGroup(pools[run % POOLS] as HostPool, groupSize, HELPER_RULE.minDegree, random);
    if (group === undefined) throw new Error('the group was drawn before');
    const heightMs = (planner: PlannerName, work: number): number => {
      const found = plan(group.truth, { planner, adjust: true, objective: 'height', helpers: HELPER_RULE, random: random.fork('search'), budget: work === 0 ? UNLIMITED : new WorkBudget(work) });
      if (typeof found === 'string') throw new Error(found);
      return found.tree.heightMs;
    };
    const boundMs = helperBoundMs(group.truth);
    const heights = { critical: heightMs('critical', 0), best: heightMs('best', CASE_WORK), longer: heightMs('best', 10 * CASE_WORK), atMost: boundMs };
    for (const name of ['critical', 'best', 'longer', 'atMost'] as const) saved[name] += (1 - heights[name] / group.baseMs) / runs;
    for (const name of ['best', 'longer'] as const) if (heights[name] <= boundMs + EXACT_MS) reached[name] += 1 / runs;
  }
  print({ groupSize, groups: runs, saved, reachedShare: reached });
}
