/**
 * What is true of the ring: all members in order, so that every answer of the protocol can be checked against it.
 *
 * Members are those that joined and neither crashed nor left: the same moment at which the protocol itself counts them.
 */
import type { Contact } from '../../core/contact.ts';
import { compareContacts } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import { comparePositions } from '../../core/position.ts';

export class RingOracle {
  readonly #members: Contact[] = [];

  get size(): number {
    return this.#members.length;
  }

  get members(): readonly Contact[] {
    return this.#members;
  }

  /** Sorts once: for wiring many at a time. */
  addAll(contacts: readonly Contact[]): void {
    // Not by push(...contacts): a call takes no million arguments.
    for (const contact of contacts) this.#members.push(contact);
    this.#members.sort(compareContacts);
  }

  add(contact: Contact): void {
    const at = this.indexFrom(contact.position);
    if (this.#members[at]?.peerId === contact.peerId) this.#members[at] = contact;
    else this.#members.splice(at, 0, contact);
  }

  remove(contact: Contact): void {
    let at = this.indexFrom(contact.position);
    // While two swap, both stand at one place for a moment.
    while (this.#members[at]?.position.hex === contact.position.hex && this.#members[at]?.peerId !== contact.peerId) at++;
    if (this.#members[at]?.peerId === contact.peerId) this.#members.splice(at, 1);
  }

  /** Whose zone holds `key`: the first member at or after it. */
  ownerOf(key: Position): Contact | undefined {
    return this.at(this.indexFrom(key));
  }

  /** The member `offset` places from the first one at or after `position`; wraps. */
  neighbour(position: Position, offset: number): Contact | undefined {
    return this.at(this.indexFrom(position) + offset);
  }

  /** By place in the order; wraps both ways. */
  at(index: number): Contact | undefined {
    const count = this.#members.length;
    return count === 0 ? undefined : this.#members[((index % count) + count) % count];
  }

  /** Place in the order of the first member at or after `key`; equals `size` when there is none. */
  indexFrom(key: Position): number {
    let low = 0;
    let high = this.#members.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePositions((this.#members[middle] as Contact).position, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
