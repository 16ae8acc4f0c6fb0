/**
 * One peer's part in the stream of a session: in from its parent, out to its children and its own readers.
 *
 * Everybody has a place in the window of the latest chunks and is served from there at its own pace. When the window is full, what
 * everybody has had makes room; when somebody is behind, the parent is not read for a while, and so on up to the source: that is
 * back-pressure. Somebody who is behind because it takes less than the stream's rate is let go instead (slowness.ts).
 * A parent can be changed at any time: the new one is asked for what comes next, and the old one goes when the new one begins. If
 * the new one no longer has what is missing, the ancestors above it are asked for just that part before anything of it is read.
 * Nothing is repeated or reordered, because only the chunk that comes next is ever taken in.
 */
import { assert } from '../../../core/assert.ts';
import type { Contact } from '../../../core/contact.ts';
import type { Millis, StreamId, Streams } from '../../../core/env.ts';
import { WireError } from '../../../core/errors.ts';
import { CAST_PURPOSE, CHILDREN_MAX, CHUNK_BYTES_MAX, GAP_MS, HOLD_MS, READERS_MAX } from './bounds.ts';
import type { StreamEnd } from './downstream.ts';
import { Downstream } from './downstream.ts';
import type { Chunk, Frame, FrameReader } from './frames.ts';
import { BYE, FROM, fromLow } from './frames.ts';
import { LatencyMeter } from './latency-meter.ts';
import { Reader } from './reader.ts';
import type { CastReader } from './reader.ts';
import { Upstream } from './upstream.ts';
import { Window } from './window.ts';

/** What becomes of a stream; none of these calls may come back into the relay at once. */
export interface RelayEvents {
  /** A parent has begun to send. From the first time on it is known where the stream begins here: children can be served. */
  onStarted(): void;
  /** Its parent is of no use to it; the reason is for people. */
  onParentLost(parent: Contact, why: string): void;
  /** A child took too little and was let go. */
  onChildSlow(peerId: string, takenBps: number): void;
  /** There is room for more: told to a source that was refused. */
  onRoom(): void;
  /** It cannot go on; readers have been told. */
  onBroken(reason: string): void;
}

export interface ChildTerms {
  readonly peerId: string;
  /** Hops of the longest way down from it. */
  readonly below: number;
}

/** Where it stands in the tree. */
export interface Place {
  readonly parent: Contact | undefined;
  /** Above the parent, nearest first. */
  readonly ancestors: readonly Contact[];
  readonly children: readonly ChildTerms[];
}

export interface RelayParts {
  readonly session: string;
  readonly streams: Streams;
  readonly now: () => Millis;
  readonly events: RelayEvents;
  /** 0: not stated. */
  readonly rateBps: number;
  readonly windowBytes: number;
  /** Where it begins when it has nothing yet: a value of FROM. */
  readonly from: number;
  /** It is the root: the stream begins here. */
  readonly isSource: boolean;
}

export interface RelayTally {
  chunks: number;
  bytes: number;
  /** Came by way of an ancestor, after a parent was lost. */
  refilled: number;
  /** Came twice and were dropped. */
  repeated: number;
  /** Bytes sent to children. */
  sentBytes: number;
}

export class Relay {
  readonly tally: RelayTally = { chunks: 0, bytes: 0, refilled: 0, repeated: 0, sentBytes: 0 };
  /** From the root's intake to here. */
  readonly latency = new LatencyMeter();
  readonly #parts: RelayParts;
  #window: Window | undefined;
  #end: StreamEnd | undefined;
  #place: Place = { parent: undefined, ancestors: [], children: [] };
  /** The stream in use, the one that is to take its place, and one that fills a gap before that. */
  #current: Upstream | undefined;
  #coming: Upstream | undefined;
  #refill: Upstream | undefined;
  #refillTried = 0;
  readonly #children = new Map<StreamId, Downstream>();
  readonly #readers = new Set<Reader>();
  #sourceWaits = false;
  #isBroken = false;

  constructor(parts: RelayParts) {
    this.#parts = parts;
    if (parts.isSource) this.#window = new Window(0, parts.windowBytes);
  }

  // --- what it is ---

  get head(): number | undefined {
    return this.#window?.head;
  }

  get oldest(): number | undefined {
    return this.#window?.oldest;
  }

