/**
 * Where one peer gets the stream of a session from: its parent, the one that is to take that one's place, and an ancestor that fills a gap.
 *
 * A parent can be changed at any time: the new one is asked for what comes next, and the old one goes when the new one begins. If
 * the new one no longer has what is missing, the ancestors above it are asked for just that part before anything of it is read.
 * Nothing is repeated or reordered, because only the chunk that comes next is ever taken in.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis, StreamId, Streams } from '../../../core/env.ts';
import { WireError } from '../../../core/errors.ts';
import { CAST_PURPOSE, GAP_MS, REFILL_BREAKS_MAX } from './bounds.ts';
import type { StreamEnd } from './downstream.ts';
import type { Chunk, Frame } from './frames.ts';
import { BYE, fromLow } from './frames.ts';
import { Upstream } from './upstream.ts';
import type { Window } from './window.ts';

export interface SupplyParts {
  readonly session: string;
  readonly streams: Streams;
  readonly now: () => Millis;
  /** 0: not stated. */
  readonly rateBps: number;
  /** Where it begins when it has nothing yet: a value of FROM, or the chunk that it needs next. */
  readonly from: number;
  /** Undefined before it is known where the stream begins here. */
  window(): Window | undefined;
  /** Now it is known. */
  begin(seq: number): Window;
  hasRoom(window: Window): boolean;
  /** There is room for it. */
  take(window: Window, chunk: Chunk, isRefill: boolean): void;
  onRepeated(): void;
  /** All that fitted was taken in. */
  onTaken(): void;
  onEnd(end: StreamEnd): void;
  /** It has ended or broken: nothing is wanted any more. */
  isOver(): boolean;
  onStarted(): void;
  onParentLost(parent: Contact, why: string): void;
  /** Nobody has what is missing. */
  onGapForGood(): void;
}

export class Supply {
  readonly #parts: SupplyParts;
  /** Above the parent, nearest first. */
  #ancestors: readonly Contact[] = [];
  #current: Upstream | undefined;
  #coming: Upstream | undefined;
  #refill: Upstream | undefined;
  #refillTried = 0;
  #refillFrom = 0;
  /** In a row, of streams that filled a gap and brought nothing. */
  #breaks = 0;
  /** A parent that broke off or went on while a gap was being filled before it: asked again after that. */
  #passedBy: Contact | undefined;

  constructor(parts: SupplyParts) {
    this.#parts = parts;
  }

  get parent(): Contact | undefined {
    return this.#current?.parent;
  }

  /** What its parent sends is not read before an ancestor has sent what comes before that. */
  get isFillingGap(): boolean {
    return this.#refill !== undefined;
  }

  owns(stream: StreamId): boolean {
    return this.#upstream(stream) !== undefined;
  }

