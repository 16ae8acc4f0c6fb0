/**
 * What a plan is judged by ([0080]): the greatest latency of a member, the narrowest link, the variance of latencies; and a bound
 * that no tree can beat.
 *
 * The bound is the longest of the shortest ways from the root over all hosts. The plain star is none: in measured matrices a
 * relay beats the direct link in one of twenty triples.
 */
import type { Millis } from '../../core/env.ts';
import type { Instance } from './instance.ts';
import { NONE, ROOT } from './instance.ts';
import type { Tree } from './tree.ts';

/** A link carries what its sender's uplink and its receiver's downlink let through ([0075]). Undefined without bandwidths. */
export function bottleneckMbps({ instance, order, count, parent }: Tree): number | undefined {
  const { upMbps, downMbps } = instance;
  if (upMbps === undefined || downMbps === undefined) return undefined;
  let least = Infinity;
  for (let i = 1; i < count; i++) {
    const node = order[i] as number;
    least = Math.min(least, upMbps[parent[node] as number] as number, downMbps[node] as number);
  }
  return least;
}

/** Over the members but the root. */
export function varianceMs2({ instance, height }: Tree): number {
  const receivers = instance.members - 1;
  let sum = 0;
  for (let node = 1; node < instance.members; node++) sum += height[node] as number;
  const mean = sum / receivers;
  let squares = 0;
  for (let node = 1; node < instance.members; node++) squares += ((height[node] as number) - mean) ** 2;
  return receivers === 0 ? 0 : squares / receivers;
}

export function starBoundMs({ members, size, latencies }: Instance): Millis {
  const reached = new Float64Array(size).fill(Infinity);
  const waiting = Int32Array.from({ length: size }, (_, node) => node);
  const row = new Float64Array(size);
  let count = size;
  let missing = members;
  let bound = 0;
  reached[ROOT] = 0;
  while (missing > 0) {
    let at = NONE;
    for (let i = 0; i < count; i++) if (at === NONE || (reached[waiting[i] as number] as number) < (reached[waiting[at] as number] as number)) at = i;
    const node = waiting[at] as number;
    const ms = reached[node] as number;
    waiting[at] = waiting[--count] as number;
    if (node < members) {
      missing--;
      bound = ms;
    }
    latencies.row(node, waiting, count, row);
    for (let i = 0; i < count; i++) {
      const other = waiting[i] as number;
      if (ms + (row[i] as number) < (reached[other] as number)) reached[other] = ms + (row[i] as number);
    }
  }
  return bound;
}
