/**
 * Is a consumer of a stream too slow? Pure arithmetic over what it took while it was behind.
 *
 * Asked only when the window is full because of it, so that everybody else waits: one that takes the stream's stated rate, or
 * anything worth the name where none is stated, is waited for; that is back-pressure. One that takes less has to go, or its
 * siblings would get no more than it does. Whoever was behind only for a moment is not judged.
 */
import type { Millis } from '../../../core/env.ts';
import { RATE_FLOOR_BPS, SLOW_AFTER_MS } from './bounds.ts';

const BITS = 8;
/** Rates are kept a little below what is stated: nobody is blamed for rounding. */
const RATE_SHARE = 0.9;

export interface SlownessTerms {
  /** As stated by the root; 0: none. */
  readonly rateBps: number;
  /** Whoever was behind for less is not judged. */
  readonly afterMs: Millis;
}

export class TakeMeter {
  /** Since when it has been behind without a break, and what it took since; undefined while it has everything. */
  #behindSince: Millis | undefined;
  #bytes = 0;
  /** The same for the part before the present measuring time. */
  #marks: { readonly at: Millis; readonly bytes: number }[] = [];

  took(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Told at every change and now and then. */
  look(isBehind: boolean, now: Millis): void {
    if (!isBehind) {
      this.#behindSince = undefined;
      this.#marks = [];
      return;
    }
    this.#behindSince ??= now;
    const latest = this.#marks.at(-1);
    if (latest === undefined || now - latest.at >= SLOW_AFTER_MS / 8) this.#marks.push({ at: now, bytes: this.#bytes });
    while (this.#marks.length > 2 && now - (this.#marks[1]?.at ?? now) >= SLOW_AFTER_MS) this.#marks.shift();
  }

  /** Bit/s over the last measuring time, while behind for at least that long. */
  rateBps(now: Millis): number | undefined {
    const first = this.#marks[0];
    if (first === undefined || now - first.at < SLOW_AFTER_MS) return undefined;
    return ((this.#bytes - first.bytes) * BITS * 1_000) / (now - first.at);
  }

  isSlow({ rateBps, afterMs }: SlownessTerms, now: Millis): boolean {
    if (this.#behindSince === undefined || now - this.#behindSince < afterMs) return false;
    const taken = this.rateBps(now);
    return taken !== undefined && taken < (rateBps === 0 ? RATE_FLOOR_BPS : rateBps * RATE_SHARE);
  }
}
