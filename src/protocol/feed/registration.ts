/**
 * A subscriber's side of the register of one feed: finds its owner, tells it the wish, and asks again in time.
 *
 * Pollers renew twice within the lease of their slot; consumers ask every twenty minutes, and at once when they have lost
 * their way to the lead. A register that does not answer is looked up anew, with growing pauses.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { Alarms } from '../overlay/alarms.ts';
import type { Requests } from '../requests.ts';
import type { FeedRegister, FeedRegistered } from '../wire/feed-messages.ts';
import { CONSUMER_RENEWAL_MS } from './register.ts';

/** How often a poller looks for the register anew because somebody else asks as one. */
const MOVED_PAUSE_MS = 10_000;
/** There is no lead yet. */
const SEEKING_PAUSE_MS = 1_200;
const RETRY_FIRST_MS = 1_000;
/** Turns are counted from an answer: one that took longer tells them too inexactly, and a poller asks again after this, and twice as long each time. */
const EXACT_MS = 250;
const INEXACT_PAUSE_MS = 5_000;
/** Until a poller looks for the next register, after the last one has said that it is none any more; twice as long each time: in a pool that grows, keys change hands several times a second, and the next register waits for the lead only so long. */
const POLLER_MOVES_MS = 300;
const RETRY_MAX_MS = 30_000;
/** Renewals come at random between this share of their time and all of it. */
const SPREAD_MIN = 0.7;
/** A route that ends where the owner was a moment ago is tried again after four seconds. Those who poll, or know of no lead, look once more before. */
const LOOKUP_AGAIN_MS = 800;
const LOOKUPS_MAX = 4;
const ATTEMPTS = 2;

export type Statement = Omit<FeedRegister, 'type' | 'op' | 'key' | 'lost' | 'leaving'>;

export interface RegistrationParts {
  readonly local: Local;
  readonly requests: Requests;
  readonly alarms: Alarms;
  lookup(key: Position, onDone: (owner: Contact) => void, onFail: () => void): void;
  /** When this peer is the owner. */
  answerSelf(message: FeedRegister): FeedRegistered;
}

export interface RegistrationEvents {
  /** What is said of this peer. */
  state(): Statement;
  /** `askedAt` is when the answer's lease begins. */
  onAnswer(answer: FeedRegistered, askedAt: Millis): void;
}

export class Registration {
  readonly #key: Position;
  readonly #parts: RegistrationParts;
  readonly #events: RegistrationEvents;
  #owner: Contact | undefined;
  #alarm: number | undefined;
  #alarmAt: Millis = Infinity;
  #isAsking = false;
  /** The question to the owner that is under way; 0: none. */
  #op = 0;
  #isLost = false;
  #retryMs = RETRY_FIRST_MS;
  #inexactPauseMs = INEXACT_PAUSE_MS;
  #movesFrom: Millis = -Infinity;
  #isOver = false;

  constructor(key: Position, parts: RegistrationParts, events: RegistrationEvents) {
    this.#key = key;
    this.#parts = parts;
    this.#events = events;
    this.#askIn(0);
  }

  /** The register that answered last. */
  get owner(): Contact | undefined {
    return this.#owner;
  }

  /** Asks at once, or within so long. */
  soon(delayMs: Millis, isLost = false): void {
    this.#isLost ||= isLost;
    this.#askIn(delayMs);
  }

