/**
 * What travels on the data stream of one tree edge. The child opens it and says from where on it wants the stream; the parent
 * answers with chunks.
 *
 * A frame is its length (32 bits), its kind (8 bits) and a body; numbers are little-endian; bodies with text are protobuf
 * (proto/grove/v1/cast.proto). Chunks are handed on as the very bytes
 * that came, so a frame of chunks is written as a short head and the payloads. The root numbers chunks from 0, consecutively; a frame
 * carries the low 32 bits of the first number, and the receiver, which knows what it expects, the rest. Instants are in tenths of a
 * millisecond of the sender's clock, 32 bits of them.
 */
import { WireError } from '../../../core/errors.ts';
import { decodeCastEnd, decodeCastSubscribe, encodeCastEnd, encodeCastSubscribe } from '../../wire/cast-codec.ts';
import { utf8Bytes } from '../../wire/sizes.ts';
import { BATCH_CHUNKS_MAX, CHUNK_BYTES_MAX, FRAME_BYTES_MAX } from './bounds.ts';

export interface Chunk {
  readonly seq: number;
  readonly bytes: Uint8Array;
  /** A late joiner may begin here. */
  readonly isKey: boolean;
  /** The next chunk belongs to the same message. */
  readonly hasMore: boolean;
  /** When the root took it in, by this peer's clock. */
  readonly bornAt: number;
}

/** Where a subscriber begins when it has nothing yet. */
export const FROM = { now: -1, key: -2, start: -3 } as const;

/** Why a parent sends no more. Append only. */
export const BYE = { slow: 1, stranger: 2, gone: 3, full: 4, passed: 5 } as const;

export type Frame =
  | { readonly kind: 'subscribe'; readonly session: string; readonly from: number; readonly upTo: number; readonly pingAt: number }
  | { readonly kind: 'ping'; readonly pingAt: number }
  | { readonly kind: 'pong'; readonly pingAt: number; readonly at: number }
  | { readonly kind: 'start'; readonly seq: number; readonly head: number }
  | { readonly kind: 'chunks'; readonly seqLow: number; readonly sentAt: number; readonly chunks: readonly ChunkOnWire[] }
  | { readonly kind: 'end'; readonly seq: number; readonly reason: string }
  | { readonly kind: 'bye'; readonly code: number }
  | { readonly kind: 'alive' }
  /** A child has filled its gap and reads on here. */
  | { readonly kind: 'ready' };

export interface ChunkOnWire {
  readonly bytes: Uint8Array;
  readonly isKey: boolean;
  readonly hasMore: boolean;
  /** In tenths of a millisecond, when the frame left. */
  readonly age: number;
}

const KIND = { subscribe: 1, ping: 2, pong: 3, start: 4, chunks: 5, end: 6, bye: 7, alive: 8, ready: 9 } as const;
const HEAD_BYTES = 5;
const CHUNK_HEAD_BYTES = 8;
const KEY_FLAG = 2 ** 31;
const MORE_FLAG = 2 ** 30;
const LENGTH_MASK = 2 ** 24 - 1;
const SESSION_BYTES_MAX = 64;
const REASON_BYTES_MAX = 256;
const U32 = 2 ** 32;
const TENTHS = 10;

/** A moment of this clock as it travels. */
export function tenths(ms: number): number {
  return Math.round(ms * TENTHS) % U32;
}

/** The moment nearest to `near` that travels as `wire`. */
export function fromTenths(wire: number, near: number): number {
  const span = U32 / TENTHS;
  const ms = wire / TENTHS;
  return ms + Math.round((near - ms) / span) * span;
}

/** The number nearest to `near` whose low 32 bits are these. */
export function fromLow(low: number, near: number): number {
  return low + Math.round((near - low) / U32) * U32;
}

export function encodeFrame(frame: Exclude<Frame, { readonly kind: 'chunks' }>): Uint8Array {
  switch (frame.kind) {
    case 'subscribe':
      return framedBytes(KIND.subscribe, encodeCastSubscribe(frame));
    case 'ping': {
      const { bytes, view } = framed(KIND.ping, 4);
      view.setUint32(0, frame.pingAt, true);
      return bytes;
    }
    case 'pong': {
      const { bytes, view } = framed(KIND.pong, 8);
      view.setUint32(0, frame.pingAt, true);
      view.setUint32(4, frame.at, true);
      return bytes;
    }
    case 'start': {
      const { bytes, view } = framed(KIND.start, 16);
      view.setFloat64(0, frame.seq, true);
      view.setFloat64(8, frame.head, true);
      return bytes;
    }
    case 'end':
      return framedBytes(KIND.end, encodeCastEnd(frame));
    case 'bye': {
      const { bytes, view } = framed(KIND.bye, 1);
      view.setUint8(0, frame.code);
      return bytes;
    }
    case 'alive':
    case 'ready':
      return framed(KIND[frame.kind], 0).bytes;
  }
}

