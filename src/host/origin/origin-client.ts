/**
 * One polite question to an origin, and what came of it (ecosystem 3.2, 4.4).
 *
 * Conditional whenever something is held, with validators exactly as they came; no cookies, no Referer, nothing that defeats
 * caches; a user agent that says who asks and for how many. Redirects are followed by hand so that each target is checked.
 * When to ask is not decided here, and nothing is kept here. Whatever the origin does, this answers within a minute and
 * with at most 15 MiB in memory; it never throws for what a server did.
 */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Agent } from 'undici';
import { request } from 'undici';
import { BODY_BYTES_MAX } from '../../protocol/feed/feed.ts';
import type { Clues } from '../../protocol/feed/freshness.ts';
import type { PrivacyClues } from '../../protocol/feed/privacy.ts';
import type { FailureKind } from '../../protocol/feed/schedule.ts';
import { maxAgeOf } from '../../protocol/feed/freshness.ts';
import type { Recognised } from '../feed-parser/recognise.ts';
import { recognise } from '../feed-parser/recognise.ts';
import { AddressRefused, guardedAgent } from './guarded-agent.ts';
import type { Resolve } from './guarded-agent.ts';
import type { LinkTargets, RateLimit, RawHeaders, Validators } from './headers.ts';
import { charsetOf, cluesOf, header, linksOf, privacyCluesOf, rateLimitOf, retryAfterOf, validatorsOf } from './headers.ts';
import type { HttpSignature } from './http-signature.ts';
import { signaturesOf } from './http-signature.ts';
import { partsOf } from './parse-url.ts';
import { ACCEPTED_ENCODINGS, BodyRefused, readBody } from './read-body.ts';

export interface OriginQuestion {
  readonly url: string;
  readonly userAgent: string;
  /** Of the body that is held; undefined asks unconditionally. */
  readonly validators: Validators | undefined;
  /** A partial answer can be merged into what is held (RFC 3229). */
  readonly takesDelta: boolean;
  /** Types; undefined: those of feeds. */
  readonly accept?: string;
}

export interface SmallAnswer {
  readonly status: number;
  readonly text: string;
  readonly maxAgeMs: number | undefined;
}

interface AnswerFacts {
  readonly askedAt: number;
  readonly tookMs: number;
  /** Over the wire, bodies only. */
  readonly bytes: number;
  /** Every host that was asked, in order. */
  readonly hosts: readonly string[];
  readonly status: number;
  readonly rateLimit: RateLimit | undefined;
  /** Where only permanent redirects led; undefined when there was none. */
  readonly permanentTo: string | undefined;
}

export type OriginAnswer = AnswerFacts &
  (
    | {
        readonly kind: 'document';
        readonly body: Uint8Array;
        readonly contentType: string;
        readonly validators: Validators;
        readonly clues: Clues;
        readonly privacy: Omit<PrivacyClues, 'blocked'>;
        readonly links: LinkTargets;
        readonly recognised: Extract<Recognised, { kind: 'feed' }>;
        /** Only what is new: to be merged, never to replace. */
        readonly isDelta: boolean;
        /** By keys that nobody has looked at yet. */
        readonly signatures: readonly HttpSignature[];
      }
    | { readonly kind: 'unchanged'; readonly clues: Clues; readonly validators: Validators; readonly links: LinkTargets }
    | { readonly kind: 'failed'; readonly failure: FailureKind; readonly reason: string; readonly retryAfterMs: number | undefined }
  );

export interface OriginClientOptions {
  readonly allowPrivateNetworks: boolean;
  /** Unix ms. */
  readonly now: () => number;
  readonly resolve?: Resolve | undefined;
  /** Tests have no public addresses. */
  readonly isPublic?: (address: string) => boolean;
  readonly timeouts?: Partial<Timeouts>;
  readonly bodyBytesMax?: number;
}

interface Timeouts {
  readonly connectMs: number;
  /** Until headers, and between two pieces of a body. */
  readonly silenceMs: number;
  readonly wholeMs: number;
}

export const REDIRECTS_MAX = 5;
const TIMEOUTS: Timeouts = { connectMs: 10_000, silenceMs: 20_000, wholeMs: 60_000 };
const ACCEPT = 'application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml, application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, */*;q=0.5';
/** Beside a feed that waits for it. */
const SMALL_MS = 5_000;
/** Of a refusal's body, to see whether it is a bot wall. */
const REFUSAL_BYTES = 64 * 1024;
const BOT_WALL = /just a moment|challenge-platform|cf-chl|captcha|anubis|checking your browser|enable javascript and cookies|ddos-guard|are you a robot|access denied/i;

