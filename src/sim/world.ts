/**
 * A simulated world: peers that run the daemon's own protocol code on one clock, one queue and one seed.
 *
 * `World` knows no protocol: messages and facts are type parameters, and a peer is whatever `create` returns. The same
 * seed and the same calls give the same run, event for event; `fingerprint` proves it. Tests and experiments drive it:
 * spawn peers, schedule control events, crash, divide and heal, run for a while, look.
 */
import { assert } from '../core/assert.ts';
import type { Contact } from '../core/contact.ts';
import type { Codec, Millis, Protocol, Store } from '../core/env.ts';
import type { Random } from '../core/random.ts';
import { randomFrom } from '../core/random.ts';
import { CalendarQueue } from './calendar-queue.ts';
import type { Counters, MessageCount } from './counters.ts';
import type { Checkpoint } from './fingerprint.ts';
import type { Create, FactObserver } from './kernel.ts';
import { EVENT, Kernel } from './kernel.ts';
import type { LinkOptions, PeerLink, PeerSet } from './link.ts';
import { Link } from './link.ts';
import { HeapQueue } from './queue.ts';

export interface WorldOptions<M> extends LinkOptions {
  readonly seed: number | bigint;
  readonly codec: Codec<M>;
  /** Encode and decode every message: slower, and catches what only works by sharing objects. */
  readonly wire?: boolean;
  /** Deep-freeze every message on send: catches changes after sending. For tests. */
  readonly freeze?: boolean;
  /** 'heap' (default) costs nothing to make; 'calendar' is faster from about 10^3 peers. Both give the same run. */
  readonly queue?: 'heap' | 'calendar';
  /** Events of equal time come in random order instead of the order of their making. For chaos runs. */
  readonly shuffleTies?: boolean;
  /** Each peer's wall clock is wrong by up to this much. */
  readonly clockSkewMs?: Millis;
  /** False leaves all byte counts at zero and saves a `codec.size` per message. Bandwidth needs it. */
  readonly countBytes?: boolean;
  /** Added to each message's bytes: what framing, encryption and lower layers would add. */
  readonly overheadBytes?: number;
  /** Tell a sender (`onPeerUnreachable`) after a round trip that a peer is dead, as a failed dial would. */
  readonly hintUnreachable?: boolean;
  /** Keep a fingerprint every so many events, to find where two runs part. 0 (default): none. */
  readonly checkpointEvery?: number;
  /** A stream's `write` returns false above this many unacknowledged bytes. */
  readonly streamHighWaterBytes?: number;
}

const CLOCK_EPOCH_MS = 1_700_000_000_000;
const HIGH_WATER_BYTES = 65_536;

export class World<M, F> {
  readonly seed: number | bigint;
  readonly #options: WorldOptions<M>;
  readonly #random: Random;
  readonly #kernel: Kernel<M, F>;
  readonly #link: Link;

