/**
 * Adaptive, ours: a tree that knows where it has room, and makes room where somebody comes (docs/decisions/0020).
 *
 * Three ideas. Peers know what their subtree can still bear (informed-views.ts), so a request is routed to a free slot, and
 * in proportion to how many there are, so that a crowd spreads. Whoever comes to a place that is full is fitted in by moving
 * the peers around it, none of which is late for it (adaptive-moves.ts, regroup.ts). Only when that fails does a
 * stricter peer leave a laxer one floating. As everybody is placed within its limit, subtrees stay whole and in time. Whether the
 * source is polled or pushes makes no difference.
 */
import { rearrange, tryInsertAbove, tryOpenSlot, tryRise, tryTakeOver } from './adaptive-moves.ts';
import type { InformedChild, InformedCounterpart, InformedInitiator, InformedSource, Surroundings } from './informed-views.ts';
import { regroup, regroupWithoutOne, regroupWithoutSome } from './regroup.ts';
import type { Action, RuleOptions } from './views.ts';
import { ASK, SOURCE } from './views.ts';

/** i contacts the source. Only for who must stand there, or when no room is known anywhere, are its children moved. */
export function decideAdaptiveAtSource(i: InformedInitiator, source: InformedSource, options: RuleOptions): Action {
  const here: Surroundings = { id: SOURCE, delay: 0, ...source };
  const placed = tryOpenSlot(i, here);
  if (placed !== undefined) return placed;
  const mustStandHere = i.limit < 2 * source.hop;
  if (!mustStandHere && source.roomAt !== undefined) return refer(source.roomAt);
  const moved = fitIn(i, here) ?? (options.rules === 'displacing' ? (regroupWithoutOne(i, here) ?? regroupWithoutSome(i, here)) : undefined);
  if (moved !== undefined) return moved;
  return mustStandHere || source.laxerAt === undefined ? shed(i) : refer(source.laxerAt);
}

export function decideAdaptive(i: InformedInitiator, j: InformedCounterpart, options: RuleOptions): Action {
  const k = j.parent;
  if (k === undefined || j.root.id !== SOURCE) return decideFloating(i, j);
  const placed = tryOpenSlot(i, j) ?? tryInsertAbove(i, j) ?? tryRise(i, j, k) ?? regroup(i, j) ?? tryTakeOver(i, j);
  if (placed !== undefined) return placed;
  const roomier = drawChild(i, j, (child) => child.room);
  if (roomier !== undefined) return refer(roomier);
  return options.rules === 'displacing' ? displaceOrSearch(i, j) : j.roomAt === undefined ? shed(i) : refer(j.roomAt);
}

/**
 * Nothing is free here: a laxer child of j, else room elsewhere, else several laxer ones, else down to where laxer ones stand.
 * Where that leads no further, a child that binds i goes first; i alone has more places to choose from.
 */
function displaceOrSearch(i: InformedInitiator, j: InformedCounterpart): Action {
  const one = regroupWithoutOne(i, j);
  if (one !== undefined) return one;
  if (j.roomAt !== undefined) return refer(j.roomAt);
  const some = regroupWithoutSome(i, j);
  if (some !== undefined) return some;
  const down = drawChild(i, j, (child) => child.laxer);
  if (down !== undefined) return refer(down);
  return j.laxerAt === undefined || i.limit < i.constraint ? shed(i) : refer(j.laxerAt);
}

/**
 * Both float. They join only in an order that leaves the parent's tree as free to choose its place as before. A j that is
 * about to take the place of the parent that both lost counts as standing there.
 */
function decideFloating(i: InformedInitiator, j: InformedCounterpart): Action {
  if (j.awaited !== undefined && j.limit >= j.awaited) {
    const placed = fitIn(i, { ...j, delay: j.awaited });
    if (placed !== undefined) return placed;
  }
  const below = tryOpenSlot(i, { ...j, delay: j.root.limit + j.delay - j.hop });
  if (below !== undefined) return below;
  if (j.parent === undefined && i.openSlots > 0 && j.limit >= i.limit + j.hop) return rearrange([{ child: j.id, parent: i.id }]);
  return refer(SOURCE);
}

function fitIn(i: InformedInitiator, here: Surroundings): Action | undefined {
  return tryOpenSlot(i, here) ?? tryInsertAbove(i, here) ?? regroup(i, here);
}

/** There is no place for i with all its children: those that bind it float on their own. */
function shed(i: InformedInitiator): Action {
  if (i.limit >= i.constraint) return ASK;
  const strictest = Math.min(...i.children.map((child) => child.limit));
  return rearrange([], i.children.filter((child) => child.limit === strictest).map((child) => child.id));
}

/** A child of j, with chances in proportion to the weights. */
function drawChild(i: InformedInitiator, j: Surroundings, weightOf: (child: InformedChild) => number): number | undefined {
  let total = 0;
  for (const child of j.children) total += weightOf(child);
  let at = i.chance * total;
  for (const child of j.children) {
    at -= weightOf(child);
    if (at < 0) return child.id;
  }
  return undefined;
}

function refer(to: number): Action {
  return { kind: 'refer', to };
}
