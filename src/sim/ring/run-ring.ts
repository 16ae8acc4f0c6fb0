/**
 * One measured run of the ring: the command `grove sim ring`, and most of the benchmarks.
 *
 * A converged ring is wired, lives through a warm-up with the same churn and loss as the measurement, and is then counted.
 * Departures are crashes and each is replaced by a newcomer. Same options, same fingerprint.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import { randomFrom } from '../../core/random.ts';
import type { StrategyName } from '../../protocol/options.ts';
import { protocolOptions } from '../../protocol/options.ts';
import { startChurn } from '../churn.ts';
import { latencyByName } from '../edge/latency-file.ts';
import { cpuSeconds } from '../edge/stopwatch.ts';
import { exponential } from '../exponential.ts';
import { RingWorld } from './ring-world.ts';

export interface RingSimulation {
  readonly peers: number;
  readonly strategy: StrategyName;
  /** Of the `can` strategy. */
  readonly dimensions: number;
  readonly minutes: number;
  /** Before counting begins; with the same churn and loss. */
  readonly warmUpMinutes: number;
  readonly seed: number;
  /** Share of messages lost, 0..1. */
  readonly loss: number;
  /** Infinity: nobody comes or goes. */
  readonly meanSessionMinutes: number;
  /** A generator's name (`constant`, `euclidean`, `transit-stub`) or a matrix file. */
  readonly latency: string;
  readonly leafset: number;
  readonly lookupsPerPeerPerMinute: number;
  /** Encode and decode every message. */
  readonly wire: boolean;
  readonly onProgress?: (share: number) => void;
}

export const RING_SIMULATION_DEFAULTS: RingSimulation = {
  peers: 1_000, strategy: 'pastry', dimensions: 2, minutes: 10, warmUpMinutes: 5, seed: 1, loss: 0,
  meanSessionMinutes: Infinity, latency: 'transit-stub', leafset: 8, lookupsPerPeerPerMinute: 1, wire: false,
};

export interface RingSimulationResult {
  readonly peers: number;
  readonly strategy: StrategyName;
  readonly seed: number;
  readonly fingerprint: string;
  readonly events: number;
  /** Per second of CPU time. */
  readonly eventsPerSecond: number;
  /** `abandoned`: issued by a peer that died before the answer; neither delivered nor lost. */
  readonly lookups: { readonly issued: number; readonly delivered: number; readonly wrongOwner: number; readonly lost: number; readonly abandoned: number };
  readonly hops: { readonly mean: number; readonly p99: number };
  /** Way to the owner over the direct way: mean over mean, and the median of the single ratios. */
  readonly stretch: { readonly mean: number; readonly median: number };
  readonly lookupMs: { readonly mean: number; readonly p99: number };
  /** Everything but the workload's own lookups. */
  readonly messagesPerSecondPerPeer: number;
  readonly bytesPerSecondPerPeer: number;
  readonly meanCoordinateError: number;
}

class Samples {
  readonly hops: number[] = [];
  readonly tookMs: number[] = [];
  readonly wayMs: number[] = [];
  readonly directMs: number[] = [];
}

export function runRingSimulation(options: RingSimulation): RingSimulationResult {
  const { peers, strategy, dimensions, leafset, seed, loss } = options;
  const latency = latencyByName(options.latency, randomFrom(seed).fork('latency'));
  const ring = new RingWorld(
    { seed, latency, loss, wire: options.wire, queue: peers >= 1_000 ? 'calendar' : 'heap' },
    protocolOptions({ strategy, dimensions, leafsetRadius: leafset }),
  );
  ring.wire(peers);
  if (Number.isFinite(options.meanSessionMinutes)) churn(ring, options);
  const startedAt = cpuSeconds();
  const progress = stepper(ring, options);
  progress(options.warmUpMinutes);
  const before = { ...tally(ring) };
  const samples = new Samples();
  startLookups(ring, options, samples);
  progress(options.minutes);
  const after = tally(ring);
  // Answers to the last lookups are still on their way; nobody asks any more.
  ring.world.runFor(ring.options.lookupRetryMs * (ring.options.lookupAttempts + 2));
  return summary(ring, options, samples, { before, after, seconds: cpuSeconds() - startedAt });
}

