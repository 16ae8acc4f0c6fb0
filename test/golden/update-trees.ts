/**
 * Rewrites the committed fingerprints of latency-graded trees.
 */
import { writeFileSync } from 'node:fs';
import { ALGORITHM_NAMES } from '../../src/protocol/lagover/algorithm.ts';
import { goldenTreesRun, TREES_GOLDEN_FILE } from './golden-trees-run.ts';

const runs = Object.fromEntries(ALGORITHM_NAMES.map((algorithm) => [algorithm, goldenTreesRun(algorithm, { queue: 'heap', wire: false })]));
writeFileSync(TREES_GOLDEN_FILE, `${JSON.stringify(runs, undefined, 2)}\n`);
