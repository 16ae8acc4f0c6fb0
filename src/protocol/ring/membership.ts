/**
 * Who this peer believes is in the ring near it, and the zone that follows from that.
 *
 * The only place where the leafset changes. A peer enters it only when it was heard itself (never on hearsay), leaves it
 * when it said so or was found dead, and every change that moves the start of our zone is announced to the other parts.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import { inArc } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { Vitals } from '../wire/messages.ts';
import type { Neighbour } from './leafset.ts';
import { heardAt, Leafset } from './leafset.ts';
import { Remembered } from './remembered.ts';

export interface MembershipListener {
  /** Our zone now begins after `start`; `before` is undefined when we owned nothing. */
  onZoneChanged?(start: Position | undefined, before: Position | undefined): void;
  /** A peer was found dead or has left. */
  onPeerGone?(peer: Contact): void;
  /** Another peer has taken this one's place, or it was found to stand elsewhere. */
  onPeerMoved?(peer: Contact): void;
  /** A neighbour is new, became a member, or came back with a new incarnation. */
  onPeerAlive?(peer: Contact, vitals: Vitals): void;
  /** Any peer was heard: often, so whoever listens must be quick. */
  onPeerHeard?(peer: Contact, vitals: Vitals): void;
  /** The round trip to a peer was measured. */
  onPeerMeasured?(peer: Contact, rttMs: number): void;
}

export class Membership {
  readonly leafset: Leafset;
  readonly remembered: Remembered;
  readonly #local: Local;
  #listeners: readonly MembershipListener[] = [];
  #zoneStart: Position | undefined;
  /** When the zone became what it is. */
  #zoneSince: Millis = -Infinity;

  constructor(local: Local) {
    this.#local = local;
    this.leafset = new Leafset(local.contact, local.options.leafsetRadius);
    this.remembered = new Remembered(local.options.rememberedMax);
  }

  get zoneSince(): Millis {
    return this.#zoneSince;
  }

  /** Our zone is `(zoneStart, own position]`; undefined while we own nothing. */
  get zoneStart(): Position | undefined {
    return this.#zoneStart;
  }

  listen(listener: MembershipListener): void {
    this.#listeners = this.#listeners.concat(listener);
  }

  owns(key: Position): boolean {
    return this.#zoneStart !== undefined && inArc(key, this.#zoneStart, this.#local.position);
  }

