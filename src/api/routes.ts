/**
 * Every route of the API, in one table. What handlers do is beside it in handlers.ts and object-routes.ts.
 *
 * GET never changes anything. KEY in a path is as on the command line: text, or `0x` and 40 hex digits (programs use
 * that form: paths cannot carry every text).
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Daemon } from '../daemon/daemon.ts';
import { streamEvents } from './event-stream.ts';
import { getHealth, getInvite, getLookup, getReady, getRing, getStatus, postJoin, postLeave } from './handlers.ts';
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
  readonly handle: (daemon: Daemon, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
}

const text = z.string().min(1);
const keyParams = z.strictObject({ key: text });
const whom = { where: z.string().optional(), region: z.string().optional() };
const fieldParams = z.strictObject({ key: text, field: text });

export const PREFIX = '/api/v1';

export const ROUTES: readonly Route[] = [
  { method: 'GET', path: '/healthz', does: 'says that somebody is here; needs no token', handle: getHealth },
  { method: 'GET', path: '/readyz', does: 'says whether this peer is a member of its ring', handle: getReady },
  { method: 'GET', path: `${PREFIX}/healthz`, does: 'as /healthz', handle: getHealth },
  { method: 'GET', path: `${PREFIX}/readyz`, does: 'as /readyz', handle: getReady },
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
  { method: 'GET', path: `${PREFIX}/invite`, does: 'makes an invite', handle: getInvite },
  { method: 'POST', path: `${PREFIX}/join`, does: 'goes into the pool of an invite', body: z.strictObject({ invite: text }), handle: postJoin },
  { method: 'POST', path: `${PREFIX}/leave`, does: 'says farewell and stops this peer', handle: postLeave },
  { method: 'GET', path: `${PREFIX}/events`, does: 'what happens, as server-sent events', query: z.strictObject({ since: z.coerce.number().int().min(0).optional() }), handle: streamEvents },
];
