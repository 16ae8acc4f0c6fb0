/**
 * One seed, one run (INV-DET-1): the committed fingerprints, whichever queue orders the events and whether or not every
 * message goes through the codec. A change of behaviour that was meant is committed with `node test/golden/update.ts`.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { STRATEGY_NAMES } from '../../src/protocol/options.ts';
import type { GoldenRun } from './golden-run.ts';
import { GOLDEN_FILE, goldenRun } from './golden-run.ts';

const golden = JSON.parse(readFileSync(GOLDEN_FILE, 'utf8')) as Record<string, GoldenRun>;
const how = 'peers behave differently now; if that was meant, run `node test/golden/update.ts` and say in CHANGELOG.md what changed';

for (const strategy of STRATEGY_NAMES) {
  test(`INV-DET-1: ${strategy}: heap and calendar queue, with and without wire, give the committed run`, () => {
    const run = goldenRun(strategy, { queue: 'heap', wire: false });
    assert.ok(run.events > 5_000);
    assert.deepEqual(goldenRun(strategy, { queue: 'calendar', wire: false }), run, 'the queues differ');
    assert.deepEqual(goldenRun(strategy, { queue: 'heap', wire: true }), run, 'what is encoded and decoded behaves differently from what is shared');
    assert.deepEqual(run, golden[strategy], how);
  });
}
