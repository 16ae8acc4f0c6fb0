/**
 * Lookups under churn: 10,000 peers, mean sessions of 60, 30, 15 and 5 minutes, without loss and with 5 % of all messages
 * lost. Departures are crashes, each replaced by a newcomer at once.
 *
 * To reach at 60 minutes without loss: lost at most 1e-4 of lookups, nobody wrong, less than 0.5 messages of maintenance
 * per second and peer, stretch below 2. Stretch is the mean one-way time from the origin to the owner over the mean direct
 * one-way latency between the two; its median is of the single ratios. `node bench/churn.ts peers=1000 sessions=60 loss=0`.
 */
import { RING_SIMULATION_DEFAULTS, runRingSimulation } from '../src/sim/ring/run-ring.ts';
import { argument, describeMachine, print } from './report.ts';

const peers = argument('peers', 10_000);
const onlySession = argument('session', 0);
const onlyLoss = argument('loss', -1);

describeMachine('churn');
for (const meanSessionMinutes of [60, 30, 15, 5]) {
  for (const loss of [0, 0.05]) {
    if ((onlySession > 0 && onlySession !== meanSessionMinutes) || (onlyLoss >= 0 && onlyLoss !== loss)) continue;
    const settings = { warmUpMinutes: argument('warmUp', 20), minutes: argument('minutes', 10), seed: argument('seed', 1) };
    const { lookups, ...rest } = runRingSimulation({ ...RING_SIMULATION_DEFAULTS, ...settings, peers, meanSessionMinutes, loss });
    print({ meanSessionMinutes, loss, ...settings, lookups, lostShare: lookups.lost / Math.max(1, lookups.delivered + lookups.lost), ...rest });
  }
}