  /** Says that the feed is wanted no more. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#alarm !== undefined) this.#parts.alarms.cancel(this.#alarm);
    const owner = this.#owner;
    if (owner === undefined) return;
    const { local, requests, answerSelf } = this.#parts;
    const message = (op: number): FeedRegister => ({ type: 'feedRegister', op, key: this.#key, ...this.#events.state(), lost: false, leaving: true });
    const nothing = (): void => undefined;
    if (local.isSelf(owner)) answerSelf(message(0));
    else requests.ask({ to: owner, attempts: ATTEMPTS, timeoutMs: local.timeoutTo(undefined), message, onReply: nothing, onSilent: nothing });
  }

  /** The register says by itself that something has changed; only the one that is known is believed, and the one that this peer keeps itself. */
  onNews(from: Contact, answer: FeedRegistered): void {
    if (answer.known && this.#parts.local.isSelf(from)) this.#owner = from;
    if (this.#isOver || from.peerId !== this.#owner?.peerId) return;
    // The key has another owner now, which knows nothing yet.
    if (!answer.known) {
      this.#owner = undefined;
      this.#retryMs = this.#firstRetryMs;
      return this.#askIn(this.#events.state().slot > 0 ? POLLER_MOVES_MS : this.#parts.local.env.random.unit() * RETRY_FIRST_MS);
    }
    this.#take(answer, this.#parts.local.env.now());
    // A slot was given: it counts once we say that we know.
    if (answer.leaseMs > 0) this.#askIn(0);
  }

  /** Another peer asks as if it kept the register: it may have taken it over. What it says is not believed; whoever owns the key is looked up. */
  onAsked(from: Contact): void {
    const now = this.#parts.local.env.now();
    if (this.#isOver || this.#isAsking || from.peerId === this.#owner?.peerId || now < this.#movesFrom) return;
    this.#movesFrom = now + MOVED_PAUSE_MS;
    this.#owner = undefined;
    this.#askIn(0);
  }

  /** A register that cannot be reached is looked for anew; at once by those who poll, because the next one should know of them before it makes others. */
  onUnreachable(peerId: string): void {
    if (this.#isOver || this.#owner?.peerId !== peerId) return;
    if (this.#op !== 0) return this.#parts.requests.askOnceMore(this.#op);
    if (this.#isAsking) return;
    this.#owner = undefined;
    if (this.#events.state().slot > 0) this.#askIn(this.#parts.local.env.random.unit() * RETRY_FIRST_MS);
  }

  #ask(): void {
    if (this.#isAsking || this.#isOver) return;
    this.#isAsking = true;
    if (this.#owner !== undefined) return this.#askOwner(this.#owner);
    this.#lookUp();
  }

  /** The first answer counts. */
  #lookUp(): void {
    const { lookup, alarms } = this.#parts;
    const { slot, lead } = this.#events.state();
    const lookups = slot > 0 || lead === undefined ? LOOKUPS_MAX : 1;
    let isOpen = true;
    let started = 0;
    let running = 0;
    const start = (): void => {
      if (!isOpen || this.#isOver) return;
      started++;
      running++;
      if (started < lookups) alarms.in(LOOKUP_AGAIN_MS, start);
      lookup(this.#key, (owner) => {
        if (isOpen) this.#askOwner(owner);
        isOpen = false;
      }, () => {
        running--;
        if (isOpen && running === 0) this.#retry();
        isOpen &&= running > 0;
      });
    };
    start();
  }

  #askOwner(owner: Contact): void {
    if (this.#isOver) return;
    const { local, requests, answerSelf } = this.#parts;
    const now = local.env.now();
    const lost = this.#isLost;
    const message = (op: number): FeedRegister => ({ type: 'feedRegister', op, key: this.#key, ...this.#events.state(), lost, leaving: false });
    const onReply = (reply: FeedRegistered): void => {
      this.#op = 0;
      if (this.#isOver) return;
      if (!reply.known) return this.#retry();
      this.#isAsking = false;
      this.#isLost = false;
      this.#owner = owner;
      this.#retryMs = this.#firstRetryMs;
      this.#take(reply, now);
    };
    if (local.isSelf(owner)) return onReply(answerSelf(message(0)));
    this.#op = requests.ask({
      to: owner, attempts: ATTEMPTS, timeoutMs: local.timeoutTo(undefined), message,
      onReply: (reply) => {
        if (reply.type === 'feedRegistered') onReply(reply);
        else this.#retry();
      },
      onSilent: () => this.#retry(),
    });
  }

  #take(answer: FeedRegistered, askedAt: Millis): void {
    const isInexact = this.#parts.local.env.now() - askedAt > EXACT_MS;
    // Those who subscribed together, as a daemon does when it starts, must not come together for ever.
    const spread = SPREAD_MIN + (1 - SPREAD_MIN) * this.#parts.local.env.random.unit();
    const pollerMs = Math.min((spread * answer.leaseMs) / 2, isInexact ? this.#inexactPauseMs : Infinity);
    this.#inexactPauseMs = isInexact ? 2 * this.#inexactPauseMs : INEXACT_PAUSE_MS;
    this.#askIn(answer.epoch === 0 ? SEEKING_PAUSE_MS : answer.leaseMs > 0 ? pollerMs : spread * CONSUMER_RENEWAL_MS, true);
    this.#events.onAnswer(answer, askedAt);
  }

  /** The owner did not answer, is none, or was not found. */
  #retry(): void {
    this.#op = 0;
    if (this.#isOver) return;
    this.#isAsking = false;
    this.#owner = undefined;
    this.#askIn(this.#retryMs * (0.5 + this.#parts.local.env.random.unit()));
    this.#retryMs = Math.min(RETRY_MAX_MS, 2 * this.#retryMs);
  }

  get #firstRetryMs(): Millis {
    return this.#events.state().slot > 0 ? POLLER_MOVES_MS : RETRY_FIRST_MS;
  }

  /** The earlier of two times counts, unless an answer has set a new one. */
  #askIn(delayMs: Millis, isAnew = false): void {
    const { alarms, local } = this.#parts;
    const at = local.env.now() + delayMs;
    if (this.#isOver || (this.#alarm !== undefined && !isAnew && this.#alarmAt <= at)) return;
    if (this.#alarm !== undefined) alarms.cancel(this.#alarm);
    this.#alarmAt = at;
    this.#alarm = alarms.in(delayMs, () => {
      this.#alarm = undefined;
      this.#ask();
    });
  }
}
