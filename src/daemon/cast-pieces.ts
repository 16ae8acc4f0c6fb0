/**
 * A session's stream as numbered pieces: what a command reads that goes on where it was after its peer has died and come back.
 *
 * Plain bytes do not say where a break fell. A piece is its kind (8 bits), a chunk's number (a double), a length (32 bits, all highest byte first)
 * and as many bytes. Whoever takes whole pieces only, and asks for the number after the last, gets every byte once.
 */
import { CHUNK_BYTES_MAX } from '../protocol/alm/stream/bounds.ts';

export type NumberedPiece =
  /** The number of the first chunk that will come. */
  | { readonly kind: 'begin'; readonly seq: number }
  | { readonly kind: 'chunk'; readonly seq: number; readonly bytes: Uint8Array }
  /** Nothing follows; the reason is for people. */
  | { readonly kind: 'end'; readonly reason: string }
  | { readonly kind: 'failure'; readonly reason: string };

const KINDS = ['begin', 'chunk', 'end', 'failure'] as const;
const HEAD_BYTES = 13;

export function encodePiece(piece: NumberedPiece): Uint8Array[] {
  const body = 'bytes' in piece ? piece.bytes : new TextEncoder().encode('reason' in piece ? piece.reason : '');
  const head = new Uint8Array(HEAD_BYTES);
  const view = new DataView(head.buffer);
  view.setUint8(0, KINDS.indexOf(piece.kind));
  view.setFloat64(1, 'seq' in piece ? piece.seq : 0);
  view.setUint32(9, body.length);
  return body.length === 0 ? [head] : [head, body];
}

/** Cuts what comes into pieces; what is not whole waits, and is forgotten with the reader. Throws RangeError on what is no piece. */
export class PieceReader {
  #rest: Buffer = Buffer.alloc(0);

  read(bytes: Uint8Array): NumberedPiece[] {
    this.#rest = this.#rest.length === 0 ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : Buffer.concat([this.#rest, bytes]);
    const pieces: NumberedPiece[] = [];
    for (let piece = this.#next(); piece !== undefined; piece = this.#next()) pieces.push(piece);
    return pieces;
  }

  #next(): NumberedPiece | undefined {
    if (this.#rest.length < HEAD_BYTES) return undefined;
    const kind = KINDS[this.#rest.readUInt8(0)];
    const length = this.#rest.readUInt32BE(9);
    if (kind === undefined || length > CHUNK_BYTES_MAX) throw new RangeError('what came is no stream of a session');
    if (this.#rest.length < HEAD_BYTES + length) return undefined;
    const seq = this.#rest.readDoubleBE(1);
    const bytes = this.#rest.subarray(HEAD_BYTES, HEAD_BYTES + length);
    this.#rest = this.#rest.subarray(HEAD_BYTES + length);
    return kind === 'begin' ? { kind, seq } : kind === 'chunk' ? { kind, seq, bytes } : { kind, reason: bytes.toString('utf8') };
  }
}
