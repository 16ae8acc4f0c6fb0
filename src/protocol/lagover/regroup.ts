/**
 * Places i by ordering three levels anew: the places below j, those below them, and free slots below these.
 *
 * It is the exact decision of feasibility.ts on a small scale: at each level those who must stand there, then the largest
 * fan-outs. i and the children of j move alone, since their own children are ordered with them; grandchildren of j and
 * children of i move with their subtrees. Who can keep its parent keeps it. If that does not hold everybody, somebody laxer
 * than i may be left floating: whoever floats can always be placed at more places than i, so it does not go round in circles.
 */
import type { InformedInitiator, Surroundings } from './informed-views.ts';
import { rearrange } from './adaptive-moves.ts';
import type { Action, Link } from './views.ts';

const LEVELS = 3;
/** Only i has no parent. */
const FLOATING = -1;

interface Item {
  readonly id: number;
  /** The largest delay at which it may stand. */
  readonly limit: number;
  /** Slots that it offers one level deeper. */
  readonly slots: number;
  /** Its parent now. */
  readonly parent: number;
  readonly level: number;
}

interface Order {
  readonly levels: readonly (readonly Item[])[];
  /** Who found no place. */
  readonly dropped: readonly Item[];
}

/** Everybody finds a place. */
export function regroup(i: InformedInitiator, j: Surroundings): Action | undefined {
  return attempt(i, j, undefined, false);
}

/** One child of j floats alone: one that is laxer than i, with the fewest slots and then the laxest. */
export function regroupWithoutOne(i: InformedInitiator, j: Surroundings): Action | undefined {
  return firstOf(laxerChildren(i, j), (id) => attempt(i, j, id, false));
}

/** Such a child floats, or none, and all who find no place then, if they are laxer than i. */
export function regroupWithoutSome(i: InformedInitiator, j: Surroundings): Action | undefined {
  return firstOf(laxerChildren(i, j), (id) => attempt(i, j, id, true)) ?? attempt(i, j, undefined, true);
}

function laxerChildren(i: InformedInitiator, j: Surroundings): number[] {
  return j.children
    .filter((child) => child.constraint > i.limit && child.children.length + child.openSlots === child.fanout)
    .sort((a, b) => a.fanout - b.fanout || b.constraint - a.constraint)
    .map((child) => child.id);
}

function firstOf(ids: readonly number[], attemptWithout: (id: number) => Action | undefined): Action | undefined {
  for (const id of ids) {
    const action = attemptWithout(id);
    if (action !== undefined) return action;
  }
  return undefined;
}

function attempt(i: InformedInitiator, j: Surroundings, without: number | undefined, mayDrop: boolean): Action | undefined {
  if (j.delay + j.hop > i.limit) return undefined;
  const places = j.children.length + j.openSlots;
  const order = assignLevels(itemsAround(i, j, without), places, j, mayDrop ? i.limit : Infinity);
  if (order === undefined) return undefined;
  const floats = order.dropped.map(({ id }) => id);
  return rearrange(chooseParents(order.levels, j.id, places), without === undefined ? floats : [without, ...floats]);
}

function itemsAround(i: InformedInitiator, j: Surroundings, without: number | undefined): Item[] {
  const items: Item[] = [itemOf(i, FLOATING, 0)];
  for (const child of i.children) items.push({ id: child.id, limit: child.limit, slots: child.openSlots, parent: i.id, level: 0 });
  for (const child of j.children) {
    if (child.id !== without) items.push(itemOf(child, j.id, 1));
    for (const { id, limit, openSlots } of child.children) items.push({ id, limit, slots: openSlots, parent: child.id, level: 2 });
  }
  return items;
}

/** One that moves without its children, unless some of them are not shown. */
function itemOf(peer: InformedInitiator | Surroundings['children'][number], parent: number, level: number): Item {
  const { id, children, openSlots } = peer;
  const allShown = children.length + openSlots === peer.fanout;
  return { id, limit: allShown ? peer.constraint : peer.limit, slots: children.length + openSlots, parent, level };
}

/** Undefined when somebody would be late, or who finds no place may not float: only those above `floatAbove` may. */
function assignLevels(items: readonly Item[], places: number, j: Surroundings, floatAbove: number): Order | undefined {
  const levels: Item[][] = [];
  const dropped: Item[] = [];
  let rest = [...items];
  let room = places;
  for (let level = 1; level <= LEVELS && rest.length > 0; level++) {
    const at = j.delay + level * j.hop;
    const must: Item[] = [];
    const may: Item[] = [];
    for (const item of rest) {
      if (item.limit < at) return undefined;
      (item.limit < at + j.hop ? must : may).push(item);
    }
    if (must.length > room) {
      must.sort((a, b) => a.limit - b.limit || b.slots - a.slots);
      dropped.push(...must.splice(room));
    }
    may.sort((a, b) => b.slots - a.slots || Number(b.level === level) - Number(a.level === level) || a.limit - b.limit);
    const chosen = [...must, ...may.slice(0, room - must.length)];
    rest = may.slice(room - must.length);
    levels.push(chosen);
    room = chosen.reduce((sum, item) => sum + item.slots, 0);
  }
  dropped.push(...rest);
  return dropped.every((item) => item.limit > floatAbove && item.parent !== FLOATING) ? { levels, dropped } : undefined;
}

/** Keeps every link that fits; fills the other slots in order. From the top down, so that each parent stands before its children come. */
function chooseParents(levels: readonly (readonly Item[])[], top: number, places: number): Link[] {
  const links: Link[] = [];
  let open = new Map([[top, places]]);
  for (const level of levels) {
    const moving: Item[] = [];
    for (const item of level) {
      const slots = open.get(item.parent) ?? 0;
      if (slots > 0) open.set(item.parent, slots - 1);
      else moving.push(item);
    }
    const free = [...open].filter(([, slots]) => slots > 0);
    let at = 0;
    let used = 0;
    for (const { id } of moving) {
      const [parent, slots] = free[at] as [number, number];
      links.push({ child: id, parent });
      used++;
      if (used === slots) {
        at++;
        used = 0;
      }
    }
    open = new Map(level.map((item) => [item.id, item.slots]));
  }
  return links;
}
