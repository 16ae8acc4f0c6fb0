/**
 * What a machine has measured with its leafset, and what follows for its own links ([0075]): up is the largest of what went
 * out, down the largest of what came in. A measurement is believed until it is old; unknown is unknown.
 */
import type { Millis } from '../../core/env.ts';
import type { Rate } from './bandwidth.ts';
import { ownBottleneck } from './bandwidth.ts';

export type Direction = 'outgoing' | 'incoming';

interface Entry {
  readonly rates: Partial<Record<Direction, { readonly rate: Rate; readonly at: Millis }>>;
  /** When this peer last tried to measure towards that one. */
  readonly triedAt: Millis;
}

/** Most peers remembered; the one tried longest ago is forgotten first. */
const PEERS_MAX = 64;
const BELIEVED_MS = 6 * 3_600_000;
/** A neighbour is measured again after this, whatever came out. */
const AGAIN_MS = 2 * 3_600_000;
/** Nor before this, if it took no part: in a pool of two both may have measured at one moment, and refused each other. */
const REFUSED_AGAIN_MS = 5 * 60_000;

export class BandwidthBook {
  readonly #entries = new Map<string, Entry>();

  record(peerId: string, direction: Direction, rate: Rate, now: Millis): void {
    const entry = this.#entries.get(peerId);
    this.#put(peerId, { triedAt: entry?.triedAt ?? -Infinity, rates: { ...entry?.rates, [direction]: { rate, at: now } } });
  }

  /** Whom to measure with next: those never tried first, then the one tried longest ago; undefined when it is early for all. */
  due(leafset: readonly string[], now: Millis): string | undefined {
    let next: string | undefined;
    let earliest = now - AGAIN_MS;
    for (const peerId of leafset) {
      const triedAt = this.#entries.get(peerId)?.triedAt ?? -Infinity;
      if (triedAt > earliest || (next !== undefined && triedAt === earliest)) continue;
      [next, earliest] = [peerId, triedAt];
    }
    return next;
  }

  tried(peerId: string, now: Millis): void {
    this.#put(peerId, { rates: {}, ...this.#entries.get(peerId), triedAt: now });
  }

  /** The try came to nothing before anything was measured. */
  refused(peerId: string, now: Millis): void {
    this.tried(peerId, now - AGAIN_MS + REFUSED_AGAIN_MS);
  }

  /** This machine's own uplink or downlink in bit/s; undefined when nothing tells. */
  own(direction: Direction, now: Millis): number | undefined {
    const believed: number[] = [];
    for (const { rates } of this.#entries.values()) {
      const measured = rates[direction];
      if (measured !== undefined && now - measured.at <= BELIEVED_MS) believed.push(measured.rate.bitsPerSecond);
    }
    return ownBottleneck(believed);
  }

  #put(peerId: string, entry: Entry): void {
    this.#entries.delete(peerId);
    this.#entries.set(peerId, entry);
    if (this.#entries.size > PEERS_MAX) this.#entries.delete(this.#entries.keys().next().value as string);
  }
}
