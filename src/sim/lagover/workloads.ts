/**
 * The consumers of a run: the paper's four workloads (4.1) as fixed in CORRECTIONS 5.6, measured hosts, and planted systems.
 *
 * tf1 uses every slot there is; rand has no structure; bicorr gives strict consumers few slots, biuncorr does not; measured
 * takes fan-outs from real uplinks; planted hides a tree in a system for which the sufficient condition fails. Constraint and
 * fan-out of each consumer come from streams of their own, so that changing one leaves the other.
 */
import type { Random } from '../../core/random.ts';
import { pick, randomFrom, shuffle } from '../../core/random.ts';
import type { Demand } from '../../protocol/lagover/feasibility.ts';
import { meetsSufficientCondition, smallestSufficientSource } from '../../protocol/lagover/feasibility.ts';

export const WORKLOAD_NAMES = ['tf1', 'rand', 'bicorr', 'biuncorr', 'measured', 'planted'] as const;
export type WorkloadName = (typeof WORKLOAD_NAMES)[number];

export interface Workload {
  readonly sourceFanout: number;
  readonly consumers: readonly Demand[];
}

export interface WorkloadOptions {
  readonly name: WorkloadName;
  readonly peers: number;
  readonly seed: number;
  /** planted: a constraint is the planted depth plus 0..slack. */
  readonly slack: number;
  /** measured: uplinks of real hosts. */
  readonly uplinksMbps: readonly number[];
  /** measured: what one child costs. */
  readonly rateMbps: number;
}

const SOURCE_FANOUT_LEAST = 3;
const CONSTRAINT_MAX = 10;
const FANOUT_MAX = 8;
const MEASURED_CONSTRAINT_MAX = 30;
const MEASURED_FANOUT_MAX = 32;
const PLANTED_DRAWS_MAX = 10_000;

/** A sentence when no such system was found. */
export function drawWorkload(options: WorkloadOptions): Workload | string {
  const { name, peers, seed } = options;
  const random = randomFrom(seed).fork(`workload-${name}`);
  switch (name) {
    case 'tf1': return drawTf1(peers, random);
    case 'rand': return withSource(draw(peers, random, uniformConstraint, (stream) => stream.below(FANOUT_MAX + 1)));
    case 'bicorr': return withSource(draw(peers, random, uniformConstraint, (stream, constraint) => bimodal(stream, constraint < 3)));
    case 'biuncorr': return withSource(draw(peers, random, uniformConstraint, (stream) => bimodal(stream, false)));
    case 'measured': return withSource(drawMeasured(options, random));
    case 'planted': return drawPlanted(peers, options.slack, random);
  }
}

function withSource(consumers: readonly Demand[]): Workload {
  return { sourceFanout: smallestSufficientSource(consumers, SOURCE_FANOUT_LEAST), consumers };
}

function draw(
  peers: number,
  random: Random,
  drawConstraint: (stream: Random) => number,
  drawFanout: (stream: Random, constraint: number) => number,
): Demand[] {
  const constraints = random.fork('constraint');
  const fanouts = random.fork('fanout');
  return Array.from({ length: peers }, () => {
    const constraint = drawConstraint(constraints);
    return { constraint, fanout: drawFanout(fanouts, constraint) };
  });
}

function uniformConstraint(stream: Random): number {
  return 1 + stream.below(CONSTRAINT_MAX);
}

/** Low, 1 or 2, or high, 7 or 8, with equal chance. Draws equally often either way. */
function bimodal(stream: Random, onlyLow: boolean): number {
  const high = stream.below(2) === 1 && !onlyLow;
  return (high ? 7 : 1) + stream.below(2);
}

/** Levels of 3, 9, 27, ... consumers with constraints 1, 2, 3, ...; the last level partial. */
function drawTf1(peers: number, random: Random): Workload {
  const consumers: Demand[] = [];
  for (let constraint = 1; consumers.length < peers; constraint++) {
    for (let i = 3 ** constraint; i > 0 && consumers.length < peers; i--) consumers.push({ constraint, fanout: 3 });
  }
  return { sourceFanout: SOURCE_FANOUT_LEAST, consumers: shuffle(random.fork('order'), consumers) };
}

function drawMeasured({ peers, uplinksMbps, rateMbps }: WorkloadOptions, random: Random): Demand[] {
  const logUniform = (stream: Random): number =>
    Math.min(MEASURED_CONSTRAINT_MAX, Math.max(1, Math.round(MEASURED_CONSTRAINT_MAX ** stream.unit())));
  const fromUplink = (stream: Random): number => Math.min(MEASURED_FANOUT_MAX, Math.floor(pick(stream, uplinksMbps) / rateMbps));
  return draw(peers, random, logUniform, fromUplink);
}

/** Redrawn until the sufficient condition fails; then only the planted tree says that the system is feasible. */
function drawPlanted(peers: number, slack: number, random: Random): Workload | string {
  for (let attempt = 0; attempt < PLANTED_DRAWS_MAX; attempt++) {
    const workload = plantTree(peers, slack, random.fork('tree', attempt));
    if (workload !== undefined && !meetsSufficientCondition(workload.sourceFanout, workload.consumers)) return workload;
  }
  return `no planted system of ${peers} consumers with slack ${slack} violates the sufficient condition: take more consumers or more slack`;
}

/** Undefined when the drawn fan-outs leave no slot before everybody has a place. */
function plantTree(peers: number, slack: number, random: Random): Workload | undefined {
  const sourceFanout = 2 + random.below(3);
  const openSlots = new Array<number>(sourceFanout).fill(0);
  const consumers: Demand[] = [];
  while (consumers.length < peers) {
    if (openSlots.length === 0) return undefined;
    const chosen = random.below(openSlots.length);
    const depth = (openSlots[chosen] as number) + 1;
    openSlots[chosen] = openSlots[openSlots.length - 1] as number;
    openSlots.pop();
    const fanout = random.below(4);
    for (let slot = 0; slot < fanout; slot++) openSlots.push(depth);
    consumers.push({ constraint: depth + random.below(slack + 1), fanout });
  }
  return { sourceFanout, consumers: shuffle(random.fork('order'), consumers) };
}
