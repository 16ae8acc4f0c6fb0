/**
 * AMCast and the critical-node algorithm (Table A, [0084], repaired as CORRECTIONS 2 says): the tree grows by the waiting node
 * that would hear soonest; before a parent gives away its last link, a helper may take that link and serve in its stead.
 *
 * Best parents are remembered. They change when a node enters (one pass) and when a parent is full: then its followers only
 * know that they cannot do better than before, and look again when it would be their turn. That keeps a run near O(N^2).
 */
import { assert } from '../../core/assert.ts';
import type { Millis } from '../../core/env.ts';
import type { Budget } from './budget.ts';
import { UNLIMITED } from './budget.ts';
import type { HelperRule } from './helpers.ts';
import { Candidates } from './helpers.ts';
import type { Instance } from './instance.ts';
import { missingLinks, NONE, ROOT, unlinkedMember } from './instance.ts';
import { Tree } from './tree.ts';

export interface ConstructOptions {
  /** Undefined is AMCast: no helpers. */
  readonly helpers: HelperRule | undefined;
  /** So much sooner does a node count for each link beyond the second: builders of wide trees start with those that can serve many. */
  readonly creditMs: Millis;
}

/** The clock is read once in so many steps; of places that are free so many are looked at in a hurry. */
const STEPS_PER_READING = 16;
const PLACES_TRIED = 64;

export const AMCAST: ConstructOptions = { helpers: undefined, creditMs: 0 };

/** The tree, or why there is none. */
export function construct(instance: Instance, options: ConstructOptions, budget = UNLIMITED): Tree | string {
  const unlinked = unlinkedMember(instance);
  if (unlinked !== NONE) return 'a member has no free link';
  const missing = missingLinks(instance);
  if (missing > 0 && options.helpers === undefined) return missingSentence(missing);
  return new Construction(instance, options).run(budget);
}

function missingSentence(missing: number): string {
  return `the members have ${missing} ${missing === 1 ? 'link' : 'links'} too few for a tree`;
}

class Construction {
  readonly #instance: Instance;
  readonly #tree: Tree;
  readonly #candidates: Candidates | undefined;
  readonly #creditMs: Millis;
  /** Members that are not in the tree, in any order; the columns below stand in the same order, so that passes over them run straight. */
  readonly #waiting: Int32Array;
  #waitingCount: number;
  /** Nodes in the tree that have a free link, in any order. */
  readonly #open: Int32Array;
  #openCount = 0;
  /** The height a waiting node would have, and below whom. If `stale`, it is at least that. */
  readonly #cost: Float64Array;
  readonly #via: Int32Array;
  readonly #stale: Uint8Array;
  readonly #degree: Int32Array;
  readonly #row: Float64Array;
  /** Free links in the tree. */
  #slots: number;

  constructor(instance: Instance, { helpers, creditMs }: ConstructOptions) {
    const { members, size, degrees } = instance;
    this.#instance = instance;
    this.#tree = new Tree(instance);
    this.#creditMs = creditMs;
    this.#candidates = helpers === undefined ? undefined : new Candidates(instance, helpers);
    this.#waiting = Int32Array.from({ length: members - 1 }, (_, i) => i + 1);
    this.#waitingCount = members - 1;
    this.#open = new Int32Array(size);
    this.#cost = new Float64Array(members).fill(Infinity);
    this.#via = new Int32Array(members).fill(NONE);
    this.#stale = new Uint8Array(members);
    this.#degree = degrees.slice(1, members);
    this.#row = new Float64Array(Math.max(members, size));
    this.#slots = degrees[ROOT] as number;
  }

