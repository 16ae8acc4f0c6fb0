/**
 * Connections to parent machines: what was told over each, and what of it the other side is known to have.
 *
 * A report carries everything that goes to one machine, as the difference from the last report that is known to have
 * arrived; it is the heartbeat of the connection, and its acknowledgement is the other side's. A report that stays
 * unanswered to the end means that the parent is gone: the same procedure finds another one ([0057]).
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Local } from '../local.ts';
import type { Requests } from '../requests.ts';
import type { SomoAck, SomoPartial, SomoReport } from '../wire/somo-messages.ts';
import type { Part } from './flow.ts';
import type { Partial } from './partial.ts';
import { toWire } from './partial.ts';
import { numberOf } from './tree.ts';

/** Times a report is sent before its receiver is taken to be gone. */
const ATTEMPTS = 3;
const SEQ_START_MAX = 2 ** 30;

interface Told {
  readonly seq: number;
  readonly partials: ReadonlyMap<number, Partial>;
}

export interface Link {
  contact: Contact;
  seq: number;
  sent: Told | undefined;
  /** Known to have arrived. */
  confirmed: Told | undefined;
  rttMs: number | undefined;
  /** When it is told next, unless it calls before. */
  dueAt: Millis;
  /** The present call is answered in parts; so many have been told. */
  inParts: boolean;
  parts: number;
  /** The question under way, 0 when there is none. */
  op: number;
  /** It was due again while a question was under way. */
  isBehind: boolean;
}

export interface LinkEvents {
  onAck(link: Link, ack: SomoAck): void;
  onSilent(link: Link): void;
  standingDigest(): number;
}

/** What reports cost, and what they would cost if each told everything. */
export interface ReportBytes {
  told: number;
  full: number;
}

export class Links {
  readonly #local: Local;
  readonly #requests: Requests;
  readonly #events: LinkEvents;
  readonly #links = new Map<string, Link>();
  /** Set by whoever wants to know what differences save. */
  measure: { readonly bytes: ReportBytes; readonly sizeOf: (message: SomoReport) => number } | undefined;

  constructor(local: Local, requests: Requests, events: LinkEvents) {
    this.#local = local;
    this.#requests = requests;
    this.#events = events;
  }

  get size(): number {
    return this.#links.size;
  }

  all(): IterableIterator<Link> {
    return this.#links.values();
  }

  find(peer: Contact): Link | undefined {
    return this.#links.get(peer.peerId);
  }

  to(contact: Contact): Link {
    const known = this.#links.get(contact.peerId);
    if (known) {
      if (contact.incarnation !== known.contact.incarnation) known.confirmed = undefined;
      known.contact = contact;
      return known;
    }
    // Begins anywhere: the parent may remember the first report of an earlier connection, and must not take ours for it.
    const link: Link = { contact, seq: this.#local.env.random.below(SEQ_START_MAX), sent: undefined, confirmed: undefined, rttMs: undefined, dueAt: -Infinity, inParts: false, parts: 0, op: 0, isBehind: false };
    this.#links.set(contact.peerId, link);
    return link;
  }

  /** Forgets connections that carry nothing any more. */
  keep(peerIds: ReadonlySet<string>): void {
    for (const [peerId, link] of this.#links) {
      if (peerIds.has(peerId)) continue;
      this.#local.env.send(link.contact, { ...this.#next(link, []), op: 0 });
      this.drop(link);
    }
  }

  drop(link: Link): void {
    if (link.op !== 0) this.#requests.cancel(link.op);
    this.#links.delete(link.contact.peerId);
  }

  /**
   * Tells the parent, and waits for its word. While an earlier report is unanswered nothing new is told: asking anew each
   * period would put off for ever that a parent is found silent, where the period is shorter than finding that out.
   */
  report(link: Link, outgoing: readonly Part[]): void {
    if (link.op !== 0) {
      link.isBehind = true;
      return;
    }
    link.isBehind = false;
    const body = this.#next(link, outgoing);
    link.inParts = false;
    link.parts = 0;
    link.op = this.#requests.ask({
      to: link.contact, attempts: ATTEMPTS,
      timeoutMs: this.#local.timeoutTo(undefined, link.rttMs),
      message: (op) => ({ ...body, op }),
      onReply: (reply, rttMs) => {
        link.op = 0;
        link.rttMs = rttMs ?? link.rttMs;
        if (reply.type !== 'somoAck') return;
        link.confirmed = reply.needFull ? undefined : link.sent;
        if (reply.needFull) link.sent = undefined;
        this.#events.onAck(link, reply);
      },
      onSilent: () => {
        link.op = 0;
        this.drop(link);
        this.#events.onSilent(link);
      },
    });
  }

  /**
   * Answers a call of the parent, which says with the next one what it has. `isAll`: these are all nodes that go to it;
   * the others follow, each once.
   */
  answer(link: Link, outgoing: readonly Part[], isAll: boolean): void {
    link.inParts ||= !isAll;
    this.#local.env.send(link.contact, { ...this.#next(link, outgoing), op: 0 });
  }

  /** Nothing comes from here any more. */
  farewell(): void {
    for (const link of this.#links.values()) this.#local.env.send(link.contact, { ...this.#next(link, []), op: 0 });
    this.#links.clear();
  }

  #next(link: Link, outgoing: readonly Part[]): SomoReport {
    const now = this.#local.env.now();
    // What travels is older on arrival by half a round trip.
    const sentAt = now + (link.rttMs ?? 0) / 2;
    const base = link.confirmed;
    const seq = ++link.seq;
    const partials: SomoPartial[] = [];
    // What was told in earlier parts of an answer is still told.
    const part = link.inParts ? link.parts++ : 0;
    const told = new Map<number, Partial>(part > 0 ? link.sent?.partials : []);
    for (const { node, partial } of outgoing) {
      const number = numberOf(node);
      partials.push(toWire(node, partial, base?.partials.get(number), sentAt));
      told.set(number, partial);
    }
    link.sent = { seq, partials: told };
    const report: SomoReport = { type: 'somoReport', op: 0, seq, base: base?.seq ?? 0, partials, standing: this.#events.standingDigest(), part };
    if (this.measure) this.#count(report, outgoing, sentAt);
    return report;
  }

  #count(report: SomoReport, outgoing: readonly Part[], sentAt: Millis): void {
    const { bytes, sizeOf } = this.measure as NonNullable<typeof this.measure>;
    const bare = (partials: readonly SomoPartial[]): SomoReport => ({ ...report, partials: partials.map((partial) => ({ ...partial, tallies: [] })) });
    bytes.told += sizeOf(bare(report.partials));
    bytes.full += sizeOf(bare(outgoing.map(({ node, partial }) => toWire(node, partial, undefined, sentAt))));
  }
}
