/**
 * The runs whose fingerprints are committed (INV-DET-1) of latency-graded trees built by messages: first in peace, then with
 * messages lost, doubled and overtaking, peers that crash, leave and return.
 */
import { randomFrom } from '../../src/core/random.ts';
import type { AlgorithmName } from '../../src/protocol/lagover/algorithm.ts';
import { TreeWorld } from '../../src/sim/lagover/tree-world.ts';
import { drawWorkload } from '../../src/sim/lagover/workloads.ts';
import { EuclideanLatency } from '../../src/sim/latency/latency-model.ts';
import type { GoldenRun, How } from './golden-run.ts';

export const TREES_GOLDEN_FILE = new URL('./trees.json', import.meta.url);

export function goldenTreesRun(algorithm: AlgorithmName, how: How): GoldenRun {
  const workload = drawWorkload({ name: 'bicorr', peers: 40, seed: 11, slack: 1, uplinksMbps: [], rateMbps: 1 });
  if (typeof workload === 'string') throw new Error(workload);
  const latency = new EuclideanLatency(randomFrom(11));
  const trees = new TreeWorld(workload, { seed: 11, latency, jitter: 0.1, oracle: 'random-delay', tree: { algorithm }, ...how });
  const { world } = trees;
  trees.joinAll(1_000);
  world.runFor(30_000);
  world.setLoss(0.02);
  world.setDuplicate(0.02);
  world.setReorder(0.1);
  const random = world.random('golden');
  for (let i = 0; i < 10; i++) {
    const gone = 1 + random.below(trees.peers);
    if (random.below(2) === 0) trees.crash(gone);
    else trees.leave(gone);
    world.runFor(3_000);
    if (!trees.isOnline(gone)) trees.restart(gone);
    world.runFor(2_000);
  }
  return { fingerprint: world.fingerprint, events: world.counters.events };
}
