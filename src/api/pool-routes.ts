/**
 * What the routes about the pool as one thing answer: questions, snapshots, messages, the tree.
 * A watched question is a stream of server-sent events, one for each change of the answer.
 */
import { once } from 'node:events';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Daemon } from '../daemon/daemon.ts';
import { goneSignal } from './gone-signal.ts';
import { replyTo } from './reply-errors.ts';

interface WhomQuery {
  readonly where?: string;
  readonly region?: string;
}

/** A line now and then keeps the connection open through whatever closes idle ones. */
const KEEP_ALIVE_MS = 20_000;

export async function getQuery(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { expression, ...whom } = request.query as WhomQuery & { readonly expression: string };
  return daemon.pool.query(expression, whom, goneSignal(reply));
}

export async function getSnapshot(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const options = request.query as WhomQuery & { readonly sort?: string; readonly descending?: boolean; readonly limit?: number };
  return daemon.pool.snapshot(options, goneSignal(reply));
}

export async function getTree(daemon: Daemon, _request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return daemon.pool.tree(goneSignal(reply));
}

export async function getTreeMap(daemon: Daemon, _request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return daemon.pool.treeMap(goneSignal(reply));
}

export async function getPeers(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return daemon.pool.peers(request.query as { readonly near?: string; readonly minDegree?: number; readonly priority?: number }, goneSignal(reply));
}

export async function postTell(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { topic, message, ...whom } = request.body as WhomQuery & { readonly topic: string; readonly message: string };
  return daemon.pool.tell(topic, message, whom, goneSignal(reply));
}

export async function streamQuery(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { expression, ...whom } = request.query as WhomQuery & { readonly expression: string };
  const { raw } = reply;
  const gone = new AbortController();
  raw.once('close', () => gone.abort());
  const answers = daemon.pool.watch(expression, whom, gone.signal);
  // What is wrong with the question is said before the stream begins, as an answer like any other.
  const first = await answers.next();
  reply.hijack();
  const headers = Object.fromEntries(Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]));
  raw.writeHead(200, { ...headers, 'content-type': 'text/event-stream' });
  const keepAlive = setInterval(() => raw.write(':\n\n'), KEEP_ALIVE_MS);
  const write = async (answer: unknown): Promise<void> => {
    if (!raw.write(`data: ${JSON.stringify(answer)}\n\n`)) await once(raw, 'drain', { signal: gone.signal });
  };
  try {
    if (first.done !== true) await write(first.value);
    for await (const answer of answers) await write(answer);
  } catch (error) {
    if (!gone.signal.aborted) raw.write(`event: failed\ndata: ${JSON.stringify(replyTo(error).body)}\n\n`);
  } finally {
    clearInterval(keepAlive);
    raw.end();
  }
  return reply;
}
