/**
 * Small simulated trees for tests: every message encoded, decoded and frozen, so that what only works by sharing fails.
 */
import { randomFrom } from '../../../../src/core/random.ts';
import type { TreeWorldOptions } from '../../../../src/sim/lagover/tree-world.ts';
import { TreeWorld } from '../../../../src/sim/lagover/tree-world.ts';
import type { Workload, WorkloadName } from '../../../../src/sim/lagover/workloads.ts';
import { drawWorkload } from '../../../../src/sim/lagover/workloads.ts';
import { EuclideanLatency } from '../../../../src/sim/latency/latency-model.ts';

export function workload(name: WorkloadName, peers: number, seed: number): Workload {
  const drawn = drawWorkload({ name, peers, seed, slack: 1, uplinksMbps: [], rateMbps: 1 });
  if (typeof drawn === 'string') throw new Error(drawn);
  return drawn;
}

/** Consumers as [constraint, fan-out]. */
export function system(sourceFanout: number, pairs: readonly (readonly [number, number])[]): Workload {
  return { sourceFanout, consumers: pairs.map(([constraint, fanout]) => ({ constraint, fanout })) };
}

export function trees(of: Workload, seed: number, options: Partial<TreeWorldOptions> = {}): TreeWorld {
  const latency = new EuclideanLatency(randomFrom(seed).fork('latency'));
  return new TreeWorld(of, { seed, latency, jitter: 0.1, wire: true, freeze: true, oracle: 'random-delay', ...options });
}

/** Milliseconds until all have come and are served in time; undefined if not within so long. */
export function settle(world: TreeWorld, withinMs: number, online = world.peers): number | undefined {
  return world.world.runUntilHolds(() => world.onlineCount === online && world.satisfiedShare === 1, 100, withinMs);
}
