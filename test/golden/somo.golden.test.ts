/**
 * One seed, one run (INV-DET-1) of a ring with the metadata tree on it: with either queue, with and without the codec.
 * A change of behaviour that was meant is committed with `node test/golden/update-somo.ts`.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { GoldenRun } from './golden-run.ts';
import { goldenSomoRun, SOMO_GOLDEN_FILE, SOMO_MODES } from './golden-somo-run.ts';

const golden = JSON.parse(readFileSync(SOMO_GOLDEN_FILE, 'utf8')) as Record<string, GoldenRun>;

for (const mode of SOMO_MODES) {
  test(`INV-DET-1: ${mode}: heap and calendar queue, with and without wire, give the committed run`, () => {
    const run = goldenSomoRun(mode, { queue: 'heap', wire: false });
    assert.ok(run.events > 5_000);
    assert.deepEqual(goldenSomoRun(mode, { queue: 'calendar', wire: false }), run, 'the queues differ');
    assert.deepEqual(goldenSomoRun(mode, { queue: 'heap', wire: true }), run, 'what is encoded and decoded behaves differently from what is shared');
    assert.deepEqual(run, golden[mode], 'peers behave differently now; if that was meant, run `node test/golden/update-somo.ts` and say in CHANGELOG.md what changed');
  });
}
