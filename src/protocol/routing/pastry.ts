/**
 * Prefix routing, base 16 (Pastry): row i holds peers that share i digits with us and differ in the next.
 *
 * Of several peers that would do in one slot the nearest is kept: early rows, where the choice is wide, then cost almost
 * nothing, and the whole way comes near to the last hop's length. Nobody has to be measured to know that he is nearer: the
 * way to a peer is at most the way to whoever tells of it and on from there. So entries are asked in order of nearness, for
 * the rows that serve both: what is near to somebody near is near to us, and the search walks downhill. Downhill alone ends
 * in the neighbourhood where it began, so now and then somebody is measured who may be near, because it is about as far from
 * the teller as we are. And whoever asks says how far we are from it, which says how far it is from us: one peer's find is
 * two peers' find. Only entries that answered us ourselves are told to others, so that the dead are not handed round, and of
 * these only those that may serve the asker better than its own: whoever asks says how far its own are.
 *
 * A world of 10^5 peers holds 6 million entries: the table is flat arrays by slot, not objects.
 */
import type { Contact } from '../../core/contact.ts';
import { claimedNetworks } from '../../core/network.ts';
import type { Position } from '../../core/position.ts';
import type { Random } from '../../core/random.ts';
import { CIRCLE, circleDistance, sharedDigits } from '../../core/position.ts';
import type { Leafset } from '../ring/leafset.ts';
import { rttOf } from '../ring/leafset.ts';
import type { TableEntry } from '../wire/messages.ts';
import { WHOLE_TABLE } from '../wire/messages.ts';
import type { Adviser, Hop, News, Skip, Strategy, Wish } from './strategy.ts';
import { ALL_WELCOME } from './strategy.ts';
import { Trials } from './trials.ts';

const COLUMNS = 16;
/** Rows kept: 16^12 peers. Deeper than the leafset can leave undecided. */
const ROWS_MAX = 12;
/** Whose distance from a key is at most this share of a leafset's side has the key's owner in its leafset, most likely. */
const LANDING_SHARE = 0.625;
/** A newcomer must be nearer by this share to replace an incumbent, so that noise does not churn the table. */
const REPLACE_SHARE = 0.9;
/** Who might be nearer by this share is worth a question. */
const TRY_SHARE = 0.5;
/** Of those that may be nearer to the asker, but not for certain, so many are told at a time: it tries one now and then. */
const CHANCES_MAX = 2;
/** How far an entry is, in one byte, as messages.proto has it: in steps of so many ms; nobody; farther, or unknown. */
const REACH_STEP_MS = 2;
const REACH_NOBODY = 0;
const REACH_FAR = 255;
const TWO_32 = 2 ** 32;
/**
 * Entries of one public network in a row; more stand there only as long as nobody else is met. Nearness must not fill a table with one owner's peers, and
 * an empty slot would serve nobody.
 */
const ROW_NETWORK_MAX = 2;
/** Somebody who makes a row more various is tried before all who may only be nearer. */
const VARIETY_GAIN_MS = 60_000;
const NONE: readonly string[] = [];

/** An entry that may turn out nearer to the asker than its own, if it is told and tried. */
interface Chance {
  readonly slot: number;
  readonly gainMs: number;
}

export class Pastry implements Strategy {
  size = 0;
  readonly #self: Position;
  readonly #leafset: Leafset;
  /** By slot, row after row; rows come into being as peers for them are met. */
  #contacts: (Contact | undefined)[] = [];
  /** Round trip in ms: as measured; negative, as promised; NaN, unknown. */
  #ways: number[] = [];
  /** By row, one bit a column: answered us since the last round of proving. */
  #proven: number[] = [];
  readonly #trials = new Trials();
  /** By slot: public networks that the entry claims; only in tables that have met one. */
  #networks: (readonly string[] | undefined)[] = [];

  constructor(self: Position, leafset: Leafset) {
    this.#self = self;
    this.#leafset = leafset;
  }

  nextHop(key: Position, skip: Skip): Hop | undefined {
    const slot = this.#slotOf(key);
    if (slot < 0) return undefined;
    const row = Math.floor(slot / COLUMNS);
    const landing = this.#landing(key, row, skip);
    if (landing) return landing;
    const exact = this.#contacts[slot];
    if (exact && !skip(exact)) return this.#hop(slot);
    return this.#nearest(key, row * COLUMNS, skip);
  }

