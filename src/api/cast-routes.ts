/**
 * What the routes about multicast sessions answer. A stream comes in as the body of a request and goes out as the body of an answer, for
 * as long as it lasts; neither is read faster than the other side takes it.
 */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CastFeedWish, CastFollowWish, CastJoinWish, CastWish } from '../daemon/casts.ts';
import type { Daemon } from '../daemon/daemon.ts';
import { goneSignal } from './gone-signal.ts';
import { ApiError } from './reply-errors.ts';

/** What its reader keeps to come back to a session. */
const TICKET_HEADER = 'x-grove-ticket';

interface Params {
  readonly name: string;
}

export async function getCasts(daemon: Daemon): Promise<unknown> {
  return daemon.casts.list();
}

export async function getCast(daemon: Daemon, request: FastifyRequest): Promise<unknown> {
  return daemon.casts.show(nameOf(request));
}

export async function putCast(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return { ...(await daemon.casts.open(nameOf(request), request.body as CastWish, goneSignal(reply))), url: urlOf(daemon, nameOf(request)) };
}

export async function deleteCast(daemon: Daemon, request: FastifyRequest): Promise<unknown> {
  await daemon.casts.close(nameOf(request));
  return { name: nameOf(request), closed: true };
}

export async function postCastData(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const body = request.body instanceof Readable ? (request.body as AsyncIterable<Uint8Array>) : Readable.from([]);
  return daemon.casts.feed(nameOf(request), body, request.query as CastFeedWish, goneSignal(reply));
}

export async function getCastData(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  checkReader(request);
  const { contentType, bytes } = await daemon.casts.read(nameOf(request), request.query as CastJoinWish, hangUpOf(reply));
  return streamed(reply, { 'content-type': contentType }, bytes);
}

export async function getCastPieces(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { ticket, pieces } = await daemon.casts.follow(nameOf(request), request.query as CastFollowWish, hangUpOf(reply));
  return streamed(reply, { 'content-type': 'application/octet-stream', [TICKET_HEADER]: ticket }, pieces);
}

function hangUpOf(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  return gone.signal;
}

/** Whoever reads wants to know at once; Fastify would send its headers with the first bytes. */
function streamed(reply: FastifyReply, headers: Readonly<Record<string, string>>, body: AsyncIterable<Uint8Array>): FastifyReply {
  reply.headers(headers);
  for (const [header, value] of Object.entries(reply.getHeaders())) if (value !== undefined) reply.raw.setHeader(header, value);
  reply.raw.flushHeaders();
  return reply.send(Readable.from(body, { objectMode: false }));
}

export async function postCastInvite(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return daemon.casts.invite(nameOf(request), (request.body as { readonly peer: string }).peer, goneSignal(reply));
}

/** The URL for players needs no token: pages of other sites, which could make a browser open it, are turned away. */
function checkReader({ headers }: FastifyRequest): void {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  throw new ApiError('forbidden', 'A page of another site cannot open a stream here.');
}

function nameOf(request: FastifyRequest): string {
  return (request.params as Params).name;
}

function urlOf(daemon: Daemon, name: string): string | null {
  return daemon.apiUrl === undefined ? null : `${daemon.apiUrl}/cast/${encodeURIComponent(name)}`;
}
