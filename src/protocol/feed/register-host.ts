/**
 * The registers that this peer keeps: those of the feeds whose keys lie in its zone.
 *
 * Whoever asks is answered with all that the register knows; pollers are told of changes at once. A lead that somebody has no way
 * to is asked whether it still holds its slot, and loses it by silence only. After a change of zones the next owner begins
 * with nothing, and learns from whoever asks: a lead that somebody knows is asked before another one is made.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import { circleDistance } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { Alarms } from '../overlay/alarms.ts';
import type { Requests } from '../requests.ts';
import type { FeedRegister, FeedRegistered } from '../wire/feed-messages.ts';
import { Heirs } from './heirs.ts';
import type { NetworksOf, Register } from './register.ts';
import { accuse, bannedOf, enter, expire, floorOf, grant, hearOfEpoch, hearOfSigners, hearOfWishes, inherit, leadOf, leave, newRegister, nextDue, pollersOf, SAMPLES_MAX, SETTLE_MS, SLOT_LEASE_MS, slotOf, strictestOf, subscribersOf, surpass, vacate } from './register.ts';

/** Registers that one peer keeps; of further feeds it says that it does not own their keys, and they go without a pool. */
const HOSTED_MAX = 4_096;
const HOLD_ATTEMPTS = 3;
/** Of somebody to whom a connection could not be made, or broke, within the last seconds: once. */
const UNREACHABLE_MS = 10_000;
/** So many of them are remembered; the oldest is forgotten first. */
const UNREACHABLE_MAX = 64;
/** A key that came with a change of zones may have had a register: for so long after that nobody is made lead who did not lead before. */
const HANDED_OVER_MS = 3_000;
/** A lead that somebody knows may be asked for so long before another one is made. */
const ADOPTION_MS = 8_000;
/** How often a lead is asked at most. */
const DOUBT_PAUSE_MS = 2_000;
/** Subscribers that wait for a lead are told that they must look for another register; more than so many find out by themselves. */
const TOLD_MAX = 256;
/**
 * A pool that grows tells those who know it at two thirds of its size or less: they would audit as often as if hardly anybody else was there. In a larger one that would be too many
 * at once, and by then all know of enough.
 */
const GROWTH_TOLD_MAX = 64;
/** Of one public network, of those whom somebody is told of, as long as there are others. */
const NAMED_OF_NETWORK_MAX = 2;
/** How often another poller is. */
const POLLER_DOUBT_PAUSE_MS = 10_000;

interface Hosted {
  readonly register: Register;
  /** Of the alarm that is set. */
  alarm: number | undefined;
  alarmAt: Millis;
  /** The question to a lead that is under way. */
  asking: { readonly peerId: string; readonly op: number } | undefined;
  askedAt: Millis;
  /** How many subscribers each was told of last, with the lead; of the first ones only. */
  readonly toldOf: Map<string, number>;
  /** The last one that turned out to be none: it is not waited for again, whoever still names it. */
  notLead: string;
  /** Its slots are those of a copy, and the lead has not answered yet. */
  isInherited: boolean;
  /** Pollers that were asked because somebody does not hear them, when, and the question; only such as hold a slot. */
  readonly doubted: Map<string, { readonly at: Millis; readonly op: number }>;
}

export interface RegisterHostParts {
  readonly local: Local;
  readonly requests: Requests;
  readonly alarms: Alarms;
  /** Pollers of each feed: a setting of the pool. */
  readonly pollers: number;
  owns(key: Position): boolean;
  /** Since when it owns what it owns, if others are there who could have kept a register before; otherwise -Infinity. */
  ownsSince(): Millis;
  /** Neighbours on the ring that own something. */
  successor(): Contact | undefined;
  predecessor(): Contact | undefined;
  isRingNeighbour(peerId: string): boolean;
  /** The public networks that a peer is in. */
  networksOf(peer: Contact): readonly string[];
  /** For the subscriber that is this peer itself. */
  tellSelf(message: FeedRegistered): void;
  /** Whether this peer holds a slot of that epoch. */
  holdsSelf(key: Position, epoch: number): boolean;
}

export class RegisterHost {
  readonly #parts: RegisterHostParts;
  readonly #hosted = new Map<string, Hosted>();
  /** By identity, when. */
  readonly #unreachable = new Map<string, Millis>();
  readonly heirs: Heirs;

