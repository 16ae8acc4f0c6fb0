/**
 * Machines that could help, as far as a session has come to know them: one answer of the pool holds no more than so many, and others at each
 * question. Where an answer holds all there are, it alone counts; otherwise those of the answers before are kept for some time.
 *
 * What they said then may be true no more; whoever asks for their links is told.
 */
import type { Millis } from '../../../core/env.ts';
import type { HelperCandidate } from '../market/helper-market.ts';
import { KNOWN_MAX, UNREST_MS } from './bounds.ts';

export class Acquaintance {
  /** Latest last. */
  readonly #known = new Map<string, { readonly candidate: HelperCandidate; readonly at: Millis }>();
  /** Asked to measure members; some do not answer, and others come before they are asked again. */
  readonly #asked = new Set<string>();

  note(found: readonly HelperCandidate[], isAll: boolean, now: Millis): readonly HelperCandidate[] {
    for (const [peerId, { at }] of [...this.#known]) if (isAll || now - at > UNREST_MS) this.#known.delete(peerId);
    for (const candidate of found) {
      const { peerId } = candidate.contact;
      this.#known.delete(peerId);
      this.#known.set(peerId, { candidate, at: now });
    }
    for (const peerId of this.#known.keys()) if (this.#known.size > KNOWN_MAX) this.#known.delete(peerId);
    return [...this.#known.values()].map(({ candidate }) => candidate);
  }

  /** Of those that are unknown in this respect, the first so many that were not asked before. */
  toAsk(unknown: readonly HelperCandidate[], most: number): readonly HelperCandidate[] {
    const chosen = unknown.filter(({ contact }) => !this.#asked.has(contact.peerId)).slice(0, most);
    if (chosen.length === 0 || this.#asked.size > KNOWN_MAX) this.#asked.clear();
    for (const { contact } of chosen) this.#asked.add(contact.peerId);
    return chosen;
  }
}
