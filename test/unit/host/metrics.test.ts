/** What a machine measures of itself is there, within sense, and never a guess. */
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { HostMetrics } from '../../../src/host/metrics.ts';

test('the first look has no load yet, and everything else', async () => {
  const { load, cores, memoryBytes, freeBytes, diskFreeBytes, uptimeSeconds } = await new HostMetrics(tmpdir()).sample();
  assert.equal(load, undefined, 'a load is the difference of two looks');
  assert.ok(cores >= 1 && memoryBytes > 0 && freeBytes > 0 && freeBytes <= memoryBytes && uptimeSeconds >= 0);
  assert.ok(diskFreeBytes === undefined || diskFreeBytes >= 0);
});

test('the load is a share of all cores', async () => {
  const metrics = new HostMetrics(tmpdir());
  let sample = await metrics.sample();
  const end = performance.now() + 5_000;
  while (sample.load === undefined && performance.now() < end) sample = await metrics.sample();
  assert.ok(sample.load !== undefined && sample.load >= 0 && sample.load <= 1);
});

test('a disk that is not there is not known', async () => {
  assert.equal((await new HostMetrics(join(tmpdir(), 'no', 'such', 'directory')).sample()).diskFreeBytes, undefined);
});
