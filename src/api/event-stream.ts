/**
 * What happens in this peer, as server-sent events: numbered, so that a client that comes back asks for what it missed,
 * either with `?since=` or with the Last-Event-ID that browsers send by themselves. What can no longer be sent is an event
 * `gap` (event-log.ts), so that no client has to notice it by counting.
 */
import { once } from 'node:events';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Daemon } from '../daemon/daemon.ts';

/** A line now and then keeps the connection open through whatever closes idle ones. */
const KEEP_ALIVE_MS = 15_000;

export async function streamEvents(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const since = (request.query as { readonly since?: number }).since ?? lastEventId(request);
  const { raw } = reply;
  const gone = new AbortController();
  raw.once('close', () => gone.abort());
  reply.hijack();
  const headers = Object.fromEntries(Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]));
  raw.writeHead(200, { ...headers, 'content-type': 'text/event-stream' });
  raw.write(`: ${daemon.events.lastId} events so far\n\n`);
  const keepAlive = setInterval(() => raw.write(': keepalive\n\n'), KEEP_ALIVE_MS);
  try {
    for await (const event of daemon.events.after(since, gone.signal)) {
      const isTaken = raw.write(`id: ${event.id}\nevent: ${event.event}\ndata: ${JSON.stringify(event)}\n\n`);
      if (!isTaken) await once(raw, 'drain', { signal: gone.signal });
    }
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  } finally {
    clearInterval(keepAlive);
    raw.end();
  }
  return reply;
}

function lastEventId(request: FastifyRequest): number | undefined {
  const id = Number(request.headers['last-event-id'] ?? Number.NaN);
  return Number.isInteger(id) && id >= 0 ? id : undefined;
}
