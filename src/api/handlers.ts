/**
 * What the routes about the peer itself answer.
 * Each is a few lines around a verb of the daemon; whatever they throw becomes an answer in reply-errors.ts.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Daemon } from '../daemon/daemon.ts';
import { positionOfKey } from '../daemon/key.ts';
import { goneSignal } from './gone-signal.ts';

export async function getHealth(): Promise<unknown> {
  return { ok: true };
}

export async function getReady(daemon: Daemon, _request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  reply.code(daemon.isReady ? 200 : 503);
  return { ready: daemon.isReady };
}

export async function getStatus(daemon: Daemon): Promise<unknown> {
  return daemon.status();
}

export async function getRing(daemon: Daemon): Promise<unknown> {
  return daemon.ring();
}

export async function getLookup(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { key } = request.query as { readonly key: string };
  const position = positionOfKey(key);
  const { owner, hops, tookMs } = await daemon.objects.lookup(position, goneSignal(reply));
  return { key, position: position.hex, owner: { peerId: owner.peerId, name: owner.name }, hops, ms: Math.round(tookMs * 1000) / 1000 };
}

export async function getInvite(daemon: Daemon): Promise<unknown> {
  return { invite: daemon.invite() };
}

export async function postJoin(daemon: Daemon, request: FastifyRequest): Promise<unknown> {
  const { invite } = request.body as { readonly invite: string };
  await daemon.join(invite);
  const { peerId, pool, ring } = daemon.status();
  return { joined: true, peerId, pool, ring };
}

export async function postLeave(daemon: Daemon, _request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  // After the answer is out: stopping closes this very connection.
  reply.raw.once('close', () => void daemon.stop());
  reply.code(202);
  return { stopping: true };
}
