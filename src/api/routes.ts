/**
 * Every route of the API, in one table. What handlers do is beside it in handlers.ts and object-routes.ts.
 *
 * GET never changes anything. KEY in a path is as on the command line: text, or `0x` and 40 hex digits (programs use
 * that form: paths cannot carry every text).
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Daemon } from '../daemon/daemon.ts';
import { deleteCast, getCast, getCastData, getCastPieces, getCasts, postCastData, postCastInvite, putCast } from './cast-routes.ts';
import { streamEvents } from './event-stream.ts';
import { getFeedDocument, postHub } from './feed-documents.ts';
import { deleteFeed, getBases, getFeed, getFeeds, getReasons, postFeeds, postRefresh, putFeed } from './feed-routes.ts';
import { getHealth, getInvite, getLookup, getReady, getRing, getStatus, postJoin, postLeave } from './handlers.ts';
import type { Local } from './local.ts';
import { getMetrics } from './metrics.ts';
import { getOpenApi } from './open-api.ts';
import { getPeers, getQuery, getSnapshot, getTree, getTreeMap, postTell, streamQuery } from './pool-routes.ts';
import { deleteObject, deleteRef, getObject, getRef, putObject, putRef } from './object-routes.ts';

export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly does: string;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** The body is a value: handed on as a stream, whatever its type. */
  readonly streamsBody?: boolean;
  /** The body is a form, as WebSub has it. */
  readonly takesForm?: boolean;
  /** Needs no token. */
  readonly open?: boolean;
  /** HEAD is answered, too. */
  readonly head?: boolean;
  readonly handle: (daemon: Daemon, request: FastifyRequest, reply: FastifyReply, local: Local) => Promise<unknown>;
}

const text = z.string().min(1, 'it must not be empty');
const keyParams = z.strictObject({ key: text });
const whom = { where: z.string().optional(), region: z.string().optional() };
const fieldParams = z.strictObject({ key: text, field: text });
const feedParams = z.strictObject({ feed: text });
const wish = z.strictObject({
  url: z.string().min(1).max(2_048),
  maxStalenessMs: z.number().int().min(1_000).max(365 * 86_400_000).optional(),
  fanout: z.number().int().min(0).max(1_000).optional(),
  scope: z.enum(['pool', 'friends', 'local']).optional(),
  neverOrigin: z.boolean().optional(),
});
const feedPage = z.strictObject({ limit: z.coerce.number().int().min(1).max(1_000).optional(), after: z.string().max(64).optional() });
const castParams = z.strictObject({ name: text });
const castJoin = z.strictObject({ degree: z.coerce.number().int().min(1).max(64).optional(), from: z.enum(['now', 'key', 'start']).optional() });
const castFollow = castJoin.extend({ ticket: z.string().max(8_192).optional(), next: z.coerce.number().int().min(0).optional() });
const form = z.record(z.string(), z.string());
const document = { method: 'GET', open: true, head: true, handle: getFeedDocument } as const;

export const PREFIX = '/api/v1';
/** Feeds in one request. */
export const BATCH_MAX = 256;

