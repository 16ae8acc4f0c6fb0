/**
 * Does a peer leak? Real peers start, stop and are killed for 20 minutes; heap and open handles must stay flat.
 *
 * One peer lives through all of it; the others come and go around it, and everybody writes and reads. After each minute
 * the heap is measured behind a forced collection. `node bench/soak.ts minutes=20`.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { randomFrom } from '../src/core/random.ts';
import { Testnet } from '../src/daemon/testnet.ts';
import { protocolOptions } from '../src/protocol/options.ts';
import { randomKey } from '../src/protocol/overlay/keys.ts';
import { argument, describeMachine, print } from './report.ts';

const PEERS = 10;
const STEP_MS = 1_500;
const KEYS = 60;

const minutes = argument('minutes', 20);
const random = randomFrom(11);
const options = protocolOptions({ heartbeatMs: 1_000, heartbeatGraceMs: 1_500, exchangeMs: 1_000, syncMs: 5_000, unconfirmedMs: 10_000, tombstoneMs: 30_000 });
const net = await Testnet.create({ protocol: options });
const keys = Array.from({ length: KEYS }, () => randomKey(random));
const counts = { starts: 0, kills: 0, leaves: 0, puts: 0, gets: 0, failed: 0 };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function step(): Promise<void> {
  const others = net.alive().slice(1);
  if (others.length < PEERS - 1) {
    counts.starts++;
    await net.spawn();
  } else {
    const victim = others[random.below(others.length)] as number;
    if (random.below(2) === 0) {
      counts.kills++;
      await net.kill(victim);
    } else {
      counts.leaves++;
      await net.leave(victim);
    }
  }
  for (const peer of net.alive()) {
    if (net.node(peer).standing !== 'active') continue;
    const key = keys[random.below(KEYS)] ?? randomKey(random);
    net.input(peer, (node) => {
      if (random.below(3) === 0) {
        counts.puts++;
        node.overlay.put(key, new Uint8Array(2_000), {}, (outcome) => void (outcome.ok || counts.failed++));
      } else {
        counts.gets++;
        node.overlay.get(key, (outcome) => void (outcome.ok || outcome.code === 'missing' || counts.failed++));
      }
    });
  }
}

function reading(minute: number): { minute: number; heapMiB: number; rssMiB: number; handles: number; [name: string]: number } {
  collect();
  collect();
  const { heapUsed, rss } = process.memoryUsage();
  const handles = process.getActiveResourcesInfo().length;
  return { minute, peers: net.alive().length, heapMiB: mib(heapUsed), rssMiB: mib(rss), handles, links: net.host(0).status().links, ...counts };
}

function mib(bytes: number): number {
  return Math.round(bytes / 1024 / 102.4) / 10;
}

describeMachine('soak');
for (let i = 0; i < PEERS; i++) await net.spawn();
const start = performance.now();
const readings = [];
for (let minute = 0; minute <= minutes; minute++) {
  while (performance.now() < start + minute * 60_000) {
    await step();
    await pause(STEP_MS);
  }
  readings.push(reading(minute));
  print({ bench: 'soak', ...readings.at(-1) });
}
// The first quarter is warm-up: caches fill, code is compiled.
const settled = readings.slice(Math.ceil(readings.length / 4));
const slope = (name: 'heapMiB' | 'handles'): number => {
  const n = settled.length;
  const meanX = settled.reduce((sum, { minute }) => sum + minute, 0) / n;
  const meanY = settled.reduce((sum, item) => sum + item[name], 0) / n;
  const top = settled.reduce((sum, item) => sum + (item.minute - meanX) * (item[name] - meanY), 0);
  const bottom = settled.reduce((sum, item) => sum + (item.minute - meanX) ** 2, 0);
  return Math.round((1000 * top) / bottom) / 1000;
};
print({ bench: 'soak', minutes, heapMiBPerMinute: slope('heapMiB'), handlesPerMinute: slope('handles'), ...counts });
await net.stop();
process.exit(0);
