/**
 * One seed, one run (INV-DET-1) of a feed shared by a pool: with either queue, with and without the codec.
 * A change of behaviour that was meant is committed with `node test/golden/update-feeds.ts`.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { GoldenRun } from './golden-run.ts';
import { FEEDS_GOLDEN_FILE, goldenFeedsRun } from './golden-feeds-run.ts';

const golden = JSON.parse(readFileSync(FEEDS_GOLDEN_FILE, 'utf8')) as GoldenRun;

test('INV-DET-1: feeds: heap and calendar queue, with and without wire, give the committed run', () => {
  const run = goldenFeedsRun({ queue: 'heap', wire: false });
  assert.ok(run.events > 5_000);
  assert.deepEqual(goldenFeedsRun({ queue: 'calendar', wire: false }), run, 'the queues differ');
  assert.deepEqual(goldenFeedsRun({ queue: 'heap', wire: true }), run, 'what is encoded and decoded behaves differently from what is shared');
  assert.deepEqual(run, golden, 'peers behave differently now; if that was meant, run `node test/golden/update-feeds.ts` and say in CHANGELOG.md what changed');
});
