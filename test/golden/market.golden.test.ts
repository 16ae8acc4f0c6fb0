/**
 * One seed, one run (INV-DET-1) of multicast sessions that compete for a helper, with either queue.
 * A change of behaviour that was meant is committed with `node test/golden/update-market.ts`.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { goldenMarketRuns, MARKET_GOLDEN_FILE } from './golden-market-run.ts';
import type { GoldenRun } from './golden-run.ts';

const golden = JSON.parse(readFileSync(MARKET_GOLDEN_FILE, 'utf8')) as Record<string, GoldenRun>;

test('INV-DET-1: a market for helpers: heap and calendar queue give the committed runs', async () => {
  const runs = await goldenMarketRuns('heap');
  assert.deepEqual(await goldenMarketRuns('calendar'), runs, 'the queues differ');
  assert.deepEqual(runs, golden, 'peers behave differently now; if that was meant, run `node test/golden/update-market.ts` and say in CHANGELOG.md what changed');
});
