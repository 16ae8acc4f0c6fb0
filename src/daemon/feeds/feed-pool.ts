/**
 * The pool as the service of feeds sees it while a session lasts: calls become inputs of the host, and what comes of them is told to
 * the service.
 *
 * The upload budget of this peer is split over its feeds here. A session that ends takes its subscriptions with it; the service then goes on alone, as if there had never been a pool.
 */
import type { Position } from '../../core/position.ts';
import { createFeedTools } from '../../host/feed-tools.ts';
import type { Networks } from '../../host/networks.ts';
import type { FeedEvents, FeedPool, FeedPoolStatus, FeedShelf, FeedTerms, FoundVersion } from '../../protocol/feed/feed.ts';
import { sharesOf } from '../../protocol/feed/shares.ts';
import type { Node } from '../../protocol/node.ts';

/** Of all feeds together: half a megabit. */
const UPLOAD_BYTES_PER_SECOND = 64 * 1024;
/** A feed is taken to change as often, and each time to cost as much as its whole document. */
const CHANGE_S = 600;
/** Of a feed of which nothing is known yet. */
const UNKNOWN_BYTES = 50_000;
const GROW_MS = 2_000;
const SHRINKS_BELOW = 2;

export interface FeedPoolParts {
  readonly node: Node;
  /** Runs a call as an input of the host. */
  input(call: () => void): void;
  /** Where members' connections come from. */
  readonly networks: Networks;
  /** The Ed25519 seed of this peer. */
  readonly privateKey: Uint8Array;
  readonly shelf: FeedShelf;
  readonly events: FeedEvents;
}

export class SessionFeedPool implements FeedPool {
  readonly #node: Node;
  readonly #input: (call: () => void) => void;
  readonly #shelf: FeedShelf;
  /** By key: what is wanted of the feed, and the slots that it has. */
  readonly #offers = new Map<string, { readonly terms: FeedTerms; share: number; readonly bytes: number }>();
  #growing: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor({ node, input, networks, privateKey, shelf, events }: FeedPoolParts) {
    this.#node = node;
    this.#input = input;
    this.#shelf = shelf;
    node.feeds.use({ shelf, tools: createFeedTools(privateKey, networks), events });
  }

  subscribe(terms: FeedTerms): void {
    const fanout = this.#shareOf(terms);
    this.#run(() => this.#node.feeds.subscribe({ ...terms, fanout }));
    this.#growSoon();
  }

  change(terms: FeedTerms): void {
    const fanout = this.#shareOf(terms);
    this.#run(() => this.#node.feeds.change({ ...terms, fanout }));
  }

  unsubscribe(key: Position): void {
    this.#offers.delete(key.hex);
    this.#run(() => this.#node.feeds.unsubscribe(key));
    this.#growSoon();
  }

  found(key: Position, version: FoundVersion, body: Uint8Array): void {
    this.#run(() => this.#node.feeds.found(key, version, body));
  }

  confirmed(key: Position, hash: string, checkedAt: number): void {
    this.#run(() => this.#node.feeds.confirmed(key, hash, checkedAt));
  }

  status(key: Position): FeedPoolStatus | undefined {
    return this.#isOver ? undefined : this.#node.feeds.status(key);
  }

  /** The session ends: nothing more is asked of its host. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#growing);
  }

  /** What it has is kept, unless it is far too much: fewer slots mean another place in the tree. */
  #shareOf(terms: FeedTerms): number {
    const before = this.#offers.get(terms.key.hex);
    const offer = { terms, share: before?.share ?? 0, bytes: this.#shelf.latest(terms.key)?.size ?? UNKNOWN_BYTES };
    this.#offers.set(terms.key.hex, offer);
    const share = this.#split().get(terms.key.hex) ?? 0;
    if (terms.fanout !== undefined || share > offer.share || share < offer.share / SHRINKS_BELOW) offer.share = share;
    return offer.share;
  }

  /** Feeds come and go in crowds. */
  #growSoon(): void {
    this.#growing ??= setTimeout(() => {
      this.#growing = undefined;
      const shares = this.#split();
      for (const [hex, offer] of this.#offers) {
        const share = shares.get(hex) ?? 0;
        if (share <= offer.share && share >= offer.share / SHRINKS_BELOW) continue;
        offer.share = share;
        this.#run(() => this.#node.feeds.change({ ...offer.terms, fanout: share }));
      }
    }, GROW_MS);
    this.#growing.unref();
  }

  /** By key. */
  #split(): Map<string, number> {
    const offers = [...this.#offers];
    const demands = offers.map(([, { terms: { fanout }, bytes }]) => ({ fanout, bytesPerSecond: bytes / CHANGE_S }));
    const shares = sharesOf(demands, UPLOAD_BYTES_PER_SECOND);
    return new Map(offers.map(([hex], place) => [hex, shares[place] ?? 0]));
  }

  #run(call: () => void): void {
    if (!this.#isOver) this.#input(call);
  }
}
