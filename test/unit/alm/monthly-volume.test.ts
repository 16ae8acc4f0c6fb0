/** What a machine has sent for others in thirty days: kept over restarts, and begun anew with the next month. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MonthlyVolume } from '../../../src/protocol/alm/market/monthly-volume.ts';
import type { NodeEnv } from '../../../src/protocol/local.ts';

const MONTH_MS = 30 * 24 * 3_600_000;
const ALLOWED = 10_000;

/** A machine whose store outlives its process. */
function machine(): Pick<NodeEnv, 'store' | 'wallClock'> & { at: number } {
  const kept = new Map<string, Uint8Array>();
  const store = { read: (name: string) => kept.get(name), write: (name: string, bytes: Uint8Array) => void kept.set(name, bytes) } as unknown as NodeEnv['store'];
  const env = { store, at: 5.5 * MONTH_MS, wallClock: () => env.at };
  return env;
}

test('what was sent counts after a restart; less than a hundredth of what is allowed may be forgotten', () => {
  const env = machine();
  const before = new MonthlyVolume(env, ALLOWED);
  for (let i = 0; i < 99; i++) assert.equal(before.add(100), false);
  assert.equal(before.add(99), false);
  const after = new MonthlyVolume(env, ALLOWED);
  assert.equal(after.isUsedUp, false);
  assert.equal(after.add(99), false, 'the last 99 were not written down');
  assert.equal(after.add(1), true);
  assert.equal(new MonthlyVolume(env, ALLOWED).isUsedUp, true);
});

test('a new month begins at nothing, in a running process and after a restart', () => {
  const env = machine();
  const volume = new MonthlyVolume(env, ALLOWED);
  assert.equal(volume.add(ALLOWED), true);
  env.at += MONTH_MS;
  assert.equal(volume.isUsedUp, false);
  assert.equal(new MonthlyVolume(env, ALLOWED).isUsedUp, false);
});

test('what stands in the store and is none of it counts as nothing', () => {
  const env = machine();
  env.store.write('help/month', Uint8Array.of(1, 2, 3));
  assert.equal(new MonthlyVolume(env, ALLOWED).isUsedUp, false);
});
