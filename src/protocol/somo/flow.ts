/**
 * What a machine knows and hands on: the children's latest partials, merged upwards along the logical nodes it hosts.
 *
 * One slot per child of a hosted node. A slot belongs to a region, whoever fills it; so when the child's host changes, the
 * new one overwrites what the old one said, and nothing is counted twice. A slot that is not refreshed within its lease is
 * empty: soft state ([0062]).
 */
import type { Contact } from '../../core/contact.ts';
import { samePeer } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Ops } from '../pool/ops.ts';
import type { Partial } from './partial.ts';
import { holdsLead, isSameExtent, mergePartials } from './partial.ts';
import type { Zone } from './placement.ts';
import { isHost, isInside } from './placement.ts';
import type { Standing } from './standing.ts';
import type { LogicalNode, LogicalTree } from './tree.ts';
import { isWithin, nodeOf, numberOf, sameNode } from './tree.ts';

/** Slots of one machine. A honest pool fills some dozens; beyond the maximum a new one is not taken. */
const SLOTS_MAX = 4_096;

export interface Slot {
  readonly node: LogicalNode;
  readonly from: Contact;
  readonly partial: Partial;
  readonly heardAt: Millis;
  /** Empty from then on. */
  readonly until: Millis;
  /** Until then another machine that knows of fewer machines does not take the slot over. */
  readonly standsUntil: Millis;
}

/** What is known of the machines in one region, and from where. */
export interface Part {
  /** The largest node that holds these machines and no others. */
  readonly node: LogicalNode;
  readonly partial: Partial;
  /** The child that reported it; undefined for what was merged here and for this machine itself. */
  readonly from: Contact | undefined;
  /** The hosted node at which it was merged here; undefined otherwise. */
  readonly merged: LogicalNode | undefined;
}

export interface Flow {
  /** Merged partials of the nodes that anything is known of here, by node number, and what each was merged from. */
  readonly nodes: ReadonlyMap<number, Partial>;
  readonly parts: ReadonlyMap<number, readonly Part[]>;
  /** What goes to other machines: nodes whose parents are hosted elsewhere. */
  readonly tops: readonly Part[];
}

/** The largest node around `node` that holds no machine beyond those of the partial: nothing between could add to it. */
function widest(tree: LogicalTree, node: LogicalNode, { before, after }: Partial): LogicalNode {
  let at = node;
  for (let parent = tree.parent(at); parent; parent = tree.parent(at)) {
    const region = tree.region(parent);
    if (holdsLead(region, before) || holdsLead(region, after)) return at;
    at = parent;
  }
  return at;
}

export class Slots {
  readonly #tree: LogicalTree;
  readonly #slots = new Map<number, Slot>();
  /** Who is to take a slot over; never more than there are slots. */
  readonly #heirs = new Map<number, Slot>();

  constructor(tree: LogicalTree) {
    this.#tree = tree;
  }

  get size(): number {
    return this.#slots.size;
  }

  find(node: LogicalNode): Slot | undefined {
    return this.#slots.get(numberOf(node));
  }

  all(): IterableIterator<Slot> {
    return this.#slots.values();
  }