  /**
   * The nearest of those whose leafset should reach the key, so that the hop after this one ends at the owner. Any of them
   * serves, whatever its slot, and of many the nearest is near. It shares more digits with the key than we do, or as many and
   * is nearer to it: a route that is wrong about a leafset never comes back.
   */
  #landing(key: Position, row: number, skip: Skip): Hop | undefined {
    const { left, right, sizeEstimate } = this.#leafset;
    const reach = (LANDING_SHARE * right.length * CIRCLE) / sizeEstimate;
    const own = circleDistance(this.#self.lead, key.lead);
    const serves = ({ position }: Contact): boolean => {
      const distance = circleDistance(position.lead, key.lead);
      if (distance > reach) return false;
      const shared = sharedDigits(position, key);
      return shared > row || (shared === row && distance < own);
    };
    let best: Hop | undefined;
    let bestWay = Infinity;
    for (let slot = row * COLUMNS; slot < this.#contacts.length; slot++) {
      const contact = this.#contacts[slot];
      const way = this.#wayTo(slot);
      if (!contact || way >= bestWay || !serves(contact) || skip(contact)) continue;
      best = this.#hop(slot);
      bestWay = way;
    }
    for (const side of [right, left]) {
      for (const member of side) {
        const { contact, coordinate, joining } = member;
        const rttMs = rttOf(member);
        if (joining || rttMs === undefined || rttMs >= bestWay || !serves(contact) || skip(contact)) continue;
        best = { contact, coordinate, rttMs };
        bestWay = rttMs;
      }
    }
    return best;
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

  learn(peer: Contact, news: News): void {
    const slot = this.#slotOf(peer.position);
    if (slot < 0) return;
    const incumbent = this.#contacts[slot];
    const known = incumbent === peer || incumbent?.peerId === peer.peerId;
    if (known) this.#contacts[slot] = peer;
    if (news.rttMs !== undefined) this.#onMeasured(slot, peer, news.rttMs, known);
    else if (!known) this.#consider(slot, peer, news);
  }

  forget(peer: Contact): void {
    const slot = this.#slotOf(peer.position);
    if (slot < 0) return;
    if (this.#contacts[slot]?.peerId !== peer.peerId) return;
    this.#contacts[slot] = undefined;
    this.#networks[slot] &&= undefined;
    this.#ways[slot] = NaN;
    this.size--;
  }

  find(position: Position): Hop | undefined {
    const slot = this.#slotOf(position);
    return slot >= 0 && this.#contacts[slot]?.position.hex === position.hex ? this.#hop(slot) : undefined;
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

  /** The nearest that has not answered in this round, for the rows that it can hold in common with us; then a new round. */
  nextToAsk(): Adviser | undefined {
    if (this.size === 0) return undefined;
    let slot = this.#nearestUnproven();
    if (slot < 0) {
      this.#proven.fill(0);
      slot = this.#nearestUnproven();
    }
    return { hop: this.#hop(slot), part: Math.floor(slot / COLUMNS) };
  }

  nextToTry(): Adviser | undefined {
    const contact = this.#trials.take();
    return contact && { hop: { contact }, part: Math.floor(this.#slotOf(contact.position) / COLUMNS) };
  }

  #nearestUnproven(): number {
    let best = -1;
    let bestWay = Infinity;
    for (let row = 0; row < this.#proven.length; row++) {
      const proven = this.#proven[row] as number;
      for (let column = 0; column < COLUMNS; column++) {
        const slot = row * COLUMNS + column;
        if ((proven & (1 << column)) !== 0 || !this.#contacts[slot]) continue;
        const way = this.#wayTo(slot);
        if (way >= bestWay) continue;
        best = slot;
        bestWay = way;
      }
    }
    return best;
  }

  /** Rows up to this one: those that a peer which shares `index` digits with us can use. */
  part(index: number, wish: Wish, asker: Contact): TableEntry[] {
    const end = this.#endOf(index);
    const askersPlace = this.#slotOf(asker.position);
    const entries: TableEntry[] = [];
    const chances: Chance[] = [];
    for (let slot = 0; slot < end; slot++) {
      const way = this.#ways[slot] as number;
      if (!(way >= 0) || (slot === askersPlace && this.#contacts[slot]?.peerId === asker.peerId)) continue;
      const reach = wish.reach[slot] ?? REACH_NOBODY;
      const ownMs = reach === REACH_NOBODY || reach === REACH_FAR ? Infinity : reach * REACH_STEP_MS;
      if (way + wish.rttMs < REPLACE_SHARE * ownMs) entries.push(this.#entry(slot));
      else if (Math.abs(way - wish.rttMs) < TRY_SHARE * ownMs) addChance(chances, { slot, gainMs: ownMs - Math.abs(way - wish.rttMs) });
    }
    for (const { slot } of chances) entries.push(this.#entry(slot));
    return entries;
  }

  reach(part: number): Uint8Array {
    if (part === WHOLE_TABLE) return ALL_WELCOME.reach;
    const end = this.#endOf(part);
    const reach = new Uint8Array(end);
    for (let slot = 0; slot < end; slot++) {
      if (!this.#contacts[slot]) continue;
      const steps = Math.ceil(this.#wayTo(slot) / REACH_STEP_MS);
      reach[slot] = steps < 1 ? 1 : steps < REACH_FAR ? steps : REACH_FAR;
    }
    return reach;
  }

  wanted(): undefined {
    return undefined;
  }

  #entry(slot: number): TableEntry {
    return { contact: this.#contacts[slot] as Contact, zoneStart: undefined, tellerRttMs: Math.ceil(this.#ways[slot] as number) };
  }

  #endOf(part: number): number {
    return part === WHOLE_TABLE ? this.#contacts.length : Math.min((part + 1) * COLUMNS, this.#contacts.length);
  }

  #hop(slot: number): Hop {
    const way = Math.abs(this.#ways[slot] as number);
    return { contact: this.#contacts[slot] as Contact, rttMs: way >= 0 ? way : undefined };
  }

  #onMeasured(slot: number, peer: Contact, rttMs: number, known: boolean): void {
    if (!known) {
      const gain = this.#gainInVariety(slot, peer);
      if (this.#contacts[slot] && (gain < 0 || (gain === 0 && rttMs >= REPLACE_SHARE * this.#wayTo(slot)))) return;
      this.#put(slot, peer, rttMs);
    }
    this.#ways[slot] = rttMs;
    const row = Math.floor(slot / COLUMNS);
    this.#proven[row] = (this.#proven[row] as number) | (1 << slot % COLUMNS);
  }

  /** Hearsay: an empty slot takes anybody, and who is nearer for certain takes the slot; who may be nearer can be tried. */
  #consider(slot: number, peer: Contact, { atMostMs, atLeastMs }: News): void {
    const gain = this.#gainInVariety(slot, peer);
    if (gain < 0) return;
    if (!this.#contacts[slot]) this.#put(slot, peer, -(atMostMs ?? NaN));
    else if (gain > 0) this.#trials.add(peer, VARIETY_GAIN_MS);
    else if (atMostMs !== undefined && atMostMs < REPLACE_SHARE * this.#wayTo(slot)) this.#put(slot, peer, -atMostMs);
    else if (atLeastMs !== undefined && atLeastMs < TRY_SHARE * this.#wayTo(slot)) this.#trials.add(peer, this.#wayTo(slot) - atLeastMs);
  }

  /** Positive: the entry in that slot is one of too many of its network in the row, and this one would not be; negative: the other way round. */
  #gainInVariety(slot: number, peer: Contact): number {
    if (!this.#contacts[slot] || (this.#networks.length === 0 && peer.addresses.length === 0)) return 0;
    return Number(this.#isSurplus(slot, this.#networks[slot] ?? NONE)) - Number(this.#isSurplus(slot, claimedNetworks(peer)));
  }

  #isSurplus(slot: number, networks: readonly string[]): boolean {
    if (networks.length === 0) return false;
    const first = slot - (slot % COLUMNS);
    const row = this.#networks.slice(first, first + COLUMNS).filter((others, column) => others !== undefined && first + column !== slot);
    return networks.some((network) => row.filter((others) => others?.includes(network)).length >= ROW_NETWORK_MAX);
  }

  #put(slot: number, peer: Contact, way: number): void {
    if (this.#contacts.length <= slot) this.#grow(Math.floor(slot / COLUMNS) + 1);
    const networks = claimedNetworks(peer);
    if (networks.length > 0 || this.#networks[slot] !== undefined) this.#networks[slot] = networks.length > 0 ? networks : undefined;
    if (!this.#contacts[slot]) this.size++;
    this.#contacts[slot] = peer;
    this.#ways[slot] = way;
    const row = Math.floor(slot / COLUMNS);
    this.#proven[row] = (this.#proven[row] as number) & ~(1 << slot % COLUMNS);
  }

  /** To exactly so many rows: arrays that grow by `push` have room to spare. */
  #grow(rows: number): void {
    const more = rows * COLUMNS - this.#contacts.length;
    this.#contacts = this.#contacts.concat(new Array<undefined>(more).fill(undefined));
    this.#ways = this.#ways.concat(new Array<number>(more).fill(NaN));
    this.#proven = this.#proven.concat(new Array<number>(rows - this.#proven.length).fill(0));
  }

  /** Round trip in ms: as measured or promised, else as good as endless. */
  #wayTo(slot: number): number {
    const way = Math.abs(this.#ways[slot] as number);
    return way >= 0 ? way : Number.MAX_VALUE;
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

/** Keeps the greatest gains only. */
function addChance(chances: Chance[], chance: Chance): void {
  let place = chances.length;
  while (place > 0 && (chances[place - 1] as Chance).gainMs < chance.gainMs) place--;
  if (place === CHANCES_MAX) return;
  chances.splice(place, 0, chance);
  if (chances.length > CHANCES_MAX) chances.pop();
}
