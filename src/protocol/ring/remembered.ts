/**
 * Peers that were lost: remembered, because a lost peer may be the other half of a split ring.
 *
 * One of them is probed now and then; one that answers leads to a merge. A peer that was found dead only just now is not
 * taken up again on hearsay, which would keep the dead in everybody's leafset for ever.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Random } from '../../core/random.ts';

/** How long hearsay about a dead peer is ignored. */
const HEARSAY_MS = 20_000;

interface Lost {
  readonly contact: Contact;
  readonly lostAt: Millis;
  /** When it was found dead while it was a neighbour; later tries to reach it are not news to anybody. */
  readonly deadAt: Millis;
}

export class Remembered {
  readonly #max: number;
  readonly #lost: Lost[] = [];
  /** Leads of the lost, side by side: whoever is mentioned anywhere is looked for here. */
  readonly #leads: number[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#lost.length;
  }

  /**
   * When there is no room the oldest that never was a neighbour is forgotten, and only then the oldest neighbour: peers that
   * somebody invented must not push out those that lead back to a lost half of the ring.
   */
  add(contact: Contact, lostAt: Millis, wasNeighbour: boolean): void {
    const before = this.#lost[this.#find(contact)];
    this.remove(contact);
    this.#lost.push({ contact, lostAt, deadAt: wasNeighbour ? lostAt : (before?.deadAt ?? -Infinity) });
    this.#leads.push(contact.position.lead);
    if (this.#lost.length <= this.#max) return;
    const stranger = this.#lost.findIndex(({ deadAt }) => deadAt === -Infinity);
    this.#lost.splice(Math.max(0, stranger), 1);
    this.#leads.splice(Math.max(0, stranger), 1);
  }

  remove(contact: Contact): boolean {
    const place = this.#find(contact);
    if (place < 0) return false;
    this.#lost.splice(place, 1);
    this.#leads.splice(place, 1);
    return true;
  }

  /** Should a third party's mention of this peer be ignored? A later incarnation than the lost one is news. */
  isHearsay(contact: Contact, now: Millis): boolean {
    const lost = this.#lost[this.#find(contact)];
    return lost !== undefined && contact.incarnation <= lost.contact.incarnation && now - lost.lostAt < HEARSAY_MS;
  }

  /** Was it lost only just now? */
  isFresh(contact: Contact, now: Millis): boolean {
    const lost = this.#lost[this.#find(contact)];
    return lost !== undefined && now - lost.lostAt < HEARSAY_MS;
  }

  /** Identities of neighbours found dead since `since`, newest first, at most `max`. */
  lostSince(since: Millis, max: number): string[] {
    const recent: string[] = [];
    for (let i = this.#lost.length - 1; i >= 0 && recent.length < max; i--) {
      const lost = this.#lost[i] as Lost;
      if (lost.deadAt >= since) recent.push(lost.contact.peerId);
    }
    return recent;
  }

  /** One of them, at random. */
  pick(random: Random): Contact | undefined {
    return this.#lost.length === 0 ? undefined : this.#lost[random.below(this.#lost.length)]?.contact;
  }

  contacts(): Contact[] {
    return this.#lost.map((lost) => lost.contact);
  }

  #find(contact: Contact): number {
    if (this.#leads.length === 0) return -1;
    const { lead } = contact.position;
    for (let i = this.#leads.indexOf(lead); i >= 0; i = this.#leads.indexOf(lead, i + 1)) {
      if (this.#lost[i]?.contact.peerId === contact.peerId) return i;
    }
    return -1;
  }
}
