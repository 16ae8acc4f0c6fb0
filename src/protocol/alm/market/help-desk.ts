/**
 * The side of a machine that may help: who has which of its links, until when, and what its operator allows ([0079], [0094]).
 *
 * Nobody helps unless the operator has said so, and then within bounds on links, on what is sent, on sessions, and on the bytes of a
 * month. Whoever asks gets what its priority gives it, at once; those who lose by that are told. A grant is a lease: a session
 * whose root has died, or that lost its word of release, gives back by silence.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { Local } from '../../local.ts';
import type { Alarms } from '../../overlay/alarms.ts';
import type { HelpAnswer, HelpAsk, HelpRelease } from '../../wire/help-messages.ts';
import { PRIORITY_HIGHEST, PRIORITY_LOWEST } from '../instance.ts';
import type { Claim, Claimant, Loss } from './degree-table.ts';
import { DegreeTable } from './degree-table.ts';
import { MonthlyVolume } from './monthly-volume.ts';
import { Stir } from './stir.ts';

/** What the operator of a machine allows. */
export interface HelpTerms {
  /** Links that it has for all its sessions together, own and helped. */
  readonly degree: number;
  /** Undefined: it helps nobody. */
  readonly help: { readonly upBps: number; readonly monthBytes: number; readonly sessions: number } | undefined;
}

/** A machine of which nothing was said takes part in sessions of its own, each with what its uplink bears, and in no others. */
export const DEFAULT_TERMS: HelpTerms = { degree: 256, help: undefined };
export const LEASE_MS = 30_000;
const USEFUL_DEGREE = 2;
const RATE_BPS_MAX = 1e12;
const DEGREE_MAX = 1_000;
/** A coordinate whose error has fallen to so much of what it was tells latencies anew. */
const BETTER_KNOWN = 0.75;
/** An error as small as that needs not fall any more. */
const KNOWN_WELL = 0.1;

interface Lease {
  readonly root: Contact;
  endsAt: Millis;
}

export class HelpDesk {
  readonly table: DegreeTable;
  /** A session of the machine's own has fewer links here than it uses. */
  onOwnLoss: (session: string) => void = () => undefined;
  readonly #local: Local;
  readonly #alarms: Alarms;
  readonly #terms: HelpTerms;
  readonly #volume: MonthlyVolume;
  readonly #leases = new Map<string, Lease>();
  readonly #stir: Stir;
  #leastError = Infinity;
  #watch: number | undefined;

  constructor(local: Local, alarms: Alarms, terms: HelpTerms) {
    this.#local = local;
    this.#alarms = alarms;
    this.#terms = terms;
    this.table = new DegreeTable(terms.degree, terms.help?.upBps);
    this.#volume = new MonthlyVolume(local.env, terms.help?.monthBytes ?? 0);
    this.#stir = new Stir(() => local.env.now());
    this.#stir.note(0);
  }

