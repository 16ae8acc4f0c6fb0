/**
 * The run whose fingerprint is committed (INV-DET-1) of a feed shared by a pool: first in peace, then with messages lost, doubled and
 * overtaking, peers that crash and return, the lead among them.
 */
import { randomFrom } from '../../src/core/random.ts';
import { protocolOptions } from '../../src/protocol/options.ts';
import { FeedWorld } from '../../src/sim/feed/feed-world.ts';
import { EuclideanLatency } from '../../src/sim/latency/latency-model.ts';
import type { GoldenRun, How } from './golden-run.ts';

export const FEEDS_GOLDEN_FILE = new URL('./feeds.json', import.meta.url);
const PEERS = 30;

export function goldenFeedsRun(how: How): GoldenRun {
  const feeds = new FeedWorld(PEERS, { seed: 17, latency: new EuclideanLatency(randomFrom(17)), jitter: 0.1, ...how }, protocolOptions(),
    (peer) => ({ maxStalenessMs: 20_000 + 5_000 * (peer % 4), fanout: 1 + (peer % 4), canPoll: peer % 3 !== 0 }));
  const { world } = feeds.ring;
  for (let peer = 0; peer < PEERS; peer++) feeds.subscribe(peer);
  for (let change = 0; change < 4; change++) {
    world.runFor(30_000);
    feeds.change();
  }
  world.setLoss(0.02);
  world.setDuplicate(0.02);
  world.setReorder(0.1);
  const random = world.random('golden');
  for (let i = 0; i < 6; i++) {
    const gone = i % 2 === 0 ? (feeds.pollers()[0] ?? 0) : random.below(PEERS);
    if (world.isAlive(gone)) feeds.crash(gone);
    feeds.change();
    world.runFor(40_000);
    if (!world.isAlive(gone)) feeds.restart(gone);
    world.runFor(10_000);
  }
  return { fingerprint: world.fingerprint, events: world.counters.events };
}
