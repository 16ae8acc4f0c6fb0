/**
 * Whom to meet, when nobody is known: the oracle of section 2.1.4, behind one interface.
 *
 * In the simulator it has exact knowledge (sim/lagover/exact-oracle.ts); real peers walk over the ring (ring-walk.ts), or ask a
 * directory in the DHT (directory.ts) or one that the metadata tree fills (somo-directory.ts), so it may answer later.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';

export interface Wish {
  readonly tree: string;
  readonly self: Contact;
  /** Only those who hear earlier than that can serve it. */
  readonly constraint: number;
}

/** A peer of the tree, as an oracle may be told of it. */
export interface Followed {
  readonly delay: number;
  readonly isRooted: boolean;
  readonly openSlots: number;
}

/** Tells the oracle of one peer, now and then. */
export interface Follower {
  nextDueAt(): Millis;
  onTimer(now: Millis): void;
}

export interface PeerOracle {
  /** Answers once, at once or later; undefined when it knows nobody. */
  ask(wish: Wish, onAnswer: (peer: Contact | undefined) => void): void;
  /** Of an oracle that has to be told of its peers. */
  follow?(peer: Followed): Follower | undefined;
}
