/**
 * Our planner: local search from the patent's tree, with more moves, kicked out of dead ends until the budget is used up.
 *
 * A descent takes the best move on the way to the highest member until none helps: cheap moves first. Then a copy of the tree is
 * shaken by a few random moves and descends again; it is kept if it ends no higher. When that has not helped for a while the
 * search begins anew from a tree built another way. It begins with critical + adjust and keeps the best it saw, so it is never
 * worse, and takes no more helpers than that; docs/decisions/0040 says what else was tried.
 */
import type { Millis } from '../../core/env.ts';
import type { Random } from '../../core/random.ts';
import { adjust } from './adjust.ts';
import type { Budget } from './budget.ts';
import { construct } from './construct.ts';
import type { HelperRule } from './helpers.ts';
import { dropHelpers, insertHelper, replaceHelper } from './helper-moves.ts';
import type { Instance } from './instance.ts';
import { ROOT } from './instance.ts';
import { randomMove } from './kicks.ts';
import { displace, Effort, exchange, relocate, turn } from './moves.ts';
import { optimum, OPTIMUM_MEMBERS_MAX } from './optimum.ts';
import { Tree } from './tree.ts';

export interface SearchOptions {
  readonly helpers: HelperRule | undefined;
  readonly random: Random;
  readonly budget: Budget;
  /** No tree can be lower: the search ends when it gets there. */
  readonly boundMs: Millis;
}

export interface Found {
  readonly tree: Tree;
  readonly moves: number;
}

/** So many kicks without gain, for each node, and the search begins anew. */
const PATIENCE_PER_NODE = 6;
const KICKS_MAX = 4;
/** Shares of the mean latency that a free link is worth to the builders of further first trees. */
const CREDIT_SHARES = [0.05, 0.1, 0.2, 0.4];
/** A first proof is given up after so many steps; each further one may take so many times more. */
const PROOF_STEPS = 5_000;
const PROOF_GROWTH = 4;
/** With more hosts another first tree takes longer than it gains. */
const OTHER_FIRSTS_MAX = 3_000;
/** Lower by less than this is not lower. */
const EPSILON_MS = 1e-9;

/** The tree, or why there is none. */
export function search(instance: Instance, options: SearchOptions): Found | string {
  const first = construct(instance, { helpers: options.helpers, creditMs: 0 }, options.budget);
  if (typeof first === 'string') return first;
  const moves = adjust(first, options.budget);
  if (instance.members <= 2 && first.helpers === 0) return { tree: first, moves };
  return new Search(instance, first, moves, options).run();
}

class Search {
  readonly #instance: Instance;
  readonly #options: SearchOptions;
  readonly #candidates: Int32Array;
  readonly #helpersMax: number;
  readonly #best: Tree;
  readonly #effort: Effort;
  readonly #spare: Tree;
  #bestMs: Millis;
  #moves: number;
  readonly #isSmall: boolean;
  #proofSteps = PROOF_STEPS;

  constructor(instance: Instance, first: Tree, moves: number, options: SearchOptions) {
    this.#instance = instance;
    this.#options = options;
    this.#best = first;
    this.#spare = first.clone();
    this.#effort = new Effort(options.budget);
    this.#bestMs = first.heightMs;
    this.#helpersMax = first.helpers;
    this.#moves = moves;
    this.#isSmall = instance.size === instance.members && instance.size <= OPTIMUM_MEMBERS_MAX;
    const minDegree = options.helpers?.minDegree ?? Infinity;
    this.#candidates = Int32Array.from({ length: instance.size - instance.members }, (_, i) => instance.members + i).filter((node) => (instance.degrees[node] as number) >= minDegree);
  }