/** Everything that one question gathers on its way. */
interface Way {
  readonly question: OriginQuestion;
  readonly askedAt: number;
  readonly hosts: string[];
  readonly signal: AbortSignal;
  bytes: number;
  status: number;
  rateLimit: RateLimit | undefined;
  permanentTo: string | undefined;
}

class Failure extends Error {
  readonly failure: FailureKind;
  readonly retryAfterMs: number | undefined;

  constructor(failure: FailureKind, reason: string, retryAfterMs?: number) {
    super(reason);
    this.failure = failure;
    this.retryAfterMs = retryAfterMs;
  }
}

export class OriginClient {
  readonly #agent: Agent;
  readonly #now: () => number;
  readonly #timeouts: Timeouts;
  readonly #bodyBytesMax: number;
  readonly #ending = new AbortController();

  constructor({ allowPrivateNetworks, now, resolve, isPublic, timeouts = {}, bodyBytesMax = BODY_BYTES_MAX }: OriginClientOptions) {
    this.#now = now;
    this.#timeouts = { ...TIMEOUTS, ...timeouts };
    this.#bodyBytesMax = bodyBytesMax;
    const { connectMs, silenceMs } = this.#timeouts;
    this.#agent = guardedAgent({ allowPrivateNetworks, resolve, isPublic, connectTimeoutMs: connectMs, headersTimeoutMs: silenceMs, bodyTimeoutMs: silenceMs });
  }

