/**
 * The metadata tree with messages: 10,000 simulated peers, a report every 10 s, k = 8.
 *
 * Bounds: quiet, coverage 1 and nobody counted twice; the root's view no older than height x T unsynchronised and T + 2 x
 * height x hop synchronised; after a fifth of the machines vanished at once, all survivors in the view within 3 T; with mean
 * sessions of 15 minutes, mean coverage at least .99; at most .3 messages a second and peer, heartbeats included; differences
 * save at least 70 % of the bytes of reports when 10 % of the values change. `peers=1000 seeds=2` and names of cases choose.
 */
import type { SomoSimulation } from '../src/sim/somo/run-somo.ts';
import { runSomoSimulation } from '../src/sim/somo/run-somo.ts';
import { argument, cpuSeconds, describeMachine, print } from './report.ts';

const INTERVAL_MS = 10_000;
const HOP_MS = 50;
const CASES: Readonly<Record<string, Pick<SomoSimulation, 'minutes' | 'kill' | 'meanSessionMinutes'>>> = {
  quiet: { minutes: 2, kill: undefined, meanSessionMinutes: Infinity },
  kill: { minutes: 2, kill: { share: 0.2, atMs: 10_000 }, meanSessionMinutes: Infinity },
  churn: { minutes: 4, kill: undefined, meanSessionMinutes: 15 },
};

const peers = argument('peers', 10_000);
const seeds = argument('seeds', 1);
const chosen = Object.keys(CASES).filter((name) => process.argv.includes(name));

describeMachine('somo-protocol');
for (const name of chosen.length > 0 ? chosen : Object.keys(CASES)) {
  for (const mode of ['async', 'sync'] as const) {
    for (let seed = 1; seed <= seeds; seed++) {
      const startedAt = cpuSeconds();
      const { series: _series, ...result } = runSomoSimulation({ ...(CASES[name] as (typeof CASES)[string]), peers, k: 8, hopMs: HOP_MS, seed, intervalMs: INTERVAL_MS, mode, loss: 0, changeShare: 0.1 });
      const ageBoundMs = mode === 'async' ? result.flowHeight * INTERVAL_MS : INTERVAL_MS + 2 * result.flowHeight * HOP_MS;
      print({ case: name, mode, seed, ageBoundMs, ...result, cpuSeconds: cpuSeconds() - startedAt });
    }
  }
}
