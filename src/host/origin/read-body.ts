/**
 * A response body to its last byte, content encodings removed, and never more than is allowed.
 *
 * Bytes are counted after decoding, while they come, so that a small bomb is stopped when it has become as large as a large
 * feed and no later; before decoding they are counted too. The chain of encodings is short, or the answer is refused:
 * a server can name as many as it likes.
 */
import type { Readable, Transform } from 'node:stream';
import { PassThrough, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';

export const ENCODINGS_MAX = 2;
/** What `Accept-Encoding` says. */
export const ACCEPTED_ENCODINGS = 'gzip, deflate, br';

export class BodyRefused extends Error {
  override readonly name = 'BodyRefused';
}

/** Throws `BodyRefused` with a plain reason, or whatever broke the stream. `onBytes` gets what came over the wire. */
export async function readBody(body: Readable, contentEncoding: string, bytesMax: number, onBytes: (chunk: Uint8Array) => void): Promise<Uint8Array> {
  const encodings = contentEncoding.split(',').map((one) => one.trim().toLowerCase()).filter((one) => one !== '' && one !== 'identity');
  if (encodings.length > ENCODINGS_MAX) throw new BodyRefused(`it is encoded ${encodings.length} times over, and ${ENCODINGS_MAX} are enough`);
  const decoders = encodings.reverse().map(decoderFor);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const sink = new Writable({
    write: (chunk: Uint8Array, _encoding, done): void => {
      size += chunk.length;
      if (size > bytesMax) return done(tooLarge(bytesMax));
      chunks.push(chunk);
      done();
    },
  });
  await pipeline([body, counting(bytesMax, onBytes), ...decoders, sink]);
  return concatenated(chunks, size);
}

function counting(bytesMax: number, onBytes: (chunk: Uint8Array) => void): Transform {
  const stage = new PassThrough();
  let size = 0;
  stage._transform = (chunk: Uint8Array, _encoding, done): void => {
    size += chunk.length;
    onBytes(chunk);
    if (size > bytesMax) done(tooLarge(bytesMax));
    else done(null, chunk);
  };
  return stage;
}

function decoderFor(encoding: string): Transform {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'br':
      return createBrotliDecompress();
    case 'deflate':
      return inflateEither();
    default:
      throw new BodyRefused(`its encoding ${JSON.stringify(encoding.slice(0, 20))} was not asked for`);
  }
}

/** "deflate" means zlib's format, and some servers send the bare one: the first two bytes tell. */
function inflateEither(): Transform {
  let inner: Transform | undefined;
  const outer = new PassThrough();
  const begin = (chunk: Uint8Array): Transform => {
    const [first = 0, second = 0] = chunk;
    const decoder = (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0 ? createInflate() : createInflateRaw();
    decoder.on('data', (bytes: Uint8Array) => outer.push(bytes));
    decoder.on('error', (error) => outer.destroy(error));
    return decoder;
  };
  outer._transform = (chunk: Uint8Array, _encoding, done): void => {
    inner ??= begin(chunk);
    inner.write(chunk, () => done());
  };
  outer._flush = (done): void => {
    if (inner === undefined) return done();
    inner.on('end', () => done());
    inner.end();
  };
  return outer;
}

function tooLarge(bytesMax: number): BodyRefused {
  return new BodyRefused(`it is larger than ${Math.round(bytesMax / 2 ** 20)} MiB`);
}

function concatenated(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
