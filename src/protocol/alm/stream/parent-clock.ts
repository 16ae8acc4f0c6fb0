/**
 * How far a parent's clock is ahead of one's own, so that the age of a chunk adds up over hops whose clocks differ.
 *
 * A question and its answer give the difference up to half of the round trip; of the last few the one with the shortest round trip
 * is believed, and the difference then includes what waited in sockets. The shortest round trip also tells the latency of the edge.
 */
import type { Millis } from '../../../core/env.ts';

const KEPT = 8;

interface Sample {
  readonly rttMs: Millis;
  readonly aheadMs: Millis;
}

export class ParentClock {
  readonly #samples: Sample[] = [];

  /** Asked at `askedAt`, answered at `answeredAt` by the parent's clock, heard at `heardAt`. */
  add(askedAt: Millis, answeredAt: Millis, heardAt: Millis): void {
    const rttMs = heardAt - askedAt;
    if (rttMs < 0) return;
    this.#samples.push({ rttMs, aheadMs: answeredAt - (askedAt + heardAt) / 2 });
    if (this.#samples.length > KEPT) this.#samples.shift();
  }

  get #best(): Sample | undefined {
    let best: Sample | undefined;
    for (const sample of this.#samples) if (best === undefined || sample.rttMs < best.rttMs) best = sample;
    return best;
  }

  /** Undefined before the first answer. */
  get rttMs(): Millis | undefined {
    return this.#best?.rttMs;
  }

  /** A moment of the parent's clock as one of ours. */
  toLocal(at: Millis): Millis {
    return at - (this.#best?.aheadMs ?? 0);
  }

  toParent(at: Millis): Millis {
    return at + (this.#best?.aheadMs ?? 0);
  }
}
