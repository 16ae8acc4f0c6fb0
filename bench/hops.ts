/**
 * Hops of a lookup by strategy and ring size, on converged rings without churn.
 *
 * Expected: chord at most 0.5 log2 N + 0.5, pastry at most log16 N + 0.7, can about (d/4) N^(1/d), leafset about
 * N / (4 r). Peers stand at random positions; maintenance is switched off by looking only a short while, so what is measured
 * is the table and the rule for the next hop. CAN's formula is for zones of one size, so it is measured a second time with
 * peers evenly placed, as many as there are equal boxes; at random positions some zones are large, and routes cross these.
 */
import { CIRCLE, positionFromLead } from '../src/core/position.ts';
import { randomFrom } from '../src/core/random.ts';
import type { StrategyName } from '../src/protocol/options.ts';
import { protocolOptions } from '../src/protocol/options.ts';
import { ConstantLatency } from '../src/sim/latency/latency-model.ts';
import { RingWorld } from '../src/sim/ring/ring-world.ts';
import { describeMachine, print } from './report.ts';

const LOOKUPS = 2_000;
const RADIUS = 8;
const SIZES = [1_000, 10_000, 100_000];

interface Kind {
  readonly strategy: StrategyName;
  readonly dimensions: number;
  readonly sizes: readonly number[];
  /** Peers stand at equal distances. */
  readonly even?: boolean;
  readonly expected: (n: number) => number;
}

const KINDS: readonly Kind[] = [
  { strategy: 'chord', dimensions: 2, sizes: SIZES, expected: (n) => 0.5 * Math.log2(n) + 0.5 },
  { strategy: 'pastry', dimensions: 2, sizes: SIZES, expected: (n) => Math.log2(n) / 4 + 0.7 },
  { strategy: 'can', dimensions: 2, even: true, sizes: [2 ** 10, 2 ** 14, 2 ** 16], expected: (n) => 0.5 * n ** (1 / 2) },
  { strategy: 'can', dimensions: 3, even: true, sizes: [2 ** 9, 2 ** 12, 2 ** 15], expected: (n) => 0.75 * n ** (1 / 3) },
  { strategy: 'can', dimensions: 2, sizes: SIZES, expected: (n) => 0.5 * n ** (1 / 2) },
  { strategy: 'can', dimensions: 3, sizes: SIZES, expected: (n) => 0.75 * n ** (1 / 3) },
  { strategy: 'leafset', dimensions: 2, sizes: SIZES, expected: (n) => n / (4 * RADIUS) },
];

function measure(kind: Kind, peers: number): void {
  const { strategy, dimensions } = kind;
  const options = protocolOptions({ strategy, dimensions, leafsetRadius: RADIUS });
  const ring = new RingWorld({ seed: 1, latency: new ConstantLatency(1), queue: 'calendar', countBytes: false }, options);
  ring.wire(peers, kind.even ? (i) => positionFromLead(((i + 1) * CIRCLE) / peers - 1) : undefined);
  const random = randomFrom(7);
  const hops: number[] = [];
  // A lookup round a ring of 10^5 takes thousands of hops: fewer of them will do.
  const lookups = strategy === 'leafset' && peers > 10_000 ? 100 : LOOKUPS;
  for (let i = 0; i < lookups; i++) {
    ring.world.at(i * (6_000 / lookups), () => {
      const index = ring.anyMember();
      if (index !== undefined) ring.lookup(index, ring.randomKey(random), (result) => hops.push(result.hops));
    });
  }
  ring.world.runUntil(strategy === 'leafset' ? 20_000 : 8_000);
  hops.sort((a, b) => a - b);
  const mean = hops.reduce((sum, count) => sum + count, 0) / hops.length;
  const expected = kind.expected(peers);
  print({
    strategy, dimensions: strategy === 'can' ? dimensions : undefined, even: kind.even, peers, lookups: hops.length, wrongOwner: ring.lookups.wrongOwner,
    hops: { mean, median: hops[hops.length >> 1], p99: hops[Math.floor(hops.length * 0.99)] }, expected, ratio: mean / expected,
  });
}

describeMachine('hops');
const wanted = process.argv.slice(2);
for (const kind of KINDS) {
  if (wanted.length > 0 && !wanted.includes(kind.strategy)) continue;
  for (const peers of kind.sizes) measure(kind, peers);
}
