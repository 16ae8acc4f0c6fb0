/**
 * What helpers and adjusting save over AMCast on transit-stub networks, against the bands of the reference models:
 * `npm run bench -- alm-bands [runs=40]`. 1,200 hosts, degrees 2..9 geometric, R = 100 ms.
 *
 * Bands (share of AMCast's height): adjust alone .07-.16, critical .19-.24, critical+adjust .28-.42 for groups of 10-100 and about .20 at
 * 200, a star without degree bounds .31-.55. `best` is to be better at every size with no more helpers; the aim is .03.
 */
import { transitStubPool } from '../src/sim/alm/host-pool.ts';
import { CASE_ALGORITHMS, CASE_WORK, casesOf, runCases } from '../src/sim/alm/planning-cases.ts';
import { argument, cpuSeconds, describeMachine, print } from './report.ts';

const POOLS = 8;
const GROUPS = [10, 20, 50, 100, 200];

describeMachine('alm-bands');
const pools = Array.from({ length: POOLS }, (_, i) => transitStubPool(1_200, i + 1, { model: 'vivaldi', dimensions: 4 }));
for (const groupSize of GROUPS) {
  const startedAt = cpuSeconds();
  const results = runCases(pools, casesOf([groupSize], CASE_ALGORITHMS, ['closest', 'minmax'], ['true', 'coordinates']), {
    minHelperDegree: 4, radiusMs: 100, runs: argument('runs', 40), seed: 1, work: CASE_WORK,
  });
  if (typeof results === 'string') throw new Error(results);
  for (const result of results) print(result);
  print({ groupSize, cpuSeconds: cpuSeconds() - startedAt });
}
