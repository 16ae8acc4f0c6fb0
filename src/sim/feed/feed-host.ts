/**
 * What stands above the relay at one peer in simulations and scenarios, in place of the daemon's service of feeds: it polls when the
 * relay says that it is its turn, and keeps what it was told, with the time.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { FeedEvents, FeedPool, FeedRole, FeedVersion } from '../../protocol/feed/feed.ts';
import { asksFirstAt } from '../../protocol/feed/fail-open.ts';
import { askAt } from '../../protocol/feed/stagger.ts';
import type { MemoryShelf } from './memory-shelf.ts';
import type { ToyOrigin } from './toy-origin.ts';

/** Whoever has asked by itself has a document for its readers, and asks again only much later. */
const FAILED_OPEN_AGAIN_MS = 60_000;

export interface Told {
  readonly hash: string;
  readonly at: Millis;
  /** Identity of who sent it; empty: found here. */
  readonly from: string;
}

export interface FeedHostParts {
  readonly origin: ToyOrigin;
  readonly shelf: MemoryShelf;
  /** Host-monotonic. */
  now(): Millis;
  wallClock(): Millis;
  /** Runs as an input of the peer, if it still lives. */
  after(delayMs: Millis, action: () => void): void;
  pool(): FeedPool;
}

export class FeedHost implements FeedEvents {
  readonly told: Told[] = [];
  readonly conflicts: string[] = [];
  role: FeedRole = { kind: 'seeking' };
  freshAt = 0;
  /** Questions to the origin when it was its turn, and for audits. */
  polls = 0;
  audits = 0;
  readonly #parts: FeedHostParts;
  #turn = 0;
  #askedBefore = 0;
  #askedAt = -Infinity;
  /** Waits for a first version, and does not rely on the pool for ever. */
  #first: { readonly subscribedAt: Millis; readonly unit: number } | undefined;
  #leadKnownAt: Millis | undefined;

  constructor(parts: FeedHostParts) {
    this.#parts = parts;
  }

  /** It has subscribed and fails open, as the service of feeds does, as long as it has no version. */
  begin(key: Position, unit: number): void {
    this.#first = { subscribedAt: this.#parts.now(), unit };
    this.#plan(key);
  }

  onVersion(key: Position, version: FeedVersion, from: Contact | undefined): void {
    this.told.push({ hash: version.hash, at: this.#parts.now(), from: from?.peerId ?? '' });
    this.freshAt = Math.max(this.freshAt, version.fetchedAt);
    this.#plan(key);
  }

  onFresh(key: Position, freshAt: number): void {
    this.freshAt = Math.max(this.freshAt, freshAt);
    this.#plan(key);
  }

  onRole(key: Position, role: FeedRole): void {
    this.role = role;
    this.#turn++;
    if (role.kind !== 'seeking') this.#leadKnownAt ??= this.#parts.now();
    // Where nobody has a document the lead does not wait for its turn.
    if (role.kind === 'poller' && role.slot === 0 && this.#parts.shelf.latest(key) === undefined) this.#parts.after(0, () => this.#parts.shelf.latest(key) ?? this.poll(key));
    this.#plan(key);
  }

  onWitness(_key: Position, hash: string, verdict: 'same' | 'conflict'): void {
    if (verdict === 'conflict') this.conflicts.push(hash);
  }

  onAudit(key: Position, _version: FeedVersion, at: Millis): void {
    this.#parts.after(Math.max(0, at - this.#parts.now()), () => this.poll(key, true));
  }

  /** Asks the origin, at once. `whole`: without validators. */
  poll(key: Position, whole = false): void {
    const { origin, shelf, pool, wallClock } = this.#parts;
    if (whole) this.audits++;
    else this.polls++;
    this.#askedAt = this.#parts.now();
    const latest = shelf.latest(key);
    const at = wallClock();
    const { status, version, body } = origin.ask(whole ? '' : (latest?.etag ?? ''), at, this.#askedBefore);
    this.#askedBefore = at;
    if (status === 304) pool().confirmed(key, version.hash, at);
    else pool().found(key, version, body);
  }

  /** As the service of feeds plans it. */
  #plan(key: Position): void {
    const { role } = this;
    const { now, wallClock, after, shelf } = this.#parts;
    const turn = ++this.#turn;
    if (this.#first !== undefined && (role.kind !== 'poller' || role.slot > 0) && shelf.latest(key) === undefined) return this.#planFirst(key, this.#first);
    if (role.kind !== 'poller') return;
    const wordAt = this.freshAt === 0 ? -Infinity : now() - Math.max(0, wallClock() - this.freshAt);
    after(Math.max(0, askAt(role, { wordAt, askedAt: this.#askedAt, soonest: this.#askedAt + 1 }).at - now()), () => {
      if (turn !== this.#turn) return;
      this.poll(key);
      this.#plan(key);
    });
  }

  /** What the pool says of subscribers comes without a change of the role: looked at again when it would be time. */
  #planFirst(key: Position, first: { readonly subscribedAt: Millis; readonly unit: number }): void {
    const turn = this.#turn;
    const { now, after, pool, shelf } = this.#parts;
    const at = (): Millis => asksFirstAt({
      ...first, leadKnownAt: this.#leadKnownAt, slot: this.role.kind === 'poller' ? this.role.slot : undefined, subscribers: pool().status(key)?.subscribers ?? 1, ownPlanAt: this.#askedAt + FAILED_OPEN_AGAIN_MS,
    });
    after(Math.max(0, at() - now()), () => {
      if (turn !== this.#turn || shelf.latest(key) !== undefined) return;
      if (at() <= now()) this.poll(key);
      this.#planFirst(key, first);
    });
  }
}
