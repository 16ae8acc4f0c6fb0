/**
 * What a session wants of the market for helpers ([0079], [0091]), and what a machine that helps lets sessions do with it.
 *
 * The task manager asks who could help, plans with that, and then asks for what the plan uses; whatever it does not get, and
 * whatever it loses later, makes it plan anew. A session never waits for the market: without an answer it runs on its own members.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { Coordinate } from '../../wire/messages.ts';

/** A session as the market sees it. */
export interface HelperDemand {
  /** Names the session in the whole pool: at most 64 bytes. */
  readonly session: string;
  /** 1 to 3; at machines of the session's own members it counts as 1 ([0090]). */
  readonly priority: number;
  /** What one link of the session carries. */
  readonly rateBps: number;
}

/** A machine that would help, as its latest report says. */
export interface HelperCandidate {
  readonly contact: Contact;
  /** Links, the one to the parent included, that a session of this priority may have there: what lower ones hold is free for it. */
  readonly degree: number;
  readonly coordinate: Coordinate;
  /** Bit/s; 0 where it is not known. */
  readonly upBps: number;
  readonly downBps: number;
  /** How long ago something changed from outside that has told on that machine; stir.ts. */
  readonly stirAgeMs: Millis;
}

/** Links at one helper, the one to the parent included. */
export interface HelperLinks {
  readonly helper: Contact;
  readonly links: number;
}

/** The session's side. */
export interface HelperEvents {
  /** Links that the session has no more: preempted, or their helper is gone. The reason is for people, without a full stop; `stirAgeMs` says what it follows from. */
  onLost(lost: HelperLinks, reason: string, stirAgeMs: Millis): void;
  /** Of the session itself. */
  readonly stirAgeMs: () => Millis;
}

export interface HelperAccount {
  /** Calls `onDone` once: candidates in any order, at most CANDIDATES_MAX of them, those given in `members` left out. */
  candidates(members: readonly string[], onDone: (candidates: readonly HelperCandidate[]) => void): void;
  /**
   * From now on the session wants exactly these links: more are reserved, what is not named is given back. Calls `onDone` once
   * with what it holds; where a helper granted less than was asked, or nothing, the list says so.
   */
  hold(wanted: readonly HelperLinks[], onDone: (held: readonly HelperLinks[]) => void): void;
  /** Gives everything back. */
  end(): void;
}

export interface HelperMarket {
  // --- of a session whose root is here ---

  open(demand: HelperDemand, events: HelperEvents): HelperAccount;

  // --- of this machine ---

  /** Its operator lets it help; sessions that might ask for that may try what it is worth to them. */
  readonly isWilling: boolean;

  /** Links that this machine has granted to a session that it is no member of; 0: it does not help it, and takes no orders from it. */
  granted(session: string): number;
  /**
   * This machine is a member of the session and offers it so many links. Undefined when it may have them; otherwise the reason why the
   * later session is refused, without a full stop.
   */
  takeOwn(session: string, priority: number, links: number): string | undefined;
  giveBackOwn(session: string): void;
  /** Of the links that it offers, those in the session's tree, and those in its tree without helpers. The rest can help others. */
  useOwn(session: string, links: number, needed: number): void;
  /** Links that the session could have here now: what it offers but for what helps sessions of its priority or a higher one. */
  availableToOwn(session: string): number;
  /** A session of a higher priority took links that one of this machine's own had beside what it needs. */
  watchOwn(onLoss: (session: string) => void): void;
  /** So much was sent for sessions that this machine helps: its operator may have bounded it. */
  spent(bytes: number): void;
}

export const CANDIDATES_MAX = 512;

const EMPTY_ACCOUNT: HelperAccount = {
  candidates: (_members, onDone) => onDone([]),
  hold: (_wanted, onDone) => onDone([]),
  end: () => undefined,
};

/** Nobody helps, and members have all the links that they offer. It answers at once. */
export const NO_MARKET: HelperMarket = {
  open: () => EMPTY_ACCOUNT,
  isWilling: false,
  granted: () => 0,
  takeOwn: () => undefined,
  giveBackOwn: () => undefined,
  watchOwn: () => undefined,
  useOwn: () => undefined,
  availableToOwn: () => Infinity,
  spent: () => undefined,
};
