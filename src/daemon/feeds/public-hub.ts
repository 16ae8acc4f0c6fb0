/**
 * A WebSub hub for publishers: when the internet can reach this peer, a feed may name it as its hub, and whoever subscribes there is told
 * of each version as this peer gets it (ecosystem 3.3).
 *
 * The feed itself decides: only feeds that this peer subscribes to and whose document or headers name this hub can be topics, so
 * nobody is made a publisher by a stranger. The publisher says that there is something new (`hub.mode=publish`), which is a hint to
 * ask its site now; what is delivered is what the site then answers, untouched, and goes down the trees of the pool as well.
 */
import type { Store } from '../../core/env.ts';
import { GroveError } from '../../core/errors.ts';
import type { Call, CallAnswer } from '../../host/callbacks.ts';
import type { HubForm } from './hub.ts';
import { Hub } from './hub.ts';
import type { ServedDocument } from './views.ts';

export interface PublicHubOptions {
  readonly store: Store;
  /** Where the world reaches it; as publishers write it into their feeds. */
  readonly url: string;
  /** Of feeds that are subscribed to, by URL. */
  readonly idOf: (url: string) => string | undefined;
  readonly documentOf: (id: string) => ServedDocument | undefined;
  /** The publisher says that there is something new. */
  readonly onPublish: (id: string) => void;
  readonly call: (call: Call) => Promise<CallAnswer>;
  readonly log: (line: string) => void;
}

export interface HubReply {
  readonly status: number;
  readonly text: string;
}

const STATUS: Readonly<Record<string, number>> = { usage: 400, 'not-found': 404, refused: 403, quota: 503 };

export class PublicHub {
  readonly #o: PublicHubOptions;
  readonly #hub: Hub;

  constructor(options: PublicHubOptions) {
    this.#o = options;
    this.#hub = new Hub({
      store: options.store, call: options.call, log: options.log, now: () => Date.now(), urlFor: () => options.url,
      feedOf: (topic) => this.#published(topic),
      documentOf: (id) => {
        const document = options.documentOf(id);
        return document === undefined || !this.#isNamedBy(document) ? undefined : { hash: document.version.hash, contentType: document.version.contentType, body: document.body };
      },
    });
  }

  /** What came while this peer was off. */
  start(): void {
    this.#hub.start();
  }

  stop(): void {
    this.#hub.stop();
  }

  /** A feed has a new version. */
  announce(id: string): void {
    this.#hub.announce(id);
  }

  /** A request of a subscriber or a publisher. */
  async request(form: HubForm): Promise<HubReply> {
    try {
      if (form['hub.mode'] === 'publish') return this.#publish(form);
      return { status: await this.#hub.request(form), text: '' };
    } catch (error) {
      if (!(error instanceof GroveError)) throw error;
      return { status: STATUS[error.code] ?? 500, text: error.message };
    }
  }

  #publish(form: HubForm): HubReply {
    const id = this.#published(form['hub.url'] ?? form['hub.topic'] ?? '');
    if (id === undefined) throw new GroveError('not-found', 'This hub knows no such topic: it has to be subscribed to here, and to name this hub.');
    this.#o.onPublish(id);
    return { status: 204, text: '' };
  }

  #published(topic: string): string | undefined {
    const id = topic === '' ? undefined : this.#o.idOf(topic);
    const document = id === undefined ? undefined : this.#o.documentOf(id);
    return document !== undefined && this.#isNamedBy(document) ? id : undefined;
  }

  #isNamedBy({ hubs }: ServedDocument): boolean {
    return hubs.includes(this.#o.url);
  }
}
