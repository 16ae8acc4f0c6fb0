/**
 * The network between peers, in closed form: when, whether and how often a message arrives.
 *
 * No packets and no queues are simulated. A path is a latency (from a model) plus jitter; loss, duplication and late
 * copies are drawn per message from the stream 'network'; bandwidth is two numbers per peer, the instants at which its
 * uplink and its downlink are free again. The receive side must serialise in order of *arrival*, or back-to-back
 * messages would not measure the bottleneck; therefore a message with bandwidth makes two events: it reaches the access
 * link, and it is delivered. Partitions are group numbers, cuts are pairs of sets, both looked at when a message leaves
 * and again when it arrives. Without a feature switched on, nothing is drawn for it and nothing is looked up.
 */
import { assert } from '../core/assert.ts';
import type { Millis } from '../core/env.ts';
import type { Random } from '../core/random.ts';
import { capacityFor, longerDoubles } from './columns.ts';
import type { LatencyModel } from './latency/latency-model.ts';

export interface Bandwidth {
  /** Bits per second; Infinity for no limit. */
  readonly upBps: number;
  readonly downBps: number;
}

export interface LinkOptions {
  readonly latency: LatencyModel;
  /** Share of messages lost, 0..1. */
  readonly loss?: number;
  /** Share of messages that arrive twice. */
  readonly duplicate?: number;
  /** Share of messages that are late by up to `reorderMs`, so that younger ones overtake them. */
  readonly reorder?: number;
  readonly reorderMs?: Millis;
  /** Up to this share is added to each latency, uniformly. */
  readonly jitter?: number;
  /** The same for all, or by peer index. */
  readonly bandwidth?: Bandwidth | ((peer: number) => Bandwidth);
  /** A message that would wait longer than this for a link is lost (a router's buffer is full). Default: no limit. */
  readonly bufferMs?: Millis;
}

/** What one peer's access link does differently from the rest. Shares replace the general ones if they are larger. */
export interface PeerLink {
  readonly loss?: number;
  /** Added to every path from and to the peer. */
  readonly extraMs?: Millis;
  readonly bandwidth?: Bandwidth;
}

export type PeerSet = (peer: number) => boolean;

const TWO_32 = 2 ** 32;

export class Link {
  /** Results of `plan`: when the message and its duplicate reach the other side. */
  firstAt: Millis = 0;
  secondAt: Millis = 0;
  /** True once any peer has a bandwidth: messages then take two events. */
  shaped = false;
  readonly #latency: LatencyModel;
  readonly #random: Random;
  readonly #bandwidth: ((peer: number) => Bandwidth) | undefined;
  readonly #bufferMs: number;
  readonly #reorderMs: number;
  #lossLimit = 0;
  #duplicateLimit = 0;
  #reorderLimit = 0;
  #jitter = 0;
  #upFreeAt = new Float64Array(0);
  #downFreeAt = new Float64Array(0);
  #upMsPerByte = new Float64Array(0);
  #downMsPerByte = new Float64Array(0);
  #shapedPeers = 0;
  #special: Map<number, PeerLink> | undefined;
  #groupOf: ((peer: number) => number) | undefined;
  readonly #cuts = new Map<number, { from: PeerSet; to: PeerSet }>();
  #cutsMade = 0;

  constructor(options: LinkOptions, random: Random) {
    this.#latency = options.latency;
    this.#random = random;
    this.#bufferMs = options.bufferMs ?? Infinity;
    this.#reorderMs = options.reorderMs ?? 200;
    this.setLoss(options.loss ?? 0);
    this.setDuplicate(options.duplicate ?? 0);
    this.setReorder(options.reorder ?? 0);
    this.setJitter(options.jitter ?? 0);
    const { bandwidth } = options;
    this.#bandwidth = typeof bandwidth === 'object' ? () => bandwidth : bandwidth;
    this.shaped = bandwidth !== undefined;
  }

  setLoss(share: number): void {
    this.#lossLimit = limitOf(share);
  }

  setDuplicate(share: number): void {
    this.#duplicateLimit = limitOf(share);
  }

  setReorder(share: number): void {
    this.#reorderLimit = limitOf(share);
  }

  setJitter(share: number): void {
    assert(share >= 0 && share < Infinity, 'jitter is a share of the latency');
    this.#jitter = share;
  }

