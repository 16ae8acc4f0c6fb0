/**
 * `grove cast join`: writes a session's stream to standard output, and waits for its own peer when that dies or is stopped in the middle.
 *
 * The stream comes as numbered pieces (daemon/cast-pieces.ts). Only whole pieces are written, so after a break the session is asked
 * for the number after the last one, and every byte is written once. What the peer says about the session is final; that it does not answer is not.
 */
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { GroveError } from '../core/errors.ts';
import type { NumberedPiece } from '../daemon/cast-pieces.ts';
import { PieceReader } from '../daemon/cast-pieces.ts';
import type { Client } from './client.ts';
import { withQuery } from './client.ts';

export interface ReadTerms {
  readonly name: string;
  readonly from: string;
  readonly degree?: number | undefined;
  /** So long its peer is waited for. */
  readonly reconnectMs: number;
  /** How to start it again, for people. */
  readonly startedBy: string;
  /** Finds the running peer anew: it may be at another address. */
  readonly peer: () => Client;
  /** For people. */
  readonly say: (line: string) => void;
}

/** Between two tries, and between two lines about the waiting. */
const RETRY_MS = 500;
const SAY_MS = 15_000;
/** Nobody has refused: these may go away. */
const PASSING = new Set(['not-running', 'unreachable', 'timeout', 'stopped']);

/** The connection ended and the stream did not. */
class BrokenOff extends Error {}

export class CastFile {
  readonly #terms: ReadTerms;
  readonly #out: Writable;
  #ticket: string | undefined;
  /** The number that comes next, once that is known. */
  #next: number | undefined;
  #bytes = 0;

  constructor(terms: ReadTerms, out: Writable) {
    this.#terms = terms;
    this.#out = out;
  }

  /** To the end of the stream. Throws GroveError with why it broke off. */
  async write(): Promise<void> {
    for (let stream = await this.#ask(); ; stream = await this.#askAgain()) {
      try {
        return await this.#copy(stream);
      } catch (error) {
        if (!(error instanceof BrokenOff)) throw error;
      }
    }
  }

  async #ask(): Promise<IncomingMessage> {
    const { name, from, degree, peer } = this.#terms;
    const stream = await peer().download(withQuery(`casts/${encodeURIComponent(name)}/pieces`, { from, degree, ticket: this.#ticket, next: this.#next }));
    this.#ticket ??= stream.headers['x-grove-ticket'] as string | undefined;
    return stream;
  }

  async #askAgain(): Promise<IncomingMessage> {
    const { reconnectMs, startedBy, say } = this.#terms;
    const end = Date.now() + reconnectMs;
    let sayAt = Date.now();
    for (;;) {
      try {
        const stream = await this.#ask();
        say(`The peer is back: the stream goes on after ${this.#bytes} bytes.`);
        return stream;
      } catch (error) {
        if (!(error instanceof GroveError) || !PASSING.has(error.code)) throw error;
        if (Date.now() >= end) throw this.#tooLate(error);
        if (Date.now() >= sayAt) {
          say(`The peer here does not answer; ${this.#bytes} bytes are written. Start it again with \`${startedBy}\`, and the stream goes on. Waiting ${Math.ceil((end - Date.now()) / 1_000)} s more.`);
          sayAt += SAY_MS;
        }
        await sleep(Math.min(RETRY_MS, Math.max(1, end - Date.now())));
      }
    }
  }

  #tooLate(cause: GroveError): GroveError {
    const { name, reconnectMs } = this.#terms;
    return new GroveError('unreachable', `The stream of ${JSON.stringify(name)} is not whole: the peer here broke off after ${this.#bytes} bytes and was not back within ${reconnectMs / 1_000} s.`, { cause });
  }

  async #copy(stream: IncomingMessage): Promise<void> {
    const reader = new PieceReader();
    try {
      for await (const part of stream) for (const piece of reader.read(part as Uint8Array)) if (await this.#isEnd(piece)) return;
    } catch (error) {
      if (error instanceof GroveError || error instanceof RangeError) throw error;
    }
    throw new BrokenOff();
  }

  async #isEnd(piece: NumberedPiece): Promise<boolean> {
    switch (piece.kind) {
      case 'begin':
        // Whoever waits for a key point asks for one again: what comes before it is of no use.
        if (this.#terms.from !== 'key') this.#next ??= piece.seq;
        return false;
      case 'chunk':
        this.#next = piece.seq + 1;
        this.#bytes += piece.bytes.length;
        if (!this.#out.write(piece.bytes)) await once(this.#out, 'drain');
        return false;
      case 'end': return true;
      case 'failure': throw new GroveError('stopped', `The stream of ${JSON.stringify(this.#terms.name)} broke off after ${this.#bytes} bytes: ${piece.reason}.`);
    }
  }
}
