/**
 * When something has last changed from outside, as far as it has told on a machine or a session ([0091]): a session starts or ends, a member comes or
 * goes, a helper vanishes, a latency is another or better known.
 *
 * Whoever loses links by that, or takes some that it freed, counts from the same moment, at first or second hand. Sessions look for better plans only a few
 * periods after that, so the market comes to rest whatever follows from what. Between machines goes how long ago it was; each way adds its delay.
 */
import type { Millis } from '../../../core/env.ts';

const AGE_MS_MAX = 2 ** 32 - 1;

export class Stir {
  readonly #now: () => Millis;
  #at = -Infinity;

  constructor(now: () => Millis) {
    this.#now = now;
  }

  /** As it is told to others. */
  get ageMs(): Millis {
    return Math.min(AGE_MS_MAX, Math.max(0, Math.round(this.#now() - this.#at)));
  }

  note(ageMs: Millis): void {
    this.#at = Math.max(this.#at, this.#now() - ageMs);
  }
}
