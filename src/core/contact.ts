/**
 * How one peer names another: identity, position, and where to dial.
 *
 * Identity (`peerId`) and position are separate things, because the patent lets two machines swap positions ([0061]).
 * A contact is an immutable value that travels in messages; nobody interns it, so the garbage collector is the release
 * rule for peers that are no longer of interest (docs/decisions/0003-contacts-not-refs.md).
 */
import type { Position } from './position.ts';
import { comparePositions } from './position.ts';

export interface Contact {
  /** libp2p PeerId in its usual text form. */
  readonly peerId: string;
  readonly position: Position;
  /** Multiaddresses, best first. Empty for a peer that can only dial out. */
  readonly addresses: readonly string[];
  /** Chosen by the operator; hostile until stripped for display. */
  readonly name: string;
  /** Grows at every start of the peer and whenever it refutes its own death: the larger one is the fresher contact. */
  readonly incarnation: number;
  /** Of a peer that has swapped positions with another: why it stands where it does. */
  readonly proof?: PositionProof;
}

/** Signed by all who took part; only who runs real peers looks inside. */
export interface PositionProof {
  readonly chain: Uint8Array;
}

export function samePeer(a: Contact, b: Contact): boolean {
  return a === b || a.peerId === b.peerId;
}

/** Total order round the circle: by position, then by identity, so that two peers at one spot are still two peers. */
export function compareContacts(a: Contact, b: Contact): number {
  const byPosition = comparePositions(a.position, b.position);
  if (byPosition !== 0) return byPosition;
  return a.peerId < b.peerId ? -1 : a.peerId > b.peerId ? 1 : 0;
}
