/**
 * Latencies as they come, counted in classes that grow by a tenth: quantiles of any number of them in a few hundred bytes.
 * A quantile is off by at most one class, a tenth of its value.
 */
import type { Millis } from '../../../core/env.ts';

const LEAST_MS = 0.1;
const GROWTH = 1.1;
const CLASSES = 160;

export class LatencyMeter {
  readonly #counts = new Uint32Array(CLASSES);
  #count = 0;

  add(ms: Millis): void {
    const place = ms <= LEAST_MS ? 0 : Math.min(CLASSES - 1, Math.ceil(Math.log(ms / LEAST_MS) / Math.log(GROWTH)));
    this.#counts[place] = (this.#counts[place] as number) + 1;
    this.#count++;
  }

  get count(): number {
    return this.#count;
  }

  /** At least so large a share is at most this; 0 before anything came. */
  quantile(share: number): Millis {
    let left = Math.ceil(share * this.#count);
    if (this.#count === 0) return 0;
    for (let place = 0; place < CLASSES; place++) {
      left -= this.#counts[place] as number;
      if (left <= 0) return LEAST_MS * GROWTH ** place;
    }
    return LEAST_MS * GROWTH ** (CLASSES - 1);
  }

  reset(): void {
    this.#counts.fill(0);
    this.#count = 0;
  }
}
