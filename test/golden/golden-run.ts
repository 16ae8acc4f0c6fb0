/**
 * The runs whose fingerprints are committed (INV-DET-1): short, and with everything in them that a ring does - peers that
 * join, crash, leave and return, messages lost and doubled, lookups, objects and references.
 */
import type { StrategyName } from '../../src/protocol/options.ts';
import { protocolOptions } from '../../src/protocol/options.ts';
import { randomKey } from '../../src/protocol/overlay/keys.ts';
import { EuclideanLatency } from '../../src/sim/latency/latency-model.ts';
import { RingWorld } from '../../src/sim/ring/ring-world.ts';
import { randomFrom } from '../../src/core/random.ts';

export const GOLDEN_FILE = new URL('./ring.json', import.meta.url);

export interface GoldenRun {
  readonly fingerprint: string;
  readonly events: number;
}

export interface How {
  readonly queue: 'heap' | 'calendar';
  /** Encode and decode every message. */
  readonly wire: boolean;
}

export function goldenRun(strategy: StrategyName, how: How): GoldenRun {
  const latency = new EuclideanLatency(randomFrom(11));
  const ring = new RingWorld({ seed: 11, latency, loss: 0.01, duplicate: 0.01, jitter: 0.1, ...how }, protocolOptions({ strategy, leafsetRadius: 4, syncMs: 20_000 }));
  const random = ring.world.random('golden');
  const nothing = (): void => undefined;
  ring.wire(40);
  for (let minute = 0; minute < 2; minute++) {
    ring.join();
    const [gone, leaving] = [ring.anyMember() as number, ring.anyMember() as number];
    ring.crash(gone);
    if (leaving !== gone) ring.leave(leaving);
    const keys = Array.from({ length: 6 }, () => randomKey(random));
    keys.forEach((key) => {
      const peer = ring.anyMember() as number;
      ring.lookup(peer, key);
      ring.node(peer).overlay.put(key, new Uint8Array(100), {}, nothing);
    });
    ring.world.runFor(30_000);
    keys.forEach((key, i) => ring.node(ring.anyMember() as number).overlay.setref(key, 'next', { key: keys[(i + 1) % keys.length] as typeof key }, nothing));
    ring.restart(gone);
    ring.world.runFor(30_000);
  }
  return { fingerprint: ring.world.fingerprint, events: ring.world.counters.events };
}
