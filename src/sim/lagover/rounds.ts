/**
 * LagOver in rounds, as the paper evaluates it (section 5; CORRECTIONS 5.4 says what a round is).
 *
 * In a round who comes and goes does so first; then each floating peer, in an order drawn anew, has at most one interaction
 * with one counterpart: the source after the time-out, whom it was referred to, or whom the oracle names; attached peers start
 * none. Then maintenance judges everybody. Each interaction is atomic and sees what earlier ones of the round did. With
 * asynchronous timing an interaction takes one to four rounds and decides on what it finds when it ends.
 */
import { must } from '../../core/assert.ts';
import type { Random } from '../../core/random.ts';
import { randomFrom } from '../../core/random.ts';
import type { Algorithm, AlgorithmName } from '../../protocol/lagover/algorithm.ts';
import { ALGORITHMS } from '../../protocol/lagover/algorithm.ts';
import { decideToLeave } from '../../protocol/lagover/maintenance.ts';
import type { Action, RuleSet, SourceKind } from '../../protocol/lagover/views.ts';
import { SOURCE } from '../../protocol/lagover/views.ts';
import { Fingerprint } from '../fingerprint.ts';
import { Contacts, NOBODY } from './contacts.ts';
import { FLOATING, Forest } from './forest.ts';
import { InformedViews } from './informed.ts';
import { carryOut, decide } from './interactions.ts';
import type { Oracle, OracleName } from './oracles.ts';
import { oracleFor } from './oracles.ts';
import type { ChurnPlan, Presence } from './presence.ts';
import { presenceFor } from './presence.ts';
import type { Workload } from './workloads.ts';

export type Timing = 'synchronous' | 'asynchronous';

export interface RoundsOptions {
  readonly algorithm: AlgorithmName;
  readonly rules: RuleSet;
  readonly source: SourceKind;
  readonly oracle: OracleName;
  readonly timing: Timing;
  /** After so many rounds without a parent a peer contacts the source. Higher: fewer contacts, slower for strict peers. */
  readonly timeout: number;
  /** After so many rounds of lateness a hybrid peer leaves its parent. Higher: calmer, later. */
  readonly maintenance: number;
  readonly churn: ChurnPlan | undefined;
  readonly seed: number;
}

export const ROUNDS_DEFAULTS: RoundsOptions = {
  algorithm: 'adaptive', rules: 'displacing', source: 'pull', oracle: 'random-delay', timing: 'synchronous',
  timeout: 8, maintenance: 3, churn: undefined, seed: 1,
};

const DURATION_ROUNDS_MAX = 4;

export class LagoverRounds {
  readonly forest: Forest;
  round = 0;
  interactions = 0;
  /** How often a consumer lost or changed its parent other than by churn. */
  reconfigurations = 0;
  /** How often the oracle knew nobody. */
  refusals = 0;
  readonly fingerprint = new Fingerprint();
  readonly #options: RoundsOptions;
  readonly #algorithm: Algorithm;
  readonly #oracle: Oracle;
  readonly #presence: Presence;
  /** Only for informed algorithms. */
  readonly #views: InformedViews | undefined;
  readonly #contacts: Contacts;
  readonly #order: Random;
  readonly #durations: Random;
  /** Rounds since it began to float or last contacted the source. */
  readonly #floated: Int32Array;
  readonly #lateRounds: Int32Array;
  /** Asynchronous timing: with whom it is busy, and in which round that ends. */
  readonly #busyWith: Int32Array;
  readonly #busyUntil: Int32Array;
  readonly #floating: Int32Array;

  constructor(workload: Workload, options: RoundsOptions) {
    this.#options = options;
    this.#algorithm = ALGORITHMS[options.algorithm];
    this.forest = new Forest(workload.sourceFanout, workload.consumers);
    const random = randomFrom(options.seed);
    this.#oracle = oracleFor(options.oracle, this.forest, random.fork('oracle'));
    this.#presence = presenceFor(options.churn, this.forest, random.fork('churn'));
    this.#order = random.fork('order');
    this.#durations = random.fork('durations');
    this.#views = this.#algorithm.informed ? new InformedViews(this.forest, random.fork('views')) : undefined;
    this.#contacts = new Contacts(this.forest, this.#algorithm.informed);
    const size = this.forest.peers + 1;
    this.#floated = new Int32Array(size);
    this.#lateRounds = new Int32Array(size);
    this.#busyWith = new Int32Array(size).fill(NOBODY);
    this.#busyUntil = new Int32Array(size);
    this.#floating = new Int32Array(size);
  }

  /** Share of the online peers that hear from the source in time; 1 when nobody is online. */
  get satisfiedShare(): number {
    const { onlineCount, satisfiedCount } = this.forest;
    return onlineCount === 0 ? 1 : satisfiedCount / onlineCount;
  }

  get allSatisfied(): boolean {
    return this.forest.satisfiedCount === this.forest.onlineCount;
  }

