/**
 * Half of 1,000 peers killed at one instant: how long until the zones of the survivors partition the circle again, and
 * until every leafset is right. To reach: zones within 60 simulated seconds, for every seed.
 */
import { randomFrom, shuffle } from '../src/core/random.ts';
import type { StrategyName } from '../src/protocol/options.ts';
import { protocolOptions } from '../src/protocol/options.ts';
import { latencyByName } from '../src/sim/edge/latency-file.ts';
import { checkLeafsets, checkZones } from '../src/sim/ring/check-ring.ts';
import { RingWorld } from '../src/sim/ring/ring-world.ts';
import { argument, describeMachine, print } from './report.ts';

const PEERS = argument('peers', 1_000);
const WITHIN_MS = 600_000;

function killHalf(seed: number, strategy: StrategyName): void {
  const latency = latencyByName('transit-stub', randomFrom(seed).fork('latency'));
  const ring = new RingWorld({ seed, latency, queue: 'calendar', countBytes: false }, protocolOptions({ strategy }));
  ring.wire(PEERS);
  ring.world.runFor(120_000);
  const doomed = shuffle(ring.world.random('doomed'), ring.world.alive()).slice(0, PEERS / 2);
  for (const peer of doomed) ring.crash(peer);
  const start = ring.world.now();
  const zonesMs = ring.world.runUntilHolds(() => checkZones(ring).length === 0, 500, WITHIN_MS);
  const leafsetsMs = ring.world.runUntilHolds(() => checkLeafsets(ring).length === 0, 500, WITHIN_MS);
  print({
    peers: PEERS, killed: doomed.length, strategy, seed,
    zonesSeconds: zonesMs === undefined ? null : zonesMs / 1000,
    leafsetsSeconds: leafsetsMs === undefined ? null : (ring.world.now() - start) / 1000,
  });
}

describeMachine('kill-half');
for (let seed = 1; seed <= argument('seeds', 8); seed++) killHalf(seed, 'pastry');
