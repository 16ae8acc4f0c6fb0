/**
 * Network coordinates against a measured matrix: `npm run bench -- coordinates latency=FILE`.
 *
 * Bound: median relative error at most .10 with 16 leafset neighbours and 16 random members, both models. Beside it what the
 * patent prints, the leafset alone, which folds. Two to eight dimensions, because the default is chosen from this table.
 */
import { runCoordinateSimulation } from '../src/sim/coordinates/run-coordinates.ts';
import { MODEL_NAMES } from '../src/protocol/measure/model.ts';
import { readMatrix } from '../src/sim/edge/latency-file.ts';
import { cpuSeconds, describeMachine, print } from './report.ts';

const MINUTES = 60;
const file = process.argv.find((word) => word.startsWith('latency='))?.slice('latency='.length);
describeMachine('coordinates');
if (file === undefined) print({ skipped: 'no matrix: give latency=FILE' });
else {
  const matrix = readMatrix(file);
  for (const model of MODEL_NAMES) {
    for (const dimensions of [2, 3, 4, 6, 8]) {
      for (const [leafset, random] of [[16, 16], [32, 0]] as const) {
        // Simplex in many dimensions folds like in few, and takes longer.
        if (random === 0 && dimensions > 4) continue;
        const startedAt = cpuSeconds();
        const figures = runCoordinateSimulation(matrix, { model, dimensions, leafset, random, minutes: MINUTES, seed: 1 });
        print({ model, dimensions, leafset, random, rows: matrix.rows, ...figures, cpuSeconds: cpuSeconds() - startedAt });
      }
    }
  }
}
