/**
 * What stands above the relay at one peer in simulations and scenarios, in place of the daemon's service of feeds: it polls when the
 * relay says that it is its turn, and keeps what it was told, with the time.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { FeedEvents, FeedPool, FeedRole, FeedVersion } from '../../protocol/feed/feed.ts';
import { askAt } from '../../protocol/feed/stagger.ts';
import type { MemoryShelf } from './memory-shelf.ts';
import type { ToyOrigin } from './toy-origin.ts';

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

  constructor(parts: FeedHostParts) {
    this.#parts = parts;
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
    if (role.kind !== 'poller') return;
    // Where nobody has a document the lead does not wait for its turn.
    if (role.slot === 0 && this.#parts.shelf.latest(key) === undefined) this.#parts.after(0, () => this.#parts.shelf.latest(key) ?? this.poll(key));
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
    const { now, wallClock, after } = this.#parts;
    const turn = ++this.#turn;
    if (role.kind !== 'poller') return;
    const wordAt = this.freshAt === 0 ? -Infinity : now() - Math.max(0, wallClock() - this.freshAt);
    after(Math.max(0, askAt(role, { wordAt, askedAt: this.#askedAt, soonest: this.#askedAt + 1 }) - now()), () => {
      if (turn !== this.#turn) return;
      this.poll(key);
      this.#plan(key);
    });
  }
}
