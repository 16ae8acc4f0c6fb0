/**
 * One machine's degree table ([0092]-[0094]): which session holds how many of its links, and at which priority.
 *
 * A claim takes what is free and what those of lower rank hold, and never more than the bound ([0091]); where the machine has
 * also bounded what it sends, links count by the rate of their session. What a session needs at its own members for a tree without helpers
 * it has before everybody else: "this ensures that each session can be run" ([0090]); what it has there beside that, and everything
 * elsewhere, counts at its priority. Among equals the holder keeps, and whoever comes later is told why. docs/decisions/0044.
 */
import { assert } from '../../../core/assert.ts';
import { PRIORITY_HIGHEST, PRIORITY_LOWEST } from '../instance.ts';

/** What a session may count on at its own member. */
export interface Membership {
  /** Links of its tree without helpers: nobody may keep them from it. More it has at its own priority. */
  readonly needed: number;
  /** Links that no other session of the machine's own may have. What it does not use of them can help others meanwhile. */
  readonly offered: number;
}

/** Who claims links: what decides over others. */
export interface Claimant {
  readonly session: string;
  /** Of the session, 1 to 3. */
  readonly priority: number;
  /** Undefined: the machine is no member of the session, it would help. */
  readonly member: Membership | undefined;
  /** What a link to a child carries; 0 where the machine does not bound what it sends. */
  readonly rateBps: number;
}

/** What a session wants of the machine, or holds there. */
export interface Claim extends Claimant {
  /** Links in use, the one to the parent included. */
  readonly degree: number;
}

export interface Loss {
  readonly session: string;
  readonly lost: number;
  /** Links that it still holds here. */
  readonly left: number;
}

export type Taking = { readonly isGranted: true; readonly losses: readonly Loss[] } | { readonly isGranted: false; readonly available: number; readonly reason: string };

/** A helper with one link of a tree serves nobody: who keeps less than two has lost all. */
const USEFUL_DEGREE = 2;
/** Sessions that one machine takes part in at once; a further one is refused. */
export const SESSIONS_MAX = 64;
/** Holders that a refusal names. */
const NAMES_MAX = 3;

/** At its own members a session takes what it needs before everybody else. */
const NEED = 0;

/** Who has less takes from who has more: 0 for what a session needs of its own member, else its priority. */
export function rankOf({ priority, member, degree }: Pick<Claim, 'priority' | 'member' | 'degree'>): number {
  assert(priority >= PRIORITY_HIGHEST && priority <= PRIORITY_LOWEST, 'a priority is 1, 2 or 3');
  return member !== undefined && degree <= member.needed ? NEED : priority;
}

export class DegreeTable {
  readonly bound: number;
  /** What the machine sends for others at most; sessions of its own are not limited by it. */
  readonly #upBps: number;
  /** In the order in which they came. */
  #claims: readonly Claim[] = [];

  constructor(bound: number, upBps = Infinity) {
    this.bound = bound;
    this.#upBps = upBps;
  }

  get claims(): readonly Claim[] {
    return this.#claims;
  }

