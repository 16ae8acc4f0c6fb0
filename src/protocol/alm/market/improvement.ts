/**
 * How a session comes by a better plan ([0079], [0091]): look around among those who could help; plan, try the links that the plan uses, plan
 * again with what they turned out to be; then reserve, and only then change over.
 *
 * A tree is as high as its worst link, and predictions of latencies are worst where they were believed most, because a plan picks those
 * that look short; and a link that is shorter than it looks is in no plan before it was measured. The steps are the same for a session of real peers, where each takes a while, and in the experiments of [0088].
 */
import type { Millis } from '../../../core/env.ts';

export interface Bidder<Plan> {
  /** Measures latencies to some of those who could help and were not measured yet. Calls `onDone` once. */
  lookAround(onDone: () => void): void;
  /** The best plan by what is known now; undefined: there is no tree. */
  plan(): Plan | undefined;
  /** By what is known now. */
  heightMs(plan: Plan): Millis;
  /** Measures links of the plan that were not measured yet. Calls `onDone` once, with false if there was nothing to learn. */
  tryLinks(plan: Plan, onDone: (hasLearnt: boolean) => void): void;
  isGain(heightMs: Millis): boolean;
  /** Takes what the plan needs. Calls `onDone` once, with false if some host refused; the next plan knows which. */
  reserve(plan: Plan, onDone: (isHeld: boolean) => void): void;
}

/** A plan is tried on its links and made again so often, or until it holds no link that was not tried. */
const TRIALS = 6;
/** So often is a plan made anew because a host refused. */
const REFUSALS_MAX = 3;

/** Calls `onDone` once: a plan that is worth the change and whose links are held, or undefined. */
export function improve<Plan>(bidder: Bidder<Plan>, onDone: (plan: Plan | undefined) => void): void {
  const attempt = (refusals: number): void => bestTried(bidder, (plan) => {
    if (plan === undefined || !bidder.isGain(bidder.heightMs(plan))) return onDone(undefined);
    bidder.reserve(plan, (isHeld) => {
      if (isHeld) return onDone(plan);
      if (refusals === REFUSALS_MAX) return onDone(undefined);
      attempt(refusals + 1);
    });
  });
  bidder.lookAround(() => attempt(0));
}

function bestTried<Plan>(bidder: Bidder<Plan>, onDone: (best: Plan | undefined) => void): void {
  const attempt = (trials: number, before: Plan | undefined): void => {
    const plan = bidder.plan();
    if (plan === undefined) return onDone(before);
    bidder.tryLinks(plan, (hasLearnt) => {
      // What was learnt may tell on the plan before as well.
      const best = before === undefined || bidder.heightMs(plan) < bidder.heightMs(before) ? plan : before;
      if (!hasLearnt || trials === TRIALS) return onDone(best);
      attempt(trials + 1, best);
    });
  };
  attempt(1, undefined);
}
