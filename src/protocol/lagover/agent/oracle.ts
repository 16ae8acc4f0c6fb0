/**
 * Whom to meet, when nobody is known: the oracle of section 2.1.4, behind one interface.
 *
 * In the simulator it has exact knowledge (sim/lagover/exact-oracle.ts); real peers ask others by a random walk over the ring
 * (ring-walk.ts), so it may answer later.
 */
import type { Contact } from '../../../core/contact.ts';

export interface Wish {
  readonly tree: string;
  readonly self: Contact;
  /** Only those who hear earlier than that can serve it. */
  readonly constraint: number;
}

export interface PeerOracle {
  /** Answers once, at once or later; undefined when it knows nobody. */
  ask(wish: Wish, onAnswer: (peer: Contact | undefined) => void): void;
}
