/**
 * Where this peer stands after it has swapped positions with another ([0061]), kept over a restart, like its identity.
 * What proves nothing (any more) is forgotten, and the peer stands at the hash of its identity again.
 */
import type { Contact, PositionProof } from '../core/contact.ts';
import type { Store } from '../core/env.ts';
import type { Position } from '../core/position.ts';
import { provenPosition } from '../host/swap-chain.ts';

const ENTRY = 'moved';

export function rememberMove(store: Store, { proof }: Contact): void {
  if (proof !== undefined) store.write(ENTRY, proof.chain);
}

export function recallMove(store: Store, peerId: string): { readonly position: Position; readonly proof: PositionProof } | undefined {
  const chain = store.read(ENTRY);
  if (chain === undefined) return undefined;
  const position = provenPosition(peerId, { chain });
  return position === undefined ? undefined : { position, proof: { chain } };
}
