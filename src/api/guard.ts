/**
 * Who may use the API. Loopback is no boundary for browsers: any page can make its reader's browser send requests to
 * 127.0.0.1, and by rebinding a name it can even read the answers.
 *
 * So every request must name this machine in its Host header, exactly and with our port, which no foreign page can; must
 * carry the token, which lies in a file only the owner reads; and must not come from another site if it changes
 * anything. There is no CORS, so nothing can be read across sites either.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from './reply-errors.ts';

export interface GuardOptions {
  readonly token: string;
  /** The port we listen on; undefined before that is known, and then nobody is let in. */
  readonly port: () => number | undefined;
}

/** Routes that say nothing but that somebody is here. */
const PUBLIC = new Set(['/healthz', '/api/v1/healthz']);
const SAME_SITE = new Set(['same-origin', 'none']);

export function guard(app: FastifyInstance, options: GuardOptions): void {
  const expected = digest(options.token);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('X-Content-Type-Options', 'nosniff');
    reply.header('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
    reply.header('Cache-Control', 'no-store');
    checkHost(request, options.port());
    if (!isRead(request)) checkSite(request);
    if (!PUBLIC.has(request.url)) checkToken(request, expected);
  });
}

function isRead(request: FastifyRequest): boolean {
  return request.method === 'GET' || request.method === 'HEAD';
}

function checkHost(request: FastifyRequest, port: number | undefined): void {
  const allowed = ['localhost', '127.0.0.1', '[::1]'].map((name) => `${name}:${port}`);
  if (port !== undefined && allowed.includes(request.headers.host ?? '')) return;
  throw new ApiError('forbidden', 'This API answers only to localhost, 127.0.0.1 and [::1] with its own port: use the address that `grove status` shows.');
}

/** Browsers say where a request comes from and pages cannot change it; other programs say nothing. */
function checkSite(request: FastifyRequest): void {
  const site = request.headers['sec-fetch-site'];
  if (site === undefined || (typeof site === 'string' && SAME_SITE.has(site))) return;
  throw new ApiError('forbidden', 'A page of another site cannot change anything here.');
}

function checkToken(request: FastifyRequest, expected: Buffer): void {
  const given = /^Bearer ([!-~]+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (given !== undefined && timingSafeEqual(digest(given), expected)) return;
  throw new ApiError('unauthorized', 'Send the token from the file `token` in the state directory as `Authorization: Bearer TOKEN`.');
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
