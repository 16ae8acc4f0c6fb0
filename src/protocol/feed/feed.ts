/**
 * What all parts that deal with feeds agree on: a version of a feed's document, its place in the pool's order, what the pool
 * does for a feed, and what protocol code needs from its host to do it.
 *
 * A body is the origin's bytes after content decoding, unchanged, and is named by its SHA-256. Everything else that is known
 * of a version travels and is kept beside it. Times are Unix milliseconds as some machine believes them: they are shown and
 * compared with tolerance, never trusted.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';

/** The lead of epoch `epoch` gave this number. A peer without a pool counts on in epoch 0. */
export interface Stamp {
  readonly epoch: number;
  readonly seq: number;
}

/** Negative when `a` came before `b`. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a.epoch - b.epoch || a.seq - b.seq;
}

/** What a poller says, signed with its identity: this is what the origin gave me. */
export interface Attestation {
  readonly peerId: string;
  readonly at: number;
  readonly signature: Uint8Array;
}

export interface FeedVersion {
  readonly stamp: Stamp;
  /** SHA-256 of the body, 64 hex digits. */
  readonly hash: string;
  /** Of the body, in bytes. */
  readonly size: number;
  /** As the origin named it. */
  readonly contentType: string;
  /** Verbatim, empty when the origin gave none. */
  readonly etag: string;
  readonly lastModified: string;
  /** When a poller received it. */
  readonly fetchedAt: number;
  /** The same poller's last answer before this one; 0 when there was none. So old the news can be. */
  readonly askedBefore: number;
  /** Identities of its items (identity.ts), hashed to 16 hex digits each; the newest first. */
  readonly items: readonly string[];
  /** The first is the finder's. */
  readonly attestations: readonly Attestation[];
}

/** A version that a poller found and that has no place in the order yet. */
export type FoundVersion = Omit<FeedVersion, 'stamp' | 'attestations'>;

/** Bytes of a body, after content decoding; more is refused wherever it comes from. */
export const BODY_BYTES_MAX = 15 * 1024 * 1024;
export const ITEMS_MAX = 1_024;
export const ATTESTATIONS_MAX = 16;
export const POLLERS_MAX = 16;

/** What a subscriber wants of a feed. */
export interface FeedTerms {
  readonly key: Position;
  readonly maxStalenessMs: number;
  /** Children it serves at most; undefined: as many as the upload budget allows. */
  readonly fanout: number | undefined;
  /** Whether it may ask the origin for the others. */
  readonly canPoll: boolean;
  /** The least that the origin allows one client between two polls, as far as this peer knows. */
  readonly floorMs: number;
}

export type FeedRole =
  | { readonly kind: 'seeking' }
  | { readonly kind: 'consumer'; readonly parent: Contact | undefined }
  /** Asks the origin every `intervalMs`, next at `nextAt` (host-monotonic); all pollers together every `gapMs`. `subscribers` is said to the origin. */
  | { readonly kind: 'poller'; readonly slot: number; readonly intervalMs: number; readonly gapMs: number; readonly nextAt: number; readonly subscribers: number; readonly parent: Contact | undefined };

/** What the pool does for this peer's feeds. Verbs begin something; what comes of it arrives at `FeedEvents`. */
export interface FeedPool {
  subscribe(terms: FeedTerms): void;
  /** New wishes for a feed that it takes part in. */
  change(terms: FeedTerms): void;
  unsubscribe(key: Position): void;
  /** The origin gave this peer something new; the shelf does not have it yet. */
  found(key: Position, version: FoundVersion, body: Uint8Array): void;
  /** The origin said at `checkedAt` that `hash` is what it has. */
  confirmed(key: Position, hash: string, checkedAt: number): void;
  status(key: Position): FeedPoolStatus | undefined;
}

export interface FeedPoolStatus {
  readonly role: FeedRole;
  readonly children: readonly Contact[];
  /** Of the whole pool, as last heard. */
  readonly subscribers: number;
  /** Between two polls of the pool: the pollers' interval over their number. */
  readonly gapMs: number;
  /** Predicted way of a version from the poller that finds it to this peer. */
  readonly delayMs: number;
  /** When the origin was last known to have nothing newer; 0 when it is not known. */
  readonly freshAt: number;
}

export interface FeedEvents {
  /** A version is on the shelf; `from` is undefined when this peer found it. */
  onVersion(key: Position, version: FeedVersion, from: Contact | undefined): void;
  /** The origin had nothing newer at that time. */
  onFresh(key: Position, freshAt: number): void;
  onRole(key: Position, role: FeedRole): void;
  /** Another subscriber attests a version that is held, or tells against it. */
  onWitness(key: Position, hash: string, verdict: 'same' | 'conflict'): void;
  /** This peer is to fetch the version's document whole and compare, at `at` (host-monotonic). */
  onAudit(key: Position, version: FeedVersion, at: number): void;
}

/** Versions that a peer keeps. Durable: what `put` took is there after the process is killed. */
export interface FeedShelf {
  latest(key: Position): FeedVersion | undefined;
  /** At most `max`, the oldest first; none that was found false. */
  after(key: Position, stamp: Stamp, max: number): readonly FeedVersion[];
  /** Held under that number, false or not. */
  under(key: Position, stamp: Stamp): FeedVersion | undefined;
  find(key: Position, hash: string): FeedVersion | undefined;
  body(hash: string): Uint8Array | undefined;
  /** Whether `body` would give it: reading one costs much more. */
  hasBody(hash: string): boolean;
  /** The latest one's document again: it gets this stamp and these attestations. Another document under a stamp that is taken replaces it. */
  put(key: Position, version: FeedVersion, body: Uint8Array): void;
  /** Attestations that came later. */
  update(key: Position, version: FeedVersion): void;
}

/** Not ours to write: digests, signatures, compression, and where a connection really comes from. */
export interface FeedTools {
  /** 64 hex digits. */
  hash(body: Uint8Array): string;
  sign(statement: Uint8Array): Uint8Array;
  verify(peerId: string, statement: Uint8Array, signature: Uint8Array): boolean;
  /** Compressed; `base` is a body that the receiver has, or undefined. */
  pack(body: Uint8Array, base: Uint8Array | undefined): Uint8Array;
  /** Undefined when it is not what `pack` makes, or has not exactly `size` bytes. */
  unpack(packed: Uint8Array, base: Uint8Array | undefined, size: number): Uint8Array | undefined;
  /** The public networks that a peer is in (core/network.ts): as its connection shows, or else as it claims. */
  networksOf(peer: Contact): readonly string[];
}
