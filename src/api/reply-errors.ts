/**
 * Errors of the API: which HTTP status belongs to which of Grove's error codes, in one table, and the one JSON form: a problem document
 * (RFC 9457) with our code in it. A client tells errors apart by their code; the message is one sentence for the person behind it.
 */
import { STATUS_CODES } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { ErrorCode } from '../core/errors.ts';
import { GroveError } from '../core/errors.ts';

/** What only this layer refuses. */
export type ApiErrorCode = ErrorCode | 'unauthorized' | 'forbidden' | 'no-such-route' | 'internal';

export interface ErrorBody {
  /** Nothing beyond the status: what tells problems apart is the code. */
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly error: { readonly code: ApiErrorCode; readonly message: string };
}

const STATUS: Readonly<Record<ApiErrorCode, number>> = {
  usage: 400,
  unauthorized: 401,
  forbidden: 403,
  refused: 403,
  'not-found': 404,
  'no-such-route': 404,
  'in-use': 409,
  'too-large': 413,
  internal: 500,
  state: 500,
  unreachable: 502,
  'not-running': 503,
  stopped: 503,
  timeout: 504,
  quota: 507,
};

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;

  constructor(code: ApiErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Status and body for anything that was thrown. What is not meant for people stays inside. */
export function replyTo(error: unknown): { readonly status: number; readonly body: ErrorBody } {
  if (error instanceof GroveError || error instanceof ApiError) return replyWith(error.code, error.message);
  const status = (error as { readonly statusCode?: unknown }).statusCode;
  const message = error instanceof Error ? error.message : String(error);
  if (status === 413) return replyWith('too-large', 'The request is too large.');
  if (typeof status === 'number' && status >= 400 && status < 500) return replyWith('usage', message);
  return replyWith('internal', 'Something went wrong inside this peer; its standard error says what.');
}

export async function sendProblem(reply: FastifyReply, { status, body }: { readonly status: number; readonly body: ErrorBody }): Promise<FastifyReply> {
  return reply.code(status).type('application/problem+json').send(JSON.stringify(body));
}

export function replyWith(code: ApiErrorCode, message: string, status = STATUS[code]): { readonly status: number; readonly body: ErrorBody } {
  return { status, body: { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail: message, error: { code, message } } };
}
