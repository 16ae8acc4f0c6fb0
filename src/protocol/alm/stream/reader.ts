/**
 * Whoever reads a session's stream on this machine: its place in the window, and whether it takes more.
 * It is served like a child: from its own place, as long as it takes more, and judged by the same rule when all wait for it.
 */
import type { Millis } from '../../../core/env.ts';
import { FROM } from './frames.ts';
import type { Chunk } from './frames.ts';
import type { StreamEnd } from './downstream.ts';
import { TakeMeter } from './slowness.ts';
import type { Window } from './window.ts';

/** The host's side. Neither call may come back into the protocol at once. */
export interface CastReader {
  /** The number of the first chunk that it gets, or a later one if it waits for a key point. */
  onBegin?(seq: number): void;
  /** False: taken, and no more until `ready`. */
  onChunk(chunk: Chunk): boolean;
  /** Nothing follows. Without a failure it had everything; the reason is for people. */
  onEnd(reason: string, isFailure: boolean): void;
}

const TOO_LATE = 'what comes next for it is not kept here any more';

export class Reader {
  readonly meter = new TakeMeter();
  next = 0;
  /** Nothing before the next key point is of use to it. */
  waitsForKey: boolean;
  readonly #reader: CastReader;
  readonly #from: number;
  readonly #onReady: () => void;
  readonly #onClose: () => void;
  #isReady = true;
  #hasBegun = false;
  #isOver = false;

  constructor(reader: CastReader, from: number, onReady: () => void, onClose: () => void) {
    this.#reader = reader;
    this.#from = from;
    this.waitsForKey = from === FROM.key;
    this.#onReady = onReady;
    this.#onClose = onClose;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The stream is known from here on. Whoever named the chunk that it needs gets no later one. */
  begin(seq: number): void {
    if (this.#from >= 0 && seq > this.#from) return this.fail(TOO_LATE);
    this.#hasBegun = true;
    this.next = Math.max(seq, this.#from);
    this.#reader.onBegin?.(this.next);
  }

  /** It takes more. */
  ready(): void {
    if (this.#isOver || this.#isReady) return;
    this.#isReady = true;
    this.#onReady();
  }

  /** It wants no more. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onClose();
  }

  /** Hands over what there is and fits; true once it has everything and was told so. */
  pump(window: Window, end: StreamEnd | undefined, now: Millis): boolean {
    if (!this.#hasBegun) return false;
    while (this.#isReady && !this.#isOver && this.next < window.head) {
      const chunk = window.at(this.next++) as Chunk;
      if (this.waitsForKey && !chunk.isKey) continue;
      this.waitsForKey = false;
      this.#isReady = this.#reader.onChunk(chunk);
      this.meter.took(chunk.bytes.length);
    }
    this.meter.look(this.next < window.head, now);
    if (end === undefined || this.next < end.seq || this.#isOver) return false;
    this.#isOver = true;
    this.#reader.onEnd(end.reason, false);
    return true;
  }

  fail(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reader.onEnd(reason, true);
  }
}