  /** Would we own `key` if `absent` were not in the ring? */
  ownsWithout(key: Position, absent: Contact): boolean {
    if (this.#zoneStart === undefined) return false;
    return this.leafset.ownerOf(key, (peer) => peer.peerId === absent.peerId) === undefined;
  }

  vitals(): Vitals {
    const { contact, coordinate } = this.#local;
    return { incarnation: contact.incarnation, zoneStart: this.#zoneStart, coordinate, leafsetDigest: this.leafset.digest, storedKib: this.storedKib };
  }

  /** Told by the overlay, so that neighbours see how full this peer is. */
  storedKib = 0;

  /**
   * A peer was heard, with what it said of itself. Inserts it where it fits; returns its entry, or undefined when it is
   * no neighbour (or must not be one). Its joining flag follows from its vitals: members state a zone, and stay members
   * for that incarnation. A joiner answers others while its claim is being granted; taking the zone back because such an
   * answer states none would give it two owners until the joiner's announcement arrives.
   */
  hear(from: Contact, vitals: Vitals, at: Millis): Neighbour | undefined {
    if (this.#local.isSelf(from)) return undefined;
    if (from.position.lead === this.#local.position.lead && from.position.hex === this.#local.position.hex) {
      this.#local.env.emit({ kind: 'message-ignored', type: 'vitals', why: 'a peer at our own position' });
      return undefined;
    }
    const contact = vitals.incarnation > from.incarnation ? { ...from, incarnation: vitals.incarnation } : from;
    if (from.proof !== undefined) this.#forgetElsewhere(from);
    const known = this.leafset.find(contact);
    const incarnation = known?.contact.incarnation;
    if (known && contact.incarnation < known.contact.incarnation) return undefined;
    let entry = known;
    if (known?.contact === contact) known.heardAt = heardAt(at);
    else entry = this.leafset.insert(contact, at);
    if (entry) {
      const sameLife = known !== undefined && contact.incarnation === incarnation;
      const joining = vitals.zoneStart === undefined && !(sameLife && !entry.joining);
      const changed = !known || joining !== entry.joining || contact.incarnation !== incarnation;
      entry.joining = joining;
      entry.zoneStart = vitals.zoneStart;
      // Only for the first time-out: a measured way says more, and a coordinate that is not settled says nothing.
      entry.coordinate = entry.rttUs < 0 && vitals.coordinate && vitals.coordinate.error < 1 ? vitals.coordinate : undefined;
      if (!known) this.#local.env.emit({ kind: 'peer-met', peer: contact });
      if (changed) {
        this.settle();
        for (const listener of this.#listeners) listener.onPeerAlive?.(contact, vitals);
      }
    }
    for (const listener of this.#listeners) listener.onPeerHeard?.(contact, vitals);
    return entry;
  }

  /** Takes over these neighbours at a new position of our own: they live, as far as whoever stood there knew. */
  relocate(neighbours: readonly Contact[]): void {
    const { leafset } = this;
    leafset.relocate(this.#local.contact);
    const now = this.#local.env.now();
    for (const peer of neighbours) if (!this.#local.isSelf(peer)) leafset.insert(peer, now);
    this.#zoneStart = undefined;
    this.settle();
  }

  /** `to` stands at `position` instead of the peer that says so. Nobody's zone changes. */
  replace(from: Contact, position: Position, to: Contact): void {
    const known = this.leafset.find({ ...from, position });
    if (known === undefined || to.position.hex !== position.hex || this.#local.isSelf(to)) return;
    const { zoneStart, contact } = known;
    this.leafset.remove(contact);
    const entry = this.leafset.insert(to, this.#local.env.now());
    if (entry) entry.zoneStart = zoneStart;
    this.settle();
    for (const listener of this.#listeners) listener.onPeerMoved?.(contact);
    const vitals: Vitals = { incarnation: to.incarnation, zoneStart, leafsetDigest: 0, storedKib: 0 };
    for (const listener of this.#listeners) listener.onPeerAlive?.(to, vitals);
    for (const listener of this.#listeners) listener.onPeerHeard?.(to, vitals);
  }

  /** Every round trip that was measured on the way. */
  measured(peer: Contact, rttMs: number): void {
    const member = this.leafset.find(peer);
    if (member) member.rttUs = Math.round(rttMs * 1_000);
    for (const listener of this.#listeners) listener.onPeerMeasured?.(peer, rttMs);
  }

  /** Any message proves its sender alive. */
  touch(from: Contact, at: Millis): void {
    if (from.proof !== undefined) this.#forgetElsewhere(from);
    const known = this.leafset.find(from);
    if (known) known.heardAt = heardAt(at);
  }

  /** Found dead: out of the leafset, but remembered. Returns whether it was a neighbour. */
  bury(peer: Contact): boolean {
    const wasMember = this.leafset.remove(peer);
    this.remembered.add(peer, this.#local.env.now(), wasMember);
    this.#local.env.emit({ kind: 'peer-dead', peer });
    this.#gone(peer);
    return wasMember;
  }

  /** Left by its own word: nothing to remember. */
  farewell(peer: Contact): void {
    this.leafset.remove(peer);
    this.remembered.remove(peer);
    this.#gone(peer);
  }

  /** Recomputes the zone; called after every change, and when our standing changes. */
  settle(): void {
    const owning = this.#local.standing === 'active';
    const start = owning ? (this.leafset.predecessor?.contact.position ?? this.#local.position) : undefined;
    const before = this.#zoneStart;
    if (start === before || start?.hex === before?.hex) return;
    this.#zoneStart = start;
    this.#zoneSince = this.#local.env.now();
    this.#local.env.emit({ kind: 'zone-changed', start });
    for (const listener of this.#listeners) listener.onZoneChanged?.(start, before);
  }

  /** Whoever shows a proof has moved, and must not be taken for its former self. */
  #forgetElsewhere(peer: Contact): void {
    for (const { contact } of this.leafset.members()) {
      if (contact.peerId !== peer.peerId || contact.position.hex === peer.position.hex) continue;
      this.leafset.remove(contact);
      this.settle();
      for (const listener of this.#listeners) listener.onPeerMoved?.(contact);
    }
  }

  #gone(peer: Contact): void {
    this.settle();
    for (const listener of this.#listeners) listener.onPeerGone?.(peer);
  }
}
