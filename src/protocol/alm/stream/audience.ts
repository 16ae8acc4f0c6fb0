/**
 * Whom one peer serves with the stream of a session: its children in the tree, whoever fills a gap here, and the readers of this machine.
 *
 * Each has a place of its own in the window and gets what follows as fast as it takes it. Whoever is furthest behind says how much room there is; if it takes less
 * than the stream needs it is let go (slowness.ts), one after the other until there is room.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis, StreamId, Streams } from '../../../core/env.ts';
import { WireError } from '../../../core/errors.ts';
import { CHILDREN_MAX, GAP_MS, READERS_MAX, SLOW_AFTER_MS, SLOW_PER_HOP_MS, WINDOW_BYTES_DEFAULT } from './bounds.ts';
import type { StreamEnd } from './downstream.ts';
import { Downstream } from './downstream.ts';
import type { Frame, FrameReader } from './frames.ts';
import { BYE, FROM } from './frames.ts';
import { Reader } from './reader.ts';
import type { CastReader } from './reader.ts';
import type { Window } from './window.ts';

export interface ChildTerms {
  readonly peerId: string;
  /** Hops of the longest way down from it. */
  readonly below: number;
}

export interface AudienceParts {
  readonly streams: Streams;
  readonly now: () => Millis;
  /** 0: not stated. */
  readonly rateBps: number;
  /** Where this peer itself begins: a value of FROM. */
  readonly from: number;
  /** Undefined before it is known where the stream begins here. */
  window(): Window | undefined;
  /** Once the whole stream is here. */
  end(): StreamEnd | undefined;
  /** Payload went to a child. */
  onSent(bytes: number): void;
  /** A child took too little and was let go. */
  onChildSlow(peerId: string, takenBps: number): void;
  /** A child's stream broke: somebody below comes back for what it missed. */
  onChildLost(peerId: string): void;
  /** Somebody moved on or went: perhaps there is room for what waits. */
  onPlaces(): void;
}

export class Audience {
  readonly #parts: AudienceParts;
  /** Whom the root said to serve. */
  #expected: readonly ChildTerms[] = [];
  readonly #children = new Map<StreamId, Downstream>();
  readonly #readers = new Set<Reader>();

  constructor(parts: AudienceParts) {
    this.#parts = parts;
  }

