/**
 * Messages on a byte stream: every frame is its length as a varint, one byte that says what it is, and its bytes.
 *
 * The parser keeps the chunks of an unfinished frame as they came and joins them once, so that a frame of a megabyte
 * costs one copy and an announced length costs nothing until its bytes arrive. A length above the maximum, or one that
 * no encoder writes, ends the stream it came on: after it no frame boundary can be trusted.
 */
import { Uint8ArrayList } from 'uint8arraylist';
import { WireError } from '../core/errors.ts';
import { assert, must } from '../core/assert.ts';
import { giveBack } from './give-back.ts';

/** Largest control frame, kind byte included. Raised: one message may hold up a link for longer. Lowered: messages of the protocol no longer fit. */
export const FRAME_BYTES_MAX = 1.25 * 1024 * 1024;

/** What the bytes of a control frame are. Append only. */
export const FRAME = { message: 0, card: 1 } as const;

const LENGTH_BYTES_MAX = 4;
/** The multiplexer's own, in front of what came with it. */
const MUXER_HEADER_BYTES = 12;

/** A frame: in one piece, or, if it is large, in several, so that nobody copies what one neighbour after the other gets. */
export type Frame = Uint8Array | Uint8ArrayList;

/** From here on the payload is not copied. */
const UNCOPIED_BYTES_MIN = 4_096;

/** A frame of a payload that may come in pieces. Whoever hands over a large one leaves its bytes as they are. */
export function frameOf(kind: number, payload: readonly Uint8Array[]): Frame {
  const length = payload.reduce((sum, part) => sum + part.length, 0);
  return length < UNCOPIED_BYTES_MIN ? encodeFrame(kind, ...payload) : new Uint8ArrayList(frameHead(kind, length, 0), ...payload);
}

/** A frame as one array: length, kind, payload, which may come in pieces. */
export function encodeFrame(kind: number, ...payload: readonly Uint8Array[]): Uint8Array {
  const length = payload.reduce((sum, part) => sum + part.length, 0);
  const frame = frameHead(kind, length, length);
  let filled = frame.length - length;
  for (const part of payload) {
    frame.set(part, filled);
    filled += part.length;
  }
  return frame;
}

/** The beginning of a frame, with room for so many bytes after it. */
function frameHead(kind: number, payloadBytes: number, roomBytes: number): Uint8Array {
  const length = 1 + payloadBytes;
  assert(length <= FRAME_BYTES_MAX, 'a frame fits its maximum');
  const lengthBytes = length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x200000 ? 3 : 4;
  // Every byte is written, here and by the caller, so nothing has to be zeroed first.
  const frame = bare(Buffer.allocUnsafeSlow(lengthBytes + 1 + roomBytes));
  let rest = length;
  for (let i = 0; i < lengthBytes - 1; i++) {
    frame[i] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  frame[lengthBytes - 1] = rest;
  frame[lengthBytes] = kind;
  return frame;
}

/**
 * The same bytes as a bare Uint8Array. Sockets deliver Node's Buffer, whose `slice` does not copy; code that keeps a
 * copy of what it received must not depend on where it runs.
 */
export function bare(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Cuts a stream of chunks, which become its own, into frames. One per stream; of no use after it threw. */
export class FrameParser {
  readonly #frameBytesMax: number;
  #chunks: Uint8Array[] = [];
  /** Of the first one a frame was taken, which may be in use. */
  #isFirstCut = false;
  #bufferedBytes = 0;

  constructor(frameBytesMax: number = FRAME_BYTES_MAX) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** How much of an unfinished frame is held. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Calls `onFrame` for each frame that `chunk` completes. Throws WireError on a length that cannot be. */
  push(chunk: Uint8Array, onFrame: (kind: number, payload: Uint8Array) => void): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    for (;;) {
      const head = this.#head();
      if (head === undefined || this.#bufferedBytes < head.headBytes + head.length) return;
      const frame = this.#take(head.headBytes + head.length).subarray(head.headBytes);
      onFrame(must(frame[0], 'a frame has a kind byte'), frame.subarray(1));
    }
  }

  /** The length in front of the buffered bytes, if all of it is there. */
  #head(): { readonly headBytes: number; readonly length: number } | undefined {
    let length = 0;
    for (let i = 0; i < LENGTH_BYTES_MAX; i++) {
      const byte = this.#byteAt(i);
      if (byte === undefined) return undefined;
      length |= (byte & 0x7f) << (7 * i);
      if (byte >= 0x80) continue;
      if (i > 0 && byte === 0) throw new WireError('a frame length is padded');
      if (length === 0) throw new WireError('a frame is empty');
      if (length > this.#frameBytesMax) throw new WireError(`a frame of ${length} bytes is over the maximum`);
      return { headBytes: i + 1, length };
    }
    throw new WireError('a frame length has too many bytes');
  }

  #byteAt(index: number): number | undefined {
    let rest = index;
    for (const chunk of this.#chunks) {
      if (rest < chunk.length) return chunk[rest];
      rest -= chunk.length;
    }
    return undefined;
  }

  /** Removes `count` buffered bytes and returns them in one piece, copying only if they came in several chunks. Those are of no use to anybody then. */
  #take(count: number): Uint8Array {
    this.#bufferedBytes -= count;
    const first = must(this.#chunks[0], 'bytes are buffered');
    if (first.length >= count) {
      this.#isFirstCut = first.length > count;
      if (first.length === count) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(count);
      return first.subarray(0, count);
    }
    const taken = new Uint8Array(count);
    let filled = 0;
    let whole = 0;
    for (const chunk of this.#chunks) {
      if (filled + chunk.length > count) break;
      taken.set(chunk, filled);
      filled += chunk.length;
      if (whole > 0 || !this.#isFirstCut) giveBack(chunk, MUXER_HEADER_BYTES);
      whole++;
    }
    const last = this.#chunks[whole];
    if (last !== undefined && filled < count) {
      taken.set(last.subarray(0, count - filled), filled);
      this.#chunks[whole] = last.subarray(count - filled);
    }
    this.#isFirstCut = filled < count;
    this.#chunks.splice(0, whole);
    return taken;
  }
}
