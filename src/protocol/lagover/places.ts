/**
 * The moves that greedy and hybrid share: stand below somebody, take somebody's place and adopt it, or turn it out.
 *
 * Each returns the action, or undefined when a fan-out or one of the two constraints it touches would be violated
 * (CORRECTIONS 5.3, "try X"): i's and the moved node's delays are checked, deeper descendants leave later by maintenance.
 */
import type { Action, ChildView, CounterpartView, InitiatorView, RuleOptions, SourceView } from './views.ts';
import { hasFreeSlot, SOURCE } from './views.ts';

/** A place below `parent` at which i would see `delay`. */
export interface Place {
  readonly parent: number;
  readonly delay: number;
}

/** i <- j, when j has a free slot. */
export function tryBelow(i: InitiatorView, j: CounterpartView): Action | undefined {
  if (!hasFreeSlot(j) || j.delay + j.hop > i.constraint) return undefined;
  return { kind: 'attach', child: i.id, parent: j.id };
}

/** child <- i <- parent: i takes the place of `child` and adopts it. A full i may discard its laxest child for that. */
export function tryInsert(i: InitiatorView, place: Place, child: ChildView, mayDiscard: boolean): Action | undefined {
  if (place.delay > i.constraint || place.delay + child.hop > child.constraint || i.fanout === 0) return undefined;
  if (hasFreeSlot(i)) return { kind: 'insert', parent: place.parent, child: child.id, discarded: undefined };
  if (!mayDiscard) return undefined;
  return { kind: 'insert', parent: place.parent, child: child.id, discarded: laxest(i.children)?.id };
}

/** i takes the place of a laxer `child` without adopting it. Only under the rule set `displacing`. */
export function tryDisplace(i: InitiatorView, place: Place, child: ChildView, options: RuleOptions): Action | undefined {
  if (options.rules !== 'displacing' || place.delay > i.constraint || child.constraint <= i.constraint) return undefined;
  return { kind: 'displace', parent: place.parent, displaced: child.id };
}

/**
 * m <- i <- j for some child m of j, at least as lax as `laxAsLeast`, whose constraint stays met; failing that, i displaces
 * the laxest one. The laxest child comes first, because it loses least.
 */
export function tryBetween(i: InitiatorView, j: CounterpartView, laxAsLeast: number, options: RuleOptions): Action | undefined {
  const place = { parent: j.id, delay: j.delay + j.hop };
  if (place.delay > i.constraint) return undefined;
  const m = laxest(j.children.filter((child) => child.constraint >= laxAsLeast && place.delay + child.hop <= child.constraint));
  const inserted = m === undefined ? undefined : tryInsert(i, place, m, true);
  if (inserted !== undefined) return inserted;
  const turnedOut = laxest(j.children);
  return turnedOut === undefined ? undefined : tryDisplace(i, place, turnedOut, options);
}

/**
 * i contacts the source (greedy 1, hybrid 2-5): a free slot, or the place of the laxest child that is laxer than i.
 * Undefined when the source keeps its children.
 */
export function trySource(i: InitiatorView, source: SourceView, options: RuleOptions): Action | undefined {
  if (source.hop > i.constraint) return undefined;
  if (source.hasFreeSlot) return { kind: 'attach', child: i.id, parent: SOURCE };
  const laxer = source.laxestChild;
  if (laxer === undefined || laxer.constraint <= i.constraint) return undefined;
  const place = { parent: SOURCE, delay: source.hop };
  return tryInsert(i, place, laxer, true) ?? tryDisplace(i, place, laxer, options);
}

/** The child with the largest constraint; among equals the one with the smallest fan-out, which is missed least. */
export function laxest(children: readonly ChildView[]): ChildView | undefined {
  let found: ChildView | undefined;
  for (const child of children) {
    if (found === undefined || child.constraint > found.constraint
      || (child.constraint === found.constraint && child.fanout < found.fanout)) found = child;
  }
  return found;
}
