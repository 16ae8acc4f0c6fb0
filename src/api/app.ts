/**
 * An HTTP server and its routes, whoever it is for: what a body may be, how requests are checked, and one form for all errors.
 * Apart from server.ts, because the API and the listener for readers elsewhere are both made of it.
 */
import fastify from 'fastify';
import type { FastifyInstance, FastifyServerOptions } from 'fastify';
import type { z } from 'zod';
import type { Daemon } from '../daemon/daemon.ts';
import type { GuardConfig } from './guard.ts';
import type { Local } from './local.ts';
import { ApiError, replyTo, replyWith, sendProblem } from './reply-errors.ts';
import type { Route } from './routes.ts';

/** Of everything that is not a value. */
const BODY_BYTES_MAX = 64 * 1024;
/** A key of 1,024 bytes, each percent-encoded. */
const PARAM_LENGTH_MAX = 3 * 1_024 + 64;

/** A server without routes, with the checks and the errors that all of ours have. */
export function newApp(options: FastifyServerOptions = {}): FastifyInstance {
  const app = fastify({
    bodyLimit: BODY_BYTES_MAX,
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    ...options,
  });
  app.setValidatorCompiler<z.ZodType>(({ schema }) => (data: unknown) => {
    const { success, data: value, error } = schema.safeParse(data);
    return success ? { value } : { error: new ApiError('usage', explain(error)) };
  });
  app.setErrorHandler(async (error, _request, reply) => {
    const problem = replyTo(error);
    if (problem.body.error.code === 'internal') process.stderr.write(`grove: API: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return sendProblem(reply, problem);
  });
  app.setNotFoundHandler(async (_request, reply) => sendProblem(reply, replyWith('no-such-route', 'There is no such route, or not with this method.')));
  return app;
}

export function addRoutes(app: FastifyInstance, daemon: Daemon, local: Local, routes: readonly Route[]): void {
  const add = (to: FastifyInstance, some: readonly Route[]): void => {
    for (const route of some) addRoute(to, daemon, local, route);
  };
  add(app, routes.filter((one) => one.streamsBody !== true && one.takesForm !== true));
  void app.register(async (streaming) => {
    streaming.removeAllContentTypeParsers();
    streaming.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    add(streaming, routes.filter((one) => one.streamsBody === true));
  });
  void app.register(async (forms) => {
    forms.removeAllContentTypeParsers();
    forms.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))));
    add(forms, routes.filter((one) => one.takesForm === true));
  });
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
