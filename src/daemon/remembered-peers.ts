/**
 * Members met before, kept across starts: the way back into a pool without an invite.
 *
 * The nearest neighbours are enough; whoever of them answers knows the rest. What is read back is only tried, never
 * believed: dialling proves who is there.
 */
import type { Contact } from '../core/contact.ts';
import type { Store } from '../core/env.ts';

const ENTRY = 'daemon/peers';
const PEERS_MAX = 24;
const ADDRESSES_PER_PEER_MAX = 3;

/** Multiaddresses with the peer named at their end, a peer's in a row, best first. */
export function rememberPeers(store: Store, contacts: readonly Contact[]): void {
  const known = contacts
    .filter((contact) => contact.addresses.length > 0)
    .slice(0, PEERS_MAX)
    .map((contact) => dialable(contact).slice(0, ADDRESSES_PER_PEER_MAX));
  // Alone just now: those of last time are better than none.
  if (known.length > 0) store.write(ENTRY, new TextEncoder().encode(JSON.stringify(known)));
}

/** Per peer, the addresses to try in turn. */
export function recallPeers(store: Store): string[][] {
  const bytes = store.read(ENTRY);
  if (bytes === undefined) return [];
  try {
    const peers = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
    if (!Array.isArray(peers)) return [];
    return peers.slice(0, PEERS_MAX).map((peer) => (Array.isArray(peer) ? peer.filter((one) => typeof one === 'string') : []));
  } catch {
    return [];
  }
}

export function dialable(contact: Contact): string[] {
  return contact.addresses.map((address) => `${address}/p2p/${contact.peerId}`);
}
