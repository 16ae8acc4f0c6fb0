/**
 * Who a peer is: an Ed25519 key, the PeerId that libp2p makes of it, and the position on the ring that follows from it.
 *
 * Computed here from node:crypto alone, because loading libp2p takes half a second and `grove id` must not. The key is 32
 * bytes in a file only its owner can read, apart from the database, so that a database can be thrown away or sent to
 * somebody without giving away who the peer is. Nobody chooses a position: it is the hash of the PeerId.
 */
import { createHash, createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { GroveError } from '../core/errors.ts';
import type { Position } from '../core/position.ts';
import { positionFromBytes } from '../core/position.ts';
import type { Store } from '../core/env.ts';
import { assert } from '../core/assert.ts';
import { base58Decode, base58Encode } from './base58.ts';

export interface Identity {
  /** The Ed25519 seed: 32 secret bytes. */
  readonly privateKey: Uint8Array;
  readonly peerId: string;
  readonly position: Position;
}

const KEY_BYTES = 32;
/** PKCS #8 and SPKI wrappers of a bare Ed25519 key (RFC 8410). */
const PRIVATE_KEY_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_KEY_PREFIX_BYTES = 12;
/** Identity multihash of libp2p's protobuf of an Ed25519 public key, up to the key itself. */
const MULTIHASH_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);
const INCARNATION = 'host/incarnation';
const INCARNATION_MAX = 2 ** 32 - 2 ** 16; // messages carry 32 bits; leave room for refutations

export function newPrivateKey(): Uint8Array {
  return new Uint8Array(randomBytes(KEY_BYTES));
}

export function identityOf(privateKey: Uint8Array): Identity {
  assert(privateKey.length === KEY_BYTES, 'an Ed25519 private key has 32 bytes');
  const key = privateKeyObject(privateKey);
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(PUBLIC_KEY_PREFIX_BYTES);
  const multihash = new Uint8Array([...MULTIHASH_PREFIX, ...publicKey]);
  return { privateKey, peerId: base58Encode(multihash), position: positionOfMultihash(multihash) };
}

export function privateKeyObject(privateKey: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PRIVATE_KEY_PREFIX, privateKey]), format: 'der', type: 'pkcs8' });
}

/** The bare Ed25519 public key in a multihash. */
export function keyOf(multihash: Uint8Array): Uint8Array {
  return multihash.subarray(MULTIHASH_PREFIX.length);
}

/** Where a peer sits: the first 160 bits of SHA-256 over its PeerId's multihash. */
export function positionOfMultihash(multihash: Uint8Array): Position {
  return positionFromBytes(new Uint8Array(createHash('sha256').update(multihash).digest().subarray(0, 20)));
}

/** The multihash of an Ed25519 PeerId in its usual text form; undefined for anything else. */
export function multihashOf(peerId: string): Uint8Array | undefined {
  if (peerId.length > 64) return undefined;
  const bytes = base58Decode(peerId);
  if (bytes === undefined || bytes.length !== MULTIHASH_PREFIX.length + KEY_BYTES) return undefined;
  return MULTIHASH_PREFIX.every((byte, i) => bytes[i] === byte) ? bytes : undefined;
}

/** The position of a peer by its PeerId; undefined if that is no Ed25519 PeerId. */
export function positionOfPeer(peerId: string): Position | undefined {
  const multihash = multihashOf(peerId);
  return multihash === undefined ? undefined : positionOfMultihash(multihash);
}

/** Reads the key file, or makes one: mode 0600, written whole before it gets its name. */
export function loadIdentity(file: string): Identity {
  try {
    const bytes = new Uint8Array(readFileSync(file));
    if (bytes.length !== KEY_BYTES) {
      throw new GroveError('state', `The key file ${file} is damaged: restore it from a backup, or move it away to become a new peer.`);
    }
    if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
    return identityOf(bytes);
  } catch (error) {
    if (error instanceof GroveError) throw error;
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new GroveError('state', `The key file ${file} cannot be read: check who owns it.`, { cause: error });
    }
  }
  const identity = identityOf(newPrivateKey());
  try {
    mkdirSync(dirname(file), { recursive: true });
    const temporary = `${file}.${process.pid}`;
    const handle = openSync(temporary, 'w', 0o600);
    writeSync(handle, identity.privateKey);
    fsyncSync(handle);
    closeSync(handle);
    renameSync(temporary, file);
  } catch (error) {
    throw new GroveError('state', `The key file ${file} cannot be written: check the directory's owner and free space.`, { cause: error });
  }
  return identity;
}

/**
 * The number of this start: larger than any the peer ever used, also after its store was lost, as long as the clock is
 * roughly right. Written before it is used.
 */
export function nextIncarnation(store: Store, wallClockMs: number): number {
  const stored = store.read(INCARNATION);
  const last = stored === undefined ? 0 : Number(new TextDecoder().decode(stored));
  const seconds = Math.min(Math.floor(wallClockMs / 1000), INCARNATION_MAX);
  const next = Math.max((Number.isSafeInteger(last) ? last : 0) + 1, seconds);
  rememberIncarnation(store, next);
  return next;
}

/** Keeps an incarnation that the protocol raised, so that the next start begins above it. */
export function rememberIncarnation(store: Store, incarnation: number): void {
  store.write(INCARNATION, new TextEncoder().encode(String(incarnation)));
}
