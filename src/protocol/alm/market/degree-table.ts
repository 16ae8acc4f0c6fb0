/**
 * One machine's degree table ([0092]-[0094]): which session holds how many of its links, and at which priority.
 *
 * A claim takes what is free and what those of lower rank hold, and never more than the bound ([0091]); where the machine has
 * also bounded what it sends, links count by the rate of their session. A session counts as priority 1 at its own members ([0090]);
 * there it goes before all that only help, or else it could be worse off than without a pool. Among equals the holder keeps, and
 * whoever comes later is told why. docs/decisions/0044.
 */
import { assert } from '../../../core/assert.ts';
import { PRIORITY_HIGHEST, PRIORITY_LOWEST } from '../instance.ts';

/** Who claims links: what decides over others. */
export interface Claimant {
  readonly session: string;
  /** Of the session, 1 to 3. */
  readonly priority: number;
  /** The machine is a member of the session; otherwise it would help. */
  readonly isMember: boolean;
  /** What a link to a child carries; 0 where the machine does not bound what it sends. */
  readonly rateBps: number;
}

/** What a session wants of the machine, or holds there. */
export interface Claim extends Claimant {
  /** Links in all, the one to the parent included. */
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

/** 0 for a session at its own member, else its priority: who has less takes from who has more. */
export function rankOf({ priority, isMember }: Pick<Claimant, 'priority' | 'isMember'>): number {
  assert(priority >= PRIORITY_HIGHEST && priority <= PRIORITY_LOWEST, 'a priority is 1, 2 or 3');
  return isMember ? 0 : priority;
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
    return this.#claims.reduce((sum, { degree }) => sum + degree, 0);
  }

  get free(): number {
    return this.bound - this.used;
  }

  /** Links taken at priority 1, 2 and 3: what the report says ([0093]). Members' sessions are of priority 1 there. */
  get rows(): readonly [number, number, number] {
    const rows: [number, number, number] = [0, 0, 0];
    for (const claim of this.#claims) rows[(Math.max(PRIORITY_HIGHEST, rankOf(claim)) - 1) as 0 | 1 | 2] += claim.degree;
    return rows;
  }

  heldBy(session: string): number {
    return this.#claims.find((claim) => claim.session === session)?.degree ?? 0;
  }

  /** Links that this session could have in all: what nobody of its rank or above holds. */
  availableTo(claimant: Claimant): number {
    const { session, isMember, rateBps } = claimant;
    const rank = rankOf(claimant);
    let links = this.bound;
    let bps = this.#upBps;
    for (const claim of this.#claims) {
      if (claim.session === session || rankOf(claim) > rank) continue;
      links -= claim.degree;
      bps -= sentFor(claim);
    }
    const sendable = isMember || rateBps === 0 ? Infinity : 1 + Math.floor(Math.max(0, bps) / rateBps);
    return Math.max(0, Math.min(links, sendable));
  }

  /** Sets what the session holds here: all of it or nothing. */
  take(claim: Claim): Taking {
    const { session, degree } = claim;
    assert(Number.isInteger(degree) && degree >= 1, 'a claim is for at least one link');
    const available = this.availableTo(claim);
    const isNew = this.heldBy(session) === 0;
    if (degree > available) return { isGranted: false, available, reason: this.#reason(claim, available) };
    if (isNew && this.#claims.length >= SESSIONS_MAX) return { isGranted: false, available: 0, reason: `it takes part in ${SESSIONS_MAX} sessions, and in no more at once` };
    this.#claims = isNew ? [...this.#claims, claim] : this.#claims.map((held) => (held.session === session ? claim : held));
    return { isGranted: true, losses: this.#yield(session, rankOf(claim)) };
  }

  /** Everything that the session holds. */
  release(session: string): void {
    if (this.heldBy(session) > 0) this.#claims = this.#claims.filter((claim) => claim.session !== session);
  }

  /** Those of a rank above `rank` give up what is too much: the lowest first, among equals the latest. */
  #yield(session: string, rank: number): Loss[] {
    const order = this.#claims.map((claim, i) => [claim, i] as const).filter(([claim]) => claim.session !== session && rankOf(claim) > rank);
    order.sort(([a, i], [b, j]) => rankOf(b) - rankOf(a) || j - i);
    const losses: Loss[] = [];
    for (const [claim] of order) {
      const links = this.used - this.bound;
      const bps = this.#claims.reduce((sum, one) => sum + sentFor(one), 0) - this.#upBps;
      const excess = Math.max(links, claim.isMember || claim.rateBps === 0 ? 0 : Math.ceil(bps / claim.rateBps));
      if (links <= 0 && bps <= 0) break;
      if (excess <= 0) continue;
      const rest = Math.max(0, claim.degree - excess);
      const left = rest < USEFUL_DEGREE && !claim.isMember ? 0 : rest;
      losses.push({ session: claim.session, lost: claim.degree - left, left });
      this.#claims = this.#claims.flatMap((held) => (held !== claim ? [held] : left === 0 ? [] : [{ ...claim, degree: left }]));
    }
    assert(this.used <= this.bound, 'what is available can be had');
    return losses;
  }

  #reason(claim: Claim, available: number): string {
    const rank = rankOf(claim);
    const holders = this.#claims.filter((held) => held.session !== claim.session && rankOf(held) <= rank);
    if (holders.length === 0) return `it has ${countOf(available)} for this, and ${claim.degree} were asked for`;
    const names = holders.slice(0, NAMES_MAX).map(({ session }) => session).join(', ');
    const others = holders.length > NAMES_MAX ? ` and ${holders.length - NAMES_MAX} others` : '';
    return `${names}${others} came first and may keep what they hold of its ${countOf(this.bound)}, which leaves ${available} of the ${claim.degree} asked for`;
  }
}

/** Of a helper's links the one to the parent sends nothing; own sessions are not counted. */
function sentFor({ degree, rateBps, isMember }: Claim): number {
  return isMember ? 0 : (degree - 1) * rateBps;
}

function countOf(links: number): string {
  return `${links} ${links === 1 ? 'link' : 'links'}`;
}
