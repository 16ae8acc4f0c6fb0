/**
 * What the parts of one agent share: the peer it belongs to, the tree and its part in it, the names of its attachments, and
 * what it remembers of other peers: how far away they are, and whom it had better avoid for a while. Both lists are bounded.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { Local } from '../../local.ts';
import type { Requests } from '../../requests.ts';
import type { Terms, Tree } from './tree.ts';
import { AVOIDED_MAX } from './tree.ts';

/** Whose round trips are remembered; the oldest is forgotten first. */
const MEASURED_MAX = 32;
/** A stranger may be farther away than any of those that were measured, and than these if they are near. */
const STRANGER_MARGIN = 1.5;
const STRANGER_RTT_MIN_MS = 250;
const AVOID_MS = 10_000;
const LINK_SHIFT = 2 ** 20;

/** How often what happened, for whoever measures. */
export interface Tally {
  /** Decisions at peers that were met. */
  interactions: number;
  /** How often a parent was lost or changed, other than by its departure. */
  reconfigurations: number;
  /** How often the oracle knew nobody. */
  refusals: number;
}

export class Context {
  readonly local: Local;
  readonly requests: Requests;
  readonly tree: Tree;
  readonly terms: Terms;
  readonly isSource: boolean;
  readonly tally: Tally = { interactions: 0, reconfigurations: 0, refusals: 0 };
  readonly #rtts = new Map<string, Millis>();
  readonly #avoided = new Map<string, Millis>();
  #links = 0;

  constructor(local: Local, requests: Requests, tree: Tree, terms: Terms) {
    this.local = local;
    this.requests = requests;
    this.tree = tree;
    this.terms = terms;
    this.isSource = local.isSelf(tree.source);
  }

  now(): Millis {
    return this.local.env.now();
  }

  /** Names an attachment; a later life of this peer gives larger names. */
  nextLink(): number {
    this.#links++;
    return this.local.contact.incarnation * LINK_SHIFT + this.#links;
  }

  /** As for the slowest that was measured lately, if it was not measured itself: who was orphaned must not wait long for the dead. */
  timeoutTo(peer: Contact): Millis {
    return this.local.timeoutTo(undefined, this.#rtts.get(peer.peerId) ?? this.#strangersRtt());
  }

  #strangersRtt(): Millis | undefined {
    if (this.#rtts.size === 0) return undefined;
    const slowest = Math.max(...this.#rtts.values());
    return Math.min(this.local.options.initialTimeoutMs, Math.max(STRANGER_RTT_MIN_MS, slowest * STRANGER_MARGIN));
  }

  learnRtt(peer: Contact, rttMs: Millis | undefined): void {
    if (rttMs === undefined) return;
    this.#rtts.delete(peer.peerId);
    this.#rtts.set(peer.peerId, rttMs);
    if (this.#rtts.size > MEASURED_MAX) this.#rtts.delete(this.#rtts.keys().next().value as string);
  }

  avoid(peer: Contact): void {
    this.#avoided.delete(peer.peerId);
    this.#avoided.set(peer.peerId, this.now() + AVOID_MS);
    if (this.#avoided.size > AVOIDED_MAX) this.#avoided.delete(this.#avoided.keys().next().value as string);
  }

  isAvoided(peer: Contact): boolean {
    return (this.#avoided.get(peer.peerId) ?? -Infinity) > this.now();
  }
}
