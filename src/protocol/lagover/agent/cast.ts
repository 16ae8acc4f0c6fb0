/**
 * Numbers for the peers that one decision is about. The rules know peers by number, the source being 0; peers know one
 * another by contact. The others are numbered in order of identity, so that ties fall alike wherever they are decided.
 */
import { must } from '../../../core/assert.ts';
import type { Contact } from '../../../core/contact.ts';

export class Cast {
  readonly #contacts: Contact[];
  readonly #ids = new Map<string, number>();

  constructor(source: Contact, others: readonly Contact[]) {
    const known = new Map(others.map((contact) => [contact.peerId, contact]));
    known.delete(source.peerId);
    this.#contacts = [source, ...[...known.values()].sort((a, b) => (a.peerId < b.peerId ? -1 : 1))];
    for (const [id, { peerId }] of this.#contacts.entries()) this.#ids.set(peerId, id);
  }

  id(contact: Contact): number {
    return must(this.#ids.get(contact.peerId), 'a peer of this decision');
  }

  contact(id: number): Contact {
    return must(this.#contacts[id], 'a peer of this decision');
  }
}