  /** Turns to that parent, if it is another one. */
  settle(parent: Contact | undefined, ancestors: readonly Contact[]): void {
    this.#ancestors = ancestors;
    if (parent === undefined || this.#parts.isOver() || isFrom(this.#coming, parent)) return;
    this.#closeComing();
    if (!isFrom(this.#current, parent)) this.#turnTo(parent);
  }

  stop(): void {
    for (const up of [this.#current, this.#coming, this.#refill]) up?.close();
    this.#current = this.#coming = this.#refill = undefined;
  }

  /** Takes in what waits, if there is room now. */
  goOn(window: Window): void {
    for (const up of [this.#refill, this.#current]) {
      if (up === undefined || up.waiting.length === 0 || !this.#parts.hasRoom(window)) continue;
      this.#goOnWith(up, window);
    }
  }

  // --- inputs ---

  onData(stream: StreamId, bytes: Uint8Array): void {
    const up = this.#upstream(stream);
    if (up === undefined) return;
    up.heard(this.#parts.now());
    up.reader.push(bytes);
    this.#readOn(up);
  }

  onClosed(stream: StreamId): void {
    const up = this.#upstream(stream);
    if (up === undefined) return;
    // What came before its end still waits for room here.
    if (up.isRefill && up.isHeld) up.isClosed = true;
    else this.#onGone(up, 'the connection to it broke');
  }

  onTick(now: Millis): void {
    for (const up of [this.#current, this.#coming, this.#refill]) {
      const why = up?.onTick(now);
      if (up !== undefined && why !== undefined) {
        up.close();
        this.#onGone(up, why);
      }
    }
  }

  // --- streams ---

  #upstream(stream: StreamId): Upstream | undefined {
    return [this.#current, this.#coming, this.#refill].find((up) => up?.stream === stream);
  }

  #turnTo(parent: Contact): void {
    this.#passedBy = undefined;
    const up = this.#open(parent, this.#parts.window()?.head ?? this.#parts.from, 0);
    if (this.#current === undefined || this.#current.isOver) this.#current = up;
    else this.#coming = up;
  }

  #open(parent: Contact, from: number, upTo: number): Upstream {
    const { streams, session, now } = this.#parts;
    return new Upstream(streams, parent, { purpose: CAST_PURPOSE, session, from, upTo }, now());
  }

  #closeComing(): void {
    this.#coming?.close();
    this.#coming = undefined;
  }

  #closeRefill(): void {
    this.#refill?.close();
    this.#refill = undefined;
  }

  #onGone(up: Upstream, why: string): void {
    up.isOver = true;
    if (this.#parts.isOver()) return this.#forget(up);
    if (up.isRefill) {
      this.#refill = undefined;
      if (this.#mayHaveRest(up)) this.#refillTried--;
      return this.#fillGap(up.upTo);
    }
    if (up === this.#current && this.#refill !== undefined && this.#coming === undefined) this.#passedBy = up.parent;
    this.#forget(up);
    if (this.#passedBy !== undefined) return;
    // The stream in use goes on without its successor, and a successor that is about to begin will do.
    if (this.#current !== undefined) return;
    this.#closeRefill();
    if (this.#coming !== undefined) {
      this.#current = this.#coming;
      this.#coming = undefined;
    } else this.#parts.onParentLost(up.parent, why);
  }

  /** It had begun, and did not say that it has no more: the same one is asked again, a few times if nothing comes of that. With a stated rate, one that lasted for long was let go as too slow. */
  #mayHaveRest({ isStarted, isRefusing, openedAt }: Upstream): boolean {
    const { rateBps, now } = this.#parts;
    const hasGotOn = (this.#parts.window()?.head ?? 0) > this.#refillFrom;
    this.#breaks = hasGotOn ? 0 : this.#breaks + 1;
    return isStarted && !isRefusing && this.#breaks <= REFILL_BREAKS_MAX && (rateBps === 0 || now() - openedAt < GAP_MS);
  }

  #forget(up: Upstream): void {
    if (this.#refill === up) this.#refill = undefined;
    if (this.#current === up) this.#current = undefined;
    if (this.#coming === up) this.#coming = undefined;
  }

  // --- frames ---

  #readOn(up: Upstream): void {
    this.#orGone(up, () => {
      while (!up.isHeld && !up.isOver) {
        const frame = up.reader.next();
        if (frame === undefined) return;
        this.#onFrame(up, frame);
      }
    });
  }

  /** Whoever sends what is no stream is as good as gone. Whether all went well. */
  #orGone(up: Upstream, action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      up.close();
      this.#onGone(up, 'it sent what is no stream');
      return false;
    }
  }

  #onFrame(up: Upstream, frame: Frame): void {
    switch (frame.kind) {
      case 'pong': return up.onPong(frame.pingAt, frame.at, this.#parts.now());
      case 'start': return this.#onStart(up, frame.seq);
      case 'chunks': return this.#onChunks(up, frame);
      case 'end': return this.#onEnd(up, frame);
      case 'bye': return this.#onBye(up, frame.code);
      case 'alive':
      case 'ping':
      case 'ready':
      case 'subscribe': return;
    }
  }

  #onStart(up: Upstream, seq: number): void {
    if (up.isStarted) return;
    up.isStarted = true;
    const { from } = this.#parts;
    const window = this.#parts.window() ?? this.#parts.begin(from >= 0 ? from : seq);
    if (up.isRefill) return;
    if (up === this.#coming) {
      this.#current?.close();
      this.#closeRefill();
      this.#current = up;
      this.#coming = undefined;
    }
    if (seq > window.head) {
      up.hold();
      this.#closeRefill();
      this.#refillTried = this.#breaks = 0;
      this.#fillGap(seq);
    }
    if (!this.#parts.isOver()) this.#parts.onStarted();
  }

  /** Asks the next ancestor for what the parent has no more. */
  #fillGap(upTo: number): void {
    const ancestor = this.#ancestors[this.#refillTried++];
    if (ancestor === undefined) return this.#parts.onGapForGood();
    this.#refillFrom = (this.#parts.window() as Window).head;
    this.#refill = this.#open(ancestor, this.#refillFrom, upTo);
  }

  #onGapFilled(): void {
    this.#closeRefill();
    const up = this.#current;
    if (up === undefined) {
      if (this.#passedBy !== undefined) this.#turnTo(this.#passedBy);
      return;
    }
    up.ready();
    up.release(this.#parts.now());
    this.#readOn(up);
  }

  #onChunks(up: Upstream, { seqLow, sentAt, chunks }: Extract<Frame, { readonly kind: 'chunks' }>): void {
    const window = this.#parts.window();
    if (window === undefined || !up.isStarted) throw new WireError('chunks before the start');
    const now = this.#parts.now();
    const first = fromLow(seqLow, window.head);
    chunks.forEach((chunk, i) => up.waiting.push(up.chunkOf(chunk, first + i, sentAt, now)));
    this.#takeIn(up, window);
  }

  #onEnd(up: Upstream, { seq, reason }: StreamEnd): void {
    if (up.isRefill || seq !== this.#parts.window()?.head) throw new WireError('an end before the last chunk');
    up.isOver = true;
    this.#parts.onEnd({ seq, reason });
    this.#closeComing();
    this.#parts.onTaken();
  }

  #onBye(up: Upstream, code: number): void {
    up.close();
    up.isRefusing = true;
    if (code === BYE.passed && up === this.#current && this.#coming === undefined) {
      this.#forget(up);
      return this.#turnTo(up.parent);
    }
    const why = code === BYE.slow ? 'this peer took less than the stream needs' : code === BYE.stranger ? 'it was not told about this peer' : code === BYE.full ? 'it has no room' : 'it left or lacks what is missing';
    this.#onGone(up, why);
  }

  // --- chunks ---

  /** Takes in what came, as far as there is room. */
  #takeIn(up: Upstream, window: Window): void {
    while (up.waiting.length > 0) {
      const before = up.waiting.length;
      this.#takeWhatFits(up, window);
      if (up.waiting.length === before) break;
      this.#parts.onTaken();
    }
    if (up.waiting.length > 0) up.hold();
    if (up.isRefill && window.head >= up.upTo) this.#onGapFilled();
  }

  #takeWhatFits(up: Upstream, window: Window): void {
    let taken = 0;
    for (const chunk of up.waiting) {
      if (chunk.seq > window.head) throw new WireError('a chunk is missing');
      if (chunk.seq < window.head) this.#parts.onRepeated();
      else if (this.#parts.hasRoom(window)) this.#parts.take(window, chunk, up.isRefill);
      else break;
      taken++;
    }
    up.waiting = taken === up.waiting.length ? [] : up.waiting.slice(taken);
  }

  #goOnWith(up: Upstream, window: Window): void {
    if (!this.#orGone(up, () => this.#takeIn(up, window)) || up.waiting.length > 0) return;
    up.release(this.#parts.now());
    this.#readOn(up);
    if (up.isClosed && !up.isHeld && this.#refill === up) this.#onGone(up, 'the connection to it broke');
  }
}

function isFrom(up: Upstream | undefined, parent: Contact): boolean {
  return up !== undefined && !up.isOver && up.parent.peerId === parent.peerId;
}
