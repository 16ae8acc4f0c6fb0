/**
 * One measured run of the metadata tree with messages: `grove sim somo --protocol`, and the benchmarks.
 *
 * A converged ring is wired, the tree finds itself, and then the root's view is looked at every second: who is in it, and
 * how old it is. A share of the machines can vanish at one instant; others can come and go all the time.
 */
import type { Millis } from '../../core/env.ts';
import { protocolOptions } from '../../protocol/options.ts';
import { LogicalTree } from '../../protocol/somo/tree.ts';
import { shuffle } from '../../core/random.ts';
import { startChurn } from '../churn.ts';
import { ConstantLatency } from '../latency/latency-model.ts';
import type { PlacementFigures } from './place.ts';
import { figuresOf, place } from './place.ts';
import { SomoWorld } from './somo-world.ts';

export interface SomoSimulation {
  readonly peers: number;
  readonly k: number;
  readonly hopMs: Millis;
  readonly seed: number;
  readonly minutes: number;
  readonly intervalMs: Millis;
  readonly mode: 'sync' | 'async';
  /** Infinity: nobody comes or goes. */
  readonly meanSessionMinutes: number;
  /** So large a share of the machines vanishes so long after the measurement begins. */
  readonly kill: { readonly share: number; readonly atMs: Millis } | undefined;
  readonly loss: number;
  /** Share of a machine's values that change at each period. */
  readonly changeShare: number;
  readonly onProgress?: (share: number) => void;
}

export interface SomoSimulationResult extends PlacementFigures {
  readonly fingerprint: string;
  /** Share of the living members in the root's view. */
  readonly coverage: { readonly mean: number; readonly min: number };
  readonly ageMs: { readonly mean: number; readonly p99: number; readonly max: number };
  /** From the disaster until every survivor is in the root's view for good; null without one, or if some are missing at the end. */
  readonly healMs: number | null;
  /** Of the metadata tree: reports, acknowledgements, calls, and the lookups that find parents. */
  readonly messagesPerSecondPerPeer: number;
  readonly bytesPerSecondPerPeer: number;
  /** Share of the bytes of reports that differences save. */
  readonly deltaSavings: number;
  /** Seconds in which the root counted somebody twice. */
  readonly countedTwice: number;
  /** Hops to the deepest machine in the root's view. */
  readonly flowHeight: number;
  /** Second by second. */
  readonly series: { readonly coverage: readonly number[] };
}

/** So many periods for the tree to find itself; then counting begins. */
const WARM_UP_PERIODS = 12;
const LOOK_EVERY_MS = 1_000;
const SOMO_MESSAGES = /^somo|^route$|^hopAck$|^routeReply$/;

export function runSomoSimulation(options: SomoSimulation): SomoSimulationResult {
  const { seed, loss, peers, changeShare } = options;
  const world = new SomoWorld(
    { seed, loss, latency: new ConstantLatency(options.hopMs), queue: peers >= 1_000 ? 'calendar' : 'heap', changeShare, rollCall: true },
    protocolOptions({ somo: options.mode === 'sync' ? 'synchronised' : 'unsynchronised', somoArity: options.k, somoPeriodMs: options.intervalMs }),
  );
  world.wire(peers);
  const { ring } = world;
  if (Number.isFinite(options.meanSessionMinutes)) churn(world, options);
  const warmUpMs = WARM_UP_PERIODS * options.intervalMs;
  ring.world.runUntil(warmUpMs);
  const before = traffic(world);
  const bytesBefore = { ...world.reportBytes };
  const looks = look(world, options, warmUpMs);
  const after = traffic(world);
  const leads = Float64Array.from(ring.oracle.members, (member) => member.position.lead).sort();
  const figures = figuresOf(place(leads, new LogicalTree(options.k)), options.k, options.hopMs);
  const peerSeconds = looks.peerSeconds;
  const told = world.reportBytes.told - bytesBefore.told;
  const full = world.reportBytes.full - bytesBefore.full;
  return {
    ...figures, fingerprint: ring.world.fingerprint, coverage: { mean: mean(looks.coverage), min: Math.min(...looks.coverage) },
    ageMs: { mean: mean(looks.ageMs), p99: quantile(looks.ageMs, 0.99), max: Math.max(...looks.ageMs) }, healMs: looks.healMs,
    messagesPerSecondPerPeer: (after.messages - before.messages) / peerSeconds, bytesPerSecondPerPeer: (after.bytes - before.bytes) / peerSeconds,
    deltaSavings: full > 0 ? 1 - told / full : 0, countedTwice: looks.countedTwice, flowHeight: world.view?.height ?? 0, series: { coverage: looks.coverage },
  };
}

interface Looks {
  readonly coverage: number[];
  readonly ageMs: number[];
  healMs: number | null;
  countedTwice: number;
  peerSeconds: number;
}

function look(world: SomoWorld, options: SomoSimulation, startMs: Millis): Looks {
  const { ring } = world;
  const looks: Looks = { coverage: [], ageMs: [], healMs: null, countedTwice: 0, peerSeconds: 0 };
  const endMs = startMs + options.minutes * 60_000;
  let killedAt: Millis | undefined;
  for (let at = startMs + LOOK_EVERY_MS; at <= endMs; at += LOOK_EVERY_MS) {
    ring.world.runUntil(at);
    if (options.kill && killedAt === undefined && at - startMs >= options.kill.atMs) {
      killedAt = at;
      kill(world, options.kill.share);
    }
    const coverage = world.coverage;
    looks.coverage.push(coverage);
    const ageMs = world.ageMs;
    if (Number.isFinite(ageMs)) looks.ageMs.push(ageMs);
    if (world.surplus > 0) looks.countedTwice++;
    if (killedAt !== undefined) looks.healMs = coverage < 1 ? null : (looks.healMs ?? at - killedAt);
    looks.peerSeconds += (ring.oracle.size * LOOK_EVERY_MS) / 1_000;
    options.onProgress?.((at - startMs) / (endMs - startMs));
  }
  return looks;
}

function kill(world: SomoWorld, share: number): void {
  const living = shuffle(world.ring.world.random('kill'), world.ring.world.alive());
  for (const index of living.slice(0, Math.round(share * living.length))) world.ring.crash(index);
}

function churn(world: SomoWorld, options: SomoSimulation): void {
  const rates = { online: options.peers, meanSessionMs: options.meanSessionMinutes * 60_000, who: 'fresh', gracefulShare: 0 } as const;
  startChurn(world.ring.world, rates, {
    arrive: (member) => void (member >= options.peers && world.join()),
    depart: (member) => world.ring.crash(member),
  }, world.ring.world.random('churn'));
}

function traffic({ ring }: SomoWorld): { readonly messages: number; readonly bytes: number } {
  let messages = 0;
  let bytes = 0;
  for (const count of ring.world.messageCounts()) {
    if (!SOMO_MESSAGES.test(count.name)) continue;
    messages += count.sent;
    bytes += count.bytes;
  }
  return { messages, bytes };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
