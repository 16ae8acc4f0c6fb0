/**
 * The logical tree of SOMO ([0055], [0056]): what every machine knows without asking anybody.
 *
 * Node j of level i owns the part [j/k^i, (j+1)/k^i) of the circle and is keyed at its centre (2j+1)/(2k^i). The tree
 * exists in arithmetic only. Keys and borders are leading bits of positions (core/position.ts), exact when k is a power of
 * two; otherwise they are rounded, and rounded the same way by everybody: one division of integers below 2^53 gives the
 * same double everywhere, and equal fractions on two levels give equal doubles, so regions nest exactly for every k.
 */
import { assert } from '../../core/assert.ts';
import type { Position } from '../../core/position.ts';
import { CIRCLE, positionFromLead } from '../../core/position.ts';

export const ARITY_MIN = 2;
export const ARITY_MAX = 64;
/** Even: with odd k a middle child has its parent's key, which is allowed and wastes a node (CORRECTIONS 1). */
export const ARITY_DEFAULT = 8;

/** The deepest regions are still so many leads wide: two machines nearer than that share one. */
const NARROWEST_LEADS = 64;

const LEVELS_MAX = 64;

export interface LogicalNode {
  readonly level: number;
  readonly index: number;
}

/** A half-open part [from, to) of the circle, in leads; `to` may be CIRCLE and never wraps. */
export interface Region {
  readonly from: number;
  readonly to: number;
}

export const ROOT: LogicalNode = { level: 0, index: 0 };

export class LogicalTree {
  readonly k: number;
  /** The deepest level. */
  readonly depth: number;
  /** Nodes by level: k^level. */
  readonly #widths: number[] = [1];

  constructor(k: number) {
    assert(Number.isInteger(k) && k >= ARITY_MIN && k <= ARITY_MAX, 'k is an integer from 2 to 64');
    this.k = k;
    for (let width = k; width <= CIRCLE / NARROWEST_LEADS; width *= k) this.#widths.push(width);
    this.depth = this.#widths.length - 1;
  }

  /** Nodes on a level. */
  width(level: number): number {
    const width = this.#widths[level];
    assert(width !== undefined, 'a level of the tree');
    return width;
  }

  /** Is this a node of the tree? What others send is checked with it. */
  has({ level, index }: LogicalNode): boolean {
    const width = this.#widths[level];
    return width !== undefined && Number.isInteger(index) && index >= 0 && index < width;
  }

  /** Where the node sits: the centre of its region. */
  key({ level, index }: LogicalNode): number {
    return Math.floor(((2 * index + 1) / (2 * this.width(level))) * CIRCLE);
  }

  keyPosition(node: LogicalNode): Position {
    return positionFromLead(this.key(node));
  }

  region({ level, index }: LogicalNode): Region {
    return { from: this.#border(level, index), to: this.#border(level, index + 1) };
  }

  /** Undefined for the root. */
  parent({ level, index }: LogicalNode): LogicalNode | undefined {
    return level === 0 ? undefined : { level: level - 1, index: Math.floor(index / this.k) };
  }

  /** From left to right; none on the deepest level. */
  children({ level, index }: LogicalNode): LogicalNode[] {
    if (level >= this.depth) return [];
    return Array.from({ length: this.k }, (_, i) => ({ level: level + 1, index: this.k * index + i }));
  }

  /** The node of that level whose region holds `lead`. */
  nodeAt(level: number, lead: number): LogicalNode {
    let index = Math.min(this.width(level) - 1, Math.floor((lead / CIRCLE) * this.width(level)));
    while (this.#border(level, index) > lead) index--;
    while (this.#border(level, index + 1) <= lead) index++;
    return { level, index };
  }

  /**
   * The fewest nodes whose regions together are exactly the region ([0069]), from left to right; undefined when its ends
   * are no borders of the tree.
   */
  cover(region: Region): LogicalNode[] | undefined {
    const nodes: LogicalNode[] = [];
    let from = region.from;
    while (from < region.to) {
      const node = this.#largestFrom(from, region.to);
      if (!node) return undefined;
      nodes.push(node);
      from = this.region(node).to;
    }
    return nodes;
  }

  #largestFrom(from: number, to: number): LogicalNode | undefined {
    for (let level = 0; level <= this.depth; level++) {
      const node = this.nodeAt(level, from);
      const region = this.region(node);
      if (region.from === from && region.to <= to) return node;
    }
    return undefined;
  }

  #border(level: number, index: number): number {
    return Math.ceil((index / this.width(level)) * CIRCLE);
  }
}

export function sameNode(a: LogicalNode, b: LogicalNode): boolean {
  return a.level === b.level && a.index === b.index;
}

/** One number for the node: for maps, and on the wire. Levels fit 6 bits, indexes 46. */
export function numberOf({ level, index }: LogicalNode): number {
  return index * LEVELS_MAX + level;
}

export function nodeOf(number: number): LogicalNode {
  const level = number % LEVELS_MAX;
  return { level, index: (number - level) / LEVELS_MAX };
}

export function nodeName({ level, index }: LogicalNode): string {
  return `${level}/${index}`;
}

export function overlaps(a: Region, b: Region): boolean {
  return a.from < b.to && b.from < a.to;
}

export function isWithin(inner: Region, outer: Region): boolean {
  return inner.from >= outer.from && inner.to <= outer.to;
}
