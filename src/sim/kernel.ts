/**
 * The event loop and the columns of all peers: what happens between an Env call and the callback it causes.
 *
 * `World` is the face that tests and experiments use; this is the engine behind it. A peer is an index into columns. It
 * has a life number (odd while it lives, raised by every crash and every start), and every event carries the life it
 * was made for: a crash thus voids a peer's timers and the messages on their way to it without touching the queue.
 * Nothing here is asynchronous and nothing depends on anything but the seed and the calls made.
 */
import { assert, must } from '../core/assert.ts';
import type { Contact } from '../core/contact.ts';
import type { Codec, Millis, Protocol, Store, TimerKind } from '../core/env.ts';
import { WireError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { SimContact } from './contacts.ts';
import { withIndex } from './contacts.ts';
import { Counters } from './counters.ts';
import { Fingerprint } from './fingerprint.ts';
import { deepFreeze } from './freeze.ts';
import type { Link } from './link.ts';
import { MemoryStore } from './memory-store.ts';
import { PeerEnv } from './peer-env.ts';
import type { EventQueue } from './queue.ts';
import { StreamTable } from './streams.ts';
import { TimerTable, timerKindOf } from './timer-table.ts';

/** Kinds of events; in the queue the life of the peer concerned stands above them. */
export const EVENT = { timer: 1, reach: 2, deliver: 3, control: 4, unreachable: 5, stream: 6 } as const;
const KIND_BITS = 3;
const KIND_MASK = 7;
const NOBODY = -1;

export interface KernelOptions<M> {
  readonly codec: Codec<M>;
  readonly queue: EventQueue;
  readonly link: Link;
  readonly random: Random;
  readonly wire: boolean;
  readonly freeze: boolean;
  readonly countBytes: boolean;
  readonly overheadBytes: number;
  readonly clockSkewMs: Millis;
  readonly clockEpochMs: Millis;
  readonly hintUnreachable: boolean;
  readonly checkpointEvery: number;
  readonly streamHighWaterBytes: number;
}

/** What is on its way in a world with bandwidth: the size has to travel along to the receiver's access link. */
interface Parcel {
  readonly carried: unknown;
  readonly bytes: number;
}

export type FactObserver<F> = (peer: number, fact: F, at: Millis) => void;
export type Create<M, F> = (env: PeerEnv<M, F>, self: Contact) => Protocol<M>;

export class Kernel<M, F> {
  now: Millis = 0;
  readonly link: Link;
  readonly queue: EventQueue;
  readonly counters = new Counters();
  readonly fingerprint: Fingerprint;
  readonly streams: StreamTable;
  readonly options: KernelOptions<M>;
  /** The latest contact of each peer. */
  readonly contacts: SimContact[] = [];
  readonly protocols: (Protocol<M> | undefined)[] = [];
  readonly observers: FactObserver<F>[] = [];
  aliveCount = 0;
  readonly #codec: Codec<M>;
  readonly #timers = new TimerTable();
  readonly #indexByPeerId = new Map<string, number>();
  readonly #stores: (Store | undefined)[] = [];
  readonly #skews: number[] = [];
  readonly #lives: number[] = [];
  /** Peers whose process hangs, and until when. */
  readonly #hangs = new Map<number, Millis>();

  constructor(options: KernelOptions<M>) {
    this.options = options;
    this.link = options.link;
    this.queue = options.queue;
    this.#codec = options.codec;
    this.fingerprint = new Fingerprint(options.checkpointEvery);
    this.streams = new StreamTable(this, options.streamHighWaterBytes, options.wire);
  }

  /** Adds a peer, dead as yet. */
  add(contact: Contact, store: Store | undefined): number {
    const index = this.contacts.length;
    assert(!this.#indexByPeerId.has(contact.peerId), `peer ${contact.peerId} exists: respawn it instead`);
    this.contacts.push(withIndex(contact, index));
    this.#indexByPeerId.set(contact.peerId, index);
    this.protocols.push(undefined);
    this.#stores.push(store);
    this.#lives.push(0);
    const { clockSkewMs, random } = this.options;
    this.#skews.push(clockSkewMs === 0 ? 0 : (random.fork('clock', index).unit() * 2 - 1) * clockSkewMs);
    return index;
  }

  start(index: number, create: Create<M, F>): void {
    assert(!this.isAlive(index), `peer ${index} is alive already`);
    const life = this.#lifeOf(index) + 1;
    this.#lives[index] = life;
    this.aliveCount++;
    const protocol = create(new PeerEnv(this, index, life), this.contactOf(index));
    if (this.isLife(index, life)) this.protocols[index] = protocol;
  }

  /** Kill -9: at once and without a word. */
  crash(index: number): void {
    if (!this.isAlive(index)) return;
    this.#lives[index] = this.#lifeOf(index) + 1;
    this.protocols[index] = undefined;
    this.aliveCount--;
    this.#hangs.delete(index);
    this.streams.onCrash(index);
  }

  setContact(index: number, contact: Contact): void {
    assert(contact.peerId === this.contactOf(index).peerId, 'a peer keeps its identity');
    this.contacts[index] = withIndex(contact, index);
  }

  /** The process does nothing until then, and afterwards finds its input waiting. */
  hang(index: number, until: Millis): void {
    if (this.isAlive(index)) this.#hangs.set(index, until);
  }

  contactOf(index: number): SimContact {
    return must(this.contacts[index], `there is no peer ${index}`);
  }

  isAlive(index: number): boolean {
    return (this.#lifeOf(index) & 1) === 1;
  }

  isLife(index: number, life: number): boolean {
    return this.#lives[index] === life;
  }

  /** The index of the peer with this identity, or -1. */
  indexOf(contact: Contact): number {
    const index = (contact as Partial<SimContact>).simIndex;
    if (index !== undefined && this.contacts[index]?.peerId === contact.peerId) return index;
    return this.#indexByPeerId.get(contact.peerId) ?? NOBODY;
  }

  randomOf(index: number, life: number): Random {
    const random = this.options.random.fork('peer', index);
    return life === 1 ? random : random.fork('life', life);
  }

  storeOf(index: number): Store {
    return (this.#stores[index] ??= new MemoryStore());
  }

  wallClockOf(index: number): Millis {
    return this.options.clockEpochMs + this.now + (this.#skews[index] as number);
  }

  setClockSkew(index: number, skewMs: Millis): void {
    this.#skews[index] = skewMs;
  }

  emit(index: number, fact: F): void {
    for (const observer of this.observers) observer(index, fact, this.now);
  }

  arm(index: number, kind: TimerKind, at: Millis): void {
    assert(Number.isFinite(at), 'a timer is armed for a finite instant');
    this.push(at, EVENT.timer, index, this.#timers.next(index, kind), undefined);
  }

  disarm(index: number, kind: TimerKind): void {
    this.#timers.next(index, kind);
  }

  send(from: number, to: Contact, message: M): void {
    const { options, counters } = this;
    const number = this.#codec.number(message);
    if (options.freeze) deepFreeze(message);
    const carried = options.wire ? this.#codec.encode(message) : message;
    const index = this.indexOf(to);
    if (index === from) {
      counters.loopback++;
      this.push(this.now, EVENT.deliver, index, from, carried);
      return;
    }
    const bytes = options.countBytes ? this.#codec.size(message) + options.overheadBytes : 0;
    counters.onSent(from, number, bytes);
    const copies = index === NOBODY ? 0 : this.link.plan(from, index, bytes, this.now);
    if (copies === 0 || !this.isAlive(index)) {
      counters.onLost(number);
      if (options.hintUnreachable && (index === NOBODY || !this.isAlive(index))) this.#hintLater(from, index, to);
      return;
    }
    const { firstAt, secondAt } = this.link;
    this.#carry(firstAt, from, index, carried, bytes);
    if (copies === 1) return;
    counters.duplicated++;
    this.#carry(secondAt, from, index, carried, bytes);
  }

  /** Events in the past happen now. */
  push(at: Millis, kind: number, peer: number, argument: number, object: unknown): void {
    const life = peer === NOBODY ? 0 : (this.#lives[peer] as number);
    this.queue.push(at > this.now ? at : this.now, kind | (life << KIND_BITS), peer, argument, object);
  }

  /** Takes one event no later than `limit`. False when there is none. */
  step(limit: Millis): boolean {
    const { queue } = this;
    if (!queue.pop(limit)) return false;
    this.now = queue.at;
    const kind = queue.kind & KIND_MASK;
    const life = queue.kind >> KIND_BITS;
    if (this.#hangs.size > 0 && this.#postponed(queue.peer, life)) return true;
    switch (kind) {
      case EVENT.timer:
        this.#onTimer(queue.peer, life, queue.argument);
        break;
      case EVENT.deliver:
        this.#onDeliver(queue.peer, life, queue.argument, queue.object);
        break;
      case EVENT.reach:
        this.#onReach(queue.peer, life, queue.argument, queue.object as Parcel);
        break;
      case EVENT.stream:
        this.streams.onEvent(queue.argument, queue.object);
        break;
      case EVENT.control:
        this.dispatched(EVENT.control, NOBODY, 0);
        (queue.object as () => void)();
        break;
      default:
        this.#onUnreachable(queue.peer, life, queue.object as Contact);
    }
    return true;
  }

  /** Counts an event that reaches somebody, and mixes it into the fingerprint. */
  dispatched(kind: number, peer: number, number: number): void {
    this.counters.events++;
    this.fingerprint.add(this.now, kind, peer, number);
  }

  #lifeOf(index: number): number {
    return must(this.#lives[index], `there is no peer ${index}`);
  }

  #carry(at: Millis, from: number, to: number, carried: unknown, bytes: number): void {
    if (this.link.shaped) this.push(at, EVENT.reach, to, from, { carried, bytes } satisfies Parcel);
    else this.push(at, EVENT.deliver, to, from, carried);
  }

  #hintLater(from: number, index: number, to: Contact): void {
    const roundTripMs = index === NOBODY ? 0 : 2 * this.link.delay(from, index);
    this.push(this.now + roundTripMs, EVENT.unreachable, from, 0, to);
  }

  /** Puts an event for a hanging process back to the moment it wakes up; the order among them is kept. */
  #postponed(peer: number, life: number): boolean {
    const until = this.#hangs.get(peer);
    if (until === undefined || this.#lives[peer] !== life) return false;
    if (until <= this.now) {
      this.#hangs.delete(peer);
      return false;
    }
    const { queue } = this;
    queue.push(until, queue.kind, peer, queue.argument, queue.object);
    return true;
  }

  #onTimer(peer: number, life: number, token: number): void {
    if (this.#lives[peer] !== life || !this.#timers.isCurrent(peer, token)) return;
    const kind = timerKindOf(token);
    this.dispatched(EVENT.timer, peer, kind);
    this.protocols[peer]?.onTimer(kind);
  }

  #onReach(peer: number, life: number, from: number, parcel: Parcel): void {
    const doneAt = this.#lives[peer] === life ? this.link.download(peer, parcel.bytes, this.now) : Infinity;
    if (doneAt === Infinity) this.#lose(parcel.carried);
    else this.queue.push(doneAt, EVENT.deliver | (life << KIND_BITS), peer, from, parcel.carried);
  }

  #onDeliver(peer: number, life: number, from: number, carried: unknown): void {
    const protocol = this.protocols[peer];
    const closed = this.link.divided && from !== peer && this.link.blocked(from, peer);
    if (this.#lives[peer] !== life || protocol === undefined || closed) {
      if (from !== peer) this.#lose(carried);
      return;
    }
    const message = this.options.wire ? this.#decode(carried as Uint8Array) : (carried as M);
    if (message === undefined) return;
    const number = this.#codec.number(message);
    if (from !== peer) this.counters.onDelivered(peer, number);
    this.dispatched(EVENT.deliver, peer, number);
    protocol.onMessage(this.contactOf(from), message, this.now);
  }

  #onUnreachable(peer: number, life: number, contact: Contact): void {
    if (this.#lives[peer] !== life) return;
    this.dispatched(EVENT.unreachable, peer, 0);
    this.protocols[peer]?.onPeerUnreachable(contact);
  }

  #lose(carried: unknown): void {
    const message = this.options.wire ? this.#decode(carried as Uint8Array) : (carried as M);
    if (message !== undefined) this.counters.onLost(this.#codec.number(message));
  }

  /** Fresh from the bytes for each receiver, so that no two peers ever share an object. */
  #decode(bytes: Uint8Array): M | undefined {
    try {
      const message = this.#codec.decode(bytes);
      if (this.options.freeze) deepFreeze(message);
      return message;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.counters.malformed++;
      return undefined;
    }
  }
}
