/**
 * Reliable, ordered, back-pressured byte streams between simulated peers.
 *
 * A connection has two ends; what one end sends (opening, data, acknowledgements, end, reset) stands in one list in
 * order, and an event only says "the next item of that list has arrived", so nothing can ever overtake. Bytes count as
 * outstanding until the other end consumed them and its acknowledgement came back; above the high-water mark `write`
 * returns false. A lost segment costs a round trip. A partition holds items back; once it has lasted 10 s both ends are
 * reset, as keep-alives would do. Rules for users: `end` closes both directions after everything written before it was
 * consumed, then both ends hear 'ended'; whoever calls `reset` hears nothing more, the other end hears 'reset'.
 */
import { assert } from '../core/assert.ts';
import type { Contact } from '../core/contact.ts';
import type { Millis, Protocol, StreamId, Streams } from '../core/env.ts';
import type { Counters } from './counters.ts';
import type { Link } from './link.ts';

/** How long a partition must last before the streams across it break. */
const PARTITION_PATIENCE_MS = 10_000;
/** How long a dial to an identity that nobody has takes to fail. */
const UNKNOWN_PEER_MS = 1000;
/** The largest piece handed to a protocol at once. */
const PIECE_BYTES = 65_536;
const STREAM_EVENT = 6;
/** What a stream event means: an item reached the access link, has been received, or something happens at one end. */
const ARRIVES = 0;
const RECEIVED = 1;
const CHECK = 2;
const BREAK = 3;
const RESUME = 4;

/** A number acknowledges that many bytes. */
type Item = Uint8Array | number | 'open' | 'end' | 'ended' | 'reset';

/** What the streams need from the event loop. */
export interface StreamHost {
  readonly now: Millis;
  readonly link: Link;
  readonly counters: Counters;
  readonly protocols: readonly (Omit<Protocol<never>, 'onMessage'> | undefined)[];
  contactOf(index: number): Contact;
  indexOf(contact: Contact): number;
  isLife(index: number, life: number): boolean;
  push(at: Millis, kind: number, peer: number, argument: number, object: unknown): void;
  dispatched(kind: number, peer: number, number: number): void;
}

class End {
  readonly peer: number;
  readonly connection: Connection;
  id: StreamId = 0;
  open = false;
  /** Sent and not yet arrived, then arrived and not yet received (downlink); both in order. */
  readonly onTheWay: Item[] = [];
  readonly arrived: Item[] = [];
  arrivesAt: Millis = 0;
  /** Arrivals held back by a partition. */
  heldBack = 0;
  outstanding = 0;
  full = false;
  ended = false;
  paused = false;
  /** Received from the other end while paused. */
  readonly held: Item[] = [];

  constructor(peer: number, connection: Connection) {
    this.peer = peer;
    this.connection = connection;
  }

  get other(): End {
    return this === this.connection.near ? this.connection.far : this.connection.near;
  }
}

class Connection {
  readonly near: End;
  readonly far: End;
  readonly purpose: number;
  /** Since when a partition lies between the ends. */
  blockedAt: Millis | undefined = undefined;

  constructor(from: number, to: number, purpose: number) {
    this.near = new End(from, this);
    this.far = new End(to, this);
    this.purpose = purpose;
  }
}

export class StreamTable {
  readonly #host: StreamHost;
  readonly #highWaterBytes: number;
  /** Wire mode: bytes are copied when written, and split when delivered. */
  readonly #copy: boolean;
  readonly #peers = new Map<number, PeerStreams>();
  readonly #connections = new Set<Connection>();

  constructor(host: StreamHost, highWaterBytes: number, copy: boolean) {
    this.#host = host;
    this.#highWaterBytes = highWaterBytes;
    this.#copy = copy;
  }

