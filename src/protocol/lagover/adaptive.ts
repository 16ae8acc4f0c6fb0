/**
 * Adaptive, ours: fan-out rises, strictness turns out, and nobody moves who need not (docs/decisions/0020).
 *
 * The exact decision in feasibility.ts says what a good tree looks like: at every depth those who must be there, then the
 * largest fan-outs. Three local moves lead towards it. A newcomer with more slots than j takes j's place and all of j's
 * children at their old depth; only j moves, one deeper. A newcomer for whom no slot is left turns out the laxer peer with the
 * fewest slots. And when it meets j in vain, j changes places with a child that has more slots. Free slots are found by
 * summaries that travel up the tree with the delay data: requests are routed down by them.
 */
import { laxest, tryBelow, trySource } from './places.ts';
import type { Action, ChildView, CounterpartView, InitiatorView, RuleOptions, SourceView } from './views.ts';
import { ASK, SOURCE } from './views.ts';

export function decideAdaptiveAtSource(i: InitiatorView, source: SourceView, options: RuleOptions): Action {
  const placed = trySource(i, source, options);
  if (placed !== undefined) return placed;
  return source.anyChild === undefined || i.constraint <= source.hop ? ASK : { kind: 'refer', to: source.anyChild };
}

export function decideAdaptive(i: InitiatorView, j: CounterpartView, options: RuleOptions): Action {
  const k = j.parent;
  if (k === undefined) return { kind: 'refer', to: SOURCE };
  const placed = tryBelow(i, j) ?? tryAbove(i, j, k.id);
  if (placed !== undefined) return placed;
  const down = slotBelow(i, j);
  if (down !== undefined) return { kind: 'refer', to: down };
  const slotElsewhere = (j.openDelayOfTree ?? Infinity) + j.hop <= i.constraint;
  if (!slotElsewhere) {
    const moved = (options.rules === 'displacing' ? tryTurnOut(i, j, k.id) : undefined) ?? tryLift(j);
    if (moved !== undefined) return moved;
  }
  return slotElsewhere || j.delay >= i.constraint ? { kind: 'refer', to: k.id } : ASK;
}

/** i takes the place of j, which has fewer slots, and adopts it and all its children. */
function tryAbove(i: InitiatorView, j: CounterpartView, k: number): Action | undefined {
  if (i.fanout <= j.fanout || j.delay > i.constraint || j.delay + j.hop > j.constraint) return undefined;
  const adopted = [j.id, ...j.children.map((child) => child.id)];
  return { kind: 'replace', parent: k, replaced: j.id, adopted, discarded: surplus(i, adopted.length) };
}

/** i takes the place of the laxer one with the fewest slots, j or a child of j; what i has no slot for stays where it was. */
function tryTurnOut(i: InitiatorView, j: CounterpartView, k: number): Action | undefined {
  let found: ChildView | undefined;
  for (const other of [j, ...j.children]) {
    const delay = other === j ? j.delay : j.delay + j.hop;
    if (delay > i.constraint || other.constraint <= i.constraint) continue;
    if (found === undefined || other.fanout < found.fanout
      || (other.fanout === found.fanout && other.constraint > found.constraint)) found = other;
  }
  if (found === undefined) return undefined;
  const free = i.fanout - i.children.length;
  const heirs = found === j ? j.children.map((child) => child.id) : (found.grandchildren ?? []);
  return { kind: 'replace', parent: found === j ? k : j.id, replaced: found.id, adopted: heirs.slice(0, free), discarded: [] };
}

/** A child of j with more slots takes the place of j, when j can stand one deeper. */
function tryLift(j: CounterpartView): Action | undefined {
  if (j.delay + j.hop > j.constraint) return undefined;
  let best: ChildView | undefined;
  for (const child of j.children) {
    if (child.fanout > (best ?? j).fanout) best = child;
  }
  return best === undefined ? undefined : { kind: 'lift', child: best.id, parent: j.id };
}

/** The child of j below which the summaries know a free slot that i reaches in time. */
function slotBelow(i: InitiatorView, j: CounterpartView): number | undefined {
  let best: ChildView | undefined;
  for (const child of j.children) {
    if ((child.openDelay ?? Infinity) + child.hop <= i.constraint && (child.openDelay ?? Infinity) < (best?.openDelay ?? Infinity)) best = child;
  }
  return best?.id;
}

/** Own children, the laxest first, that must go to make room for so many others. */
function surplus(i: InitiatorView, wanted: number): number[] {
  const own = [...i.children];
  const discarded: number[] = [];
  while (own.length + wanted > i.fanout) {
    const child = laxest(own);
    if (child === undefined) break;
    own.splice(own.indexOf(child), 1);
    discarded.push(child.id);
  }
  return discarded;
}
