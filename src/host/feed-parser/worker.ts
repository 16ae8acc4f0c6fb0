/**
 * The thread in which documents are parsed. It can be killed at any moment: it holds nothing but the question it works on,
 * and whatever a document does to the parser (no end, no memory left) happens here and not in the peer.
 */
import { parentPort } from 'node:worker_threads';
import { must } from '../../core/assert.ts';
import { decodeText } from './decode-text.ts';
import type { ParsedDocument } from './extract.ts';
import { extract } from './extract.ts';

export interface ParseQuestion {
  readonly number: number;
  readonly body: Uint8Array;
  readonly charset: string | undefined;
}

export type ParseAnswer = { readonly number: number } & ({ readonly document: ParsedDocument } | { readonly reason: string });

const REASON_MAX = 200;

const port = must(parentPort, 'this file runs as a worker');
port.on('message', ({ number, body, charset }: ParseQuestion) => {
  let answer: ParseAnswer;
  try {
    answer = { number, document: extract(decodeText(body, charset)) };
  } catch (error) {
    answer = { number, reason: (error instanceof Error ? error.message : String(error)).slice(0, REASON_MAX) };
  }
  port.postMessage(answer);
});
