/**
 * The life of a peer in the ring: joining, beating, exchanging, leaving, and finding a ring that was split off.
 *
 * Joining: seek the neighbourhood of the own position, probe all of it, then ask the successor, which owns the zone until
 * that moment, to let go of it; its reply makes us a member. So every part of the circle has one owner or, for one message
 * delay, none. Beating: an unanswered heartbeat to the left neighbour, which probes when it stops ([0043]). Exchanging:
 * one answered probe per `exchangeMs` with a neighbour, a remembered lost peer or a routing-table entry in turn.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import { TIMER } from '../local.ts';
import type { Requests } from '../requests.ts';
import type { Heartbeat, Leave, RouteReply } from '../wire/messages.ts';
import type { Detector, DetectorWatcher } from './detector.ts';
import type { Membership } from './membership.ts';

/** With whom the exchanges are, in turn. */
const EXCHANGE_TURNS: readonly ('neighbour' | 'lost' | 'entry')[] = ['neighbour', 'lost', 'neighbour', 'entry', 'neighbour', 'entry'];
/**
 * As many neighbours as one side has died within this time: an arc between two such gaps may have closed to a ring of its
 * own, all of whose members agree. Only somebody outside can tell, so places are sought through table entries.
 */
const DISASTER_MS = 40_000;
/** Pause before a claim that was not granted is made again. */
const CLAIM_RETRY_MS = 400;
/** Least time between two searches for our own place. */
const SEEK_PAUSE_MS = 1_000;

/** What the ring needs of routing: the router ... */
export interface Seeker {
  /** Routes to whoever owns our position besides us, beginning at `via`; the answer may never come. */
  seek(via: Contact, onAnswer: (owner: Contact, answer: RouteReply) => void): void;
}

/** ... and the routing table. */
export interface Tables {
  /** Some routing-table entry, for the exchange with a random member. */
  randomEntry(): Contact | undefined;
  /** We own a zone now. `wired`: the routing table was given with it. */
  start(wired: boolean): void;
}

export class Ring implements DetectorWatcher {
  readonly #local: Local;
  readonly #membership: Membership;
  readonly #detector: Detector;
  readonly #requests: Requests;
  readonly #seeker: Seeker;
  readonly #tables: Tables;
  #introducers: Contact[] = [];
  #joinStartedAt: Millis = 0;
  #joinAttempt = 0;
  #claiming = false;
  #exchanges = 0;
  #nextMember = 0;
  #seekingSince: Millis = -Infinity;

  constructor(local: Local, membership: Membership, detector: Detector, requests: Requests, seeker: Seeker, tables: Tables) {
    this.#local = local;
    this.#membership = membership;
    this.#detector = detector;
    this.#requests = requests;
    this.#seeker = seeker;
    this.#tables = tables;
    detector.watcher = this;
  }