  get children(): readonly string[] {
    return [...this.#children.values()].filter((child) => !child.isRefill).map((child) => child.peerId);
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  get isEmpty(): boolean {
    return this.#readers.size === 0 && this.#children.size === 0;
  }

  isExpected(peerId: string): boolean {
    return this.#terms(peerId) !== undefined;
  }

  owns(stream: StreamId): boolean {
    return this.#children.has(stream);
  }

  /** From now on these are its children; all others go. Whether some are not served yet. */
  expect(children: readonly ChildTerms[]): boolean {
    this.#expected = children;
    for (const child of [...this.#children.values()]) {
      if (!child.isRefill && !this.#terms(child.peerId)) this.#dismiss(child, BYE.stranger);
    }
    const served = new Set(this.children);
    return children.some(({ peerId }) => !served.has(peerId));
  }

  /** The stream begins here. */
  begin(seq: number): void {
    for (const reader of this.#readers) this.#beginReader(reader, seq);
  }

  /** A child, or anybody of the session with a gap to fill. False: it has to wait. */
  accept(from: Contact, stream: StreamId, wish: Extract<Frame, { readonly kind: 'subscribe' }>, reader: FrameReader): boolean {
    const window = this.#parts.window();
    const isRefill = wish.upTo > 0;
    if (window === undefined || (!isRefill && !this.isExpected(from.peerId))) return false;
    for (const child of [...this.#children.values()]) if (child.peerId === from.peerId && child.isRefill === isRefill) this.#drop(child);
    if (this.#children.size >= CHILDREN_MAX) return false;
    const wanted = window.placeFor(wish.from);
    const next = Math.max(wanted, window.oldest);
    const { streams, now } = this.#parts;
    const child = new Downstream(streams, { stream, peerId: from.peerId, next, upTo: wish.upTo, reader, now: now() });
    child.isFillingGap = next > wanted;
    this.#children.set(stream, child);
    child.answerPing(wish.pingAt, now());
    child.start(next, window.head);
    if (isRefill && next > wanted) this.#dismiss(child, BYE.gone);
    else this.#pump(child);
    return true;
  }

  /** Undefined: there are too many. */
  read(reader: CastReader, from: number): Reader | undefined {
    if (this.#readers.size >= READERS_MAX) return undefined;
    const added = new Reader(reader, from, () => this.#onReaderReady(added), () => this.#forget(added));
    this.#readers.add(added);
    const window = this.#parts.window();
    if (window !== undefined) this.#beginReader(added, Math.max(window.placeFor(from), window.oldest));
    if (this.#parts.from === FROM.key && from !== FROM.start) added.waitsForKey = true;
    this.#pumpReader(added);
    return added;
  }

  /** Nobody is served any more. */
  stop(reason: string): void {
    for (const child of [...this.#children.values()]) this.#dismiss(child, BYE.gone);
    for (const reader of [...this.#readers]) {
      this.#readers.delete(reader);
      reader.fail(reason);
    }
  }

  /** To everybody what there is. */
  pumpAll(): void {
    for (const child of [...this.#children.values()]) this.#pump(child);
    for (const reader of [...this.#readers]) this.#pumpReader(reader);
  }

  // --- inputs ---

  /** A child asks for nothing but the time, and says when it has filled its gap. */
  onData(stream: StreamId, bytes: Uint8Array): void {
    const child = this.#children.get(stream);
    if (child === undefined) return;
    child.reader.push(bytes);
    try {
      for (let frame = child.reader.next(); frame !== undefined; frame = child.reader.next()) {
        if (frame.kind === 'ping') child.answerPing(frame.pingAt, this.#parts.now());
        else if (frame.kind === 'ready') child.isFillingGap = false;
        else throw new WireError('a child asks for nothing but the time');
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#drop(child);
    }
  }

  onWritable(stream: StreamId): void {
    const child = this.#children.get(stream);
    if (child === undefined) return;
    child.isBlocked = false;
    this.#pump(child);
    this.#parts.onPlaces();
  }

  onClosed(stream: StreamId): void {
    const child = this.#children.get(stream);
    if (child === undefined) return;
    this.#children.delete(stream);
    if (!child.isRefill && !child.isEnded && this.isExpected(child.peerId)) this.#parts.onChildLost(child.peerId);
    this.#parts.onPlaces();
  }

  onTick(now: Millis): void {
    for (const child of [...this.#children.values()]) child.onTick(now);
    const window = this.#parts.window();
    if (window === undefined) return;
    for (const child of this.#children.values()) child.meter.look(child.next < window.head && !child.isEnded, now);
    for (const reader of this.#readers) reader.meter.look(reader.next < window.head, now);
    // Nobody waits for these, and they would never catch up.
    for (const child of [...this.#children.values()]) if (this.#isHopeless(child, now)) this.#dismiss(child, BYE.slow);
  }

  /** It fills its gap more slowly than the stream goes on. */
  #isHopeless({ isRefill, meter }: Downstream, now: Millis): boolean {
    const { rateBps } = this.#parts;
    return isRefill && rateBps > 0 && meter.isSlow({ rateBps, afterMs: GAP_MS }, now);
  }

  // --- room ---

  /** Makes room if that takes nothing from anybody; otherwise lets go of who is too slow, one after the other. */
  hasRoom(window: Window): boolean {
    for (let least = this.#leastPlace(window); !window.makeRoom(least, this.#parts.now()); least = this.#leastPlace(window)) {
      // Kept for somebody who is away: nobody here is to blame.
      if (least >= window.head || !this.#letGoOfSlowest(window)) return false;
    }
    return !this.#isTooFarAhead(window);
  }

  /** Without a stated rate, of somebody who fills a gap here: what its parent keeps must reach back to where it gets to. */
  #isTooFarAhead(window: Window): boolean {
    if (this.#parts.rateBps > 0) return false;
    return [...this.#children.values()].some(({ isRefill, next }) => isRefill && 2 * window.bytesFrom(next) >= WINDOW_BYTES_DEFAULT);
  }

  #leastPlace(window: Window): number {
    let least = window.head;
    // A stream with a rate waits for nobody's gap: what fills it is kept for some time, and no longer.
    const isWaitedFor = ({ isRefill, isFillingGap }: Downstream): boolean => !isFillingGap && !(isRefill && this.#parts.rateBps > 0);
    for (const child of this.#children.values()) if (child.next < least && isWaitedFor(child)) least = child.next;
    for (const { next } of this.#readers) if (next < least) least = next;
    return least;
  }

  #letGoOfSlowest(window: Window): boolean {
    const now = this.#parts.now();
    const { rateBps } = this.#parts;
    const least = this.#leastPlace(window);
    for (const child of this.#children.values()) {
      if (child.next > least || child.isFillingGap) continue;
      child.meter.look(true, now);
      if (!child.meter.isSlow({ rateBps, afterMs: SLOW_AFTER_MS + (this.#terms(child.peerId)?.below ?? 0) * SLOW_PER_HOP_MS }, now)) continue;
      const takenBps = child.meter.rateBps(now) ?? 0;
      this.#dismiss(child, BYE.slow);
      if (!child.isRefill) this.#parts.onChildSlow(child.peerId, takenBps);
      return true;
    }
    for (const reader of this.#readers) {
      if (reader.next > least) continue;
      reader.meter.look(true, now);
      if (!reader.meter.isSlow({ rateBps, afterMs: SLOW_AFTER_MS }, now)) continue;
      this.#readers.delete(reader);
      reader.fail('it reads more slowly than the stream comes');
      return true;
    }
    return false;
  }

  // --- one of them ---

  #terms(peerId: string): ChildTerms | undefined {
    return this.#expected.find((child) => child.peerId === peerId);
  }

  #drop(child: Downstream): void {
    this.#children.delete(child.stream);
    this.#parts.streams.reset(child.stream);
  }

  #dismiss(child: Downstream, code: number): void {
    this.#children.delete(child.stream);
    child.dismiss(code);
  }

  #beginReader(reader: Reader, seq: number): void {
    reader.begin(seq);
    if (reader.isOver) this.#readers.delete(reader);
  }

  #forget(reader: Reader): void {
    this.#readers.delete(reader);
    this.#parts.onPlaces();
  }

  #pump(child: Downstream): void {
    const window = this.#parts.window();
    if (window === undefined) return;
    if (child.next < window.oldest) return this.#dismiss(child, child.isRefill ? BYE.gone : BYE.passed);
    this.#parts.onSent(child.pump(window, this.#parts.end(), this.#parts.now()));
  }

  #pumpReader(reader: Reader): void {
    const window = this.#parts.window();
    if (window === undefined || !this.#readers.has(reader)) return;
    if (reader.pump(window, this.#parts.end(), this.#parts.now())) this.#readers.delete(reader);
  }

  #onReaderReady(reader: Reader): void {
    this.#pumpReader(reader);
    this.#parts.onPlaces();
  }
}
