/**
 * Contacts made by the simulator carry the peer's index, so that the way from a contact to a peer is one comparison.
 *
 * Protocol code sees plain contacts and never the index. A contact that came out of a codec has no index and is found
 * by its identity in a Map: slower, and correct.
 */
import type { Contact } from '../core/contact.ts';
import type { Position } from '../core/position.ts';
import { positionFromBytes } from '../core/position.ts';
import type { Random } from '../core/random.ts';

export interface SimContact extends Contact {
  readonly simIndex: number;
}

/** The same contact with the peer's index on it. */
export function withIndex(contact: Contact, simIndex: number): SimContact {
  const { peerId, position, addresses, name, incarnation, proof } = contact;
  const plain = { peerId, position, addresses, name, incarnation, simIndex };
  return proof === undefined ? plain : { ...plain, proof };
}

export interface ContactWishes {
  readonly position?: Position;
  readonly incarnation?: number;
  readonly addresses?: readonly string[];
  readonly name?: string;
}

const NO_ADDRESSES: readonly string[] = [];

/**
 * A contact for the `index`-th simulated machine: identity `sim-17`, position drawn from the stream of that index, so
 * that it does not depend on how many others there are.
 */
export function makeContact(random: Random, index: number, wishes: ContactWishes = {}): Contact {
  return {
    peerId: `sim-${index}`,
    position: wishes.position ?? drawPosition(random.fork('position', index)),
    addresses: wishes.addresses ?? NO_ADDRESSES,
    name: wishes.name ?? '',
    incarnation: wishes.incarnation ?? 1,
  };
}

/** A position, uniform over the whole circle. */
export function drawPosition(random: Random): Position {
  const bytes = new Uint8Array(20);
  for (let i = 0; i < 20; i++) bytes[i] = random.u32() & 255;
  return positionFromBytes(bytes);
}
