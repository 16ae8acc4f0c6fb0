/**
 * A running peer as the commands see it: found through its state directory or named by URL, spoken to over its API.
 *
 * Keys travel as positions, because a path cannot carry every text (`..` for one). An answer that is an error becomes the
 * GroveError it was on the other side, so that exit codes and sentences are the same with and without a network between.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { ErrorCode } from '../core/errors.ts';
import { GroveError } from '../core/errors.ts';
import { keyOfPosition, positionOfKey } from '../daemon/key.ts';
import { findRunning, stateDirectory } from '../daemon/state-files.ts';

export interface ClientOptions {
  readonly data?: string;
  readonly api?: string;
  readonly tokenFile?: string;
}

export interface ValueReply {
  readonly bytes: number;
  readonly key: string;
  readonly host: string;
  readonly hops: number;
  readonly shortcut: boolean;
  readonly stream: Readable;
}

const CODES: readonly ErrorCode[] = [
  'usage', 'not-found', 'too-large', 'quota', 'timeout', 'unreachable', 'refused', 'in-use', 'state', 'not-running', 'stopped',
];

/** Throws GroveError 'not-running' or 'usage'. */
export function findPeer(options: ClientOptions): Client {
  const { data, api, tokenFile } = options;
  if (api === undefined && tokenFile === undefined) {
    const found = findRunning(stateDirectory(data));
    return new Client(found.api, found.token);
  }
  if (data !== undefined) throw new GroveError('usage', 'Give either --data, or --api with --token-file: they name two different peers.');
  if (api === undefined || tokenFile === undefined) {
    throw new GroveError('usage', '--api and --token-file go together: the address of the peer, and the file with its token.');
  }
  return new Client(checkedUrl(api), readToken(tokenFile));
}

export class Client {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url.replace(/\/+$/, '');
    this.#token = token;
  }

  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const content = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const response = await this.#request(path, { method, ...content });
    return (await response.json()) as T;
  }

  /** Server-sent events as they come, until the peer or `signal` ends them. */
  async *events<T>(path: string, signal?: AbortSignal): AsyncGenerator<T, void, undefined> {
    const response = await this.#request(path, { method: 'GET', ...(signal === undefined ? {} : { signal }) });
    if (response.body === null) return;
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of response.body) {
      text += decoder.decode(chunk, { stream: true });
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const event = readEvent(text.slice(0, end));
        text = text.slice(end + 2);
        if (event !== undefined) yield event as T;
      }
    }
  }

  async putValue<T>(key: string, value: Uint8Array | Readable): Promise<T> {
    const body = value instanceof Readable ? (Readable.toWeb(value) as ReadableStream) : value;
    const response = await this.#request(`objects/${pathOf(key)}`, {
      method: 'PUT',
      body: body as NonNullable<RequestInit['body']>,
      duplex: 'half',
      headers: { 'content-type': 'application/octet-stream' },
    });
    return (await response.json()) as T;
  }

  async getValue(key: string): Promise<ValueReply> {
    return this.#value(`objects/${pathOf(key)}`);
  }

  async getRef(key: string, field: string): Promise<ValueReply> {
    return this.#value(`refs/${pathOf(key)}/${encodeURIComponent(field)}`);
  }

  /** Sends a stream for as long as it lasts; fetch would give up on one that pauses for minutes. */
  async upload<T>(path: string, body: Readable): Promise<T> {
    const reply = await this.#exchange('POST', path, body);
    const parts: Buffer[] = [];
    for await (const part of reply) parts.push(part as Buffer);
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as T;
  }

  /** A stream that lasts as long as it does, and fails when it breaks off. */
  async download(path: string): Promise<IncomingMessage> {
    return this.#exchange('GET', path, undefined);
  }

  async #exchange(method: string, path: string, body: Readable | undefined): Promise<IncomingMessage> {
    const headers = { authorization: `Bearer ${this.#token}`, ...(body === undefined ? {} : { 'content-type': 'application/octet-stream' }) };
    const reply = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = httpRequest(`${this.#url}/api/v1/${path}`, { method, headers, agent: false }, resolve);
      request.on('error', (error) => reject(this.#unanswered({ cause: error })));
      if (body === undefined) request.end();
      else body.pipe(request);
    });
    if (reply.statusCode === 200) return reply;
    const parts: Buffer[] = [];
    for await (const part of reply) parts.push(part as Buffer);
    throw await errorOf(new Response(Buffer.concat(parts), { status: reply.statusCode ?? 500 }));
  }

  async #value(path: string): Promise<ValueReply> {
    const response = await this.#request(path, { method: 'GET' });
    const header = (name: string): string => response.headers.get(name) ?? '';
    const stream = response.body === null ? Readable.from([]) : Readable.fromWeb(response.body as ReadableStream);
    return {
      bytes: Number(header('content-length')),
      key: header('x-grove-key'),
      host: header('x-grove-host'),
      hops: Number(header('x-grove-hops')),
      shortcut: header('x-grove-shortcut') === 'true',
      stream,
    };
  }

  async #request(path: string, init: RequestInit & { readonly duplex?: 'half' }): Promise<Response> {
    const headers = { ...(init.headers as Record<string, string> | undefined), authorization: `Bearer ${this.#token}` };
    let response: Response;
    try {
      response = await fetch(`${this.#url}/api/v1/${path}`, { ...init, headers });
    } catch (error) {
      throw this.#unanswered(error);
    }
    if (response.ok) return response;
    throw await errorOf(response);
  }

  #unanswered(error: unknown): GroveError {
    const cause = (error as { readonly cause?: unknown }).cause;
    if (cause instanceof GroveError) return cause;
    const code = (cause as { readonly code?: string } | undefined)?.code ?? '';
    if (code === 'ECONNREFUSED' || code === '') {
      return new GroveError('not-running', `No peer answers at ${this.#url}: is it running? Start it with \`grove up\`.`, { cause: error });
    }
    return new GroveError('unreachable', `The peer at ${this.#url} broke off (${code}): look at its output, and try again.`, { cause: error });
  }
}

