/**
 * A libp2p stream as the handshake wants it: frames read one at a time, with one deadline for all of them.
 *
 * Whatever goes wrong (end, reset, a frame over the limit, silence) fails the read that waits and every later one, so a
 * handshake can hang on nothing.
 */
import type { Stream } from '@libp2p/interface';
import { bare, encodeFrame, FrameParser } from './frames.ts';
import type { HelloChannel } from './handshake.ts';
import { HELLO_FRAME_BYTES_MAX } from './handshake.ts';

/** A handshake has two frames each way; whoever sends more before they are read is cut off. */
const UNREAD_FRAMES_MAX = 4;

export class HelloStream implements HelloChannel {
  readonly #stream: Stream;
  readonly #parser = new FrameParser(HELLO_FRAME_BYTES_MAX);
  readonly #unread: Uint8Array[] = [];
  #failure: Error | undefined;
  #waiting: { resolve(bytes: Uint8Array): void; reject(error: Error): void } | undefined;

  constructor(stream: Stream, signal: AbortSignal) {
    this.#stream = stream;
    const onAbort = (): void => this.#fail(new Error('the other side stayed silent'));
    signal.addEventListener('abort', onAbort, { once: true });
    stream.addEventListener('message', (event) => this.#onBytes(bare(event.data.subarray())));
    stream.addEventListener('remoteCloseWrite', () => this.#fail(new Error('the other side ended the handshake')));
    stream.addEventListener('close', () => {
      signal.removeEventListener('abort', onAbort);
      this.#fail(new Error('the connection closed during the handshake'));
    });
    if (signal.aborted) onAbort();
  }

  async read(): Promise<Uint8Array> {
    const next = this.#unread.shift();
    if (next !== undefined) return next;
    if (this.#failure !== undefined) throw this.#failure;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  write(bytes: Uint8Array): void {
    if (this.#stream.status === 'open') this.#stream.send(encodeFrame(0, bytes));
  }

  #onBytes(bytes: Uint8Array): void {
    try {
      this.#parser.push(bytes, (_kind, payload) => this.#onFrame(payload));
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #onFrame(payload: Uint8Array): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) waiting.resolve(payload);
    else if (this.#unread.length < UNREAD_FRAMES_MAX) this.#unread.push(payload);
    else this.#fail(new Error('the other side does not follow the handshake'));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#failure);
  }
}