  constructor(parts: RegisterHostParts) {
    this.#parts = parts;
    this.heirs = new Heirs({
      local: parts.local, alarms: parts.alarms, successor: () => parts.successor(), predecessor: () => parts.predecessor(), owns: (key) => parts.owns(key), isRingNeighbour: (peerId) => parts.isRingNeighbour(peerId),
      keys: () => [...this.#hosted.values()].map(({ register }) => register.key), copy: (key) => this.#copy(key), adopt: (copy) => this.#adopt(copy),
    });
  }

  get hosted(): number {
    return this.#hosted.size;
  }

  /** As it stands, for tests and for whoever shows it. */
  register(key: Position): Register | undefined {
    return this.#hosted.get(key.hex)?.register;
  }

  answer(from: Contact, message: FeedRegister): FeedRegistered {
    const { key, op } = message;
    const now = this.#parts.local.env.now();
    const hosted = this.#parts.owns(key) ? this.#find(key, now) : undefined;
    if (hosted === undefined) {
      this.#drop(key);
      return nothingKnown(op, key);
    }
    const { register } = hosted;
    expire(register, now);
    const before = wishesOf(register);
    if (message.leaving) leave(register, from.peerId);
    else {
      this.#learn(hosted, from, message, now);
      enter(register, from, message, now);
      if (leadOf(register)?.peerId === from.peerId && message.slot === 1) hearOfSigners(register, message.signers, now);
      if (slotOf(register, from.peerId) !== undefined && message.slot > 0) hearOfWishes(register, message, now);
      for (const peerId of message.silent) this.#doubtPoller(hosted, peerId, now);
      for (const liar of message.liars) accuse(register, liar, from.peerId, now);
    }
    if (before !== wishesOf(register)) this.#tellAll(hosted, now, from.peerId);
    this.#settle(hosted, now, from.peerId);
    this.#tellGrowth(hosted, now, from.peerId);
    // Leads come by every few minutes: often enough for what is not told at once.
    if (leadOf(register)?.peerId === from.peerId) this.heirs.changed(key);
    return this.#content(hosted, op, from, now);
  }

  onMessage(from: Contact, message: FeedRegister): void {
    this.#parts.local.env.send(from, this.answer(from, message));
  }

  /** Keys may have gone to others, who know nothing: whoever polls is told, and tells them. Where nobody leads yet, everybody waits and is told. */
  onZoneChanged(): void {
    const { local, owns } = this.#parts;
    for (const { register } of [...this.#hosted.values()]) {
      if (owns(register.key)) continue;
      for (const contact of leadOf(register) === undefined ? waiting(register) : pollersOf(register).map((poller) => poller.contact)) {
        const message = nothingKnown(0, register.key);
        if (local.isSelf(contact)) this.#parts.alarms.in(0, () => this.#parts.tellSelf(message));
        else local.env.send(contact, message);
      }
      const copy = this.#copy(register.key);
      this.#drop(register.key);
      if (copy !== undefined) this.heirs.handOver(copy);
    }
    this.heirs.onZoneChanged();
  }

  /** What is left of a register that somebody else kept. Those who hold slots by it are asked, and so learn that the key has changed hands. */
  #adopt(copy: FeedRegistered): void {
    const { local } = this.#parts;
    const now = local.env.now();
    const hosted = this.#find(copy.key, now);
    if (hosted === undefined) return;
    const { register } = hosted;
    if (leadOf(register) !== undefined || !inherit(register, copy, now)) return;
    hosted.isInherited = true;
    for (const { slot, contact } of pollersOf(register)) {
      if (slot === 0) this.#doubt(hosted, contact, now);
      else this.#doubtPoller(hosted, contact.peerId, now);
    }
    this.#arm(hosted, now);
  }

  #copy(key: Position): FeedRegistered | undefined {
    const hosted = this.#hosted.get(key.hex);
    if (hosted === undefined || leadOf(hosted.register) === undefined) return undefined;
    return { ...this.#content(hosted, 0, undefined, this.#parts.local.env.now()), copy: true };
  }

  /** Whoever polls is asked whether it still does; a question that is under way waits no longer than for one answer. */
  onPeerUnreachable({ peerId }: Contact): void {
    const now = this.#parts.local.env.now();
    this.#unreachable.delete(peerId);
    this.#unreachable.set(peerId, now);
    if (this.#unreachable.size > UNREACHABLE_MAX) this.#unreachable.delete(this.#unreachable.keys().next().value as string);
    for (const hosted of [...this.#hosted.values()]) {
      const { register, asking, doubted } = hosted;
      if (asking?.peerId === peerId) this.#parts.requests.askOnceMore(asking.op);
      const op = doubted.get(peerId)?.op;
      if (op !== undefined) this.#parts.requests.askOnceMore(op);
      const slot = slotOf(register, peerId);
      const contact = slot === undefined ? undefined : register.slots.get(slot)?.contact;
      if (slot === 0 && contact !== undefined) this.#doubt(hosted, contact, now);
      else if (contact !== undefined) this.#doubtPoller(hosted, peerId, now);
    }
  }

  #attemptsAt(peerId: string, now: Millis): number {
    return now - (this.#unreachable.get(peerId) ?? -Infinity) < UNREACHABLE_MS ? 1 : HOLD_ATTEMPTS;
  }

  /** What it says about the lead that it knows. */
  #learn(hosted: Hosted, from: Contact, { epoch, lead, lost }: FeedRegister, now: Millis): void {
    const { register } = hosted;
    const known = leadOf(register);
    if (known !== undefined) {
      if (surpass(register, epoch, now)) this.#tellAll(hosted, now, from.peerId);
      if (lost && lead?.peerId === known.peerId && known.peerId !== from.peerId) this.#doubt(hosted, known, now);
      return;
    }
    hearOfEpoch(register, epoch);
    if (lead === undefined || lead.peerId === from.peerId || lead.peerId === hosted.notLead || register.slots.size > 0) return;
    register.grantsFrom = Math.max(register.grantsFrom, Math.min(now + ADOPTION_MS, register.anchor + ADOPTION_MS));
    this.#doubt(hosted, lead, now);
  }

  /** Asks a lead whether it is one. */
  #doubt(hosted: Hosted, lead: Contact, now: Millis): void {
    const { register } = hosted;
    const { local, requests, holdsSelf } = this.#parts;
    if (hosted.asking !== undefined || now - hosted.askedAt < DOUBT_PAUSE_MS) return;
    hosted.askedAt = now;
    const onAnswer = (holds: boolean, epoch: number, signers: readonly string[], isThere = true): void => {
      hosted.asking = undefined;
      const at = local.env.now();
      hosted.notLead = holds ? '' : lead.peerId;
      // Somebody else leads by now: the copy was an old one, and its pollers, who were asked, come and say who.
      if (!holds && isThere && hosted.isInherited) this.#forgetInherited(hosted, at);
      hosted.isInherited = false;
      if (holds) hearOfEpoch(register, epoch);
      if (!holds) leave(register, lead.peerId);
      else enter(register, lead, { maxStalenessMs: strictestOf(register), canPoll: true, floorMs: floorOf(register), ...register.registrants.get(lead.peerId), epoch, slot: 1 }, at);
      if (leadOf(register)?.peerId === lead.peerId) hearOfSigners(register, signers, at);
      register.grantsFrom = Math.min(register.grantsFrom, Math.max(at, register.anchor + SETTLE_MS));
      this.#settle(hosted, at, '');
    };
    if (local.isSelf(lead)) return onAnswer(holdsSelf(register.key, register.epoch), register.epoch, []);
    const op = requests.ask({
      to: lead, attempts: this.#attemptsAt(lead.peerId, now), timeoutMs: local.timeoutTo(undefined),
      message: (op) => ({ type: 'feedHold', op, key: register.key, epoch: register.epoch, any: false }),
      onReply: (reply) => {
        if (reply.type === 'feedHeld') onAnswer(reply.holds && reply.epoch >= register.epoch, reply.epoch, reply.signers);
        else onAnswer(false, 0, []);
      },
      onSilent: () => onAnswer(false, 0, [], false),
    });
    hosted.asking = { peerId: lead.peerId, op };
  }

  #forgetInherited({ register }: Hosted, now: Millis): void {
    register.slots.clear();
    register.grantsFrom = now + ADOPTION_MS;
  }

