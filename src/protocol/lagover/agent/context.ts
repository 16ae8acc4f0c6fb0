/**
 * What the parts of one agent share: the peer it belongs to, the tree and its part in it, the names of its attachments, and
 * what it remembers of other peers: how far away they are, and whom it had better avoid for a while. Both lists are bounded.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { Local } from '../../local.ts';
import type { Requests } from '../../requests.ts';
import type { Terms, Tree } from './tree.ts';
import { AVOIDED_MAX, AVOIDED_TOLD_MAX, hopOf } from './tree.ts';

/** Whose round trips are remembered; the oldest is forgotten first. */
const MEASURED_MAX = 32;
/** A stranger may be farther away than any of those that were measured, and than these if they are near. */
const STRANGER_MARGIN = 1.5;
const STRANGER_RTT_MIN_MS = 250;
/** Share of a new round trip in the smoothed one. */
const SMOOTHING = 1 / 8;
/** A hop counts as before until it has changed by more: everybody below hears of every change. */
const HOP_CHANGE_MS = 10;
const AVOID_MS = 10_000;
/** Of who does not take part, or not yet: trees begin with many who join at the same moment. */
const AVOID_OUTSIDERS_MS = 1_000;
/** Of who lied; silence may have been the network's. */
const AVOID_LIARS_MS = 300_000;
/** Of who had no place although it was said to have one: twice that for the second time, and so on up to AVOID_MS. In a crowd that is mostly chance. */
const AVOID_REFUSERS_MS = 250;
const AVOID_FOR_MS = { silent: AVOID_MS, liar: AVOID_LIARS_MS, outsider: AVOID_OUTSIDERS_MS } as const;
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

interface Measured {
  readonly lastMs: Millis;
  readonly smoothedMs: Millis;
  /** In milliseconds. */
  readonly hop: number;
}

/** What an agent uses of the table of questions. */
export type Asking = Pick<Requests, 'ask' | 'cancel'>;

export class Context {
  readonly local: Local;
  readonly requests: Asking;
  readonly tree: Tree;
  terms: Terms;
  readonly isSource: boolean;
  readonly tally: Tally = { interactions: 0, reconfigurations: 0, refusals: 0 };
  readonly #measured = new Map<string, Measured>();
  readonly #avoided = new Map<string, Millis>();
  readonly #refusedBy = new Map<string, { readonly at: Millis; readonly times: number }>();
  #links = 0;

  constructor(local: Local, requests: Asking, tree: Tree, terms: Terms) {
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
    return this.local.timeoutTo(undefined, this.#measured.get(peer.peerId)?.lastMs ?? this.#strangersRtt());
  }

  learnRtt(peer: Contact, rttMs: Millis | undefined): void {
    if (rttMs === undefined) return;
    const known = this.#measured.get(peer.peerId);
    const smoothedMs = known === undefined ? rttMs : known.smoothedMs + (rttMs - known.smoothedMs) * SMOOTHING;
    const hop = Math.ceil(smoothedMs / 2 + this.tree.allowanceMs);
    this.#measured.delete(peer.peerId);
    this.#measured.set(peer.peerId, { lastMs: rttMs, smoothedMs, hop: known !== undefined && Math.abs(hop - known.hop) <= HOP_CHANGE_MS ? known.hop : hop });
    if (this.#measured.size > MEASURED_MAX) this.#measured.delete(this.#measured.keys().next().value as string);
  }

  /** What a hop between that peer and this one costs: in a tree of milliseconds half the round trip and the allowance. */
  hopTo(peer: Contact): number {
    return hopOf(this.tree, { hop: this.measuredHopTo(peer) });
  }

  /** 0 when it was not measured, or hops are counted. */
  measuredHopTo(peer: Contact): number {
    return this.tree.unit === 'hops' ? 0 : (this.#measured.get(peer.peerId)?.hop ?? 0);
  }

  #strangersRtt(): Millis | undefined {
    if (this.#measured.size === 0) return undefined;
    const slowest = Math.max(...[...this.#measured.values()].map(({ lastMs }) => lastMs));
    return Math.min(this.local.options.initialTimeoutMs, Math.max(STRANGER_RTT_MIN_MS, slowest * STRANGER_MARGIN));
  }

  avoid(peer: Contact, why: 'silent' | 'liar' | 'outsider' = 'silent'): void {
    this.#avoidFor(peer, AVOID_FOR_MS[why]);
  }

  #avoidFor(peer: Contact, forMs: Millis): void {
    if (peer.peerId === this.tree.source.peerId) return;
    const until = Math.max(this.#avoided.get(peer.peerId) ?? 0, this.now() + forMs);
    this.#avoided.delete(peer.peerId);
    this.#avoided.set(peer.peerId, until);
    if (this.#avoided.size > AVOIDED_MAX) this.#avoided.delete(this.#avoided.keys().next().value as string);
  }

  /** It was said to have a place, and had none for us: once may be chance. */
  refused(peer: Contact): void {
    const before = this.#refusedBy.get(peer.peerId);
    const times = before !== undefined && this.now() - before.at < AVOID_MS ? before.times + 1 : 1;
    this.#refusedBy.delete(peer.peerId);
    this.#refusedBy.set(peer.peerId, { at: this.now(), times });
    if (times > 1) this.#avoidFor(peer, Math.min(AVOID_MS, AVOID_REFUSERS_MS * 2 ** times));
    if (this.#refusedBy.size > AVOIDED_MAX) this.#refusedBy.delete(this.#refusedBy.keys().next().value as string);
  }

  /** The latest ones first. */
  get avoided(): string[] {
    const now = this.now();
    return [...this.#avoided].filter(([, until]) => until > now).map(([peerId]) => peerId).reverse().slice(0, AVOIDED_TOLD_MAX);
  }

  isAvoided(peer: Contact): boolean {
    return (this.#avoided.get(peer.peerId) ?? -Infinity) > this.now();
  }
}