  /** Does the zone host the parent of this node, and could others be below it? Only then is a slot ours to keep. */
  belongs(node: LogicalNode, zone: Zone): boolean {
    const parent = this.#tree.parent(node);
    return parent !== undefined && isHost(this.#tree, zone, parent) && !isInside(this.#tree.region(parent), zone);
  }

  /**
   * Returns whether somebody above should hear of it soon: the slot is new, or speaks for other machines than before. A
   * machine that took over a node knows little of it at first: for a while what the one before said stands.
   */
  put(slot: Slot): boolean {
    const number = numberOf(slot.node);
    const before = this.#slots.get(number);
    const { machines } = slot.partial;
    if (before && !samePeer(before.from, slot.from)) {
      if (machines === 0) return false;
      // Who speaks of itself alone knows best that it is alone there; and of two that say the same, the one that heard it from farther off
      // may only remember it.
      const isFirstHand = slot.partial.height === 0;
      const isWorse = machines < before.partial.machines || (machines === before.partial.machines && slot.partial.height > before.partial.height);
      if (!isFirstHand && slot.heardAt < Math.min(before.until, before.standsUntil) && isWorse) {
        this.#heirs.set(number, slot);
        return false;
      }
    }
    if (samePeer(this.#heirs.get(number)?.from ?? slot.from, slot.from)) this.#heirs.delete(number);
    if (machines === 0) {
      const wasFilled = this.#slots.delete(number);
      return this.#succeed(number, slot.heardAt) || wasFilled;
    }
    if (!before && this.#slots.size >= SLOTS_MAX) return false;
    // Whoever it takes the slot from is asked no more, and may have been right: it stands by until its own lease ends.
    if (before && !samePeer(before.from, slot.from)) this.#heirs.set(number, before);
    this.#slots.set(number, slot);
    return before ? !isSameExtent(before.partial, slot.partial) : true;
  }

  /** A machine no longer reports the others of its nodes: somebody else will, within this time. */
  release(from: Contact, reported: ReadonlySet<number>, until: Millis): void {
    for (const [number, slot] of this.#slots) {
      if (samePeer(slot.from, from) && !reported.has(number) && slot.until > until) this.#slots.set(number, { ...slot, until });
    }
  }

  /** Empties what was not refreshed, and hands over what has stood long enough. */
  expire(now: Millis): void {
    this.#remove((slot) => slot.until <= now);
    for (const number of [...this.#heirs.keys()]) {
      const before = this.#slots.get(number);
      if (before && before.standsUntil > now) continue;
      this.#succeed(number, now);
    }
  }

  /** Whoever stands by has the slot now. */
  #succeed(number: number, now: Millis): boolean {
    const heir = this.#heirs.get(number);
    this.#heirs.delete(number);
    if (heir === undefined || heir.until <= now) return false;
    this.#slots.set(number, heir);
    return true;
  }

  /** Empties those whose parents the zone does not host any more ([0057]). */
  cutTo(zone: Zone | undefined): readonly Slot[] {
    return this.#remove((slot) => !zone || !this.belongs(slot.node, zone));
  }

  /**
   * Merges upwards, deepest first. `own` is what this machine says of itself, at its leaf. Levels on which nothing could be
   * added are passed over, so every link leads to a node with at least two children that have something to say.
   */
  flow(zone: Zone, leaf: LogicalNode, own: Partial, standing: readonly Standing[], ops: Ops): Flow {
    const tree = this.#tree;
    const tops: Part[] = [];
    const nodes = new Map<number, Partial>();
    const parts = new Map<number, Part[]>();
    const levels: number[][] = [];
    const put = (at: LogicalNode, part: Part): void => {
      const number = numberOf(at);
      const known = parts.get(number);
      if (!known) {
        parts.set(number, [part]);
        (levels[at.level] ??= []).push(number);
        return;
      }
      // While things change two may speak for one region: the one that knows of more machines counts, never both.
      const twin = known.findIndex(({ node }) => sameNode(node, part.node));
      if (twin < 0) known.push(part);
      else if (part.partial.machines > (known[twin] as Part).partial.machines) known[twin] = part;
    };
    put(leaf, { node: leaf, partial: own, from: undefined, merged: undefined });
    const alone = tree.region(leaf);
    for (const { node, partial, from } of this.#slots.values()) {
      const parent = tree.parent(node);
      // In our leaf there is nobody but us; what is said of it is out of date.
      if (parent && !isWithin(tree.region(node), alone)) put(parent, { node, partial: { ...partial, height: partial.height + 1 }, from, merged: undefined });
    }
    for (let level = levels.length - 1; level >= 0; level--) {
      for (const number of levels[level] ?? []) {
        const merged = nodeOf(number);
        const below = (parts.get(number) as Part[]).sort((a, b) => tree.region(a.node).from - tree.region(b.node).from);
        const partial = mergePartials(below.map((part) => part.partial), standing, ops);
        nodes.set(number, partial);
        const node = widest(tree, merged, partial);
        const parent = tree.parent(node);
        const part: Part = { node, partial, from: undefined, merged };
        if (!parent) {
          nodes.set(numberOf(node), partial);
          if (!parts.has(numberOf(node))) parts.set(numberOf(node), [part]);
        } else if (isHost(tree, zone, parent)) put(parent, part);
        else tops.push(part);
      }
    }
    return { nodes, parts, tops };
  }

  #remove(isGone: (slot: Slot) => boolean): Slot[] {
    const gone: Slot[] = [];
    for (const [number, slot] of this.#slots) {
      if (!isGone(slot)) continue;
      this.#slots.delete(number);
      gone.push(slot);
    }
    return gone;
  }
}
