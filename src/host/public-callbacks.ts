/**
 * Requests to callbacks on the internet, for a peer that is a hub for publishers: the opposite of callbacks.ts. Only public addresses are
 * called (guarded-agent.ts), so that nobody can aim this peer at its own network; a redirect is an answer like any other, and answers are
 * bounded in bytes and time.
 */
import { request } from 'undici';
import type { Call, CallAnswer } from './callbacks.ts';
import type { Resolve } from './origin/guarded-agent.ts';
import { guardedAgent } from './origin/guarded-agent.ts';

const TIMEOUT_MS = 10_000;
const ANSWER_BYTES_MAX = 8 * 1024;

export interface PublicCaller {
  readonly call: (call: Call) => Promise<CallAnswer>;
  close(): Promise<void>;
}

export function publicCaller(options: { readonly allowPrivateNetworks: boolean; readonly resolve?: Resolve | undefined }): PublicCaller {
  const agent = guardedAgent({ ...options, connectTimeoutMs: TIMEOUT_MS, headersTimeoutMs: TIMEOUT_MS, bodyTimeoutMs: TIMEOUT_MS });
  return {
    call: async ({ method, url, headers, body, signal }) => {
      const signals = [AbortSignal.timeout(TIMEOUT_MS), signal].filter((one) => one !== undefined);
      const answer = await request(url, { dispatcher: agent, method, headers, body: body ?? null, signal: AbortSignal.any(signals) });
      const parts: Uint8Array[] = [];
      let bytes = 0;
      for await (const part of answer.body) {
        bytes += (part as Uint8Array).length;
        if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer has more than ${ANSWER_BYTES_MAX} bytes`);
        parts.push(part as Uint8Array);
      }
      return { status: answer.statusCode, body: Buffer.concat(parts).toString('utf8') };
    },
    close: async () => agent.destroy(),
  };
}
