/**
 * A peer inside another program: the same verbs as on the command line, as a typed object.
 *
 *     await using peer = await createPeer({ data: './state', join: [invite] });
 *     await peer.overlay.put('greeting', 'hello');
 *     for await (const event of peer.events({ signal })) console.log(event);
 *
 * Every operation takes an AbortSignal and ends, one way or the other; failures are GroveErrors with a stable code.
 * Leaving the block of `await using` says farewell to the ring and closes everything.
 */
import { randomBytes } from 'node:crypto';
import { GroveError } from '../core/errors.ts';
import type { Position } from '../core/position.ts';
import { randomFrom } from '../core/random.ts';
import type { Daemon } from '../daemon/daemon.ts';
import { startDaemon } from '../daemon/daemon.ts';
import type { LoggedEvent } from '../daemon/event-log.ts';
import { keyOfPosition, positionOfKey } from '../daemon/key.ts';
import type { FeedsOptions } from '../daemon/feeds/feeds.ts';
import type { FeedService } from '../daemon/feeds/readers.ts';
import type { GetResult, Value } from '../daemon/objects.ts';
import { collect } from '../daemon/objects.ts';
import type { PoolSettings } from '../daemon/pool.ts';
import type { PoolView } from '../daemon/pool-view.ts';
import type { RingView } from '../daemon/ring-view.ts';
import type { DaemonStatus } from '../daemon/status.ts';
import { nearKey, randomKey } from '../protocol/overlay/keys.ts';
import type { ApiAddress } from './server.ts';
import { checkLoopback, serveApi } from './server.ts';

export interface PeerOptions {
  /** The state directory; without one the peer keeps nothing and is a new peer next time. */
  readonly data?: string;
  /** Multiaddresses; by default all interfaces and any free port. */
  readonly listen?: readonly string[];
  /** Invites, or multiaddresses of members of the pool that `poolKey` belongs to. */
  readonly join?: readonly string[];
  readonly name?: string;
  /** 32 bytes. */
  readonly poolKey?: Uint8Array;
  /** Of a new pool; a pool that is joined has its own. */
  readonly pool?: Partial<PoolSettings>;
  /** Values of your own in this machine's report: numbers and texts by name. */
  readonly attributes?: Readonly<Record<string, number | string>>;
  /** Links for multicast trees, its own and those it helps; default 256. */
  readonly degree?: number;
  /** What it does for multicast trees of others; default nothing. */
  readonly help?: { readonly upBps: number; readonly monthBytes: number; readonly sessions: number };
  /** Every byte costs: takes no part in bandwidth measurements. */
  readonly metered?: boolean;
  /** Would swap places with the root of the metadata tree if it is the most capable machine; default no. */
  readonly promote?: boolean;
  /** What capable means: an expression over its own report that gives a number. */
  readonly capability?: string;
  /** How feeds are asked for. */
  readonly feeds?: Partial<Pick<FeedsOptions, 'allowPrivateNetworks' | 'originFloorMs' | 'defaultMaxStalenessMs' | 'contact'>>;
  /** Serves the HTTP API as well, on loopback. */
  readonly api?: ApiAddress;
  /** Gives up starting. */
  readonly signal?: AbortSignal;
}

/** Text, hashed; `0x` and 40 hex digits, taken as they are; or what an operation returned. */
export type Key = string | ObjectKey;

export interface ObjectKey {
  /** `0x` and 40 hex digits: also a key on the command line. */
  readonly key: string;
}

export interface OperationOptions {
  readonly signal?: AbortSignal;
}

export interface PutOptions extends OperationOptions {
  /** The object is gone after this; by default it lives until deleted. */
  readonly leaseMs?: number;
}

export interface PeerName {
  readonly peerId: string;
  readonly name: string;
}

export interface Lookup extends ObjectKey {
  readonly owner: PeerName;
  readonly hops: number;
  readonly ms: number;
}

export interface Stored extends ObjectKey {
  readonly sizeBytes: number;
  readonly copies: number;
  readonly host: PeerName;
  readonly hops: number;
}

export interface Found extends ObjectKey {
  readonly value: Uint8Array;
  readonly host: PeerName;
  readonly hops: number;
  /** What its fields refer to, by name. */
  readonly fields: Readonly<Record<string, ObjectKey>>;
}

export interface Dereferenced extends Found {
  /** The remembered host still had it: no lookup was needed. */
  readonly shortcut: boolean;
}

/** Starts a peer and enters its pool. Throws GroveError. */
export async function createPeer(options: PeerOptions = {}): Promise<Peer> {
  const { data, listen, join, name, poolKey, pool, attributes = {}, degree, help, metered = false, promote = false, capability, feeds, api, signal } = options;
  if (api !== undefined) checkLoopback(api.host);
  return new Peer(
    await startDaemon({
      directory: data,
      listen,
      name,
      poolKey: poolKey === undefined ? undefined : checkedKey(poolKey),
      attributes: new Map(Object.entries(attributes)),
      degreeBound: degree,
      help,
      metered,
      promote,
      capability,
      signal,
      ...(feeds === undefined ? {} : { feeds }),
      ...(join === undefined ? {} : { join }),
      ...(pool === undefined ? {} : { settings: pool }),
      ...(api === undefined ? {} : { serve: async (serving: Daemon) => serveApi(serving, api) }),
    }),
  );
}

export class Peer implements AsyncDisposable {
  readonly overlay: PeerOverlay;
  readonly #daemon: Daemon;

  constructor(daemon: Daemon) {
    this.#daemon = daemon;
    this.overlay = new PeerOverlay(daemon);
  }

  get peerId(): string {
    return this.#daemon.peerId;
  }

  get name(): string {
    return this.#daemon.name;
  }

