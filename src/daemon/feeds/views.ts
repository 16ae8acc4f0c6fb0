/**
 * What the feeds service says of a feed: to people (`grove feed list`, `show`, `why`), to programs, and to readers.
 *
 * `FeedSummary` is the JSON of `grove feed list --json` and GET /api/v1/feeds; programs build on it, so fields are only
 * added. Instants are ISO 8601 and null when it has not happened; durations end in Ms.
 */
import type { FeedVersion, Stamp } from '../../protocol/feed/feed.ts';
import type { FloorRule } from '../../protocol/feed/freshness.ts';

export type FeedScope = 'pool' | 'friends' | 'local';
/** Whether the stated max staleness is met; the reason stands beside it. */
export type FeedState = 'met' | 'late' | 'infeasible' | 'pending' | 'error';

/** What somebody asks for. */
export interface FeedWish {
  readonly url: string;
  readonly maxStalenessMs: number;
  /** Children served at most; undefined: whatever the upload budget allows. */
  readonly fanout: number | undefined;
  readonly scope: FeedScope;
  /** Must not be seen by the source: takes no poller's role and shows late instead of failing open. */
  readonly neverOrigin: boolean;
}

export interface PeerName {
  readonly peerId: string;
  readonly name: string;
}

/** How many items carry which label. */
export interface TrustCounts {
  readonly origin: number;
  readonly signed: number;
  readonly attested: number;
  readonly single: number;
  readonly conflict: number;
}

export type TrustLabel = keyof TrustCounts;

export interface FeedSummary {
  readonly url: string;
  readonly id: string;
  /** Where readers read it; empty without an API. */
  readonly local: string;
  readonly maxStalenessMs: number;
  readonly fanout: number | null;
  readonly scope: FeedScope;
  readonly state: FeedState;
  /** One sentence. */
  readonly reason: string;
  readonly role: 'poller' | 'consumer' | 'local';
  readonly parent: PeerName | null;
  readonly children: number;
  /** Between two polls of the origin that this peer makes, or, as a consumer, that the pool makes. */
  readonly intervalMs: number;
  /** The least that the origin allows one client. */
  readonly floorMs: number;
  readonly lastOriginRequest: string | null;
  /** When the document last changed here. */
  readonly lastUpdate: string | null;
  readonly stalenessMs: { readonly p50: number | null; readonly p99: number | null };
  readonly originRequests: OriginRequests;
  readonly items: number;
  readonly trust: TrustCounts;
  readonly title: string | null;
}

/** Since the feed was added. A redirect that was followed is part of the answer at its end. */
export interface OriginRequests {
  readonly 200: number;
  readonly 304: number;
  readonly 429: number;
  readonly error: number;
}

export interface FeedItem {
  /** Stable: the same item keeps it when its source changes the item's own id (identity.ts). */
  readonly id: string;
  readonly title: string;
  readonly link: string;
  /** ISO 8601, as the source claims. */
  readonly published: string | null;
  readonly firstSeen: string;
  readonly trust: TrustLabel;
  /** With `attested`: from how many networks peers say that the origin gave them the same bytes. */
  readonly attestations: number;
}

export interface FeedDetail extends FeedSummary {
  readonly canonicalUrl: string;
  /** Where it moved for good, after enough confirmations: what is asked now. */
  readonly originUrl: string;
  /** Why the scope is not the one that was asked for; null when it is. */
  readonly scopeReason: string | null;
  readonly neverOrigin: boolean;
  readonly format: 'rss' | 'atom' | 'rdf' | 'json' | null;
  readonly hubs: readonly string[];
  readonly nextPoll: string | null;
  /** When the document was last known to be what the origin has. */
  readonly freshAt: string | null;
  readonly version: {
    readonly hash: string;
    readonly bytes: number;
    readonly contentType: string;
    readonly etag: string;
    readonly lastModified: string;
    readonly stamp: Stamp;
    readonly receivedAt: string;
    /** Peers that say that the origin gave them just this, and in how many networks this peer has seen them: several in one are one witness. */
    readonly attestedBy: { readonly peers: number; readonly networks: number };
  } | null;
  readonly versions: number;
  /** The newest, at most 100. */
  readonly latestItems: readonly FeedItem[];
}

/** Everything behind `grove feed why`. */
export interface FeedReasons {
  readonly url: string;
  readonly id: string;
  readonly state: FeedState;
  readonly reason: string;
  readonly maxStalenessMs: number;
  readonly scope: FeedScope;
  readonly scopeReason: string | null;
  readonly role: FeedSummary['role'];
  readonly parent: PeerName | null;
  readonly children: readonly PeerName[];
  readonly floorMs: number;
  readonly floorBy: FloorRule;
  readonly floorReason: string;
  readonly schedule: { readonly next: string | null; readonly intervalMs: number; readonly reason: string };
  readonly failures: { readonly count: number; readonly last: string | null; readonly retryAt: string | null };
  readonly pool: { readonly subscribers: number; readonly gapMs: number; readonly delayMs: number; readonly slot: number | null } | null;
  readonly freshAt: string | null;
  readonly lastOriginRequest: string | null;
  readonly originRequests: OriginRequests;
}

/** The latest good version, for readers. */
export interface ServedDocument {
  readonly url: string;
  readonly id: string;
  readonly version: FeedVersion;
  /** The origin's bytes, content encoding removed. */
  readonly body: Uint8Array;
  readonly canonicalUrl: string;
  /** Unix ms: when this peer expects to know more. */
  readonly nextUpdateAt: number;
  /** Unix ms: so long ago it was known to be what the origin has. */
  readonly freshAt: number;
  /** Unix ms, whole seconds; undefined when no date would tell it from the documents before it. */
  readonly modifiedAt: number | undefined;
  readonly hubs: readonly string[];
  /** Carries a signature: its bytes must not be touched. */
  readonly signed: boolean;
  readonly trust: TrustLabel;
}

/** What `Feeds.on` tells. */
export interface FeedNews {
  version: { readonly id: string; readonly url: string; readonly version: FeedVersion };
  state: { readonly id: string; readonly url: string; readonly state: FeedState; readonly reason: string };
}
