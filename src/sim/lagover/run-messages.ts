/**
 * A whole run by messages: the same result as a run in rounds, with a heartbeat for a round (simulate.ts).
 *
 * Peers arrive in the course of the first heartbeat. Under churn whoever goes crashes, and comes back as the same peer in its
 * next incarnation. Latencies are those of a plane with the median asked for; links shift each by up to a tenth.
 */
import type { Random } from '../../core/random.ts';
import { randomFrom } from '../../core/random.ts';
import { EuclideanLatency } from '../latency/latency-model.ts';
import type { ChurnPlan, Crowd } from './presence.ts';
import { presenceFor } from './presence.ts';
import type { OnRound, RunOutcome } from './simulate.ts';
import type { LagoverSpec } from './spec.ts';
import type { Realisation } from './tree-ring.ts';
import { TreeWorld } from './tree-world.ts';
import type { Workload } from './workloads.ts';

const SIDE = 1_000;
/** Of the distances between two points of a square, in sides. */
const MEDIAN_DISTANCE = 0.512;
const ACCESS_MS = 5;
const JITTER = 0.1;
const SOURCE = 0;

type Run = Pick<LagoverSpec, 'algorithm' | 'rules' | 'oracle' | 'source' | 'timeout' | 'maintenance' | 'seed' | 'network' | 'maxRounds'> & { readonly realised?: Realisation };

export function planeOfMedian(latencyMs: number, seed: number): EuclideanLatency {
  const baseMs = Math.min(ACCESS_MS, latencyMs / 2);
  return new EuclideanLatency(randomFrom(seed).fork('latency'), { side: SIDE, baseMs, msPerUnit: (latencyMs - baseMs) / (MEDIAN_DISTANCE * SIDE) });
}

export function treeWorldOf(workload: Workload, run: Omit<Run, 'maxRounds'>): TreeWorld {
  const { seed, network, algorithm, rules, source, oracle, timeout, maintenance, realised = 'exact' } = run;
  return new TreeWorld(workload, {
    seed, latency: planeOfMedian(network.latencyMs, seed), loss: network.loss, jitter: JITTER, oracle, queue: 'calendar', countBytes: false, realised,
    tree: { algorithm, rules, sourceKind: source, timeout, maintenance },
  });
}

/** The peers of a world as somebody who comes and goes: at once, but at the start within a heartbeat. */
class Arrivals implements Crowd {
  readonly peers: number;
  readonly online: Uint8Array;
  readonly #world: TreeWorld;
  readonly #known: Uint8Array;
  readonly #random: Random;

  constructor(world: TreeWorld) {
    this.#world = world;
    this.peers = world.peers;
    this.online = new Uint8Array(world.peers + 1);
    this.#known = new Uint8Array(world.peers + 1);
    this.#random = world.world.random('arrivals');
  }

  join(peer: number): void {
    this.online[peer] = 1;
    if (this.#known[peer] === 1) return this.#world.restart(peer);
    this.#known[peer] = 1;
    const { world, tree } = this.#world;
    world.at(world.now() + this.#random.unit() * tree.heartbeatMs, () => {
      if (this.online[peer] === 1 && !this.#world.isOnline(peer)) this.#world.join(peer);
    });
  }

  leave(peer: number): void {
    this.online[peer] = 0;
    this.#world.crash(peer);
  }
}

export function runMessages(workload: Workload, churn: ChurnPlan | undefined, run: Run, onRound?: OnRound): RunOutcome {
  const world = treeWorldOf(workload, run);
  world.join(SOURCE);
  const arrivals = new Arrivals(world);
  const presence = presenceFor(churn, arrivals, world.world.random('churn'));
  const series: RunOutcome['series'] = { satisfiedShare: [], satisfiedShareAfterChurn: [], interactions: [], reconfigurations: [], refusals: [] };
  let convergedAt: number | undefined;
  let round = 0;
  while (round < run.maxRounds && (churn !== undefined || convergedAt === undefined)) {
    const before = { interactions: world.sumOf('interactions'), reconfigurations: world.sumOf('reconfigurations'), refusals: world.sumOf('refusals') };
    presence.beginRound(round, () => undefined);
    series.satisfiedShareAfterChurn.push(world.satisfiedShare);
    world.world.runFor(world.tree.heartbeatMs);
    round++;
    const share = world.satisfiedShare;
    series.satisfiedShare.push(share);
    series.interactions.push(world.sumOf('interactions') - before.interactions);
    series.reconfigurations.push(world.sumOf('reconfigurations') - before.reconfigurations);
    series.refusals.push(world.sumOf('refusals') - before.refusals);
    if (convergedAt === undefined && share === 1) convergedAt = round;
    onRound?.(round, share);
  }
  const { parents, delays } = world.truth;
  return {
    converged: convergedAt !== undefined, rounds: convergedAt ?? run.maxRounds, satisfiedShare: world.satisfiedShare,
    interactions: world.sumOf('interactions'), reconfigurations: world.sumOf('reconfigurations'), refusals: world.sumOf('refusals'),
    parents: Array.from(parents.subarray(1), (parent) => Math.max(-1, parent)),
    delays: Array.from(delays.subarray(1), (delay) => (delay > 0 ? delay : null)),
    online: Array.from(arrivals.online.subarray(1), (flag) => flag === 1),
    series, fingerprint: world.world.fingerprint,
  };
}
