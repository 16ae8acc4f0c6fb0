/**
 * Whether all consumers can be served in time, before anybody tries (paper 3.3; CORRECTIONS 5.1). Delays are hops here.
 *
 * The paper gives a sufficient condition. We also decide exactly, at any size. Let S_d be the nodes that stand at depth <= d.
 * A tree exists just when there are sets S_1 <= S_2 <= ... with M_d (constraint <= d) inside S_d and
 * |S_d| <= f_0 + sum of fan-outs in S_{d-1}. Filling each S_d with M_d and then with the largest fan-outs (among equals the
 * strictest) is best: exchanging a node for one with a larger fan-out never costs a place without paying for it, and a node
 * with a slot pays for the place it takes. So one pass over the depths decides, in O(N log N), and names the depth at which
 * places are missing. A brute-force search in the tests agrees.
 */
import type { ConsumerView } from './views.ts';

export type Demand = Omit<ConsumerView, 'id'>;

export interface Shortage {
  /** So many more places at depth <= `depth` would be needed. */
  readonly slots: number;
  readonly depth: number;
  /** So many consumers have constraints that make them stand there. */
  readonly consumers: number;
}

/** Section 3.3: for every l, consumers with constraint <= l fit below the source and consumers with constraint < l. */
export function meetsSufficientCondition(sourceFanout: number, consumers: readonly Demand[]): boolean {
  return firstUncovered(sourceFanout, consumers) === undefined;
}

/** The smallest source fan-out, at least `least`, for which the sufficient condition holds. */
export function smallestSufficientSource(consumers: readonly Demand[], least: number): number {
  let missing = 0;
  forEachLevel(consumers, (needed, slotsAbove) => {
    missing = Math.max(missing, needed - slotsAbove);
  });
  return Math.max(least, missing);
}

/** Undefined when a tree exists that meets every constraint; otherwise the first depth that cannot hold its consumers. */
export function findShortage(sourceFanout: number, consumers: readonly Demand[]): Shortage | undefined {
  const placing = new Placing(sourceFanout, consumers);
  return placing.run();
}

/** A tree that meets every constraint, as parents by index: -1 is the source. Undefined when there is none. */
export function findTree(sourceFanout: number, consumers: readonly Demand[]): number[] | undefined {
  const placing = new Placing(sourceFanout, consumers);
  return placing.run() === undefined ? placing.parents() : undefined;
}

/** What is wrong, for people. */
export function describeShortage({ slots, depth, consumers }: Shortage): string {
  const who = consumers === 1 ? '1 consumer has' : `${consumers} consumers have`;
  return `${slots} more ${slots === 1 ? 'slot' : 'slots'} at depth <= ${depth} needed: ${who} a latency constraint below ${depth + 1}, `
    + 'and even with the largest fan-outs nearest to the source they do not all fit there';
}

/** Why the sufficient condition fails, for people; undefined when it holds. */
export function describeInsufficiency(sourceFanout: number, consumers: readonly Demand[]): string | undefined {
  const level = firstUncovered(sourceFanout, consumers);
  if (level === undefined) return undefined;
  return `the sufficient condition fails at latency constraint ${level.constraint}: ${level.needed} consumers are that strict or stricter, `
    + `and the source and the stricter ones have ${level.slots} slots`;
}

function firstUncovered(sourceFanout: number, consumers: readonly Demand[]): { constraint: number; needed: number; slots: number } | undefined {
  let found: { constraint: number; needed: number; slots: number } | undefined;
  forEachLevel(consumers, (needed, slotsAbove, constraint) => {
    if (found === undefined && needed > sourceFanout + slotsAbove) found = { constraint, needed, slots: sourceFanout + slotsAbove };
  });
  return found;
}

/** Calls back for each constraint that occurs, ascending: consumers this strict, and slots of those stricter by a hop. */
function forEachLevel(consumers: readonly Demand[], level: (needed: number, slotsAbove: number, constraint: number) => void): void {
  const counts = new Map<number, { peers: number; slots: number }>();
  for (const { constraint, fanout } of consumers) {
    const hops = Math.floor(constraint);
    const entry = counts.get(hops) ?? { peers: 0, slots: 0 };
    entry.peers++;
    entry.slots += fanout;
    counts.set(hops, entry);
  }
  let needed = 0;
  let slots = 0;
  for (const [constraint, entry] of [...counts].sort(([a], [b]) => a - b)) {
    needed += entry.peers;
    level(needed, slots, constraint);
    slots += entry.slots;
  }
}

/** The pass over the depths: who enters at which depth, and in which order. */
class Placing {
  readonly #consumers: readonly Demand[];
  readonly #sourceFanout: number;
  /** Strictest first: who must enter next. */
  readonly #byConstraint: readonly number[];
  /** Largest fan-out first, then strictest; only those with slots: who pays for entering early. */
  readonly #byFanout: readonly number[];
  readonly #entered: Uint8Array;
  readonly #order: number[] = [];

  constructor(sourceFanout: number, consumers: readonly Demand[]) {
    this.#sourceFanout = sourceFanout;
    this.#consumers = consumers;
    const fanout = consumers.map((consumer) => consumer.fanout);
    const constraint = consumers.map((consumer) => consumer.constraint);
    const all = consumers.map((_, index) => index);
    const at = (column: readonly number[], index: number): number => column[index] as number;
    this.#byConstraint = all.toSorted((a, b) => at(constraint, a) - at(constraint, b) || at(fanout, b) - at(fanout, a) || a - b);
    this.#byFanout = all
      .filter((index) => at(fanout, index) > 0)
      .sort((a, b) => at(fanout, b) - at(fanout, a) || at(constraint, a) - at(constraint, b) || a - b);
    this.#entered = new Uint8Array(consumers.length);
  }

  run(): Shortage | undefined {
    const { length } = this.#consumers;
    let places = this.#sourceFanout;
    let slots = this.#sourceFanout;
    let strict = 0;
    let generous = 0;
    const enter = (index: number): void => {
      this.#entered[index] = 1;
      this.#order.push(index);
      slots += (this.#consumers[index] as Demand).fanout;
    };
    for (let depth = 1; this.#order.length < length; depth++) {
      for (; strict < length && this.#constraint(strict) < depth + 1; strict++) {
        const index = this.#byConstraint[strict] as number;
        if (this.#entered[index] === 0) enter(index);
      }
      if (this.#order.length > places) return { slots: this.#order.length - places, depth, consumers: strict };
      for (; generous < this.#byFanout.length && this.#order.length < places; generous++) {
        const index = this.#byFanout[generous] as number;
        if (this.#entered[index] === 0) enter(index);
      }
      // Nothing new below: from here on only constraints bring somebody in, so the next depth that matters is theirs.
      if (slots === places && strict < length) depth = Math.max(depth, Math.floor(this.#constraint(strict)) - 1);
      places = slots;
    }
    return undefined;
  }

  #constraint(rank: number): number {
    return (this.#consumers[this.#byConstraint[rank] as number] as Demand).constraint;
  }

  /** In the order of entry each takes the shallowest open slot, which is never deeper than the depth it entered at. */
  parents(): number[] {
    const parents = new Array<number>(this.#consumers.length).fill(-1);
    let taken = 0;
    let giver = -1;
    let giverSlots = this.#sourceFanout;
    for (const index of this.#order) {
      while (taken === giverSlots) {
        giver++;
        giverSlots = (this.#consumers[this.#order[giver] as number] as Demand).fanout;
        taken = 0;
      }
      parents[index] = giver < 0 ? -1 : (this.#order[giver] as number);
      taken++;
    }
    return parents;
  }
}
