/**
 * The single moves of `adaptive` around one peer (docs/decisions/0020). Each places i and leaves everybody in time: nobody
 * floats because of it. What moves more than one or two peers is in regroup.ts.
 */
import type { InformedChild, InformedCounterpart, InformedInitiator, SubtreeView, Surroundings } from './informed-views.ts';
import type { Action, Link, ParentView } from './views.ts';

export function rearrange(links: readonly Link[], floats: readonly number[] = [], takenOver?: number): Action {
  return { kind: 'rearrange', links, floats, takenOver };
}

/** A free slot of j, else of the child with most of them. */
export function tryOpenSlot(i: InformedInitiator, j: Surroundings): Action | undefined {
  const at = j.delay + j.hop;
  if (at > i.limit) return undefined;
  if (j.openSlots > 0) return rearrange([{ child: i.id, parent: j.id }]);
  if (at + j.hop > i.limit) return undefined;
  let best: InformedChild | undefined;
  for (const child of j.children) if (child.openSlots > (best?.openSlots ?? 0)) best = child;
  return best === undefined ? undefined : rearrange([{ child: i.id, parent: best.id }]);
}

/** m <- i <- j for the child m of j whose subtree has the most slack, if that is a hop. */
export function tryInsertAbove(i: InformedInitiator, j: Surroundings): Action | undefined {
  const at = j.delay + j.hop;
  if (at > i.limit || i.openSlots === 0) return undefined;
  let m: InformedChild | undefined;
  for (const child of j.children) if (child.limit > (m?.limit ?? -Infinity)) m = child;
  if (m === undefined || m.limit < at + j.hop) return undefined;
  return rearrange([{ child: i.id, parent: j.id }, { child: m.id, parent: i.id }]);
}

/** i has slots for j and all children of j, and takes its place: j alone stands deeper, and more slots are near the source. */
export function tryRise(i: InformedInitiator, j: InformedCounterpart, k: ParentView): Action | undefined {
  const children = j.fanout - j.openSlots;
  if (i.openSlots <= children || i.fanout < j.fanout || j.delay > i.limit || j.delay + j.hop > j.constraint) return undefined;
  return rearrange([{ child: i.id, parent: k.id }, { child: j.id, parent: i.id }], [], j.id);
}

/** i takes the place and the children of a laxer grandchild of j, which finds a free slot one hop deeper: below i or beside it. */
export function tryTakeOver(i: InformedInitiator, j: Surroundings): Action | undefined {
  const at = j.delay + 2 * j.hop;
  if (at > i.limit) return undefined;
  for (const parent of j.children) {
    for (const g of parent.children) {
      const handedOver = g.fanout - g.openSlots;
      if (handedOver > i.openSlots || g.fanout > i.fanout || g.constraint <= i.limit || g.constraint < at + j.hop) continue;
      const below = handedOver < i.openSlots ? i : withOpenSlot(j, g);
      if (below === undefined) continue;
      return rearrange([{ child: i.id, parent: parent.id }, { child: g.id, parent: below.id }], [], g.id);
    }
  }
  return undefined;
}

/** A grandchild of j, other than `except`, that has a free slot. */
function withOpenSlot(j: Surroundings, except: SubtreeView): SubtreeView | undefined {
  for (const parent of j.children) {
    for (const other of parent.children) if (other.openSlots > 0 && other.id !== except.id) return other;
  }
  return undefined;
}