/** The data of one event; undefined for a comment. Throws what an event of failure says. */
function readEvent(text: string): unknown {
  const lines = text.split('\n');
  const data = lines.find((line) => line.startsWith('data: '))?.slice('data: '.length);
  if (data === undefined) return undefined;
  const value = JSON.parse(data) as { readonly error?: { readonly code?: string; readonly message?: string } };
  if (!lines.includes('event: failed')) return value;
  throw new GroveError(CODES.find((one) => one === value.error?.code) ?? 'refused', value.error?.message ?? 'The peer broke off.');
}

/** A path with those of the values that are there. */
export function withQuery(path: string, values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)]);
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given as [string, string][]).toString()}`;
}

/** A key in the form that fits into a path. */
export function pathOf(key: string): string {
  return keyOfPosition(positionOfKey(key));
}

async function errorOf(response: Response): Promise<GroveError> {
  const body = (await response.json().catch(() => undefined)) as { readonly error?: { readonly code?: string; readonly message?: string } } | undefined;
  const code = CODES.find((one) => one === body?.error?.code);
  const message = body?.error?.message ?? `The peer answered with status ${response.status}: is this address a Grove API?`;
  if (response.status === 401) {
    return new GroveError('refused', 'The peer does not accept this token: use the file `token` of its state directory.');
  }
  return new GroveError(code ?? 'refused', message);
}

function checkedUrl(api: string): string {
  const url = URL.parse(api);
  if (url?.protocol === 'http:' && url.hostname !== '') return url.origin;
  throw new GroveError('usage', `The address of an API looks like http://127.0.0.1:4780, and ${JSON.stringify(api)} does not.`);
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new GroveError('usage', `The token file ${file} cannot be read: it is the file \`token\` of the peer's state directory.`, { cause: error });
  }
}
