/**
 * The side of a session's root: which links it has at which helpers, and that it keeps them ([0079], [0091]).
 *
 * The session says what it wants; what is more is asked for, what is less is given back, and what is held is asked for again well
 * before its lease ends. A helper that says less than before, or nothing, has taken links away, and the session hears of it once.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { Local } from '../../local.ts';
import type { Alarms } from '../../overlay/alarms.ts';
import type { Requests } from '../../requests.ts';
import type { HelpAnswer, HelpLost } from '../../wire/help-messages.ts';
import { LEASE_MS } from './help-desk.ts';
import type { HelperAccount, HelperCandidate, HelperDemand, HelperEvents, HelperLinks } from './helper-market.ts';

const RENEW_MS = LEASE_MS / 3;
const ATTEMPTS = 3;
/** Helpers of one session; more are not asked. */
export const HELPERS_MAX = 256;

export interface AccountParts {
  readonly local: Local;
  readonly requests: Requests;
  readonly alarms: Alarms;
  /** The pool's machines that could help at that priority and rate. */
  ask(demand: HelperDemand, onDone: (candidates: readonly HelperCandidate[]) => void): void;
  onEnd(): void;
}

interface Holding {
  readonly helper: Contact;
  wanted: number;
  held: number;
  /** Of the latest question: answers to earlier ones say nothing any more. */
  asked: number;
}

export class Account implements HelperAccount {
  readonly #demand: HelperDemand;
  readonly #parts: AccountParts;
  readonly #events: HelperEvents;
  readonly #holdings = new Map<string, Holding>();
  #renewal: number | undefined;
  #hasEnded = false;

  constructor(demand: HelperDemand, events: HelperEvents, parts: AccountParts) {
    this.#demand = demand;
    this.#events = events;
    this.#parts = parts;
  }

  candidates(members: readonly string[], onDone: (candidates: readonly HelperCandidate[]) => void): void {
    const own = new Set(members);
    this.#parts.ask(this.#demand, (found) => onDone(this.#hasEnded ? [] : found.filter(({ contact }) => !own.has(contact.peerId))));
  }

  hold(wanted: readonly HelperLinks[], onDone: (held: readonly HelperLinks[]) => void): void {
    const asked = wanted.slice(0, HELPERS_MAX);
    const names = new Set(asked.map(({ helper }) => helper.peerId));
    for (const [peerId, { helper }] of [...this.#holdings]) if (!names.has(peerId)) this.#giveBack(helper, this.#events.stirAgeMs());
    const result = (): HelperLinks[] => wanted.map(({ helper }) => ({ helper, links: this.#holdings.get(helper.peerId)?.held ?? 0 }));
    let open = 1;
    const settle = (): void => {
      if (--open === 0) onDone(result());
    };
    for (const { helper, links } of asked) {
      const holding = this.#holdings.get(helper.peerId) ?? { helper, wanted: links, held: 0, asked: 0 };
      this.#holdings.set(helper.peerId, holding);
      holding.wanted = links;
      if (holding.held === links) continue;
      open++;
      this.#ask(holding, settle);
    }
    this.#arm();
    settle();
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const { helper } of [...this.#holdings.values()]) this.#giveBack(helper, 0);
    if (this.#renewal !== undefined) this.#parts.alarms.cancel(this.#renewal);
    this.#parts.onEnd();
  }

  onLostNotice(from: Contact, { degree, reason, stirAgeMs }: HelpLost): void {
    const holding = this.#holdings.get(from.peerId);
    if (holding !== undefined) this.#shrink(holding, degree, reason, stirAgeMs);
  }

  /** Links that it has at each helper. */
  get held(): readonly HelperLinks[] {
    return [...this.#holdings.values()].filter(({ held }) => held > 0).map(({ helper, held }) => ({ helper, links: held }));
  }

  #ask(holding: Holding, onDone: () => void): void {
    const { local, requests } = this.#parts;
    const { session, priority, rateBps } = this.#demand;
    const asked = ++holding.asked;
    const isLatest = (): boolean => this.#holdings.get(holding.helper.peerId) === holding && holding.asked === asked;
    requests.ask({
      to: holding.helper, attempts: ATTEMPTS, timeoutMs: local.timeoutTo(undefined),
      message: (op) => ({ type: 'helpAsk', op, session, priority, degree: holding.wanted, rateBps, stirAgeMs: this.#events.stirAgeMs() }),
      onReply: (reply) => {
        if (isLatest() && reply.type === 'helpAnswer') this.#onAnswer(holding, reply);
        onDone();
      },
      onSilent: () => {
        if (isLatest()) this.#shrink(holding, 0, 'it does not answer', 0);
        onDone();
      },
    });
  }

  #onAnswer(holding: Holding, { degree, reason }: HelpAnswer): void {
    // More than was asked for is not believed.
    const given = Math.min(degree, holding.wanted);
    if (given < holding.held && given < holding.wanted) return this.#shrink(holding, given, reason, Infinity);
    holding.wanted = holding.held = given;
    if (given === 0) this.#holdings.delete(holding.helper.peerId);
  }

  /** `stirAgeMs` of what it follows from; where that is not known, links are lost, and that is all. */
  #shrink(holding: Holding, left: number, reason: string, stirAgeMs: Millis): void {
    const { helper, held } = holding;
    // What the session has now is what it will be asked to keep.
    holding.wanted = left;
    if (left === 0) this.#holdings.delete(helper.peerId);
    if (left >= held) return;
    holding.held = left;
    if (!this.#hasEnded) this.#events.onLost({ helper, links: held - left }, reason, stirAgeMs);
  }

  #giveBack(helper: Contact, stirAgeMs: Millis): void {
    this.#holdings.delete(helper.peerId);
    this.#parts.local.env.send(helper, { type: 'helpRelease', session: this.#demand.session, stirAgeMs });
  }

  #arm(): void {
    if (this.#renewal !== undefined || this.#hasEnded || this.#holdings.size === 0) return;
    this.#renewal = this.#parts.alarms.in(RENEW_MS, () => {
      this.#renewal = undefined;
      for (const holding of [...this.#holdings.values()]) this.#ask(holding, () => undefined);
      this.#arm();
    });
  }
}
