/**
 * Objects and references as people use them: values of any size under keys, streamed in and out.
 *
 * A value up to one object's size is one object; a larger one is chunks behind a manifest (chunks.ts), and nobody above
 * this file sees the difference. Writing over or deleting a large value deletes its chunks with it, which is why both
 * look at what is there first.
 */
import type { Contact } from '../core/contact.ts';
import { GroveError } from '../core/errors.ts';
import type { Position } from '../core/position.ts';
import { VALUE_MAX_BYTES as OBJECT_BYTES_MAX } from '../protocol/overlay/limits.ts';
import type { LookupResult } from '../protocol/routing/router.ts';
import type { Field, Reference, StoredObject } from '../protocol/wire/messages.ts';
import type { Manifest, Uploaded } from './chunks.ts';
import { beginsWithMark, downloadChunks, manifestOf, removeChunks, tooLarge, uploadChunks, VALUE_BYTES_MAX } from './chunks.ts';
import { checkField, OWN_FIELD_PREFIX } from './key.ts';
import type { Operations } from './operations.ts';

export type Value = Uint8Array | AsyncIterable<Uint8Array>;

export interface PutResult {
  readonly sizeBytes: number;
  readonly copies: number;
  readonly host: Contact;
  readonly hops: number;
}

export interface GetResult {
  readonly sizeBytes: number;
  /** Reads once, in order. Throws when a part cannot be had. */
  readonly value: AsyncIterable<Uint8Array>;
  readonly fields: readonly Field[];
  readonly host: Contact;
  readonly hops: number;
}

export interface DerefResult extends GetResult {
  readonly key: Position;
  readonly shortcut: boolean;
}

export interface WriteOptions {
  /** The object is gone after this; by default it lives until deleted. */
  readonly leaseMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Nothing can be there yet: spares looking. */
  readonly isFresh?: boolean;
}

export class Objects {
  readonly #operations: Operations;

  constructor(operations: Operations) {
    this.#operations = operations;
  }

  async lookup(key: Position, signal?: AbortSignal): Promise<LookupResult> {
    return this.#operations.lookup(key, signal);
  }

  async put(key: Position, value: Value, options: WriteOptions = {}): Promise<PutResult> {
    const { leaseMs = 0, signal, isFresh = false } = options;
    const before = isFresh ? undefined : await this.#manifestAt(key, signal);
    const { whole, rest } = await startOf(value);
    const content: Uploaded =
      rest === undefined && !beginsWithMark(whole)
        ? { value: whole, fields: [], sizeBytes: whole.length }
        : await uploadChunks(this.#operations, key, rest ?? one(whole), leaseMs, signal);
    const written = await this.#operations.put(key, content.value, { leaseMs, fields: content.fields }, signal).catch(async (error: unknown) => {
      // Without its manifest nobody finds the chunks again.
      await this.#removeQuietly(content, key);
      throw error;
    });
    if (before !== undefined) await removeChunks(this.#operations, before).catch(() => undefined);
    return { sizeBytes: content.sizeBytes, copies: written.copies, host: written.host, hops: written.hops };
  }

  /** Throws GroveError 'not-found' when there is none. */
  async get(key: Position, signal?: AbortSignal): Promise<GetResult> {
    const read = await this.#operations.get(key, signal);
    return { ...this.#valueOf(read.object, signal), host: read.host, hops: read.hops };
  }

  async remove(key: Position, signal?: AbortSignal): Promise<PutResult> {
    const { object } = await this.#operations.get(key, signal);
    const sizeBytes = await this.#removeParts(object, signal);
    const written = await this.#operations.remove(key, signal);
    return { sizeBytes, copies: written.copies, host: written.host, hops: written.hops };
  }

  /** Lets field `field` of object `a` refer to `b`; without a host in it, `b`'s present one becomes the shortcut. */
  async setref(a: Position, field: string, b: Reference, signal?: AbortSignal): Promise<void> {
    await this.#operations.setref(a, checkField(field), b, signal);
  }

  async deref(a: Position, field: string, signal?: AbortSignal): Promise<DerefResult> {
    const read = await this.#operations.deref(a, checkField(field), signal);
    const { key, shortcut, host, hops } = read;
    return { ...this.#valueOf(read.object, signal), key, shortcut, host, hops };
  }

  /** Deletes the object that the field refers to, and clears the field. */
  async removeRef(a: Position, field: string, signal?: AbortSignal): Promise<void> {
    const target = await this.#operations.deref(a, checkField(field), signal).catch((error: unknown) => {
      if (error instanceof GroveError && error.code === 'not-found') return undefined;
      throw error;
    });
    if (target !== undefined) await this.#removeParts(target.object, signal);
    await this.#operations.removeRef(a, field, signal);
  }

