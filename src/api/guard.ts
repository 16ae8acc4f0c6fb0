/**
 * Who may use the API. Loopback is no boundary for browsers: any page can make its reader's browser send requests to
 * 127.0.0.1, and by rebinding a name it can even read the answers.
 *
 * So every request must name this machine in its Host header, exactly and with our port, which no foreign page can; must
 * carry the token, which lies in a file only the owner reads, unless its route is open (health, metrics, and feeds for
 * readers, which have no token); and must not come from another site if it changes anything. There is no CORS, so
 * nothing can be read across sites either.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from './reply-errors.ts';

export interface GuardOptions {
  readonly token: string;
  /** What the Host header may be for a request; nothing before our port is known, and then nobody is let in. */
  readonly hosts: (request: FastifyRequest) => readonly string[];
}

/** Of a route, in fastify's `config`. */
export interface GuardConfig {
  readonly open: boolean;
}

const SAME_SITE = new Set(['same-origin', 'none']);

export function guard(app: FastifyInstance, options: GuardOptions): void {
  const expected = digest(options.token);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('X-Content-Type-Options', 'nosniff');
    reply.header('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
    reply.header('Cross-Origin-Resource-Policy', 'same-origin');
    reply.header('Cache-Control', 'no-store');
    checkHost(request, options.hosts(request));
    if (!isRead(request)) checkSite(request);
    if (!isOpen(request)) checkToken(request, expected);
  });
}

/** Whether a request carries the token although it need not. */
export function hasToken(request: FastifyRequest, token: string): boolean {
  return isToken(request, digest(token));
}

function isOpen(request: FastifyRequest): boolean {
  return !request.is404 && (request.routeOptions.config as Partial<GuardConfig> | undefined)?.open === true;
}

function isRead(request: FastifyRequest): boolean {
  return request.method === 'GET' || request.method === 'HEAD';
}

function checkHost(request: FastifyRequest, hosts: readonly string[]): void {
  if (hosts.includes(request.headers.host ?? '')) return;
  throw new ApiError('forbidden', 'This answers only to its own name and port: use the address that `grove status` shows.');
}

/** Browsers say where a request comes from and pages cannot change it; other programs say nothing. */
function checkSite(request: FastifyRequest): void {
  const { origin, host, 'sec-fetch-site': site } = request.headers;
  const isHere = site === undefined || (typeof site === 'string' && SAME_SITE.has(site));
  // Browsers that do not know Sec-Fetch-Site say at least this.
  if (isHere && (origin === undefined || origin === `http://${host}`)) return;
  throw new ApiError('forbidden', 'A page of another site cannot change anything here.');
}

function checkToken(request: FastifyRequest, expected: Buffer): void {
  if (isToken(request, expected)) return;
  throw new ApiError('unauthorized', 'Send the token from the file `token` in the state directory as `Authorization: Bearer TOKEN`.');
}

function isToken(request: FastifyRequest, expected: Buffer): boolean {
  const given = /^Bearer ([!-~]+)$/.exec(request.headers.authorization ?? '')?.[1];
  return given !== undefined && timingSafeEqual(digest(given), expected);
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
