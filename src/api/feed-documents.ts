/**
 * Feeds for readers: the three local addresses of a feed, and the hub. No token: readers have none, and loopback with an exact
 * Host is all that they can reach (guard.ts).
 *
 * Asking for a feed that nobody subscribed to subscribes to it, so that a URL can simply be written into a reader. A page in
 * somebody's browser must not be able to do that: whatever a browser sends along (Sec-Fetch-*, Origin, Referer) forbids it, unless
 * the token is there. The first request waits for the feed; when it does not come, it is 503 with Retry-After, never
 * an empty document (ecosystem 3.1, 4.3).
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Daemon } from '../daemon/daemon.ts';
import type { Readers } from '../daemon/feeds/readers.ts';
import type { LocalLinks } from '../daemon/feeds/render.ts';
import type { FeedTarget } from '../daemon/feeds/reader-urls.ts';
import { feedTarget } from '../daemon/feeds/reader-urls.ts';
import type { ServedDocument } from '../daemon/feeds/views.ts';
import type { HubForm } from '../daemon/feeds/hub.ts';
import type { FeedFacts, FeedRequest } from './feed-answer.ts';
import { answerFeed, basesOf } from './feed-answer.ts';
import { hasToken } from './guard.ts';
import type { Local } from './local.ts';
import { ApiError, replyWith, sendProblem } from './reply-errors.ts';

const UNAVAILABLE = 503;
const FIRST_WAIT_MS = 10_000;
const RETRY_S_MIN = 10;
const RETRY_S_MAX = 3_600;

export async function getFeedDocument(daemon: Daemon, request: FastifyRequest, reply: FastifyReply, local: Local): Promise<FastifyReply> {
  const { readers } = local;
  const target = feedTarget(request.raw.url ?? '');
  if (target === undefined) throw new ApiError('usage', 'The address of a feed here is /f/ID.xml, /f/https/HOST/PATH or /feed?url=URL.');
  const id = readers.idOf(target) ?? subscribe(daemon, request, readers, target);
  const known = readers.feeds.document(id);
  const document = known ?? (await firstDocument(readers, id, reply));
  if (document === undefined) return unavailable(readers, id, reply);
  return send(local, document, known === undefined, request, reply);
}

export async function postHub(_daemon: Daemon, request: FastifyRequest, reply: FastifyReply, { readers }: Local): Promise<FastifyReply> {
  const status = await readers.hub.request(request.body as HubForm);
  return reply.code(status).send();
}

/** Subscribes to what is asked for, if whoever asks may. */
function subscribe(daemon: Daemon, request: FastifyRequest, readers: Readers, target: FeedTarget): string {
  if ('id' in target) throw new ApiError('not-found', 'No feed here has this id: `grove feed list` shows those that there are.');
  if (isFromBrowser(request) && !hasToken(request, daemon.state.token)) {
    throw new ApiError('forbidden', 'A browser cannot subscribe to a feed by opening its address: use `grove feed add URL`, or the address in a feed reader.');
  }
  const { url, maxAgeS } = target;
  return readers.feeds.add({ url, ...(maxAgeS === undefined ? {} : { maxStalenessMs: Math.round(maxAgeS * 1_000) }) }).id;
}

function isFromBrowser({ headers }: FastifyRequest): boolean {
  return Object.keys(headers).some((name) => name.startsWith('sec-fetch-') || name === 'origin' || name === 'referer');
}

async function firstDocument(readers: Readers, id: string, reply: FastifyReply): Promise<ServedDocument | undefined> {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  return readers.firstDocument(id, AbortSignal.any([gone.signal, AbortSignal.timeout(FIRST_WAIT_MS)]));
}

async function unavailable(readers: Readers, id: string, reply: FastifyReply): Promise<FastifyReply> {
  const { reason, failures, schedule } = readers.feeds.why(id);
  const next = Date.parse(failures.retryAt ?? schedule.next ?? '');
  const waitS = Number.isNaN(next) ? RETRY_S_MIN : Math.ceil((next - Date.now()) / 1_000);
  reply.header('Retry-After', String(Math.min(RETRY_S_MAX, Math.max(RETRY_S_MIN, waitS))));
  return sendProblem(reply, replyWith('timeout', `There is nothing of this feed yet. ${reason}`, UNAVAILABLE));
}

async function send({ readers, base }: Local, document: ServedDocument, isFirst: boolean, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const asked = requestOf(request);
  const rendition = readers.rendition(document, base());
  const items = readers.itemsSince(document, basesOf(asked).filter((tag) => tag !== rendition.etag), base());
  const { status, headers, content } = answerFeed(factsOf(document, readers.links(document.id, base()), isFirst), rendition, asked, Date.now(), items);
  // A browser that opens a feed shows it, and runs nothing in it.
  reply.headers({ 'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; sandbox", ...headers }).code(status);
  if (content === 'none') return reply.send();
  if (content === 'delta') return reply.send(Buffer.from(items?.body ?? []));
  const body = content === 'gzip' ? await readers.zipped(document, base()) : rendition.body;
  return reply.send(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
}

function requestOf({ headers }: FastifyRequest): FeedRequest {
  const one = (name: string): string | undefined => {
    const value = headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  };
  return { ifNoneMatch: one('if-none-match'), ifModifiedSince: one('if-modified-since'), acceptEncoding: one('accept-encoding'), aIm: one('a-im') };
}

function factsOf({ version, freshAt, nextUpdateAt, modifiedAt, canonicalUrl }: ServedDocument, links: LocalLinks, isFirst: boolean): FeedFacts {
  const { contentType, fetchedAt } = version;
  return { contentType, modifiedAt, freshAt: Math.max(freshAt, fetchedAt), nextUpdateAt, canonicalUrl, ...links, isFirst };
}
