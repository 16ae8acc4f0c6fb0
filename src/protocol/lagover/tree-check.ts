/**
 * Whether a tree that somebody proposes is one, and serves everybody in time: the last word on any way of building it.
 *
 * `parents[i]` belongs to consumer i + 1; 0 is the source and -1 means floating, as in the output of a simulation. Every fault
 * is one sentence, so that a person can act on it; at most a handful are returned, because one mistake often causes thousands.
 */
import type { Demand } from './feasibility.ts';

export const FAULTS_MAX = 20;

export interface TreeVerdict {
  /** Hops to the source by consumer; null unless rooted there. */
  readonly delays: (number | null)[];
  readonly satisfied: number;
  readonly faults: string[];
}

export function checkTree(sourceFanout: number, consumers: readonly Demand[], parents: readonly number[]): TreeVerdict {
  const faults: string[] = [];
  const fault = (sentence: string): void => {
    if (faults.length < FAULTS_MAX) faults.push(sentence);
  };
  const delays = delaysOf(parents, fault);
  checkFanouts(sourceFanout, consumers, parents, fault);
  let satisfied = 0;
  for (const [index, delay] of delays.entries()) {
    const constraint = (consumers[index] as Demand).constraint;
    if (delay !== null && delay <= constraint) satisfied++;
    else if (delay !== null) fault(`consumer ${index + 1} stands at depth ${delay}, and its latency constraint is ${constraint}`);
    else fault(`consumer ${index + 1} has no path to the source`);
  }
  return { delays, satisfied, faults };
}

function checkFanouts(sourceFanout: number, consumers: readonly Demand[], parents: readonly number[], fault: (sentence: string) => void): void {
  const children = new Int32Array(parents.length + 1);
  for (const parent of parents) {
    if (parent >= 0) children[parent] = (children[parent] as number) + 1;
  }
  for (const [id, count] of children.entries()) {
    const fanout = id === 0 ? sourceFanout : (consumers[id - 1] as Demand).fanout;
    if (count > fanout) fault(`${id === 0 ? 'the source' : `consumer ${id}`} has ${count} children and a fan-out of ${fanout}`);
  }
}

/** Follows every path once; a path that meets itself is a cycle. */
function delaysOf(parents: readonly number[], fault: (sentence: string) => void): (number | null)[] {
  const unseen = -1;
  const onPath = -2;
  const lost = -3;
  const depth = new Int32Array(parents.length + 1).fill(unseen);
  depth[0] = 0;
  const path: number[] = [];
  for (let start = 1; start <= parents.length; start++) {
    let at = start;
    while (at >= 0 && depth[at] === unseen) {
      depth[at] = onPath;
      path.push(at);
      at = parents[at - 1] as number;
    }
    if (at > 0 && depth[at] === onPath) fault(`consumer ${at} is on a cycle`);
    let above = at < 0 || (depth[at] as number) < 0 ? lost : (depth[at] as number);
    for (let id = path.pop(); id !== undefined; id = path.pop()) {
      above = above === lost ? lost : above + 1;
      depth[id] = above;
    }
  }
  return Array.from(depth.subarray(1), (hops) => (hops < 0 ? null : hops));
}
