/**
 * One child of a peer in a session: what it was sent, and whether it takes more.
 *
 * It gets what lies in the window from its own place on, as fast as its edge takes it. Nothing here waits for another child.
 */
import type { Millis, StreamId, Streams } from '../../../core/env.ts';
import { BATCH_BYTES_MAX, BATCH_CHUNKS_MAX, KEEP_ALIVE_MS } from './bounds.ts';
import type { Chunk, FrameReader } from './frames.ts';
import { encodeChunksHead, encodeFrame, tenths } from './frames.ts';
import { TakeMeter } from './slowness.ts';
import type { Window } from './window.ts';

/** Where a stream ends, once that is known. */
export interface StreamEnd {
  readonly seq: number;
  readonly reason: string;
}

export class Downstream {
  readonly stream: StreamId;
  readonly peerId: string;
  /** Asks for a part only, to fill a gap. */
  readonly upTo: number;
  readonly reader: FrameReader;
  readonly meter = new TakeMeter();
  /** What it gets next. */
  next: number;
  /** The edge takes no more until it says so. */
  isBlocked = false;
  /** It reads nothing here yet, because it fills a gap from elsewhere first: nobody waits for it, and it may be passed by. */
  isFillingGap = false;
  /** It has everything, and was told so. */
  isEnded = false;
  readonly #streams: Streams;
  #sentAt: Millis;

  constructor(streams: Streams, parts: { readonly stream: StreamId; readonly peerId: string; readonly next: number; readonly upTo: number; readonly reader: FrameReader; readonly now: Millis }) {
    this.#streams = streams;
    this.stream = parts.stream;
    this.peerId = parts.peerId;
    this.next = parts.next;
    this.upTo = parts.upTo;
    this.reader = parts.reader;
    this.#sentAt = parts.now;
  }

  get isRefill(): boolean {
    return this.upTo > 0;
  }

  /** Sends what there is and fits; says how many bytes of payload that was. */
  pump(window: Window, end: StreamEnd | undefined, now: Millis): number {
    let sent = 0;
    const limit = this.isRefill ? Math.min(this.upTo, window.head) : window.head;
    while (!this.isBlocked && !this.isEnded && this.next < limit) sent += this.#sendBatch(window, limit, now);
    this.meter.look(this.next < limit, now);
    if (this.isEnded || this.isBlocked) return sent;
    if (this.isRefill && this.next >= this.upTo) this.#finish();
    else if (end !== undefined && this.next >= end.seq) {
      this.#write(encodeFrame({ kind: 'end', ...end }));
      this.#finish();
    }
    return sent;
  }

  answerPing(pingAt: number, now: Millis): void {
    if (!this.isEnded) this.#write(encodeFrame({ kind: 'pong', pingAt, at: tenths(now) }));
  }

  start(seq: number, head: number): void {
    this.#write(encodeFrame({ kind: 'start', seq, head }));
  }

  onTick(now: Millis): void {
    if (this.isEnded || this.isBlocked || now - this.#sentAt < KEEP_ALIVE_MS) return;
    this.#write(encodeFrame({ kind: 'alive' }));
    this.#sentAt = now;
  }

  /** The last thing that it hears. */
  dismiss(code: number): void {
    if (!this.isEnded && !this.isBlocked) this.#streams.write(this.stream, encodeFrame({ kind: 'bye', code }));
    if (this.isBlocked) this.#streams.reset(this.stream);
    else if (!this.isEnded) this.#streams.end(this.stream);
  }

  #sendBatch(window: Window, limit: number, now: Millis): number {
    const batch: Chunk[] = [];
    let bytes = 0;
    while (this.next < limit && batch.length < BATCH_CHUNKS_MAX) {
      const chunk = window.at(this.next) as Chunk;
      if (batch.length > 0 && bytes + chunk.bytes.length > BATCH_BYTES_MAX) break;
      batch.push(chunk);
      bytes += chunk.bytes.length;
      this.next++;
    }
    this.#write(encodeChunksHead(batch, now));
    for (const chunk of batch) if (chunk.bytes.length > 0) this.#write(chunk.bytes);
    this.meter.took(bytes);
    this.#sentAt = now;
    return bytes;
  }

  #finish(): void {
    this.isEnded = true;
    this.#streams.end(this.stream);
  }

  #write(bytes: Uint8Array): void {
    if (!this.#streams.write(this.stream, bytes)) this.isBlocked = true;
  }
}
