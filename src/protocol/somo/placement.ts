/**
 * From the logical tree to machines ([0057]-[0060]): who represents whom, from a machine's own zone alone.
 *
 * A machine hosts every logical node whose key lies in its zone `(pred, self]`; the highest (then leftmost) of them
 * represents it, and its parent is the machine that hosts the parent node's key. Two readings beyond the print
 * (docs/decisions/0030-somo-flow.md): a machine belongs to the region that its *position* lies in, so its own metrics enter
 * the tree at its leaf, the largest node that holds no other machine; and a zone too small to hold any key has no
 * representative: such a machine hangs below the deepest node around its position.
 */
import { CIRCLE, clockwise, comparePositions } from '../../core/position.ts';
import type { Position } from '../../core/position.ts';
import type { LogicalNode, LogicalTree, Region } from './tree.ts';

/** The part `(from, from + span]` of the circle, in leads, going clockwise: 0 is empty, CIRCLE is everything. */
export interface Zone {
  readonly from: number;
  readonly span: number;
}

export const WHOLE: Zone = { from: 0, span: CIRCLE };

/**
 * The zone of who sits at `self` behind `start`. Keys of the tree have nothing after their leading bits, so of two
 * machines with equal leads the first one hosts the key there, if any, and the other nothing.
 */
export function zoneBetween(start: Position, self: Position): Zone {
  const span = clockwise(start.lead, self.lead);
  if (span > 0) return { from: start.lead, span };
  return { from: start.lead, span: comparePositions(start, self) >= 0 ? CIRCLE : 0 };
}

export function zoneHolds(zone: Zone, lead: number): boolean {
  if (zone.span === CIRCLE) return true;
  const distance = clockwise(zone.from, lead);
  return distance > 0 && distance <= zone.span;
}

export function isHost(tree: LogicalTree, zone: Zone, node: LogicalNode): boolean {
  return zoneHolds(zone, tree.key(node));
}

/** The highest, then leftmost, logical node in the zone ([0057]); undefined when the zone holds no key. */
export function representative(tree: LogicalTree, zone: Zone): LogicalNode | undefined {
  for (let level = 0; level <= tree.depth; level++) {
    const index = leftmostIn(tree, level, zone);
    if (index >= 0) return { level, index };
  }
  return undefined;
}

/**
 * The logical node that a machine connects to: the parent of its representative. Undefined for the machine that hosts the
 * root. `position` is the machine's own lead.
 */
export function parentNode(tree: LogicalTree, zone: Zone, position: number): LogicalNode | undefined {
  const repre = representative(tree, zone);
  return repre ? tree.parent(repre) : tree.nodeAt(tree.depth, position);
}

/**
 * Logical nodes in the zone that may hold other machines, highest first: those whose region reaches beyond the zone.
 * On each level they stand at the two ends of the zone, so there are at most two of a level.
 */
export function hostedNodes(tree: LogicalTree, zone: Zone): LogicalNode[] {
  const nodes: LogicalNode[] = [];
  for (let level = 0; level <= tree.depth; level++) {
    const ends = [zone.from, (zone.from + zone.span) % CIRCLE].map((lead) => tree.nodeAt(level, lead));
    // Of a whole circle both ends are one spot, and the nodes are the ancestors of whoever sits there.
    ends.sort((a, b) => a.index - b.index);
    ends.forEach((node, i) => {
      const isTwin = i > 0 && node.index === ends[0]?.index;
      if (!isTwin && isHost(tree, zone, node) && !isInside(tree.region(node), zone)) nodes.push(node);
    });
  }
  return nodes;
}

/**
 * Where a machine's own metrics enter the tree: the largest node around its position that holds neither neighbour, so that
 * no other machine enters there. Neighbours at our very lead are told apart by nothing: then it is the deepest node.
 */
export function leafNode(tree: LogicalTree, position: number, neighbours: readonly number[]): LogicalNode {
  let low = 0;
  let high = tree.depth;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isAlone(tree.region(tree.nodeAt(middle, position)), neighbours)) high = middle;
    else low = middle + 1;
  }
  return tree.nodeAt(low, position);
}

/** Does the zone hold the whole region? */
export function isInside(region: Region, zone: Zone): boolean {
  if (zone.span === CIRCLE) return true;
  const distance = clockwise(zone.from, region.from);
  return distance > 0 && distance + (region.to - region.from) - 1 <= zone.span;
}

function isAlone(region: Region, neighbours: readonly number[]): boolean {
  for (const lead of neighbours) if (lead >= region.from && lead < region.to) return false;
  return true;
}

/** The smallest index on the level whose key lies in the zone, or -1. */
function leftmostIn(tree: LogicalTree, level: number, { from, span }: Zone): number {
  if (span === 0) return -1;
  const end = from + span;
  // A zone that wraps begins anew at 0, and what lies there is further left.
  if (end >= CIRCLE) {
    if (tree.key({ level, index: 0 }) <= end - CIRCLE) return 0;
    const index = firstAfter(tree, level, from);
    return index < tree.width(level) ? index : -1;
  }
  const index = firstAfter(tree, level, from);
  return index < tree.width(level) && tree.key({ level, index }) <= end ? index : -1;
}

/** The smallest index on the level whose key comes after `lead`; the width of the level when there is none. */
function firstAfter(tree: LogicalTree, level: number, lead: number): number {
  const { index } = tree.nodeAt(level, lead);
  return tree.key({ level, index }) > lead ? index : index + 1;
}
