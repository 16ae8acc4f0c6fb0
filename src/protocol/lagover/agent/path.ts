/**
 * The way to the root, as it is told downwards, and what is wrong with one that is told.
 *
 * Whoever receives it can count: hops must add up, and no measured hop is faster than a peer can pass anything on. A path
 * that does not, does not begin at its teller or claims a root that is not the source is a lie, and a path with oneself in it is
 * a cycle (INV-LAG-5).
 */
import type { Contact } from '../../../core/contact.ts';
import { samePeer } from '../../../core/contact.ts';
import type { LagPath } from '../../wire/lagover-messages.ts';
import type { Tree } from './tree.ts';
import { PATH_MAX } from './tree.ts';

/** `cycle`: it leads through oneself. `false`: nobody honest would tell it. */
export type PathFault = 'cycle' | 'false';

export function pathFault(tree: Tree, self: Contact, parent: Contact, path: LagPath): PathFault | undefined {
  const { steps, rooted } = path;
  const first = steps[0];
  const root = steps.at(-1);
  if (first === undefined || root === undefined || steps.length > PATH_MAX || !samePeer(first.contact, parent)) return 'false';
  if (samePeer(root.contact, tree.source) !== rooted) return 'false';
  // A floating root counts as if it stood directly below the source.
  const rootDelay = rooted ? 0 : tree.hop;
  if (root.delay !== rootDelay || !steps.every(({ delay }, place) => place === steps.length - 1 || isPossible(tree, delay - (steps[place + 1]?.delay ?? 0)))) return 'false';
  return isOnPath(path, self.peerId) ? 'cycle' : undefined;
}

function isPossible(tree: Tree, hop: number): boolean {
  return tree.unit === 'hops' ? hop === tree.hop : hop >= tree.allowanceMs;
}

export function isOnPath(path: LagPath | undefined, peerId: string): boolean {
  return path?.steps.some(({ contact }) => contact.peerId === peerId) ?? false;
}

/** Whether children have to hear of the change at once: who stands above them, and where. Counts can wait for a report. */
export function isSameWay(a: LagPath | undefined, b: LagPath | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  return a.rooted === b.rooted && a.heir?.peerId === b.heir?.peerId && a.steps.length === b.steps.length
    && a.steps.every((step, place) => step.contact.peerId === b.steps[place]?.contact.peerId && step.delay === b.steps[place]?.delay);
}

export function isSamePath(a: LagPath, b: LagPath): boolean {
  return isSameWay(a, b) && a.rootLimit === b.rootLimit
    && a.steps.every((step, place) => step.roomFrom === b.steps[place]?.roomFrom && step.laxer === b.steps[place]?.laxer);
}