  /** The streams of one life of a peer: `life` must be its present one, or the result acts on nothing. */
  ofPeer(index: number, life: number): PeerStreams {
    if (!this.#host.isLife(index, life)) return new PeerStreams(this, index);
    return this.#ofAlive(index);
  }

  onCrash(index: number): void {
    const streams = this.#peers.get(index);
    if (streams === undefined) return;
    this.#peers.delete(index);
    streams.alive = false;
    for (const end of [...streams.ends.values()]) this.reset(end);
  }

  /** A partition or a cut began, changed or ended. */
  onDivisionChanged(): void {
    for (const connection of this.#connections) this.#watch(connection);
  }

  onEvent(what: number, object: unknown): void {
    const end = object as End;
    if (what === ARRIVES) this.#onArrives(end);
    else if (what === RECEIVED) this.#onReceived(end);
    else if (what === CHECK) this.#onCheck(end.connection);
    else if (what === BREAK) this.#close(end, 'reset');
    else this.#onResume(end);
  }

  open(streams: PeerStreams, to: Contact, purpose: number): StreamId {
    const host = this.#host;
    const target = host.indexOf(to);
    const connection = new Connection(streams.index, target, purpose);
    const id = streams.adopt(connection.near);
    host.counters.streamsOpened++;
    this.#connections.add(connection);
    if (target < 0) {
      this.#push(host.now + UNKNOWN_PEER_MS, connection.near, BREAK, connection.near);
      return id;
    }
    this.#watch(connection);
    this.#transmit(connection.near, 'open');
    return id;
  }

  write(end: End, bytes: Uint8Array): boolean {
    assert(!end.ended, 'no write after end');
    this.#host.counters.streamBytes += bytes.length;
    end.outstanding += bytes.length;
    this.#transmit(end, this.#copy ? bytes.slice() : bytes);
    if (end.outstanding > this.#highWaterBytes) end.full = true;
    return !end.full;
  }

  end(end: End): void {
    if (end.ended) return;
    end.ended = true;
    this.#transmit(end, 'end');
  }

  reset(end: End): void {
    this.#forget(end);
    this.#transmit(end, 'reset');
  }

  resume(end: End): void {
    if (!end.paused) return;
    end.paused = false;
    if (end.held.length > 0) this.#push(this.#host.now, end, RESUME, end);
  }

  #ofAlive(index: number): PeerStreams {
    let streams = this.#peers.get(index);
    if (streams === undefined) {
      streams = new PeerStreams(this, index);
      streams.alive = true;
      this.#peers.set(index, streams);
    }
    return streams;
  }

  /** Sends an item from one end to the other, behind everything sent before. */
  #transmit(from: End, item: Item): void {
    const { link, now } = this.#host;
    const to = from.other;
    if (to.peer < 0) return;
    const bytes = typeof item === 'object' ? item.length : 0;
    const leftAt = link.shaped ? link.upload(from.peer, bytes, now, Infinity) : now;
    const arrivesAt = leftAt + link.delay(from.peer, to.peer) + link.retransmissionDelay(from.peer, to.peer);
    if (arrivesAt > from.arrivesAt) from.arrivesAt = arrivesAt;
    from.onTheWay.push(item);
    this.#push(from.arrivesAt, to, ARRIVES, from);
  }

  #onArrives(from: End): void {
    const { link, now } = this.#host;
    const to = from.other;
    if (link.divided && link.blocked(from.peer, to.peer)) {
      from.heldBack++;
      return;
    }
    const item = from.onTheWay.shift();
    if (item === undefined) return;
    from.arrived.push(item);
    const bytes = typeof item === 'object' ? item.length : 0;
    if (link.shaped) this.#push(link.download(to.peer, bytes, now, Infinity), to, RECEIVED, from);
    else this.#onReceived(from);
  }

