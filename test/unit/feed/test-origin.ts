/** An origin of a test's own on loopback, which writes down what it was asked. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface TestOrigin extends AsyncDisposable {
  readonly url: string;
  readonly asked: Asked[];
  answer: (request: IncomingMessage, response: ServerResponse) => void;
}

export async function testOrigin(answer: TestOrigin['answer'] = (_request, response) => void response.writeHead(404).end()): Promise<TestOrigin> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    asked.push({ path: request.url ?? '', headers: request.headers });
    response.on('error', () => undefined);
    origin.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin: TestOrigin = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answer,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return origin;
}

export interface RssItem {
  readonly id: string;
  readonly title?: string;
  readonly at?: number;
}

export function rss(items: readonly RssItem[], head = ''): string {
  const body = items.map(({ id, title = `Title ${id}`, at = 1_700_000_000_000 }) => `<item><title>${title}</title><link>https://example.org/${id}</link><guid isPermaLink="false">${id}</guid><pubDate>${new Date(at).toUTCString()}</pubDate></item>`);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel><title>Test</title><link>https://example.org/</link><description>d</description>${head}${body.join('')}</channel></rss>\n`;
}

/** Serves a text under a strong ETag, with 304s. */
export function serving(document: () => string, headers: Readonly<Record<string, string>> = {}): TestOrigin['answer'] {
  return (request, response) => {
    const text = document();
    const etag = `"${Buffer.from(text).length}-${text.length === 0 ? 0 : [...text].reduce((sum, one) => (sum * 31 + one.charCodeAt(0)) % 1_000_000_007, 7)}"`;
    if (request.headers['if-none-match'] === etag) response.writeHead(304, { etag, ...headers }).end();
    else response.writeHead(200, { 'content-type': 'application/rss+xml', etag, ...headers }).end(text);
  };
}
