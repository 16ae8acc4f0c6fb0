/**
 * One peer's part in the stream of a session: in from its parent (supply.ts), out to its children and its own readers (audience.ts).
 *
 * Everybody has a place in the window of the latest chunks and is served from there at its own pace. When the window is full, what
 * everybody has had makes room; when somebody is behind, the parent is not read for a while, and so on up to the source: that is
 * back-pressure.
 */
import { assert } from '../../../core/assert.ts';
import type { Contact } from '../../../core/contact.ts';
import type { Millis, StreamId, Streams } from '../../../core/env.ts';
import type { ChildTerms } from './audience.ts';
import { Audience } from './audience.ts';
import { CHUNK_BYTES_MAX, HOLD_MS } from './bounds.ts';
import type { StreamEnd } from './downstream.ts';
import type { Chunk, Frame, FrameReader } from './frames.ts';
import { LatencyMeter } from './latency-meter.ts';
import type { CastReader, Reader } from './reader.ts';
import { Supply } from './supply.ts';
import { Window } from './window.ts';

/** What becomes of a stream; none of these calls may come back into the relay at once. */
export interface RelayEvents {
  /** A parent has begun to send. From the first time on it is known where the stream begins here: children can be served. */
  onStarted(): void;
  /** Its parent is of no use to it; the reason is for people. */
  onParentLost(parent: Contact, why: string): void;
  /** A child took too little and was let go. */
  onChildSlow(peerId: string, takenBps: number): void;
  /** A child's stream broke off, and it has not come back yet. */
  onChildLost(peerId: string): void;
  /** There is room for more: told to a source that was refused. */
  onRoom(): void;
  /** It cannot go on; readers have been told. */
  onBroken(reason: string): void;
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
  /** Where it begins when it has nothing yet: a value of FROM, or the chunk that it needs next. */
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
  /** Parents that began to send in the place of another one. */
  reparented: number;
  /** Children that took too little. */
  letGo: number;
  /** 1 when nobody had what was missing: the stream ended here. */
  broken: number;
}

export function newTally(): RelayTally {
  return { chunks: 0, bytes: 0, refilled: 0, repeated: 0, sentBytes: 0, reparented: 0, letGo: 0, broken: 0 };
}

export class Relay {
  readonly tally = newTally();
  /** From the root's intake to here. */
  readonly latency = new LatencyMeter();
  readonly #parts: RelayParts;
  readonly #supply: Supply;
  readonly #audience: Audience;
  #window: Window | undefined;
  #end: StreamEnd | undefined;
  #sourceWaits = false;
  #isBroken = false;
  /** Some parent has begun to send. */
  #hasParent = false;

