/**
 * Byte streams of the protocol (core's Streams) over libp2p streams: one each, with back-pressure in both directions.
 *
 * The first four bytes say what the stream is for. Writes of one turn leave together; `write` answers false above the
 * buffer mark, and `onStreamWritable` follows when the buffer is empty. `end` means "no more from me": the other side
 * gets every byte and then `onStreamClosed('ended')`, which closes the stream for both, so the one that ended learns by
 * its own 'ended' that everything arrived. Anything else closes with 'reset'. After its own `reset` a peer hears nothing
 * more of a stream.
 */
import { performance } from 'node:perf_hooks';
import type { Stream } from '@libp2p/interface';
import { Uint8ArrayList } from 'uint8arraylist';
import { assert } from '../core/assert.ts';
import type { Contact } from '../core/contact.ts';
import type { Protocol, StreamId, Streams } from '../core/env.ts';
import type { Line } from './connections.ts';
import { contactOf } from './connections.ts';
import type { HostCounters } from './facts.ts';
import { bare } from './frames.ts';
import type { HostLimits } from './host-options.ts';

export type StreamInputs = Pick<Protocol<never>, 'onStreamOpened' | 'onStreamData' | 'onStreamWritable' | 'onStreamClosed'>;

export interface DataStreamsOptions {
  readonly limits: HostLimits;
  readonly counters: HostCounters;
  readonly open: (to: Contact) => Promise<{ readonly line: Line; readonly stream: Stream }>;
  /** Runs an input of the protocol, never inside another one. */
  readonly input: (input: (protocol: StreamInputs) => void) => void;
}

const HEADER_BYTES = 4;
/** Largest piece handed to the protocol at once. */
const CHUNK_BYTES = 64 * 1024;
/** Of one encrypted message, less the header of the multiplexer: what leaves as one piece arrives as one and need not be joined. */
const PIECE_BYTES_MAX = 65_535 - 16 - 12;
/** A piece as large as this is not filled up, so that what was written together is not torn apart. */
const PIECE_BYTES_FULL = 32 * 1024;

interface DataStream {
  readonly id: StreamId;
  readonly peerId: string;
  readonly purpose: number;
  stream: Stream | undefined;
  line: Line | undefined;
  /** Not yet given to libp2p. */
  readonly unsent: Uint8ArrayList;
  /** Received and not yet given to the protocol, which may pause between two pieces. */
  readonly held: Uint8ArrayList;
  /** libp2p takes no more until it drains. */
  blocked: boolean;
  /** `write` answered false; the writer waits to be told. */
  writerWaits: boolean;
  paused: boolean;
  ending: boolean;
  /** We closed our side after `end`. */
  ended: boolean;
  /** The other side said that it writes no more, as opposed to the connection going away. */
  remoteDone: boolean;
  /** ... and all it wrote was handed to the protocol or waits for `resume`. */
  remoteEnded: boolean;
  closed: boolean;
  deadline: NodeJS.Timeout | undefined;
}

export class DataStreams implements Streams {
  readonly #options: DataStreamsOptions;
  readonly #streams = new Map<StreamId, DataStream>();
  readonly #countByPeer = new Map<string, number>();
  readonly #dirty = new Set<DataStream>();
  #flushing: NodeJS.Immediate | undefined;
  #lastId = 0;

  constructor(options: DataStreamsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#streams.size;
  }

