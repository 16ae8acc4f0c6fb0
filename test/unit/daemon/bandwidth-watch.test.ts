/** When a machine measures with its neighbours, by a host that is told what to answer. */
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { mock, test } from 'node:test';
import { BandwidthWatch } from '../../../src/daemon/bandwidth-watch.ts';
import { newCounters } from '../../../src/host/facts.ts';

const MINUTE_MS = 60_000;
const RATE = { bitsPerSecond: 8e6, isAtLeast: false };
const contact = { peerId: 'a' };
const node = { membership: { leafset: { contacts: () => [contact], findById: () => ({ contact }) } } };

async function measuredAfter(watchedMs: number, answer: (time: number, counters: { probeBytesSent: number }) => typeof RATE | undefined, stopAtMs = Infinity): Promise<number[]> {
  let now = 1_000;
  const times: number[] = [];
  mock.timers.enable({ apis: ['setTimeout'] });
  mock.method(performance, 'now', () => now);
  const counters = newCounters();
  const host = { counters, onBandwidth: () => undefined, measureBandwidth: async () => Promise.resolve(answer(times.push(now), counters)) };
  const watch = new BandwidthWatch(node as never, host as never, false);
  try {
    for (let passed = 0; passed < watchedMs; passed += 1_000) {
      if (passed >= stopAtMs) watch.stop();
      now += 1_000;
      mock.timers.tick(1_000);
      for (let i = 0; i < 8; i++) await Promise.resolve();
    }
  } finally {
    watch.stop();
    mock.timers.reset();
    mock.restoreAll();
  }
  return times;
}

test('two that measure each other at one moment refuse each other: both try again soon, and not two hours later', async () => {
  const times = await measuredAfter(10 * MINUTE_MS, (time, counters) => {
    if (time === 1) return undefined;
    counters.probeBytesSent += 70_000;
    return RATE;
  });
  assert.equal(times.length, 2);
});

test('a measurement that cost bytes is not repeated for two hours, whatever came out', async () => {
  const times = await measuredAfter(90 * MINUTE_MS, (_time, counters) => {
    counters.probeBytesSent += 1_000;
    return undefined;
  });
  assert.equal(times.length, 1);
});

test('nothing is measured after the end', async () => {
  assert.deepEqual(await measuredAfter(MINUTE_MS, () => RATE, 0), []);
});
