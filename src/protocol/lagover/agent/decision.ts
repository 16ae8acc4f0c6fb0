/**
 * One decision at the peer that is met: the views that the rules want, from what it has heard, and the rules' answer.
 *
 * The peer that is met decides, because it knows the place best: itself, the way to the root, its children and, from
 * their reports, its grandchildren. Which rules these are is the tree's affair (algorithm.ts); here is only looking up.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Random } from '../../../core/random.ts';
import type { LagMeet, LagMember, LagPath, LagStep } from '../../wire/lagover-messages.ts';
import { ALGORITHMS } from '../algorithm.ts';
import type { InformedChild, InformedCounterpart, InformedInitiator, InformedSource, SubtreeView } from '../informed-views.ts';
import { laxest } from '../places.ts';
import type { Action, ChildView, ParentView } from '../views.ts';
import { Cast } from './cast.ts';
import { classOf, hasBit, NOTHING } from './counts.ts';
import type { Child } from './slots.ts';
import type { Tree } from './tree.ts';
import { hopOf, SHOWN_BY_SOURCE_MAX, SHOWN_MAX } from './tree.ts';

/** The peer that is met. */
export interface Place {
  readonly self: LagMember;
  readonly isSource: boolean;
  readonly delay: number;
  /** The way to its root; undefined while it floats, and at the source. */
  readonly path: LagPath | undefined;
  /** Those that count here: without the one that is gone, and without whoever meets it. */
  readonly children: readonly Child[];
  /** The delay of the place that it is about to take. */
  readonly awaited: number | undefined;
}

export interface Decision {
  readonly action: Action;
  readonly cast: Cast;
}

type Introduction = Pick<LagMeet, 'self' | 'children' | 'hop' | 'avoided'>;

export function decideAt(tree: Tree, toldPlace: Place, toldMeet: Introduction, random: Random): Decision {
  const { place, meet } = eachOnce(tree, toldPlace, toldMeet);
  const cast = castOf(tree, place, meet);
  const algorithm = ALGORITHMS[tree.algorithm];
  const options = { rules: tree.rules, source: tree.sourceKind };
  const looking = new Looking(tree, cast, place, meet, random);
  if (algorithm.informed) {
    const i: InformedInitiator = { ...looking.subtree(meet.self), children: meet.children.map((child) => looking.subtree(child)), chance: random.unit() };
    return { cast, action: place.isSource ? algorithm.atSource(i, looking.informedSource(), options) : algorithm.meet(i, looking.informed(), options) };
  }
  const i = { ...looking.consumer(meet.self), children: meet.children.map((child) => looking.consumer(child)) };
  const children = place.children.map(({ self }) => looking.consumer(self));
  if (place.isSource) {
    const source = { hasFreeSlot: place.self.openSlots > 0, hop: hopOf(tree, meet), laxestChild: laxest(children) };
    return { cast, action: algorithm.atSource(i, source, options) };
  }
  const j = { ...looking.consumer(place.self), delay: place.delay, parent: looking.parent(), children };
  return { cast, action: algorithm.meet(i, j, options) };
}

/**
 * Reports are of different ages, so one peer may be told of at two places; the rules expect a tree. What j knows itself
 * counts first: its path and its children, then what i says, then what the children say in turn.
 */
function eachOnce(tree: Tree, place: Place, meet: Introduction): { place: Place; meet: Introduction } {
  const known = new Set([tree.source.peerId, place.self.contact.peerId, meet.self.contact.peerId]);
  for (const { contact } of place.path?.steps ?? []) known.add(contact.peerId);
  const isNew = ({ contact }: { readonly contact: Contact }): boolean => {
    const before = known.size;
    return known.add(contact.peerId).size > before;
  };
  const children = place.children.filter(isNew).map((child) => (meet.avoided.includes(child.contact.peerId) ? withoutRoom(child) : child));
  const ofInitiator = meet.children.filter(isNew);
  return { place: { ...place, children: children.map((child) => ({ ...child, children: child.children.filter(isNew) })) }, meet: { ...meet, children: ofInitiator } };
}

/** i was there in vain: to it there is no room, whatever that child says. */
function withoutRoom(child: Child): Child {
  return { ...child, self: { ...child.self, openSlots: 0 }, counts: NOTHING };
}

function castOf(tree: Tree, place: Place, meet: Introduction): Cast {
  const contacts: Contact[] = [place.self.contact, meet.self.contact];
  for (const { contact } of meet.children) contacts.push(contact);
  for (const { contact } of place.path?.steps ?? []) contacts.push(contact);
  for (const child of place.children) {
    contacts.push(child.contact);
    for (const { contact } of child.children) contacts.push(contact);
  }
  return new Cast(tree.source, contacts);
}

