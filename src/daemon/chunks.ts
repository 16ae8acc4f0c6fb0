/**
 * Values larger than one object: cut into chunk objects, found again through a manifest that refers to them.
 *
 * The form is in proto/grove/v1/chunks.proto. Both directions keep a few chunks in memory however large the value is. A
 * chunk is checked against its hash before a byte of it is handed on. Chunks lie near their manifest (a neighbour on the
 * ring usually hosts all), but only so many of them: a gigabyte must not fall on one peer.
 */
import { createHash, randomBytes } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { GroveError } from '../core/errors.ts';
import type { Position } from '../core/position.ts';
import { randomFrom } from '../core/random.ts';
import { nearKey, randomKey } from '../protocol/overlay/keys.ts';
import { VALUE_MAX_BYTES } from '../protocol/overlay/limits.ts';
import { ManifestSchema } from '../protocol/wire/gen/grove/v1/chunks_pb.ts';
import type { Field, Reference, StoredObject } from '../protocol/wire/messages.ts';
import { OWN_FIELD_PREFIX } from './key.ts';
import type { Operations } from './operations.ts';

export const CHUNK_BYTES = 256 * 1024;
const CHUNKS_MAX = 4_096;
export const VALUE_BYTES_MAX = CHUNK_BYTES * CHUNKS_MAX;
/** Chunks under way at once, each direction. Raised: faster over long distances, more memory. */
const IN_FLIGHT = 3;
/** Neighbouring chunks that share a place on the ring. */
const CHUNKS_TOGETHER = 64;
/** References name a chunk's host while all of them fit into one object with the hashes. */
const HOSTS_MAX = 512;
const HASH_BYTES = 32;
/** How a manifest's value begins. A small value that begins so is stored in chunks, like a large one. */
const MARK = Uint8Array.of(0x00, 0x67, 0x72, 0x6f, 0x76, 0x65, 0x01, 0xff);

export interface Manifest {
  readonly sizeBytes: number;
  readonly chunkBytes: number;
  readonly hashes: readonly Uint8Array[];
  readonly chunks: readonly Reference[];
}

/** A value ready to be stored as a manifest object. */
export interface Uploaded {
  readonly value: Uint8Array;
  readonly fields: readonly Field[];
  readonly sizeBytes: number;
}

export function beginsWithMark(value: Uint8Array): boolean {
  return value.length >= MARK.length && MARK.every((byte, i) => value[i] === byte);
}

/** Undefined for an object that is its own value. Throws GroveError 'not-found' for a manifest that is damaged. */
export function manifestOf(object: StoredObject): Manifest | undefined {
  if (!beginsWithMark(object.value)) return undefined;
  try {
    const { sizeBytes, chunkBytes, hashes } = fromBinary(ManifestSchema, object.value.subarray(MARK.length));
    const count = hashes.length / HASH_BYTES;
    const consistent = chunkBytes >= 1 && chunkBytes <= VALUE_MAX_BYTES && count === Math.ceil(sizeBytes / chunkBytes) && count <= CHUNKS_MAX;
    if (!consistent) throw damaged();
    const references = new Map(object.fields.map((field) => [field.name, field.reference]));
    const chunks = Array.from({ length: count }, (_, i) => references.get(fieldOf(i)) ?? fail());
    return { sizeBytes, chunkBytes, chunks, hashes: chunks.map((_, i) => hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)) };
  } catch (error) {
    throw error instanceof GroveError ? error : damaged(error);
  }
}

/**
 * Stores a value's chunks and returns what to store under its key. When anything fails, what was stored of it is deleted
 * again and the failure thrown.
 */
export async function uploadChunks(operations: Operations, near: Position, source: AsyncIterable<Uint8Array>, leaseMs: number, signal?: AbortSignal): Promise<Uploaded> {
  const random = randomFrom(randomBytes(8).readBigUInt64LE());
  const failing = new AbortController();
  const either = signal === undefined ? failing.signal : AbortSignal.any([signal, failing.signal]);
  const hashes: Uint8Array[] = [];
  const keys: Position[] = [];
  const stored: (Reference | undefined)[] = [];
  const underWay = new Set<Promise<void>>();
  let sizeBytes = 0;
  let spot = near;
  const store = async (index: number, key: Position, chunk: Uint8Array): Promise<void> => {
    const { host } = await operations.put(key, chunk, { leaseMs }, either);
    stored[index] = { key, host };
  };
  try {
    for await (const chunk of inChunks(source, CHUNK_BYTES)) {
      either.throwIfAborted();
      sizeBytes += chunk.length;
      if (sizeBytes > VALUE_BYTES_MAX) throw tooLarge();
      const index = keys.length;
      if (index > 0 && index % CHUNKS_TOGETHER === 0) spot = randomKey(random);
      const key = nearKey(spot, random);
      keys.push(key);
      hashes.push(sha256(chunk));
      const task = store(index, key, chunk).finally(() => underWay.delete(task));
      task.catch((error: unknown) => failing.abort(error));
      underWay.add(task);
      if (underWay.size >= IN_FLIGHT) await Promise.race(underWay);
    }
    await Promise.all(underWay);
    either.throwIfAborted();
    return uploaded(sizeBytes, hashes, keys, stored);
  } catch (error) {
    failing.abort(error);
    await Promise.allSettled(underWay);
    await removeAll(operations, keys);
    throw failing.signal.reason ?? error;
  }
}

