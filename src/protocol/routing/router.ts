/**
 * Routes: hop by hop to the owner of a key, acknowledged at each hop, round whatever fails on the way.
 *
 * Near the key the leafset decides, further off the pool's strategy, and when neither knows better the route goes on round
 * the ring. A hop that does not acknowledge is suspected and the route takes another; when the silent peer is the very
 * owner the route is held here until the suspicion is settled, because handing it to the next in line too early would give
 * one key two owners. The origin asks again, over another first hop, if no answer comes.
 */
import type { Contact } from '../../core/contact.ts';
import { Deadlines } from '../../core/deadlines.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import { TIMER } from '../local.ts';
import type { Requests } from '../requests.ts';
import type { Detector } from '../ring/detector.ts';
import type { Membership, MembershipListener } from '../ring/membership.ts';
import type { Route, RouteReply, Vitals } from '../wire/messages.ts';
import { PURPOSE } from '../wire/messages.ts';
import type { Neighbour } from '../ring/leafset.ts';
import { rttOf } from '../ring/leafset.ts';
import { SeenRoutes } from './seen-routes.ts';
import type { Hop, Strategy } from './strategy.ts';

export interface LookupResult {
  readonly owner: Contact;
  readonly hops: number;
  readonly tookMs: Millis;
}

interface Lookup {
  readonly key: Position;
  readonly purpose: number;
  readonly startedAt: Millis;
  readonly via: Contact | undefined;
  readonly onAnswer: (owner: Contact, reply: RouteReply | undefined) => void;
  readonly onFail: (reason: string) => void;
  attempt: number;
  dueAt: Millis;
  /** Where earlier attempts went first. */
  readonly tried: string[];
}

/** A route on its way through this peer. */
interface Transit {
  readonly route: Route;
  /** Peers that did not acknowledge it here. */
  readonly silent: string[];
  readonly heldSince: Millis;
}

interface Choice extends Hop {
  readonly byRing: boolean;
}

/** How long a route may wait for a verdict before it is dropped; the origin asks again. */
const HOLD_MAX_MS = 20_000;
const NONE: readonly Transit[] = [];
/** Peers that may stay silent before a hop gives a route up. */
const SILENT_MAX = 8;

export class Router implements MembershipListener {
  readonly #local: Local;
  readonly #membership: Membership;
  readonly #detector: Detector;
  readonly #requests: Requests;
  strategy: Strategy;
  /** Both made by the first lookup: most peers of a large simulated world never look anything up. */
  #lookups: Map<number, Lookup> | undefined;
  #deadlines: Deadlines | undefined;
  #held: readonly Transit[] = NONE;
  readonly #seen = new SeenRoutes();

  constructor(local: Local, membership: Membership, detector: Detector, requests: Requests, strategy: Strategy) {
    this.#local = local;
    this.#membership = membership;
    this.#detector = detector;
    this.#requests = requests;
    this.strategy = strategy;
    membership.listen(this);
  }

  // --- told by the membership ---

  onZoneChanged(): void {
    this.#releaseHeld();
  }

  onPeerGone(peer: Contact): void {
    this.strategy.forget(peer);
    this.#releaseHeld();
  }

  onPeerMoved(peer: Contact): void {
    this.strategy.forget(peer);
  }

  /** A table for another position, of the peers that the old one has. */
  relocate(strategy: Strategy): void {
    for (const { contact, zoneStart, rttMs } of this.strategy.entries()) strategy.learn(contact, { zoneStart, rttMs });
    this.strategy = strategy;
  }

  onPeerHeard(peer: Contact, vitals: Vitals): void {
    if (vitals.zoneStart) this.strategy.learn(peer, vitals);
    this.#releaseHeld();
  }

  onPeerMeasured(peer: Contact, rttMs: number): void {
    this.strategy.learn(peer, { rttMs });
  }

  get routesHeld(): number {
    return this.#held.length;
  }

  /** Finds the owner of `key`. Exactly one of the two handlers runs, at the latest after all attempts timed out. */
  lookup(key: Position, onDone: (result: LookupResult) => void, onFail: (reason: string) => void): number {
    const startedAt = this.#local.env.now();
    const op: number = this.#start(PURPOSE.lookup, key, undefined, (owner, reply) => {
      onDone({ owner, hops: reply?.hops ?? 0, tookMs: this.#local.env.now() - startedAt });
    }, onFail);
    return op;
  }