  /** Links that a session of that priority and rate could have here; 0 without consent. */
  availableTo(priority: number, rateBps: number): number {
    if (this.#terms.help === undefined || this.#volume.isUsedUp || this.#isFull(priority)) return 0;
    return this.table.availableTo({ session: '', priority, member: undefined, rateBps });
  }

  /** Of the latest change from outside that has told on this machine. */
  get stirAgeMs(): Millis {
    const error = Math.max(KNOWN_WELL, this.#local.coordinate.error);
    if (error < BETTER_KNOWN * this.#leastError) {
      this.#leastError = error;
      this.#stir.note(0);
    }
    return this.#stir.ageMs;
  }

  get isWilling(): boolean {
    return this.#terms.help !== undefined;
  }

  granted(session: string): number {
    return this.#leases.has(session) ? this.table.heldBy(session) : 0;
  }

  takeOwn(session: string, priority: number, links: number): string | undefined {
    // It may have helped before it became a member.
    this.#drop(session);
    this.#stir.note(0);
    const { member = { needed: 1, offered: links }, degree = 1 } = this.#own(session) ?? {};
    return this.#setOwn({ session, priority, rateBps: 0, member: { ...member, offered: links }, degree });
  }

  useOwn(session: string, links: number, needed: number): void {
    const own = this.#own(session);
    if (own?.member === undefined || links < 1) return;
    const { offered } = own.member;
    const claimant: Claimant = { ...own, member: { needed: Math.max(1, Math.min(needed, offered)), offered } };
    this.#setOwn({ ...claimant, degree: Math.max(1, Math.min(links, this.table.availableTo(claimant))) });
  }

  giveBackOwn(session: string): void {
    if (this.#leases.has(session)) return;
    this.table.release(session);
    this.#stir.note(0);
  }

  availableToOwn(session: string): number {
    const own = this.#own(session);
    return own?.member === undefined ? 0 : Math.min(own.member.offered, this.table.availableTo(own));
  }

  /** So much was sent for a session that this machine helps. */
  spent(bytes: number): void {
    if (!this.#volume.add(bytes)) return;
    this.#stir.note(0);
    for (const session of [...this.#leases.keys()]) this.#dismiss(session, 'it has sent for others what it may in a month');
  }

  onAsk(from: Contact, message: HelpAsk): void {
    this.#local.env.send(from, this.answer(from, message));
  }

  answer(from: Contact, { op, session, priority, degree, rateBps, stirAgeMs }: HelpAsk): HelpAnswer {
    const answer = (held: number, reason: string): HelpAnswer => ({ type: 'helpAnswer', op, degree: held, leaseMs: LEASE_MS, reason });
    const isSane = priority >= PRIORITY_HIGHEST && priority <= PRIORITY_LOWEST && degree >= 1 && degree <= DEGREE_MAX && rateBps >= 0 && rateBps <= RATE_BPS_MAX && session !== '';
    const refusal = isSane ? this.#refusal(from, session) : 'that cannot be asked';
    if (refusal !== undefined) return answer(0, refusal);
    const claim: Claim = { session, priority, member: undefined, rateBps, degree };
    if (!this.#leases.has(session) && this.#isFull(priority)) return answer(0, 'it helps as many sessions of that priority or a higher one as it may');
    const available = this.table.availableTo(claim);
    const given = Math.min(degree, available);
    if (given < USEFUL_DEGREE) {
      const taking = this.table.take(claim);
      this.#drop(session);
      return answer(0, taking.isGranted ? 'one link is no help' : taking.reason);
    }
    this.#stir.note(stirAgeMs);
    if (!this.#leases.has(session)) this.#makeRoom(priority, session);
    const taking = this.table.take({ ...claim, degree: given });
    if (!taking.isGranted) return answer(0, taking.reason);
    this.#tellLosers(taking.losses, `${session}, of priority ${priority}, took them`);
    this.#leases.set(session, { root: from, endsAt: this.#local.env.now() + LEASE_MS });
    this.#arm();
    return answer(given, given === degree ? '' : `it has ${given} links for this`);
  }

  onRelease(from: Contact, { session, stirAgeMs }: HelpRelease): void {
    if (this.#leases.get(session)?.root.peerId !== from.peerId) return;
    this.#drop(session);
    this.#stir.note(stirAgeMs);
  }

  #own(session: string): Claim | undefined {
    return this.table.claims.find((claim) => claim.session === session && claim.member !== undefined);
  }

  /** Undefined when it has them; otherwise the reason why not. */
  #setOwn(claim: Claim): string | undefined {
    const taking = this.table.take(claim);
    if (!taking.isGranted) return taking.reason;
    this.#tellLosers(taking.losses, `the machine needs them for ${claim.session}, of which it is a member`);
    return undefined;
  }

  /** This machine goes: whoever it helps looks for another at once. */
  leaveAll(): void {
    this.#stir.note(0);
    for (const session of [...this.#leases.keys()]) this.#dismiss(session, 'it leaves the pool');
  }

  #refusal(from: Contact, session: string): string | undefined {
    if (this.#terms.help === undefined) return 'its operator has not said that it may help';
    if (this.#volume.isUsedUp) return 'it has sent for others what it may in a month';
    const lease = this.#leases.get(session);
    if (lease !== undefined && lease.root.peerId !== from.peerId) return 'another machine leads a session of that name';
    if (lease === undefined && this.table.heldBy(session) > 0) return 'it is a member of that session';
    return undefined;
  }

  /** As many sessions as the operator allows, none of which would yield. */
  #isFull(priority: number): boolean {
    return this.#leases.size >= (this.#terms.help?.sessions ?? 0) && this.#lowest(priority) === undefined;
  }

  /** A higher priority does not wait for a lower one because of the number of sessions either. */
  #makeRoom(priority: number, session: string): void {
    if (this.#leases.size < (this.#terms.help?.sessions ?? 0)) return;
    const loser = this.#lowest(priority);
    if (loser !== undefined) this.#dismiss(loser, `${session}, of priority ${priority}, took its place`);
  }

  /** The latest of the lowest priority among those that are helped, if it is below this one. */
  #lowest(priority: number): string | undefined {
    let lowest: Claim | undefined;
    for (const claim of this.table.claims) if (claim.member === undefined && claim.priority > priority && (lowest === undefined || claim.priority >= lowest.priority)) lowest = claim;
    return lowest?.session;
  }

  #tellLosers(losses: readonly Loss[], reason: string): void {
    for (const { session, left } of losses) {
      const lease = this.#leases.get(session);
      if (left === 0) this.#leases.delete(session);
      if (lease !== undefined) this.#tell(lease.root, session, left, reason);
      else this.onOwnLoss(session);
    }
  }

  #dismiss(session: string, reason: string): void {
    const lease = this.#leases.get(session);
    this.#drop(session);
    if (lease !== undefined) this.#tell(lease.root, session, 0, reason);
  }

  #tell(root: Contact, session: string, degree: number, reason: string): void {
    this.#local.env.send(root, { type: 'helpLost', session, degree, reason, stirAgeMs: this.#stir.ageMs });
  }

  /** Of a session that is helped; one of our own stays. */
  #drop(session: string): void {
    if (this.#leases.delete(session)) this.table.release(session);
  }

  #arm(): void {
    if (this.#watch !== undefined) return;
    let next = Infinity;
    for (const { endsAt } of this.#leases.values()) next = Math.min(next, endsAt);
    if (next === Infinity) return;
    this.#watch = this.#alarms.in(next - this.#local.env.now(), () => {
      this.#watch = undefined;
      const now = this.#local.env.now();
      for (const [session, { endsAt }] of [...this.#leases]) {
        if (endsAt > now) continue;
        this.#drop(session);
        this.#stir.note(0);
      }
      this.#arm();
    });
  }
}
