/**
 * Who polls one feed for the pool: the decisions of the register that the owner of the feed's key keeps. Pure.
 *
 * k slots; whoever holds slot 0 leads. Slots are sticky, and a free one goes to the candidate nearest to the key on the ring,
 * because that one and the register know each other anyway. A new lead is a new epoch. The register is soft state: an owner that knows nothing yet
 * waits a moment before it grants anything, and believes those who hold a slot of the same or a later epoch.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import { claimedNetworks, shareNetwork } from '../../core/network.ts';
import { circleDistance } from '../../core/position.ts';
import type { FeedRegistered } from '../wire/feed-messages.ts';
import { POLLERS_MAX } from './feed.ts';

/**
 * A poller that was not heard for so long has lost its slot. A lead that is gone is found by those below it, so this can be long: with many feeds every
 * renewal keeps a connection open.
 */
export const SLOT_LEASE_MS = 20 * 60_000;
/** Whoever is given a slot says so within this, or is gone. */
export const APPOINTED_MS = 8_000;
/** A consumer, its place in the count. */
export const SUBSCRIBER_LEASE_MS = 50 * 60_000;
/** Consumers come so often; by then a register that is new knows all of them itself. Each visit opens a connection: with a hundred feeds and 10 minutes they were a fifth of all. */
export const CONSUMER_RENEWAL_MS = 20 * 60_000;
const LEARNS_MS = 1.2 * CONSUMER_RENEWAL_MS;
/** Before the first grant of a register that knows nothing: who comes at the same time is compared, who polls already can say so. */
export const SETTLE_MS = 1_000;
/** Subscribers that one register knows; of more it does not know the wishes. */
export const REGISTRANTS_MAX = 4_096;
/** Former pollers whose attestations still count; the oldest is forgotten first. */
export const SIGNERS_MAX = 32;
export const SAMPLES_MAX = 8;
/** Whoever was found lying is not given a slot for so long. */
export const BANNED_MS = 6 * 60 * 60_000;
const BANNED_MAX = 64;
/** Told to whoever comes. */
export const BANNED_TOLD_MAX = 8;
const ACCUSERS = 2;
/** At most one slot moves to a nearer candidate within so long. */
const DRIFT_MS = 10 * 60_000;
/**
 * A new epoch is up to so much later than the last: two registers that do not know of one another, as in a ring that was split, must not give the same
 * number to two leads. The first epoch of all is not above it.
 */
export const EPOCH_SPREAD = 4_096;
/** A claimed epoch may be ahead of the known one by so much: a liar must not use up the numbers. */
const EPOCH_LEAP_MAX = 2 ** 24;
const EPOCH_MAX = 2 ** 31;
/** Every new epoch is a new tree: no more than one within so long because of what somebody claims. */
const SURPASS_PAUSE_MS = 60_000;

export interface Registrant {
  readonly contact: Contact;
  readonly maxStalenessMs: Millis;
  readonly canPoll: boolean;
  readonly floorMs: Millis;
  readonly until: Millis;
}

export interface Slot {
  readonly contact: Contact;
  readonly until: Millis;
}

/** The public networks that a peer is in. */
export type NetworksOf = (peer: Contact) => readonly string[];

export interface Register {
  readonly key: Position;
  readonly networksOf: NetworksOf;
  /** Identity of the peer that keeps it. */
  readonly keeper: string;
  /** As many slots. */
  readonly k: number;
  /** A whole number below what it is given, at random. */
  readonly draw: (below: number) => number;
  epoch: number;
  /** By number. */
  readonly slots: Map<number, Slot>;
  readonly registrants: Map<string, Registrant>;
  readonly signers: string[];
  readonly banned: Map<string, Millis>;
  /** Who says so of whom. */
  readonly accused: Map<string, Set<string>>;
  /** The schedule of polls counts from here. */
  readonly anchor: Millis;
  grantsFrom: Millis;
  driftsFrom: Millis;
  surpassesFrom: Millis;
  /** What pollers knew of all when this register was new; it counts until all have come by. */
  told: { readonly strictestMs: Millis; readonly subscribers: number } | undefined;
  readonly toldUntil: Millis;
}

export interface Entry {
  readonly maxStalenessMs: Millis;
  readonly canPoll: boolean;
  readonly floorMs: Millis;
  readonly epoch: number;
  /** Counted from 1; 0: none. */
  readonly slot: number;
}

