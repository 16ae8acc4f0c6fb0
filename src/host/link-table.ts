/**
 * All control links: one per neighbour that was sent something lately, and the rule by which they are given back.
 *
 * Nobody tells the host when a neighbour is no longer of interest; it sees that nothing is sent any more. Idle links go,
 * and so does the least recently used one when there are too many, but never one that was in use a moment ago.
 */
import { performance } from 'node:perf_hooks';
import type { Contact } from '../core/contact.ts';
import type { HostCounters } from './facts.ts';
import { FRAME, FRAME_BYTES_MAX, frameOf } from './frames.ts';
import type { HostLimits } from './host-options.ts';
import { keptIdleMs } from './host-options.ts';
import type { LinkOptions } from './link.ts';
import { Link } from './link.ts';

export interface LinkTableOptions extends Omit<LinkOptions, 'limits' | 'onClosed'> {
  readonly limits: HostLimits;
  readonly counters: HostCounters;
  /** A peer that must not be dialled for now. */
  readonly isBackedOff: (contact: Contact) => boolean;
}

/** When every link is fresh the table may grow to this many times its limit; then new neighbours get nothing. */
const OVERFLOW_FACTOR = 2;

export class LinkTable {
  readonly #options: LinkTableOptions;
  readonly #linkOptions: LinkOptions;
  /** In order of use, least recent first. */
  readonly #links = new Map<string, Link>();
  readonly #dirty = new Set<Link>();
  #flushing: NodeJS.Immediate | undefined;
  #stopped = false;

  constructor(options: LinkTableOptions) {
    this.#options = options;
    this.#linkOptions = { ...options, limits: options.limits.queue, onClosed: (link) => this.#forget(link) };
  }

  get size(): number {
    return this.#links.size;
  }

  /** Queues an encoded message, in pieces, for a neighbour. It leaves at the end of this turn of the event loop. */
  send(to: Contact, message: readonly Uint8Array[]): void {
    const { counters, isBackedOff } = this.#options;
    if (this.#stopped) return;
    if (message.reduce((sum, part) => sum + part.length, 0) >= FRAME_BYTES_MAX) {
      counters.framesDroppedSize++;
      return;
    }
    const link = this.#links.get(to.peerId) ?? (isBackedOff(to) ? undefined : this.#add(to));
    if (link === undefined) {
      counters.framesDroppedUnreachable++;
      return;
    }
    this.#links.delete(to.peerId);
    this.#links.set(to.peerId, link);
    link.push(to, frameOf(FRAME.message, message));
    counters.messagesSent++;
    this.#dirty.add(link);
    this.#flushing ??= setImmediate(() => this.#flush());
  }

  /** Gives back every link that was not used since the idle limit, the least recently used first. One that is being opened has a deadline of its own, and frames that wait. */
  sweep(): void {
    const { limits } = this.#options;
    const now = performance.now();
    for (const [peerId, link] of this.#links) if (!link.isOpening && link.usedAt < now - keptIdleMs(link, this.#links.size, limits)) this.#release(peerId, link);
  }

  stop(): void {
    this.#stopped = true;
    clearImmediate(this.#flushing);
    this.#dirty.clear();
    for (const link of this.#links.values()) link.release();
    this.#links.clear();
  }

  /** Lets out what waits, without waiting for the turn to end. Before stopping, so that a farewell is heard. */
  flushNow(): void {
    this.#flush();
  }

  #flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    for (const link of dirty) link.flush();
  }

  #add(to: Contact): Link | undefined {
    const { linksMax, linkKeptMs } = this.#options.limits;
    if (this.#links.size >= linksMax) {
      for (const [peerId, oldest] of this.#links) {
        if (oldest.usedAt < performance.now() - linkKeptMs) this.#release(peerId, oldest);
        break;
      }
      if (this.#links.size >= OVERFLOW_FACTOR * linksMax) return undefined;
    }
    const link = new Link(to, this.#linkOptions);
    this.#links.set(to.peerId, link);
    return link;
  }

  #release(peerId: string, link: Link): void {
    this.#links.delete(peerId);
    this.#dirty.delete(link);
    link.release();
    this.#options.counters.linksReleased++;
  }

  #forget(link: Link): void {
    if (this.#links.get(link.contact.peerId) === link) this.#links.delete(link.contact.peerId);
    this.#dirty.delete(link);
  }
}