function churn(ring: RingWorld, options: RingSimulation): void {
  const rates = { online: options.peers, meanSessionMs: options.meanSessionMinutes * 60_000, who: 'fresh', gracefulShare: 0 } as const;
  startChurn(ring.world, rates, {
    // The first members are the wired ones.
    arrive: (member) => void (member >= options.peers && ring.join()),
    depart: (member) => ring.crash(member),
  }, ring.world.random('churn'));
}

function startLookups(ring: RingWorld, options: RingSimulation, samples: Samples): void {
  if (options.lookupsPerPeerPerMinute <= 0) return;
  const random = ring.world.random('lookups');
  const meanGapMs = 60_000 / (options.lookupsPerPeerPerMinute * options.peers);
  const endAt = ring.world.now() + options.minutes * 60_000;
  const next = (): void => {
    const index = ring.anyMember();
    if (index !== undefined) {
      ring.lookup(index, ring.randomKey(random), (result) => sample(ring, index, result, samples));
    }
    const at = ring.world.now() + exponential(random, meanGapMs);
    if (at < endAt) ring.world.at(at, next);
  };
  ring.world.at(ring.world.now() + exponential(random, meanGapMs), next);
}

function sample(ring: RingWorld, index: number, result: { owner: Contact; hops: number; tookMs: Millis }, samples: Samples): void {
  samples.hops.push(result.hops);
  samples.tookMs.push(result.tookMs);
  const oneWayMs = ring.directMs(index, result.owner) / 2;
  if (oneWayMs <= 0) return;
  samples.directMs.push(oneWayMs);
  samples.wayMs.push(result.tookMs - oneWayMs);
}

/** Runs minute by minute, so that a person sees it move. */
function stepper(ring: RingWorld, options: RingSimulation): (minutes: number) => void {
  const total = (options.warmUpMinutes + options.minutes) * 60_000;
  return (minutes) => {
    const endAt = ring.world.now() + minutes * 60_000;
    while (ring.world.now() < endAt) {
      ring.world.runUntil(Math.min(endAt, ring.world.now() + 30_000));
      options.onProgress?.(ring.world.now() / total);
    }
  };
}

interface Tally {
  readonly messages: number;
  readonly bytes: number;
  readonly routeBytes: number;
  readonly routeMessages: number;
}

function tally(ring: RingWorld): Tally {
  let messages = 0;
  let bytes = 0;
  let routeMessages = 0;
  let routeBytes = 0;
  for (const count of ring.world.messageCounts()) {
    messages += count.sent;
    bytes += count.bytes;
    if (count.name === 'route' || count.name === 'hopAck' || count.name === 'routeReply') {
      routeMessages += count.sent;
      routeBytes += count.bytes;
    }
  }
  return { messages, bytes, routeMessages, routeBytes };
}

function summary(ring: RingWorld, options: RingSimulation, samples: Samples, run: { before: Tally; after: Tally; seconds: number }): RingSimulationResult {
  const { world, lookups } = ring;
  const peerSeconds = options.peers * options.minutes * 60;
  // The workload's own share: per hop a route and its acknowledgement, and one reply.
  const own = samples.hops.reduce((sum, hops) => sum + 2 * hops + 1, 0);
  const routes = run.after.routeMessages - run.before.routeMessages;
  const routeBytes = run.after.routeBytes - run.before.routeBytes;
  const ownBytes = routes > 0 ? (routeBytes * Math.min(own, routes)) / routes : 0;
  const errors = world.alive().map((peer) => ring.node(peer).local.coordinate.error);
  return {
    peers: options.peers, strategy: options.strategy, seed: options.seed, fingerprint: world.fingerprint,
    events: world.counters.events, eventsPerSecond: Math.round(world.counters.events / Math.max(run.seconds, 1e-3)),
    lookups: { ...lookups },
    hops: { mean: round(mean(samples.hops)), p99: quantile(samples.hops, 0.99) },
    stretch: { mean: round(mean(samples.wayMs) / mean(samples.directMs)), median: round(quantile(samples.wayMs.map((way, i) => way / (samples.directMs[i] as number)), 0.5)) },
    lookupMs: { mean: round(mean(samples.tookMs)), p99: round(quantile(samples.tookMs, 0.99)) },
    messagesPerSecondPerPeer: round((run.after.messages - run.before.messages - own) / peerSeconds),
    bytesPerSecondPerPeer: round((run.after.bytes - run.before.bytes - ownBytes) / peerSeconds),
    meanCoordinateError: round(mean(errors)),
  };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