  open(to: Contact, purpose: number): StreamId {
    assert(Number.isInteger(purpose) && purpose >= 0 && purpose < 2 ** 32, 'a purpose has 32 bits');
    const data = this.#add(to.peerId, purpose);
    const header = new Uint8Array(HEADER_BYTES);
    new DataView(header.buffer).setUint32(0, purpose);
    data.unsent.append(header);
    if (this.#overLimit(to.peerId)) setImmediate(() => this.#close(data, 'reset'));
    else void this.#connect(data, to);
    return data.id;
  }

  write(id: StreamId, bytes: Uint8Array): boolean {
    const data = this.#streams.get(id);
    if (data === undefined) return false;
    assert(!data.ending, 'no write after end');
    data.unsent.append(bytes);
    this.#touch(data);
    const room = !data.blocked && data.unsent.byteLength < this.#options.limits.streamBufferBytes;
    if (!room) data.writerWaits = true;
    return room;
  }

  end(id: StreamId): void {
    const data = this.#streams.get(id);
    if (data === undefined || data.ending) return;
    data.ending = true;
    data.writerWaits = false;
    this.#touch(data);
  }

  reset(id: StreamId): void {
    const data = this.#streams.get(id);
    if (data === undefined) return;
    this.#options.counters.streamsReset++;
    this.#remove(data);
    data.stream?.abort(new Error('reset'));
  }

  pause(id: StreamId): void {
    const data = this.#streams.get(id);
    if (data === undefined || data.paused) return;
    data.paused = true;
    if (isReadable(data.stream)) data.stream.pause();
  }

  resume(id: StreamId): void {
    const data = this.#streams.get(id);
    if (data === undefined || !data.paused) return;
    data.paused = false;
    this.#deliver(data);
    this.#flow(data);
    this.#finishIfEnded(data);
  }

  /** Takes a stream that a proven peer opened to us. The header decides whether the protocol hears of it. */
  accept(stream: Stream, line: Line): void {
    const { peerId } = line.remote;
    if (this.#overLimit(peerId)) {
      this.#options.counters.streamsRefused++;
      return stream.abort(new Error('too many streams'));
    }
    const header = new Uint8ArrayList();
    const deadline = setTimeout(() => stream.abort(new Error('no header')), this.#options.limits.streamOpenMs);
    stream.addEventListener('close', () => clearTimeout(deadline));
    const onHeader = (event: { readonly data: Uint8Array | Uint8ArrayList }): void => {
      header.append(event.data);
      if (header.byteLength < HEADER_BYTES) return;
      clearTimeout(deadline);
      stream.removeEventListener('message', onHeader);
      const data = this.#add(peerId, header.getUint32(0));
      this.#options.counters.streamsAccepted++;
      this.#options.input((protocol) => protocol.onStreamOpened(contactOf(line), data.id, data.purpose));
      this.#attach(data, stream, line);
      if (header.byteLength > HEADER_BYTES) this.#onBytes(data, header.sublist(HEADER_BYTES));
    };
    stream.addEventListener('message', onHeader);
  }

  /** Resets everything; the protocol is not told, because it is stopping too. */
  stop(): void {
    clearImmediate(this.#flushing);
    for (const data of [...this.#streams.values()]) this.reset(data.id);
  }

  #add(peerId: string, purpose: number): DataStream {
    const data: DataStream = {
      id: ++this.#lastId,
      peerId,
      purpose,
      stream: undefined,
      line: undefined,
      unsent: new Uint8ArrayList(),
      held: new Uint8ArrayList(),
      blocked: false,
      writerWaits: false,
      paused: false,
      ending: false,
      ended: false,
      remoteDone: false,
      remoteEnded: false,
      closed: false,
      deadline: undefined,
    };
    this.#streams.set(data.id, data);
    this.#countByPeer.set(peerId, (this.#countByPeer.get(peerId) ?? 0) + 1);
    return data;
  }

  #overLimit(peerId: string): boolean {
    return (this.#countByPeer.get(peerId) ?? 0) > this.#options.limits.streamsPerPeerMax;
  }

  async #connect(data: DataStream, to: Contact): Promise<void> {
    this.#options.counters.streamsOpened++;
    try {
      const { line, stream } = await this.#options.open(to);
      if (data.closed) return stream.abort(new Error('reset before it opened'));
      this.#attach(data, stream, line);
      this.#touch(data);
    } catch {
      this.#close(data, 'reset');
    }
  }

  #attach(data: DataStream, stream: Stream, line: Line): void {
    data.stream = stream;
    data.line = line;
    stream.addEventListener('message', (event) => this.#onBytes(data, event.data));
    stream.addEventListener('drain', () => {
      data.blocked = false;
      this.#touch(data);
    });
    data.remoteDone = stream.remoteWriteStatus === 'closed' && stream.status === 'open';
    stream.addEventListener('remoteCloseWrite', () => {
      data.remoteDone = true;
    });
    stream.addEventListener('end', () => {
      data.remoteEnded = data.remoteDone && stream.status !== 'reset' && stream.status !== 'aborted';
      this.#finishIfEnded(data);
    });
    stream.addEventListener('close', () => {
      if (data.remoteEnded) this.#finishIfEnded(data);
      else this.#close(data, 'reset');
    });
    if (data.paused && isReadable(stream)) stream.pause();
    if (stream.status === 'aborted' || stream.status === 'reset' || stream.status === 'closed') this.#close(data, 'reset');
    else if (stream.readableEnded && data.remoteDone) {
      data.remoteEnded = true;
      this.#finishIfEnded(data);
    }
  }

  #onBytes(data: DataStream, bytes: Uint8Array | Uint8ArrayList): void {
    if (data.closed) return;
    this.#options.counters.streamBytesReceived += bytes.byteLength;
    if (data.line !== undefined) data.line.usedAt = performance.now();
    if (data.deadline !== undefined) this.#expectEnd(data);
    data.held.append(bytes);
    this.#deliver(data);
  }

  /** One input for each piece that waits, as it came; whichever finds the stream paused leaves its piece where it is. */
  #deliver(data: DataStream): void {
    let pieces = 0;
    for (const came of data.held) pieces += Math.ceil(came.byteLength / CHUNK_BYTES);
    for (let i = 0; i < pieces; i++) {
      this.#options.input((protocol) => {
        const [came] = data.held;
        if (data.closed || data.paused || came === undefined) return;
        const piece = bare(came.subarray(0, CHUNK_BYTES));
        data.held.consume(piece.length);
        protocol.onStreamData(data.id, piece);
        this.#flow(data);
        this.#finishIfEnded(data);
      });
    }
  }

  /** More is let in only when all that waits here was taken: whoever takes one piece and pauses again would otherwise gather a window at each turn. */
  #flow(data: DataStream): void {
    const { stream, paused, closed, held } = data;
    if (!paused && !closed && held.byteLength === 0 && stream?.readStatus === 'paused') stream.resume();
  }

  /** The other side is done and the protocol has every byte: the stream is over for both. */
  #finishIfEnded(data: DataStream): void {
    if (!data.remoteEnded || data.paused || data.closed || data.held.byteLength > 0) return;
    const { stream, unsent } = data;
    if (stream !== undefined && stream.writeStatus === 'writable') {
      if (unsent.byteLength > 0) stream.send(unsent.sublist());
      stream.close({ signal: AbortSignal.timeout(this.#options.limits.streamEndMs) }).catch(() => undefined);
    }
    this.#close(data, 'ended');
  }

  #touch(data: DataStream): void {
    this.#dirty.add(data);
    this.#flushing ??= setImmediate(() => {
      this.#flushing = undefined;
      const dirty = [...this.#dirty];
      this.#dirty.clear();
      for (const one of dirty) this.#flush(one);
    });
  }

  #flush(data: DataStream): void {
    const { stream, unsent } = data;
    if (stream === undefined || data.closed) return;
    try {
      while (!data.blocked && unsent.byteLength > 0) {
        const piece = unsent.sublist(0, pieceBytes(unsent));
        unsent.consume(piece.byteLength);
        this.#options.counters.streamBytesSent += piece.byteLength;
        data.blocked = !stream.send(piece);
      }
      if (data.line !== undefined) data.line.usedAt = performance.now();
    } catch {
      return this.#close(data, 'reset'); // closed under us
    }
    if (unsent.byteLength > 0 || data.blocked) return;
    if (data.writerWaits) {
      data.writerWaits = false;
      this.#options.input((protocol) => {
        if (!data.closed && !data.ending) protocol.onStreamWritable(data.id);
      });
    }
    // Told that there is room, the protocol may have written its last bytes just now: they leave first.
    if (data.ending && !data.ended && data.unsent.byteLength === 0) {
      data.ended = true;
      this.#expectEnd(data);
      stream.close({ signal: AbortSignal.timeout(this.#options.limits.streamEndMs) }).catch(() => this.#abort(data));
    }
  }

  /** After `end` the other side has so long to read on; every byte it sends starts the wait anew. */
  #expectEnd(data: DataStream): void {
    clearTimeout(data.deadline);
    data.deadline = setTimeout(() => this.#abort(data), this.#options.limits.streamEndMs);
  }

  #abort(data: DataStream): void {
    if (data.closed) return;
    this.#close(data, 'reset');
    data.stream?.abort(new Error('the other side did not finish'));
  }

  #close(data: DataStream, how: 'ended' | 'reset'): void {
    if (data.closed) return;
    if (how === 'reset') this.#options.counters.streamsReset++;
    this.#remove(data);
    this.#options.input((protocol) => protocol.onStreamClosed(data.id, how));
  }

  #remove(data: DataStream): void {
    data.closed = true;
    clearTimeout(data.deadline);
    this.#streams.delete(data.id);
    this.#dirty.delete(data);
    const count = (this.#countByPeer.get(data.peerId) ?? 1) - 1;
    if (count === 0) this.#countByPeer.delete(data.peerId);
    else this.#countByPeer.set(data.peerId, count);
  }
}

/** As many whole writes as leave together, or a part of the first. */
function pieceBytes(unsent: Uint8ArrayList): number {
  let bytes = 0;
  for (const written of unsent) {
    if (bytes >= PIECE_BYTES_FULL || bytes + written.byteLength > PIECE_BYTES_MAX) break;
    bytes += written.byteLength;
  }
  return bytes > 0 ? bytes : Math.min(PIECE_BYTES_MAX, unsent.byteLength);
}

function isReadable(stream: Stream | undefined): stream is Stream {
  return stream !== undefined && stream.readStatus !== 'closed' && stream.readStatus !== 'closing';
}