  #valueOf(object: StoredObject, signal: AbortSignal | undefined): Pick<GetResult, 'sizeBytes' | 'value' | 'fields'> {
    const manifest = manifestOf(object);
    const fields = object.fields.filter((field) => !field.name.startsWith(OWN_FIELD_PREFIX));
    if (manifest === undefined) return { sizeBytes: object.value.length, value: one(object.value), fields };
    return { sizeBytes: manifest.sizeBytes, value: downloadChunks(this.#operations, manifest, signal), fields };
  }

  /** The manifest of what is under a key now, if that is a large value. */
  async #manifestAt(key: Position, signal: AbortSignal | undefined): Promise<Manifest | undefined> {
    try {
      return manifestOf((await this.#operations.get(key, signal)).object);
    } catch (error) {
      if (error instanceof GroveError && error.code === 'not-found') return undefined;
      throw error;
    }
  }

  async #removeParts(object: StoredObject, signal: AbortSignal | undefined): Promise<number> {
    let manifest: Manifest | undefined;
    try {
      manifest = manifestOf(object);
    } catch {
      return object.value.length; // damaged: what it referred to cannot be known
    }
    if (manifest === undefined) return object.value.length;
    await removeChunks(this.#operations, manifest, signal);
    return manifest.sizeBytes;
  }

  async #removeQuietly(content: Uploaded, key: Position): Promise<void> {
    if (content.fields.length === 0) return;
    const version = { wallMs: 0, counter: 0, writer: '' };
    const object = { key, version, value: content.value, fields: content.fields, expiresAtMs: 0, deleted: false };
    await this.#removeParts(object, undefined).catch(() => undefined);
  }
}

/** A whole value in memory, up to a limit: for JSON and for callers that want bytes. */
export async function collect(result: Pick<GetResult, 'sizeBytes' | 'value'>): Promise<Uint8Array> {
  const bytes = new Uint8Array(result.sizeBytes);
  let filled = 0;
  for await (const part of result.value) {
    bytes.set(part, filled);
    filled += part.length;
  }
  return bytes;
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes;
}

/** The whole value if it fits one object, else a stream that begins with what was read to find out. */
async function startOf(value: Value): Promise<{ readonly whole: Uint8Array; readonly rest: AsyncIterable<Uint8Array> | undefined }> {
  if (value instanceof Uint8Array) {
    if (value.length > VALUE_BYTES_MAX) throw tooLarge();
    return { whole: value, rest: value.length > OBJECT_BYTES_MAX ? one(value) : undefined };
  }
  const source = value[Symbol.asyncIterator]();
  const parts: Uint8Array[] = [];
  let read = 0;
  while (read <= OBJECT_BYTES_MAX) {
    const step = await source.next();
    if (step.done === true) return { whole: new Uint8Array(Buffer.concat(parts)), rest: undefined };
    parts.push(step.value);
    read += step.value.length;
  }
  return { whole: new Uint8Array(0), rest: resumed(parts, source) };
}

async function* resumed(parts: readonly Uint8Array[], source: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* parts;
    for (let step = await source.next(); step.done !== true; step = await source.next()) yield step.value;
  } finally {
    await source.return?.();
  }
}
