/**
 * How the root of a session looks for a better tree among real peers: candidates from the pool, and then the steps of
 * market/improvement.ts with what each of them takes in messages ([0079], [0091]).
 *
 * One search at a time. Meanwhile members come and go, so its end is a wish: whoever called makes it fit what has become of the session.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { Random } from '../../../core/random.ts';
import { predictedRtt } from '../../measure/vivaldi.ts';
import { KEPT_MAX } from '../market/candidates.ts';
import type { HelperAccount, HelperCandidate, HelperLinks } from '../market/helper-market.ts';
import { improve } from '../market/improvement.ts';
import { LOOKED_AT_MAX, LOOKED_FROM_MAX, nearestTo } from '../market/schedule.ts';
import type { Objective } from '../plan.ts';
import { Acquaintance } from './acquaintance.ts';
import type { Measurements, UntriedLink } from './measuring.ts';
import type { Knowledge, Party, Planned } from './planning.ts';
import { bestPlan, heightOf } from './planning.ts';
import type { Entry } from './roster.ts';

export interface BiddingParts {
  readonly account: HelperAccount;
  readonly measurements: Measurements;
  readonly random: Random;
  readonly objective: Objective;
  readonly self: () => Contact;
  readonly now: () => Millis;
  /** Of those that take part now. */
  knowledge(): Knowledge;
  entry(peerId: string): Entry | undefined;
  /** Helpers in use: nothing of theirs is given back before the switch. */
  held(): readonly HelperLinks[];
  isGain(heightMs: Millis): boolean;
  /** Something has changed from outside not long ago; of the machines around, the latest was so long ago. */
  isStirred(ageMs: Millis): boolean;
}

/** A plan whose helpers are held, with what there is to know of those that are new. */
export interface Wish {
  readonly plan: Planned;
  readonly helpers: readonly { readonly candidate: HelperCandidate; readonly links: number }[];
}

const NOBODY_ELSE: ReadonlyMap<string, HelperCandidate> = new Map();
/** A helper with fewer links serves nobody. */
const USEFUL_DEGREE = 2;

export class Bidding {
  readonly #parts: BiddingParts;
  readonly #acquaintance = new Acquaintance();
  #isOpen = false;