  /** Plays one round; returns the satisfied share after its departures and arrivals, before any repair. */
  step(): number {
    this.#presence.beginRound(this.round, this.#comeOrGo);
    const shareAfterChurn = this.satisfiedShare;
    this.#oracle.beginRound(this.round);
    this.#views?.refresh();
    const count = this.#gatherFloating();
    for (let rank = 0; rank < count; rank++) {
      const peer = this.#floating[rank] as number;
      // Somebody else may have taken it in since.
      if (this.forest.isFloating(peer)) this.#act(peer);
    }
    this.#maintain();
    this.round++;
    return shareAfterChurn;
  }

  /** Who floats, in random order. */
  #gatherFloating(): number {
    const { parent, online, peers } = this.forest;
    const floating = this.#floating;
    let count = 0;
    for (let peer = 1; peer <= peers; peer++) {
      if (parent[peer] !== FLOATING || online[peer] === 0) continue;
      const other = this.#order.below(count + 1);
      floating[count] = floating[other] as number;
      floating[other] = peer;
      count++;
    }
    return count;
  }

  #act(i: number): void {
    this.#floated[i] = (this.#floated[i] as number) + 1;
    let j = this.#busyWith[i] as number;
    if (j !== NOBODY) {
      if (this.round < (this.#busyUntil[i] as number)) return;
      this.#busyWith[i] = NOBODY;
      // Meanwhile the other may have left or come to stand below i.
      if (!this.#contacts.canMeet(i, j)) return;
    } else {
      j = this.#choose(i);
      if (j === NOBODY) {
        this.refusals++;
        // Nobody could serve it: only the source itself may.
        if (!this.#algorithm.informed) return;
        j = SOURCE;
      }
      if (this.#options.timing === 'asynchronous') {
        const duration = 1 + this.#durations.below(DURATION_ROUNDS_MAX);
        if (duration > 1) {
          this.#busyWith[i] = j;
          this.#busyUntil[i] = this.round + duration - 1;
          return;
        }
      }
    }
    this.#interact(i, j);
  }

  /** The source after the time-out, unless on the way to a place; else the last reference, else whom the oracle names. */
  #choose(i: number): number {
    const timedOut = (this.#floated[i] as number) >= this.#options.timeout && !this.#contacts.isDescending(i);
    const contact = this.#contacts.take(i);
    if (timedOut) return SOURCE;
    return contact === NOBODY ? this.#oracle.answer(i) : contact;
  }

  #interact(i: number, j: number): void {
    this.interactions++;
    if (j === SOURCE) this.#floated[i] = 0;
    const action = this.#decide(i, j);
    this.fingerprint.add(this.round, action.kind.length, i, j);
    const onLost = (peer: number): void => {
      this.#lost(peer);
      this.#contacts.turnedOut(peer, i);
    };
    if (carryOut(this.forest, i, action, onLost)) {
      this.#begin(i);
      if (action.kind === 'attach') this.#begin(action.child);
      if (action.kind === 'rearrange') for (const { child } of action.links) this.#begin(child);
    } else if (action.kind === 'refer') {
      this.#contacts.refer(i, j, action.to);
      this.#views?.sent(i, j, action.to);
    }
  }

  #decide(i: number, j: number): Action {
    const algorithm = this.#algorithm;
    if (!algorithm.informed) return decide(this.forest, algorithm, this.#options, i, j);
    const views = must(this.#views, 'an informed algorithm has views');
    const initiator = views.initiator(i);
    if (j === SOURCE) return algorithm.atSource(initiator, views.source(i), this.#options);
    return algorithm.meet(initiator, views.counterpart(i, j, this.#contacts.takeAwaitedDelay(i, j)), this.#options);
  }

  /** A peer begins anew: attached, turned out, arrived or gone. */
  readonly #begin = (peer: number): void => {
    this.#floated[peer] = 0;
    this.#lateRounds[peer] = 0;
    this.#contacts.forget(peer);
    this.#busyWith[peer] = NOBODY;
  };

  /** A peer is about to arrive, or to go and leave its children alone. */
  readonly #comeOrGo = (peer: number): void => {
    this.#begin(peer);
    if (this.forest.online[peer] === 0) this.#contacts.arriving(peer);
    else this.#contacts.leaving(peer);
  };

  readonly #lost = (peer: number): void => {
    this.reconfigurations++;
    this.#begin(peer);
  };

  /** The upstream ones first: when they leave, nobody below them hangs on the source any more. */
  #maintain(): void {
    const { forest } = this;
    const { root, delay, constraint, peers } = forest;
    const late: number[] = [];
    for (let peer = 1; peer <= peers; peer++) {
      if (root[peer] === SOURCE && (delay[peer] as number) > (constraint[peer] as number)) {
        this.#lateRounds[peer] = (this.#lateRounds[peer] as number) + 1;
        late.push(peer);
      } else {
        this.#lateRounds[peer] = 0;
      }
    }
    late.sort((a, b) => (delay[a] as number) - (delay[b] as number) || a - b);
    for (const peer of late) {
      const leaves = decideToLeave(
        {
          rootedAtSource: root[peer] === SOURCE, delay: delay[peer] as number, constraint: constraint[peer] as number,
          hop: 1, lateRounds: this.#lateRounds[peer] as number,
        },
        this.#algorithm.maintenance, this.#options.maintenance,
      );
      if (!leaves) continue;
      forest.detach(peer);
      this.#lost(peer);
      this.fingerprint.add(this.round, 0, peer, 0);
    }
  }
}
