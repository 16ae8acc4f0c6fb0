/**
 * One stream from a parent, or from an ancestor that fills a gap: frames in, with the parent's clock and its signs of life.
 * Held, it is not read any further; what came before that waits here, one frame at most.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis, StreamId, Streams } from '../../../core/env.ts';
import { PING_MS, SILENT_MS, START_MS } from './bounds.ts';
import type { Chunk, ChunkOnWire } from './frames.ts';
import { encodeFrame, FrameReader, fromTenths, tenths } from './frames.ts';
import { ParentClock } from './parent-clock.ts';

export class Upstream {
  readonly stream: StreamId;
  readonly parent: Contact;
  /** The end of the gap that it fills; 0: it is the parent. */
  readonly upTo: number;
  readonly reader = new FrameReader();
  readonly clock = new ParentClock();
  /** It has begun to send. */
  isStarted = false;
  /** Came, and has no room yet; as long as something is in here no more is read. */
  waiting: Chunk[] = [];
  /** Nothing is read from it now: no room, or a gap is being filled before it. */
  isHeld = false;
  /** Said that it ends, or that it sends no more. */
  isOver = false;
  /** It said that it has nothing more for this peer. */
  isRefusing = false;
  /** Nothing more comes, and what came before still waits. */
  isClosed = false;
  readonly #streams: Streams;
  #heardAt: Millis;
  #pingedAt: Millis;
  readonly openedAt: Millis;

  constructor(streams: Streams, parent: Contact, wish: { readonly purpose: number; readonly session: string; readonly from: number; readonly upTo: number }, now: Millis) {
    this.#streams = streams;
    this.parent = parent;
    this.upTo = wish.upTo;
    this.#heardAt = this.#pingedAt = this.openedAt = now;
    this.stream = streams.open(parent, wish.purpose);
    streams.write(this.stream, encodeFrame({ kind: 'subscribe', session: wish.session, from: wish.from, upTo: wish.upTo, pingAt: tenths(now) }));
  }

  get isRefill(): boolean {
    return this.upTo > 0;
  }

  heard(now: Millis): void {
    this.#heardAt = now;
  }

  onPong(pingAt: number, at: number, now: Millis): void {
    this.clock.add(fromTenths(pingAt, now), fromTenths(at, this.clock.toParent(now)), now);
  }

  /** Says why it counts as lost, if it does. */
  onTick(now: Millis): string | undefined {
    if (this.isOver || this.isClosed) return undefined;
    if (!this.isStarted && now - this.openedAt >= START_MS) return 'it did not begin to send';
    if (!this.isHeld && now - this.#heardAt >= SILENT_MS) return 'it fell silent';
    if (now - this.#pingedAt >= PING_MS) {
      this.#pingedAt = now;
      this.#streams.write(this.stream, encodeFrame({ kind: 'ping', pingAt: tenths(now) }));
    }
    return undefined;
  }

  /** A chunk as it lies in the window: born at that moment of this peer's clock. */
  chunkOf({ bytes, isKey, hasMore, age }: ChunkOnWire, seq: number, sentAt: number, now: Millis): Chunk {
    const sent = fromTenths(sentAt, this.clock.toParent(now));
    return { seq, bytes, isKey, hasMore, bornAt: Math.min(now, this.clock.toLocal(sent - age / 10)) };
  }

  /** The gap before what this one sends is filled. */
  ready(): void {
    if (!this.isOver) this.#streams.write(this.stream, encodeFrame({ kind: 'ready' }));
  }

  hold(): void {
    if (this.isHeld) return;
    this.isHeld = true;
    this.#streams.pause(this.stream);
  }

  release(now: Millis): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.#heardAt = now;
    this.#streams.resume(this.stream);
  }

  close(): void {
    this.isOver = true;
    this.#streams.reset(this.stream);
  }
}
