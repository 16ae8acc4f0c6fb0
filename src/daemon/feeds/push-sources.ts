/**
 * Sources that push, whichever way they do it: a hub (WebSub) where there is one, else a cloud (rssCloud). Either calls at
 * an unguessable address of the same listener, and for the rest of the service there is one thing that tells of news.
 */
import type { WebsubHandlers } from '../../host/websub-listener.ts';
import { RssCloud } from './rss-cloud.ts';
import type { CallbackReply, WebsubOptions } from './websub-subscriber.ts';
import { WebsubSubscriber } from './websub-subscriber.ts';

export interface PushNames {
  readonly hubs: readonly string[];
  readonly cloud: string | undefined;
}

export class PushSources implements WebsubHandlers {
  readonly #hubs: WebsubSubscriber;
  readonly #clouds: RssCloud;

  constructor(options: WebsubOptions) {
    this.#hubs = new WebsubSubscriber(options);
    this.#clouds = new RssCloud(options);
  }

  /** What a document names. Idempotent. */
  follow(feed: string, { hubs, cloud }: PushNames, topic: string): void {
    this.#hubs.follow(feed, hubs, topic);
    if (hubs.length > 0 || cloud === undefined) this.#clouds.drop(feed);
    else this.#clouds.follow(feed, cloud, topic);
  }

  drop(feed: string): void {
    this.#hubs.drop(feed);
    this.#clouds.drop(feed);
  }

  /** Whether silence means that there is nothing new. */
  relied(feed: string): boolean {
    return this.#hubs.relied(feed) || this.#clouds.relied(feed);
  }

  /** A poll found what nobody told. */
  missed(feed: string): void {
    this.#hubs.missed(feed);
    this.#clouds.missed(feed);
  }

  stop(): void {
    this.#hubs.stop();
    this.#clouds.stop();
  }

  verify(token: string, query: URLSearchParams): CallbackReply {
    return this.#clouds.owns(token) ? this.#clouds.verify(token, query) : this.#hubs.verify(token, query);
  }

  deliver(token: string, signature: string, body: Uint8Array): CallbackReply {
    return this.#clouds.owns(token) ? this.#clouds.deliver(token, body) : this.#hubs.deliver(token, signature, body);
  }
}
