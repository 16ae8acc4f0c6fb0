/**
 * One seed, one run (INV-DET-1) of latency-graded trees built by messages: with either queue, with and without the codec.
 * A change of behaviour that was meant is committed with `node test/golden/update-trees.ts`.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ALGORITHM_NAMES } from '../../src/protocol/lagover/algorithm.ts';
import type { GoldenRun } from './golden-run.ts';
import { goldenTreesRun, TREES_GOLDEN_FILE } from './golden-trees-run.ts';

const golden = JSON.parse(readFileSync(TREES_GOLDEN_FILE, 'utf8')) as Record<string, GoldenRun>;

for (const algorithm of ALGORITHM_NAMES) {
  test(`INV-DET-1: ${algorithm}: heap and calendar queue, with and without wire, give the committed run`, () => {
    const run = goldenTreesRun(algorithm, { queue: 'heap', wire: false });
    assert.ok(run.events > 5_000);
    assert.deepEqual(goldenTreesRun(algorithm, { queue: 'calendar', wire: false }), run, 'the queues differ');
    assert.deepEqual(goldenTreesRun(algorithm, { queue: 'heap', wire: true }), run, 'what is encoded and decoded behaves differently from what is shared');
    assert.deepEqual(run, golden[algorithm], 'peers behave differently now; if that was meant, run `node test/golden/update-trees.ts` and say in CHANGELOG.md what changed');
  });
}