/** The head of a frame of chunks; their payloads follow it in order. */
export function encodeChunksHead(chunks: readonly Chunk[], now: number): Uint8Array {
  let payload = 0;
  for (const { bytes } of chunks) payload += bytes.length;
  const headBytes = 10 + CHUNK_HEAD_BYTES * chunks.length;
  const bytes = new Uint8Array(HEAD_BYTES + headBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 1 + headBytes + payload, true);
  view.setUint8(4, KIND.chunks);
  view.setUint32(5, (chunks[0]?.seq ?? 0) % U32, true);
  view.setUint32(9, tenths(now), true);
  view.setUint16(13, chunks.length, true);
  let at = HEAD_BYTES + 10;
  for (const { bytes: body, isKey, hasMore, bornAt } of chunks) {
    view.setUint32(at, Math.min(U32 - 1, Math.max(0, Math.round((now - bornAt) * TENTHS))), true);
    view.setUint32(at + 4, (isKey ? KEY_FLAG : 0) + (hasMore ? MORE_FLAG : 0) + body.length, true);
    at += CHUNK_HEAD_BYTES;
  }
  return bytes;
}

function framed(kind: number, bodyBytes: number): { readonly bytes: Uint8Array; readonly view: DataView } {
  const bytes = new Uint8Array(HEAD_BYTES + bodyBytes);
  new DataView(bytes.buffer).setUint32(0, 1 + bodyBytes, true);
  bytes[4] = kind;
  return { bytes, view: new DataView(bytes.buffer, HEAD_BYTES) };
}

function framedBytes(kind: number, body: Uint8Array): Uint8Array {
  const { bytes } = framed(kind, body.length);
  bytes.set(body, HEAD_BYTES);
  return bytes;
}

/** Cuts what comes into frames. Throws WireError on what is none; the stream is of no use then. */
export class FrameReader {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
  }

  /** The next whole frame, or undefined until more has come. */
  next(): Frame | undefined {
    if (this.#bytes < HEAD_BYTES) return undefined;
    const head = this.#peek(HEAD_BYTES);
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
    if (length < 1 || length > FRAME_BYTES_MAX) throw new WireError('a frame of an impossible length');
    if (this.#bytes < 4 + length) return undefined;
    const frame = this.#take(4 + length);
    return decodeBody(frame[4] as number, frame.subarray(HEAD_BYTES));
  }

  #peek(count: number): Uint8Array {
    if ((this.#parts[0] as Uint8Array).length < count) this.#parts = [joined(this.#parts, this.#bytes)];
    return this.#parts[0] as Uint8Array;
  }

  #take(count: number): Uint8Array {
    const first = this.#peek(count);
    this.#bytes -= count;
    if (first.length === count) this.#parts.shift();
    else this.#parts[0] = first.subarray(count);
    return first.subarray(0, count);
  }
}

function joined(parts: readonly Uint8Array[], total: number): Uint8Array {
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function decodeBody(kind: number, body: Uint8Array): Frame {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  switch (kind) {
    case KIND.subscribe: {
      const { session, from, upTo, pingAt } = decodeCastSubscribe(body);
      need(utf8Bytes(session) <= SESSION_BYTES_MAX);
      return { kind: 'subscribe', session, from: place(from, FROM.start), upTo: place(upTo, 0), pingAt };
    }
    case KIND.ping: {
      need(body.length === 4);
      return { kind: 'ping', pingAt: view.getUint32(0, true) };
    }
    case KIND.pong: {
      need(body.length === 8);
      return { kind: 'pong', pingAt: view.getUint32(0, true), at: view.getUint32(4, true) };
    }
    case KIND.start: {
      need(body.length === 16);
      return { kind: 'start', seq: place(view.getFloat64(0, true), 0), head: place(view.getFloat64(8, true), 0) };
    }
    case KIND.chunks:
      return decodeChunks(body, view);
    case KIND.end: {
      const { seq, reason } = decodeCastEnd(body);
      need(utf8Bytes(reason) <= REASON_BYTES_MAX);
      return { kind: 'end', seq: place(seq, 0), reason };
    }
    case KIND.bye: {
      need(body.length === 1);
      return { kind: 'bye', code: view.getUint8(0) };
    }
    case KIND.alive:
    case KIND.ready: {
      need(body.length === 0);
      return { kind: kind === KIND.alive ? 'alive' : 'ready' };
    }
    default:
      throw new WireError('a frame of an unknown kind');
  }
}

function decodeChunks(body: Uint8Array, view: DataView): Frame {
  need(body.length >= 10);
  const count = view.getUint16(8, true);
  need(count >= 1 && count <= BATCH_CHUNKS_MAX && body.length >= 10 + CHUNK_HEAD_BYTES * count);
  const chunks: ChunkOnWire[] = [];
  let at = 10 + CHUNK_HEAD_BYTES * count;
  for (let i = 0; i < count; i++) {
    const head = 10 + CHUNK_HEAD_BYTES * i;
    const word = view.getUint32(head + 4, true);
    const length = word & LENGTH_MASK;
    need(length <= CHUNK_BYTES_MAX && at + length <= body.length);
    chunks.push({ bytes: body.subarray(at, at + length), isKey: word >= KEY_FLAG, hasMore: (word & MORE_FLAG) !== 0, age: view.getUint32(head, true) });
    at += length;
  }
  need(at === body.length);
  return { kind: 'chunks', seqLow: view.getUint32(0, true), sentAt: view.getUint32(4, true), chunks };
}

function place(value: number, least: number): number {
  need(Number.isSafeInteger(value) && value >= least);
  return value;
}

function need(holds: boolean): void {
  if (!holds) throw new WireError('a frame that contradicts itself');
}
