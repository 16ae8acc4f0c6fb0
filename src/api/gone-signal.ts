/**
 * Work for somebody who has hung up is wasted: an AbortSignal that fires when the client closes before its answer is out.
 * An operation on the ring is cheap to give up and may cost other peers transfers when it is not.
 */
import type { FastifyReply } from 'fastify';
import { ApiError } from './reply-errors.ts';

export function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new ApiError('usage', 'The client closed the connection.'));
  });
  return gone.signal;
}
