/**
 * Members that vanished in the middle of a stream and may come back for the rest: a machine that was started again, whose reader still waits.
 * What they miss is kept for a while, and the session does not end meanwhile. Somebody who vanishes again and again is not waited for.
 */
import type { Millis } from '../../../core/env.ts';
import { ABSENCES_MAX, MEMBERS_MAX } from './bounds.ts';
import type { AwaitedView } from './views.ts';

export class Absences {
  readonly #awayMs: Millis;
  readonly #away = new Map<string, { readonly name: string; readonly since: Millis }>();
  readonly #times = new Map<string, number>();

  constructor(awayMs: Millis) {
    this.#awayMs = awayMs;
  }

  note(peerId: string, name: string, since: Millis): void {
    const times = (this.#times.get(peerId) ?? 0) + 1;
    if (times > ABSENCES_MAX || (times === 1 && this.#times.size >= MEMBERS_MAX)) return;
    this.#times.set(peerId, times);
    this.#away.set(peerId, { name, since });
  }

  /** It is here again. */
  end(peerId: string): void {
    this.#away.delete(peerId);
  }

  /** Those that are waited for. */
  awaited(now: Millis): AwaitedView[] {
    for (const [peerId, { since }] of this.#away) if (now - since >= this.#awayMs) this.#away.delete(peerId);
    return [...this.#away].map(([peerId, { name, since }]) => ({ peerId, name, forMs: this.#awayMs - (now - since) }));
  }
}