  /** 40 hex digits. */
  get position(): string {
    return this.#daemon.state.identity.position.hex;
  }

  /** Multiaddresses that others can dial. */
  get addresses(): readonly string[] {
    return this.#daemon.addresses();
  }

  /** Resolves when this peer has stopped; rejects if a bug stopped it. */
  get closed(): Promise<void> {
    return this.#daemon.closed;
  }

  /** The pool as one thing: questions, snapshots, messages, jobs. Messages told to this machine are `told` events. */
  get pool(): PoolView {
    return this.#daemon.pool;
  }

  /** Subscriptions, their documents, and how fresh they are: the verbs of `grove feed`. */
  get feeds(): FeedService {
    return this.#daemon.feeds;
  }

  async lookup(key: Key, { signal }: OperationOptions = {}): Promise<Lookup> {
    const position = positionOf(key);
    const { owner, hops, tookMs } = await this.#daemon.objects.lookup(position, signal);
    return { key: keyOfPosition(position), owner: { peerId: owner.peerId, name: owner.name }, hops, ms: tookMs };
  }

  ring(): RingView {
    return this.#daemon.ring();
  }

  status(): DaemonStatus {
    return this.#daemon.status();
  }

  /** A line of text that lets others into this pool. Keep it secret. */
  invite(): string {
    return this.#daemon.invite();
  }

  /** Goes into the pool of an invite. If nobody there answers, the peer is back in its old pool when this throws. */
  async join(invite: string): Promise<void> {
    return this.#daemon.join(invite);
  }

  /** What happens, from event number `since` on (by default only what is new), until `signal` or the peer's end. */
  events({ since, signal }: OperationOptions & { readonly since?: number } = {}): AsyncIterable<LoggedEvent> {
    return this.#daemon.events.after(since, signal);
  }

  /** Hands objects over, says farewell to the ring and closes everything. */
  async leave(): Promise<void> {
    return this.#daemon.stop();
  }

  async close(): Promise<void> {
    return this.#daemon.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    return this.#daemon.stop();
  }
}

/** Objects and the references between them. */
export class PeerOverlay {
  readonly #daemon: Daemon;
  readonly #random = randomFrom(randomBytes(8).readBigUInt64LE());

  constructor(daemon: Daemon) {
    this.#daemon = daemon;
  }

  /** Stores a value of up to 1 GiB; a stream is not held in memory. */
  async put(key: Key, value: Value | string, { leaseMs = 0, signal }: PutOptions = {}): Promise<Stored> {
    return this.#put(positionOf(key), value, { leaseMs, signal, isFresh: false });
  }

  /** Stores a value under a key of its own; near another's on request, so that one peer most likely hosts both. */
  async create(value: Value | string, { near, leaseMs = 0, signal }: PutOptions & { readonly near?: Key } = {}): Promise<Stored> {
    const position = near === undefined ? randomKey(this.#random) : nearKey(positionOf(near), this.#random);
    return this.#put(position, value, { leaseMs, signal, isFresh: true });
  }

  /** Undefined if there is none. */
  async get(key: Key, { signal }: OperationOptions = {}): Promise<Found | undefined> {
    const position = positionOf(key);
    const result = await orUndefined(this.#daemon.objects.get(position, signal));
    return result === undefined ? undefined : found(keyOfPosition(position), result);
  }

  /** The bytes of a value as they come. Throws GroveError 'not-found' if there is none. */
  async *getStream(key: Key, { signal }: OperationOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    yield* (await this.#daemon.objects.get(positionOf(key), signal)).value;
  }

  /** Lets a field of `a` refer to `b`. */
  async setref(a: Key, field: string, b: Key, { signal }: OperationOptions = {}): Promise<void> {
    await this.#daemon.objects.setref(positionOf(a), field, { key: positionOf(b) }, signal);
  }

  /** The object that a field of `a` refers to. Throws GroveError 'not-found' if the object or the field is not there. */
  async deref(a: Key, field: string, { signal }: OperationOptions = {}): Promise<Dereferenced> {
    const result = await this.#daemon.objects.deref(positionOf(a), field, signal);
    return { ...(await found(keyOfPosition(result.key), result)), shortcut: result.shortcut };
  }

  /** Deletes an object; or, given a field, the object that the field refers to, and clears the field. */
  async delete(key: Key, field?: string, { signal }: OperationOptions = {}): Promise<void> {
    if (field === undefined) await this.#daemon.objects.remove(positionOf(key), signal);
    else await this.#daemon.objects.removeRef(positionOf(key), field, signal);
  }

  async #put(position: Position, value: Value | string, options: { leaseMs: number; signal: AbortSignal | undefined; isFresh: boolean }): Promise<Stored> {
    const bytes = typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'utf8')) : value;
    const { sizeBytes, copies, host, hops } = await this.#daemon.objects.put(position, bytes, options);
    return { key: keyOfPosition(position), sizeBytes, copies, host: { peerId: host.peerId, name: host.name }, hops };
  }
}

async function found(key: string, result: GetResult): Promise<Found> {
  const { host, hops } = result;
  const fields = Object.fromEntries(result.fields.map(({ name, reference }) => [name, { key: keyOfPosition(reference.key) }]));
  return { key, value: await collect(result), host: { peerId: host.peerId, name: host.name }, hops, fields };
}

async function orUndefined<T>(result: Promise<T>): Promise<T | undefined> {
  return result.catch((error: unknown) => {
    if (error instanceof GroveError && error.code === 'not-found') return undefined;
    throw error;
  });
}

function positionOf(key: Key): Position {
  return positionOfKey(typeof key === 'string' ? key : key.key);
}

function checkedKey(key: Uint8Array): Uint8Array {
  if (key.length === 32) return key;
  throw new GroveError('usage', `A pool key has 32 bytes, not ${key.length}.`);
}