  #onReceived(from: End): void {
    const item = from.arrived.shift();
    if (item === undefined) return;
    const to = from.other;
    if (item === 'open') this.#onOpen(to);
    else if (!to.open) return;
    else if (typeof item === 'number') this.#onAcknowledged(to, item);
    else if (item === 'reset') this.#close(to, 'reset');
    else if (to.paused || to.held.length > 0) to.held.push(item);
    else this.#consume(to, item);
  }

  #onOpen(end: End): void {
    const protocol = this.#host.protocols[end.peer];
    if (protocol === undefined) {
      this.#transmit(end, 'reset');
      return;
    }
    this.#connections.add(end.connection);
    const id = this.#ofAlive(end.peer).adopt(end);
    this.#host.dispatched(STREAM_EVENT, end.peer, 0);
    protocol.onStreamOpened(this.#host.contactOf(end.other.peer), id, end.connection.purpose);
  }

  #consume(end: End, item: Uint8Array | 'end' | 'ended' | 'open'): void {
    if (typeof item === 'object') {
      this.#host.dispatched(STREAM_EVENT, end.peer, 1);
      this.#deliver(end, item);
    } else {
      if (item === 'end') this.#transmit(end, 'ended');
      this.#close(end, 'ended');
    }
  }

  /** Hands bytes over in pieces: a real stream keeps no boundaries, and in wire mode small writes are split as well. */
  #deliver(end: End, bytes: Uint8Array): void {
    let from = 0;
    do {
      const most = this.#copy ? (bytes.length + 2) >> 1 : bytes.length;
      const upTo = Math.min(bytes.length, from + Math.min(most, PIECE_BYTES));
      this.#transmit(end, upTo - from);
      this.#host.protocols[end.peer]?.onStreamData(end.id, bytes.subarray(from, upTo));
      from = upTo;
      if (end.paused && from < bytes.length) end.held.unshift(bytes.subarray(from));
    } while (end.open && !end.paused && from < bytes.length);
  }

  #onAcknowledged(end: End, bytes: number): void {
    assert(bytes <= end.outstanding, 'no byte is acknowledged twice');
    end.outstanding -= bytes;
    if (!end.full || end.outstanding > this.#highWaterBytes / 2) return;
    end.full = false;
    if (end.ended) return;
    this.#host.dispatched(STREAM_EVENT, end.peer, 2);
    this.#host.protocols[end.peer]?.onStreamWritable(end.id);
  }

  #onResume(end: End): void {
    while (end.open && !end.paused) {
      const item = end.held.shift();
      if (item === undefined) return;
      this.#consume(end, item as Uint8Array | 'end' | 'ended');
    }
  }

  #close(end: End, how: 'ended' | 'reset'): void {
    if (!end.open) return;
    this.#forget(end);
    if (how === 'reset') this.#host.counters.streamsReset++;
    this.#host.dispatched(STREAM_EVENT, end.peer, how === 'reset' ? 3 : 4);
    this.#host.protocols[end.peer]?.onStreamClosed(end.id, how);
  }

  #forget(end: End): void {
    end.open = false;
    end.held.length = 0;
    this.#peers.get(end.peer)?.ends.delete(end.id);
    if (!end.other.open) this.#connections.delete(end.connection);
  }

  /** Starts or ends the patience with a partition between the ends. */
  #watch(connection: Connection): void {
    const { link, now } = this.#host;
    const { near, far } = connection;
    if (far.peer < 0) return;
    const blocked = link.divided && (link.blocked(near.peer, far.peer) || link.blocked(far.peer, near.peer));
    if (blocked) {
      if (connection.blockedAt !== undefined) return;
      connection.blockedAt = now;
      this.#push(now + PARTITION_PATIENCE_MS, near, CHECK, near);
      return;
    }
    connection.blockedAt = undefined;
    this.#release(near);
    this.#release(far);
  }

  #release(from: End): void {
    const at = this.#host.now + this.#host.link.delay(from.peer, from.other.peer);
    for (; from.heldBack > 0; from.heldBack--) this.#push(at, from.other, ARRIVES, from);
  }

  #onCheck(connection: Connection): void {
    const { now } = this.#host;
    if (connection.blockedAt === undefined || now - connection.blockedAt < PARTITION_PATIENCE_MS) return;
    this.#push(now, connection.near, BREAK, connection.near);
    this.#push(now, connection.far, BREAK, connection.far);
  }

  #push(at: Millis, peer: End, what: number, object: End): void {
    this.#host.push(at, STREAM_EVENT, peer.peer, what, object);
  }
}

/** `Env.streams` of one peer: names for its ends. Calls with the id of a closed stream do nothing. */
export class PeerStreams implements Streams {
  readonly index: number;
  readonly ends = new Map<StreamId, End>();
  alive = false;
  readonly #table: StreamTable;
  #opened = 0;

  constructor(table: StreamTable, index: number) {
    this.#table = table;
    this.index = index;
  }

  adopt(end: End): StreamId {
    end.id = ++this.#opened;
    end.open = true;
    this.ends.set(end.id, end);
    return end.id;
  }

  open(to: Contact, purpose: number): StreamId {
    return this.alive ? this.#table.open(this, to, purpose) : ++this.#opened;
  }

  write(stream: StreamId, bytes: Uint8Array): boolean {
    const end = this.ends.get(stream);
    return end === undefined ? false : this.#table.write(end, bytes);
  }

  end(stream: StreamId): void {
    const end = this.ends.get(stream);
    if (end !== undefined) this.#table.end(end);
  }

  reset(stream: StreamId): void {
    const end = this.ends.get(stream);
    if (end !== undefined) this.#table.reset(end);
  }

  pause(stream: StreamId): void {
    const end = this.ends.get(stream);
    if (end !== undefined) end.paused = true;
  }

  resume(stream: StreamId): void {
    const end = this.ends.get(stream);
    if (end !== undefined) this.#table.resume(end);
  }
}
