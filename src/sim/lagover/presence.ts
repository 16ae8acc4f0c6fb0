/**
 * Who is online in which round: everybody always, coin tosses (paper 5.3: leave .01, rejoin .2), or a recorded trace.
 *
 * Departures are abrupt. All changes of a round happen before its interactions.
 */
import type { Random } from '../../core/random.ts';
import { shuffle } from '../../core/random.ts';
import type { ChurnTrace } from '../churn-trace.ts';

export interface CoinChurn {
  readonly leave: number;
  readonly rejoin: number;
}

export interface TraceChurn {
  readonly trace: ChurnTrace;
  readonly roundSeconds: number;
}

export type ChurnPlan = CoinChurn | TraceChurn;

/** Who comes and goes: the columns of a run in rounds, or peers that exchange messages. */
export interface Crowd {
  readonly peers: number;
  /** 1 for who is online, by peer from 1. */
  readonly online: ArrayLike<number>;
  join(peer: number): void;
  leave(peer: number): void;
}

export interface Presence {
  /** Brings the crowd to who is online in this round; rounds count from 0. Calls back before each change. */
  beginRound(round: number, onChange: (peer: number) => void): void;
}

export function presenceFor(plan: ChurnPlan | undefined, crowd: Crowd, random: Random): Presence {
  if (plan !== undefined && 'trace' in plan) return new Recorded(plan, crowd, random);
  for (let peer = 1; peer <= crowd.peers; peer++) crowd.join(peer);
  return plan === undefined ? { beginRound: () => {} } : new Coins(plan, crowd, random);
}

/** How many peers a trace has: a run can have no more than that. */
export function membersOf(trace: ChurnTrace): number {
  return new Set(trace.sessions.map(({ member }) => member)).size;
}

class Coins implements Presence {
  readonly #plan: CoinChurn;
  readonly #crowd: Crowd;
  readonly #random: Random;

  constructor(plan: CoinChurn, crowd: Crowd, random: Random) {
    this.#plan = plan;
    this.#crowd = crowd;
    this.#random = random;
  }

  beginRound(_round: number, onChange: (peer: number) => void): void {
    const { leave, rejoin } = this.#plan;
    const { online, peers } = this.#crowd;
    for (let peer = 1; peer <= peers; peer++) {
      const isOnline = online[peer] === 1;
      if (this.#random.unit() >= (isOnline ? leave : rejoin)) continue;
      onChange(peer);
      if (isOnline) this.#crowd.leave(peer);
      else this.#crowd.join(peer);
    }
  }
}

interface Change {
  readonly round: number;
  readonly peer: number;
  readonly joins: boolean;
}

/** Plays a random choice of the trace's members; after its end nothing changes any more. */
class Recorded implements Presence {
  readonly #crowd: Crowd;
  readonly #changes: Change[] = [];
  #next = 0;

  constructor({ trace, roundSeconds }: TraceChurn, crowd: Crowd, random: Random) {
    this.#crowd = crowd;
    const members = shuffle(random, [...new Set(trace.sessions.map(({ member }) => member))].sort((a, b) => a - b));
    const peerOf = new Map(members.slice(0, crowd.peers).map((member, index) => [member, index + 1]));
    const roundAt = (ms: number): number => Math.floor(ms / 1000 / roundSeconds);
    for (const { member, fromMs, toMs } of trace.sessions) {
      const peer = peerOf.get(member);
      // A session within one round is seen by nobody.
      if (peer === undefined || roundAt(fromMs) === roundAt(toMs)) continue;
      this.#changes.push({ round: roundAt(fromMs), peer, joins: true });
      if (toMs < trace.lengthMs) this.#changes.push({ round: roundAt(toMs), peer, joins: false });
    }
    this.#changes.sort((a, b) => a.round - b.round || Number(a.joins) - Number(b.joins) || a.peer - b.peer);
  }

  beginRound(round: number, onChange: (peer: number) => void): void {
    for (;;) {
      const change = this.#changes[this.#next];
      if (change === undefined || change.round > round) return;
      this.#next++;
      onChange(change.peer);
      if (change.joins) this.#crowd.join(change.peer);
      else this.#crowd.leave(change.peer);
    }
  }
}
