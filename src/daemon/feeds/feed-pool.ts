/**
 * The pool as the service of feeds sees it while a session lasts: calls become inputs of the host, and what comes of them is told to
 * the service.
 *
 * A session that ends takes its subscriptions with it; the service then goes on alone, as if there had never been a pool.
 */
import type { Position } from '../../core/position.ts';
import { createFeedTools } from '../../host/feed-tools.ts';
import type { FeedEvents, FeedPool, FeedPoolStatus, FeedShelf, FeedTerms, FoundVersion } from '../../protocol/feed/feed.ts';
import type { Node } from '../../protocol/node.ts';

export interface FeedPoolParts {
  readonly node: Node;
  /** Runs a call as an input of the host. */
  input(call: () => void): void;
  /** The Ed25519 seed of this peer. */
  readonly privateKey: Uint8Array;
  readonly shelf: FeedShelf;
  readonly events: FeedEvents;
}

export class SessionFeedPool implements FeedPool {
  readonly #node: Node;
  readonly #input: (call: () => void) => void;
  #isOver = false;

  constructor({ node, input, privateKey, shelf, events }: FeedPoolParts) {
    this.#node = node;
    this.#input = input;
    node.feeds.use({ shelf, tools: createFeedTools(privateKey), events });
  }

  subscribe(terms: FeedTerms): void {
    this.#run(() => this.#node.feeds.subscribe(terms));
  }

  change(terms: FeedTerms): void {
    this.#run(() => this.#node.feeds.change(terms));
  }

  unsubscribe(key: Position): void {
    this.#run(() => this.#node.feeds.unsubscribe(key));
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
  }

  #run(call: () => void): void {
    if (!this.#isOver) this.#input(call);
  }
}
