/**
 * Which helper takes the last link of a parent ([0085], Table B in [0086]).
 *
 * A candidate needs enough free links and must lie within a radius of the parent. `closest` takes the one nearest to it; `minmax`
 * the one through which the last of those who wait for this parent would hear soonest.
 */
import type { Millis } from '../../core/env.ts';
import type { Instance } from './instance.ts';
import { NONE } from './instance.ts';

export type HelperChoice = 'closest' | 'minmax';

export interface HelperRule {
  readonly select: HelperChoice;
  readonly minDegree: number;
  readonly radiusMs: Millis;
}

export const HELPER_RULE: HelperRule = { select: 'minmax', minDegree: 4, radiusMs: 100 };

/** With fewer links a helper takes as much room as it gives. */
const SPARE_DEGREE = 3;

export class Candidates {
  readonly #instance: Instance;
  readonly #rule: HelperRule;
  /** Hosts that may help and do not yet, in any order. */
  readonly #pool: Int32Array;
  #count: number;
  readonly #row: Float64Array;

  constructor(instance: Instance, rule: HelperRule) {
    const { members, size, degrees } = instance;
    this.#instance = instance;
    this.#rule = rule;
    this.#pool = new Int32Array(size - members);
    this.#count = 0;
    for (let node = members; node < size; node++) if ((degrees[node] as number) >= Math.min(SPARE_DEGREE, rule.minDegree)) this.#pool[this.#count++] = node;
    this.#row = new Float64Array(this.#count);
  }

  /** Takes the helper for parent `p` out of the pool; NONE if nobody fits. */
  take(p: number, followers: readonly number[]): number {
    const { latencies, degrees } = this.#instance;
    const { select, minDegree, radiusMs } = this.#rule;
    latencies.row(p, this.#pool, this.#count, this.#row);
    let chosen = NONE;
    let least = Infinity;
    for (let i = 0; i < this.#count; i++) {
      const h = this.#pool[i] as number;
      const near = this.#row[i] as number;
      if (near >= radiusMs || near > least || (degrees[h] as number) < minDegree) continue;
      const value = select === 'closest' ? near : near + this.#farthest(h, followers, least - near);
      if (value > least || (value === least && h > (this.#pool[chosen] ?? NONE))) continue;
      least = value;
      chosen = i;
    }
    return chosen === NONE ? NONE : this.#remove(chosen);
  }

  /** Takes the helper with links to spare that hears soonest below one of the given parents. */
  takeSpare(costOf: (parent: number, helper: number) => Millis, parents: Int32Array): { readonly helper: number; readonly parent: number } | undefined {
    let chosen = NONE;
    let parent = NONE;
    let least = Infinity;
    for (let i = 0; i < this.#count; i++) {
      const h = this.#pool[i] as number;
      if ((this.#instance.degrees[h] as number) < SPARE_DEGREE) continue;
      for (const p of parents) {
        const cost = costOf(p, h);
        if (cost < least || (cost === least && h < (this.#pool[chosen] ?? NONE))) {
          least = cost;
          chosen = i;
          parent = p;
        }
      }
    }
    return chosen === NONE ? undefined : { helper: this.#remove(chosen), parent };
  }

  /** The latency to the follower that is farthest from `h`; anything above `limit` once it is above. */
  #farthest(h: number, followers: readonly number[], limit: Millis): Millis {
    let most = 0;
    for (const v of followers) {
      const ms = this.#instance.latencies.between(h, v);
      if (ms > most) most = ms;
      if (most > limit) break;
    }
    return most;
  }

  #remove(at: number): number {
    const taken = this.#pool[at] as number;
    this.#pool[at] = this.#pool[--this.#count] as number;
    return taken;
  }
}