  /** Enters the ring of any of these peers; with none, begins a ring of one. */
  join(introducers: readonly Contact[]): void {
    this.#introducers = introducers.filter((peer) => !this.#local.isSelf(peer));
    this.#joinStartedAt = this.#local.env.now();
    if (this.#introducers.length === 0) this.#becomeMember(false);
    else this.#tryJoin();
  }

  /** A peer of the pool was discovered (LAN, bootstrap list): if its ring is another one, the two merge. */
  meet(peer: Contact): void {
    if (this.#local.standing === 'joining') this.#introducers.push(peer);
    else if (!this.#membership.leafset.find(peer)) this.#seekThrough(peer);
  }

  /** Enters a converged ring directly: for simulations that start from a given topology. */
  startAsMember(): void {
    this.#joinStartedAt = this.#local.env.now();
    this.#becomeMember(true);
  }

  leave(): void {
    const { leafset } = this.#membership;
    this.#local.standing = 'leaving';
    const contacts = leafset.contacts();
    const goodbye: Leave = { type: 'leave', leafset: contacts };
    for (const contact of contacts) this.#local.env.send(contact, goodbye);
    for (const kind of [TIMER.heartbeat, TIMER.watch, TIMER.exchange, TIMER.wave, TIMER.join]) this.#local.env.disarm(kind);
    this.#membership.settle();
    this.#local.env.emit({ kind: 'ring-left' });
  }

  onHeartbeat(from: Contact, beat: Heartbeat, at: Millis): void {
    const entry = this.#detector.hear(from, beat.vitals, at);
    // A heartbeat comes from our right neighbour. Anyone further right has not met the peers between: tell it.
    if (entry && !beat.announcement && entry !== this.#membership.leafset.right[0] && !entry.joining) this.#correct(from);
  }

  onLeave(from: Contact, leave: Leave): void {
    this.#membership.farewell(from);
    this.#detector.takeIn(leave.leafset);
    this.#detector.repair();
  }

  onTimer(kind: number): void {
    if (kind === TIMER.heartbeat) this.#beat();
    else if (kind === TIMER.watch) this.#watch();
    else if (kind === TIMER.exchange) this.#exchange();
    else if (kind === TIMER.wave) this.#detector.onWaveTimer();
    else if (kind === TIMER.join) this.#onJoinTimer();
  }

  // --- joining ---

  #tryJoin(): void {
    const { env, options } = this.#local;
    const via = this.#introducers[this.#joinAttempt % this.#introducers.length] as Contact;
    if (this.#joinAttempt > 0) env.emit({ kind: 'join-retried', attempt: this.#joinAttempt });
    this.#joinAttempt++;
    env.arm(TIMER.join, env.now() + options.joinRetryMs * Math.min(this.#joinAttempt, 5));
    this.#seeker.seek(via, (owner, answer) => {
      if (this.#local.standing !== 'joining') return;
      this.#detector.takeIn([owner, ...answer.leafset]);
      this.#claimZone();
    });
  }

  #onJoinTimer(): void {
    if (this.#local.standing !== 'joining') return;
    if (this.#membership.leafset.successor) this.#claimZone();
    if (this.#local.standing === 'joining' && !this.#claiming) this.#tryJoin();
  }

  /** Asks the successor, when nobody nearer is in question, to let go of the part of its zone that is to be ours. */
  #claimZone(): void {
    if (this.#local.standing !== 'joining' || this.#claiming || this.#detector.isNearestOpen) return;
    const successor = this.#membership.leafset.successor;
    if (!successor) return;
    this.#claiming = true;
    const { contact, coordinate } = successor;
    this.#requests.ask({
      to: contact,
      attempts: this.#local.options.probeAttempts,
      timeoutMs: this.#local.timeoutTo(coordinate),
      message: (op) => ({
        type: 'probe', op, knownDigest: 0, leafset: [], failed: [],
        // Stating a zone is the claim: from here on the successor counts us as a member.
        vitals: { ...this.#membership.vitals(), zoneStart: this.#claimedStart() },
      }),
      onReply: (reply) => {
        this.#claiming = false;
        if (reply.type !== 'probeReply') return;
        const granted = reply.vitals.zoneStart?.hex === this.#local.position.hex;
        this.#membership.hear(contact, reply.vitals, this.#local.env.now());
        this.#detector.takeIn(reply.leafset);
        if (granted && !this.#detector.isNearestOpen) this.#becomeMember(false);
        else this.#local.env.arm(TIMER.join, this.#local.env.now() + CLAIM_RETRY_MS);
      },
      onSilent: () => {
        this.#claiming = false;
        this.#membership.bury(contact);
        this.#local.env.arm(TIMER.join, this.#local.env.now() + CLAIM_RETRY_MS);
      },
    });
  }

  #claimedStart(): Position {
    return this.#membership.leafset.predecessor?.contact.position ?? this.#local.position;
  }

  #becomeMember(wired: boolean): void {
    const { env, options } = this.#local;
    const now = env.now();
    this.#local.standing = 'active';
    env.disarm(TIMER.join);
    env.emit({ kind: 'ring-joined', tookMs: now - this.#joinStartedAt });
    this.#membership.settle();
    // A seeded stagger keeps peers that start together from beating together.
    env.arm(TIMER.heartbeat, now + env.random.unit() * options.heartbeatMs);
    env.arm(TIMER.exchange, now + env.random.unit() * options.exchangeMs);
    this.#armWatch();
    if (!wired) this.#announce();
    this.#tables.start(wired);
  }

  /** At a new position, among neighbours that somebody else knew. */
  onRelocated(): void {
    this.#announce();
    this.#detector.wave();
    this.#tables.start(false);
  }

  #announce(): void {
    const { env } = this.#local;
    const announcement: Heartbeat = { type: 'heartbeat', vitals: this.#membership.vitals(), announcement: true };
    for (const member of this.#membership.leafset.members()) env.send(member.contact, announcement);
  }

  // --- staying ---

  #beat(): void {
    const { env, options } = this.#local;
    const left = this.#membership.leafset.left[0];
    if (left) env.send(left.contact, { type: 'heartbeat', vitals: this.#membership.vitals(), announcement: false });
    env.arm(TIMER.heartbeat, env.now() + options.heartbeatMs);
    if (this.#membership.remembered.lostSince(env.now() - DISASTER_MS, options.leafsetRadius).length >= options.leafsetRadius) this.#seekFromAfar();
  }

  #armWatch(): void {
    const { env, options } = this.#local;
    const limit = options.heartbeatMs + options.heartbeatGraceMs;
    const heardAt = this.#membership.leafset.right[0]?.heardAt ?? env.now();
    env.arm(TIMER.watch, Math.max(heardAt + limit, env.now() + options.heartbeatGraceMs));
  }

  #watch(): void {
    const { env, options } = this.#local;
    const right = this.#membership.leafset.right[0];
    const limit = options.heartbeatMs + options.heartbeatGraceMs;
    if (right && env.now() - right.heardAt >= limit) this.#detector.suspect(right.contact, right.coordinate, false);
    this.#armWatch();
  }

  #exchange(): void {
    const { env, options } = this.#local;
    // Up to a tenth early or late, so that exchanges of different peers do not fall into step.
    env.arm(TIMER.exchange, env.now() + options.exchangeMs * (0.9 + 0.2 * env.random.unit()));
    const turn = EXCHANGE_TURNS[this.#exchanges++ % EXCHANGE_TURNS.length];
    const lost = turn === 'lost' ? this.#membership.remembered.pick(env.random) : undefined;
    // Most of the lost are dead: one try is enough, there will be another.
    if (lost) return this.#detector.probe(lost, undefined, 1);
    const entry = turn === 'entry' ? this.#tables.randomEntry() : undefined;
    if (entry) return this.#detector.exchange(entry, undefined);
    const members = this.#membership.leafset.members();
    // Nobody waits for the heartbeats of a peer that is joining: if it died half-way, only this finds out.
    const member = members.find(({ joining }) => joining) ?? members[this.#nextMember++ % Math.max(1, members.length)];
    if (member) this.#detector.exchange(member.contact, member.coordinate);
    this.#detector.repair();
  }

  /** Tells a peer that took us for its left neighbour who stands between. */
  #correct(peer: Contact): void {
    const entry = this.#membership.leafset.find(peer);
    if (entry) {
      entry.toldDigest = 0;
      this.#detector.exchange(peer, entry.coordinate);
    }
  }

  // --- merging ---

  /** A peer we had given up answers: it may belong to a ring that was split off, so look for our place there. */
  onReturned(peer: Contact): void {
    if (this.#local.standing === 'active') this.#seekThrough(peer);
  }

  onCandidateDecided(): void {
    this.#claimZone();
  }

  onThin(): void {
    this.#seekFromAfar();
  }

  /** After deaths that left us with few neighbours: somebody far off knows whether we are really so few. */
  #seekFromAfar(): void {
    const via = this.#tables.randomEntry() ?? this.#membership.leafset.left.at(-1)?.contact;
    if (via && this.#local.standing === 'active') this.#seekThrough(via);
  }

  /** One search at a time: what the last second's search finds would be the same. */
  #seekThrough(via: Contact): void {
    const now = this.#local.env.now();
    if (now - this.#seekingSince < SEEK_PAUSE_MS) return;
    this.#seekingSince = now;
    this.#seeker.seek(via, (owner, answer) => {
      const probed = this.#detector.takeIn([owner, ...answer.leafset]);
      if (probed > 0) this.#local.env.emit({ kind: 'neighbours-found', through: via, count: probed });
    });
  }
}