export function newRegister(key: Position, k: number, draw: (below: number) => number, now: Millis, keeper = '', networksOf: NetworksOf = claimedNetworks): Register {
  return {
    key, networksOf, keeper, k: Math.min(k, POLLERS_MAX), draw, epoch: 0, slots: new Map(), registrants: new Map(), signers: [], banned: new Map(), accused: new Map(), anchor: now, grantsFrom: now + SETTLE_MS, driftsFrom: now + DRIFT_MS,
    surpassesFrom: now, told: undefined, toldUntil: now + LEARNS_MS,
  };
}

/** A subscriber is heard. False: there are too many to know it. */
export function enter(register: Register, contact: Contact, entry: Entry, now: Millis): boolean {
  const { registrants, slots } = register;
  if (registrants.size >= REGISTRANTS_MAX && !registrants.has(contact.peerId)) return false;
  const { maxStalenessMs, canPoll, floorMs } = entry;
  // A new life knows nothing of the slot, and of the tree below it nothing is left: whoever leads next begins another.
  const before = slots.get(slotOf(register, contact.peerId) ?? -1);
  if (before !== undefined && entry.slot === 0 && contact.incarnation > before.contact.incarnation) vacate(register, contact.peerId);
  registrants.set(contact.peerId, { contact, maxStalenessMs, canPoll, floorMs, until: now + SUBSCRIBER_LEASE_MS });
  const held = slotOf(register, contact.peerId);
  if (held !== undefined && !canPoll) vacate(register, contact.peerId);
  else if (held !== undefined) slots.set(held, { contact, until: now + SLOT_LEASE_MS });
  else if (entry.slot > 0 && canPoll) claim(register, contact, entry, now);
  return true;
}

export function leave(register: Register, peerId: string): void {
  register.registrants.delete(peerId);
  vacate(register, peerId);
}

/** It holds nothing any more. */
export function vacate(register: Register, peerId: string): void {
  const slot = slotOf(register, peerId);
  if (slot !== undefined) register.slots.delete(slot);
}

/** Somebody says that it lied. When two do, it loses its slot, and gets none for long: one alone could be the liar. */
export function accuse(register: Register, peerId: string, by: string, now: Millis): void {
  const accusers = register.accused.get(peerId) ?? new Set<string>();
  const accuser = register.registrants.get(by)?.contact;
  if (accuser === undefined || by === peerId) return;
  register.accused.delete(peerId);
  register.accused.set(peerId, accusers.add(by));
  if (register.accused.size > BANNED_MAX) register.accused.delete(register.accused.keys().next().value as string);
  if (accusers.size < ACCUSERS || isOneNetwork(register, accusers)) return;
  register.accused.delete(peerId);
  register.banned.delete(peerId);
  register.banned.set(peerId, now + BANNED_MS);
  if (register.banned.size > BANNED_MAX) register.banned.delete(register.banned.keys().next().value as string);
  vacate(register, peerId);
}

/** Whether all who accuse may be one: somebody with a block of addresses. */
function isOneNetwork({ registrants, networksOf }: Register, peerIds: ReadonlySet<string>): boolean {
  const [first = [], ...others] = [...peerIds].map((peerId) => registrants.get(peerId)).flatMap((one) => (one === undefined ? [] : [networksOf(one.contact)]));
  return first.length > 0 && others.every((networks) => shareNetwork(first, networks));
}

/** The latest of those who are not given a slot: whoever stands below one of them leaves it. */
export function bannedOf(register: Register, now: Millis): string[] {
  return [...register.banned.keys()].filter((peerId) => isBanned(register, peerId, now)).slice(-BANNED_TOLD_MAX);
}

/** A lead of that epoch exists: what is granted from now on is later. */
export function hearOfEpoch(register: Register, epoch: number): void {
  if (isPossible(register, epoch)) register.epoch = epoch;
}

/** Somebody has versions of a later epoch than ours: those who poll go on in one that is later still. True when that is so. */
export function surpass(register: Register, epoch: number, now: Millis): boolean {
  if (epoch <= register.epoch || !isPossible(register, epoch) || now < register.surpassesFrom) return false;
  register.surpassesFrom = now + SURPASS_PAUSE_MS;
  register.epoch = epoch;
  begin(register);
  return true;
}

/** Forgets who was not heard for too long. */
export function expire(register: Register, now: Millis): void {
  if (register.toldUntil <= now) register.told = undefined;
  for (const { contact, until } of [...register.slots.values()]) if (until <= now) leave(register, contact.peerId);
  for (const [peerId, { until }] of register.registrants) if (until <= now) leave(register, peerId);
}