  /** Somebody does not hear a poller any more: like a lead it is asked, and loses its slot by silence only, or because it knows of none. */
  #doubtPoller(hosted: Hosted, peerId: string, now: Millis): void {
    const { register, doubted } = hosted;
    const { local, requests } = this.#parts;
    for (const other of [...doubted.keys()]) if (slotOf(register, other) === undefined) doubted.delete(other);
    const slot = slotOf(register, peerId);
    const contact = slot === undefined ? undefined : register.slots.get(slot)?.contact;
    if (contact === undefined || slot === 0 || local.isSelf(contact) || now - (doubted.get(peerId)?.at ?? -Infinity) < POLLER_DOUBT_PAUSE_MS) return;
    const onAnswer = (isThere: boolean, holds: boolean): void => {
      if (this.#hosted.get(register.key.hex) !== hosted || holds || slotOf(register, peerId) === undefined) return;
      if (isThere) vacate(register, peerId);
      else leave(register, peerId);
      this.#settle(hosted, local.env.now(), '');
    };
    const op = requests.ask({
      to: contact, attempts: this.#attemptsAt(peerId, now), timeoutMs: local.timeoutTo(undefined),
      message: (op) => ({ type: 'feedHold', op, key: register.key, epoch: register.epoch, any: true }),
      onReply: (reply) => onAnswer(true, reply.type === 'feedHeld' && reply.holds),
      onSilent: () => onAnswer(false, false),
    });
    doubted.set(peerId, { at: now, op });
  }

