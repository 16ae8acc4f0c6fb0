/**
 * Probes: who is alive, who is dead, and what they know ([0042], [0043]).
 *
 * A silent neighbour is suspected, probed with growing time-outs, and dead only after the last probe; a claim of death
 * from elsewhere starts the same procedure and settles nothing by itself. On a death that this peer found first, its
 * whole leafset is probed at once, which spreads the claim and mends the gap in one exchange. Candidates known by hearsay
 * are probed before they enter the leafset. Probes carry the leafset only when the other side has not seen it yet.
 */
import type { Contact } from '../../core/contact.ts';
import { samePeer } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import { CIRCLE, circleDistance, clockwise, inArc } from '../../core/position.ts';
import type { Local } from '../local.ts';
import { TIMER } from '../local.ts';
import type { Requests } from '../requests.ts';
import type { Coordinate, Probe, ProbeReply, Vitals } from '../wire/messages.ts';
import type { Neighbour } from './leafset.ts';
import { rttOf } from './leafset.ts';
import type { Membership } from './membership.ts';

/** Deaths that happen within this time are told in one wave. */
const WAVE_DELAY_MS = 100;
/** Least time between two waves. */
const WAVE_PAUSE_MS = 2_000;
/** Deaths this recent are told. */
const CLAIM_AGE_MS = 30_000;
const CLAIMS_MAX = 32;
/**
 * Claims are repeated in every probe for CLAIM_AGE_MS: who was heard so lately is not checked again, and who refuted his own
 * death so lately does not do so again.
 */
const CLAIM_PAUSE_MS = 3_000;
/** A candidate is probed one time less than a member: nothing is lost by meeting it later. */
const CANDIDATE_ATTEMPTS_LESS = 1;
/** Who is claimed to be dead was probed to the end by whoever claims it; this is only the second opinion. */
const CLAIMED_ATTEMPTS = 2;

interface Probing {
  readonly peer: Contact;
  /** Suspected to be dead. */
  inDoubt: boolean;
  /** Known by hearsay or met anew: it may become a neighbour. */
  readonly candidate: boolean;
}

/** As the wire has it. */
const INCARNATION_MAX = 2 ** 32 - 1;
/** Incarnations that a peer can have lost count of; who claims more is lying. */
const LOST_COUNT_MAX = 100_000;

export interface DetectorWatcher {
  /** A candidate answered or turned out dead. */
  onCandidateDecided(): void;
  /** A peer that was remembered as lost is back. */
  onReturned(peer: Contact): void;
  /** A neighbour died and the sides of the leafset now overlap: are we really so few? */
  onThin(): void;
}

export class Detector {
  readonly #local: Local;
  readonly #membership: Membership;
  readonly #requests: Requests;
  /** Who is being probed: each is probed once at a time. Mostly nobody or one, `probesMax` at most. */
  #probing: Probing[] = [];
  #waveArmed = false;
  #wavedAt: Millis = -Infinity;
  #outlivedAt: Millis = -Infinity;
  /** Whoever acts on what is found: the ring, which knows the detector and not the other way round. */
  watcher: DetectorWatcher | undefined;

  constructor(local: Local, membership: Membership, requests: Requests) {
    this.#local = local;
    this.#membership = membership;
    this.#requests = requests;
  }

  /** Is a candidate still undecided that would stand between our nearest neighbours and us? */
  get isNearestOpen(): boolean {
    const { predecessor, successor } = this.#membership.leafset;
    for (const { peer, candidate } of this.#probing) {
      if (!candidate) continue;
      if (!predecessor || !successor || inArc(peer.position, predecessor.contact.position, successor.contact.position)) return true;
    }
    return false;
  }

