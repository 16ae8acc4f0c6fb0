/**
 * Bottleneck bandwidth from packet trains, and a machine's own from those of its leafset ([0075]-[0077]): pure estimators.
 *
 * Packets sent back to back leave a bottleneck S/rate apart. A receiver in user space stamps them late, sometimes by
 * milliseconds, and never early: so of several trains the smallest arrival of each index counts, and the lower hull of those
 * tells the spacing. Single pairs would measure the scheduler. Where nothing can be told the answer is undefined, never a guess.
 */

/** Arrivals of one train in ms, by index of the packet, on the receiver's clock less the sender's stamp of the train; NaN: lost. */
export type Train = readonly number[];

export interface Rate {
  readonly bitsPerSecond: number;
  /** The spacing was too small to be told from none: it is at least this much. */
  readonly isAtLeast: boolean;
}

/** Fewer packets than this tell nothing. */
const PACKETS_MIN = 8;
/** Spacings below this cannot be told apart from the clock's own grain. */
const SPACING_MIN_MS = 0.02;

/** The rate of the narrowest link on the way, from trains of equal packets; undefined when they do not tell. */
export function rateOf(trains: readonly Train[], packetBytes: number): Rate | undefined {
  const points = lowerHull(earliest(trains));
  const first = points[0];
  const last = points[points.length - 1];
  if (!first || !last || last.index - first.index + 1 < PACKETS_MIN) return undefined;
  // Between the two corners that are farthest apart lie the most packets that were delayed by the link alone.
  let from = first;
  let to = last;
  let longest = 0;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1] as Point, points[i] as Point];
    if (b.index - a.index > longest) [longest, from, to] = [b.index - a.index, a, b];
  }
  if (longest + 1 < PACKETS_MIN) return undefined;
  const spacingMs = (to.atMs - from.atMs) / longest;
  const isAtLeast = spacingMs < SPACING_MIN_MS;
  return { bitsPerSecond: (packetBytes * 8 * 1_000) / Math.max(spacingMs, SPACING_MIN_MS), isAtLeast };
}

/**
 * A machine's own bottleneck in one direction: the largest of what was measured with its leafset. It is exact if one of
 * them is wider in the other direction, and never too large. Undefined when nothing was measured.
 */
export function ownBottleneck(measured: readonly number[]): number | undefined {
  let best: number | undefined;
  for (const rate of measured) if (Number.isFinite(rate) && rate > 0 && (best === undefined || rate > best)) best = rate;
  return best;
}

interface Point {
  readonly index: number;
  readonly atMs: number;
}

function earliest(trains: readonly Train[]): Point[] {
  const points: Point[] = [];
  const length = Math.max(0, ...trains.map((train) => train.length));
  for (let index = 0; index < length; index++) {
    let atMs = Infinity;
    for (const train of trains) {
      const arrival = train[index];
      if (arrival !== undefined && arrival < atMs) atMs = arrival;
    }
    if (Number.isFinite(atMs)) points.push({ index, atMs });
  }
  return points;
}

/** Corners of the lower convex hull, from left to right. */
function lowerHull(points: readonly Point[]): Point[] {
  const hull: Point[] = [];
  for (const point of points) {
    for (;;) {
      const [b, a] = [hull[hull.length - 1], hull[hull.length - 2]];
      if (!a || !b || (b.atMs - a.atMs) * (point.index - a.index) < (point.atMs - a.atMs) * (b.index - a.index)) break;
      hull.pop();
    }
    hull.push(point);
  }
  return hull;
}