  /** Finds who owns our own position besides us, and its leafset; `via` is the first hop, and may be of another ring. */
  seek(via: Contact, onAnswer: (owner: Contact, reply: RouteReply) => void): void {
    this.#start(PURPOSE.seek, this.#local.position, via, (owner, reply) => {
      if (reply) onAnswer(owner, reply);
    }, () => undefined);
  }

  onRoute(from: Contact, route: Route): void {
    this.#local.env.send(from, { type: 'hopAck', hop: route.hop });
    const now = this.#local.env.now();
    if (this.#local.standing === 'left' || this.#seen.check(route, now)) return;
    this.#forward({ route, silent: [], heldSince: now }, from);
  }

  onReply(from: Contact, reply: RouteReply): void {
    const lookup = this.#take(reply.op);
    if (!lookup) return;
    this.strategy.learn(from, reply.vitals);
    lookup.onAnswer(from, reply);
  }

  onTimer(): void {
    const now = this.#local.env.now();
    for (let op = this.#deadlines?.popDue(now); op !== undefined; op = this.#deadlines?.popDue(now)) {
      const lookup = this.#lookups?.get(op);
      if (!lookup || lookup.dueAt > now) continue;
      if (lookup.attempt >= this.#local.options.lookupAttempts) {
        this.#take(op);
        lookup.onFail(`no answer after ${lookup.attempt} attempts`);
      } else {
        lookup.attempt++;
        this.#send(op, lookup);
      }
    }
    if (this.#held.length > 0) this.#held = this.#held.filter((transit) => this.#mayWait(transit, now));
    this.#armTimer();
  }

  // --- at the origin ---

  #start(purpose: number, key: Position, via: Contact | undefined, onAnswer: Lookup['onAnswer'], onFail: Lookup['onFail']): number {
    const op = this.#requests.nextOp();
    this.#lookups ??= new Map<number, Lookup>();
    if (this.#lookups.size >= this.#local.options.operationsMax) {
      onFail('too many lookups in progress');
      return op;
    }
    const startedAt = this.#local.env.now();
    const lookup: Lookup = { key, purpose, startedAt, via, onAnswer, onFail, attempt: 1, dueAt: 0, tried: [] };
    this.#lookups.set(op, lookup);
    this.#send(op, lookup);
    return op;
  }

  #send(op: number, lookup: Lookup): void {
    const { env, options, contact } = this.#local;
    lookup.dueAt = env.now() + options.lookupRetryMs;
    this.#deadlines ??= new Deadlines();
    this.#deadlines.add(lookup.dueAt, op);
    this.#armTimer();
    const route: Route = { type: 'route', op, hop: 0, purpose: lookup.purpose, key: lookup.key, origin: contact, hops: 0, byRing: false, attempt: lookup.attempt };
    const transit: Transit = { route, silent: [...lookup.tried], heldSince: env.now() };
    if (lookup.via) this.#sendTo({ contact: lookup.via }, options.initialTimeoutMs, transit);
    else {
      const first = this.#forward(transit, undefined);
      if (first && lookup.tried.length < SILENT_MAX) lookup.tried.push(first.peerId);
    }
  }

  #armTimer(): void {
    const next = this.#deadlines?.next();
    let holdUntil = Infinity;
    for (const transit of this.#held) holdUntil = Math.min(holdUntil, transit.heldSince + HOLD_MAX_MS);
    if (next !== undefined || holdUntil < Infinity) this.#local.env.arm(TIMER.lookups, Math.min(next ?? Infinity, holdUntil));
  }

  // --- at every hop ---

  /** Delivers, sends on, or holds. Returns the next hop when there is one. */
  #forward(transit: Transit, from: Contact | undefined): Contact | undefined {
    const { route } = transit;
    const seeking = route.purpose === PURPOSE.seek;
    const owned = seeking ? this.#membership.ownsWithout(route.key, route.origin) : this.#membership.owns(route.key);
    if (owned && !(seeking && this.#local.isSelf(route.origin))) {
      this.#deliver(route);
      return undefined;
    }
    if (route.hops >= this.#local.options.hopsMax) {
      this.#local.env.emit({ kind: 'route-dropped', reason: 'too many hops' });
      return undefined;
    }
    const next = this.#choose(transit, from);
    if (!next) this.#hold(transit);
    else this.#sendTo(next, this.#local.timeoutTo(next.coordinate, next.rttMs), next.byRing && !route.byRing ? { ...transit, route: { ...route, byRing: true } } : transit);
    return next?.contact;
  }

  #choose(transit: Transit, from: Contact | undefined): Choice | undefined {
    const { route, silent } = transit;
    const { leafset } = this.#membership;
    const seeking = route.purpose === PURPOSE.seek;
    const skip = (peer: Contact): boolean => silent.includes(peer.peerId) || (seeking && peer.peerId === route.origin.peerId) || this.#detector.isSuspect(peer);
    if (leafset.covers(route.key)) {
      const owner = leafset.ownerOf(route.key, seeking ? (peer) => peer.peerId === route.origin.peerId : undefined);
      if (owner && !this.#detector.isSuspect(owner.contact)) {
        return { ...hopTo(owner), byRing: route.byRing };
      }
      // The owner is in doubt, or it is ourselves by a view that our standing does not bear out yet: wait for the verdict.
      if (owner || this.#local.standing === 'active') return undefined;
    }
    if (!route.byRing) {
      const far = this.strategy.nextHop(route.key, skip);
      if (far && far.contact.peerId !== from?.peerId) return { contact: far.contact, coordinate: far.coordinate, rttMs: far.rttMs, byRing: false };
    }
    const near = leafset.nearestTo(route.key, skip);
    return near ? { ...hopTo(near), byRing: this.#local.options.strategy === 'can' } : undefined;
  }

  #sendTo(next: Hop, timeoutMs: Millis, transit: Transit): void {
    const { route } = transit;
    this.#requests.ask({
      to: next.contact,
      attempts: 1,
      timeoutMs,
      message: (hop) => ({ ...route, hop, hops: route.hops + 1 }),
      onReply: (_ack, rttMs) => this.#onHopAck(next, rttMs),
      onSilent: () => this.#onSilent(next, transit),
    });
  }

  #onSilent(next: Hop, transit: Transit): void {
    if (this.#local.standing === 'left') return;
    // Of a far entry little depends on the verdict: two probes must do.
    this.#detector.suspect(next.contact, next.coordinate, !this.#membership.leafset.find(next.contact));
    if (this.#local.isSelf(transit.route.origin)) {
      if (!this.#lookups?.has(transit.route.op)) return;
      // A search through somebody who is silent has no other way to go; whoever searches tries another.
      if (transit.route.purpose === PURPOSE.seek) {
        this.#take(transit.route.op);
        return;
      }
    }
    if (transit.silent.length >= SILENT_MAX) {
      this.#local.env.emit({ kind: 'route-dropped', reason: 'too many silent hops' });
      return;
    }
    // A neighbour in doubt is settled by the detector; only far entries are written off for this route.
    const silent = this.#membership.leafset.find(next.contact) ? transit.silent : [...transit.silent, next.contact.peerId];
    this.#forward({ route: transit.route, silent, heldSince: transit.heldSince }, undefined);
  }

  /** Every acknowledged hop is a measurement that costs nothing. */
  #onHopAck(next: Hop, rttMs: Millis | undefined): void {
    if (rttMs === undefined) return;
    this.#local.learnRtt(next.coordinate, rttMs, next.rttMs);
    this.#membership.measured(next.contact, rttMs);
  }

  #hold(transit: Transit): void {
    if (this.#held.length >= this.#local.options.routesHeldMax) {
      this.#held = this.#held.slice(1);
      this.#local.env.emit({ kind: 'route-dropped', reason: 'too many routes held' });
    }
    this.#held = this.#held.concat(transit);
    this.#armTimer();
  }

  #mayWait(transit: Transit, now: Millis): boolean {
    if (now < transit.heldSince + HOLD_MAX_MS) return true;
    this.#local.env.emit({ kind: 'route-dropped', reason: 'no verdict about the owner' });
    return false;
  }

  /** Something about the neighbourhood changed: every held route is looked at again. */
  #releaseHeld(): void {
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = NONE;
    for (const transit of held) this.#forward(transit, undefined);
  }

  #deliver(route: Route): void {
    const { env, contact } = this.#local;
    if (route.purpose === PURPOSE.lookup) {
      env.emit({ kind: 'lookup-delivered', op: route.op, key: route.key, origin: route.origin, hops: route.hops });
    }
    if (route.origin.peerId === contact.peerId) {
      this.#take(route.op)?.onAnswer(contact, undefined);
      return;
    }
    const leafset = route.purpose === PURPOSE.seek ? this.#membership.leafset.contacts() : [];
    env.send(route.origin, { type: 'routeReply', op: route.op, hops: route.hops, vitals: this.#vitals(), leafset });
  }

  /** Out of the table: a lookup ends once. */
  #take(op: number): Lookup | undefined {
    const lookup = this.#lookups?.get(op);
    this.#lookups?.delete(op);
    return lookup;
  }

  #vitals(): Vitals {
    return this.#membership.vitals();
  }
}

function hopTo(neighbour: Neighbour): Hop {
  return { contact: neighbour.contact, coordinate: neighbour.coordinate, rttMs: rttOf(neighbour) };
}
