/**
 * Hybrid: fan-out first, as long as the constraints of the two that meet are kept (paper 3.4, Algorithm 2; CORRECTIONS 5.3,
 * whose step numbers the comments use).
 *
 * Large fan-outs near the source leave more room downstream, and orders that greedy never tries become reachable. The price:
 * a link says nothing about who is stricter, so maintenance needs a time-out (maintenance.ts). Where Algorithm 2 is silent we
 * read: step 10 tries the second order when the first would be late, and a failed step 16 goes on with 18, as 28 does with 31.
 */
import { tryBelow, tryBetween, tryDisplace, tryInsert, trySource } from './places.ts';
import type { Action, CounterpartView, InitiatorView, ParentView, RuleOptions, SourceView } from './views.ts';
import { ASK, hasFreeSlot, SOURCE } from './views.ts';

/** Steps 2-5 and 7: the time-out has passed, or i was referred to the source. */
export function decideHybridAtSource(i: InitiatorView, source: SourceView, options: RuleOptions): Action {
  return trySource(i, source, options) ?? ASK;
}

/** Steps 9-34: i meets j. */
export function decideHybrid(i: InitiatorView, j: CounterpartView, options: RuleOptions): Action {
  const k = j.parent;
  if (k === undefined) return decideBetweenRoots(i, j);
  if (k.id !== SOURCE) return decideInside(i, j, k, options);
  const moved = options.source === 'pull' ? decideBesidePull(i, j, k, options) : decideBesidePush(i, j, k, options);
  return moved ?? { kind: 'refer', to: SOURCE };
}

/** Step 10: both float. Of two with free slots the larger fan-out is the parent; among equals the stricter. */
function decideBetweenRoots(i: InitiatorView, j: CounterpartView): Action {
  const below = tryBelow(i, j);
  const above: Action | undefined = hasFreeSlot(i) && j.delay + j.hop <= j.constraint
    ? { kind: 'attach', child: j.id, parent: i.id }
    : undefined;
  return (comesFirst(i, j) ? (above ?? below) : (below ?? above)) ?? ASK;
}

function comesFirst(i: InitiatorView, j: CounterpartView): boolean {
  return i.fanout > j.fanout || (i.fanout === j.fanout && i.constraint < j.constraint);
}

/** Steps 15-18: j stands below a source that is polled, where strictness decides. */
function decideBesidePull(i: InitiatorView, j: CounterpartView, k: ParentView, options: RuleOptions): Action | undefined {
  const place = { parent: k.id, delay: k.delay + k.hop };
  const above = i.constraint < j.constraint ? (tryInsert(i, place, j, true) ?? tryDisplace(i, place, j, options)) : undefined;
  return above ?? below(i, j, options);
}

/** Steps 21-24: j stands below a source that pushes, where fan-out decides; the other order when that one is late. */
function decideBesidePush(i: InitiatorView, j: CounterpartView, k: ParentView, options: RuleOptions): Action | undefined {
  const above = (): Action | undefined => tryInsert(i, { parent: k.id, delay: k.delay + k.hop }, j, i.fanout > j.fanout);
  return comesFirst(i, j) ? (above() ?? below(i, j, options)) : (below(i, j, options) ?? above());
}

/** Steps 28-34: j has a parent other than the source. Equal fan-outs may swap in, but then i discards nobody (5.4). */
function decideInside(i: InitiatorView, j: CounterpartView, k: ParentView, options: RuleOptions): Action {
  if (i.fanout >= j.fanout) {
    const above = tryInsert(i, { parent: k.id, delay: k.delay + k.hop }, j, i.fanout > j.fanout);
    if (above !== undefined) return above;
  }
  return below(i, j, options) ?? (j.delay >= i.constraint ? { kind: 'refer', to: k.id } : ASK);
}

/** i <- j, or else m <- i <- j. */
function below(i: InitiatorView, j: CounterpartView, options: RuleOptions): Action | undefined {
  return tryBelow(i, j) ?? tryBetween(i, j, 0, options);
}