  constructor(options: WorldOptions<M>) {
    this.seed = options.seed;
    this.#options = options;
    this.#random = randomFrom(options.seed);
    this.#link = new Link(options, this.#random.fork('network'));
    assert(!this.#link.shaped || options.countBytes !== false, 'bandwidth needs countBytes');
    const ties = options.shuffleTies === true ? this.#random.fork('ties') : undefined;
    this.#kernel = new Kernel<M, F>({
      codec: options.codec,
      queue: options.queue === 'calendar' ? new CalendarQueue(ties) : new HeapQueue(ties),
      link: this.#link,
      random: this.#random,
      wire: options.wire ?? false,
      freeze: options.freeze ?? false,
      countBytes: options.countBytes ?? true,
      overheadBytes: options.overheadBytes ?? 0,
      clockSkewMs: options.clockSkewMs ?? 0,
      clockEpochMs: CLOCK_EPOCH_MS,
      hintUnreachable: options.hintUnreachable ?? false,
      checkpointEvery: options.checkpointEvery ?? 0,
      streamHighWaterBytes: options.streamHighWaterBytes ?? HIGH_WATER_BYTES,
    });
  }

  // Peers

  /**
   * Starts a new peer and returns its index: 0, 1, 2 ... in order of spawning. `create` is called at once; it gets the
   * peer's Env and its own contact as the simulator knows it (use that one: it is found without a search).
   */
  spawn(contact: Contact, create: Create<M, F>, store?: Store): number {
    const index = this.#kernel.add(contact, store);
    this.#kernel.start(index, create);
    return index;
  }

  /** Starts a crashed peer again, with what it had stored. The contact may have a higher incarnation. */
  respawn(index: number, contact: Contact, create: Create<M, F>): void {
    this.#kernel.setContact(index, contact);
    this.#kernel.start(index, create);
  }

  /** From now on others see this contact of the peer (a higher incarnation, a new position or address). */
  setContact(index: number, contact: Contact): void {
    this.#kernel.setContact(index, contact);
  }

  /** Kill -9: timers void, messages on their way to it vanish, its streams are reset at the other ends. */
  crash(index: number): void {
    this.#kernel.crash(index);
  }

  /** The peer's process hangs: it handles nothing for so long, and then everything that has piled up. */
  hang(index: number, durationMs: Millis): void {
    this.#kernel.hang(index, this.now() + durationMs);
  }

  /** Steps the peer's wall clock: from now on it is wrong by so much. */
  setClockSkew(index: number, skewMs: Millis): void {
    this.#kernel.setClockSkew(index, skewMs);
  }

  isAlive(index: number): boolean {
    return this.#kernel.isAlive(index);
  }

  contact(index: number): Contact {
    return this.#kernel.contactOf(index);
  }

  protocol(index: number): Protocol<M> | undefined {
    return this.#kernel.protocols[index];
  }

  store(index: number): Store {
    return this.#kernel.storeOf(index);
  }

  /** The peer with this identity, or -1. */
  indexOf(contact: Contact): number {
    return this.#kernel.indexOf(contact);
  }

  /** All peers ever spawned, dead or alive. */
  get peerCount(): number {
    return this.#kernel.contacts.length;
  }

  get aliveCount(): number {
    return this.#kernel.aliveCount;
  }

  /** Indexes of the living, ascending. */
  alive(): number[] {
    const living: number[] = [];
    for (let index = 0; index < this.peerCount; index++) if (this.isAlive(index)) living.push(index);
    return living;
  }

  // Time

  now(): Millis {
    return this.#kernel.now;
  }

  /** Runs `action` at that instant, outside all peers. */
  at(timeMs: Millis, action: () => void): void {
    assert(Number.isFinite(timeMs), 'a control event needs a finite instant');
    this.#kernel.push(timeMs, EVENT.control, -1, 0, action);
  }

  /** Handles everything up to and including that instant, and ends there. */
  runUntil(timeMs: Millis): void {
    this.#drain(timeMs);
    if (timeMs > this.#kernel.now) this.#kernel.now = timeMs;
  }

  runFor(durationMs: Millis): void {
    this.runUntil(this.now() + durationMs);
  }

  /** Runs until nothing is pending, and returns true; or for `withinMs`, and returns false. */
  runUntilQuiet(withinMs: Millis): boolean {
    const limit = this.now() + withinMs;
    this.#drain(limit);
    if (this.#kernel.queue.size === 0) return true;
    this.#kernel.now = limit;
    return false;
  }

  /** Runs until `holds` is true, asking every `everyMs`. Returns how long it took, or undefined after `withinMs`. */
  runUntilHolds(holds: () => boolean, everyMs: Millis, withinMs: Millis): Millis | undefined {
    const start = this.now();
    while (!holds()) {
      const left = start + withinMs - this.now();
      if (left <= 0) return undefined;
      this.runFor(Math.min(everyMs, left));
    }
    return this.now() - start;
  }

  // The network

  setLoss(share: number): void {
    this.#link.setLoss(share);
  }

  setDuplicate(share: number): void {
    this.#link.setDuplicate(share);
  }

  setReorder(share: number): void {
    this.#link.setReorder(share);
  }

  setJitter(share: number): void {
    this.#link.setJitter(share);
  }

  /** What one peer's access link does differently; undefined makes it ordinary again. */
  setPeerLink(index: number, link: PeerLink | undefined): void {
    assert(link?.bandwidth === undefined || this.#options.countBytes !== false, 'bandwidth needs countBytes');
    this.#link.setPeer(index, link);
  }

  /** Loses what crosses between groups, also what is on its way. Asked for later peers too; undefined ends it. */
  partition(groupOf: ((peer: number) => number) | undefined): void {
    this.#link.partition(groupOf);
    this.#kernel.streams.onDivisionChanged();
  }

  /** Closes one direction between two sets of peers; `mend` with the result opens it again. */
  cut(from: PeerSet, to: PeerSet): number {
    const handle = this.#link.cut(from, to);
    this.#kernel.streams.onDivisionChanged();
    return handle;
  }

  mend(cut: number): void {
    this.#link.mend(cut);
    this.#kernel.streams.onDivisionChanged();
  }

  /** Ends all partitions and cuts. Loss and the like stay as they are. */
  heal(): void {
    this.#link.heal();
    this.#kernel.streams.onDivisionChanged();
  }

  /** The model's latency, without jitter: what an exact oracle would answer. */
  latencyMs(a: number, b: number): Millis {
    return this.#options.latency.oneWayMs(a, b);
  }

  // Watching

  onFact(observer: FactObserver<F>): void {
    this.#kernel.observers.push(observer);
  }

  get counters(): Counters {
    return this.#kernel.counters;
  }

  messageCounts(): MessageCount[] {
    return this.#kernel.counters.byMessage(this.#options.codec);
  }

  /** Sixteen hex digits over every event so far. */
  get fingerprint(): string {
    return this.#kernel.fingerprint.digits();
  }

  get checkpoints(): readonly Checkpoint[] {
    return this.#kernel.fingerprint.checkpoints;
  }

  /** Events that wait, cancelled timers included. */
  get pending(): number {
    return this.#kernel.queue.size;
  }

  /** A stream of the world's seed for workloads, churn and faults: `random('churn')`. */
  random(name: string, index = 0): Random {
    return this.#random.fork(name, index);
  }

  #drain(limit: Millis): void {
    const kernel = this.#kernel;
    try {
      while (kernel.step(limit));
    } catch (error) {
      if (error instanceof Error) error.message += this.#where();
      throw error;
    }
  }

  #where(): string {
    const { now, counters, queue } = this.#kernel;
    return ` [simulated: seed ${this.seed}, at ${now} ms, peer ${queue.peer}, event ${counters.events}]`;
  }
}
