/**
 * The run whose fingerprint is committed (INV-DET-1) of multicast sessions that compete for a helper: the scenario that real peers play too.
 */
import { QUICK } from '../scenarios/cluster.ts';
import { marketScenarios } from '../scenarios/market-scenarios.ts';
import { SimCluster } from '../scenarios/sim-cluster.ts';
import type { GoldenRun, How } from './golden-run.ts';

export const MARKET_GOLDEN_FILE = new URL('./market.json', import.meta.url);

/** With messages shared, and with messages encoded: then streams come in other pieces, so that it is another run. */
export async function goldenMarketRuns(queue: How['queue']): Promise<Record<string, GoldenRun>> {
  const runs: Record<string, GoldenRun> = {};
  for (const wire of [false, true]) {
    for (const { sizes: [peers], options, run } of marketScenarios) {
      const cluster = new SimCluster(11, { ...QUICK, ...options }, { queue, wire });
      await run(cluster, peers);
      const { fingerprint, counters } = cluster.ring.world;
      runs[wire ? 'encoded' : 'shared'] = { fingerprint, events: counters.events };
    }
  }
  return runs;
}
