/**
 * One feed while the peer runs: what is stored of it, and what is only known now (its role in the pool, what is under way).
 *
 * The parts of the service share these objects and change them; what must survive goes through `memory` and is written by
 * whoever changed it.
 */
import type { Position } from '../../core/position.ts';
import type { FeedRole, FeedVersion } from '../../protocol/feed/feed.ts';
import type { Floor } from '../../protocol/feed/freshness.ts';
import { floorOf } from '../../protocol/feed/freshness.ts';
import { intervalFor } from '../../protocol/feed/schedule.ts';
import type { Stretch } from '../../protocol/feed/staleness.ts';
import { changesEvery, stalenessAt, STRETCHES_MAX } from '../../protocol/feed/staleness.ts';
import type { AskedBecause } from './facts.ts';
import type { FeedMemory, StoredFeed } from './feed-memory.ts';
import type { FeedState } from './views.ts';

/** When the origin is asked, and why then. */
export interface Ask {
  readonly at: number;
  readonly because: AskedBecause;
}

export interface InPool {
  readonly key: Position;
  readonly since: number;
  /** The pool knew then that there was nothing newer. */
  wordAt: number;
  role: FeedRole;
  /** Since when this peer knows that somebody leads. */
  leadKnownAt: number | undefined;
  /** Drawn once: where in its spread this peer fails open. */
  readonly unit: number;
  /** A document to compare with, and when. */
  audit: { readonly version: FeedVersion; readonly at: number; readonly isUrgent: boolean } | undefined;
}

export class FeedRecord {
  readonly id: string;
  readonly canonical: string;
  readonly addedAt: number;
  wish: StoredFeed['wish'];
  askedScope: StoredFeed['askedScope'];
  scopeReason: StoredFeed['scopeReason'];
  memory: FeedMemory;
  /** The latest good version, once it was looked up. */
  latest: FeedVersion | undefined;
  /** Undefined outside any pool. */
  inPool: InPool | undefined;
  /** The operator's floor, for an origin on loopback. */
  readonly loweredMs: number | undefined;
  /** A slot of its host was given to it: it asks without lining up again. */
  hasSlot = false;
  /** A hub said at this time that there is something new; it is looked for then. */
  hintAt: number | undefined;
  /** Its hub is relied on: no push means nothing new. */
  isPushed = false;
  /** Of the question that is due, or under way. */
  askedBecause: AskedBecause = 'plan';
  /** The question under way. */
  asking: Promise<void> | undefined;
  /** How long after the origin said so the last word of freshness came; undefined before the first since the start. */
  lagMs: number | undefined;
  /** Unix ms: words of freshness alone are written down only now and then. */
  freshnessWrittenAt = 0;
  told: { readonly state: FeedState; readonly reason: string } | undefined;

  #quantiles: { readonly of: readonly Stretch[]; readonly p50: number | undefined; readonly p99: number | undefined } | undefined;

  constructor(stored: StoredFeed, latest: FeedVersion | undefined, loweredMs: number | undefined) {
    this.id = stored.id;
    this.canonical = stored.canonical;
    this.addedAt = stored.addedAt;
    this.wish = stored.wish;
    this.askedScope = stored.askedScope;
    this.scopeReason = stored.scopeReason;
    this.memory = stored.memory;
    this.latest = latest;
    this.loweredMs = loweredMs;
  }

  stored(): StoredFeed {
    const { id, canonical, addedAt, wish, askedScope, scopeReason, memory } = this;
    return { id, canonical, addedAt, wish, askedScope, scopeReason, memory };
  }

  /** What the origin allows one client. */
  floor(): Floor {
    const { clues, hints, changes } = this.memory;
    return floorOf({ clues, hints, wishMs: this.wish.maxStalenessMs, changesEveryMs: changesEvery(changes), loweredMs: this.loweredMs });
  }

  /** Between two polls of this peer if it is alone. */
  ownIntervalMs(): number {
    return intervalFor(this.floor().ms, this.wish.maxStalenessMs);
  }

  /** Between two polls of this peer, as things are. */
  intervalMs(): number {
    const role = this.inPool?.role;
    return role?.kind === 'poller' ? Math.max(role.intervalMs, this.floor().ms) : this.ownIntervalMs();
  }

  /** The origin had nothing newer at `freshAt`, and that is known now. */
  noteFresh(freshAt: number, now: number): void {
    const before = this.memory.freshAt;
    if (freshAt <= before) return;
    let { stretches } = this.memory;
    // Across a restart the age is not what readers of this peer met.
    if (before > 0 && this.lagMs !== undefined) {
      const stretch: Stretch = { fromMs: Math.max(0, this.lagMs), toMs: Math.max(0, now - before) };
      stretches = [...stretches, stretch].slice(-STRETCHES_MAX);
    }
    this.lagMs = Math.max(0, now - freshAt);
    this.memory = { ...this.memory, freshAt, stretches };
  }

  /** Kept until there are new stretches: lists of thousands of feeds ask for it. */
  staleness(): { readonly p50: number | undefined; readonly p99: number | undefined } {
    const { stretches } = this.memory;
    if (this.#quantiles?.of !== stretches) {
      const at = (q: number): number | undefined => {
        const age = stalenessAt(stretches, q);
        return age === undefined ? undefined : Math.round(age);
      };
      this.#quantiles = { of: stretches, p50: at(0.5), p99: at(0.99) };
    }
    return this.#quantiles;
  }
}
