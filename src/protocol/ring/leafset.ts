/**
 * The r nearest known peers on each side ([0043]): a data structure without behaviour.
 *
 * Each side is kept in order of distance from self. In a ring of fewer than 2r+1 peers the sides overlap and one peer
 * stands on both; there is one Neighbour object per peer either way. Sides are short, so searches are linear. Every
 * message that arrives causes one: the leads of the members stand side by side in an array of their own, because a simulated
 * world has millions of members and each that is looked at is a cache miss. INV-RING-1..3 are about this structure.
 */
import type { Contact } from '../../core/contact.ts';
import { compareContacts, samePeer } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import { CIRCLE, circleDistance, clockwise, compareClockwise, comparePositions, inArc } from '../../core/position.ts';
import type { Coordinate } from '../wire/messages.ts';

/** A ring of up to this many leafset radii is small: its sides may overlap. */
const SMALL_RING = 8;

export interface Neighbour {
  contact: Contact;
  /** When it was last heard, by any message, in whole ms. */
  heardAt: number;
  joining: boolean;
  /** Being probed after silence or a claim of its death. */
  suspect: boolean;
  coordinate: Coordinate | undefined;
  /** Round trip when it was last measured, in whole microseconds (a fraction would be an object of its own); -1: never. */
  rttUs: number;
  zoneStart: Position | undefined;
  /** Digest of its leafset when its members were last taken in. */
  knownDigest: number;
  /** Own digest when it last acknowledged our members. */
  toldDigest: number;
}

/** Round trip in ms as last measured; undefined before. */
export function rttOf(member: Neighbour | undefined): Millis | undefined {
  return member === undefined || member.rttUs < 0 ? undefined : member.rttUs / 1_000;
}

/** Whole ms: small integers cost no allocation, and this is written with every message. */
export function heardAt(now: Millis): number {
  return Math.floor(now);
}

export class Leafset {
  #self: Contact;
  readonly #radius: number;
  /** Clockwise (successors), nearest first. */
  right: readonly Neighbour[] = [];
  /** Counter-clockwise (predecessors), nearest first. */
  left: readonly Neighbour[] = [];
  /** Over the positions and incarnations of all members; never 0, which means "nothing known" on the wire. */
  digest = 1;
  /** Of the right side, then of the left. */
  #leads: readonly number[] = [];
  /** What `contacts()` answers until something changes. */
  #contacts: readonly Contact[] | undefined;
  #density = 1;

  constructor(self: Contact, radius: number) {
    this.#self = self;
    this.#radius = radius;
  }

  /** The nearest peer on the left that is a member of the ring: where our zone starts. */
  get predecessor(): Neighbour | undefined {
    return this.left.find(isActive);
  }

  get successor(): Neighbour | undefined {
    return this.right.find(isActive);
  }

  get isEmpty(): boolean {
    return this.right.length === 0;
  }

  /** Do the sides overlap? Then every peer of the ring is a member, as far as this peer knows. */
  get wrapsAround(): boolean {
    const last = this.right[this.right.length - 1];
    return last === undefined || this.left.includes(last);
  }

