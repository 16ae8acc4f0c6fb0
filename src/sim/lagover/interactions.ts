/**
 * One interaction on columns: the views that the rules want, and the rules' answer carried out at once.
 *
 * Everything that decides is in protocol/lagover; here are only reading and writing. Hops cost 1, as in the paper.
 */
import { unreachable } from '../../core/assert.ts';
import type { Algorithm } from '../../protocol/lagover/algorithm.ts';
import type { Action, ChildView, InitiatorView, RuleOptions } from '../../protocol/lagover/views.ts';
import { SOURCE } from '../../protocol/lagover/views.ts';
import type { Forest } from './forest.ts';
import type { Summaries } from './summaries.ts';

const HOP = 1;

export function decide(forest: Forest, algorithm: Algorithm, options: RuleOptions, i: number, j: number, summaries?: Summaries): Action {
  const initiator = viewOf(forest, i);
  if (j === SOURCE) {
    const laxest = forest.laxestBelowSource();
    const laxestChild = laxest < 0 ? undefined : childView(forest, laxest);
    const view = { hasFreeSlot: forest.hasFreeSlot(SOURCE), hop: HOP, laxestChild };
    const anyChild = summaries?.anyChildOfSource() ?? -1;
    return algorithm.atSource(initiator, anyChild < 0 ? view : { ...view, anyChild }, options);
  }
  const k = forest.parent[j] as number;
  const parent = k < 0 ? undefined : { id: k, constraint: forest.constraint[k] as number, delay: forest.delay[k] as number, hop: HOP };
  const counterpart = { ...viewOf(forest, j), hop: HOP, delay: forest.delay[j] as number, parent };
  if (summaries === undefined) return algorithm.meet(initiator, counterpart, options);
  const children = counterpart.children.map((child) => {
    return { ...child, openDelay: summaries.openDelayBelow(child.id), grandchildren: forest.childrenOf(child.id) };
  });
  return algorithm.meet(initiator, { ...counterpart, children, openDelayOfTree: summaries.openDelayBelow(SOURCE) }, options);
}

/** Returns whether anything changed; `onLost` hears of each peer that lost or changed its parent. */
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
    case 'replace':
      for (const child of [...action.discarded, action.replaced]) turnOut(forest, child, onLost);
      for (const child of action.adopted) if (child !== action.replaced) turnOut(forest, child, onLost);
      forest.attach(i, action.parent);
      for (const child of action.adopted) forest.attach(child, i);
      return true;
    case 'lift':
      lift(forest, action.child, action.parent, onLost);
      return false;
    case 'refer':
    case 'ask':
      return false;
    default:
      return unreachable(action);
  }
}

/** y changes places with its parent x: y takes x's other children, and x as many of y's as it has slots. */
function lift(forest: Forest, y: number, x: number, onLost: (peer: number) => void): void {
  const top = forest.parent[x] as number;
  const siblings = forest.childrenOf(x).filter((child) => child !== y);
  const handedDown = forest.childrenOf(y).slice(0, forest.fanout[x] as number);
  for (const peer of [...handedDown, ...siblings, y, x]) turnOut(forest, peer, onLost);
  forest.attach(y, top);
  forest.attach(x, y);
  for (const peer of siblings) forest.attach(peer, y);
  for (const peer of handedDown) forest.attach(peer, x);
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
