/**
 * A libp2p stream as a short dialogue wants it (handshake, measurement): frames read one at a time, with one deadline for all.
 *
 * Whatever goes wrong (end, reset, a frame over the limit, silence) fails the read that waits and every later one, so a
 * dialogue can hang on nothing.
 */
import type { Stream } from '@libp2p/interface';
import { bare, encodeFrame, FrameParser } from './frames.ts';

/** Both sides take turns; whoever sends more before it is read is cut off. */
const UNREAD_FRAMES_MAX = 4;
/** Kind of the frames that are read one at a time. */
const TURN = 0;

export interface FramedStreamOptions {
  readonly frameBytesMax: number;
  /** Ends the dialogue, whatever it waits for. */
  readonly signal: AbortSignal;
  /** Hears frames of other kinds as they come; without it their bytes count like any other frame's. */
  readonly onOther?: (kind: number, payload: Uint8Array) => void;
}

export class FramedStream {
  readonly #stream: Stream;
  readonly #parser: FrameParser;
  readonly #onOther: FramedStreamOptions['onOther'];
  readonly #unread: Uint8Array[] = [];
  #failure: Error | undefined;
  #waiting: { resolve(bytes: Uint8Array): void; reject(error: Error): void } | undefined;

  constructor(stream: Stream, { frameBytesMax, signal, onOther }: FramedStreamOptions) {
    this.#stream = stream;
    this.#parser = new FrameParser(frameBytesMax);
    this.#onOther = onOther;
    const onAbort = (): void => this.#fail(new Error('the other side stayed silent'));
    signal.addEventListener('abort', onAbort, { once: true });
    stream.addEventListener('message', (event) => this.#onBytes(bare(event.data.subarray())));
    stream.addEventListener('remoteCloseWrite', () => this.#fail(new Error('the other side ended the dialogue')));
    stream.addEventListener('close', () => {
      signal.removeEventListener('abort', onAbort);
      this.#fail(new Error('the connection closed during the dialogue'));
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

  write(bytes: Uint8Array, kind: number = TURN): void {
    if (this.#stream.status === 'open') this.#stream.send(encodeFrame(kind, bytes));
  }

  #onBytes(bytes: Uint8Array): void {
    try {
      this.#parser.push(bytes, (kind, payload) => {
        if (kind !== TURN && this.#onOther !== undefined) this.#onOther(kind, payload);
        else this.#onFrame(payload);
      });
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #onFrame(payload: Uint8Array): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) waiting.resolve(payload);
    else if (this.#unread.length < UNREAD_FRAMES_MAX) this.#unread.push(payload);
    else this.#fail(new Error('the other side does not wait for its turn'));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#failure);
  }
}
