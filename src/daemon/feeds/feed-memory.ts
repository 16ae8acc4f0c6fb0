/**
 * What this peer remembers of one feed over restarts: what was asked for, and what the origin taught it.
 *
 * Because all of this is durable, a restart asks nothing unconditionally that is held, forgets no Retry-After, and knows
 * when each feed is due. Kept as one JSON value a feed and written whole with whatever else changes in the same step.
 */
import type { Clues, FloorRule, Hints } from '../../protocol/feed/freshness.ts';
import { NO_HINTS } from '../../protocol/feed/freshness.ts';
import type { FailureKind, Move } from '../../protocol/feed/schedule.ts';
import type { Stretch } from '../../protocol/feed/staleness.ts';
import type { FeedScope, FeedWish, OriginRequests } from './views.ts';

export interface Failing {
  readonly kind: FailureKind;
  readonly count: number;
  readonly reason: string;
  /** Unix ms; undefined without a Retry-After. */
  readonly retryAt: number | undefined;
}

export interface FeedMemory {
  /** Where it is asked: the wish's URL, or where that moved for good. */
  readonly originUrl: string;
  readonly move: Move | undefined;
  /** Of the body `hash`, verbatim. Used only while that body is held. */
  readonly validators: { readonly hash: string; readonly etag: string; readonly lastModified: string } | undefined;
  /**
   * The last document that is younger than all before it, and its age, Unix ms in whole seconds. A document that came within the
   * same second, or whose origin turns the clock back, has no date for readers: some of them (curl's time condition, so newsboat)
   * throw a body away when its date is not after what they have, and keep its ETag.
   */
  readonly modified: { readonly hash: string; readonly at: number } | undefined;
  readonly clues: Clues | undefined;
  readonly hints: Hints;
  readonly title: string;
  readonly format: 'rss' | 'atom' | 'rdf' | 'json' | undefined;
  readonly hubs: readonly string[];
  /** Where notices are asked for that the document's `<cloud>` promises (rssCloud). */
  readonly cloud: string | undefined;
  readonly self: string | undefined;
  readonly signed: boolean;
  /** Unix ms; 0 for never. */
  readonly freshAt: number;
  readonly lastRequestAt: number;
  readonly lastUpdateAt: number;
  /** When this peer asks next on its own account. */
  readonly nextAt: number;
  readonly plannedBy: FloorRule;
  readonly failing: Failing | undefined;
  readonly requests: OriginRequests;
  /** Instants at which the document was seen to change, oldest first. */
  readonly changes: readonly number[];
  readonly stretches: readonly Stretch[];
  /** A partial answer could not be merged: do not ask for them. */
  readonly refusesDeltas: boolean;
}

export interface StoredFeed {
  readonly id: string;
  readonly canonical: string;
  readonly wish: FeedWish;
  /** What was asked for; `wish.scope` is what is done. */
  readonly askedScope: FeedScope | undefined;
  readonly scopeReason: string | undefined;
  readonly addedAt: number;
  readonly memory: FeedMemory;
}

export function newMemory(originUrl: string, nextAt: number): FeedMemory {
  return {
    originUrl, move: undefined, validators: undefined, modified: undefined, clues: undefined, hints: NO_HINTS, title: '', format: undefined, hubs: [], cloud: undefined, self: undefined, signed: false,
    freshAt: 0, lastRequestAt: 0, lastUpdateAt: 0, nextAt, plannedBy: 'default', failing: undefined, requests: { 200: 0, 304: 0, 429: 0, error: 0 },
    changes: [], stretches: [], refusesDeltas: false,
  };
}