  constructor(parts: BiddingParts) {
    this.#parts = parts;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Calls `onDone` once: the wish, or undefined if there is nothing better. */
  begin(members: readonly string[], onDone: (wish: Wish | undefined) => void): void {
    this.#isOpen = true;
    this.#parts.account.candidates(members, (found) => {
      // Members are left out of what was found.
      const nearest = this.#nearest(this.#acquaintance.note(found, found.length + members.length < KEPT_MAX, this.#parts.now()).filter(({ contact }) => !members.includes(contact.peerId)));
      if (!this.#parts.isStirred(nearest.reduce((least, { stirAgeMs }) => Math.min(least, stirAgeMs), Infinity))) return this.#end(undefined, onDone);
      const candidates = new Map(nearest.map((candidate) => [candidate.contact.peerId, candidate]));
      // What hosts have said since they were found.
      const told = new Map<string, number>();
      improve<Planned>({
        lookAround: (onDone) => this.#lookAround(nearest, onDone),
        plan: () => this.#plan(candidates, told),
        heightMs: ({ parents }) => heightOf(this.#knowing(candidates, told), parents),
        tryLinks: (plan, onTried) => this.#tryLinks(plan, candidates, onTried),
        isGain: (heightMs) => this.#parts.isGain(heightMs),
        reserve: (plan, onReserved) => this.#reserve(plan, candidates, told, onReserved),
      }, (plan) => this.#end(plan && {
        plan, helpers: plan.helpers.flatMap(({ peerId, links }) => {
          const candidate = candidates.get(peerId);
          return candidate === undefined ? [] : [{ candidate, links }];
        }),
      }, onDone));
    });
  }

  #end(wish: Wish | undefined, onDone: (wish: Wish | undefined) => void): void {
    this.#isOpen = false;
    onDone(wish);
  }

  /** Those that seem nearest to some member; distances between coordinates. */
  #nearest(found: readonly HelperCandidate[]): HelperCandidate[] {
    const members = this.#parts.knowledge().members.flatMap(({ coordinate }) => coordinate ?? []);
    return nearestTo(found, ({ coordinate }) => members.reduce((least, member) => (member.vector.length === coordinate.vector.length ? Math.min(least, predictedRtt(member, coordinate)) : least), Infinity));
  }

  #plan(candidates: ReadonlyMap<string, HelperCandidate>, told: ReadonlyMap<string, number>): Planned | undefined {
    const { objective, random } = this.#parts;
    const plan = bestPlan(this.#knowing(candidates, told), objective, random);
    return typeof plan === 'string' ? undefined : plan;
  }

  /** Helpers in use may have more to give; all others are candidates. */
  #knowing(candidates: ReadonlyMap<string, HelperCandidate>, told: ReadonlyMap<string, number>): Knowledge {
    const knowledge = this.#parts.knowledge();
    const known = new Set([...knowledge.members, ...knowledge.helpers].map(({ peerId }) => peerId));
    const helping = knowledge.helpers.map((party): Party => (party.degree < USEFUL_DEGREE ? party : { ...party, degree: told.get(party.peerId) ?? party.degree + (candidates.get(party.peerId)?.degree ?? 0) }));
    const comers = [...candidates.values()].flatMap(({ contact: { peerId }, degree, coordinate, upBps, downBps }): Party[] => (known.has(peerId) ? [] : [{ peerId, degree: told.get(peerId) ?? degree, coordinate, upBps, downBps }]));
    return { ...knowledge, helpers: [...helping, ...comers.filter(({ degree }) => degree >= USEFUL_DEGREE)] };
  }

  /** Those of which nothing is known yet measure the members that seem nearest to them. */
  #lookAround(candidates: readonly HelperCandidate[], onDone: () => void): void {
    const { members, rttMs } = this.#parts.knowledge();
    const unseen = candidates.filter(({ contact: { peerId } }) => members.every((member) => rttMs(member.peerId, peerId) === undefined));
    const links = this.#acquaintance.toAsk(unseen, LOOKED_AT_MAX).flatMap(({ contact, coordinate }): UntriedLink[] => {
      const near = nearestTo(members, (member) => (member.coordinate === undefined ? Infinity : predictedRtt(member.coordinate, coordinate)), LOOKED_FROM_MAX);
      return near.flatMap(({ peerId }) => {
        const to = this.#contact(peerId, NOBODY_ELSE);
        return to === undefined ? [] : [{ from: contact, to }];
      });
    });
    this.#parts.measurements.measure(links, () => onDone());
  }

  #tryLinks({ parents }: Planned, candidates: ReadonlyMap<string, HelperCandidate>, onDone: (hasLearnt: boolean) => void): void {
    const knowledge = this.#parts.knowledge();
    const links: UntriedLink[] = [];
    for (const [child, parent] of parents) {
      if (knowledge.rttMs(child, parent) !== undefined) continue;
      const [a, b] = [this.#contact(child, candidates), this.#contact(parent, candidates)];
      if (a === undefined || b === undefined) continue;
      links.push(this.#asks(parent, child) ? { from: b, to: a } : { from: a, to: b });
    }
    this.#parts.measurements.measure(links, onDone);
  }

  /** Is it the parent that measures? The root itself costs no message more, and a member owes an answer. */
  #asks(parent: string, child: string): boolean {
    const { self, entry } = this.#parts;
    if (parent === self().peerId) return true;
    return entry(child)?.isHelper !== false && entry(parent)?.isHelper === false;
  }

  #contact(peerId: string, candidates: ReadonlyMap<string, HelperCandidate>): Contact | undefined {
    const self = this.#parts.self();
    return peerId === self.peerId ? self : (this.#parts.entry(peerId)?.contact ?? candidates.get(peerId)?.contact);
  }

  /** What the plan needs beside what the present tree still uses. */
  #reserve(plan: Planned, candidates: ReadonlyMap<string, HelperCandidate>, told: Map<string, number>, onDone: (isHeld: boolean) => void): void {
    const wanted = new Map(this.#parts.held().map((held) => [held.helper.peerId, held]));
    for (const { peerId, links } of plan.helpers) {
      const helper = this.#contact(peerId, candidates);
      if (helper !== undefined) wanted.set(peerId, { helper, links: Math.max(links, wanted.get(peerId)?.links ?? 0) });
    }
    // Without helpers before and after there is nothing to hold.
    if (wanted.size === 0) return onDone(true);
    this.#parts.account.hold([...wanted.values()], (held) => {
      const given = new Map(held.map(({ helper, links }) => [helper.peerId, links]));
      let isHeld = true;
      for (const { peerId, links } of plan.helpers) {
        const has = given.get(peerId) ?? 0;
        if (has >= links) continue;
        told.set(peerId, has);
        isHeld = false;
      }
      onDone(isHeld);
    });
  }
}
