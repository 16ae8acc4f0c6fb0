/** Bottlenecks from trains whose packets are stamped late, as a receiver in user space stamps them; and from a leafset. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Random } from '../../../src/core/random.ts';
import { randomFrom } from '../../../src/core/random.ts';
import { ownBottleneck, rateOf } from '../../../src/protocol/measure/bandwidth.ts';
import { parseAccessLinks, runBandwidthSimulation } from '../../../src/sim/bandwidth/run-bandwidth.ts';

const BYTES = 1_500;

/** The loop sleeps, so the first packet is late; then it wakes now and then, and handles what has piled up at one instant. */
function train(random: Random, mbps: number, packets: number, { wakeMs, blockMs, loss }: { wakeMs: number; blockMs: number; loss: number }): number[] {
  const spacing = (BYTES * 8) / (mbps * 1_000);
  const blockedUntil = random.unit() * blockMs;
  return Array.from({ length: packets }, (_, i) => {
    if (random.unit() < loss) return Number.NaN;
    const arrival = 20 + i * spacing;
    return Math.max(arrival, i === 0 ? 20 + wakeMs * (0.5 + random.unit()) : 0, 20 + blockedUntil) + 0.01 * random.unit();
  });
}

test('[0076] from 1 to 100 Mbit/s the rate of the bottleneck is told within 5 %, however late the packets are stamped', () => {
  const random = randomFrom(7);
  for (const mbps of [1, 2, 5, 10, 25, 50, 100]) {
    for (let run = 0; run < 20; run++) {
      const trains = Array.from({ length: 4 }, () => train(random, mbps, 32, { wakeMs: 0.3, blockMs: 0.5, loss: 0.02 }));
      const rate = rateOf(trains, BYTES);
      assert.ok(rate && !rate.isAtLeast && Math.abs(rate.bitsPerSecond / (mbps * 1e6) - 1) <= 0.05, `${rate?.bitsPerSecond} of ${mbps} Mbit/s`);
    }
  }
});

test('trains that outlast a blocked loop still tell', () => {
  const random = randomFrom(8);
  for (let run = 0; run < 20; run++) {
    const trains = Array.from({ length: 5 }, () => train(random, 50, 64, { wakeMs: 0.3, blockMs: 5, loss: 0 }));
    const rate = rateOf(trains, BYTES);
    assert.ok(rate && Math.abs(rate.bitsPerSecond / 5e7 - 1) <= 0.05, `${rate?.bitsPerSecond}`);
  }
});

test('when machines on the way stood still, the trains that were spared tell; when too few agree the answer is a lower bound', () => {
  const random = randomFrom(9);
  /** Nothing leaves for a while, then what has waited leaves faster than the link is. */
  const stalled = (): number[] => {
    const [from, forMs] = [1 + Math.floor(8 * random.unit()), 4 + 4 * random.unit()];
    const times = train(random, 100, 48, { wakeMs: 0, blockMs: 0, loss: 0 });
    return times.map((at, i) => (i < from ? at : Math.max(at, 20 + 0.12 * from + forMs + (0.03 + 0.02 * random.unit()) * (i - from))));
  };
  for (let run = 0; run < 20; run++) {
    const spared = Array.from({ length: 4 }, () => train(random, 100, 48, { wakeMs: 0.3, blockMs: 0.5, loss: 0 }));
    const told = rateOf([...spared, stalled(), stalled()], BYTES, 4);
    assert.ok(told && !told.isAtLeast && Math.abs(told.bitsPerSecond / 1e8 - 1) <= 0.05, `${told?.bitsPerSecond}`);
    const bound = rateOf([...spared.slice(0, 1), stalled(), stalled()], BYTES, 4);
    assert.ok(bound?.isAtLeast && bound.bitsPerSecond <= 1.05e8, `${bound?.bitsPerSecond}`);
  }
});

test('what cannot be told is not guessed', () => {
  assert.equal(rateOf([], BYTES), undefined);
  assert.equal(rateOf([[1, 2, 3]], BYTES), undefined);
  assert.equal(rateOf([Array.from({ length: 32 }, () => Number.NaN)], BYTES), undefined);
  const instant = rateOf([Array.from({ length: 32 }, () => 5)], BYTES);
  assert.deepEqual([instant?.isAtLeast, (instant?.bitsPerSecond ?? 0) >= 5e8], [true, true]);
});

test('[0075] the uplink is the maximum over the leafset: exact if one neighbour has a downlink that is larger, and never too large', () => {
  assert.equal(ownBottleneck([]), undefined);
  assert.equal(ownBottleneck([3, Number.NaN, Infinity, -1, 5]), 5);
  const links = Array.from({ length: 200 }, (_, i) => ({ upMbps: 1 + (i % 20), downMbps: 10 + 5 * (i % 17) }));
  const [few, many] = [2, 32].map((leafset) => runBandwidthSimulation(links, leafset, randomFrom(1)));
  assert.ok(few && many && many.up.exactShare > 0.99 && many.up.exactShare >= few.up.exactShare);
  assert.ok(many.down.medianError < few.down.medianError && many.down.exactShare < many.up.exactShare, 'downlinks come out low');
});

test('tables of hosts: rows without both rates are left out, and what is wrong is said', () => {
  assert.deepEqual(parseAccessLinks('a,dl_mbps,ul_mbps\nx,10,1\ny,,2\nz,20,3\n'), [{ upMbps: 1, downMbps: 10 }, { upMbps: 3, downMbps: 20 }]);
  assert.match(String(parseAccessLinks('a,b\n1,2')), /needs the columns/);
  assert.match(String(parseAccessLinks('dl_mbps,ul_mbps\n1,2')), /fewer than two rows/);
});
