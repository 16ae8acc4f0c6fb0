/**
 * Greedy: the stricter of two consumers stands nearer to the source (paper 3.1; CORRECTIONS 5.2, whose step numbers the
 * comments use).
 *
 * Whatever it does keeps l_parent <= l_child on every link. That is why its maintenance needs only Algorithm 1, and why it
 * cannot find trees in which a lax consumer with many slots must stand above a strict one (paper 3.3.1).
 */
import { tryBelow, tryBetween, tryDisplace, tryInsert, trySource } from './places.ts';
import type { Action, CounterpartView, InitiatorView, RuleOptions, SourceView } from './views.ts';
import { ASK, hasFreeSlot } from './views.ts';

/** Step 1: i has floated for the time-out, or was referred to the source. */
export function decideGreedyAtSource(i: InitiatorView, source: SourceView, options: RuleOptions): Action {
  return trySource(i, source, options) ?? ASK;
}

/** Steps 3-5: i meets j. */
export function decideGreedy(i: InitiatorView, j: CounterpartView, options: RuleOptions): Action {
  if (j.parent === undefined) return decideBetweenRoots(i, j);
  if (j.constraint <= i.constraint) return decideBelowStricter(i, j, j.parent.id, options);
  return decideAboveLaxer(i, j, options);
}

/** Step 3: both float; the stricter one is the parent, if it has a free slot and the child stays within its constraint. */
function decideBetweenRoots(i: InitiatorView, j: CounterpartView): Action {
  const [parent, child] = comesFirst(i, j) ? [i, j] : [j, i];
  const inTime = j.delay + j.hop <= child.constraint;
  return hasFreeSlot(parent) && inTime ? { kind: 'attach', child: child.id, parent: parent.id } : ASK;
}

/** The stricter constraint; among equals the larger fan-out, then the lower id. */
function comesFirst(a: InitiatorView, b: CounterpartView): boolean {
  if (a.constraint !== b.constraint) return a.constraint < b.constraint;
  if (a.fanout !== b.fanout) return a.fanout > b.fanout;
  return a.id < b.id;
}

/** Step 4: j is at least as strict: below j, or between j and one of its children that is not stricter than i. */
function decideBelowStricter(i: InitiatorView, j: CounterpartView, k: number, options: RuleOptions): Action {
  const moved = tryBelow(i, j) ?? tryBetween(i, j, i.constraint, options);
  if (moved !== undefined) return moved;
  return j.delay >= i.constraint ? { kind: 'refer', to: k } : ASK;
}

/** Step 5: j is laxer: between j and its parent k, when k is no laxer than i; otherwise further upstream. */
function decideAboveLaxer(i: InitiatorView, j: CounterpartView, options: RuleOptions): Action {
  const k = j.parent;
  if (k === undefined) return ASK;
  const upstream: Action = { kind: 'refer', to: k.id };
  if (k.id === 0 || k.constraint > i.constraint) return upstream;
  const place = { parent: k.id, delay: k.delay + k.hop };
  return tryInsert(i, place, j, true) ?? tryDisplace(i, place, j, options) ?? upstream;
}