  get used(): number {
    return sumOf(this.#claims, ({ degree }) => degree);
  }

  get free(): number {
    return this.bound - this.used;
  }

  /** Links taken at priority 1, 2 and 3: what the report says ([0093]). What members' sessions need is of priority 1. */
  get rows(): readonly [number, number, number] {
    const rows: [number, number, number] = [0, 0, 0];
    for (const claim of this.#claims) {
      const needed = neededIn(claim);
      rows[0] += needed;
      rows[(claim.priority - 1) as 0 | 1 | 2] += claim.degree - needed;
    }
    return rows;
  }

  heldBy(session: string): number {
    return this.#claims.find((claim) => claim.session === session)?.degree ?? 0;
  }

  /** Links that this session could have in all: what nobody of its rank or above holds. */
  availableTo({ session, priority, member, rateBps }: Claimant): number {
    const others = this.#claims.filter((claim) => claim.session !== session);
    if (member !== undefined) {
      const room = this.bound - sumOf(others, offeredTo);
      const free = this.bound - sumOf(others, (claim) => (claim.member === undefined ? keptFrom(claim, priority) : claim.degree));
      return Math.max(0, Math.min(room, Math.max(member.needed, free)));
    }
    const sentBps = sumOf(others, (claim) => (claim.priority <= priority ? sentFor(claim) : 0));
    const sendable = rateBps === 0 ? Infinity : 1 + Math.floor(Math.max(0, this.#upBps - sentBps) / rateBps);
    return Math.max(0, Math.min(this.bound - sumOf(others, (claim) => keptFrom(claim, priority)), sendable));
  }

  /** Sets what the session holds here: all of it or nothing. */
  take(claim: Claim): Taking {
    const { session, degree, member } = claim;
    assert(Number.isInteger(degree) && degree >= 1, 'a claim is for at least one link');
    const isNew = this.heldBy(session) === 0;
    const offered = member?.offered ?? 0;
    const room = this.bound - sumOf(this.#claims.filter((held) => held.session !== session), offeredTo);
    if (offered > room) return { isGranted: false, available: Math.max(0, room), reason: this.#reason(claim, offered, Math.max(0, room), NEED) };
    const available = this.availableTo(claim);
    if (degree > available) return { isGranted: false, available, reason: this.#reason(claim, degree, available, claim.priority) };
    if (isNew && this.#claims.length >= SESSIONS_MAX) return { isGranted: false, available: 0, reason: `it takes part in ${SESSIONS_MAX} sessions, and in no more at once` };
    this.#claims = isNew ? [...this.#claims, claim] : this.#claims.map((held) => (held.session === session ? claim : held));
    return { isGranted: true, losses: this.#yield(claim) };
  }

  /** Everything that the session holds. */
  release(session: string): void {
    if (this.heldBy(session) > 0) this.#claims = this.#claims.filter((claim) => claim.session !== session);
  }

  /**
   * Those of a rank above the claim's give up what is too much: the lowest first, among equals the latest. Sessions of the machine's own
   * yield to those that it helps only, and not what they need: among themselves they have what they were offered.
   */
  #yield(taker: Claim): Loss[] {
    const rank = rankOf(taker);
    const order = this.#claims.map((claim, i) => [claim, i] as const)
      .filter(([claim]) => claim.session !== taker.session && keptFrom(claim, rank) < claim.degree && (claim.member === undefined || taker.member === undefined));
    order.sort(([a, i], [b, j]) => b.priority - a.priority || j - i);
    const losses: Loss[] = [];
    for (const [claim] of order) {
      const links = this.used - this.bound;
      const bps = sumOf(this.#claims, sentFor) - this.#upBps;
      const excess = Math.max(links, claim.rateBps === 0 || claim.member !== undefined ? 0 : Math.ceil(bps / claim.rateBps));
      if (links <= 0 && bps <= 0) break;
      if (excess <= 0) continue;
      const rest = Math.max(keptFrom(claim, rank), claim.degree - excess);
      const left = rest < USEFUL_DEGREE && claim.member === undefined ? 0 : rest;
      losses.push({ session: claim.session, lost: claim.degree - left, left });
      this.#claims = this.#claims.flatMap((held) => (held !== claim ? [held] : left === 0 ? [] : [{ ...claim, degree: left }]));
    }
    assert(this.used <= this.bound, 'what is available can be had');
    return losses;
  }

  /** Of helped sessions, those up to `rank` stand in the way. */
  #reason(claim: Claim, asked: number, available: number, rank: number): string {
    const holders = this.#claims.filter((held) => held.session !== claim.session && keptFrom(held, rank) > 0);
    if (holders.length === 0) return `it has ${countOf(available)} for this, and ${asked} were asked for`;
    const names = holders.slice(0, NAMES_MAX).map(({ session }) => session).join(', ');
    const others = holders.length > NAMES_MAX ? ` and ${holders.length - NAMES_MAX} others` : '';
    return `${names}${others} came first and may keep what they hold of its ${countOf(this.bound)}, which leaves ${available} of the ${asked} asked for`;
  }
}

function sumOf(claims: readonly Claim[], value: (claim: Claim) => number): number {
  return claims.reduce((sum, claim) => sum + value(claim), 0);
}

/** Out of reach for other sessions of the machine's own. */
function offeredTo({ member, degree }: Claim): number {
  return member === undefined ? 0 : Math.max(member.offered, degree);
}

function neededIn({ member, degree }: Claim): number {
  return Math.min(member?.needed ?? 0, degree);
}

/** What stays with the claim if somebody of that rank comes. */
function keptFrom(claim: Claim, rank: number): number {
  return claim.priority <= rank ? claim.degree : neededIn(claim);
}

/** Of a helper's links the one to the parent sends nothing; own sessions are not counted. */
function sentFor({ degree, rateBps, member }: Claim): number {
  return member === undefined ? (degree - 1) * rateBps : 0;
}

function countOf(links: number): string {
  return `${links} ${links === 1 ? 'link' : 'links'}`;
}
