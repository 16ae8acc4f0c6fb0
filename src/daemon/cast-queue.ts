/**
 * Between the protocol, which hands chunks over, and whoever reads them as an iteration: a queue with a bound, and the end. Bytes for players,
 * or numbered pieces for who may have to come back (cast-pieces.ts).
 * Above the bound the protocol keeps what comes, which holds the stream back; nothing is dropped here.
 */
import { GroveError } from '../core/errors.ts';
import type { Chunk } from '../protocol/alm/stream/frames.ts';
import type { CastReader, Reader } from '../protocol/alm/stream/reader.ts';
import { encodePiece } from './cast-pieces.ts';
import type { Deferred } from './deferred.ts';
import { deferred } from './deferred.ts';

/** Above it the protocol keeps what comes. */
const QUEUE_BYTES = 256 * 1024;

export class CastQueue implements CastReader {
  readonly #input: (call: () => void) => void;
  readonly #name: string;
  #begin: number | undefined;
  #chunks: Chunk[] = [];
  #bytes = 0;
  #isFull = false;
  #end: { readonly reason: string; readonly isFailure: boolean } | undefined;
  #news: Deferred<void> | undefined;
  #reader: Reader | undefined;
  #onGone: () => void = () => undefined;
  #isGone = false;
  #isCut = false;

  constructor(name: string, input: (call: () => void) => void) {
    this.#name = name;
    this.#input = input;
  }

  start(reader: Reader, onGone: () => void): void {
    this.#reader = reader;
    this.#onGone = onGone;
    if (this.#isGone) this.#leave();
  }

  onBegin(seq: number): void {
    this.#begin = seq;
    this.#news?.resolve();
  }

  onChunk(chunk: Chunk): boolean {
    this.#chunks.push(chunk);
    this.#bytes += chunk.bytes.length;
    this.#isFull = this.#bytes >= QUEUE_BYTES;
    this.#news?.resolve();
    return !this.#isFull;
  }

  onEnd(reason: string, isFailure: boolean): void {
    this.#end = { reason, isFailure };
    this.#news?.resolve();
  }

  /** The peer stops: it breaks off in the middle, as if it had died. The session learns of it elsewhere. */
  cut(): void {
    this.#isCut = true;
    this.#news?.resolve();
  }

  /** Everything, until its end or until `signal`. Throws why it broke off. */
  async *bytes(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunks of this.#batches(signal)) {
      if (chunks.length > 0) yield chunks.length === 1 ? (chunks[0] as Chunk).bytes : Buffer.concat(chunks.map(({ bytes }) => bytes));
    }
    if (this.#end?.isFailure === true) throw new GroveError('stopped', `The stream of ${JSON.stringify(this.#name)} broke off: ${this.#end.reason}.`);
  }

  /** The same with numbers, and with the end as a piece of its own. */
  async *pieces(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    let isBegun = false;
    for await (const chunks of this.#batches(signal)) {
      const parts = chunks.flatMap(({ seq, bytes }) => encodePiece({ kind: 'chunk', seq, bytes }));
      if (!isBegun && this.#begin !== undefined) {
        isBegun = true;
        parts.unshift(...encodePiece({ kind: 'begin', seq: this.#begin }));
      }
      if (parts.length > 0) yield Buffer.concat(parts);
    }
    if (this.#end !== undefined) yield Buffer.concat(encodePiece({ kind: this.#end.isFailure ? 'failure' : 'end', reason: this.#end.reason }));
  }

  /** What there is, each time that there is something new. */
  async *#batches(signal: AbortSignal): AsyncGenerator<readonly Chunk[], void, undefined> {
    const wake = (): void => this.#news?.resolve();
    signal.addEventListener('abort', wake, { once: true });
    try {
      while (!signal.aborted) {
        if (this.#isCut) throw new GroveError('stopped', 'The peer is stopping.');
        const chunks = this.#chunks;
        this.#chunks = [];
        this.#bytes = 0;
        if (this.#isFull) {
          this.#isFull = false;
          this.#input(() => this.#reader?.ready());
        }
        yield chunks;
        if (chunks.length > 0 || this.#chunks.length > 0) continue;
        if (this.#end !== undefined) return;
        this.#news = deferred<void>();
        await this.#news.promise;
      }
    } finally {
      signal.removeEventListener('abort', wake);
      this.#isGone = true;
      if (!this.#isCut) this.#leave();
    }
  }

  #leave(): void {
    this.#input(() => {
      this.#reader?.close();
      this.#onGone();
    });
  }
}
