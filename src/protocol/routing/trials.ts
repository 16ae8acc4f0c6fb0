/**
 * Peers that may turn out nearer than who holds their slot, and wait to be measured: a short list, greatest gain first.
 *
 * In columns: a simulated world of 10^5 peers holds a million of them, and numbers that stand side by side are found without
 * a look at each peer. By their leads, which tell peers apart as well as their names and are sooner compared.
 */
import type { Contact } from '../../core/contact.ts';

/** Who promises least is dropped first. */
const TRIALS_MAX = 8;
/** Peers tried already, so that nobody is named twice in a row; the oldest is forgotten first. */
const TRIED_MAX = 16;
const NONE: readonly never[] = [];

export class Trials {
  #contacts: readonly Contact[] = NONE;
  #leads: readonly number[] = NONE;
  /** By how much each might be nearer, in ms. */
  #gains: readonly number[] = NONE;
  #tried: readonly number[] = NONE;

  /** Somebody may be nearer by so many ms. */
  add(contact: Contact, gainMs: number): void {
    const gains = this.#gains;
    const { lead } = contact.position;
    if (gains.length === TRIALS_MAX && gainMs <= (gains[TRIALS_MAX - 1] as number)) return;
    if (this.#tried.includes(lead) || this.#leads.includes(lead)) return;
    let place = 0;
    while (place < gains.length && (gains[place] as number) >= gainMs) place++;
    // New arrays: those that grow in place have room to spare.
    this.#contacts = this.#contacts.toSpliced(place, 0, contact).slice(0, TRIALS_MAX);
    this.#leads = this.#leads.toSpliced(place, 0, lead).slice(0, TRIALS_MAX);
    this.#gains = gains.toSpliced(place, 0, gainMs).slice(0, TRIALS_MAX);
  }

  /** The most promising; named once. */
  take(): Contact | undefined {
    const first = this.#contacts[0];
    if (!first) return undefined;
    this.#contacts = this.#contacts.slice(1);
    this.#leads = this.#leads.slice(1);
    this.#gains = this.#gains.slice(1);
    this.#tried = this.#tried.slice(1 - TRIED_MAX).concat(first.position.lead);
    return first;
  }
}
