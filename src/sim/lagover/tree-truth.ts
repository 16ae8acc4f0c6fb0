/**
 * What is true of a tree of simulated peers at one instant, read from whom each holds to be its parent: who hears from the
 * source, over how many hops, who stands on a cycle, and whose fan-out is exceeded. Shares no code with what it checks.
 */
import type { Contact } from '../../core/contact.ts';

export const FLOATING = -1;
export const OFFLINE = -2;

/** Hops to the source; FLOATING for who has no way to it, or OFFLINE. */
export interface Truth {
  readonly parents: Int32Array;
  readonly delays: Int32Array;
  readonly onCycle: readonly number[];
  readonly exceeded: readonly number[];
}

/** By index; 0 is the source. `parentOf` is undefined for who is offline, null for who floats. */
export function truthOf(peers: number, fanoutOf: (peer: number) => number, parentOf: (peer: number) => Contact | null | undefined, indexOf: (contact: Contact) => number): Truth {
  const parents = new Int32Array(peers + 1).fill(OFFLINE);
  const children = new Int32Array(peers + 1);
  for (let peer = 0; peer <= peers; peer++) {
    const contact = parentOf(peer);
    if (contact === undefined) continue;
    const parent = contact === null ? FLOATING : indexOf(contact);
    parents[peer] = parent;
    if (parent >= 0) children[parent] = (children[parent] as number) + 1;
  }
  const exceeded: number[] = [];
  for (let peer = 0; peer <= peers; peer++) if ((children[peer] as number) > fanoutOf(peer)) exceeded.push(peer);
  return { parents, exceeded, ...waysOf(parents) };
}

function waysOf(parents: Int32Array): { delays: Int32Array; onCycle: number[] } {
  const unseen = -3;
  const onPath = -4;
  const delays = new Int32Array(parents.length).fill(unseen);
  const onCycle: number[] = [];
  delays[0] = parents[0] === OFFLINE ? OFFLINE : 0;
  for (let start = 1; start < parents.length; start++) {
    const path: number[] = [];
    let at = start;
    while (at >= 0 && delays[at] === unseen) {
      delays[at] = onPath;
      path.push(at);
      at = parents[at] as number;
    }
    if (at >= 0 && delays[at] === onPath) onCycle.push(...path.slice(path.indexOf(at)));
    let above = at < 0 || (delays[at] as number) < 0 ? FLOATING : (delays[at] as number);
    for (let peer = path.pop(); peer !== undefined; peer = path.pop()) {
      above = above === FLOATING ? FLOATING : above + 1;
      delays[peer] = parents[peer] === OFFLINE ? OFFLINE : above;
      if (parents[peer] === OFFLINE) above = FLOATING;
    }
  }
  return { delays, onCycle };
}
