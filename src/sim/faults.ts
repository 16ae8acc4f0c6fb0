/**
 * Random fault scripts for chaos runs: what goes wrong, when, to whom.
 *
 * A plan is drawn from a seed in the manner of swarm testing: each kind of fault is in or out by a coin toss and has a
 * strength of its own, so that over many seeds every combination occurs, also the quiet ones in which a single kind is
 * driven hard. A plan is plain data: print it, shrink it, store it with a failing seed. Playing it ends with `heal`:
 * from then on the network is perfect, and the run may demand that the system converges.
 */
import { assert } from '../core/assert.ts';
import type { Millis } from '../core/env.ts';
import type { Random } from '../core/random.ts';
import { shuffle } from '../core/random.ts';
import type { Schedule } from './schedule.ts';

type Peers = readonly number[];
type ShareKind = 'loss' | 'duplicate' | 'reorder' | 'jitter';

interface Lasting {
  readonly at: Millis;
  readonly until: Millis;
}

export type FaultStep =
  | ({ readonly kind: ShareKind; readonly share: number } & Lasting)
  | ({ readonly kind: 'partition'; readonly groups: readonly Peers[] } & Lasting)
  | ({ readonly kind: 'cut'; readonly from: Peers; readonly to: Peers } & Lasting)
  | ({ readonly kind: 'hang'; readonly peers: Peers } & Lasting)
  | { readonly kind: 'crash'; readonly at: Millis; readonly restartAt: Millis | undefined; readonly peers: Peers }
  | { readonly kind: 'clock'; readonly at: Millis; readonly skewMs: Millis; readonly peers: Peers };

export interface FaultPlan {
  readonly startMs: Millis;
  /** The instant of `heal`: no fault is active from here on. */
  readonly healMs: Millis;
  /** In order of time. */
  readonly steps: readonly FaultStep[];
}

export interface FaultLimits {
  readonly startMs: Millis;
  readonly healMs: Millis;
  /** Faults hit peers 0 .. peers - 1. */
  readonly peers: number;
  /** Peers that are never crashed, hung or cut off alone (they are in the largest group): a bootstrap peer, say. */
  readonly spared?: readonly number[];
  readonly lossMax?: number;
  readonly partitionMaxMs?: Millis;
  /** Largest share of the peers that one crash or hang hits. */
  readonly crashShareMax?: number;
  readonly skewMaxMs?: Millis;
  /** Most faults of one kind. */
  readonly perKindMax?: number;
}

/** What a plan is played on; `World` has all but `restart`, which knows how to make the protocol. */
export interface FaultTarget extends Schedule {
  setLoss(share: number): void;
  setDuplicate(share: number): void;
  setReorder(share: number): void;
  setJitter(share: number): void;
  partition(groupOf: ((peer: number) => number) | undefined): void;
  cut(from: (peer: number) => boolean, to: (peer: number) => boolean): number;
  mend(cut: number): void;
  heal(): void;
  isAlive(peer: number): boolean;
  crash(peer: number): void;
  hang(peer: number, durationMs: Millis): void;
  setClockSkew(peer: number, skewMs: Millis): void;
}

const KINDS = ['loss', 'duplicate', 'reorder', 'jitter', 'partition', 'cut', 'crash', 'hang', 'clock'] as const;

export function drawFaultPlan(random: Random, limits: FaultLimits): FaultPlan {
  const { startMs, healMs, perKindMax = 4 } = limits;
  assert(healMs > startMs && limits.peers > 0, 'a fault plan needs time and peers');
  const steps: FaultStep[] = [];
  for (const kind of KINDS) {
    const draw = random.fork(kind);
    if (draw.below(2) === 0) continue;
    for (let left = 1 + draw.below(perKindMax); left > 0; left--) steps.push(drawStep(kind, draw, limits));
  }
  steps.sort((a, b) => a.at - b.at);
  return { startMs, healMs, steps };
}

function drawStep(kind: (typeof KINDS)[number], draw: Random, limits: FaultLimits): FaultStep {
  const { healMs, startMs, lossMax = 0.5, crashShareMax = 0.3, skewMaxMs = 60_000 } = limits;
  const at = startMs + Math.floor(draw.unit() * (healMs - startMs));
  const lasting = (mostMs: Millis): Millis => Math.min(healMs, at + 1 + Math.floor(draw.unit() * mostMs));
  const some = (shareMax: number): number[] => drawPeers(draw, limits, draw.unit() * shareMax);
  switch (kind) {
    case 'loss':
      return { kind, at, until: lasting(healMs - at), share: draw.unit() * lossMax };
    case 'duplicate':
    case 'reorder':
    case 'jitter':
      return { kind, at, until: lasting(healMs - at), share: draw.unit() };
    case 'partition':
      return { kind, at, until: lasting(limits.partitionMaxMs ?? healMs - at), groups: drawGroups(draw, limits) };
    case 'cut':
      return { kind, at, until: lasting(limits.partitionMaxMs ?? healMs - at), from: some(0.5), to: some(0.5) };
    case 'crash': {
      const restarts = draw.below(4) > 0;
      return { kind, at, restartAt: restarts ? lasting(healMs - at) : undefined, peers: some(crashShareMax) };
    }
    case 'hang':
      return { kind, at, until: lasting(30_000), peers: some(crashShareMax) };
    case 'clock':
      return { kind, at, skewMs: Math.floor((draw.unit() * 2 - 1) * skewMaxMs), peers: some(crashShareMax) };
  }
}

