/**
 * The HTTP server around the routes: `buildApi` makes one without a socket, which tests use; `serveApi` listens.
 *
 * It listens on loopback and nowhere else: a token in clear text does not belong on a network, and whoever wants the API
 * elsewhere forwards a port over ssh.
 */
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { GroveError } from '../core/errors.ts';
import type { Daemon, Served } from '../daemon/daemon.ts';
import { Readers } from '../daemon/feeds/readers.ts';
import type { GuardConfig } from './guard.ts';
import { guard } from './guard.ts';
import type { Local } from './local.ts';
import { Metrics } from './metrics.ts';
import { ApiError, replyTo } from './reply-errors.ts';
import type { Route } from './routes.ts';
import { ROUTES } from './routes.ts';

export interface ApiAddress {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Whether another port will do when this one is taken. */
  readonly isFlexible?: boolean;
}

/** Of everything that is not a value. */
const BODY_BYTES_MAX = 64 * 1024;
/** A key of 1,024 bytes, each percent-encoded. */
const PARAM_LENGTH_MAX = 3 * 1_024 + 64;
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** `port` is what the Host header has to name; asked at every request, because it is only known once we listen. */
export function buildApi(daemon: Daemon, port: () => number | undefined): FastifyInstance {
  const app = fastify({
    bodyLimit: BODY_BYTES_MAX,
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    forceCloseConnections: true,
    exposeHeadRoutes: false,
  });
  app.setValidatorCompiler<z.ZodType>(({ schema }) => (data: unknown) => {
    const { success, data: value, error } = schema.safeParse(data);
    return success ? { value } : { error: new ApiError('usage', explain(error)) };
  });
  app.setErrorHandler(async (error, _request, reply) => {
    const { status, body } = replyTo(error);
    if (body.error.code === 'internal') process.stderr.write(`grove: API: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return reply.code(status).send(body);
  });
  app.setNotFoundHandler(async (_request, reply) => {
    const { status, body } = replyTo(new ApiError('no-such-route', 'There is no such route, or not with this method.'));
    return reply.code(status).send(body);
  });
  guard(app, { token: daemon.state.token, port });
  const readers = new Readers({ feeds: daemon.feeds, store: daemon.state.store, api: () => daemon.apiUrl ?? `http://127.0.0.1:${port() ?? 0}` });
  const local: Local = { readers, metrics: new Metrics(daemon, readers.feeds) };
  app.addHook('onReady', async () => readers.hub.start());
  app.addHook('onClose', async () => {
    readers.stop();
    local.metrics.stop();
  });
  const add = (to: FastifyInstance, routes: readonly Route[]): void => {
    for (const route of routes) addRoute(to, daemon, local, route);
  };
  add(app, ROUTES.filter((one) => one.streamsBody !== true && one.takesForm !== true));
  void app.register(async (streaming) => {
    streaming.removeAllContentTypeParsers();
    streaming.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    add(streaming, ROUTES.filter((one) => one.streamsBody === true));
  });
  void app.register(async (forms) => {
    forms.removeAllContentTypeParsers();
    forms.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))));
    add(forms, ROUTES.filter((one) => one.takesForm === true));
  });
  return app;
}

/** Listens on loopback. Throws GroveError 'usage' on any other address and 'in-use' on a taken port. */
export async function serveApi(daemon: Daemon, address: ApiAddress): Promise<Served> {
  checkLoopback(address.host);
  const { host, port, isFlexible = false } = address;
  let bound: number | undefined;
  const listen = async (wanted: number): Promise<FastifyInstance> => {
    const app = buildApi(daemon, () => bound);
    await app.listen({ host, port: wanted });
    bound = (app.server.address() as AddressInfo).port;
    return app;
  };
  const app = await listen(port).catch(async (error: unknown) => {
    if (isFlexible) return listen(0);
    throw new GroveError('in-use', `The API cannot listen on ${host}:${port}: choose another port with --api, or 0 for any free one.`, { cause: error });
  });
  const shown = host === '::1' ? '[::1]' : '127.0.0.1';
  return { url: `http://${shown}:${bound}`, close: async () => app.close() };
}

export function checkLoopback(host: string): void {
  if (LOOPBACK.has(host)) return;
  throw new GroveError('usage', `The API listens on loopback only, not on ${host}: use 127.0.0.1:PORT, and forward the port over ssh to use it from elsewhere.`);
}

function addRoute(app: FastifyInstance, daemon: Daemon, local: Local, route: Route): void {
  const { method, path, params, query, body, handle, open = false, head = false } = route;
  const config: GuardConfig = { open };
  app.route({
    method: head ? [method, 'HEAD'] : method,
    url: path,
    config,
    schema: {
      ...(params === undefined ? {} : { params }),
      ...(query === undefined ? {} : { querystring: query }),
      ...(body === undefined ? {} : { body }),
    },
    handler: async (request, reply) => handle(daemon, request, reply, local),
  });
}

function explain(error: z.ZodError): string {
  const [issue] = error.issues;
  const where = issue === undefined || issue.path.length === 0 ? 'the request' : issue.path.join('.');
  return `Check ${where}: ${issue?.message ?? 'it is not valid'}.`;
}