  /** Probes a peer known by hearsay, or met anew; it enters the leafset if it answers and fits. */
  probe(peer: Contact, coordinate?: Coordinate, attempts = this.#local.options.probeAttempts - CANDIDATE_ATTEMPTS_LESS): void {
    if (this.#local.isSelf(peer) || this.#find(peer) || this.#probing.length >= this.#local.options.probesMax) return;
    const probing: Probing = { peer, inDoubt: false, candidate: true };
    this.#ask(probing, coordinate, attempts, () => this.watcher?.onCandidateDecided(), () => {
      this.#dropDead(peer, false);
      // Only the best of those told were probed: one of the others may stand in.
      this.repair();
      this.watcher?.onCandidateDecided();
    });
  }

  /**
   * Doubts that `peer` lives: probes it; it is dead when it stays silent. `claimed`: somebody else said so, or it is no
   * neighbour, and little depends on it.
   */
  suspect(peer: Contact, coordinate: Coordinate | undefined, claimed: boolean): void {
    if (this.#local.isSelf(peer) || this.isSuspect(peer)) return;
    const member = this.#membership.leafset.find(peer);
    if (member) {
      member.suspect = true;
      this.#local.env.emit({ kind: 'peer-suspected', peer });
    }
    const probing = this.#find(peer);
    if (probing) {
      probing.inDoubt = true;
      return;
    }
    const attempts = claimed ? CLAIMED_ATTEMPTS : this.#local.options.probeAttempts;
    this.#ask({ peer, inDoubt: true, candidate: false }, member?.coordinate ?? coordinate, attempts, () => undefined, () => this.#dropDead(peer, !claimed));
  }

  isSuspect(peer: Contact): boolean {
    return this.#find(peer)?.inDoubt === true;
  }

  /** An answered exchange with a known peer. It raises no suspicion, but silence to the end is death. */
  exchange(peer: Contact, coordinate: Coordinate | undefined): void {
    if (this.#local.isSelf(peer) || this.#find(peer)) return;
    const { probeAttempts } = this.#local.options;
    this.#ask({ peer, inDoubt: false, candidate: false }, coordinate, probeAttempts, () => undefined, () => this.#dropDead(peer, true));
  }

  /** Probes every neighbour at once: after deaths, and on joining. */
  wave(): void {
    for (const member of this.#membership.leafset.members()) this.exchange(member.contact, member.coordinate);
  }

  onWaveTimer(): void {
    this.#waveArmed = false;
    this.#wavedAt = this.#local.env.now();
    this.wave();
    this.repair();
  }

  /** A side that is short is refilled from what its last member knows. */
  repair(): void {
    const { leafset } = this.#membership;
    for (const side of [leafset.right, leafset.left]) {
      const last = side[side.length - 1];
      if (last && side.length < this.#local.options.leafsetRadius) {
        last.knownDigest = 0;
        this.exchange(last.contact, last.coordinate);
      }
    }
  }

  /** Contacts told by somebody: those that would be neighbours, if all of them live, are probed. Returns how many. */
  takeIn(contacts: readonly Contact[]): number {
    const now = this.#local.env.now();
    const { leafset, remembered } = this.#membership;
    const candidates: Contact[] = [];
    for (const contact of contacts) {
      if (contact.position.lead === this.#local.position.lead && this.#local.isSelf(contact)) {
        if (contact.incarnation > this.#local.contact.incarnation) this.#outlive(contact.incarnation);
        continue;
      }
      if (!leafset.fits(contact) || leafset.find(contact)) continue;
      if (remembered.isHearsay(contact, now)) continue;
      candidates.push(contact);
    }
    const best = leafset.bestOf(candidates);
    for (const candidate of best) this.probe(candidate);
    return best.length;
  }

  onProbe(from: Contact, probe: Probe, at: Millis): void {
    const { leafset } = this.#membership;
    this.hear(from, probe.vitals, at);
    const entry = leafset.find(from);
    // A stranger is told the members too: it may belong somewhere between them.
    const tell = probe.knownDigest !== leafset.digest;
    const reply: ProbeReply = {
      type: 'probeReply', op: probe.op, vitals: this.#membership.vitals(),
      leafset: tell ? leafset.contacts() : [],
    };
    this.#local.env.send(from, reply);
    if (probe.leafset.length > 0) {
      if (entry) entry.knownDigest = probe.vitals.leafsetDigest;
      this.#compare(from, probe.leafset, at);
    }
    for (const peerId of probe.failed) this.#onClaim(peerId);
  }

  /**
   * Others think this incarnation dead, or know us by a higher one: ours has to be higher still, or they will not listen.
   * A peer that lost count (of those by which an earlier life refuted its death) is told by its old neighbours.
   */
  #outlive(known: number): void {
    if (known >= INCARNATION_MAX || known > this.#local.contact.incarnation + LOST_COUNT_MAX) return;
    const incarnation = known + 1;
    this.#outlivedAt = this.#local.env.now();
    this.#local.contact = { ...this.#local.contact, incarnation };
    this.#local.env.emit({ kind: 'self-refuted', incarnation });
  }

  /** Claims about ourselves are refuted by a higher incarnation; claims about neighbours are checked. */
  #onClaim(peerId: string): void {
    const now = this.#local.env.now();
    if (peerId === this.#local.contact.peerId) {
      if (now - this.#outlivedAt >= CLAIM_PAUSE_MS) this.#outlive(this.#local.contact.incarnation);
      return;
    }
    const member = this.#membership.leafset.findById(peerId);
    if (member && now - member.heardAt >= CLAIM_PAUSE_MS) this.suspect(member.contact, member.coordinate, true);
  }

  #find(peer: Contact): Probing | undefined {
    for (const probing of this.#probing) if (samePeer(probing.peer, peer)) return probing;
    return undefined;
  }

  #ask(probing: Probing, coordinate: Coordinate | undefined, attempts: number, onAlive: () => void, onSilent: () => void): void {
    const { leafset, remembered } = this.#membership;
    const { peer } = probing;
    const member = leafset.find(peer);
    const toldDigest = leafset.digest;
    const tell = member?.toldDigest !== toldDigest;
    const leafsetNow = tell ? leafset.contacts() : [];
    this.#probing = this.#probing.concat(probing);
    this.#requests.ask({
      to: peer,
      attempts,
      timeoutMs: this.#local.timeoutTo(member?.coordinate ?? coordinate, rttOf(member)),
      message: (op) => ({
        type: 'probe', op, vitals: this.#membership.vitals(),
        knownDigest: member?.knownDigest ?? 0, leafset: leafsetNow,
        failed: remembered.lostSince(this.#local.env.now() - CLAIM_AGE_MS, CLAIMS_MAX),
      }),
      onReply: (reply, rttMs, from) => {
        this.#probing = this.#probing.filter((other) => other !== probing);
        if (reply.type === 'probeReply') this.#onAnswer(from, reply, rttMs, toldDigest);
        onAlive();
      },
      onSilent: () => {
        this.#probing = this.#probing.filter((other) => other !== probing);
        onSilent();
      },
    });
  }

  #onAnswer(peer: Contact, reply: ProbeReply, rttMs: number | undefined, toldDigest: number): void {
    if (rttMs !== undefined) this.#local.learnRtt(reply.vitals.coordinate, rttMs, rttOf(this.#membership.leafset.find(peer)));
    const member = this.#alive(peer, reply.vitals, this.#local.env.now());
    // Who is joining owns nothing, so no route may lead there yet.
    if (rttMs !== undefined && reply.vitals.zoneStart) this.#membership.measured(peer, rttMs);
    if (member) {
      if (member.suspect) {
        member.suspect = false;
        this.#local.env.emit({ kind: 'peer-refuted', peer });
      }
      member.toldDigest = toldDigest;
      if (reply.leafset.length > 0) member.knownDigest = reply.vitals.leafsetDigest;
    }
    this.#compare(peer, reply.leafset, this.#local.env.now());
  }

  /**
   * A neighbour told us its members: we take in whom we lack, and doubt whom it lacks, because what it had to say of
   * their death may have been lost on the way to us. A member heard lately is news that it has not got yet.
   */
  #compare(neighbour: Contact, theirs: readonly Contact[], at: Millis): void {
    this.takeIn(theirs);
    const { leafset } = this.#membership;
    // Who is joining knows but few yet.
    if (theirs.length === 0 || leafset.find(neighbour)?.joining !== false) return;
    const { heartbeatMs } = this.#local.options;
    const center = neighbour.position.lead;
    const leads = theirs.map((contact) => contact.position.lead);
    for (const side of [leafset.right, leafset.left]) {
      for (const { contact, coordinate, heardAt } of side) {
        const { lead } = contact.position;
        if (at - heardAt < heartbeatMs || leads.includes(lead) || lead === center) continue;
        if (leafset.wrapsAround || isBetween(center, lead, leads)) this.suspect(contact, coordinate, true);
      }
    }
  }

  /**
   * A peer spoke without being asked. One that we found dead a moment ago has to answer us before it is a neighbour again:
   * between two peers of which only one hears the other, death and return would follow each other without end, and tell
   * everybody each time.
   */
  hear(from: Contact, vitals: Vitals, at: Millis): Neighbour | undefined {
    if (!this.#membership.remembered.isFresh(from, at)) return this.#alive(from, vitals, at);
    this.probe(from, vitals.coordinate);
    return undefined;
  }

  #alive(from: Contact, vitals: Vitals, at: Millis): Neighbour | undefined {
    const returned = this.#membership.remembered.remove(from);
    const entry = this.#membership.hear(from, vitals, at);
    if (returned) this.watcher?.onReturned(from);
    return entry;
  }

  #dropDead(peer: Contact, foundHere: boolean): void {
    const wasMember = this.#membership.bury(peer);
    if (!wasMember) return;
    if (this.#membership.leafset.wrapsAround) this.watcher?.onThin();
    if (foundHere && !this.#waveArmed) {
      this.#waveArmed = true;
      const now = this.#local.env.now();
      this.#local.env.arm(TIMER.wave, Math.max(now + WAVE_DELAY_MS, this.#wavedAt + WAVE_PAUSE_MS));
    } else if (!foundHere) {
      this.repair();
    }
  }
}

/** Does `lead` stand between `center` and the farthest of `leads` on its side of it? */
function isBetween(center: number, lead: number, leads: readonly number[]): boolean {
  const right = clockwise(center, lead) < CIRCLE / 2;
  const distance = circleDistance(center, lead);
  for (const other of leads) {
    if (clockwise(center, other) < CIRCLE / 2 === right && circleDistance(center, other) > distance) return true;
  }
  return false;
}