/** Fills free slots, the lead's with whoever polls the longest; true when the pollers have changed. */
export function grant(register: Register, now: Millis): boolean {
  if (now < register.grantsFrom) return false;
  const before = pollersOf(register).map(({ slot, contact }) => `${slot} ${contact.peerId}`).join();
  promote(register);
  for (let slot = 0; slot < register.k; slot++) {
    if (register.slots.has(slot)) continue;
    const [nearest, second] = spread(register, candidates(register, now), register.slots.values());
    if (nearest === undefined) break;
    // Whoever keeps the register is nearest of all: if it led as well, both would be gone at once, and nobody could be asked who leads.
    const chosen = slot === 0 && nearest.contact.peerId === register.keeper ? (second ?? nearest) : nearest;
    appoint(register, slot, chosen.contact, now);
  }
  drift(register, now);
  return before !== pollersOf(register).map(({ slot, contact }) => `${slot} ${contact.peerId}`).join();
}

/** The lead believes these from before this register was. What the register knows itself counts more, and is not pushed out. */
export function hearOfSigners(register: Register, told: readonly string[], now: Millis): void {
  const unknown = [...new Set(told)].filter((peerId) => !register.signers.includes(peerId) && !isBanned(register, peerId, now));
  const room = SIGNERS_MAX - register.signers.length;
  if (room > 0) register.signers.unshift(...unknown.slice(-room));
}

/** What another register knew, as far as nobody has said anything else here. False: nothing in it is of use. */
export function inherit(register: Register, copy: Pick<FeedRegistered, 'epoch' | 'pollers' | 'signers' | 'banned' | 'strictestMs' | 'subscribers'>, now: Millis): boolean {
  if (copy.epoch < Math.max(1, register.epoch) || copy.pollers.every(({ slot }) => slot > 0)) return false;
  hearOfEpoch(register, copy.epoch);
  if (copy.epoch !== register.epoch) return false;
  for (const peerId of copy.banned) register.banned.set(peerId, now + BANNED_MS);
  hearOfSigners(register, copy.signers, now);
  hearOfWishes(register, copy, now);
  for (const { slot, contact } of copy.pollers) {
    if (slot < register.k && !register.slots.has(slot) && slotOf(register, contact.peerId) === undefined && !isBanned(register, contact.peerId, now)) put(register, slot, contact, now + SLOT_LEASE_MS);
  }
  return leadOf(register) !== undefined;
}

/** Consumers come seldom: until they have, what pollers know of their wishes counts. */
export function hearOfWishes(register: Register, told: { readonly strictestMs: Millis; readonly subscribers: number }, now: Millis): void {
  if (told.strictestMs > 0 && now < register.toldUntil) register.told = { strictestMs: Math.min(told.strictestMs, register.told?.strictestMs ?? Infinity), subscribers: Math.min(REGISTRANTS_MAX, Math.max(told.subscribers, register.told?.subscribers ?? 0)) };
}

/** In order of slots. */
export function pollersOf(register: Register): { readonly slot: number; readonly contact: Contact }[] {
  return [...register.slots].sort(([a], [b]) => a - b).map(([slot, { contact }]) => ({ slot, contact }));
}

export function leadOf(register: Register): Contact | undefined {
  return register.slots.get(0)?.contact;
}

export function slotOf(register: Register, peerId: string): number | undefined {
  for (const [slot, { contact }] of register.slots) if (contact.peerId === peerId) return slot;
  return undefined;
}

/** Of all who are known. */
export function strictestOf({ registrants, told }: Register): Millis {
  let strictest = told?.strictestMs ?? Infinity;
  for (const { maxStalenessMs } of registrants.values()) strictest = Math.min(strictest, maxStalenessMs);
  return strictest;
}

export function subscribersOf({ registrants, told }: Register): number {
  return Math.max(registrants.size, told?.subscribers ?? 0);
}

/** What the origin told those who ask it: others are not believed about it. */
export function floorOf({ slots, registrants }: Register): Millis {
  let floor = 0;
  for (const { contact } of slots.values()) floor = Math.max(floor, registrants.get(contact.peerId)?.floorMs ?? 0);
  return floor;
}

/** When something ends by itself. */
export function nextDue(register: Register, now: Millis): Millis {
  let next = register.grantsFrom > now ? register.grantsFrom : Infinity;
  for (const { until } of register.slots.values()) next = Math.min(next, until);
  for (const { until } of register.registrants.values()) next = Math.min(next, until);
  return next;
}

