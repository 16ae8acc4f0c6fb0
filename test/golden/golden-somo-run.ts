/**
 * The runs of the metadata tree whose fingerprints are committed: short, and with everything in them that it does - reports,
 * calls, questions, messages, registered queries, peers that join, crash and leave, messages lost and doubled.
 */
import { randomFrom } from '../../src/core/random.ts';
import { CIRCLE } from '../../src/core/position.ts';
import { protocolOptions } from '../../src/protocol/options.ts';
import { EuclideanLatency } from '../../src/sim/latency/latency-model.ts';
import { SomoWorld } from '../../src/sim/somo/somo-world.ts';
import type { GoldenRun, How } from './golden-run.ts';

export const SOMO_GOLDEN_FILE = new URL('./somo.json', import.meta.url);
export const SOMO_MODES = ['unsynchronised', 'synchronised'] as const;

export function goldenSomoRun(mode: (typeof SOMO_MODES)[number], how: How): GoldenRun {
  const somo = new SomoWorld(
    { seed: 12, latency: new EuclideanLatency(randomFrom(12)), loss: 0.01, duplicate: 0.01, jitter: 0.1, changeShare: 0.1, ...how },
    protocolOptions({ somo: mode, somoArity: 4, somoPeriodMs: 5_000, leafsetRadius: 4 }),
  );
  const { ring } = somo;
  const nothing = (): void => undefined;
  somo.wire(40);
  const calls = [{ op: 'avg', field: 'cpu.load', parameter: 0 }, { op: 'quantile', field: 'mem.free', parameter: 0.95 }, { op: 'reports', field: '', parameter: 5 }];
  for (let minute = 0; minute < 2; minute++) {
    somo.join();
    const [gone, leaving, asker] = [ring.anyMember() as number, ring.anyMember() as number, ring.anyMember() as number];
    somo.somo(asker).watch({ id: 7 + minute, calls: calls.slice(0, 2), region: { from: 0, to: CIRCLE }, where: '', leaseMs: 40_000, topic: minute === 0 ? '' : 'news' }, nothing, nothing);
    ring.world.runFor(15_000);
    ring.crash(gone);
    if (leaving !== gone) ring.leave(leaving);
    somo.somo(ring.anyMember() as number).query(calls, { where: 'region == "eu"' }, nothing);
    somo.somo(ring.anyMember() as number).tell('topic', 'text', { region: { from: 0, to: CIRCLE / 2 } }, nothing);
    ring.world.runFor(15_000);
    somo.restart(gone);
    ring.world.runFor(30_000);
  }
  return { fingerprint: ring.world.fingerprint, events: ring.world.counters.events };
}