  /** Grants what can be granted, tells pollers of a change, and sets the alarm. `asker` is answered anyway. */
  #settle(hosted: Hosted, now: Millis, asker: string): void {
    const { register } = hosted;
    const before = register.epoch;
    const polled = pollersOf(register).map(({ contact }) => contact);
    if (grant(register, now)) {
      this.#tellAll(hosted, now, asker);
      for (const peer of polled) if (peer.peerId !== asker && slotOf(register, peer.peerId) === undefined) this.#tell(hosted, peer, now);
    }
    if (polled.map(({ peerId }) => peerId).join() !== pollersOf(register).map(({ contact }) => contact.peerId).join()) this.heirs.changed(register.key);
    if (before !== register.epoch) this.#parts.local.env.emit({ kind: 'feed-lead', key: register.key, epoch: register.epoch, lead: leadOf(register) });
    if (register.registrants.size === 0 && register.slots.size === 0 && now >= register.grantsFrom) return this.#drop(register.key);
    this.#arm(hosted, now);
  }

  /** `asker` is answered anyway. */
  #tellAll(hosted: Hosted, now: Millis, asker: string): void {
    for (const { contact } of pollersOf(hosted.register)) if (contact.peerId !== asker) this.#tell(hosted, contact, now);
  }

  #tellGrowth(hosted: Hosted, now: Millis, asker: string): void {
    const { register: { registrants }, register, toldOf } = hosted;
    const { size } = registrants;
    if (size > GROWTH_TOLD_MAX || leadOf(register) === undefined) return;
    toldOf.set(asker, size);
    for (const [peerId, of] of toldOf) {
      const contact = registrants.get(peerId)?.contact;
      if (contact === undefined) toldOf.delete(peerId);
      else if (3 * of <= 2 * size) {
        toldOf.set(peerId, size);
        this.#tell(hosted, contact, now);
      }
    }
  }

  #tell(hosted: Hosted, to: Contact, now: Millis): void {
    const { local, alarms, tellSelf } = this.#parts;
    const message = this.#content(hosted, 0, to, now);
    // Never within the call that caused it.
    if (local.isSelf(to)) alarms.in(0, () => tellSelf(message));
    else local.env.send(to, message);
  }

  #arm(hosted: Hosted, now: Millis): void {
    const { alarms } = this.#parts;
    const due = nextDue(hosted.register, now);
    if (hosted.alarm !== undefined && hosted.alarmAt <= due) return;
    if (hosted.alarm !== undefined) alarms.cancel(hosted.alarm);
    hosted.alarm = undefined;
    if (due === Infinity) return;
    hosted.alarmAt = due;
    hosted.alarm = alarms.in(Math.max(0, due - now), () => {
      hosted.alarm = undefined;
      if (this.#hosted.get(hosted.register.key.hex) !== hosted) return;
      const at = this.#parts.local.env.now();
      if (!this.#parts.owns(hosted.register.key)) return this.#drop(hosted.register.key);
      expire(hosted.register, at);
      this.#settle(hosted, at, '');
    });
  }

  #find(key: Position, now: Millis): Hosted | undefined {
    const known = this.#hosted.get(key.hex);
    if (known !== undefined || this.#hosted.size >= HOSTED_MAX) return known;
    const fresh: Hosted = { register: newRegister(key, this.#parts.pollers, (below) => this.#parts.local.env.random.below(below), now, this.#parts.local.contact.peerId, (peer) => this.#parts.networksOf(peer)), alarm: undefined, alarmAt: Infinity, asking: undefined, askedAt: -Infinity, toldOf: new Map(), notLead: '', isInherited: false, doubted: new Map() };
    // Whoever kept it until a moment ago has told the lead, which is on its way.
    fresh.register.grantsFrom = Math.max(fresh.register.grantsFrom, this.#parts.ownsSince() + HANDED_OVER_MS);
    this.#hosted.set(key.hex, fresh);
    return fresh;
  }

  #drop(key: Position): void {
    const hosted = this.#hosted.get(key.hex);
    if (hosted === undefined) return;
    if (hosted.alarm !== undefined) this.#parts.alarms.cancel(hosted.alarm);
    this.#hosted.delete(key.hex);
  }

  /** `to` nobody: for a copy. */
  #content({ register }: Hosted, op: number, to: Contact | undefined, now: Millis): FeedRegistered {
    const strictestMs = strictestOf(register);
    return {
      type: 'feedRegistered', op, key: register.key, known: true, epoch: leadOf(register) === undefined ? 0 : register.epoch, pollers: pollersOf(register),
      anchorAgeMs: now - register.anchor, strictestMs: strictestMs === Infinity ? 0 : strictestMs, floorMs: floorOf(register), subscribers: subscribersOf(register),
      leaseMs: to === undefined || slotOf(register, to.peerId) === undefined ? 0 : SLOT_LEASE_MS, samples: to === undefined ? [] : this.#samples(register, to), signers: [...register.signers],
      banned: bannedOf(register, now), copy: false,
    };
  }

  /** Some of the others at random, and then those that stand near the asker on the ring: they are connected anyway. The nearest comes last. */
  #samples({ registrants, networksOf }: Register, to: Contact): Contact[] {
    const { random } = this.#parts.local.env;
    const distance = ({ position }: Contact): number => circleDistance(position.lead, to.position.lead);
    const sorted = [...registrants.values()].filter(({ contact }) => contact.peerId !== to.peerId).map(({ contact }) => contact).sort((a, b) => distance(a) - distance(b));
    const others = fewOfEach(sorted, networksOf);
    const near = others.splice(0, SAMPLES_MAX / 2).reverse();
    for (let i = 0; i < Math.min(SAMPLES_MAX / 2, others.length); i++) {
      const j = i + random.below(others.length - i);
      [others[i], others[j]] = [others[j] as Contact, others[i] as Contact];
    }
    return [...others.slice(0, SAMPLES_MAX / 2), ...near];
  }
}

