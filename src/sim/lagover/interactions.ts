/**
 * One interaction on columns: the views that the rules want, and the rules' answer carried out at once.
 *
 * Everything that decides is in protocol/lagover; here are only reading and writing. Hops cost 1, as in the paper.
 */
import { unreachable } from '../../core/assert.ts';
import type { PlainAlgorithm } from '../../protocol/lagover/algorithm.ts';
import type { Action, ChildView, InitiatorView, RuleOptions } from '../../protocol/lagover/views.ts';
import { SOURCE } from '../../protocol/lagover/views.ts';
import type { Forest } from './forest.ts';

const HOP = 1;

export function decide(forest: Forest, algorithm: PlainAlgorithm, options: RuleOptions, i: number, j: number): Action {
  const initiator = viewOf(forest, i);
  if (j === SOURCE) {
    const laxest = forest.laxestBelowSource();
    const laxestChild = laxest < 0 ? undefined : childView(forest, laxest);
    return algorithm.atSource(initiator, { hasFreeSlot: forest.hasFreeSlot(SOURCE), hop: HOP, laxestChild }, options);
  }
  const k = forest.parent[j] as number;
  const parent = k < 0 ? undefined : { id: k, constraint: forest.constraint[k] as number, delay: forest.delay[k] as number, hop: HOP };
  return algorithm.meet(initiator, { ...viewOf(forest, j), hop: HOP, delay: forest.delay[j] as number, parent }, options);
}

/** Returns whether i has a parent now, or became one; `onLost` hears of each peer that lost or changed its parent. */
export function carryOut(forest: Forest, i: number, action: Action, onLost: (peer: number) => void): boolean {
  switch (action.kind) {
    case 'attach':
      forest.attach(action.child, action.parent);
      return true;
    case 'insert':
      if (action.discarded !== undefined) turnOut(forest, action.discarded, onLost);
      turnOut(forest, action.child, onLost);
      forest.attach(i, action.parent);
      forest.attach(action.child, i);
      return true;
    case 'displace':
      turnOut(forest, action.displaced, onLost);
      forest.attach(i, action.parent);
      return true;
    case 'rearrange':
      return rearrange(forest, i, action, onLost);
    case 'refer':
    case 'ask':
      return false;
    default:
      return unreachable(action);
  }
}

function rearrange(forest: Forest, i: number, { links, floats, takenOver }: Action & { kind: 'rearrange' }, onLost: (peer: number) => void): boolean {
  for (const peer of floats) turnOut(forest, peer, onLost);
  if (takenOver !== undefined) {
    for (const child of forest.childrenOf(takenOver)) {
      turnOut(forest, child, onLost);
      forest.attach(child, i);
    }
  }
  for (const { child } of links) if (!forest.isFloating(child)) turnOut(forest, child, onLost);
  for (const { child, parent } of links) forest.attach(child, parent);
  return !forest.isFloating(i);
}

function turnOut(forest: Forest, peer: number, onLost: (peer: number) => void): void {
  forest.detach(peer);
  onLost(peer);
}

function viewOf(forest: Forest, peer: number): InitiatorView {
  return { id: peer, fanout: forest.fanout[peer] as number, constraint: forest.constraint[peer] as number, children: childrenOf(forest, peer) };
}

function childrenOf(forest: Forest, node: number): ChildView[] {
  const children: ChildView[] = [];
  for (let child = forest.firstChild[node] as number; child >= 0; child = forest.nextSibling[child] as number) {
    children.push(childView(forest, child));
  }
  return children;
}

function childView(forest: Forest, child: number): ChildView {
  return { id: child, fanout: forest.fanout[child] as number, constraint: forest.constraint[child] as number, hop: HOP };
}