  async ask(question: OriginQuestion): Promise<OriginAnswer> {
    const limit = AbortSignal.timeout(this.#timeouts.wholeMs);
    const way: Way = {
      question, askedAt: this.#now(), hosts: [], signal: AbortSignal.any([limit, this.#ending.signal]), bytes: 0, status: 0, rateLimit: undefined, permanentTo: undefined,
    };
    try {
      const { url, headers, body } = await this.#follow(way);
      return await this.#conclude(way, url, headers, body);
    } catch (error) {
      return { ...this.#facts(way), kind: 'failed', ...explained(error, limit.aborted) };
    }
  }

  /** A small document that is no feed, like robots.txt; undefined when there was no answer. */
  async small(url: string, userAgent: string, accept: string, bytesMax: number): Promise<SmallAnswer | undefined> {
    const signal = AbortSignal.any([AbortSignal.timeout(SMALL_MS), this.#ending.signal]);
    const way: Way = { question: { url, userAgent, accept, validators: undefined, takesDelta: false }, askedAt: this.#now(), hosts: [], signal, bytes: 0, status: 0, rateLimit: undefined, permanentTo: undefined };
    try {
      const { headers, body } = await this.#follow(way);
      const maxAgeMs = maxAgeOf(cluesOf(headers, this.#now()));
      const bytes = await readBody(body, header(headers, 'content-encoding'), bytesMax, () => undefined).finally(() => discard(body));
      return { status: way.status, text: Buffer.from(bytes).toString('utf8'), maxAgeMs };
    } catch {
      return undefined; // nothing depends on it: whoever asks goes on without
    }
  }

  /** Posts a form, to where a GET might go too; the status, or undefined when there was no answer. Redirects are not followed. */
  async post(url: string, form: URLSearchParams, userAgent: string): Promise<number | undefined> {
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(this.#timeouts.wholeMs), this.#ending.signal]);
      const headers = { 'content-type': 'application/x-www-form-urlencoded', 'user-agent': userAgent };
      const { statusCode, body } = await request(url, { dispatcher: this.#agent, method: 'POST', headers, body: form.toString(), signal });
      discard(body);
      return statusCode;
    } catch {
      return undefined; // whoever asks tries again later, whatever the reason
    }
  }

  /** Ends every question under way. */
  async close(): Promise<void> {
    this.#ending.abort();
    await this.#agent.destroy();
  }

  /** To the first answer that is no redirect. */
  async #follow(way: Way): Promise<{ readonly url: URL; readonly headers: RawHeaders; readonly body: Readable }> {
    let url = new URL(way.question.url);
    let permanently = true;
    for (let redirects = 0; ; redirects++) {
      const { statusCode, headers, body } = await this.#send(way, url);
      way.status = statusCode;
      way.rateLimit = rateLimitOf(headers, this.#now()) ?? way.rateLimit;
      const target = [301, 302, 303, 307, 308].includes(statusCode) ? redirectTarget(headers, url) : undefined;
      if (target === undefined) return { url, headers, body };
      discard(body);
      if (redirects === REDIRECTS_MAX) throw new Failure('refused', `redirects more than ${REDIRECTS_MAX} times`);
      permanently &&= statusCode === 301 || statusCode === 308;
      if (permanently) way.permanentTo = target.href;
      url = target;
    }
  }

  async #send(way: Way, url: URL): Promise<{ readonly statusCode: number; readonly headers: RawHeaders; readonly body: Readable }> {
    const plain = bare(url);
    way.hosts.push(hostOf(plain));
    return request(plain, { dispatcher: this.#agent, method: 'GET', headers: this.#headersFor(way, url), signal: way.signal });
  }

  #headersFor({ question }: Way, url: URL): Record<string, string> {
    const { userAgent, validators, takesDelta, accept = ACCEPT } = question;
    const asked = new URL(question.url);
    const headers: Record<string, string> = { accept, 'accept-encoding': ACCEPTED_ENCODINGS, 'user-agent': userAgent };
    if (validators !== undefined && validators.etag !== '') headers['if-none-match'] = validators.etag;
    if (validators !== undefined && validators.lastModified !== '') headers['if-modified-since'] = validators.lastModified;
    if (takesDelta && validators !== undefined && validators.etag !== '') headers['a-im'] = 'feed';
    // A name and password in the feed's URL go to its own origin and to no other.
    if (url.origin === asked.origin && (asked.username !== '' || asked.password !== '')) {
      headers['authorization'] = `Basic ${Buffer.from(`${decodeURIComponent(asked.username)}:${decodeURIComponent(asked.password)}`).toString('base64')}`;
    }
    return headers;
  }

  async #conclude(way: Way, url: URL, headers: RawHeaders, body: Readable): Promise<OriginAnswer> {
    const { status, question } = way;
    const receivedAt = this.#now();
    if (status === 304) {
      discard(body);
      if (question.validators === undefined) throw new Failure('content', 'answers "not modified" to an unconditional request');
      return { ...this.#facts(way), kind: 'unchanged', clues: cluesOf(headers, receivedAt), validators: validatorsOf(headers), links: linksOf(headers, url.href) };
    }
    if (![200, 203, 226].includes(status)) throw await this.#refusal(way, headers, body, receivedAt);
    // Digests are of what came, before decoding.
    const digests = header(headers, 'signature-input') === '' ? undefined : { 'sha-256': createHash('sha256'), 'sha-512': createHash('sha512') };
    const bytes = await this.#read(headers, body, (chunk) => {
      way.bytes += chunk.length;
      digests?.['sha-256'].update(chunk);
      digests?.['sha-512'].update(chunk);
    });
    const signatures = digests === undefined ? [] : signaturesOf({
      status, headers, url: bare(url), requestHeaders: this.#headersFor(way, url), digests: { 'sha-256': digests['sha-256'].digest(), 'sha-512': digests['sha-512'].digest() },
    }, receivedAt);
    const contentType = header(headers, 'content-type');
    const recognised = recognise(bytes, charsetOf(contentType));
    if (recognised.kind !== 'feed') throw new Failure('content', noFeed(recognised.kind, bytes));
    return {
      ...this.#facts(way), kind: 'document', body: bytes, contentType, validators: validatorsOf(headers), clues: cluesOf(headers, receivedAt),
      privacy: privacyCluesOf(headers), links: linksOf(headers, url.href), recognised, isDelta: status === 226, signatures,
    };
  }

  async #read(headers: RawHeaders, body: Readable, onBytes: (chunk: Uint8Array) => void): Promise<Uint8Array> {
    const announced = Number(header(headers, 'content-length'));
    if (announced > this.#bodyBytesMax) {
      discard(body);
      throw new Failure('content', `its document is larger than ${Math.round(this.#bodyBytesMax / 2 ** 20)} MiB`);
    }
    return readBody(body, header(headers, 'content-encoding'), this.#bodyBytesMax, onBytes).finally(() => discard(body));
  }

  async #refusal(way: Way, headers: RawHeaders, body: Readable, now: number): Promise<Failure> {
    const { status } = way;
    const isWall = header(headers, 'cf-mitigated') !== '' || (await this.#beginning(way, headers, body)).match(BOT_WALL) !== null;
    const wall = isWall ? ', from what looks like a bot wall' : '';
    const failure = failureOf(status);
    const stated = retryAfterOf(headers, now);
    const waits = failure === 'throttled' || failure === 'server';
    const retryAfterMs = stated ?? (waits ? maxAgeOf(cluesOf(headers, now)) : undefined);
    return new Failure(failure, `answers ${status}${wall}`, retryAfterMs);
  }

  async #beginning(way: Way, headers: RawHeaders, body: Readable): Promise<string> {
    try {
      return Buffer.from(await readBody(body, header(headers, 'content-encoding'), REFUSAL_BYTES, ({ length }) => (way.bytes += length))).toString('latin1');
    } catch {
      return ''; // it is refused anyway; this would only have said by whom
    } finally {
      discard(body);
    }
  }

  #facts({ askedAt, hosts, bytes, status, rateLimit, permanentTo }: Way): AnswerFacts {
    return { askedAt, tookMs: this.#now() - askedAt, bytes, hosts, status, rateLimit, permanentTo };
  }
}

/** Without what is for the client alone. */
function bare(url: URL): URL {
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  plain.hash = '';
  return plain;
}

/** Lets go of what is left of a body; that this breaks the stream is no news. */
function discard(body: Readable): void {
  body.on('error', () => undefined);
  body.destroy();
}

/** What per-host budgets count by. */
export function hostOf(url: URL): string {
  return url.host.replace(/^\[|\]$/g, '');
}

/** Where a redirect leads; throws when it may not be followed. */
export function redirectTarget(headers: RawHeaders, from: URL): URL {
  const location = header(headers, 'location');
  if (location === '' || !URL.canParse(location, from.href)) throw new Failure('refused', 'redirects to nowhere');
  const target = new URL(location, from.href);
  const parts = partsOf(target);
  if (parts === undefined) throw new Failure('refused', `redirects to ${target.protocol} and not to a web address`);
  if (from.protocol === 'https:' && parts.scheme === 'http') throw new Failure('refused', 'redirects from https to http');
  if (parts.username !== '' || parts.password !== '') throw new Failure('refused', 'redirects to an address with a password');
  return target;
}

function failureOf(status: number): FailureKind {
  if (status === 410) return 'gone';
  if (status === 429) return 'throttled';
  if ([401, 402, 403, 407, 451].includes(status)) return 'forbidden';
  if (status >= 500 || status === 408 || status === 425) return 'server';
  return status >= 400 ? 'missing' : 'content';
}

function noFeed(kind: Exclude<Recognised['kind'], 'feed'>, body: Uint8Array): string {
  switch (kind) {
    case 'empty':
      return 'answers with an empty document';
    case 'entities':
      return 'answers with a document that declares entities of its own, which is refused';
    case 'html':
      return BOT_WALL.test(Buffer.from(body.subarray(0, REFUSAL_BYTES)).toString('latin1')) ? 'answers with the page of a bot wall and not with a feed' : 'answers with a web page and not with a feed';
    case 'other':
      return 'answers with something that is no feed';
  }
}

function explained(error: unknown, isLate: boolean): { readonly failure: FailureKind; readonly reason: string; readonly retryAfterMs: number | undefined } {
  if (error instanceof Failure) return { failure: error.failure, reason: error.message, retryAfterMs: error.retryAfterMs };
  if (error instanceof AddressRefused) return { failure: 'refused', reason: error.message, retryAfterMs: undefined };
  if (error instanceof BodyRefused) return { failure: 'content', reason: `its document is refused: ${error.message}`, retryAfterMs: undefined };
  const { code = '', cause } = error as { readonly code?: string; readonly cause?: unknown };
  if (cause instanceof AddressRefused) return explained(cause, isLate);
  if (isLate || /TIMEOUT|TIMEDOUT/.test(code)) return { failure: 'network', reason: 'does not answer in time', retryAfterMs: undefined };
  if (/^(Z_|ERR__ERROR_FORMAT|ERR_BROTLI|ERR__)/.test(code)) return { failure: 'content', reason: 'sends a damaged document', retryAfterMs: undefined };
  if (/^(ENOTFOUND|EAI_)/.test(code)) return { failure: 'network', reason: 'is unknown to the DNS', retryAfterMs: undefined };
  return { failure: 'network', reason: `cannot be reached (${code === '' ? String((error as Error | undefined)?.message ?? error) : code})`, retryAfterMs: undefined };
}
