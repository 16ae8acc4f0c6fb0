/**
 * The oracles of section 2.1.4 with exact knowledge, as only a simulator has it, and a directory that is a few rounds old.
 *
 * None returns the enquirer's own descendants or offline peers (CORRECTIONS 5.4). Each draws from a set kept by delay and
 * redraws when it hit a descendant; only when that fails often does it look at everybody, so an answer costs O(log classes).
 */
import type { Random } from '../../core/random.ts';
import { SOURCE } from '../../protocol/lagover/views.ts';
import { DelayIndex } from './delay-index.ts';
import type { Forest } from './forest.ts';

export const ORACLE_NAMES = ['random', 'random-capacity', 'random-delay-capacity', 'random-delay', 'directory'] as const;
export type OracleName = (typeof ORACLE_NAMES)[number];

export interface Oracle {
  /** Called before each round. */
  beginRound(round: number): void;
  /** Whom `peer` may meet, or -1. */
  answer(peer: number): number;
}

const REDRAWS_MAX = 32;
/** The directory's entries are as old as that at most. */
const DIRECTORY_AGE_ROUNDS = 3;

export function oracleFor(name: OracleName, forest: Forest, random: Random): Oracle {
  if (name === 'directory') return new DirectoryOracle(forest, random);
  const byDelay = name === 'random-delay' || name === 'random-delay-capacity';
  const byCapacity = name === 'random-capacity' || name === 'random-delay-capacity';
  return new ExactOracle(forest, byCapacity ? forest.open : forest.everyone, byDelay, random);
}

class ExactOracle implements Oracle {
  readonly #forest: Forest;
  readonly #index: DelayIndex;
  readonly #byDelay: boolean;
  readonly #random: Random;

  constructor(forest: Forest, index: DelayIndex, byDelay: boolean, random: Random) {
    this.#forest = forest;
    this.#index = index;
    this.#byDelay = byDelay;
    this.#random = random;
  }

  beginRound(): void {}

  answer(peer: number): number {
    return drawOther(this.#forest, this.#index, this.#byDelay ? (this.#forest.constraint[peer] as number) : Infinity, peer, this.#random);
  }
}

/**
 * Knows delays and free slots of a few rounds ago. Of those who then heard from the source in time for the enquirer it prefers
 * those with a free slot; when there are none at all, as at the start of a feed, it names somebody else who waits.
 */
class DirectoryOracle implements Oracle {
  readonly #forest: Forest;
  readonly #random: Random;
  #waiting: DelayIndex;
  #everyone: DelayIndex;
  #open: DelayIndex;

  constructor(forest: Forest, random: Random) {
    this.#forest = forest;
    this.#random = random;
    this.#waiting = this.#everyone = this.#open = new DelayIndex(0, 1);
  }

  beginRound(round: number): void {
    if (round % DIRECTORY_AGE_ROUNDS !== 0) return;
    const { peers, delay, online, root } = this.#forest;
    const delayMax = this.#forest.everyone.delayMax;
    this.#waiting = new DelayIndex(peers, delayMax);
    this.#everyone = new DelayIndex(peers, delayMax);
    this.#open = new DelayIndex(peers, delayMax);
    for (let peer = 1; peer <= peers; peer++) {
      if (online[peer] === 0) continue;
      if (root[peer] !== SOURCE) {
        this.#waiting.add(peer, delay[peer] as number);
        continue;
      }
      this.#everyone.add(peer, delay[peer] as number);
      if (this.#forest.hasFreeSlot(peer)) this.#open.add(peer, delay[peer] as number);
    }
  }

  answer(peer: number): number {
    const limit = this.#forest.constraint[peer] as number;
    for (const index of [this.#open, this.#everyone, this.#waiting]) {
      const other = drawOther(this.#forest, index, limit, peer, this.#random);
      if (other !== -1) return other;
    }
    return -1;
  }
}

/** Any member with a delay below `limit` that is online and does not descend from `peer`, uniformly; or -1. */
function drawOther(forest: Forest, index: DelayIndex, limit: number, peer: number, random: Random): number {
  const count = index.below(limit);
  if (count === 0) return -1;
  const allowed = (other: number): boolean => forest.root[other] !== peer && forest.online[other] === 1;
  for (let draws = 0; draws < REDRAWS_MAX; draws++) {
    const drawn = index.at(random.below(count));
    if (allowed(drawn)) return drawn;
  }
  const others: number[] = [];
  for (let rank = 0; rank < count; rank++) {
    const other = index.at(rank);
    if (allowed(other)) others.push(other);
  }
  return others.length === 0 ? -1 : (others[random.below(others.length)] as number);
}
