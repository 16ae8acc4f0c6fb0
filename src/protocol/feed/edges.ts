/**
 * Trees of feeds with common subscribers share connections: a peer with many neighbours leaves a parent with whom it shares little for one that it is
 * connected to anyway.
 *
 * Each feed's tree is made by itself, so a peer in a hundred of them soon has everybody for a neighbour. Every step here adds to one edge what it takes from
 * another that carried less, so the number of edges only falls, and comes to rest. Nobody is made late for it (agent.ts moveTo), and who has few
 * neighbours stays where it is: short ways come first. docs/decisions/0056-what-many-feeds-cost.md.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { TreeLink } from './tree-link.ts';

/** Neighbours in trees who are none on the ring: up to so many nothing is done. */
export const STRANGERS_SOFT_MAX = 2;
/** Places changed at a time: each is a message or two, and counts change with them. */
export const MOVES_MAX = 4;
export const LOOK_MS = 15_000;
/** A peer without room is not asked again for so long. */
const NO_ROOM_MS = 120_000;

export interface Edges {
  /** On the ring: connected anyway. */
  isOnRing(peerId: string): boolean;
  /** In how many trees it is a neighbour. */
  treesWith(peerId: string): number;
}

/** Of whoever could be the parent instead, the one that shares most; undefined when nobody shares more than the parent. */
export function betterParent(parent: Contact, others: readonly Contact[], edges: Edges): Contact | undefined {
  if (edges.isOnRing(parent.peerId)) return undefined;
  let best: Contact | undefined;
  let most = edges.treesWith(parent.peerId);
  for (const other of others) {
    const shared = edges.isOnRing(other.peerId) ? Infinity : edges.treesWith(other.peerId);
    if (shared > most) [best, most] = [other, shared];
  }
  return best;
}

/** The edge to the parent in the tree of one feed. */
export class SharedEdge {
  readonly #tree: TreeLink;
  readonly #now: () => Millis;
  /** Subscribers that the register named. */
  readonly #others: () => readonly Contact[];
  /** Who had no room, for a while: of those who were named in that time. */
  readonly #noRoomUntil = new Map<string, Millis>();
  #isMoving = false;

  constructor(tree: TreeLink, now: () => Millis, others: () => readonly Contact[]) {
    this.#tree = tree;
    this.#now = now;
    this.#others = others;
  }

  get parent(): Contact | undefined {
    return this.#tree.parent;
  }

  /** In another tree: what was asked in the last one is not answered. */
  begin(): void {
    this.#isMoving = false;
  }

  /** Tries another parent, if that one is shared with hardly any other tree. True when it asks somebody. */
  share(edges: Edges): boolean {
    const { parent, children, ancestors } = this.#tree;
    const now = this.#now();
    if (parent === undefined || this.#isMoving) return false;
    for (const [peerId, until] of this.#noRoomUntil) if (until <= now) this.#noRoomUntil.delete(peerId);
    const isOpen = ({ peerId }: Contact): boolean => peerId !== parent.peerId && !this.#noRoomUntil.has(peerId) && !children.some((child) => child.peerId === peerId);
    const better = betterParent(parent, [...ancestors, ...this.#others()].filter(isOpen), edges);
    if (better === undefined) return false;
    this.#isMoving = true;
    this.#tree.moveTo(better, (isThere) => {
      this.#isMoving = false;
      if (!isThere) this.#noRoomUntil.set(better.peerId, now + NO_ROOM_MS);
    });
    return true;
  }
}
