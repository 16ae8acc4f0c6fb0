/**
 * The readers' side of the feeds: documents with local links, the items that a reader lacks, and the hub that tells readers of
 * new versions. It serves what the feeds service has and asks no origin by itself.
 */
import type { Store } from '../../core/env.ts';
import { call } from '../../host/callbacks.ts';
import type { FeedVersion } from '../../protocol/feed/feed.ts';
import { Hub } from './hub.ts';
import type { Rendition, Source } from './renditions.ts';
import { charsetOf, Renditions } from './renditions.ts';
import type { LocalLinks } from './render.ts';
import { withoutItemsOf } from './render.ts';
import type { FeedTarget } from './reader-urls.ts';
import { feedNamed, feedTarget, localUrl } from './reader-urls.ts';
import type { FeedDetail, FeedNews, FeedReasons, FeedSummary, FeedWish, ServedDocument } from './views.ts';

/** What readers need of the feeds service. */
export interface FeedService {
  /** Undefined when there is no such feed. */
  idOf(urlOrId: string): string | undefined;
  add(wish: Partial<FeedWish> & { readonly url: string }): FeedSummary;
  list(): readonly FeedSummary[];
  show(urlOrId: string): FeedDetail;
  remove(urlOrId: string): void;
  refresh(urlOrId: string): Promise<FeedSummary>;
  why(urlOrId: string): FeedReasons;
  document(id: string): ServedDocument | undefined;
  /** Versions that are kept, the newest first. */
  history(id: string): readonly FeedVersion[];
  /** Of any version that is kept. */
  body(hash: string): Uint8Array | undefined;
  whenServable(id: string, signal: AbortSignal): Promise<ServedDocument>;
  on<K extends keyof FeedNews>(event: K, listener: (news: FeedNews[K]) => void): () => void;
}

export interface ReadersOptions {
  readonly feeds: FeedService;
  readonly store: Store;
  /** `http://127.0.0.1:PORT`, also before the first request. */
  readonly api: () => string;
  /** What the addresses begin with that readers on other machines use; undefined: there are none. */
  readonly elsewhere?: string | undefined;
}

export interface ItemsOnly {
  readonly baseTag: string;
  readonly body: Uint8Array;
}

/** So many older versions are looked through for the one that a reader has. */
const HISTORY_MAX = 16;

export class Readers {
  readonly feeds: FeedService;
  readonly hub: Hub;
  readonly #renditions = new Renditions();
  /** `http://127.0.0.1:PORT` */
  readonly base: () => string;
  readonly elsewhere: string | undefined;
  readonly #unsubscribe: () => void;

  constructor({ feeds, store, api, elsewhere }: ReadersOptions) {
    this.feeds = feeds;
    this.base = api;
    this.elsewhere = elsewhere;
    this.hub = new Hub({
      store,
      feedOf: (topic) => this.idOf(this.#named(topic)),
      documentOf: (id, topic) => {
        const document = feeds.document(id);
        if (document === undefined) return undefined;
        return { hash: document.version.hash, contentType: document.version.contentType, body: this.rendition(document, this.#baseOf(topic)).body };
      },
      urlFor: (topic) => this.links('', this.#baseOf(topic)).hub,
      call,
      now: () => Date.now(),
      log: (line) => process.stderr.write(`grove: ${line}\n`),
    });
    this.#unsubscribe = feeds.on('version', ({ id }) => this.hub.announce(id));
  }

  stop(): void {
    this.#unsubscribe();
    this.hub.stop();
  }

  /** The id of a feed that is subscribed to. */
  idOf(target: FeedTarget): string | undefined {
    return this.feeds.idOf('id' in target ? target.id : target.url);
  }

  /** The first document of a feed, or undefined once it is known that none comes soon. */
  async firstDocument(id: string, signal: AbortSignal): Promise<ServedDocument | undefined> {
    const failed = new AbortController();
    const unsubscribe = this.feeds.on('state', (news) => {
      if (news.id === id && news.state === 'error') failed.abort();
    });
    if (this.feeds.why(id).state === 'error') failed.abort();
    try {
      return await this.feeds.whenServable(id, AbortSignal.any([signal, failed.signal])).catch(() => undefined);
    } finally {
      unsubscribe();
    }
  }

  /** The id of the feed that a reader knows here under that address; undefined when it is none of ours. */
  idOfAddress(address: string): string | undefined {
    const target = this.#named(address);
    return 'url' in target && target.url === address ? undefined : this.idOf(target);
  }

  links(id: string, base = this.base()): LocalLinks {
    return { self: localUrl(base, id), hub: `${base}/hub` };
  }

  rendition(document: ServedDocument, base?: string): Rendition {
    return this.#renditions.of(sourceOf(document), this.#linksFor(document, base));
  }

  async zipped(document: ServedDocument, base?: string): Promise<Uint8Array> {
    return this.#renditions.zipped(sourceOf(document), this.#linksFor(document, base));
  }

  /** What is new since one of these tags; undefined when none is known or the document may not be cut. */
  itemsSince(document: ServedDocument, tags: readonly string[], base?: string): ItemsOnly | undefined {
    if (tags.length === 0 || document.signed) return undefined;
    const links = this.links(document.id, base);
    const { body } = this.rendition(document, base);
    for (const { hash, contentType } of this.feeds.history(document.id).slice(0, HISTORY_MAX)) {
      const older = hash === document.version.hash ? undefined : this.feeds.body(hash);
      if (older === undefined) continue;
      const had = this.#renditions.of({ hash, contentType, body: older }, links);
      if (!tags.includes(had.etag)) continue;
      const items = withoutItemsOf(body, had.body, charsetOf(document.version.contentType));
      return items === undefined ? undefined : { baseTag: had.etag, body: items };
    }
    return undefined;
  }

  /** Signed documents go out as they came. */
  #linksFor({ id, signed }: ServedDocument, base?: string): LocalLinks | undefined {
    return signed ? undefined : this.links(id, base);
  }

  #named(topic: string): FeedTarget {
    const base = this.#baseOf(topic);
    const here = base === this.base() ? undefined : feedTarget(topic.slice(base.length));
    return here ?? feedNamed(topic, Number(new URL(this.base()).port));
  }

  /** Under which of our addresses a reader knows a feed that it calls so. */
  #baseOf(topic: string): string {
    return this.elsewhere !== undefined && topic.startsWith(`${this.elsewhere}/`) ? this.elsewhere : this.base();
  }
}

function sourceOf(document: ServedDocument): Source {
  const { hash, contentType } = document.version;
  return {
    hash, contentType,
    get body() {
      return document.body;
    },
  };
}
