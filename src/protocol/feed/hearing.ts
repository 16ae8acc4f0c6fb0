/**
 * Whom of the pollers a peer does not hear any more, for the register: a dead one would keep its slot, and its turns would stay empty, until the lease ends.
 *
 * Neighbours in the tree notice at once that somebody is gone, whoever sends versions notices that nobody takes them, and the lead notices that turns stay
 * empty. None of that proves anything (a neighbour may just have another place), so it is only said, and the register asks the poller itself.
 */
import type { Millis } from '../../core/env.ts';
import { POLLERS_MAX } from './feed.ts';

/** Turns without a word to the lead. */
const TURNS = 2;
/** A turn may be late by that: the origin is slow, or asked at its own pace. */
const TURN_SLACK_MS = 10_000;

export class Hearing {
  /** Pollers, and when they were last heard, or first looked for. */
  readonly #heardAt = new Map<string, Millis>();
  readonly #silent = new Set<string>();
  #said: readonly string[] = [];

  /** It said something. */
  hear(peerId: string, now: Millis): void {
    this.#silent.delete(peerId);
    if (this.#heardAt.has(peerId)) this.#heardAt.set(peerId, now);
  }

  /** It does not answer, or is no neighbour any more. */
  miss(peerId: string): void {
    if (this.#silent.size < POLLERS_MAX) this.#silent.add(peerId);
  }

  /** For the lead, who hears from each poller at each turn. True: somebody was not heard. */
  watch(pollers: readonly string[], intervalMs: Millis, now: Millis): boolean {
    for (const peerId of [...this.#heardAt.keys()]) if (!pollers.includes(peerId)) this.#heardAt.delete(peerId);
    for (const peerId of pollers) {
      const heardAt = this.#heardAt.get(peerId);
      if (heardAt !== undefined && now - heardAt < TURNS * intervalMs + TURN_SLACK_MS) continue;
      this.#heardAt.set(peerId, now);
      if (heardAt !== undefined) this.miss(peerId);
    }
    return this.#silent.size > 0;
  }

  /** What is said to the register; only of those who poll. */
  say(isPoller: (peerId: string) => boolean): string[] {
    for (const peerId of this.#silent) if (!isPoller(peerId)) this.#silent.delete(peerId);
    this.#said = [...this.#silent];
    return [...this.#said];
  }

  /** The register has taken note. */
  onSaid(): void {
    for (const peerId of this.#said) this.#silent.delete(peerId);
    this.#said = [];
  }
}