  /** How many peers the ring has, self included, judged by how densely the members stand. */
  get sizeEstimate(): number {
    return this.wrapsAround ? this.members().length + 1 : Math.round(this.#density);
  }

  find(peer: Contact): Neighbour | undefined {
    const { lead } = peer.position;
    const leads = this.#leads;
    for (let i = 0; i < leads.length; i++) {
      if (leads[i] !== lead) continue;
      const { right } = this;
      const member = (i < right.length ? right[i] : this.left[i - right.length]) as Neighbour;
      if (samePeer(member.contact, peer)) return member;
    }
    return undefined;
  }

  findById(peerId: string): Neighbour | undefined {
    for (const side of [this.right, this.left]) for (const member of side) if (member.contact.peerId === peerId) return member;
    return undefined;
  }

  /** All members once: the right side, then those that are only on the left. */
  members(): Neighbour[] {
    const all = this.right.slice();
    for (const member of this.left) if (!this.right.includes(member)) all.push(member);
    return all;
  }

  /** Contacts of all members, as messages carry them: a new array after every change, never changed itself. */
  contacts(): readonly Contact[] {
    return (this.#contacts ??= this.members().map((member) => member.contact));
  }

  /** Would this peer be a member if it were inserted now? */
  fits(peer: Contact): boolean {
    return this.#fitsSide(true, peer) || this.#fitsSide(false, peer);
  }

  /** Of these peers, in their order, those that would be members if all of them were inserted. */
  bestOf(peers: readonly Contact[]): readonly Contact[] {
    if (peers.length < 2) return peers;
    const best = new Set<Contact>();
    for (const clockwiseWay of [true, false]) {
      const side = clockwiseWay ? this.right : this.left;
      const eligible = peers.filter((peer) => this.#eligible(side, peer, clockwiseWay));
      eligible.sort((a, b) => (this.#nearer(a, b, clockwiseWay) ? -1 : 1));
      let ahead = 0;
      for (const [i, peer] of eligible.entries()) {
        while (ahead < side.length && this.#nearer((side[ahead] as Neighbour).contact, peer, clockwiseWay)) ahead++;
        if (ahead + i < this.#radius) best.add(peer);
      }
    }
    return peers.filter((peer) => best.has(peer));
  }

  /** Inserts a peer known to be alive, or freshens its contact. Returns its entry, or undefined when it does not fit. */
  insert(peer: Contact, now: number): Neighbour | undefined {
    const known = this.find(peer);
    if (known) {
      if (peer !== known.contact && peer.incarnation >= known.contact.incarnation) {
        const news = peer.incarnation > known.contact.incarnation;
        known.contact = peer;
        this.#contacts = undefined;
        if (news) this.#redigest();
      }
      known.heardAt = heardAt(now);
      return known;
    }
    const entry: Neighbour = {
      contact: peer, heardAt: heardAt(now), joining: false, suspect: false, coordinate: undefined, rttUs: -1, zoneStart: undefined, knownDigest: 0, toldDigest: 0,
    };
    const onRight = this.#insertSide(true, entry);
    const onLeft = this.#insertSide(false, entry);
    if (!onRight && !onLeft) return undefined;
    this.#redigest();
    return entry;
  }

  /** Self stands elsewhere, and knows nobody there yet. */
  relocate(self: Contact): void {
    this.#self = self;
    this.right = [];
    this.left = [];
    this.#leads = [];
    this.#redigest();
  }

  remove(peer: Contact): boolean {
    const member = this.find(peer);
    if (!member) return false;
    this.#setSide(true, this.right.filter((other) => other !== member));
    this.#setSide(false, this.left.filter((other) => other !== member));
    this.#refill();
    this.#redigest();
    return true;
  }

  /** Is `key` between the farthest member on the left and the farthest on the right, so that its owner is known here? */
  covers(key: Position): boolean {
    if (this.isEmpty || this.wrapsAround) return true;
    const first = this.left[this.left.length - 1] as Neighbour;
    const last = this.right[this.right.length - 1] as Neighbour;
    return inArc(key, first.contact.position, last.contact.position);
  }

  /**
   * The member (or self, as undefined) that comes first clockwise at or after `key`: its owner, if the key is covered.
   * Peers that are still joining own nothing; `skip` takes further peers out of consideration.
   */
  ownerOf(key: Position, skip?: (peer: Contact) => boolean): Neighbour | undefined {
    let best: Neighbour | undefined;
    let bestPosition = this.#self.position;
    for (const side of [this.right, this.left]) {
      for (const member of side) {
        if (member.joining || skip?.(member.contact)) continue;
        const position = member.contact.position;
        if (comesFirst(key, position, bestPosition)) {
          best = member;
          bestPosition = position;
        }
      }
    }
    return best;
  }

  /** The member nearest to `key` on the circle that is nearer than self. */
  nearestTo(key: Position, skip?: (peer: Contact) => boolean): Neighbour | undefined {
    let best: Neighbour | undefined;
    let bestDistance = circleDistance(this.#self.position.lead, key.lead);
    for (const side of [this.right, this.left]) {
      for (const member of side) {
        const distance = circleDistance(member.contact.position.lead, key.lead);
        if (distance < bestDistance && !skip?.(member.contact)) {
          best = member;
          bestDistance = distance;
        }
      }
    }
    return best;
  }

  #fitsSide(clockwiseWay: boolean, peer: Contact): boolean {
    const side = clockwiseWay ? this.right : this.left;
    if (side.length < this.#radius) return this.#eligible(side, peer, clockwiseWay);
    const last = (clockwiseWay ? this.right.length : this.#leads.length) - 1;
    const reach = this.#distance(this.#leads[last] as number, clockwiseWay);
    const distance = this.#distance(peer.position.lead, clockwiseWay);
    // A reach of 0 is a last member with our own lead: right beside us, or a whole round away.
    if (distance > reach && reach > 0) return false;
    return this.#eligible(side, peer, clockwiseWay) && this.#nearer(peer, (side[side.length - 1] as Neighbour).contact, clockwiseWay);
  }

  /**
   * In a large ring a peer beyond the far side of the circle does not stand in for a neighbour that is missing: the gap
   * is for a nearer one still to be met. In a ring that looks small, or when a side knows nobody nearer, it does.
   */
  #eligible(side: readonly Neighbour[], peer: Contact, clockwiseWay: boolean): boolean {
    if (this.#density <= SMALL_RING * this.#radius || this.#distance(peer.position.lead, clockwiseWay) < CIRCLE / 2) return true;
    const nearest = side[0];
    return nearest === undefined || this.#distance(nearest.contact.position.lead, clockwiseWay) >= CIRCLE / 2;
  }

  #distance(lead: number, clockwiseWay: boolean): number {
    const self = this.#self.position.lead;
    return clockwiseWay ? clockwise(self, lead) : clockwise(lead, self);
  }

  #insertSide(clockwiseWay: boolean, entry: Neighbour): boolean {
    const side = clockwiseWay ? this.right : this.left;
    if (!this.#eligible(side, entry.contact, clockwiseWay)) return false;
    let place = side.length;
    while (place > 0 && this.#nearer(entry.contact, (side[place - 1] as Neighbour).contact, clockwiseWay)) place--;
    if (place >= this.#radius) return false;
    this.#setSide(clockwiseWay, side.toSpliced(place, 0, entry).slice(0, this.#radius));
    return true;
  }

  /** Sides change seldom: a new array each time has no room to spare, and whoever walks the old one is not disturbed. */
  #setSide(clockwiseWay: boolean, side: readonly Neighbour[]): void {
    if (clockwiseWay) this.right = side;
    else this.left = side;
    this.#leads = [...this.right, ...this.left].map((member) => member.contact.position.lead);
  }

  /** After a removal the other side may know the next nearest. */
  #refill(): void {
    for (const member of this.left) if (!this.right.includes(member)) this.#insertSide(true, member);
    for (const member of this.right) if (!this.left.includes(member)) this.#insertSide(false, member);
  }

  /** Is `a` met before `b` when walking away from self in the given direction? */
  #nearer(a: Contact, b: Contact, clockwise: boolean): boolean {
    const byPosition = compareClockwise(this.#self.position, a.position, b.position);
    const order = byPosition !== 0 ? byPosition : compareContacts(a, b);
    return clockwise ? order < 0 : order > 0;
  }

  /** Peers on the whole circle if they stood everywhere as densely as the members on the near halves of both sides. */
  #measureDensity(): number {
    let count = 0;
    let span = 0;
    for (const [side, clockwiseWay] of [[this.right, true], [this.left, false]] as const) {
      let reach = 0;
      for (const member of side) {
        const distance = this.#distance(member.contact.position.lead, clockwiseWay);
        if (distance >= CIRCLE / 2) break;
        reach = distance;
        count++;
      }
      span += reach;
    }
    return span === 0 ? 1 : (count * CIRCLE) / span;
  }

  #redigest(): void {
    this.#contacts = undefined;
    let digest = 0;
    for (const member of this.members()) {
      const { position, incarnation } = member.contact;
      let h = Math.imul((position.lead % 4294967296) ^ Math.imul(incarnation, 0x9e3779b1), 0x85ebca6b);
      h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
      // 31 bits: small integers cost no allocation.
      digest = (digest + (h ^ (h >>> 13))) & 0x7fffffff;
    }
    this.digest = digest === 0 ? 1 : digest;
    this.#density = this.#measureDensity();
  }
}

function isActive(member: Neighbour): boolean {
  return !member.joining;
}

/** Does position `a` come strictly before `b` when walking clockwise from `key`, the key itself included? */
function comesFirst(key: Position, a: Position, b: Position): boolean {
  const aWraps = comparePositions(a, key) < 0;
  const bWraps = comparePositions(b, key) < 0;
  if (aWraps !== bWraps) return bWraps;
  return comparePositions(a, b) < 0;
}