  run(): Found {
    const current = this.#best.clone();
    this.#descend(current);
    this.#saveHelpers();
    this.#keep(current);
    this.#tryOtherFirsts(current);
    const trial = current.clone();
    const patience = PATIENCE_PER_NODE * current.count + 100;
    let currentMs = current.heightMs;
    let idle = 0;
    while (this.#goesOn()) {
      trial.copyFrom(current);
      this.#kick(trial, 1 + this.#options.random.below(KICKS_MAX));
      this.#descend(trial);
      const ms = trial.heightMs;
      if (ms < currentMs - EPSILON_MS) idle = 0;
      else idle++;
      if (ms <= currentMs + EPSILON_MS) {
        current.copyFrom(trial);
        currentMs = ms;
        this.#keep(trial);
      }
      if (idle < patience) continue;
      idle = 0;
      if (this.#isSmall && this.#prove()) break;
      current.copyFrom(this.#best);
      this.#kick(current, current.count);
      this.#descend(current);
      currentMs = current.heightMs;
    }
    return { tree: this.#best, moves: this.#moves };
  }

  /** Is what was found the lowest there is? If the proof ends at a lower one, that is kept. */
  #prove(): boolean {
    const { heightMs, parents, isProven } = optimum(this.#instance, this.#bestMs, this.#proofSteps, this.#options.budget);
    this.#proofSteps *= PROOF_GROWTH;
    if (parents !== undefined) {
      this.#best.copyFrom(Tree.fromParents(this.#instance, parents));
      this.#bestMs = heightMs;
      this.#moves++;
    }
    return isProven;
  }

  #goesOn(): boolean {
    this.#effort.add(1);
    return !this.#effort.isOver && this.#bestMs > this.#options.boundMs + EPSILON_MS;
  }

  #keep(tree: Tree): void {
    const ms = tree.heightMs;
    if (tree.helpers > this.#helpersMax || ms > this.#bestMs + EPSILON_MS) return;
    if (ms >= this.#bestMs - EPSILON_MS && tree.helpers >= this.#best.helpers) return;
    this.#best.copyFrom(tree);
    this.#bestMs = ms;
    this.#saveHelpers();
  }

  /** Fewest helpers for the same height. */
  #saveHelpers(): void {
    if (this.#best.helpers === 0) return;
    dropHelpers(this.#best, this.#bestMs + EPSILON_MS, this.#spare, this.#effort);
    this.#best.prune();
  }

  #tryOtherFirsts(current: Tree): void {
    if (this.#instance.size > OTHER_FIRSTS_MAX) return;
    const { latencies, members } = this.#instance;
    const row = new Float64Array(members);
    latencies.row(ROOT, Int32Array.from({ length: members }, (_, node) => node), members, row);
    const meanMs = row.reduce((sum, ms) => sum + ms, 0) / members;
    for (const share of CREDIT_SHARES) {
      this.#effort.add(members * members);
      if (!this.#goesOn()) return;
      const built = construct(this.#instance, { helpers: this.#options.helpers, creditMs: share * meanMs });
      if (typeof built === 'string') continue;
      built.prune();
      this.#descend(built);
      if (built.helpers > this.#helpersMax) continue;
      if (built.heightMs < current.heightMs) current.copyFrom(built);
      this.#keep(built);
    }
  }

  #descend(tree: Tree): void {
    while (this.#goesOn() && this.#improve(tree)) {
      tree.refresh();
      if (tree.helpers > 0) tree.prune();
      this.#moves++;
    }
  }

  #improve(tree: Tree): boolean {
    const effort = this.#effort;
    return relocate(tree, effort) || turn(tree, effort) || exchange(tree, effort) || displace(tree, effort)
      || (tree.helpers > 0 && replaceHelper(tree, this.#candidates, effort))
      || (tree.helpers < this.#helpersMax && insertHelper(tree, this.#candidates, effort));
  }

  #kick(tree: Tree, moves: number): void {
    for (let i = moves; i > 0; i--) randomMove(tree, this.#options.random);
    if (tree.helpers > 0) tree.prune();
    this.#effort.add(moves * tree.count);
  }
}
