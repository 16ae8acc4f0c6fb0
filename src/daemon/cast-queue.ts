/**
 * Between the protocol, which hands chunks over, and whoever reads them as an iteration of bytes: a queue with a bound, and the end.
 * Above the bound the protocol keeps what comes, which holds the stream back; nothing is dropped here.
 */
import { GroveError } from '../core/errors.ts';
import type { Chunk } from '../protocol/alm/stream/frames.ts';
import type { CastReader, Reader } from '../protocol/alm/stream/reader.ts';
import type { Deferred } from './deferred.ts';
import { deferred } from './deferred.ts';

/** Above it the protocol keeps what comes. */
const QUEUE_BYTES = 256 * 1024;

export class CastQueue implements CastReader {
  readonly #input: (call: () => void) => void;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #isFull = false;
  #end: { readonly reason: string; readonly isFailure: boolean } | undefined;
  #news: Deferred<void> | undefined;
  #reader: Reader | undefined;
  #onGone: () => void = () => undefined;
  #isGone = false;

  constructor(input: (call: () => void) => void) {
    this.#input = input;
  }

  start(reader: Reader, onGone: () => void): void {
    this.#reader = reader;
    this.#onGone = onGone;
    if (this.#isGone) this.#leave();
  }

  onChunk({ bytes }: Chunk): boolean {
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
    this.#isFull = this.#bytes >= QUEUE_BYTES;
    this.#news?.resolve();
    return !this.#isFull;
  }

  onEnd(reason: string, isFailure: boolean): void {
    this.#end = { reason, isFailure };
    this.#news?.resolve();
  }

  /** Everything, until its end or until `signal`. Throws why it broke off. */
  async *bytes(signal: AbortSignal, name: string): AsyncGenerator<Uint8Array, void, undefined> {
    const wake = (): void => this.#news?.resolve();
    signal.addEventListener('abort', wake, { once: true });
    try {
      while (!signal.aborted) {
        const chunks = this.#chunks;
        this.#chunks = [];
        this.#bytes = 0;
        if (this.#isFull) {
          this.#isFull = false;
          this.#input(() => this.#reader?.ready());
        }
        if (chunks.length > 0) yield chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
        if (chunks.length > 0 || this.#chunks.length > 0) continue;
        if (this.#end?.isFailure === true) throw new GroveError('stopped', `The stream of ${JSON.stringify(name)} broke off: ${this.#end.reason}.`);
        if (this.#end !== undefined) return;
        this.#news = deferred<void>();
        await this.#news.promise;
      }
    } finally {
      signal.removeEventListener('abort', wake);
      this.#isGone = true;
      this.#leave();
    }
  }

  #leave(): void {
    this.#input(() => {
      this.#reader?.close();
      this.#onGone();
    });
  }
}
