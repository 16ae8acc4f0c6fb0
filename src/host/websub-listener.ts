/**
 * The one door of this peer that the internet may knock at: an HTTP server for what hubs call back, for requests to this peer's own hub
 * (`/websub/hub`), and nothing else.
 *
 * Apart from the API, which stays on loopback. Addresses for hubs are unguessable; anything else is 404. Bodies are bounded like
 * documents, forms much closer, connections and times too.
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

/** A request to this peer's own hub, as the form came. */
export type OnHubForm = (form: Readonly<Record<string, string>>) => Promise<{ readonly status: number; readonly text: string }>;

export interface WebsubListener {
  /** Where it listens. */
  readonly port: number;
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 64;
const FORM_BYTES_MAX = 16 * 1024;
const FORM_TYPE = /^application\/x-www-form-urlencoded\b/i;
const REQUEST_MS = 60_000;
const HEADERS_MS = 10_000;

/** Throws GroveError 'in-use'. */
export async function listenForHubs(host: string, port: number, handlers: WebsubHandlers, onHubForm?: OnHubForm): Promise<WebsubListener> {
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: HEADERS_MS, maxHeaderSize: 16 * 1024 }, (request, response) => {
    answer(request, response, handlers, onHubForm).catch(() => response.destroy());
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

async function answer(request: IncomingMessage, response: ServerResponse, handlers: WebsubHandlers, onHubForm: OnHubForm | undefined): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://callback.invalid');
  if (onHubForm !== undefined && url.pathname.endsWith('/websub/hub')) return answerHub(request, response, onHubForm);
  const token = /\/websub\/([A-Za-z0-9_-]{20,64})$/.exec(url.pathname)?.[1];
  if (token === undefined || (request.method !== 'GET' && request.method !== 'POST')) return void response.writeHead(404).end();
  if (request.method === 'GET') return reply(response, handlers.verify(token, url.searchParams));
  const body = await bodyOf(request, BODY_BYTES_MAX);
  if (body === undefined) return void response.writeHead(413, { connection: 'close' }).end();
  const signature = request.headers['x-hub-signature-256'] ?? request.headers['x-hub-signature'] ?? '';
  reply(response, handlers.deliver(token, String(signature), body));
}

async function answerHub(request: IncomingMessage, response: ServerResponse, onHubForm: OnHubForm): Promise<void> {
  if (request.method !== 'POST') return void response.writeHead(405, { allow: 'POST' }).end();
  if (!FORM_TYPE.test(request.headers['content-type'] ?? '')) return void response.writeHead(415, { connection: 'close' }).end();
  const body = await bodyOf(request, FORM_BYTES_MAX);
  if (body === undefined) return void response.writeHead(413, { connection: 'close' }).end();
  reply(response, await onHubForm(Object.fromEntries(new URLSearchParams(Buffer.from(body).toString('utf8')))));
}

function reply(response: ServerResponse, { status, text }: { readonly status: number; readonly text: string }): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }).end(text);
}

async function bodyOf(request: IncomingMessage, bytesMax: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
