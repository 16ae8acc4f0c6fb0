/** kill -9 while items arrive: the short form of bench/feed-store-kill.ts, which does it 200 times. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

test('after kill -9 the store opens, nothing acknowledged is lost, and no item has two ids', { timeout: 110_000 }, () => {
  const bench = join(import.meta.dirname, '..', '..', '..', 'bench', 'feed-store-kill.ts');
  const run = spawnSync(process.execPath, [bench, 'kills=5', 'seed=7'], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  const { versions, puts, lost, damaged, twice, notOpened } = JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '') as Record<string, number>;
  assert.ok((versions ?? 0) > 0 && (puts ?? 0) > 0);
  assert.deepEqual({ lost, damaged, twice, notOpened }, { lost: 0, damaged: 0, twice: 0, notOpened: 0 });
});
