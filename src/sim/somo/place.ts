/**
 * The physical tree of a whole pool at once, on columns: what the protocol converges to, without the protocol.
 *
 * Positions are independent uniform draws. Each machine asks the same pure functions as the daemon
 * (protocol/somo/placement.ts) who its parent is; only "who hosts this key" is a search in a sorted column instead of a
 * lookup. Two million machines take seconds, so the patent's example ([0063]) can be looked at instead of believed.
 */
import { assert } from '../../core/assert.ts';
import { CIRCLE } from '../../core/position.ts';
import type { Random } from '../../core/random.ts';
import { parentNode, representative } from '../../protocol/somo/placement.ts';
import type { Zone } from '../../protocol/somo/placement.ts';
import type { LogicalTree } from '../../protocol/somo/tree.ts';

export interface Placement {
  /** Index of the parent machine in order of position; -1 for the root. */
  readonly parents: Int32Array;
  /** Hops to the root. */
  readonly depths: Uint8Array;
  readonly children: Uint16Array;
}

export interface PlacementFigures {
  readonly peers: number;
  readonly k: number;
  readonly roots: number;
  readonly height: number;
  readonly meanDepth: number;
  readonly maxChildren: number;
  readonly interiorShare: number;
  /** Age at the root of what a machine reports, if each hop takes `hopMs`: over the machines. */
  readonly lagMs: { readonly mean: number; readonly p99: number; readonly max: number };
}

const NO_PARENT = -1;
const UNKNOWN = 255;

/** Sorted leads of so many machines; two may be equal, as in reality. */
export function drawLeads(peers: number, random: Random): Float64Array {
  const leads = new Float64Array(peers);
  for (let i = 0; i < peers; i++) leads[i] = random.unit() * CIRCLE;
  return leads.sort();
}

/** The zone of the machine at `place`. Of machines with equal leads the first has it all. */
export function zoneAt(leads: Float64Array, place: number): Zone {
  if (leads.length === 1) return { from: leads[0] as number, span: CIRCLE };
  const self = leads[place] as number;
  const before = place === 0 ? (leads[leads.length - 1] as number) - CIRCLE : (leads[place - 1] as number);
  return { from: before < 0 ? before + CIRCLE : before, span: self - before };
}

/** Who hosts a key: the first machine at or after it. */
export function hostOf(leads: Float64Array, key: number): number {
  // Uniform draws: the share of the circle is a good first guess, and a few steps of doubling find the bracket.
  let low = 0;
  let high = leads.length;
  const guess = Math.min(leads.length - 1, Math.floor((key / CIRCLE) * leads.length));
  for (let step = 1; ; step *= 2) {
    const left = guess - step;
    if (left <= 0) break;
    if ((leads[left] as number) < key) {
      low = left + 1;
      break;
    }
  }
  for (let step = 1; ; step *= 2) {
    const right = guess + step;
    if (right >= leads.length) break;
    if ((leads[right] as number) >= key) {
      high = right;
      break;
    }
  }
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((leads[middle] as number) >= key) high = middle;
    else low = middle + 1;
  }
  return low === leads.length ? 0 : low;
}

export function place(leads: Float64Array, tree: LogicalTree): Placement {
  const { length } = leads;
  const parents = new Int32Array(length);
  const children = new Uint16Array(length);
  for (let i = 0; i < length; i++) {
    const parent = parentNode(tree, zoneAt(leads, i), leads[i] as number);
    const machine = parent ? hostOf(leads, tree.key(parent)) : NO_PARENT;
    assert(machine !== i, 'no machine is its own parent');
    parents[i] = machine;
    if (machine >= 0) children[machine] = (children[machine] as number) + 1;
  }
  return { parents, children, depths: depthsOf(parents) };
}

/** The representative's level of each machine; -1 for a zone without a key. */
export function levelsOf(leads: Float64Array, tree: LogicalTree): Int8Array {
  return Int8Array.from(leads, (_, i) => representative(tree, zoneAt(leads, i))?.level ?? -1);
}

export function figuresOf({ parents, depths, children }: Placement, k: number, hopMs: number): PlacementFigures {
  const peers = parents.length;
  const counts = new Float64Array(UNKNOWN + 1);
  let roots = 0;
  let interior = 0;
  let maxChildren = 0;
  let sum = 0;
  for (let i = 0; i < peers; i++) {
    const depth = depths[i] as number;
    const fanOut = children[i] as number;
    counts[depth] = (counts[depth] as number) + 1;
    sum += depth;
    if (parents[i] === NO_PARENT) roots++;
    if (fanOut > 0) interior++;
    if (fanOut > maxChildren) maxChildren = fanOut;
  }
  const height = counts.findLastIndex((count) => count > 0);
  let below = 0;
  const p99 = counts.findIndex((count) => (below += count) >= 0.99 * peers);
  const meanDepth = sum / peers;
  return {
    peers, k, roots, height, meanDepth, maxChildren, interiorShare: interior / peers,
    lagMs: { mean: meanDepth * hopMs, p99: p99 * hopMs, max: height * hopMs },
  };
}

/** Follows each machine to one whose depth is known, and fills in the way back. */
function depthsOf(parents: Int32Array): Uint8Array {
  const depths = new Uint8Array(parents.length).fill(UNKNOWN);
  const way: number[] = [];
  for (let start = 0; start < parents.length; start++) {
    let at = start;
    while (at !== NO_PARENT && depths[at] === UNKNOWN) {
      way.push(at);
      at = parents[at] as number;
      assert(way.length < UNKNOWN, 'the physical tree has no loop');
    }
    let depth = at === NO_PARENT ? 0 : (depths[at] as number) + 1;
    for (let i = way.pop(); i !== undefined; i = way.pop()) depths[i] = depth++;
  }
  return depths;
}
