/**
 * Questions that expect an answer: numbering, retransmission with growing time-outs, and giving up.
 *
 * All questions of a peer share one table and one timer. A question ends exactly once: answered by the peer that was
 * asked, or silent after its last attempt. Round trips are measured on first attempts only (a reply to a repeated
 * question says nothing about which copy it answers).
 */
import type { Contact } from '../core/contact.ts';
import { samePeer } from '../core/contact.ts';
import type { Millis } from '../core/env.ts';
import type { Local } from './local.ts';
import { TIMER } from './local.ts';
import type { Message } from './wire/messages.ts';

/** Most questions in flight; beyond it a new one is treated as silent at once. */
const REQUESTS_MAX = 4_096;

/** Shared by all that ask nothing just now, and never changed. An array that begins with `[x]` has no room to spare. */
const NONE: never[] = [];

export interface Ask {
  readonly to: Contact;
  readonly attempts: number;
  /** The first time-out; each further attempt doubles it, up to the option `timeoutMaxMs`. */
  readonly timeoutMs: number;
  readonly message: (op: number) => Message;
  /** `rttMs` is present when the first attempt was answered; `from` is the peer as it names itself,
   * which may differ from what was asked, if that was hearsay. */
  readonly onReply: (reply: Message, rttMs: number | undefined, from: Contact) => void;
  readonly onSilent: () => void;
}

interface Pending {
  readonly ask: Ask;
  readonly message: Message;
  readonly sentAt: Millis;
  attempt: number;
  timeoutMs: Millis;
  dueAt: Millis;
}

export class Requests {
  readonly #local: Local;
  /** In flight, with their numbers side by side: mostly one or two, so that a search beats any index. */
  #pending: Pending[] = NONE;
  #ops: number[] = NONE;
  #lastOp: number;
  #armedAt = Infinity;

  constructor(local: Local) {
    this.#local = local;
    // A restarted peer must not take replies to its former life for its own. 31 bits: small integers cost no allocation.
    this.#lastOp = local.env.random.u32() >>> 1;
  }

  get inFlight(): number {
    return this.#pending.length;
  }

  /** Also used by operations that are not single questions: one name space for all `op`s of a peer. */
  nextOp(): number {
    this.#lastOp = (this.#lastOp + 1) & 0x7fffffff;
    return this.#lastOp;
  }

  ask(ask: Ask): number {
    const op = this.nextOp();
    if (this.#pending.length >= REQUESTS_MAX) {
      this.#local.env.emit({ kind: 'message-ignored', type: 'request', why: 'too many questions in flight' });
      ask.onSilent();
      return op;
    }
    const now = this.#local.env.now();
    const message = ask.message(op);
    this.#add(op, { ask, message, sentAt: now, attempt: 1, timeoutMs: ask.timeoutMs, dueAt: now + ask.timeoutMs });
    this.#arm(now + ask.timeoutMs);
    this.#local.env.send(ask.to, message);
    return op;
  }

  /** Forgets a question: neither of its handlers will run. */
  cancel(op: number): void {
    this.#take(this.#ops.lastIndexOf(op));
  }

  /** There is reason to believe that nobody will answer: asks once more at once, and waits no longer than for the first time. */
  askOnceMore(op: number): void {
    const pending = this.#pending[this.#ops.lastIndexOf(op)];
    if (pending === undefined) return;
    const isLast = pending.attempt >= pending.ask.attempts;
    pending.attempt = pending.ask.attempts;
    pending.timeoutMs = pending.ask.timeoutMs;
    pending.dueAt = Math.min(pending.dueAt, this.#local.env.now() + pending.timeoutMs);
    this.#arm(pending.dueAt);
    // What is sent to nobody gives the same reason once more.
    if (!isLast) this.#local.env.send(pending.ask.to, pending.message);
  }

  /** Returns false when the reply answers nothing that is open. */
  onReply(op: number, from: Contact, reply: Message, at: Millis): boolean {
    const place = this.#ops.lastIndexOf(op);
    const pending = this.#pending[place];
    if (!pending || !samePeer(pending.ask.to, from)) return false;
    this.#take(place);
    pending.ask.onReply(reply, pending.attempt === 1 ? Math.max(0, at - pending.sentAt) : undefined, from);
    return true;
  }

  onTimer(): void {
    this.#armedAt = Infinity;
    const now = this.#local.env.now();
    // Handlers may ask anew: what they add is not due.
    const due = this.#pending.filter((pending) => pending.dueAt <= now);
    for (const pending of due) {
      const place = this.#pending.indexOf(pending);
      if (place >= 0) this.#expire(place, pending, now);
    }
    let next = Infinity;
    for (const { dueAt } of this.#pending) if (dueAt < next) next = dueAt;
    if (next < Infinity) this.#arm(next);
  }

  #expire(place: number, pending: Pending, now: Millis): void {
    if (pending.attempt >= pending.ask.attempts) {
      this.#take(place);
      pending.ask.onSilent();
      return;
    }
    pending.attempt++;
    pending.timeoutMs = Math.min(pending.timeoutMs * 2, this.#local.options.timeoutMaxMs);
    pending.dueAt = now + pending.timeoutMs;
    this.#local.env.send(pending.ask.to, pending.message);
  }

  #add(op: number, pending: Pending): void {
    if (this.#ops.length === 0) {
      this.#ops = [op];
      this.#pending = [pending];
    } else {
      this.#ops.push(op);
      this.#pending.push(pending);
    }
  }

  #take(place: number): void {
    if (place < 0) return;
    if (this.#ops.length === 1) {
      this.#ops = NONE;
      this.#pending = NONE;
      return;
    }
    this.#pending.splice(place, 1);
    this.#ops.splice(place, 1);
  }

  #arm(at: Millis): void {
    if (at >= this.#armedAt) return;
    this.#armedAt = at;
    this.#local.env.arm(TIMER.requests, at);
  }
}
