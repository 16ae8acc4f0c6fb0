/**
 * Bottleneck bandwidth from packet trains, and a machine's own from those of its leafset ([0075]-[0077]): pure estimators.
 *
 * Packets sent back to back leave a bottleneck S/rate apart. A receiver in user space stamps them late, sometimes by
 * milliseconds, and never early: so the lower hull of a train's arrivals runs along the bottleneck's own line, broken by flat
 * pieces (a loop that slept and caught up) and steep ones (one that never did). Over several trains the slope that the
 * most packets agree on counts: a wrong one comes about by chance, and each time another. Trains are not laid over one another: each leaves its sender with a delay of its own, and the
 * envelope of lines side by side is steeper than any. Single pairs would measure the scheduler. Where they do not
 * agree the answer is a lower bound that says so, never a guess.
 */

/** Arrivals of one train in ms on the receiver's clock, by index of the packet; NaN: lost. */
export type Train = readonly number[];

export interface Rate {
  readonly bitsPerSecond: number;
  /** The spacing was too small to be told from none: it is at least this much. */
  readonly isAtLeast: boolean;
}

/** Fewer packets than this tell nothing. */
const PACKETS_MIN = 8;
/** So many of a train make its word count. */
const PIECE_PACKETS_MIN = 4;
/** Spacings below this cannot be told apart from the clock's own grain. */
const SPACING_MIN_MS = 0.02;
/** Spacings that differ by no more than this are one. */
const AGREEMENT_SHARE = 0.05;
/** bit/s that cannot be told from more: full packets that close together. */
export const RATE_MAX = 6e8;

/**
 * The rate of the narrowest link on the way, from trains of equal packets; undefined when nothing came. So many of them have
 * to say the same: a machine on the way that stood still for a few milliseconds spoils one train, and in another way each. When too
 * few do, the link carries at least what half of the trains came with.
 */
export function rateOf(trains: readonly Train[], packetBytes: number, agreeing = 1): Rate | undefined {
  const spacingMs = agreedSpacing(trains.flatMap(piecesOf).filter((piece) => piece.spacingMs >= SPACING_MIN_MS), agreeing);
  if (spacingMs !== undefined) return { bitsPerSecond: (packetBytes * 8 * 1_000) / spacingMs, isAtLeast: false };
  const wholes = trains.map(pointsOf).filter((points) => points.length >= PACKETS_MIN).map(meanSpacing).sort((a, b) => a - b);
  const median = wholes[wholes.length >> 1];
  return median === undefined ? undefined : { bitsPerSecond: (packetBytes * 8 * 1_000) / Math.max(SPACING_MIN_MS, median), isAtLeast: true };
}

/** The spacing that the most packets have within the tolerance; undefined if too few agree. */
function agreedSpacing(pieces: readonly Piece[], agreeing: number): number | undefined {
  let best: readonly Piece[] = [];
  for (const { spacingMs: centre } of pieces) {
    const alike = pieces.filter(({ spacingMs }) => Math.abs(spacingMs - centre) <= AGREEMENT_SHARE * centre);
    if (packetsOf(alike) > packetsOf(best)) best = alike;
  }
  return isTold(best, agreeing) ? best.reduce((sum, piece) => sum + piece.packets * piece.spacingMs, 0) / packetsOf(best) : undefined;
}

/** Enough packets, of enough trains. */
function isTold(pieces: readonly Piece[], agreeing: number): boolean {
  return packetsOf(pieces) + 1 >= PACKETS_MIN && new Set(pieces.filter(({ packets }) => packets >= PIECE_PACKETS_MIN).map(({ train }) => train)).size >= agreeing;
}

function packetsOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { packets }) => sum + packets, 0);
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

/** A straight part of a train's lower hull. */
interface Piece {
  readonly train: Train;
  readonly packets: number;
  readonly spacingMs: number;
}

/** None from a train of which too little arrived. */
function piecesOf(train: Train): Piece[] {
  const points = pointsOf(train);
  if (points.length < PACKETS_MIN) return [];
  const hull = lowerHull(points);
  return hull.slice(1).map((corner, i) => {
    const before = hull[i] as Point;
    const packets = corner.index - before.index;
    return { train, packets, spacingMs: (corner.atMs - before.atMs) / packets };
  });
}

function pointsOf(train: Train): Point[] {
  return train.map((atMs, index) => ({ index, atMs })).filter(({ atMs }) => !Number.isNaN(atMs));
}

function meanSpacing(points: readonly Point[]): number {
  const [first, last] = [points[0], points.at(-1)];
  return first === undefined || last === undefined ? Number.NaN : (last.atMs - first.atMs) / (last.index - first.index);
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