/** What pollers plan by; whoever polls is told when it changes. */
function wishesOf(register: Register): string {
  return leadOf(register) === undefined ? '' : `${strictestOf(register)} ${floorOf(register)}`;
}

/** So many of each public network come first in a list of who is named; a block of addresses must not make up all that somebody hears of. */
function fewOfEach(peers: readonly Contact[], networksOf: NetworksOf): Contact[] {
  const seen = new Map<string, number>();
  const surplus = new Set<Contact>();
  for (const peer of peers) {
    const networks = networksOf(peer);
    if (networks.some((network) => (seen.get(network) ?? 0) >= NAMED_OF_NETWORK_MAX)) surplus.add(peer);
    else for (const network of networks) seen.set(network, (seen.get(network) ?? 0) + 1);
  }
  const few = peers.filter((peer) => !surplus.has(peer));
  return few.length >= SAMPLES_MAX ? few : [...few, ...[...surplus].slice(0, SAMPLES_MAX - few.length)];
}

/** Who came to it, those who came last first. */
function waiting({ registrants }: Register): Contact[] {
  return [...registrants.values()].slice(-TOLD_MAX).reverse().map(({ contact }) => contact);
}

function nothingKnown(op: number, key: Position): FeedRegistered {
  return { type: 'feedRegistered', op, key, known: false, epoch: 0, pollers: [], anchorAgeMs: 0, strictestMs: 0, floorMs: 0, subscribers: 0, leaseMs: 0, samples: [], signers: [], banned: [], copy: false };
}
