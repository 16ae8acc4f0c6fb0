/**
 * Versions that this peer found at the origin and that no lead has numbered yet.
 *
 * Each is offered to the lead again and again until it is numbered or known there. After a while without a number it is shown to this peer's
 * own readers, and only to them: the pool's trouble must not keep anybody from news.
 */
import type { Millis } from '../../core/env.ts';
import type { Attestation, FoundVersion } from './feed.ts';
import { PENDING_MAX } from './bounds.ts';

export interface Pending {
  readonly found: FoundVersion;
  readonly body: Uint8Array;
  readonly attestation: Attestation;
  readonly since: Millis;
  /** On the shelf, with a number of this peer's own. */
  isShown: boolean;
  isAsking: boolean;
  /** Offers in a row that were not answered. */
  silences: number;
  /** The lead has not the base. */
  isPlain: boolean;
  /** The lead is getting or comparing it. */
  againAt: Millis;
}

export class PendingList {
  readonly #items = new Map<string, Pending>();

  /** By digest; the same again is kept as it was. */
  add(pending: Pending): Pending {
    const known = this.#items.get(pending.found.hash);
    if (known !== undefined) return known;
    this.#items.set(pending.found.hash, pending);
    if (this.#items.size > PENDING_MAX) this.#items.delete(this.#items.keys().next().value as string);
    return pending;
  }

  find(hash: string): Pending | undefined {
    return this.#items.get(hash);
  }

  delete(hash: string): void {
    this.#items.delete(hash);
  }

  /** What the origin has now replaces what it had before. */
  keepOnly(hash: string): void {
    for (const other of [...this.#items.keys()]) if (other !== hash) this.#items.delete(other);
  }

  all(): Pending[] {
    return [...this.#items.values()];
  }
}
