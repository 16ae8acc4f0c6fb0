/**
 * A stream of bytes as messages, and messages as chunks: where one ends is seen in the bytes, which travel as they are.
 *
 * Lines end with a line feed; sized messages begin with their length, 32 bits, the first byte the highest. Whoever joins late begins
 * at the beginning of a message, or at a key point, which is every so manieth of them. Bytes without messages are cut as they come.
 */
import { GroveError } from '../core/errors.ts';
import { CHUNK_BYTES_MAX, MESSAGE_BYTES_MAX } from '../protocol/alm/stream/bounds.ts';
import type { Chunk } from '../protocol/alm/stream/frames.ts';

export type Piece = Pick<Chunk, 'bytes' | 'isKey' | 'hasMore'>;
export type Framing = 'lines' | 'sized';

const LENGTH_BYTES = 4;
const LINE_FEED = 10;

export class MessageCutter {
  readonly #framing: Framing | undefined;
  /** 0: no key points. */
  readonly #keyEvery: number;
  /** What came of a message that is not whole. */
  #parts: Uint8Array[] = [];
  #bytes = 0;
  /** Before so much is here nothing is whole. */
  #needed = 0;
  #messages = 0;

  constructor(framing: Framing | undefined, keyEvery: number) {
    this.#framing = framing;
    this.#keyEvery = keyEvery;
  }

  /** What is whole now. Throws GroveError on a message that is too long. */
  cut(bytes: Uint8Array): Piece[] {
    if (this.#framing === undefined) return piecesOf(bytes, false, false);
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
    const isWhole = this.#framing === 'lines' ? bytes.includes(LINE_FEED) : this.#bytes >= this.#needed;
    if (this.#bytes > MESSAGE_BYTES_MAX && !isWhole) throw tooLong();
    return isWhole ? this.#whole() : [];
  }

  /** The end of the stream: a line needs no line feed there, and a sized message that is not whole is an error. */
  end(): Piece[] {
    if (this.#bytes === 0) return [];
    if (this.#framing === 'sized') throw new GroveError('usage', 'The stream ends within a message: its length says that more would come.');
    return this.#message(this.#taken());
  }

  #whole(): Piece[] {
    const pieces: Piece[] = [];
    let rest = this.#taken();
    let length = this.#lengthOf(rest);
    for (; length !== undefined && length <= rest.length; length = this.#lengthOf(rest)) {
      pieces.push(...this.#message(rest.subarray(0, length)));
      rest = rest.subarray(length);
    }
    if (rest.length > MESSAGE_BYTES_MAX) throw tooLong();
    this.#parts = [rest];
    this.#bytes = rest.length;
    this.#needed = length ?? LENGTH_BYTES;
    return pieces;
  }

  #taken(): Uint8Array {
    const bytes = this.#parts.length === 1 ? (this.#parts[0] as Uint8Array) : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    return bytes;
  }

  #message(bytes: Uint8Array): Piece[] {
    const isKey = this.#keyEvery > 0 && this.#messages++ % this.#keyEvery === 0;
    return piecesOf(bytes, isKey, true);
  }

  /** Of the first message, as far as it can be seen. */
  #lengthOf(bytes: Uint8Array): number | undefined {
    if (this.#framing === 'lines') {
      const end = bytes.indexOf(LINE_FEED);
      return end < 0 ? undefined : checked(end + 1);
    }
    if (bytes.length < LENGTH_BYTES) return undefined;
    return checked(LENGTH_BYTES + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0));
  }
}

function piecesOf(bytes: Uint8Array, isKey: boolean, isMessage: boolean): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES_MAX) {
    pieces.push({ bytes: bytes.subarray(at, at + CHUNK_BYTES_MAX), isKey: isKey && at === 0, hasMore: isMessage && at + CHUNK_BYTES_MAX < bytes.length });
  }
  return pieces;
}

function checked(length: number): number {
  if (length > MESSAGE_BYTES_MAX) throw tooLong();
  return length;
}

function tooLong(): GroveError {
  return new GroveError('too-large', `A message of the stream is longer than ${MESSAGE_BYTES_MAX} bytes: send it without --messages.`);
}
