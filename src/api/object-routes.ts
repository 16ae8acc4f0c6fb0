/**
 * What the routes about objects and references answer. Values are streamed in both directions, never held whole; what
 * is known about a value beside its bytes is in headers.
 */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Contact } from '../core/contact.ts';
import type { Daemon } from '../daemon/daemon.ts';
import { tooLarge, VALUE_BYTES_MAX } from '../daemon/chunks.ts';
import { keyOfPosition, positionOfKey } from '../daemon/key.ts';
import type { GetResult } from '../daemon/objects.ts';
import { goneSignal } from './gone-signal.ts';

interface Params {
  readonly key: string;
  readonly field: string;
}

export async function getObject(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const position = positionOfKey((request.params as Params).key);
  const result = await daemon.objects.get(position, goneSignal(reply));
  return sendValue(reply, result, { 'x-grove-key': keyOfPosition(position) });
}

export async function putObject(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { key } = request.params as Params;
  const { leaseMs = 0 } = request.query as { readonly leaseMs?: number };
  const position = positionOfKey(key);
  if (Number(request.headers['content-length'] ?? 0) > VALUE_BYTES_MAX) throw tooLarge();
  const body = request.body instanceof Readable ? (request.body as AsyncIterable<Uint8Array>) : new Uint8Array(0);
  const { sizeBytes, copies, host, hops } = await daemon.objects.put(position, body, { leaseMs, signal: goneSignal(reply) });
  return { key, position: position.hex, bytes: sizeBytes, copies, host: named(host), hops };
}

export async function deleteObject(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { key } = request.params as Params;
  const position = positionOfKey(key);
  const { sizeBytes } = await daemon.objects.remove(position, goneSignal(reply));
  return { key, position: position.hex, deleted: true, bytes: sizeBytes };
}

export async function getRef(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { key, field } = request.params as Params;
  const result = await daemon.objects.deref(positionOfKey(key), field, goneSignal(reply));
  return sendValue(reply, result, { 'x-grove-key': keyOfPosition(result.key), 'x-grove-shortcut': String(result.shortcut) });
}

export async function putRef(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { key, field } = request.params as Params;
  const { to } = request.body as { readonly to: string };
  await daemon.objects.setref(positionOfKey(key), field, { key: positionOfKey(to) }, goneSignal(reply));
  return { key, field, to };
}

export async function deleteRef(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { key, field } = request.params as Params;
  await daemon.objects.removeRef(positionOfKey(key), field, goneSignal(reply));
  return { key, field, deleted: true };
}

function sendValue(reply: FastifyReply, result: GetResult, headers: Readonly<Record<string, string>>): FastifyReply {
  reply.headers({
    'content-type': 'application/octet-stream',
    // A value that breaks off is shorter than this says, and clients notice.
    'content-length': String(result.sizeBytes),
    'x-grove-host': result.host.peerId,
    'x-grove-hops': String(result.hops),
    ...headers,
  });
  return reply.send(Readable.from(result.value, { objectMode: false }));
}

function named(contact: Contact): { readonly peerId: string; readonly name: string } {
  return { peerId: contact.peerId, name: contact.name };
}
