/**
 * Prefix routing, base 16 (Pastry): row i holds peers that share i digits with us and differ in the next.
 *
 * Of several peers that would do in one slot the nearest in latency is kept: early rows, where the choice is wide, then
 * cost almost nothing, and the whole way comes near to the last hop's length. Whoever promises by its coordinate to be
 * nearer gets the slot at once, and the incumbent steps back as the spare: it returns when the newcomer is measured and
 * found farther, or found dead. Only entries that answered us ourselves are told to others, so that the dead are not
 * handed round.
 *
 * A world of 10^5 peers holds 6 million entries: the table is flat arrays by slot, not objects.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import type { Random } from '../../core/random.ts';
import { circleDistance } from '../../core/position.ts';
import { isSettled, predictedRtt } from '../measure/vivaldi.ts';
import type { Coordinate, TableEntry } from '../wire/messages.ts';
import { WHOLE_TABLE } from '../wire/messages.ts';
import type { Hop, Skip, Strategy } from './strategy.ts';

const COLUMNS = 16;
/** Rows kept: 16^12 peers. Deeper than the leafset can leave undecided. */
const ROWS_MAX = 12;
/** A newcomer must be nearer by this share to replace an incumbent, so that noise does not churn the table. */
const REPLACE_SHARE = 0.9;
/** Peers that promised more than they kept and are not believed again. */
const DISAPPOINTING_MAX = 24;
/** An adviser is one of so many nearest: always the same one would soon have nothing new to tell. */
const ADVISERS = 4;
const TWO_32 = 2 ** 32;
const NONE: readonly never[] = [];

export class Pastry implements Strategy {
  size = 0;
  readonly #self: Position;
  readonly #ownCoordinate: () => Coordinate;
  /** By slot, row after row; rows come into being as peers for them are met. */
  #contacts: (Contact | undefined)[] = [];
  #coordinates: (Coordinate | undefined)[] = [];
  /** Round trips as measured; NaN before. */
  #rtts: number[] = [];
  /** By row, one bit a column: answered us since the last round of proving. */
  readonly #proven: number[] = [];
  #cursor = 0;
  /** Who held the slot before, and its measured round trip. */
  #spares: (Contact | undefined)[] = [];
  #spareRtts: number[] = [];
  #disappointing: readonly Contact[] = NONE;

  constructor(self: Position, ownCoordinate: () => Coordinate) {
    this.#self = self;
    this.#ownCoordinate = ownCoordinate;
  }

  nextHop(key: Position, skip: Skip): Hop | undefined {
    const slot = this.#slotOf(key);
    if (slot < 0) return undefined;
    const exact = this.#contacts[slot];
    if (exact && !skip(exact)) return this.#hop(slot);
    return this.#nearest(key, slot - (slot % COLUMNS), skip);
  }

  /** The rare case: no entry with a longer prefix. Anyone with a prefix as long, but nearer on the circle, is progress. */
  #nearest(key: Position, from: number, skip: Skip): Hop | undefined {
    let best = -1;
    let bestDistance = circleDistance(this.#self.lead, key.lead);
    for (let slot = from; slot < this.#contacts.length; slot++) {
      const contact = this.#contacts[slot];
      if (!contact) continue;
      const distance = circleDistance(contact.position.lead, key.lead);
      if (distance < bestDistance && !skip(contact)) {
        best = slot;
        bestDistance = distance;
      }
    }
    return best < 0 ? undefined : this.#hop(best);
  }

