/**
 * A document's bytes as a string with one character for each code unit, so that a place in the string is a place in the
 * bytes and back: encodings that contain ASCII read byte by byte, UTF-16 by pairs.
 *
 * Feeds come in every encoding that ever was, and readers decide how to decode them; so nothing is decoded and encoded
 * again here. Markup is ASCII in all encodings that this knows, and in the others (ISO-2022, UTF-7, UTF-32, EBCDIC) nothing
 * is looked for. DESIGN 10: bodies travel as the origin's bytes.
 */

export interface CodeUnits {
  readonly text: string;
  readonly unitBytes: 1 | 2;
  /** ASCII in this encoding. */
  encode(ascii: string): Buffer;
}

/** A replacement of the units from `start` to before `end`. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly ascii: string;
}

/** Encodings in which a byte that looks like `<` may be part of something else. */
const OPAQUE = /^(?:iso-?2022|utf-?7|hz|utf-?32|ucs-?4|iso-10646-ucs-4|ebcdic|cp037|cp1047|ibm)/i;
const DECLARATION_UNITS = 256;

/** Undefined when places in the bytes cannot be told. `charset` is what the Content-Type says. */
export function codeUnits(body: Uint8Array, charset: string | undefined): CodeUnits | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const [a = 1, b = 1, c = 1, d = 1] = bytes;
  if ((a === 0 && b === 0) || (c === 0 && d === 0) || (a === 0x4c && b === 0x6f && c === 0xa7)) return undefined;
  if ((a === 0xff && b === 0xfe) || (a !== 0 && b === 0)) return littleEndian(bytes);
  if ((a === 0xfe && b === 0xff) || (a === 0 && b !== 0)) return bigEndian(bytes);
  const text = bytes.toString('latin1');
  const declared = /^[\s\u00ef\u00bb\u00bf]*<\?xml[^>]*?\sencoding\s*=\s*["']([^"']+)/.exec(text.slice(0, DECLARATION_UNITS))?.[1];
  if (OPAQUE.test(declared ?? '') || OPAQUE.test(charset ?? '')) return undefined;
  return { text, unitBytes: 1, encode: (ascii) => Buffer.from(ascii, 'latin1') };
}

/** The bytes with all edits made; what is not edited is the same byte for byte. `edits` must not overlap. */
export function withEdits(body: Uint8Array, units: CodeUnits, edits: readonly Edit[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let done = 0;
  for (const { start, end, ascii } of edits.toSorted((x, y) => x.start - y.start)) {
    parts.push(body.subarray(done, start * units.unitBytes), units.encode(ascii));
    done = end * units.unitBytes;
  }
  parts.push(body.subarray(done));
  return Buffer.concat(parts);
}

function littleEndian(bytes: Buffer): CodeUnits {
  return { text: bytes.toString('utf16le'), unitBytes: 2, encode: (ascii) => Buffer.from(ascii, 'utf16le') };
}

function bigEndian(bytes: Buffer): CodeUnits {
  const even = Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % 2)));
  return { text: even.swap16().toString('utf16le'), unitBytes: 2, encode: (ascii) => Buffer.from(ascii, 'utf16le').swap16() };
}
