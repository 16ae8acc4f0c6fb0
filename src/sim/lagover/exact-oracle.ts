/**
 * The oracles of section 2.1.4 for peers that exchange messages, with the exact knowledge that only a simulator has; the
 * directory's is up to three heartbeats old. The sets are those of oracles.ts; here they are drawn from by looking.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Random } from '../../core/random.ts';
import type { PeerOracle, Wish } from '../../protocol/lagover/agent/oracle.ts';
import type { OracleName } from './oracles.ts';

export interface Candidate {
  readonly delay: number;
  readonly isRooted: boolean;
  readonly openSlots: number;
}

/** What an oracle may look at. */
export interface Looking {
  readonly peers: number;
  now(): Millis;
  contact(peer: number): Contact;
  indexOf(contact: Contact): number;
  /** Undefined while it is offline. */
  look(peer: number): Candidate | undefined;
  /** Whether `peer` stands below `above`, or is that one. */
  isBelow(peer: number, above: number): boolean;
}

const REDRAWS_MAX = 48;

export function exactOracle(name: OracleName, world: Looking, random: Random, directoryAgeMs: Millis): PeerOracle {
  if (name === 'directory') return new AgedDirectory(world, random, directoryAgeMs);
  const byDelay = name === 'random-delay' || name === 'random-delay-capacity';
  const byCapacity = name === 'random-capacity' || name === 'random-delay-capacity';
  const suits = (peer: number, constraint: number): boolean => {
    const candidate = world.look(peer);
    return candidate !== undefined && (!byDelay || candidate.delay < constraint) && (!byCapacity || candidate.openSlots > 0);
  };
  return {
    ask({ self, constraint }, onAnswer) {
      const enquirer = world.indexOf(self);
      onAnswer(drawPeer(world, random, (peer) => suits(peer, constraint) && !world.isBelow(peer, enquirer)));
    },
  };
}

/** Any consumer that fits, uniformly: redraws first, and looks at all only when that fails often. */
function drawPeer(world: Looking, random: Random, fits: (peer: number) => boolean): Contact | undefined {
  for (let draws = 0; draws < REDRAWS_MAX; draws++) {
    const peer = 1 + random.below(world.peers);
    if (fits(peer)) return world.contact(peer);
  }
  const fitting: number[] = [];
  for (let peer = 1; peer <= world.peers; peer++) if (fits(peer)) fitting.push(peer);
  return fitting.length === 0 ? undefined : world.contact(fitting[random.below(fitting.length)] as number);
}

class AgedDirectory implements PeerOracle {
  readonly #world: Looking;
  readonly #random: Random;
  readonly #ageMs: Millis;
  #takenAt: Millis = -Infinity;
  #entries: { readonly peer: number; readonly candidate: Candidate }[] = [];

  constructor(world: Looking, random: Random, ageMs: Millis) {
    this.#world = world;
    this.#random = random;
    this.#ageMs = ageMs;
  }

  ask({ self, constraint }: Wish, onAnswer: (peer: Contact | undefined) => void): void {
    this.#refresh();
    const enquirer = this.#world.indexOf(self);
    const possible = this.#entries.filter(({ peer, candidate }) =>
      candidate.delay < constraint && this.#world.look(peer) !== undefined && !this.#world.isBelow(peer, enquirer));
    const hearing = possible.filter(({ candidate }) => candidate.isRooted);
    const open = hearing.filter(({ candidate }) => candidate.openSlots > 0);
    const list = open.length > 0 ? open : hearing.length > 0 ? hearing : possible;
    const chosen = list.length === 0 ? undefined : list[this.#random.below(list.length)];
    onAnswer(chosen === undefined ? undefined : this.#world.contact(chosen.peer));
  }

  #refresh(): void {
    if (this.#world.now() - this.#takenAt < this.#ageMs) return;
    this.#takenAt = this.#world.now();
    this.#entries = [];
    for (let peer = 1; peer <= this.#world.peers; peer++) {
      const candidate = this.#world.look(peer);
      if (candidate !== undefined) this.#entries.push({ peer, candidate });
    }
  }
}
