/**
 * The one door of this peer that hubs on the internet may knock at: an HTTP server for WebSub callbacks and nothing else.
 *
 * Apart from the API, which stays on loopback. Addresses are unguessable; anything else is 404. Bodies are bounded like
 * documents, connections and times too.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GroveError } from '../core/errors.ts';
import { BODY_BYTES_MAX } from '../protocol/feed/feed.ts';

export interface WebsubHandlers {
  verify(token: string, query: URLSearchParams): { readonly status: number; readonly text: string };
  deliver(token: string, signature: string, body: Uint8Array): { readonly status: number; readonly text: string };
}

export interface WebsubListener {
  /** Where it listens. */
  readonly port: number;
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 64;
const REQUEST_MS = 60_000;
const HEADERS_MS = 10_000;

/** Throws GroveError 'in-use'. */
export async function listenForHubs(host: string, port: number, handlers: WebsubHandlers): Promise<WebsubListener> {
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: HEADERS_MS, maxHeaderSize: 16 * 1024 }, (request, response) => {
    answer(request, response, handlers).catch(() => response.destroy());
  });
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new GroveError('in-use', `Nobody can listen for hubs at ${host}:${port}: the port is taken or not allowed.`, { cause })));
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, handlers: WebsubHandlers): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://callback.invalid');
  const token = /\/websub\/([A-Za-z0-9_-]{20,64})$/.exec(url.pathname)?.[1];
  if (token === undefined || (request.method !== 'GET' && request.method !== 'POST')) return void response.writeHead(404).end();
  if (request.method === 'GET') return reply(response, handlers.verify(token, url.searchParams));
  const body = await bodyOf(request);
  if (body === undefined) return void response.writeHead(413, { connection: 'close' }).end();
  const signature = request.headers['x-hub-signature-256'] ?? request.headers['x-hub-signature'] ?? '';
  reply(response, handlers.deliver(token, String(signature), body));
}

function reply(response: ServerResponse, { status, text }: { readonly status: number; readonly text: string }): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }).end(text);
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
