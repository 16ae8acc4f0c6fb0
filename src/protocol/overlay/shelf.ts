/**
 * The copies this peer keeps: an index in memory, the bytes in the peer's durable store.
 *
 * A copy is replaced by a later version only. Deleted objects leave a trace (their version without a value), so that an
 * old copy met later cannot revive them. The quota counts stored bytes; what does not fit is refused before it is taken.
 */
import { must } from '../../core/assert.ts';
import type { Millis } from '../../core/env.ts';
import { WireError } from '../../core/errors.ts';
import type { Position } from '../../core/position.ts';
import { compareClockwise, inArc } from '../../core/position.ts';
import type { Local } from '../local.ts';
import { createCodec } from '../wire/codec.ts';
import type { StoredObject, SyncEntry, Version } from '../wire/messages.ts';
import { STATUS } from '../wire/messages.ts';
import { compareVersions, isPossible } from './versions.ts';

const PREFIX = 'object/';
/** What a copy costs beyond its value: key, version, fields, index entry. */
const OVERHEAD_BYTES = 200;

export interface Copy {
  readonly key: Position;
  readonly version: Version;
  readonly bytes: number;
  readonly expiresAtMs: number;
  readonly deleted: boolean;
  /** When an owner last said that we should have it; host-monotonic. */
  confirmedAt: Millis;
}

/** An object is stored as the reply that would carry it. */
const codec = createCodec();

/** Shared by all that keep nothing: most peers of a large simulated world. Never changed. */
const NONE = new Map<string, Copy>();

export class Shelf {
  readonly #local: Local;
  #copies: Map<string, Copy> = NONE;
  #bytes = 0;
  #live = 0;

  constructor(local: Local) {
    this.#local = local;
    for (const name of local.env.store.names(PREFIX)) this.#load(name);
  }

  get count(): number {
    return this.#copies.size;
  }

  /** Without the traces of deleted objects. */
  get liveCount(): number {
    return this.#live;
  }

  get bytes(): number {
    return this.#bytes;
  }

  copies(): IterableIterator<Copy> {
    return this.#copies.values();
  }

  find(key: Position): Copy | undefined {
    return this.#copies.get(key.hex);
  }

  /** The object itself, traces of deleted ones and expired ones included. A copy that cannot be read is one no more. */
  read(key: Position): StoredObject | undefined {
    if (!this.#copies.has(key.hex)) return undefined;
    const object = this.#decode(PREFIX + key.hex);
    if (!object) this.drop(key, 'forgotten');
    return object;
  }

  /** Keeps a copy if it is later than the one here. `STATUS.ok`, `STATUS.stale`, `STATUS.quota` or `STATUS.refused`. */
  keep(object: StoredObject): number {
    if (!isPossible(object.version)) return STATUS.refused;
    const known = this.#copies.get(object.key.hex);
    if (known && compareVersions(object.version, known.version) <= 0) {
      known.confirmedAt = this.#local.env.now();
      return STATUS.stale;
    }
    // Peers drop what has expired each in its own time, and must not hand it to one another again and again meanwhile.
    if (!known && this.isExpired(object)) return STATUS.refused;
    const encoded = codec.encode({ type: 'getReply', op: 0, status: STATUS.ok, object });
    const bytes = encoded.length + OVERHEAD_BYTES;
    // A trace is always taken: refusing a deletion would let the object live on.
    if (!object.deleted && this.#bytes - (known?.bytes ?? 0) + bytes > this.#local.options.quotaBytes) return STATUS.quota;
    this.#local.env.store.write(PREFIX + object.key.hex, encoded);
    this.#index(object, bytes);
    return STATUS.ok;
  }

  drop(key: Position, why: 'handed-over' | 'expired' | 'forgotten'): void {
    const copy = this.#copies.get(key.hex);
    if (!copy) return;
    this.#copies.delete(key.hex);
    this.#bytes -= copy.bytes;
    if (!copy.deleted) this.#live--;
    this.#local.env.store.remove(PREFIX + key.hex);
    this.#local.env.emit({ kind: 'object-dropped', key, why });
  }

  isExpired({ expiresAtMs }: Copy | StoredObject): boolean {
    return expiresAtMs > 0 && this.#local.env.wallClock() >= expiresAtMs;
  }

  dropExpired(): void {
    for (const copy of [...this.#copies.values()]) if (this.isExpired(copy)) this.drop(copy.key, 'expired');
  }

  /** Copies with keys in `(from, to]`, clockwise from `from`. */
  inRange(from: Position, to: Position): Copy[] {
    const within: Copy[] = [];
    for (const copy of this.#copies.values()) if (inArc(copy.key, from, to)) within.push(copy);
    return within.sort((a, b) => compareClockwise(from, a.key, b.key));
  }

  #index(object: StoredObject, bytes: number): void {
    const { key, version, expiresAtMs, deleted } = object;
    const known = this.#copies.get(key.hex);
    this.#bytes += bytes - (known?.bytes ?? 0);
    this.#live += (deleted ? 0 : 1) - (known && !known.deleted ? 1 : 0);
    if (this.#copies === NONE) this.#copies = new Map<string, Copy>();
    this.#copies.set(key.hex, { key, version, bytes, expiresAtMs, deleted, confirmedAt: this.#local.env.now() });
    this.#local.env.emit({ kind: 'object-stored', key });
  }

  #load(name: string): void {
    const object = this.#decode(name);
    if (object) this.#index(object, must(this.#local.env.store.read(name), 'listed').length + OVERHEAD_BYTES);
    else this.#local.env.store.remove(name);
  }

  /** Undefined for bytes that are no object: disks rot, and a copy is not the only one. */
  #decode(name: string): StoredObject | undefined {
    const bytes = this.#local.env.store.read(name);
    if (!bytes) return undefined;
    try {
      const message = codec.decode(bytes);
      const object = message.type === 'getReply' ? message.object : undefined;
      return object && name === PREFIX + object.key.hex ? object : undefined;
    } catch (error) {
      if (error instanceof WireError) return undefined;
      throw error;
    }
  }
}

/** What a range of copies looks like in short: equal digests and counts mean equal keys and versions. */
export function digestOf(entries: readonly SyncEntry[]): number {
  let digest = 0;
  for (const { key, version } of entries) {
    let h = Math.imul((key.lead % 4294967296) ^ Math.imul(version.counter + 1, 0x9e3779b1), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 15) ^ (version.wallMs % 4294967296), 0xc2b2ae35);
    digest = (digest + (h ^ (h >>> 13))) >>> 0;
  }
  return digest;
}