  constructor(parts: RelayParts) {
    this.#parts = parts;
    if (parts.isSource) this.#window = new Window(0, parts.windowBytes, parts.rateBps === 0);
    const { session, streams, now, from, rateBps, events } = parts;
    const window = (): Window | undefined => this.#window;
    this.#audience = new Audience({
      streams, now, rateBps, from, window,
      end: () => (this.isComplete ? this.#end : undefined),
      onSent: (bytes) => void (this.tally.sentBytes += bytes),
      onChildSlow: (peerId, takenBps) => {
        this.tally.letGo++;
        events.onChildSlow(peerId, takenBps);
      },
      onChildLost: (peerId) => {
        this.hold();
        events.onChildLost(peerId);
      },
      onPlaces: () => this.#onPlaces(),
    });
    this.#supply = new Supply({
      session, streams, now, rateBps, from, window,
      begin: (seq) => this.#begin(seq),
      hasRoom: (within) => this.#audience.hasRoom(within),
      take: (within, chunk, isRefill) => {
        this.#take(within, chunk);
        if (isRefill) this.tally.refilled++;
      },
      onRepeated: () => void this.tally.repeated++,
      onTaken: () => this.#audience.pumpAll(),
      onEnd: (end) => void (this.#end ??= end),
      isOver: () => this.#end !== undefined || this.#isBroken,
      onStarted: () => {
        if (this.#hasParent) this.tally.reparented++;
        this.#hasParent = true;
        events.onStarted();
      },
      onParentLost: (parent, why) => events.onParentLost(parent, why),
      onGapForGood: () => this.#break('it fell too far behind: nobody above it has what it missed'),
    });
  }

  // --- what it is ---

  get head(): number | undefined {
    return this.#window?.head;
  }

  get oldest(): number | undefined {
    return this.#window?.oldest;
  }

  get parent(): Contact | undefined {
    return this.#supply.parent;
  }

  get children(): readonly string[] {
    return this.#audience.children;
  }

  /** What its parent sends is not read before an ancestor has sent what comes before that. */
  get isFillingGap(): boolean {
    return this.#supply.isFillingGap;
  }

  get readerCount(): number {
    return this.#audience.readerCount;
  }

  /** The whole stream is here. */
  get isComplete(): boolean {
    return this.#end !== undefined && this.#window?.head === this.#end.seq;
  }

  /** Everybody below and every reader has all of it. */
  get isDrained(): boolean {
    return this.isComplete && this.#audience.isEmpty;
  }

  get end(): StreamEnd | undefined {
    return this.#end;
  }

  // --- the tree ---

  /** Takes a place, or another one. */
  settle({ parent, ancestors, children }: Place): void {
    // Children that it does not serve yet come back for what they have not had.
    if (this.#audience.expect(children)) this.hold();
    this.#supply.settle(parent, ancestors);
  }

  /** Somebody below has lost its parent, and comes back for what lay in that one's buffers: nothing goes for some time. */
  hold(): void {
    this.#window?.hold(this.#parts.now() + HOLD_MS);
  }

  /** Whether the root said that this peer is its child. */
  isExpected(peerId: string): boolean {
    return this.#audience.isExpected(peerId);
  }

  /** A child, or anybody of the session with a gap to fill. False: it has to wait. */
  accept(from: Contact, stream: StreamId, wish: Extract<Frame, { readonly kind: 'subscribe' }>, reader: FrameReader): boolean {
    return this.#audience.accept(from, stream, wish, reader);
  }

  // --- the source ---

  /** False: no room, and `onRoom` follows. With `isMore` another one is offered in the same input, and both leave together. */
  offer(chunk: Pick<Chunk, 'bytes' | 'isKey' | 'hasMore'>, isMore: boolean): boolean {
    assert(chunk.bytes.length <= CHUNK_BYTES_MAX, 'a chunk fits its maximum');
    const window = this.#window as Window;
    if (!this.#audience.hasRoom(window)) {
      this.#audience.pumpAll();
      this.#sourceWaits = true;
      return false;
    }
    this.#take(window, { ...chunk, seq: window.head, bornAt: this.#parts.now() });
    if (!isMore) this.#audience.pumpAll();
    return true;
  }

  /** Nothing more follows in this input after all. */
  flush(): void {
    this.#audience.pumpAll();
  }

  finish(reason: string): void {
    if (this.#window === undefined || this.#end !== undefined) return;
    this.#end = { seq: this.#window.head, reason };
    this.#audience.pumpAll();
  }

  // --- readers of this machine ---

  /** Undefined: there are too many. */
  read(reader: CastReader, from: number): Reader | undefined {
    return this.#audience.read(reader, from);
  }

  /** Ends it here, for everybody below, too. */
  stop(reason: string): void {
    this.#isBroken = true;
    this.#supply.stop();
    this.#audience.stop(reason);
  }

  // --- inputs ---

  /** Whether the stream is one of this session's. */
  owns(stream: StreamId): boolean {
    return this.#audience.owns(stream) || this.#supply.owns(stream);
  }

  onData(stream: StreamId, bytes: Uint8Array): void {
    if (this.#audience.owns(stream)) this.#audience.onData(stream, bytes);
    else this.#supply.onData(stream, bytes);
  }

  onWritable(stream: StreamId): void {
    this.#audience.onWritable(stream);
  }

  onClosed(stream: StreamId): void {
    if (this.#audience.owns(stream)) this.#audience.onClosed(stream);
    else this.#supply.onClosed(stream);
  }

  onTick(): void {
    const now = this.#parts.now();
    this.#supply.onTick(now);
    this.#audience.onTick(now);
    this.#onPlaces();
  }

  // --- the window ---

  /** A parent says where it begins, and nothing was here before. */
  #begin(seq: number): Window {
    const window = new Window(seq, this.#parts.windowBytes, false);
    this.#window = window;
    this.#audience.begin(seq);
    return window;
  }

  #take(window: Window, chunk: Chunk): void {
    window.push(chunk);
    this.tally.chunks++;
    this.tally.bytes += chunk.bytes.length;
    if (!this.#parts.isSource) this.latency.add(this.#parts.now() - chunk.bornAt);
  }

  /** Somebody moved on or went: perhaps there is room for what waits. */
  #onPlaces(): void {
    const window = this.#window;
    if (window === undefined || this.#isBroken) return;
    this.#supply.goOn(window);
    if (!this.#sourceWaits || !this.#audience.hasRoom(window)) return;
    this.#sourceWaits = false;
    this.#parts.events.onRoom();
  }

  #break(reason: string): void {
    if (this.#isBroken) return;
    this.tally.broken++;
    this.stop(reason);
    this.#parts.events.onBroken(reason);
  }
}
