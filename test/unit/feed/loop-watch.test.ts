/** Silence of the pool proves nothing on a machine that does not hear. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopWatch } from '../../../src/daemon/feeds/loop-watch.ts';

test('a process that was held up does not take silence for an answer until it has caught up', () => {
  let now = 0;
  const watch = new LoopWatch(() => now);
  for (now = 500; now <= 5_000; now += 500) watch.tick();
  assert.equal(watch.busyForMs, 0, 'ticks that come in time mean nothing');
  now = 6_000;
  watch.tick();
  assert.equal(watch.busyForMs, 5_000);
  now = 9_000;
  assert.equal(watch.busyForMs, 2_000);
  now = 11_000;
  assert.equal(watch.busyForMs, 0);
  watch.stop();
});
