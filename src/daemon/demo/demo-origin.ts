/**
 * The demonstration's own origin: an ordinary feed on loopback that counts who asks for it.
 *
 * It behaves as a good publisher does (strong ETag, Last-Modified, 304, a max-age), publishes an item every few seconds, and knows
 * when it published each: so what is measured is what readers would see.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Published {
  /** No two items have the same. */
  readonly title: string;
  /** Unix ms. */
  readonly at: number;
}

export interface OriginCounts {
  readonly full: number;
  readonly unchanged: number;
}

/** Items in the document; older ones have left it. */
const SHOWN = 40;
/** What an item's text is made of: long enough that the document is of a usual size. */
const SENTENCE = 'A grove is many trees on one root, and every leaf of it reads the same news. ';
const SENTENCES = 6;

export class DemoOrigin {
  readonly published: Published[] = [];
  readonly #server: Server;
  readonly #maxAgeSeconds: number;
  readonly #startedAt = Date.now();
  #full = 0;
  #unchanged = 0;
  #body = '';
  #etag = '';
  #changedAt = 0;

  private constructor(maxAgeSeconds: number) {
    this.#maxAgeSeconds = maxAgeSeconds;
    this.#server = createServer((request, response) => this.#serve(request, response));
    this.publish();
  }

  static async start(maxAgeSeconds: number): Promise<DemoOrigin> {
    const origin = new DemoOrigin(maxAgeSeconds);
    origin.#server.listen(0, '127.0.0.1');
    await once(origin.#server, 'listening');
    return origin;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/news.xml`;
  }

  get counts(): OriginCounts {
    return { full: this.#full, unchanged: this.#unchanged };
  }

  get requests(): number {
    return this.#full + this.#unchanged;
  }

  /** Adds an item; whoever asks from now on gets it. */
  publish(): void {
    const number = this.published.length + 1;
    this.published.push({ title: `News ${number}`, at: Date.now() });
    this.#changedAt = Date.now();
    this.#body = this.#document();
    this.#etag = `"${createHash('sha256').update(this.#body).digest('hex').slice(0, 20)}"`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('ETag', this.#etag);
    response.setHeader('Last-Modified', new Date(this.#changedAt).toUTCString());
    response.setHeader('Cache-Control', `max-age=${this.#maxAgeSeconds}`);
    if (request.headers['if-none-match'] === this.#etag) {
      this.#unchanged++;
      response.writeHead(304).end();
      return;
    }
    this.#full++;
    response.setHeader('Content-Type', 'application/rss+xml; charset=utf-8');
    response.end(this.#body);
  }

  #document(): string {
    const first = Math.max(0, this.published.length - SHOWN);
    const items = this.published.slice(first).map(({ at }, place) => this.#item(first + place + 1, at)).reverse();
    return `<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>The demonstration's news</title><link>http://127.0.0.1/</link><description>One item every few seconds</description>
<lastBuildDate>${new Date(this.#changedAt).toUTCString()}</lastBuildDate>
${items.join('\n')}
</channel></rss>
`;
  }

  #item(number: number, at: number): string {
    const text = Array.from({ length: SENTENCES }, (_, i) => `${number}.${i + 1} ${SENTENCE}`).join('');
    const guid = `urn:grove-demo:${this.#startedAt}:${number}`;
    return `<item><title>News ${number}</title><guid isPermaLink="false">${guid}</guid><pubDate>${new Date(at).toUTCString()}</pubDate><description>${text}</description></item>`;
  }
}
