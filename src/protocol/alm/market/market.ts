/**
 * The market for helpers as one part of a peer ([0079], [0089]): no scheduler, only sessions that ask and machines that decide.
 *
 * A session finds candidates by a question to the metadata tree and reserves with each helper by itself (`account.ts`); a machine answers
 * by its degree table and its operator's terms (`help-desk.ts`). Whatever both sides believe is settled by leases.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Local } from '../../local.ts';
import { TIMER } from '../../local.ts';
import { Alarms } from '../../overlay/alarms.ts';
import { hashText } from '../../pool/state.ts';
import type { Requests } from '../../requests.ts';
import type { Somo } from '../../somo/somo.ts';
import type { HelpInput } from '../../wire/help-messages.ts';
import { Account } from './account.ts';
import type { OwnOffer } from './candidates.ts';
import { candidatesIn, helpersCall, HELPERS_WHERE, TURNS } from './candidates.ts';
import type { HelpTerms } from './help-desk.ts';
import { DEFAULT_TERMS, HelpDesk } from './help-desk.ts';
import type { HelperAccount, HelperCandidate, HelperDemand, HelperEvents, HelperMarket } from './helper-market.ts';

export interface MarketParts {
  readonly local: Local;
  readonly requests: Requests;
  /** Undefined when the metadata tree is off: then nobody is found. */
  readonly somo: Somo | undefined;
}

export class Market implements HelperMarket {
  readonly #parts: MarketParts;
  readonly #alarms: Alarms;
  readonly #accounts = new Map<string, Account>();
  #desk: HelpDesk;
  #questions = 0;
  #onOwnLoss: (session: string) => void = () => undefined;

  constructor(parts: MarketParts) {
    this.#parts = parts;
    this.#alarms = new Alarms(parts.local, TIMER.market);
    this.#desk = new HelpDesk(parts.local, this.#alarms, DEFAULT_TERMS);
  }

  /** What the operator allows; before anything is granted. */
  allow(terms: HelpTerms): void {
    this.#desk = new HelpDesk(this.#parts.local, this.#alarms, terms);
    this.#desk.onOwnLoss = this.#onOwnLoss;
  }

  get desk(): HelpDesk {
    return this.#desk;
  }

  open(demand: HelperDemand, events: HelperEvents): HelperAccount {
    this.#accounts.get(demand.session)?.end();
    const { local, requests } = this.#parts;
    const account = new Account(demand, events, {
      local, requests, alarms: this.#alarms, ask: (wanted, onDone) => this.#ask(wanted, onDone),
      onEnd: () => {
        if (this.#accounts.get(demand.session) === account) this.#accounts.delete(demand.session);
      },
    });
    this.#accounts.set(demand.session, account);
    return account;
  }

  /** What a session of that priority and rate could have of this machine. */
  own(priority: number, rateBps: number): OwnOffer {
    const { contact, coordinate } = this.#parts.local;
    return { contact, degree: this.#desk.availableTo(priority, rateBps), coordinate, stirAgeMs: this.#desk.stirAgeMs };
  }

  get isWilling(): boolean {
    return this.#desk.isWilling;
  }

  granted(session: string): number {
    return this.#desk.granted(session);
  }

  takeOwn(session: string, priority: number, links: number): string | undefined {
    return this.#desk.takeOwn(session, priority, links);
  }

  giveBackOwn(session: string): void {
    this.#desk.giveBackOwn(session);
  }

  watchOwn(onLoss: (session: string) => void): void {
    this.#onOwnLoss = onLoss;
    this.#desk.onOwnLoss = onLoss;
  }

  useOwn(session: string, links: number, needed: number): void {
    this.#desk.useOwn(session, links, needed);
  }

  availableToOwn(session: string): number {
    return this.#desk.availableToOwn(session);
  }

  spent(bytes: number): void {
    this.#desk.spent(bytes);
  }

  leaveAll(): void {
    for (const account of [...this.#accounts.values()]) account.end();
    this.#desk.leaveAll();
  }

  onMessage(from: Contact, message: HelpInput): void {
    switch (message.type) {
      case 'helpAsk': return this.#desk.onAsk(from, message);
      case 'helpRelease': return this.#desk.onRelease(from, message);
      case 'helpLost': return this.#accounts.get(message.session)?.onLostNotice(from, message);
    }
  }

  onTimer(): void {
    this.#alarms.onTimer();
  }

  #ask({ priority, rateBps }: HelperDemand, onDone: (candidates: readonly HelperCandidate[]) => void): void {
    const { somo, local } = this.#parts;
    if (somo === undefined) return onDone([]);
    const turn = (hashText(local.contact.peerId) + this.#questions++) % TURNS;
    somo.query([helpersCall(priority, rateBps, turn)], { where: HELPERS_WHERE }, ({ states }) => {
      onDone(candidatesIn(states[0]).filter(({ contact }) => !local.isSelf(contact)));
    });
  }
}
