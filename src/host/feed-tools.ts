/**
 * What the relay of feeds needs of the machine: SHA-256, Ed25519 with the peer's own identity, and zstd with the version before as its dictionary.
 *
 * Small bodies travel as they are: a compressor costs more time for each of them than their bytes. Keys of signers are kept, because
 * making one of a PeerId costs as much as a verification.
 */
import { createHash, createPublicKey, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { FeedTools } from '../protocol/feed/feed.ts';
import { keyOf, multihashOf, privateKeyObject } from './identity.ts';
import { Networks } from './networks.ts';

/** SPKI wrapper of a bare Ed25519 key (RFC 8410). */
const PUBLIC_KEY_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const SIGNATURE_BYTES = 64;
const KEYS_KEPT = 256;
const FORM = { plain: 0, packed: 1 } as const;
const PLAIN_BYTES_MAX = 2 * 1024;
const WORTH_SHARE = 0.9;
/** Pieces of a body that are tried first, and their size: random bytes, and pictures, are not worth a whole try (.05 to .25 ms for 64 KB instead of .75 to 1). */
const SAMPLES = 3;
const SAMPLE_BYTES = 1_400;
const SAMPLED_FROM_BYTES = 16 * 1024;
/** A dictionary counts as far back as the window reaches. */
const WINDOW_LOG_MAX = 25;
const WINDOW_LOG_MIN = 17;

export function createFeedTools(privateKey: Uint8Array, networks = new Networks()): FeedTools {
  const own = privateKeyObject(privateKey);
  const keys = new Map<string, KeyObject>();
  return {
    hash: (body) => createHash('sha256').update(body).digest('hex'),
    sign: (statement) => new Uint8Array(sign(null, statement, own)),
    verify: (peerId, statement, signature) => {
      const key = signature.length === SIGNATURE_BYTES ? publicKeyOf(keys, peerId) : undefined;
      return key !== undefined && verify(null, statement, key, signature);
    },
    pack, unpack,
    networksOf: (peer) => networks.publicOf(peer),
  };
}

function publicKeyOf(keys: Map<string, KeyObject>, peerId: string): KeyObject | undefined {
  const known = keys.get(peerId);
  if (known !== undefined) return known;
  const multihash = multihashOf(peerId);
  if (multihash === undefined) return undefined;
  try {
    const key = createPublicKey({ key: Buffer.concat([PUBLIC_KEY_PREFIX, keyOf(multihash)]), format: 'der', type: 'spki' });
    if (keys.size >= KEYS_KEPT) keys.delete(keys.keys().next().value as string);
    keys.set(peerId, key);
    return key;
  } catch {
    return undefined;
  }
}

function pack(body: Uint8Array, base: Uint8Array | undefined): Uint8Array {
  if (base === undefined && body.length <= PLAIN_BYTES_MAX) return withForm(FORM.plain, body);
  const windowLog = Math.min(WINDOW_LOG_MAX, Math.max(WINDOW_LOG_MIN, Math.ceil(Math.log2(body.length + (base?.length ?? 0)))));
  const params = { [constants.ZSTD_c_windowLog]: windowLog };
  if (body.length >= SAMPLED_FROM_BYTES) {
    const sample = sampleOf(body);
    if (zstdCompressSync(sample, base === undefined ? {} : { params, dictionary: base }).length >= sample.length) return withForm(FORM.plain, body);
  }
  const packed = zstdCompressSync(body, base === undefined ? { params } : { params, dictionary: base });
  // What cannot be compressed need not be unpacked by all who get it.
  return packed.length < WORTH_SHARE * body.length ? withForm(FORM.packed, packed) : withForm(FORM.plain, body);
}

function unpack(packed: Uint8Array, base: Uint8Array | undefined, size: number): Uint8Array | undefined {
  const content = packed.subarray(1);
  if (packed[0] === FORM.plain) return content.length === size ? content : undefined;
  if (packed[0] !== FORM.packed) return undefined;
  try {
    const params = { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX };
    const body = zstdDecompressSync(content, { maxOutputLength: size, params, ...(base === undefined ? {} : { dictionary: base }) });
    return body.length === size ? new Uint8Array(body.buffer, body.byteOffset, body.length) : undefined;
  } catch {
    return undefined;
  }
}

/** From the beginning, the middle and the end: a document may have much that is new at one place. */
function sampleOf(body: Uint8Array): Uint8Array {
  const step = Math.floor((body.length - SAMPLE_BYTES) / (SAMPLES - 1));
  return Buffer.concat(Array.from({ length: SAMPLES }, (_, i) => body.subarray(i * step, i * step + SAMPLE_BYTES)));
}

function withForm(form: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(content.length + 1);
  bytes[0] = form;
  bytes.set(content, 1);
  return bytes;
}
