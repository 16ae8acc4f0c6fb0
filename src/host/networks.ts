/**
 * From which network each member's connection really comes, or at which address it was dialled: whoever answers there with its key is there.
 *
 * What a contact says of itself proves nothing, and through a relay one sees the relay's address. So a member with whom there never was a direct connection
 * is nowhere, as far as this peer can tell.
 */
import type { Contact } from '../core/contact.ts';
import { claimedNetworks, LOCAL, networkOf } from '../core/network.ts';

/** Members that are remembered; whoever connected the longest time ago is forgotten first. */
const NETWORKS_KEPT = 4_096;

export class Networks {
  readonly #seen = new Map<string, string>();
  #isPublic = false;

  /** A direct connection to a member, from or to that address. */
  see(peerId: string, address: string): void {
    const network = networkOf(address);
    if (network === undefined) return;
    this.#isPublic ||= network !== LOCAL;
    this.#seen.delete(peerId);
    this.#seen.set(peerId, network);
    if (this.#seen.size > NETWORKS_KEPT) this.#seen.delete(this.#seen.keys().next().value as string);
  }

  /** As `networkOf` names it; undefined: not known. */
  of(peerId: string): string | undefined {
    return this.#seen.get(peerId);
  }

  /** The public ones: as seen, or as claimed by whoever was never seen. */
  publicOf(peer: Contact): readonly string[] {
    const seen = this.of(peer.peerId);
    if (seen === undefined) return claimedNetworks(peer);
    return seen === LOCAL ? [] : [seen];
  }

  /** How many of these members are certainly not in one network. Of those on local networks each counts; of those who were never seen only one, if there is no other, unless nobody outside was ever seen. */
  count(peerIds: readonly string[], self: string): number {
    const networks = new Set<string>();
    for (const peerId of peerIds) {
      const network = peerId === self ? LOCAL : (this.of(peerId) ?? (this.#isPublic ? undefined : LOCAL));
      if (network !== undefined) networks.add(network === LOCAL ? peerId : network);
    }
    return Math.max(networks.size, Math.min(1, peerIds.length));
  }
}