class Looking {
  readonly #tree: Tree;
  readonly #cast: Cast;
  readonly #place: Place;
  /** Of i. */
  readonly #limit: number;
  /** Between the two, and between others that never met. */
  readonly #hop: number;
  readonly #random: Random;

  constructor(tree: Tree, cast: Cast, place: Place, meet: Introduction, random: Random) {
    this.#tree = tree;
    this.#cast = cast;
    this.#place = place;
    this.#limit = meet.self.limit;
    this.#hop = hopOf(tree, meet);
    this.#random = random;
  }

  consumer({ contact, fanout, constraint, hop }: LagMember): ChildView {
    return { id: this.#cast.id(contact), fanout, constraint, hop: hopOf(this.#tree, { hop }) };
  }

  subtree({ contact, fanout, constraint, limit, openSlots }: LagMember): SubtreeView {
    return { id: this.#cast.id(contact), fanout, constraint, limit, openSlots };
  }

  parent(): ParentView | undefined {
    const step = this.#place.path?.steps[0];
    if (step === undefined) return undefined;
    return { id: this.#cast.id(step.contact), constraint: step.constraint, delay: step.delay, hop: this.#tree.hop };
  }

  informed(): InformedCounterpart {
    const { self, delay, path, children, awaited } = this.#place;
    const root = path?.steps.at(-1);
    return {
      ...this.subtree(self), hop: this.#hop, delay, awaited, parent: this.parent(),
      root: root === undefined ? { id: this.#cast.id(self.contact), limit: self.limit } : { id: this.#cast.id(root.contact), limit: path?.rootLimit ?? self.limit },
      children: children.slice(0, SHOWN_MAX).map((child) => this.#child(child)),
      roomAt: this.#ancestor((step) => step.roomFrom > 0 && step.delay + step.roomFrom * this.#tree.hop <= this.#limit),
      laxerAt: this.#ancestor((step) => hasBit(step.laxer, classOf(this.#limit, this.#tree.hop))),
    };
  }

  informedSource(): InformedSource {
    const all = this.#place.children;
    const byRoom = this.#draw(all, (child) => this.#room(child));
    const byLaxer = this.#draw(all, (child) => this.#laxer(child));
    return {
      hop: this.#hop, openSlots: this.#place.self.openSlots,
      children: this.#shownBySource(byRoom, byLaxer).map((child) => this.#child(child)),
      roomAt: byRoom === undefined ? undefined : this.#cast.id(byRoom.contact),
      laxerAt: byLaxer === undefined ? undefined : this.#cast.id(byLaxer.contact),
    };
  }

  #shownBySource(...preferred: (Child | undefined)[]): Child[] {
    const all = this.#place.children;
    if (all.length <= SHOWN_BY_SOURCE_MAX) return [...all];
    const shown = new Set<Child>();
    for (const child of preferred) if (child !== undefined) shown.add(child);
    for (const child of [...all].sort((a, b) => b.self.limit - a.self.limit).slice(0, SHOWN_BY_SOURCE_MAX / 2)) shown.add(child);
    for (let draws = 0; draws < SHOWN_BY_SOURCE_MAX && shown.size < SHOWN_BY_SOURCE_MAX; draws++) shown.add(all[this.#random.below(all.length)] as Child);
    return [...shown];
  }

  /** One of them, with chances in proportion to the weights. */
  #draw(children: readonly Child[], weightOf: (child: Child) => number): Child | undefined {
    let total = 0;
    for (const child of children) total += weightOf(child);
    let at = this.#random.unit() * total;
    for (const child of children) {
      at -= weightOf(child);
      if (at < 0) return child;
    }
    return undefined;
  }

  #child(child: Child): InformedChild {
    return { ...this.subtree(child.self), children: child.children.map((below) => this.subtree(below)), room: this.#room(child), laxer: this.#laxer(child) };
  }

  #room(child: Child): number {
    const x = classOf(this.#limit - this.#place.delay - hopOf(this.#tree, child.self), this.#tree.hop);
    return Math.max(0, (child.counts.room[x] ?? 0) - (child.promised[x] as number));
  }

  #laxer(child: Child): number {
    const x = classOf(this.#limit, this.#tree.hop);
    return Math.max(0, (child.counts.laxer[x] ?? 0) - (child.claimed[x] as number));
  }

  #ancestor(fits: (step: LagStep) => boolean): number | undefined {
    const step = this.#place.path?.steps.find(fits);
    return step === undefined ? undefined : this.#cast.id(step.contact);
  }
}

/** A peer with this limit was sent down to `child`: until it reports again, that much less is there to offer. */
export function promise(tree: Tree, child: Child, limit: number, delay: number): void {
  for (let x = classOf(limit - delay - tree.hop, tree.hop); x < child.promised.length; x++) child.promised[x] = (child.promised[x] as number) + 1;
  const x = classOf(limit, tree.hop);
  child.claimed[x] = (child.claimed[x] as number) + 1;
}
