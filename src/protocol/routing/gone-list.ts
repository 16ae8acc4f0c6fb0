/**
 * Table entries that were found gone lately, told along with tables.
 *
 * A peer stands in the tables of many others, each of which would find its death by itself, at the cost of a route that
 * waits for a time-out. Whoever asks or answers tells what it found; the others check before they believe it.
 */
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';

/** As many travel in one message; the oldest is forgotten first. */
const GONE_MAX = 16;
/** By then everybody has asked all of his entries once. */
const GONE_AGE_MS = 600_000;
const NONE: readonly never[] = [];

export class GoneList {
  #gone: readonly { readonly position: Position; readonly at: Millis }[] = NONE;

  add(position: Position, now: Millis): void {
    if (this.#gone.some((other) => other.position.hex === position.hex)) return;
    this.#gone = this.#gone.slice(1 - GONE_MAX).concat({ position, at: now });
  }

  /** It answers after all. */
  remove(position: Position): void {
    if (this.#gone.some((other) => other.position.lead === position.lead)) this.#gone = this.#gone.filter((other) => other.position.hex !== position.hex);
  }

  /** Oldest first. */
  recent(now: Millis): Position[] {
    const positions: Position[] = [];
    for (const { position, at } of this.#gone) if (now - at < GONE_AGE_MS) positions.push(position);
    return positions;
  }
}