  /** Undefined takes the peer back to what all have. */
  setPeer(peer: number, link: PeerLink | undefined): void {
    this.#special ??= new Map<number, PeerLink>();
    if (link === undefined) this.#special.delete(peer);
    else this.#special.set(peer, link);
    if (this.#special.size === 0) this.#special = undefined;
    if (link?.bandwidth !== undefined) this.shaped = true;
    if (this.shaped && peer < this.#shapedPeers) this.#setRates(peer);
  }

  partition(groupOf: ((peer: number) => number) | undefined): void {
    this.#groupOf = groupOf;
  }

  /** Loses what peers of `from` send to peers of `to`; the other direction stays open. Returns a handle for `mend`. */
  cut(from: PeerSet, to: PeerSet): number {
    this.#cuts.set(++this.#cutsMade, { from, to });
    return this.#cutsMade;
  }

  mend(cut: number): void {
    this.#cuts.delete(cut);
  }

  heal(): void {
    this.#groupOf = undefined;
    this.#cuts.clear();
  }

  /** Is the way from `a` to `b` closed by a partition or a cut? */
  blocked(a: number, b: number): boolean {
    if (this.#groupOf !== undefined && this.#groupOf(a) !== this.#groupOf(b)) return true;
    if (this.#cuts.size === 0) return false;
    for (const cut of this.#cuts.values()) if (cut.from(a) && cut.to(b)) return true;
    return false;
  }

  /** True while any partition or cut is in place. */
  get divided(): boolean {
    return this.#groupOf !== undefined || this.#cuts.size > 0;
  }

  /**
   * Decides the fate of one message: 0, 1 or 2 copies, with `firstAt` and `secondAt` as the instants at which they
   * reach the receiver (its access link, if there is bandwidth).
   */
  plan(from: number, to: number, bytes: number, now: Millis): 0 | 1 | 2 {
    if (this.divided && this.blocked(from, to)) return 0;
    const leftAt = this.shaped ? this.upload(from, bytes, now) : now;
    if (leftAt === Infinity) return 0;
    let lossLimit = this.#lossLimit;
    if (this.#special !== undefined) lossLimit = Math.max(lossLimit, this.#specialLoss(from), this.#specialLoss(to));
    if (lossLimit > 0 && this.#random.u32() < lossLimit) return 0;
    this.firstAt = leftAt + this.delay(from, to) + this.#lateness();
    if (this.#duplicateLimit === 0 || this.#random.u32() >= this.#duplicateLimit) return 1;
    this.secondAt = leftAt + this.delay(from, to) + this.#lateness();
    return 2;
  }

  /** Latency with jitter, drawn anew at each call. */
  delay(from: number, to: number): Millis {
    let ms = this.#latency.oneWayMs(from, to);
    if (this.#special !== undefined) ms += this.#specialDelay(from) + this.#specialDelay(to);
    if (this.#jitter > 0) ms += ms * this.#jitter * (this.#random.u32() / TWO_32);
    return ms;
  }

  /** One more round trip for each time a reliable stream's segment is lost; at most eight times. */
  retransmissionDelay(from: number, to: number): Millis {
    let ms = 0;
    for (let tries = 0; tries < 8; tries++) {
      if (this.#lossLimit === 0 || this.#random.u32() >= this.#lossLimit) break;
      ms += 2 * this.#latency.oneWayMs(from, to);
    }
    return ms;
  }

  /** Puts bytes on the sender's uplink; returns when the last of them left, or Infinity if the wait is too long. */
  upload(peer: number, bytes: number, now: Millis, patienceMs = this.#bufferMs): Millis {
    this.#ensure(peer);
    const free = this.#upFreeAt[peer] as number;
    if (free - now > patienceMs) return Infinity;
    const leftAt = (free > now ? free : now) + bytes * (this.#upMsPerByte[peer] as number);
    this.#upFreeAt[peer] = leftAt;
    return leftAt;
  }

  /** Takes bytes that reached the receiver's downlink; returns when it has all of them, or Infinity as above. */
  download(peer: number, bytes: number, now: Millis, patienceMs = this.#bufferMs): Millis {
    this.#ensure(peer);
    const free = this.#downFreeAt[peer] as number;
    if (free - now > patienceMs) return Infinity;
    const doneAt = (free > now ? free : now) + bytes * (this.#downMsPerByte[peer] as number);
    this.#downFreeAt[peer] = doneAt;
    return doneAt;
  }

  #lateness(): Millis {
    if (this.#reorderLimit === 0 || this.#random.u32() >= this.#reorderLimit) return 0;
    return this.#reorderMs * (this.#random.u32() / TWO_32);
  }

  #specialLoss(peer: number): number {
    return limitOf(this.#special?.get(peer)?.loss ?? 0);
  }

  #specialDelay(peer: number): Millis {
    return this.#special?.get(peer)?.extraMs ?? 0;
  }

  #setRates(peer: number): void {
    const unlimited = { upBps: Infinity, downBps: Infinity };
    const rates = this.#special?.get(peer)?.bandwidth ?? this.#bandwidth?.(peer) ?? unlimited;
    assert(rates.upBps > 0 && rates.downBps > 0, 'a bandwidth is positive');
    this.#upMsPerByte[peer] = 8000 / rates.upBps;
    this.#downMsPerByte[peer] = 8000 / rates.downBps;
  }

  /** Columns exist only in worlds with bandwidth. */
  #ensure(peer: number): void {
    if (peer < this.#shapedPeers) return;
    if (peer >= this.#upFreeAt.length) {
      const capacity = capacityFor(peer);
      this.#upFreeAt = longerDoubles(this.#upFreeAt, capacity);
      this.#downFreeAt = longerDoubles(this.#downFreeAt, capacity);
      this.#upMsPerByte = longerDoubles(this.#upMsPerByte, capacity);
      this.#downMsPerByte = longerDoubles(this.#downMsPerByte, capacity);
    }
    while (this.#shapedPeers <= peer) this.#setRates(this.#shapedPeers++);
  }
}

function limitOf(share: number): number {
  assert(share >= 0 && share <= 1, 'a share lies between 0 and 1');
  return share * TWO_32;
}