  run(budget: Budget): Tree | string {
    this.#entered(ROOT);
    for (let step = 1; this.#waitingCount > 0; step++) {
      if (step % STEPS_PER_READING === 0 && budget.isLate()) return this.#hurry();
      const at = this.#choose();
      if (at === NONE) {
        if (!this.#rescue()) return missingSentence(missingLinks(this.#instance));
        continue;
      }
      const u = this.#waiting[at] as number;
      const p = this.#via[at] as number;
      this.#take(at);
      this.#absorb(u, p);
    }
    this.#tree.refresh();
    return this.#tree;
  }

  /** Those who still wait hang on where it costs least of a few places that are free: first those that serve others, so that places do not run out. */
  #hurry(): Tree | string {
    const { degrees, latencies } = this.#instance;
    const order = [...this.#waiting.subarray(0, this.#waitingCount)].sort((a, b) => Math.min(2, degrees[b] as number) - Math.min(2, degrees[a] as number) || a - b);
    this.#waitingCount = 0;
    for (const [i, u] of order.entries()) {
      while (this.#slots === 0) if (!this.#rescue()) return missingSentence(missingLinks(this.#instance));
      const tries = Math.min(PLACES_TRIED, this.#openCount);
      let chosen = NONE;
      let least = Infinity;
      for (let j = 0; j < tries; j++) {
        const at = (i + Math.floor((j * this.#openCount) / tries)) % this.#openCount;
        const w = this.#open[at] as number;
        const ms = (this.#tree.height[w] as number) + latencies.between(w, u);
        if (ms >= least) continue;
        least = ms;
        chosen = at;
      }
      const parent = this.#open[chosen] as number;
      this.#tree.add(u, parent);
      this.#slots += (degrees[u] as number) - 2;
      if (!this.#tree.isOpen(parent)) this.#open[chosen] = this.#open[--this.#openCount] as number;
      if (this.#tree.isOpen(u)) this.#open[this.#openCount++] = u;
    }
    this.#tree.refresh();
    return this.#tree;
  }

  #take(at: number): void {
    const last = --this.#waitingCount;
    for (const column of [this.#waiting, this.#cost, this.#via, this.#stale, this.#degree]) column[at] = column[last] as number;
  }

  /** Where in `waiting` the node stands that would hear soonest, if it leaves a free link or is the last. */
  #choose(): number {
    if (this.#slots === 0) return NONE;
    const needed = this.#waitingCount === 1 ? 1 : 3 - this.#slots;
    for (;;) {
      const chosen = this.#soonest(needed);
      if (chosen === NONE || this.#stale[chosen] === 0) return chosen;
      this.#lookAgain(chosen);
    }
  }

  #soonest(needed: number): number {
    const waiting = this.#waiting;
    const costs = this.#cost;
    const degrees = this.#degree;
    const creditMs = this.#creditMs;
    const count = this.#waitingCount;
    let chosen = NONE;
    let least = Infinity;
    for (let i = 0; i < count; i++) {
      const cost = (costs[i] as number) - creditMs * ((degrees[i] as number) - 2);
      if (cost > least || (degrees[i] as number) < needed || (cost === least && chosen !== NONE && (waiting[i] as number) > (waiting[chosen] as number))) continue;
      least = cost;
      chosen = i;
    }
    return least === Infinity ? NONE : chosen;
  }

  #absorb(u: number, p: number): void {
    assert(p !== NONE && this.#tree.isOpen(p), 'the remembered parent has a free link');
    const isLastLink = (this.#tree.degree[p] as number) === (this.#instance.degrees[p] as number) - 1;
    const helper = this.#candidates !== undefined && isLastLink ? this.#findHelper(u, p, this.#candidates) : NONE;
    if (helper !== NONE) this.#enter(helper, p);
    this.#enter(u, helper === NONE ? p : helper);
    if (helper !== NONE) this.#entered(helper);
    this.#entered(u);
  }

  /** S in Table B: everybody who waits for the same parent. A helper for one alone would only be a detour. */
  #findHelper(u: number, p: number, candidates: Candidates): number {
    const followers = [u];
    for (let i = 0; i < this.#waitingCount; i++) {
      if (this.#stale[i] === 1) this.#lookAgain(i);
      if (this.#via[i] === p) followers.push(this.#waiting[i] as number);
    }
    return followers.length === 1 ? NONE : candidates.take(p, followers);
  }

  /** The members alone cannot go on, whatever the order: a helper with links to spare must enter. */
  #rescue(): boolean {
    if (this.#candidates === undefined || this.#openCount === 0) return false;
    const found = this.#candidates.takeSpare((p, h) => (this.#tree.height[p] as number) + this.#instance.latencies.between(p, h), this.#open.subarray(0, this.#openCount));
    if (found === undefined) return false;
    this.#enter(found.helper, found.parent);
    this.#entered(found.helper);
    return true;
  }

  #enter(node: number, parent: number): void {
    this.#tree.add(node, parent);
    this.#slots += (this.#instance.degrees[node] as number) - 2;
    if (!this.#tree.isOpen(parent)) this.#close(parent);
  }

  #close(node: number): void {
    const at = this.#open.subarray(0, this.#openCount).indexOf(node);
    if (at >= 0) this.#open[at] = this.#open[--this.#openCount] as number;
    const via = this.#via;
    for (let i = 0; i < this.#waitingCount; i++) if (via[i] === node) this.#stale[i] = 1;
  }

  /** A new node in the tree may be a better parent. */
  #entered(w: number): void {
    if (!this.#tree.isOpen(w)) return;
    this.#open[this.#openCount++] = w;
    this.#instance.latencies.row(w, this.#waiting, this.#waitingCount, this.#row);
    const height = this.#tree.height[w] as number;
    const row = this.#row;
    const costs = this.#cost;
    for (let i = 0; i < this.#waitingCount; i++) {
      const cost = height + (row[i] as number);
      if (cost > (costs[i] as number) || (cost === costs[i] && this.#stale[i] === 0)) continue;
      costs[i] = cost;
      this.#via[i] = w;
      this.#stale[i] = 0;
    }
  }

  #lookAgain(at: number): void {
    const { height } = this.#tree;
    this.#instance.latencies.row(this.#waiting[at] as number, this.#open, this.#openCount, this.#row);
    let least = Infinity;
    let via = NONE;
    for (let i = 0; i < this.#openCount; i++) {
      const w = this.#open[i] as number;
      const cost = (height[w] as number) + (this.#row[i] as number);
      if (cost < least || (cost === least && w < via)) {
        least = cost;
        via = w;
      }
    }
    this.#cost[at] = least;
    this.#via[at] = via;
    this.#stale[at] = 0;
  }
}