  learn(peer: Contact, coordinate: Coordinate | undefined, _zoneStart: Position | undefined, rttMs?: number): void {
    const slot = this.#slotOf(peer.position);
    if (slot < 0) return;
    const incumbent = this.#contacts[slot];
    if (incumbent === peer || incumbent?.peerId === peer.peerId) {
      this.#contacts[slot] = peer;
      if (coordinate) this.#coordinates[slot] = coordinate;
      if (rttMs !== undefined) this.#measured(slot, rttMs);
    } else if (!incumbent) {
      this.#put(slot, peer, coordinate, rttMs);
    } else if (rttMs !== undefined) {
      if (rttMs < REPLACE_SHARE * this.#wayTo(slot)) this.#replace(slot, peer, coordinate, rttMs);
    } else if (coordinate) {
      this.#compare(slot, peer, coordinate);
    }
  }

  forget(peer: Contact): void {
    const slot = this.#slotOf(peer.position);
    if (slot < 0) return;
    if (this.#spares[slot]?.peerId === peer.peerId) this.#spares[slot] = undefined;
    if (this.#contacts[slot]?.peerId !== peer.peerId) return;
    this.#contacts[slot] = this.#spares[slot];
    this.#coordinates[slot] = undefined;
    this.#rtts[slot] = this.#contacts[slot] ? (this.#spareRtts[slot] as number) : NaN;
    this.#spares[slot] = undefined;
    if (!this.#contacts[slot]) this.size--;
  }

  entries(): Hop[] {
    const entries: Hop[] = [];
    for (let slot = 0; slot < this.#contacts.length; slot++) if (this.#contacts[slot]) entries.push(this.#hop(slot));
    return entries;
  }

  randomEntry(random: Random): Hop | undefined {
    if (this.size === 0) return undefined;
    let slot = random.below(this.#contacts.length);
    while (!this.#contacts[slot]) slot = (slot + 1) % this.#contacts.length;
    return this.#hop(slot);
  }

  /** In turn, passing over those that have answered something else since their last turn. */
  nextToProve(): Hop | undefined {
    if (this.size === 0) return undefined;
    for (let steps = 0; steps < 2 * this.#contacts.length; steps++) {
      const slot = this.#cursor++ % this.#contacts.length;
      if (!this.#contacts[slot]) continue;
      const row = Math.floor(slot / COLUMNS);
      const proven = this.#proven[row] as number;
      const bit = 1 << slot % COLUMNS;
      if ((proven & bit) === 0) return this.#hop(slot);
      this.#proven[row] = proven & ~bit;
    }
    return undefined;
  }

  /** An entry that was never measured. */
  unmeasured(): Hop | undefined {
    for (let slot = 0; slot < this.#contacts.length; slot++) {
      if (this.#contacts[slot] && !((this.#rtts[slot] as number) >= 0)) return this.#hop(slot);
    }
    return undefined;
  }

  /** One of the nearest that have a row drawn at random in common with us: what is near to it is near to us. */
  goodAdviser(random: Random): Hop | undefined {
    if (this.size === 0) return undefined;
    const first = random.below(this.#contacts.length / COLUMNS) * COLUMNS;
    const nearest: number[] = [];
    for (let slot = first; slot < this.#contacts.length; slot++) {
      if (!this.#contacts[slot]) continue;
      let place = nearest.length;
      while (place > 0 && this.#wayTo(slot) < this.#wayTo(nearest[place - 1] as number)) place--;
      if (place < ADVISERS) nearest.splice(place, 0, slot);
      if (nearest.length > ADVISERS) nearest.pop();
    }
    return nearest.length === 0 ? undefined : this.#hop(nearest[random.below(nearest.length)] as number);
  }

  part(index: number): TableEntry[] {
    const end = index === WHOLE_TABLE ? this.#contacts.length : Math.min((index + 1) * COLUMNS, this.#contacts.length);
    const entries: TableEntry[] = [];
    for (let slot = 0; slot < end; slot++) {
      const contact = this.#contacts[slot];
      if (contact && (this.#rtts[slot] as number) >= 0) entries.push({ contact, coordinate: this.#coordinates[slot], zoneStart: undefined });
    }
    return entries;
  }

  /** A peer that shares i digits with us can use our rows up to i, and we its. */
  partToAsk(peer: Contact): number {
    return Math.max(0, Math.floor(this.#slotOf(peer.position) / COLUMNS));
  }

  wanted(): undefined {
    return undefined;
  }

  #hop(slot: number): Hop {
    const rttMs = this.#rtts[slot] as number;
    return { contact: this.#contacts[slot] as Contact, coordinate: this.#coordinates[slot], rttMs: rttMs >= 0 ? rttMs : undefined };
  }

  #put(slot: number, peer: Contact, coordinate: Coordinate | undefined, rttMs: number | undefined): void {
    if (this.#contacts.length <= slot) this.#grow(Math.floor(slot / COLUMNS) + 1);
    if (!this.#contacts[slot]) this.size++;
    this.#contacts[slot] = peer;
    this.#coordinates[slot] = coordinate;
    this.#rtts[slot] = NaN;
    if (rttMs !== undefined) this.#measured(slot, rttMs);
  }

  /** The incumbent steps back, if it is known how near it is. */
  #replace(slot: number, peer: Contact, coordinate: Coordinate | undefined, rttMs: number | undefined): void {
    const incumbentMs = this.#rtts[slot] as number;
    if (incumbentMs >= 0) {
      this.#spares[slot] = this.#contacts[slot];
      this.#spareRtts[slot] = incumbentMs;
    }
    this.#put(slot, peer, coordinate, rttMs);
  }

  /** To exactly so many rows: arrays that grow by `push` have room to spare. */
  #grow(rows: number): void {
    const more = rows * COLUMNS - this.#contacts.length;
    const nobody = new Array<undefined>(more).fill(undefined);
    this.#contacts = this.#contacts.concat(nobody);
    this.#coordinates = this.#coordinates.concat(nobody);
    this.#spares = this.#spares.concat(nobody);
    this.#rtts = this.#rtts.concat(new Array<number>(more).fill(NaN));
    this.#spareRtts = this.#spareRtts.concat(new Array<number>(more).fill(NaN));
    while (this.#proven.length < rows) this.#proven.push(0);
  }

  #measured(slot: number, rttMs: number): void {
    this.#rtts[slot] = rttMs;
    const row = Math.floor(slot / COLUMNS);
    this.#proven[row] = (this.#proven[row] as number) | (1 << slot % COLUMNS);
    const spare = this.#spares[slot];
    const spareMs = this.#spareRtts[slot] as number;
    if (!spare || spareMs >= rttMs) return;
    const loser = this.#contacts[slot] as Contact;
    this.#disappointing = [...this.#disappointing, loser].slice(-DISAPPOINTING_MAX);
    this.#contacts[slot] = spare;
    this.#coordinates[slot] = undefined;
    this.#rtts[slot] = spareMs;
    this.#spares[slot] = loser;
    this.#spareRtts[slot] = rttMs;
  }

  /** Hearsay against the incumbent. */
  #compare(slot: number, peer: Contact, coordinate: Coordinate): void {
    const own = this.#ownCoordinate();
    if (!isSettled(own) || !isSettled(coordinate)) return;
    if (predictedRtt(own, coordinate) >= REPLACE_SHARE * this.#wayTo(slot)) return;
    if (this.#spares[slot]?.peerId === peer.peerId || this.#disappointing.some((other) => other.peerId === peer.peerId)) return;
    this.#replace(slot, peer, coordinate, undefined);
  }

  /** Round trip in ms: as measured, else by coordinates, else unknown and as good as endless. */
  #wayTo(slot: number): number {
    const rttMs = this.#rtts[slot] as number;
    if (rttMs >= 0) return rttMs;
    const own = this.#ownCoordinate();
    const coordinate = this.#coordinates[slot];
    if (!coordinate || !isSettled(own) || !isSettled(coordinate)) return Number.MAX_VALUE;
    return predictedRtt(own, coordinate);
  }

  /** Row and column in one number, from the leading 52 bits; negative for ourselves and what is too near to us. */
  #slotOf(position: Position): number {
    const high = Math.floor(position.lead / TWO_32);
    const differs = high ^ Math.floor(this.#self.lead / TWO_32);
    if (differs !== 0) {
      const row = (Math.clz32(differs) - 12) >> 2;
      return row * COLUMNS + ((high >> (16 - 4 * row)) & 15);
    }
    const low = position.lead % TWO_32;
    const row = 5 + (Math.clz32(low ^ (this.#self.lead % TWO_32)) >> 2);
    return row >= ROWS_MAX ? -1 : row * COLUMNS + ((low >>> (28 - 4 * (row - 5))) & 15);
  }
}