/** Somebody holds a slot that this register did not give. */
function claim(register: Register, contact: Contact, { epoch, slot }: Entry, now: Millis): void {
  const number = slot - 1;
  const isAllowed = epoch >= Math.max(1, register.epoch) && number < register.k && !isBanned(register, contact.peerId, now);
  if (!isAllowed || (epoch > register.epoch && !isPossible(register, epoch))) return;
  if (epoch > register.epoch) {
    // Two rings have become one: the later epoch's pollers poll.
    register.slots.clear();
    register.epoch = epoch;
  }
  if (!register.slots.has(number)) put(register, number, contact, now + SLOT_LEASE_MS);
}

/** A register that is new believes anything that leaves room for more. */
function isPossible(register: Register, epoch: number): boolean {
  return epoch > register.epoch && epoch < EPOCH_MAX && (register.epoch === 0 || epoch <= register.epoch + EPOCH_LEAP_MAX);
}

function promote(register: Register): void {
  const next = pollersOf(register)[0];
  if (next === undefined || next.slot === 0) return;
  const slot = register.slots.get(next.slot) as Slot;
  register.slots.delete(next.slot);
  register.slots.set(0, slot);
  begin(register);
}

/** The next epoch. */
function begin(register: Register): void {
  register.epoch += 1 + register.draw(EPOCH_SPREAD);
}

function appoint(register: Register, slot: number, contact: Contact, now: Millis): void {
  if (slot === 0) begin(register);
  put(register, slot, contact, now + APPOINTED_MS);
}

function put(register: Register, slot: number, contact: Contact, until: Millis): void {
  const { signers } = register;
  const known = signers.indexOf(contact.peerId);
  if (known >= 0) signers.splice(known, 1);
  signers.push(contact.peerId);
  if (signers.length > SIGNERS_MAX) signers.shift();
  register.slots.set(slot, { contact, until });
}

/** The lead stays: another one would be a new epoch. */
function drift(register: Register, now: Millis): void {
  if (now < register.driftsFrom) return;
  register.driftsFrom = now + DRIFT_MS;
  const all = pollersOf(register);
  const others = all.filter(({ slot }) => slot > 0).sort((a, b) => distance(register, b.contact) - distance(register, a.contact));
  const isCrowded = ({ slot, contact }: Poller): boolean => isBeside(register, contact, all.filter((other) => other.slot !== slot));
  const leaver = others.find(isCrowded) ?? others[0];
  if (leaver === undefined) return;
  const rest = all.filter(({ slot }) => slot !== leaver.slot);
  const [nearest] = spread(register, candidates(register, now), rest);
  if (nearest === undefined) return;
  // A network of its own counts more than a short way.
  const [before, after] = [isBeside(register, leaver.contact, rest), isBeside(register, nearest.contact, rest)];
  if (before === after ? distance(register, nearest.contact) >= distance(register, leaver.contact) : after) return;
  put(register, leaver.slot, nearest.contact, now + APPOINTED_MS);
}

interface Poller {
  readonly slot: number;
  readonly contact: Contact;
}

/** Those in networks of which nobody polls come first. Whoever owns a block of addresses has one slot while others wait. */
function spread(register: Register, registrants: readonly Registrant[], pollers: Iterable<{ readonly contact: Contact }>): readonly Registrant[] {
  const held = [...pollers];
  const alone = registrants.filter(({ contact }) => !isBeside(register, contact, held));
  return alone.length === registrants.length ? registrants : [...alone, ...registrants.filter((one) => !alone.includes(one))];
}

function isBeside({ networksOf }: Register, contact: Contact, others: readonly { readonly contact: Contact }[]): boolean {
  const networks = networksOf(contact);
  return networks.length > 0 && others.some((other) => shareNetwork(networks, networksOf(other.contact)));
}

/** The nearest first. */
function candidates(register: Register, now: Millis): Registrant[] {
  return [...register.registrants.values()]
    .filter(({ contact, canPoll }) => canPoll && slotOf(register, contact.peerId) === undefined && !isBanned(register, contact.peerId, now))
    .sort((a, b) => distance(register, a.contact) - distance(register, b.contact) || (a.contact.peerId < b.contact.peerId ? -1 : 1));
}

function distance({ key }: Register, { position }: Contact): number {
  return circleDistance(key.lead, position.lead);
}

function isBanned({ banned }: Register, peerId: string, now: Millis): boolean {
  return (banned.get(peerId) ?? -Infinity) > now;
}
