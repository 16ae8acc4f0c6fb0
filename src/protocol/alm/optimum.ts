/**
 * The lowest tree there is, for small sessions without helpers: branch and bound.
 *
 * Nodes enter in the order of their heights, so each tree is built in one way. A branch ends when somebody who waits can no longer
 * hear in time even by the shortest way from a free link; when the links of all who could still serve somebody in time do not
 * suffice; or when a node went to a later place than a link that then stayed free, because moving it there is no worse.
 */
import { assert } from '../../core/assert.ts';
import type { Millis } from '../../core/env.ts';
import type { Budget } from './budget.ts';
import type { Instance } from './instance.ts';
import { NONE, ROOT } from './instance.ts';

/** Above this a proof takes seconds. */
export const OPTIMUM_MEMBERS_MAX = 16;
const EPSILON_MS = 1e-9;

export interface Optimum {
  readonly heightMs: Millis;
  /** The parents of a tree that is lower than the known one, if there is one. */
  readonly parents: Int32Array | undefined;
  /** False if steps or budget ran out: then a lower tree may exist. */
  readonly isProven: boolean;
}

/** `knownMs` is the height of some tree; `stepsMax` bounds the search. */
export function optimum(instance: Instance, knownMs: Millis, stepsMax: number, budget: Budget): Optimum {
  assert(instance.members === instance.size && instance.members <= OPTIMUM_MEMBERS_MAX, 'small, and without helpers');
  const branches = new Branches(instance, knownMs, stepsMax, budget);
  branches.explore();
  return { heightMs: branches.bestMs, parents: branches.bestParents, isProven: !branches.isCut };
}

class Branches {
  bestMs: Millis;
  /** Of the tree that is lower than the known one, if there is one. */
  bestParents: Int32Array | undefined;
  isCut = false;
  readonly #budget: Budget;
  #stepsLeft: number;
  readonly #n: number;
  readonly #free: Int32Array;
  readonly #direct: Float64Array;
  readonly #shortest: Float64Array;
  readonly #height: Float64Array;
  readonly #parent: Int32Array;
  readonly #isIn: Uint8Array;
  /** In the order in which they entered. */
  readonly #entered: Int32Array;
  #count = 1;

  constructor({ members, degrees, latencies }: Instance, knownMs: Millis, stepsMax: number, budget: Budget) {
    this.bestMs = knownMs;
    this.#stepsLeft = stepsMax;
    this.#budget = budget;
    this.#n = members;
    this.#free = Int32Array.from(degrees, (degree, node) => (node === ROOT ? degree : degree - 1));
    this.#direct = new Float64Array(members * members);
    for (let a = 0; a < members; a++) for (let b = 0; b < members; b++) this.#direct[a * members + b] = a === b ? 0 : latencies.between(a, b);
    this.#shortest = Float64Array.from(this.#direct);
    for (let k = 0; k < members; k++) {
      for (let a = 0; a < members; a++) {
        for (let b = 0; b < members; b++) {
          const ms = (this.#shortest[a * members + k] as number) + (this.#shortest[k * members + b] as number);
          if (ms < (this.#shortest[a * members + b] as number)) this.#shortest[a * members + b] = ms;
        }
      }
    }
    this.#height = new Float64Array(members);
    this.#parent = new Int32Array(members).fill(NONE);
    this.#isIn = new Uint8Array(members);
    this.#entered = new Int32Array(members);
    this.#isIn[ROOT] = 1;
  }

  explore(): void {
    if (this.#count === this.#n) {
      const last = this.#height[this.#entered[this.#n - 1] as number] as number;
      if (last < this.bestMs) {
        this.bestMs = last;
        this.bestParents = this.#parent.slice();
      }
      return;
    }
    this.isCut ||= --this.#stepsLeft < 0 || !this.#budget.allows(this.#n * this.#n);
    if (this.isCut || !this.#mayEnd()) return;
    const after = this.#height[this.#entered[this.#count - 1] as number] as number;
    const choices: (readonly [node: number, parent: number, ms: number])[] = [];
    for (let i = 0; i < this.#count; i++) {
      const w = this.#entered[i] as number;
      if ((this.#free[w] as number) <= 0) continue;
      for (let v = 1; v < this.#n; v++) {
        if (this.#isIn[v] === 1) continue;
        const ms = (this.#height[w] as number) + (this.#direct[w * this.#n + v] as number);
        if (ms >= after && ms < this.bestMs - EPSILON_MS) choices.push([v, w, ms]);
      }
    }
    choices.sort((a, b) => a[2] - b[2]);
    for (const [v, w, ms] of choices) {
      if (ms >= this.bestMs - EPSILON_MS || !this.#isSettled(v, w, ms)) continue;
      this.#isIn[v] = 1;
      this.#height[v] = ms;
      this.#parent[v] = w;
      this.#entered[this.#count++] = v;
      this.#free[w] = (this.#free[w] as number) - 1;
      this.explore();
      this.#free[w] = (this.#free[w] as number) + 1;
      this.#count--;
      this.#isIn[v] = 0;
    }
  }

  /** May v stand at w? Not if a nearer link were to stay free for want of others who could still take it. */
  #isSettled(v: number, w: number, ms: number): boolean {
    for (let i = 0; i < this.#count; i++) {
      const other = this.#entered[i] as number;
      if (other === w || (this.#free[other] as number) <= 0) continue;
      const sooner = (this.#height[other] as number) + (this.#direct[other * this.#n + v] as number);
      if (sooner >= ms) continue;
      // v stands at w although `other` is nearer: somebody else must take every link that `other` has left.
      let takers = 0;
      for (let x = 1; x < this.#n; x++) {
        if (this.#isIn[x] === 1 || x === v) continue;
        const at = (this.#height[other] as number) + (this.#direct[other * this.#n + x] as number);
        if (at >= ms && at < this.bestMs - EPSILON_MS) takers++;
      }
      if (takers < (this.#free[other] as number)) return false;
    }
    return true;
  }

  #mayEnd(): boolean {
    const n = this.#n;
    let slots = 0;
    for (let i = 0; i < this.#count; i++) {
      const w = this.#entered[i] as number;
      if ((this.#free[w] as number) > 0 && this.#servesInTime(w, this.#height[w] as number)) slots += this.#free[w] as number;
    }
    let missing = 0;
    let further = 0;
    for (let v = 1; v < n; v++) {
      if (this.#isIn[v] === 1) continue;
      missing++;
      let soonest = Infinity;
      for (let i = 0; i < this.#count; i++) {
        const w = this.#entered[i] as number;
        if ((this.#free[w] as number) > 0) soonest = Math.min(soonest, (this.#height[w] as number) + (this.#shortest[w * n + v] as number));
      }
      if (soonest >= this.bestMs - EPSILON_MS) return false;
      if (this.#servesInTime(v, soonest)) further += this.#free[v] as number;
    }
    return slots > 0 && slots + further >= missing;
  }

  #servesInTime(w: number, heightMs: Millis): boolean {
    for (let v = 1; v < this.#n; v++) if (this.#isIn[v] === 0 && v !== w && heightMs + (this.#direct[w * this.#n + v] as number) < this.bestMs - EPSILON_MS) return true;
    return false;
  }
}