/** The bytes of a value in order, each chunk checked; at most a few chunks are in memory. */
export async function* downloadChunks(operations: Operations, manifest: Manifest, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const ending = new AbortController();
  const either = signal === undefined ? ending.signal : AbortSignal.any([signal, ending.signal]);
  const ahead: Promise<Uint8Array>[] = [];
  let next = 0;
  try {
    while (next < manifest.chunks.length || ahead.length > 0) {
      while (next < manifest.chunks.length && ahead.length < IN_FLIGHT) {
        const chunk = fetchChunk(operations, manifest, next++, either);
        chunk.catch(() => undefined); // awaited in its turn
        ahead.push(chunk);
      }
      yield (await ahead.shift()) as Uint8Array;
    }
  } finally {
    ending.abort();
  }
}

/** Deletes a value's chunks. Chunks that are gone already are fine. */
export async function removeChunks(operations: Operations, manifest: Manifest, signal?: AbortSignal): Promise<void> {
  const pending = [...manifest.chunks];
  const worker = async (): Promise<void> => {
    for (let chunk = pending.shift(); chunk !== undefined; chunk = pending.shift()) {
      await operations.remove(chunk.key, signal).catch((error: unknown) => {
        if (!(error instanceof GroveError && error.code === 'not-found')) throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

/** The same bytes in pieces of exactly `bytes`, the last one shorter. */
export async function* inChunks(source: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  let buffer = new Uint8Array(bytes);
  let filled = 0;
  for await (const part of source) {
    for (let taken = 0; taken < part.length; ) {
      const count = Math.min(bytes - filled, part.length - taken);
      buffer.set(part.subarray(taken, taken + count), filled);
      filled += count;
      taken += count;
      if (filled === bytes) {
        yield buffer;
        buffer = new Uint8Array(bytes); // the one handed out is on its way to another peer
        filled = 0;
      }
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}

export function tooLarge(): GroveError {
  const max = VALUE_BYTES_MAX / 1024 ** 3;
  return new GroveError('too-large', `The value is larger than ${max} GiB, the most that one key can hold: split it over several keys.`);
}

async function fetchChunk(operations: Operations, manifest: Manifest, index: number, signal: AbortSignal): Promise<Uint8Array> {
  const { key, host } = manifest.chunks[index] as Reference;
  const isRight = (value: Uint8Array): boolean => Buffer.compare(sha256(value), manifest.hashes[index] as Uint8Array) === 0;
  if (host !== undefined) {
    const direct = await operations.direct(key, host, signal).catch(() => undefined);
    if (direct !== undefined && isRight(direct.object.value)) return direct.object.value;
    signal.throwIfAborted();
  }
  const { object } = await operations.get(key, signal);
  if (!isRight(object.value)) throw damaged();
  return object.value;
}

function uploaded(sizeBytes: number, hashes: readonly Uint8Array[], keys: readonly Position[], stored: readonly (Reference | undefined)[]): Uploaded {
  const manifest = toBinary(ManifestSchema, create(ManifestSchema, { sizeBytes, chunkBytes: CHUNK_BYTES, hashes: Buffer.concat(hashes) }));
  const fields = keys.map((key, i) => ({
    name: fieldOf(i),
    reference: { key, host: keys.length <= HOSTS_MAX ? stored[i]?.host : undefined },
  }));
  return { value: new Uint8Array(Buffer.concat([MARK, manifest])), fields, sizeBytes };
}

async function removeAll(operations: Operations, keys: readonly Position[]): Promise<void> {
  // Whether a put that failed was stored after all is not known: all are deleted.
  for (const key of keys) await operations.remove(key).catch(() => undefined);
}

function fieldOf(index: number): string {
  return `${OWN_FIELD_PREFIX}${index}`;
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

function fail(): never {
  throw damaged();
}

function damaged(cause?: unknown): GroveError {
  return new GroveError('not-found', 'The value is incomplete or was changed while it was read: read it again, or put it again.', { cause });
}
