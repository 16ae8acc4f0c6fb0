/**
 * A version on the wire and as its users know it: digests as bytes there, as text here;
 * and the bounds of both.
 */
import type { Attestation, FoundVersion, Stamp } from './feed.ts';
import { ATTESTATIONS_MAX, BODY_BYTES_MAX, ITEMS_MAX } from './feed.ts';
import type { FeedAttestation, FeedRecord } from '../wire/feed-messages.ts';

const HASH_BYTES = 32;
const ITEM_BYTES = 8;
const CONTENT_TYPE_CHARS_MAX = 80;
const ETAG_CHARS_MAX = 340;
const LAST_MODIFIED_CHARS_MAX = 40;
export const NO_BYTES = new Uint8Array(0);

export function bytesOfHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length >> 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

export function hexOfBytes(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += byte < 16 ? `0${byte.toString(16)}` : byte.toString(16);
  return hex;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => b[i] === byte);
}

/** Within the wire's bounds: a validator that is too long is none. */
export function boundedFound(found: FoundVersion): FoundVersion {
  const { contentType, etag, lastModified, items } = found;
  return {
    ...found, items: items.slice(0, ITEMS_MAX), contentType: contentType.slice(0, CONTENT_TYPE_CHARS_MAX),
    etag: etag.length > ETAG_CHARS_MAX ? '' : etag, lastModified: lastModified.length > LAST_MODIFIED_CHARS_MAX ? '' : lastModified,
  };
}

export function recordOf(version: FoundVersion & { readonly stamp?: Stamp; readonly attestations: readonly Attestation[] }): FeedRecord {
  const { stamp, hash, size, contentType, etag, lastModified, fetchedAt, askedBefore, items, attestations } = version;
  return { stamp, hash: bytesOfHex(hash), size, contentType, etag, lastModified, fetchedAt, askedBefore, items: bytesOfHex(items.join('')), attestations: attestations.slice(0, ATTESTATIONS_MAX).map(toWire) };
}

export function toWire({ peerId, at, signature }: Attestation): FeedAttestation {
  return { signer: peerId, at, signature };
}

export function fromWire({ signer, at, signature }: FeedAttestation): Attestation {
  return { peerId: signer, at, signature };
}

/** Undefined when it is nothing that an honest peer sends. */
export function foundOf(record: FeedRecord): FoundVersion | undefined {
  const { hash, size, contentType, etag, lastModified, fetchedAt, askedBefore, items, attestations } = record;
  const isSound = hash.length === HASH_BYTES && size > 0 && size <= BODY_BYTES_MAX && items.length % ITEM_BYTES === 0 && attestations.length > 0 && fetchedAt >= 0 && askedBefore >= 0;
  if (!isSound) return undefined;
  const digits = hexOfBytes(items);
  return {
    hash: hexOfBytes(hash), size, contentType, etag, lastModified, fetchedAt, askedBefore,
    items: Array.from({ length: items.length / ITEM_BYTES }, (_, i) => digits.slice(2 * ITEM_BYTES * i, 2 * ITEM_BYTES * (i + 1))),
  };
}
