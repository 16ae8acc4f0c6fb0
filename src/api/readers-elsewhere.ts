/**
 * Feeds for readers on other machines, in containers first of all, where 127.0.0.1 is somebody else: a listener of its own that
 * has the addresses of feeds and the hub, and not the API.
 *
 * It is a listener on a network, so nothing is served without a secret. Readers cannot send one in a header, so it is in the
 * path: `http://HOST:PORT/r/TOKEN/f/<id>.xml` (ecosystem 3.1, 4.3). Host has to be exact here, too. Documents lead back to the same
 * address, so that a reader stays where it came in.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { GroveError } from '../core/errors.ts';
import type { Daemon } from '../daemon/daemon.ts';
import { addRoutes, newApp } from './app.ts';
import { guard } from './guard.ts';
import type { Local } from './local.ts';
import { ROUTES } from './routes.ts';

export interface Elsewhere {
  readonly host: string;
  readonly port: number;
  /** How readers reach it: `http://grove:4782`. Left out: under that host and port. */
  readonly url?: string | undefined;
}

const PATHS = new Set(['/f/:name', '/f/http/*', '/f/https/*', '/feed', '/hub', '/healthz']);
const WITH_TOKEN = /^\/r\/([\w-]{20,200})(\/.*)$/s;
/** No route has it. */
const NOWHERE = '/r';
const ANY_ADDRESS = new Set(['0.0.0.0', '::']);

/** What the addresses of feeds begin with there. Throws GroveError 'usage' when that cannot be told. */
export function urlElsewhere({ state }: Daemon, { host, port, url }: Elsewhere): string {
  return `${checkedUrl(host, port, url)}/r/${state.readersToken()}`;
}

export function buildElsewhere(daemon: Daemon, local: Local, elsewhere: Elsewhere): FastifyInstance {
  const base = urlElsewhere(daemon, elsewhere);
  const expected = digest(daemon.state.readersToken());
  const app = newApp({
    rewriteUrl: ({ url = '' }) => {
      const [, token = '', path = NOWHERE] = WITH_TOKEN.exec(url) ?? [];
      return timingSafeEqual(digest(token), expected) ? path : NOWHERE;
    },
  });
  guard(app, { token: daemon.state.token, hosts: () => [new URL(base).host] });
  addRoutes(app, daemon, { ...local, base: () => base }, ROUTES.filter(({ path }) => PATHS.has(path)));
  return app;
}

/** Returns what ends it. */
export async function serveElsewhere(daemon: Daemon, local: Local, elsewhere: Elsewhere): Promise<() => Promise<void>> {
  const { host, port } = elsewhere;
  const app = buildElsewhere(daemon, local, elsewhere);
  await app.listen({ host, port }).catch((error: unknown) => {
    throw new GroveError('in-use', `Readers elsewhere cannot be served on ${host}:${port}: choose another address with --readers.`, { cause: error });
  });
  return async () => app.close();
}

function checkedUrl(host: string, port: number, url: string | undefined): string {
  if (port === 0) throw new GroveError('usage', 'Readers elsewhere hold the port in their addresses: give --readers a port, like 192.168.1.5:4782.');
  if (url === undefined) {
    if (ANY_ADDRESS.has(host)) throw new GroveError('usage', `Readers do not reach this machine as ${host}: say how they do with --readers-url, like http://grove:${port}.`);
    return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }
  const parsed = URL.parse(url);
  const isPlain = parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username === '' && parsed.search === '' && parsed.hash === '' && parsed.pathname === '/';
  if (!isPlain) throw new GroveError('usage', `The address for readers elsewhere looks like http://grove:4782, and ${JSON.stringify(url)} does not.`);
  return parsed.origin;
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
