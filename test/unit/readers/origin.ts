/** An origin on loopback for tests: documents by path, what was asked of it, and answers that misbehave on request. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export class Origin {
  readonly asked: IncomingMessage[] = [];
  /** For paths that have no answer. */
  fallback: Answer | undefined;
  readonly #answers = new Map<string, Answer>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.asked.push(request);
      const answer = this.#answers.get(request.url ?? '') ?? this.fallback;
      if (answer === undefined) response.writeHead(404).end();
      else answer(request, response);
    });
  }

  static async start(): Promise<Origin> {
    const origin = new Origin();
    origin.#server.listen(0, '127.0.0.1');
    await once(origin.#server, 'listening');
    return origin;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  url(path: string): string {
    return `http://${this.host}${path}`;
  }

  answer(path: string, answer: Answer): void {
    this.#answers.set(path, answer);
  }

  /** A document with an ETag, and 304 for whoever has it. */
  serve(path: string, body: string | Uint8Array, headers: Record<string, string> = {}): void {
    const etag = `"${Buffer.from(body).length}-${Buffer.from(body).toString('base64url').slice(-24)}"`;
    this.answer(path, (request, response) => {
      const isSame = request.headers['if-none-match'] === etag;
      response.writeHead(isSame ? 304 : 200, { etag, 'content-type': 'application/rss+xml', ...headers });
      response.end(isSame ? undefined : body);
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** An RSS document with these items, the newest first, whose `self` and `hub` are elsewhere. */
export function rss(...items: readonly string[]): string {
  const all = items.map((name) => `<item><title>${name}</title><guid>${name}</guid><link>https://origin.example/${name}</link></item>`);
  return `<?xml version="1.0"?>\n<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>News</title><link>https://origin.example/</link><atom:link rel="self" href="https://origin.example/feed"/><atom:link rel="hub" href="https://hub.example/"/>\n${all.join('\n')}\n</channel></rss>\n`;
}