/** At least one peer, if there is one that is not spared. */
function drawPeers(draw: Random, limits: FaultLimits, share: number): number[] {
  const spared = new Set(limits.spared ?? []);
  const candidates = Array.from({ length: limits.peers }, (_, peer) => peer).filter((peer) => !spared.has(peer));
  const count = Math.max(1, Math.floor(share * candidates.length));
  return shuffle(draw, candidates).slice(0, count).sort((a, b) => a - b);
}

/** Two or three groups; the first, which also takes all later peers and the spared ones, is not listed. */
function drawGroups(draw: Random, limits: FaultLimits): number[][] {
  const apart = shuffle(draw, drawPeers(draw, limits, draw.unit() * 0.6));
  if (draw.below(3) > 0 || apart.length < 2) return [apart.sort((a, b) => a - b)];
  const border = 1 + draw.below(apart.length - 1);
  return [apart.slice(0, border), apart.slice(border)].map((group) => group.sort((a, b) => a - b));
}

/**
 * Schedules a plan. `restart(peer)` is called for each crashed peer at its restart. Overlapping faults of one kind do
 * not add up: the latest sets the value, its end takes it back to none.
 */
export function playFaults(target: FaultTarget, plan: FaultPlan, restart: (peer: number) => void): void {
  for (const step of plan.steps) scheduleStep(target, step, restart);
  target.at(plan.healMs, () => {
    setShare(target, 'loss', 0);
    setShare(target, 'duplicate', 0);
    setShare(target, 'reorder', 0);
    setShare(target, 'jitter', 0);
    target.heal();
  });
}

function scheduleStep(target: FaultTarget, step: FaultStep, restart: (peer: number) => void): void {
  switch (step.kind) {
    case 'loss':
    case 'duplicate':
    case 'reorder':
    case 'jitter':
      target.at(step.at, () => setShare(target, step.kind, step.share));
      target.at(step.until, () => setShare(target, step.kind, 0));
      return;
    case 'partition': {
      const groupOf = new Map(step.groups.flatMap((group, i) => group.map((peer) => [peer, i + 1] as const)));
      target.at(step.at, () => target.partition((peer) => groupOf.get(peer) ?? 0));
      target.at(step.until, () => target.partition(undefined));
      return;
    }
    case 'cut': {
      const from = new Set(step.from);
      const to = new Set(step.to);
      target.at(step.at, () => {
        const cut = target.cut((peer) => from.has(peer), (peer) => to.has(peer));
        target.at(step.until, () => target.mend(cut));
      });
      return;
    }
    case 'crash':
      scheduleCrash(target, step, restart);
      return;
    case 'hang':
      target.at(step.at, () => step.peers.forEach((peer) => target.hang(peer, step.until - step.at)));
      return;
    case 'clock':
      target.at(step.at, () => step.peers.forEach((peer) => target.setClockSkew(peer, step.skewMs)));
  }
}

/** Only those restart that this step crashed: a peer that was dead already is another step's. */
function scheduleCrash(
  target: FaultTarget,
  step: Extract<FaultStep, { kind: 'crash' }>,
  restart: (peer: number) => void,
): void {
  const crashed: number[] = [];
  target.at(step.at, () => {
    for (const peer of step.peers) {
      if (!target.isAlive(peer)) continue;
      target.crash(peer);
      crashed.push(peer);
    }
  });
  if (step.restartAt === undefined) return;
  target.at(step.restartAt, () => {
    for (const peer of crashed) if (!target.isAlive(peer)) restart(peer);
  });
}

function setShare(target: FaultTarget, kind: ShareKind, share: number): void {
  if (kind === 'loss') target.setLoss(share);
  else if (kind === 'duplicate') target.setDuplicate(share);
  else if (kind === 'reorder') target.setReorder(share);
  else target.setJitter(share);
}

/** One line a step, for the output of a failed run. */
export function describeFaults(plan: FaultPlan): string {
  const seconds = (ms: Millis): string => `${ms / 1000} s`;
  const lines = plan.steps.map((step) => {
    const when = `${seconds(step.at)}${'until' in step ? ` to ${seconds(step.until)}` : ''}`;
    return `${when}: ${describeStep(step)}`;
  });
  return [...lines, `${seconds(plan.healMs)}: heal`].join('\n');
}

function describeStep(step: FaultStep): string {
  switch (step.kind) {
    case 'loss':
    case 'duplicate':
    case 'reorder':
    case 'jitter':
      return `${step.kind} ${Math.floor(step.share * 1000 + 0.5) / 10} %`;
    case 'partition':
      return `partition, apart: ${step.groups.map((group) => `{${group.join(' ')}}`).join(' ')}`;
    case 'cut':
      return `cut from {${step.from.join(' ')}} to {${step.to.join(' ')}}`;
    case 'crash': {
      const restart = step.restartAt === undefined ? 'for good' : `until ${step.restartAt / 1000} s`;
      return `crash {${step.peers.join(' ')}} ${restart}`;
    }
    case 'hang':
      return `hang {${step.peers.join(' ')}}`;
    case 'clock':
      return `clocks wrong by ${step.skewMs} ms {${step.peers.join(' ')}}`;
  }
}
