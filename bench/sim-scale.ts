/**
 * How large and how fast a simulated ring can be, with the daemon's whole protocol in every peer.
 *
 * Events per second of process CPU time at 10^4 peers (maintenance and one lookup a minute per peer), and bytes a peer at
 * 10^5 and 10^6: the process's resident memory less what it was before the world existed, divided by the peers, after
 * wiring and after simulated time. `node --expose-gc` makes the figure after a collection possible. Each size runs alone.
 */
import { randomFrom } from '../src/core/random.ts';
import { protocolOptions } from '../src/protocol/options.ts';
import { latencyByName } from '../src/sim/edge/latency-file.ts';
import { RING_SIMULATION_DEFAULTS, runRingSimulation } from '../src/sim/ring/run-ring.ts';
import { RingWorld } from '../src/sim/ring/ring-world.ts';
import { argument, cpuSeconds, describeMachine, print } from './report.ts';

function throughput(peers: number, meanSessionMinutes: number): void {
  const { fingerprint, events, eventsPerSecond, messagesPerSecondPerPeer } = runRingSimulation({ ...RING_SIMULATION_DEFAULTS, peers, meanSessionMinutes, warmUpMinutes: 5, minutes: 5 });
  print({ measure: 'throughput', peers, meanSessionMinutes: Number.isFinite(meanSessionMinutes) ? meanSessionMinutes : null, fingerprint, events, eventsPerCpuSecond: eventsPerSecond, messagesPerSecondPerPeer });
}

function memory(peers: number, seconds: number): void {
  const collect = (globalThis as { gc?: () => void }).gc;
  const latency = latencyByName('transit-stub', randomFrom(1).fork('latency'));
  collect?.();
  const base = process.memoryUsage();
  const startedAt = cpuSeconds();
  const ring = new RingWorld({ seed: 1, latency, queue: 'calendar' }, protocolOptions({ strategy: 'pastry' }));
  ring.wire(peers);
  const wiredAt = cpuSeconds();
  const perPeer = (now: NodeJS.MemoryUsage): number => Math.round((now.rss - base.rss) / peers);
  const wired = process.memoryUsage();
  ring.world.runFor(seconds * 1000);
  const ranAt = cpuSeconds();
  const ran = process.memoryUsage();
  collect?.();
  const collected = process.memoryUsage();
  print({
    measure: 'memory', peers, simulatedSeconds: seconds, wiringCpuSeconds: wiredAt - startedAt, events: ring.world.counters.events,
    eventsPerCpuSecond: Math.round(ring.world.counters.events / (ranAt - wiredAt)), bytesAPeerWired: perPeer(wired), bytesAPeerRun: perPeer(ran),
    bytesAPeerCollected: collect ? perPeer(collected) : null, heapBytesAPeer: Math.round((collected.heapUsed - base.heapUsed) / peers),
  });
}

describeMachine('sim-scale');
const only = argument('peers', 0);
if (only === 0 || only === 10_000) {
  throughput(10_000, Infinity);
  throughput(10_000, 60);
}
if (only === 0 || only === 100_000) memory(100_000, 60);
if (only === 0 || only === 1_000_000) memory(1_000_000, argument('seconds', 5));
