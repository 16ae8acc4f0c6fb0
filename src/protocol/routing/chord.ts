/**
 * Fingers (Chord): for every i the first peer at least 2^i further round the circle ([0037], "exponential finger lookup").
 *
 * A finger is kept exact by asking: each finger's own table names the candidates for the next one, and when a finger
 * states that its zone begins before our target there is nobody between. Otherwise the target is looked up.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import { CIRCLE, clockwise, positionFromLead } from '../../core/position.ts';
import type { Random } from '../../core/random.ts';
import type { TableEntry } from '../wire/messages.ts';
import { WHOLE_TABLE } from '../wire/messages.ts';
import type { Adviser, Hop, News, Skip, Strategy, Wish } from './strategy.ts';
import { ALL_WELCOME, toldTo } from './strategy.ts';

const BITS = 52;
/** Fingers nearer than this are the leafset's business: they would all be the same few successors. */
const BITS_MIN = 20;

export class Chord implements Strategy {
  readonly #self: number;
  readonly #fingers: (Hop | undefined)[] = [];
  #nextWanted = BITS - 1;
  #nextToAsk = 0;

  constructor(self: Position) {
    this.#self = self.lead;
    for (let i = BITS_MIN; i < BITS; i++) this.#fingers.push(undefined);
  }

  /** The finger that goes furthest without passing the key. */
  nextHop(key: Position, skip: Skip): Hop | undefined {
    const goal = clockwise(this.#self, key.lead);
    let best: Hop | undefined;
    let bestDistance = 0;
    for (let i = this.#fingers.length - 1; i >= 0; i--) {
      const finger = this.#fingers[i];
      if (!finger) continue;
      const distance = clockwise(this.#self, finger.contact.position.lead);
      if (distance < goal && distance > bestDistance && !skip(finger.contact)) {
        best = finger;
        bestDistance = distance;
      }
    }
    return best;
  }

  learn(peer: Contact, { coordinate, zoneStart, rttMs }: News): void {
    const distance = clockwise(this.#self, peer.position.lead);
    for (let i = this.#fingers.length - 1; i >= 0; i--) {
      if (distance < this.#reach(i)) continue;
      const finger = this.#fingers[i];
      const same = finger?.contact.peerId === peer.peerId;
      // Fingers of smaller reach are at most as far as this one: once one is nearer, all the rest are.
      if (finger && !same && clockwise(this.#self, finger.contact.position.lead) <= distance) return;
      this.#fingers[i] = { contact: peer, coordinate: coordinate ?? (same ? finger?.coordinate : undefined), zoneStart: zoneStart ?? (same ? finger?.zoneStart : undefined), rttMs: rttMs ?? (same ? finger?.rttMs : undefined) };
    }
  }

  forget(peer: Contact): void {
    for (let i = 0; i < this.#fingers.length; i++) {
      if (this.#fingers[i]?.contact.peerId === peer.peerId) this.#fingers[i] = this.#fingers[i + 1];
    }
    for (let i = this.#fingers.length - 1; i >= 0; i--) {
      if (this.#fingers[i]?.contact.peerId === peer.peerId) this.#fingers[i] = undefined;
    }
  }

  find(position: Position): Hop | undefined {
    return this.#fingers.find((finger) => finger?.contact.position.hex === position.hex);
  }

  entries(): Hop[] {
    const entries: Hop[] = [];
    for (const finger of this.#fingers) {
      if (finger && entries[entries.length - 1]?.contact.peerId !== finger.contact.peerId) entries.push(finger);
    }
    return entries;
  }

  get size(): number {
    let size = 0;
    let before: Hop | undefined;
    for (const finger of this.#fingers) {
      if (finger && finger.contact.peerId !== before?.contact.peerId) size++;
      before = finger ?? before;
    }
    return size;
  }

  randomEntry(random: Random): Hop | undefined {
    const entries = this.entries();
    return entries.length === 0 ? undefined : entries[random.below(entries.length)];
  }

  nextToAsk(): Adviser | undefined {
    const entries = this.entries();
    const hop = entries[this.#nextToAsk++ % Math.max(1, entries.length)];
    return hop && { hop, part: WHOLE_TABLE };
  }

  nextToTry(): undefined {
    return undefined;
  }

  part(_index: number, _wish: Wish, asker: Contact): TableEntry[] {
    return toldTo(asker, this.entries());
  }

  reach(): Uint8Array {
    return ALL_WELCOME.reach;
  }

  /** The next finger target, going down the table, that is not known to be exact. */
  wanted(): Position | undefined {
    for (let tried = 0; tried < this.#fingers.length; tried++) {
      const bit = this.#nextWanted;
      this.#nextWanted = bit === BITS_MIN ? BITS - 1 : bit - 1;
      const finger = this.#fingers[bit - BITS_MIN];
      if (!finger?.zoneStart || clockwise(this.#self, finger.zoneStart.lead) >= 2 ** bit) {
        return positionFromLead((this.#self + 2 ** bit) % CIRCLE);
      }
    }
    return undefined;
  }

  #reach(index: number): number {
    return 2 ** (index + BITS_MIN);
  }
}
