/**
 * The circle as a d-dimensional torus: Morton order, boxes, and zones as sets of boxes.
 *
 * CAN splits space in halves, dimension after dimension; numbering the halves gives each dyadic box an interval of the
 * circle (Morton order). So a zone of the ring, an interval, is a set of boxes of the torus, and a routing strategy may
 * look at the same zones in d dimensions. Bit i of a position, from the most significant, belongs to dimension i mod d.
 */
import { CIRCLE } from '../../core/position.ts';

const BITS = 52;
/** The largest boxes of a zone; what is left is a sliver that no route aims at. */
const BOXES_MAX = 12;

/** An axis-parallel box: `low[k] .. low[k] + side[k]` in each dimension k, as shares of the torus 0..1. */
export interface Box {
  readonly low: readonly number[];
  readonly side: readonly number[];
  /** First lead of the interval and its length. */
  readonly start: number;
  readonly length: number;
}

/** The point of the torus that a lead stands for. */
export function pointOf(lead: number, dimensions: number): number[] {
  const point = new Array<number>(dimensions).fill(0);
  const scale = new Array<number>(dimensions).fill(1);
  let rest = lead;
  let unit = CIRCLE / 2;
  for (let i = 0; i < BITS; i++) {
    const k = i % dimensions;
    scale[k] = (scale[k] as number) / 2;
    if (rest >= unit) {
      rest -= unit;
      point[k] = (point[k] as number) + (scale[k] as number);
    }
    unit /= 2;
  }
  return point;
}

/** The inverse: the lead of a point (coordinates are taken modulo 1). */
export function leadOf(point: readonly number[]): number {
  const rest = point.map((x) => x - Math.floor(x));
  let lead = 0;
  let unit = CIRCLE / 2;
  for (let i = 0; i < BITS; i++) {
    const k = i % rest.length;
    const doubled = (rest[k] as number) * 2;
    if (doubled >= 1) lead += unit;
    rest[k] = doubled >= 1 ? doubled - 1 : doubled;
    unit /= 2;
  }
  return lead;
}

/** The largest boxes that make up the zone `(start, end]` of leads, largest first. */
export function boxesOf(start: number, end: number, dimensions: number): Box[] {
  const from = start + 1;
  const to = end + 1;
  const intervals: [number, number][] = from <= to && start !== end ? [[from, to]] : [[from, CIRCLE], [0, to]];
  const boxes: Box[] = [];
  for (const [low, high] of intervals) collectBlocks(low, high, dimensions, boxes);
  boxes.sort((a, b) => b.length - a.length || a.start - b.start);
  return boxes.slice(0, BOXES_MAX);
}

/** Cuts [low, high) into maximal aligned blocks of a power of two. */
function collectBlocks(low: number, high: number, dimensions: number, boxes: Box[]): void {
  let at = low;
  while (at < high) {
    let length = 1;
    while (at % (length * 2) === 0 && at + length * 2 <= high) length *= 2;
    boxes.push(boxAt(at, length, dimensions));
    at += length;
  }
}

/** The box of the aligned block of `length` leads (a power of two) that begins at `start`. */
export function boxAt(start: number, length: number, dimensions: number): Box {
  const side = new Array<number>(dimensions).fill(1);
  let unit = CIRCLE;
  for (let i = 0; unit > length; i++) {
    side[i % dimensions] = (side[i % dimensions] as number) / 2;
    unit /= 2;
  }
  return { low: pointOf(start, dimensions), side, start, length };
}

/** The box of the same size on the other side of one face. `direction` is +1 or -1. */
export function acrossFace(box: Box, dimension: number, direction: number): Box {
  const low = box.low.slice();
  const moved = (low[dimension] as number) + direction * (box.side[dimension] as number);
  low[dimension] = moved - Math.floor(moved);
  return { low, side: box.side, start: leadOf(low), length: box.length };
}

/** Squared Euclidean distance on the torus from the nearest point of the boxes to `point`. */
export function distanceTo(boxes: readonly Box[], point: readonly number[]): number {
  let nearest = Infinity;
  for (const box of boxes) {
    let sum = 0;
    for (let k = 0; k < point.length && sum < nearest; k++) {
      const gap = gapOnCircle(point[k] as number, box.low[k] as number, box.side[k] as number);
      sum += gap * gap;
    }
    if (sum < nearest) nearest = sum;
  }
  return nearest;
}

/** Distance on a circle of length 1 from `x` to the arc `low .. low + side`; 0 inside. */
function gapOnCircle(x: number, low: number, side: number): number {
  const ahead = x >= low ? x - low : x - low + 1;
  if (ahead <= side) return 0;
  return Math.min(ahead - side, 1 - ahead);
}

/** Do two zones share a face: do two of their boxes touch in one dimension and overlap in all the others? */
export function abut(a: readonly Box[], b: readonly Box[]): boolean {
  return a.some((boxA) => b.some((boxB) => touch(boxA, boxB)));
}

function touch(a: Box, b: Box): boolean {
  let touching = 0;
  for (let k = 0; k < a.low.length; k++) {
    const lowA = a.low[k] as number;
    const lowB = b.low[k] as number;
    const sideA = a.side[k] as number;
    const sideB = b.side[k] as number;
    if (overlaps(lowA, sideA, lowB, sideB)) continue;
    if (!meets(lowA + sideA, lowB) && !meets(lowB + sideB, lowA)) return false;
    touching++;
  }
  return touching <= 1;
}

function overlaps(lowA: number, sideA: number, lowB: number, sideB: number): boolean {
  const ahead = lowB >= lowA ? lowB - lowA : lowB - lowA + 1;
  return ahead < sideA || ahead + sideB > 1;
}

function meets(end: number, low: number): boolean {
  return end === low || end - 1 === low;
}
