/**
 * What the feeds service has to tell logs and metrics. Like the protocol's facts: past tense, never control flow.
 * Feeds are named by id and URL; the log is this peer's own and does not leave it.
 */
import type { FeedState } from './views.ts';

/**
 * Why the origin was asked: a turn as one of the pool's pollers; in the place of a poller whose turn stayed empty; to compare what another poller found; for
 * want of any version; because the pool is late; a hub's word; a person's wish; or the plan of a peer that shares this feed with nobody.
 */
export type AskedBecause = 'turn' | 'stand-in' | 'audit' | 'first' | 'pool-late' | 'hub' | 'wish' | 'plan';

export type FeedFact =
  | { readonly kind: 'feed-added'; readonly feed: string; readonly url: string }
  | { readonly kind: 'feed-removed'; readonly feed: string; readonly url: string }
  | { readonly kind: 'feed-state'; readonly feed: string; readonly url: string; readonly state: FeedState; readonly reason: string }
  | { readonly kind: 'feed-version'; readonly feed: string; readonly url: string; readonly hash: string; readonly size: number; readonly newItems: number; readonly source: 'origin' | 'pool' }
  | { readonly kind: 'feed-polled'; readonly feed: string; readonly url: string; readonly outcome: string; readonly because: AskedBecause; readonly tookMs: number }
  | { readonly kind: 'feed-moved'; readonly feed: string; readonly from: string; readonly to: string }
  | { readonly kind: 'feed-private'; readonly feed: string; readonly url: string; readonly reason: string }
  | { readonly kind: 'feed-conflict'; readonly feed: string; readonly url: string; readonly hash: string }
  | { readonly kind: 'feed-signed'; readonly feed: string; readonly url: string; readonly hash: string }
  | { readonly kind: 'feed-trouble'; readonly feed: string; readonly url: string; readonly reason: string }
  | { readonly kind: 'feed-parse-failed'; readonly feed: string; readonly url: string; readonly reason: string };