export const ROUTES: readonly Route[] = [
  { method: 'GET', path: '/healthz', does: 'says that somebody is here', open: true, handle: getHealth },
  { method: 'GET', path: '/readyz', does: 'says whether this peer is a member of its ring', open: true, handle: getReady },
  ...['/liveness', '/healthcheck', `${PREFIX}/healthz`].map((path): Route => ({ method: 'GET', path, does: 'as /healthz', open: true, handle: getHealth })),
  ...['/readiness', `${PREFIX}/readyz`].map((path): Route => ({ method: 'GET', path, does: 'as /readyz', open: true, handle: getReady })),
  { method: 'GET', path: '/metrics', does: 'counters and gauges, as Prometheus text or OpenMetrics', open: true, handle: getMetrics },
  { method: 'GET', path: `${PREFIX}/openapi.json`, does: 'describes this API (OpenAPI 3.1)', open: true, handle: async () => getOpenApi(ROUTES) },
  { method: 'GET', path: `${PREFIX}/status`, does: 'all about this peer', handle: getStatus },
  { method: 'GET', path: `${PREFIX}/ring`, does: 'this peer and its neighbours', handle: getRing },
  { method: 'GET', path: `${PREFIX}/lookup`, does: 'finds the owner of a key', query: z.strictObject({ key: text }), handle: getLookup },
  { method: 'GET', path: `${PREFIX}/objects/:key`, does: 'streams a value', params: keyParams, handle: getObject },
  { method: 'PUT', path: `${PREFIX}/objects/:key`, does: 'stores the body', params: keyParams, query: z.strictObject({ leaseMs: z.coerce.number().int().min(1).optional() }), streamsBody: true, handle: putObject },
  { method: 'DELETE', path: `${PREFIX}/objects/:key`, does: 'deletes a value', params: keyParams, handle: deleteObject },
  { method: 'GET', path: `${PREFIX}/refs/:key/:field`, does: 'streams the value that a field refers to', params: fieldParams, handle: getRef },
  { method: 'PUT', path: `${PREFIX}/refs/:key/:field`, does: 'sets a field', params: fieldParams, body: z.strictObject({ to: text }), handle: putRef },
  { method: 'DELETE', path: `${PREFIX}/refs/:key/:field`, does: 'deletes what a field refers to, and clears the field', params: fieldParams, handle: deleteRef },
  { method: 'GET', path: `${PREFIX}/pool/query`, does: 'computes aggregates over the machines of the pool', query: z.strictObject({ expression: text, ...whom }), handle: getQuery },
  { method: 'GET', path: `${PREFIX}/pool/watch`, does: 'the same, as server-sent events whenever the answer changes', query: z.strictObject({ expression: text, ...whom }), handle: streamQuery },
  {
    method: 'GET', path: `${PREFIX}/pool/snapshot`, does: 'one report a machine', handle: getSnapshot,
    query: z.strictObject({ sort: text.optional(), descending: z.stringbool().optional(), limit: z.coerce.number().int().min(1).max(512).optional(), ...whom }),
  },
  { method: 'GET', path: `${PREFIX}/pool/tree`, does: 'where this peer stands in the metadata tree', handle: getTree },
  { method: 'GET', path: `${PREFIX}/pool/tree/map`, does: 'the whole tree: every machine, and whom it reports to', handle: getTreeMap },
  {
    method: 'GET', path: `${PREFIX}/pool/peers`, does: 'machines with free links, nearest first', handle: getPeers,
    query: z.strictObject({ near: text.optional(), minDegree: z.coerce.number().min(0).max(1_000).optional(), priority: z.coerce.number().int().min(1).max(3).optional() }),
  },
  { method: 'POST', path: `${PREFIX}/pool/tell`, does: 'tells a message to machines of the pool', body: z.strictObject({ topic: text, message: z.string(), ...whom }), handle: postTell },
  { ...document, path: '/f/:name', does: 'a feed by its id, for readers' },
  { ...document, path: '/f/http/*', does: 'a feed by its URL, for readers; subscribes to an unknown one' },
  { ...document, path: '/f/https/*', does: 'the same over https' },
  { ...document, path: '/feed', does: 'the same with the URL in the query', query: z.object({ url: text, max_age: z.coerce.number().min(1).optional() }) },
  { method: 'POST', path: '/hub', does: 'subscribes a reader to pushes of a feed (WebSub)', open: true, takesForm: true, body: form, handle: postHub },
  { method: 'GET', path: `${PREFIX}/readers`, does: 'what the addresses of feeds begin with for readers here, and elsewhere', handle: getBases },
  { method: 'GET', path: `${PREFIX}/feeds`, does: 'all feeds that this peer subscribes to, or with `limit` a page of them: the header Link leads to the next', query: feedPage, handle: getFeeds },
  { method: 'PUT', path: `${PREFIX}/feeds`, does: 'subscribes to a feed, or changes the wishes for it', body: wish, handle: putFeed },
  { method: 'POST', path: `${PREFIX}/feeds/batch`, does: 'subscribes to many', body: z.strictObject({ feeds: z.array(wish).max(BATCH_MAX) }), handle: postFeeds },
  { method: 'GET', path: `${PREFIX}/feeds/:feed`, does: 'all about one feed', params: feedParams, handle: getFeed },
  { method: 'DELETE', path: `${PREFIX}/feeds/:feed`, does: 'ends a subscription', params: feedParams, handle: deleteFeed },
  { method: 'POST', path: `${PREFIX}/feeds/:feed/refresh`, does: 'asks for news now, as far as the origin allows', params: feedParams, handle: postRefresh },
  { method: 'GET', path: `${PREFIX}/feeds/:feed/why`, does: 'why a feed is as late as it is', params: feedParams, handle: getReasons },
  { method: 'GET', path: `${PREFIX}/casts`, does: 'multicast sessions that this peer takes part in, and its invitations', handle: getCasts },
  { method: 'GET', path: `${PREFIX}/casts/:name`, does: 'one session: its tree at the root, this peer\'s part elsewhere', params: castParams, handle: getCast },
  {
    method: 'PUT', path: `${PREFIX}/casts/:name`, does: 'opens a session with this peer at its root', params: castParams, handle: putCast,
    body: z.strictObject({
      priority: z.number().int().min(1).max(3).optional(), rateBps: z.number().min(0).optional(), objective: z.enum(['height', 'bottleneck', 'variance']).optional(),
      contentType: z.string().max(128).optional(), degree: z.number().int().min(1).max(64).optional(), messages: z.enum(['lines', 'sized']).optional(), keyEvery: z.number().int().min(1).optional(), awayMs: z.number().min(0).max(600_000).optional(), invitedOnly: z.boolean().optional(),
    }),
  },
  { method: 'DELETE', path: `${PREFIX}/casts/:name`, does: 'ends a session', params: castParams, handle: deleteCast },
  {
    method: 'POST', path: `${PREFIX}/casts/:name/data`, does: 'sends the body as the session\'s stream', params: castParams, streamsBody: true, handle: postCastData,
    query: z.strictObject({ members: z.coerce.number().int().min(0).max(512).optional(), waitMs: z.coerce.number().min(0).optional() }),
  },
  { method: 'GET', path: `${PREFIX}/casts/:name/data`, does: 'becomes a member, and streams', params: castParams, query: castJoin, handle: getCastData },
  { method: 'GET', path: `${PREFIX}/casts/:name/pieces`, does: 'the same in numbered pieces, for who may have to come back for the rest', params: castParams, query: castFollow, handle: getCastPieces },
  { method: 'GET', path: '/cast/:name', does: 'the same for players', open: true, params: castParams, query: castJoin, handle: getCastData },
  { method: 'POST', path: `${PREFIX}/casts/:name/invite`, does: 'asks a peer to join', params: castParams, body: z.strictObject({ peer: text }), handle: postCastInvite },
  { method: 'GET', path: `${PREFIX}/invite`, does: 'makes an invite', handle: getInvite },
  { method: 'POST', path: `${PREFIX}/join`, does: 'goes into the pool of an invite', body: z.strictObject({ invite: text }), handle: postJoin },
  { method: 'POST', path: `${PREFIX}/leave`, does: 'says farewell and stops this peer', handle: postLeave },
  { method: 'GET', path: `${PREFIX}/events`, does: 'what happens, as server-sent events', query: z.strictObject({ since: z.coerce.number().int().min(0).optional() }), handle: streamEvents },
];