  get parent(): Contact | undefined {
    return this.#current?.parent;
  }

  /** Round trip to the parent, as measured on the stream. */
  get rttMs(): Millis | undefined {
    return this.#current?.clock.rttMs;
  }

  get children(): readonly string[] {
    return [...this.#children.values()].filter((child) => !child.isRefill).map((child) => child.peerId);
  }

  /** What its parent sends is not read before an ancestor has sent what comes before that. */
  get isFillingGap(): boolean {
    return this.#refill !== undefined;
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** The whole stream is here. */
  get isComplete(): boolean {
    return this.#end !== undefined && this.#window?.head === this.#end.seq;
  }

  /** Everybody below and every reader has all of it. */
  get isDrained(): boolean {
    return this.isComplete && this.#readers.size === 0 && this.#children.size === 0;
  }

  get end(): StreamEnd | undefined {
    return this.#end;
  }

  // --- the tree ---

  /** Takes a place, or another one. */
  settle(place: Place): void {
    this.#place = place;
    for (const child of [...this.#children.values()]) {
      if (!child.isRefill && !this.#terms(child.peerId)) this.#dismiss(child, BYE.stranger);
    }
    // Children that it does not serve yet come back for what they have not had.
    const served = new Set(this.children);
    if (place.children.some(({ peerId }) => !served.has(peerId))) this.hold();
    const { parent } = place;
    if (parent === undefined || this.#isBroken || this.#end !== undefined) return;
    if (isFrom(this.#coming, parent)) return;
    this.#coming?.close();
    this.#coming = undefined;
    if (!isFrom(this.#current, parent)) this.#turnTo(parent);
  }

  /** Somebody below has lost its parent, and comes back for what lay in that one's buffers: nothing goes for some time. */
  hold(): void {
    this.#window?.hold(this.#parts.now() + HOLD_MS);
  }

  /** Whether the root said that this peer is its child. */
  isExpected(peerId: string): boolean {
    return this.#terms(peerId) !== undefined;
  }

  /** A child, or anybody of the session with a gap to fill. False: it has to wait. */
  accept(from: Contact, stream: StreamId, wish: Extract<Frame, { readonly kind: 'subscribe' }>, reader: FrameReader): boolean {
    const window = this.#window;
    const isRefill = wish.upTo > 0;
    if (window === undefined || (!isRefill && !this.isExpected(from.peerId))) return false;
    for (const child of [...this.#children.values()]) if (child.peerId === from.peerId && child.isRefill === isRefill) this.#drop(child);
    if (this.#children.size >= CHILDREN_MAX) return false;
    const wanted = window.placeFor(wish.from);
    const next = Math.max(wanted, window.oldest);
    const { streams, now } = this.#parts;
    const child = new Downstream(streams, { stream, peerId: from.peerId, next, upTo: wish.upTo, reader, now: now() });
    if (next > wanted && this.#parts.rateBps === 0) child.sparedUntil = now() + GAP_MS;
    this.#children.set(stream, child);
    child.answerPing(wish.pingAt, now());
    child.start(next, window.head);
    if (isRefill && next > wanted) this.#dismiss(child, BYE.gone);
    else this.#pump(child);
    return true;
  }

  // --- the source ---

  /** False: no room, and `onRoom` follows. With `isMore` another one is offered in the same input, and both leave together. */
  offer(chunk: Pick<Chunk, 'bytes' | 'isKey' | 'hasMore'>, isMore: boolean): boolean {
    assert(chunk.bytes.length <= CHUNK_BYTES_MAX, 'a chunk fits its maximum');
    const window = this.#window as Window;
    if (!this.#hasRoom(window)) {
      this.#pumpAll();
      this.#sourceWaits = true;
      return false;
    }
    this.#take(window, { ...chunk, seq: window.head, bornAt: this.#parts.now() });
    if (!isMore) this.#pumpAll();
    return true;
  }

  /** Nothing more follows in this input after all. */
  flush(): void {
    this.#pumpAll();
  }

  finish(reason: string): void {
    if (this.#window === undefined || this.#end !== undefined) return;
    this.#end = { seq: this.#window.head, reason };
    this.#pumpAll();
  }

  // --- readers of this machine ---

  /** Undefined: there are too many. */
  read(reader: CastReader, from: number): Reader | undefined {
    if (this.#readers.size >= READERS_MAX) return undefined;
    const added = new Reader(reader, from, () => this.#onReaderReady(added), () => this.#forget(added));
    this.#readers.add(added);
    if (this.#window !== undefined) added.begin(this.#window.placeFor(from));
    if (this.#parts.from === FROM.key && from !== FROM.start) added.waitsForKey = true;
    this.#pumpReader(added);
    return added;
  }

  /** Ends it here, for everybody below, too. */
  stop(reason: string): void {
    this.#isBroken = true;
    for (const up of [this.#current, this.#coming, this.#refill]) up?.close();
    this.#current = this.#coming = this.#refill = undefined;
    for (const child of [...this.#children.values()]) this.#dismiss(child, BYE.gone);
    for (const reader of [...this.#readers]) {
      this.#readers.delete(reader);
      reader.fail(reason);
    }
  }

  // --- inputs ---

  /** Whether the stream is one of this session's. */
  owns(stream: StreamId): boolean {
    return this.#children.has(stream) || this.#upstream(stream) !== undefined;
  }

  onData(stream: StreamId, bytes: Uint8Array): void {
    const child = this.#children.get(stream);
    if (child !== undefined) return this.#onChildData(child, bytes);
    const up = this.#upstream(stream);
    if (up === undefined) return;
    up.heard(this.#parts.now());
    up.reader.push(bytes);
    this.#readOn(up);
  }

  onWritable(stream: StreamId): void {
    const child = this.#children.get(stream);
    if (child === undefined) return;
    child.isBlocked = false;
    child.sparedUntil = -Infinity;
    this.#pump(child);
    this.#onPlaces();
  }

  onClosed(stream: StreamId): void {
    const child = this.#children.get(stream);
    if (child !== undefined) {
      this.#children.delete(stream);
      if (!child.isRefill && !child.isEnded && this.isExpected(child.peerId)) this.hold();
      return this.#onPlaces();
    }
    const up = this.#upstream(stream);
    if (up !== undefined) this.#onUpstreamGone(up, 'the connection to it broke');
  }

  onTick(): void {
    const now = this.#parts.now();
    for (const up of [this.#current, this.#coming, this.#refill]) {
      const why = up?.onTick(now);
      if (up !== undefined && why !== undefined) {
        up.close();
        this.#onUpstreamGone(up, why);
      }
    }
    for (const child of [...this.#children.values()]) child.onTick(now);
    if (this.#window !== undefined) this.#lookAtAll(this.#window, now);
    this.#onPlaces();
  }

  // --- parents ---

  #upstream(stream: StreamId): Upstream | undefined {
    return [this.#current, this.#coming, this.#refill].find((up) => up?.stream === stream);
  }

  #turnTo(parent: Contact): void {
    const up = this.#open(parent, this.#window?.head ?? this.#parts.from, 0);
    if (this.#current === undefined || this.#current.isOver) this.#current = up;
    else this.#coming = up;
  }

  #open(parent: Contact, from: number, upTo: number): Upstream {
    const { streams, session, now } = this.#parts;
    return new Upstream(streams, parent, { purpose: CAST_PURPOSE, session, from, upTo }, now());
  }

  #readOn(up: Upstream): void {
    try {
      while (!up.isHeld && !up.isOver) {
        const frame = up.reader.next();
        if (frame === undefined) return;
        this.#onFrame(up, frame);
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      up.close();
      this.#onUpstreamGone(up, 'it sent what is no stream');
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
      case 'subscribe': return;
    }
  }

  #onStart(up: Upstream, seq: number): void {
    if (up.isStarted) return;
    up.isStarted = true;
    if (this.#window === undefined) {
      this.#window = new Window(seq, this.#parts.windowBytes);
      for (const reader of this.#readers) reader.begin(seq);
    }
    if (up.isRefill) return;
    if (up === this.#coming) {
      this.#current?.close();
      this.#closeRefill();
      this.#current = up;
      this.#coming = undefined;
    }
    this.#parts.events.onStarted();
    if (seq <= this.#window.head) return;
    up.hold();
    this.#refillTried = 0;
    this.#fillGap(seq);
  }

  /** Asks the next ancestor for what the parent has no more. */
  #fillGap(upTo: number): void {
    const ancestor = this.#place.ancestors[this.#refillTried++];
    if (ancestor === undefined) return this.#break('it fell too far behind: nobody above it has what it missed');
    this.#refill = this.#open(ancestor, (this.#window as Window).head, upTo);
  }

  #onChunks(up: Upstream, { seqLow, sentAt, chunks }: Extract<Frame, { readonly kind: 'chunks' }>): void {
    const window = this.#window;
    if (window === undefined || !up.isStarted) throw new WireError('chunks before the start');
    const now = this.#parts.now();
    const first = fromLow(seqLow, window.head);
    chunks.forEach((chunk, i) => up.waiting.push(up.chunkOf(chunk, first + i, sentAt, now)));
    this.#takeIn(up, window);
  }

  /** Takes in what came, as far as there is room. */
  #takeIn(up: Upstream, window: Window): void {
    while (up.waiting.length > 0) {
      const before = up.waiting.length;
      this.#takeWhatFits(up, window);
      if (up.waiting.length === before) break;
      this.#pumpAll();
    }
    if (up.waiting.length > 0) up.hold();
    if (up.isRefill && window.head >= up.upTo) this.#onGapFilled();
  }

  #takeWhatFits(up: Upstream, window: Window): void {
    let taken = 0;
    for (const chunk of up.waiting) {
      if (chunk.seq > window.head) throw new WireError('a chunk is missing');
      if (chunk.seq < window.head) this.tally.repeated++;
      else if (this.#hasRoom(window)) {
        this.#take(window, chunk);
        if (up.isRefill) this.tally.refilled++;
      } else break;
      taken++;
    }
    up.waiting = taken === up.waiting.length ? [] : up.waiting.slice(taken);
  }

  #take(window: Window, chunk: Chunk): void {
    window.push(chunk);
    this.tally.chunks++;
    this.tally.bytes += chunk.bytes.length;
    if (!this.#parts.isSource) this.latency.add(this.#parts.now() - chunk.bornAt);
  }

  #closeRefill(): void {
    this.#refill?.close();
    this.#refill = undefined;
  }

  #onGapFilled(): void {
    this.#closeRefill();
    const up = this.#current;
    if (up === undefined) return;
    up.release(this.#parts.now());
    this.#readOn(up);
  }

  #onEnd(up: Upstream, { seq, reason }: StreamEnd): void {
    if (up.isRefill || this.#window === undefined || seq !== this.#window.head) throw new WireError('an end before the last chunk');
    up.isOver = true;
    this.#end ??= { seq, reason };
    this.#coming?.close();
    this.#coming = undefined;
    this.#pumpAll();
  }

  #onBye(up: Upstream, code: number): void {
    up.close();
    const why = code === BYE.slow ? 'this peer took less than the stream needs' : code === BYE.stranger ? 'it was not told about this peer' : code === BYE.full ? 'it has no room' : 'it left or lacks what is missing';
    this.#onUpstreamGone(up, why);
  }

  #onUpstreamGone(up: Upstream, why: string): void {
    up.isOver = true;
    if (this.#end !== undefined || this.#isBroken) return this.#forgetUpstream(up);
    if (up.isRefill) {
      this.#refill = undefined;
      return this.#fillGap(up.upTo);
    }
    this.#forgetUpstream(up);
    // The stream in use goes on without its successor, and a successor that is about to begin will do.
    if (this.#current !== undefined) return;
    this.#closeRefill();
    if (this.#coming !== undefined) {
      this.#current = this.#coming;
      this.#coming = undefined;
    } else this.#parts.events.onParentLost(up.parent, why);
  }

  #forgetUpstream(up: Upstream): void {
    if (this.#refill === up) this.#refill = undefined;
    if (this.#current === up) this.#current = undefined;
    if (this.#coming === up) this.#coming = undefined;
  }

  #break(reason: string): void {
    if (this.#isBroken) return;
    this.stop(reason);
    this.#parts.events.onBroken(reason);
  }

  // --- children and readers ---

  #terms(peerId: string): ChildTerms | undefined {
    return this.#place.children.find((child) => child.peerId === peerId);
  }

  #onChildData(child: Downstream, bytes: Uint8Array): void {
    child.reader.push(bytes);
    try {
      for (let frame = child.reader.next(); frame !== undefined; frame = child.reader.next()) {
        if (frame.kind !== 'ping') throw new WireError('a child asks for nothing but the time');
        child.answerPing(frame.pingAt, this.#parts.now());
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#drop(child);
    }
  }

  #drop(child: Downstream): void {
    this.#children.delete(child.stream);
    this.#parts.streams.reset(child.stream);
  }

  #dismiss(child: Downstream, code: number): void {
    this.#children.delete(child.stream);
    child.dismiss(code);
  }

  #forget(reader: Reader): void {
    this.#readers.delete(reader);
    this.#onPlaces();
  }

  #pump(child: Downstream): void {
    if (this.#window === undefined) return;
    if (child.next < this.#window.oldest) return this.#dismiss(child, BYE.gone);
    this.tally.sentBytes += child.pump(this.#window, this.isComplete ? this.#end : undefined, this.#parts.now());
  }

  #pumpReader(reader: Reader): void {
    if (this.#window === undefined || !this.#readers.has(reader)) return;
    if (reader.pump(this.#window, this.isComplete ? this.#end : undefined, this.#parts.now())) this.#readers.delete(reader);
  }

  #onReaderReady(reader: Reader): void {
    this.#pumpReader(reader);
    this.#onPlaces();
  }

  #pumpAll(): void {
    for (const child of [...this.#children.values()]) this.#pump(child);
    for (const reader of [...this.#readers]) this.#pumpReader(reader);
  }

  // --- room ---

  #leastPlace(window: Window): number {
    let least = window.head;
    // A stream with a rate waits for nobody's gap: what fills it is kept for some time, and no longer.
    for (const { next, isRefill } of this.#children.values()) if (next < least && !(isRefill && this.#parts.rateBps > 0)) least = next;
    for (const { next } of this.#readers) if (next < least) least = next;
    return least;
  }

  /** Makes room if that takes nothing from anybody; otherwise lets go of who is too slow, one after the other. */
  #hasRoom(window: Window): boolean {
    while (!window.makeRoom(this.#leastPlace(window), this.#parts.now())) if (!this.#letGoOfSlowest(window)) return false;
    return true;
  }

  #letGoOfSlowest(window: Window): boolean {
    const now = this.#parts.now();
    const { rateBps } = this.#parts;
    const least = this.#leastPlace(window);
    for (const child of this.#children.values()) {
      if (child.next > least || now < child.sparedUntil) continue;
      child.meter.look(true, now);
      if (!child.meter.isSlow({ rateBps, below: this.#terms(child.peerId)?.below ?? 0 }, now)) continue;
      const takenBps = child.meter.rateBps(now) ?? 0;
      this.#dismiss(child, BYE.slow);
      if (!child.isRefill) this.#parts.events.onChildSlow(child.peerId, takenBps);
      return true;
    }
    for (const reader of this.#readers) {
      if (reader.next > least) continue;
      reader.meter.look(true, now);
      if (!reader.meter.isSlow({ rateBps, below: 0 }, now)) continue;
      this.#readers.delete(reader);
      reader.fail('it reads more slowly than the stream comes');
      return true;
    }
    return false;
  }

  #lookAtAll(window: Window, now: Millis): void {
    for (const child of this.#children.values()) child.meter.look(child.next < window.head && !child.isEnded, now);
    for (const reader of this.#readers) reader.meter.look(reader.next < window.head, now);
  }

  /** Somebody moved on or went: perhaps there is room for what waits. */
  #onPlaces(): void {
    const window = this.#window;
    if (window === undefined || this.#isBroken) return;
    for (const up of [this.#refill, this.#current]) {
      if (up === undefined || up.waiting.length === 0 || !this.#hasRoom(window)) continue;
      this.#goOn(up, window);
    }
    if (!this.#sourceWaits || !this.#hasRoom(window)) return;
    this.#sourceWaits = false;
    this.#parts.events.onRoom();
  }

  #goOn(up: Upstream, window: Window): void {
    try {
      this.#takeIn(up, window);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      up.close();
      return this.#onUpstreamGone(up, 'it sent what is no stream');
    }
    if (up.waiting.length > 0) return;
    up.release(this.#parts.now());
    this.#readOn(up);
  }
}

function isFrom(up: Upstream | undefined, parent: Contact): boolean {
  return up !== undefined && !up.isOver && up.parent.peerId === parent.peerId;
}
