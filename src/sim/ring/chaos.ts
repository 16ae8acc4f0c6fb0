/**
 * Chaos on a ring, in two phases: first anything may go wrong, then everything is well and the ring must be whole in time.
 *
 * In the first phase a fault plan drawn from the seed is played on a ring that peers join and leave, and nothing is
 * demanded but that no code breaks. Then all faults end, peers that were killed for good stay away, and within a stated
 * time every living peer must be a member (INV-RING-4), with the right zone (INV-RING-1, 2) and exactly the right
 * neighbours (INV-RING-3). A failure is reproduced by its seed alone.
 */
import type { Millis } from '../../core/env.ts';
import type { StrategyName } from '../../protocol/options.ts';
import { protocolOptions } from '../../protocol/options.ts';
import { randomFrom } from '../../core/random.ts';
import type { FaultPlan } from '../faults.ts';
import { describeFaults, drawFaultPlan, playFaults } from '../faults.ts';
import { EuclideanLatency } from '../latency/latency-model.ts';
import type { Violation } from './check-ring.ts';
import { checkAllJoined, checkLeafsets, checkZones } from './check-ring.ts';
import { RingWorld } from './ring-world.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly strategy: StrategyName;
  readonly peers: number;
  readonly chaosMs: Millis;
  /** From the end of all faults to a whole ring. */
  readonly healWithinMs: Millis;
  /** Encode and decode every message. */
  readonly wire?: boolean;
}

export interface ChaosResult {
  readonly seed: number;
  readonly strategy: StrategyName;
  readonly fingerprint: string;
  readonly survivors: number;
  /** Undefined when the ring was not whole in time. */
  readonly healedAfterMs: Millis | undefined;
  readonly violations: readonly Violation[];
  /** What went wrong when: for the report of a failure. */
  readonly plan: string;
}

const START_MS = 30_000;
const CHECK_EVERY_MS = 1_000;

export function runChaos(options: ChaosOptions): ChaosResult {
  const { seed, strategy, peers, chaosMs, healWithinMs } = options;
  const latency = new EuclideanLatency(randomFrom(seed).fork('latency'));
  const ring = new RingWorld({ seed, latency, wire: options.wire ?? false, shuffleTies: true }, protocolOptions({ strategy }));
  ring.wire(peers);
  const healMs = START_MS + chaosMs;
  // Peer 0 is spared: whoever comes back needs one address that is still good.
  const plan = drawFaultPlan(ring.world.random('faults'), { startMs: START_MS, healMs, peers, spared: [0] });
  play(ring, plan);
  joinAndLeave(ring, healMs);
  ring.world.runUntil(healMs);
  const healedAfterMs = ring.world.runUntilHolds(() => violationsOf(ring).length === 0, CHECK_EVERY_MS, healWithinMs);
  return {
    seed, strategy, fingerprint: ring.world.fingerprint, survivors: ring.world.aliveCount, healedAfterMs,
    violations: violationsOf(ring), plan: describeFaults(plan),
  };
}

export function violationsOf(ring: RingWorld): Violation[] {
  return [...checkAllJoined(ring), ...checkZones(ring), ...checkLeafsets(ring)];
}

function play(ring: RingWorld, plan: FaultPlan): void {
  const { world } = ring;
  const target = {
    now: () => world.now(),
    at: (timeMs: Millis, action: () => void) => world.at(timeMs, action),
    setLoss: (share: number) => world.setLoss(share),
    setDuplicate: (share: number) => world.setDuplicate(share),
    setReorder: (share: number) => world.setReorder(share),
    setJitter: (share: number) => world.setJitter(share),
    partition: (groupOf: ((peer: number) => number) | undefined) => world.partition(groupOf),
    cut: (from: (peer: number) => boolean, to: (peer: number) => boolean) => world.cut(from, to),
    mend: (cut: number) => world.mend(cut),
    heal: () => world.heal(),
    isAlive: (peer: number) => world.isAlive(peer),
    crash: (peer: number) => ring.crash(peer),
    hang: (peer: number, durationMs: Millis) => world.hang(peer, durationMs),
    setClockSkew: (peer: number, skewMs: Millis) => world.setClockSkew(peer, skewMs),
  };
  playFaults(target, plan, (peer) => ring.restart(peer, 0));
}

/** Newcomers and farewells all through the faults, which have no part in them. */
function joinAndLeave(ring: RingWorld, endMs: Millis): void {
  const random = ring.world.random('comings');
  const next = (at: Millis): void => {
    if (at >= endMs) return;
    ring.world.at(at, () => {
      const goer = ring.anyMember();
      if (random.below(2) === 0) ring.join(0);
      else if (goer !== undefined && goer !== 0) ring.leave(goer);
      next(at + 5_000 + random.below(20_000));
    });
  };
  next(START_MS);
}
