/**
 * How a floating peer goes from one meeting to the next: whom it was referred to, whom it remembers, the oracle, the source.
 *
 * One meeting at a time. The one that is met decides; what it answers says where to go on. A peer that is busy is asked
 * again after a short random pause, silence is followed by the next contact, and after the time-out the source is next,
 * unless the peer is on its way down to a place (as in sim/lagover/rounds.ts).
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { LagAnswer, LagMember, LagPath } from '../../wire/lagover-messages.ts';
import { OUTCOME } from '../../wire/lagover-messages.ts';
import { ALGORITHMS } from '../algorithm.ts';
import type { Context } from './context.ts';
import type { PeerOracle } from './oracle.ts';
import { CONTACTS_MAX } from './tree.ts';
import type { Grant } from './uplink.ts';

/** At least so long from one meeting to the next: peers that refer to one another must not make a storm. */
const PACE_MS = 20;
const BUSY_PAUSE_MS = 60;
const BUSY_SPREAD_MS = 240;
const BUSY_MAX = 4;
/** Of a meeting, all with the same time-out; fewer when it knows whom to turn to next. */
const MEET_ATTEMPTS = 3;
const MEET_ATTEMPTS_AMONG_OTHERS = 2;
const WAIT_AGAIN_MS = 300;
/** Before the next question to the oracle. */
const ASK_PAUSE_MS = 20;
const ASK_SPREAD_MS = 100;
/** An oracle that takes longer knows nobody: it may look for a host that is gone. A walk of all its steps takes less. */
const ORACLE_WAIT_MS = 4_000;

export interface Reference {
  readonly contact: Contact;
  /** A child of who referred to it: on the way down to a place. */
  readonly descends: boolean;
  /** Its parent's place becomes free, because that parent is gone. */
  readonly lost: string;
}

/** The first copy of a question. */
interface Copy {
  readonly op: number;
  readonly askedAt: Millis;
}

export interface SeekerEvents {
  /** What a meeting is told about this peer. */
  introduce(): { readonly self: LagMember; readonly children: readonly LagMember[] };
  /** Whether it makes sense to meet that peer: it does not stand below this one. */
  canMeet(peer: Contact): boolean;
  /** A plan is about to place it. */
  isBound(): boolean;
  onGranted(grant: Grant): void;
  /** Granted too late: the slot is of no use any more. */
  giveBack(peer: Contact, link: number): void;
}

type State =
  | { readonly kind: 'resting' }
  | { readonly kind: 'pausing'; readonly until: Millis }
  | { readonly kind: 'asking'; readonly until: Millis }
  | { readonly kind: 'meeting'; readonly with: Reference; readonly link: number; readonly op: number; readonly first: Copy; readonly giveUpAt: Millis }
  /** A slot is about to become free, or a plan is under way. Asks now and then, because what it waits for may get lost. */
  | { readonly kind: 'waiting'; readonly with: Reference; readonly link: number; readonly until: Millis; readonly againAt: Millis };

export class Seeker {
  readonly #context: Context;
  readonly #oracle: PeerOracle;
  readonly #events: SeekerEvents;
  #state: State = { kind: 'resting' };
  #queue: Reference[] = [];
  /** Since when it floats, or last contacted the source. */
  #floatsSince: Millis = 0;
  #busy = 0;
  #lastMetAt: Millis = -Infinity;
  /** Raised with every start and stop: an oracle may answer long after it was asked. */
  #turn = 0;
  /** The delay of the place that it waits for. */
  awaited: number | undefined;

  constructor(context: Context, oracle: PeerOracle, events: SeekerEvents) {
    this.#context = context;
    this.#oracle = oracle;
    this.#events = events;
  }

  get isResting(): boolean {
    return this.#state.kind === 'resting';
  }

  nextDueAt(): Millis {
    const state = this.#state;
    if (state.kind === 'waiting') return Math.min(state.until, state.againAt);
    return state.kind === 'pausing' || state.kind === 'asking' ? state.until : Infinity;
  }

  /** Begins to float: with these contacts first. `awaited`: the delay of the place that the first of them will have free. */
  start(contacts: readonly Reference[], awaited?: number): void {
    this.stop();
    this.#floatsSince = this.#context.now();
    this.#queue = contacts.slice(0, CONTACTS_MAX);
    this.awaited = awaited;
    this.#pauseUntil(this.#context.now());
  }

  stop(): void {
    if (this.#state.kind === 'meeting') this.#context.requests.cancel(this.#state.op);
    this.#state = { kind: 'resting' };
    this.#queue = [];
    this.#busy = 0;
    this.#turn++;
    this.awaited = undefined;
  }

  /** A plan came to an end: the one that was waited for, unless it waits for the slot of a lost peer. */
  resume(): void {
    if (this.#state.kind === 'waiting' && this.#state.with.lost === '') this.#pauseUntil(this.#context.now());
  }

  onTimer(now: Millis): void {
    if (this.nextDueAt() > now) return;
    const state = this.#state;
    if (state.kind === 'asking') return this.#onOracle(undefined);
    if (state.kind !== 'waiting') return this.#next();
    if (state.until <= now) {
      this.awaited = undefined;
      this.#next();
    } else if (this.#events.isBound()) this.#state = { ...state, againAt: now + WAIT_AGAIN_MS };
    else this.#ask(state.with, state.link, state.until);
  }

  /** An answer that no question waits for: a slot has become free, or it comes too late. */
  onLateAnswer(from: Contact, answer: LagAnswer): void {
    const state = this.#state;
    const expected = (state.kind === 'waiting' || state.kind === 'meeting') && state.link === answer.link ? state : undefined;
    if (expected?.kind === 'waiting') return this.#onAnswer(expected.with, expected.link, from, answer, this.#context.now(), expected.until);
    if (expected === undefined) {
      if (answer.outcome === OUTCOME.granted) this.#events.giveBack(from, answer.link);
      return;
    }
    // To an earlier copy of the question. What it grants may be over before it begins; the answer to the last copy says more.
    const { op, askedAt } = expected.first;
    const tookMs = this.#context.now() - askedAt;
    if (answer.op === op) this.#context.learnRtt(expected.with.contact, tookMs);
    if (answer.outcome === OUTCOME.granted && tookMs >= this.#context.tree.leaseMs) return;
    this.#context.requests.cancel(expected.op);
    this.#onAnswer(expected.with, expected.link, from, answer, askedAt, expected.giveUpAt);
  }

  #next(): void {
    const { tree } = this.#context;
    const next = this.#takeContact();
    const timedOut = this.#context.now() - this.#floatsSince >= tree.timeout * tree.heartbeatMs && next?.descends !== true;
    if (timedOut) return this.#meet({ contact: tree.source, descends: false, lost: '' });
    if (next !== undefined) return this.#meet(next);
    const turn = ++this.#turn;
    this.#state = { kind: 'asking', until: this.#context.now() + ORACLE_WAIT_MS };
    const wish = { tree: tree.id, self: this.#context.local.contact, constraint: this.#context.terms.constraint };
    this.#oracle.ask(wish, (peer) => {
      if (turn === this.#turn && this.#state.kind === 'asking') this.#onOracle(peer);
    });
  }

  #takeContact(): Reference | undefined {
    for (;;) {
      const next = this.#queue.shift();
      if (next === undefined || (!this.#context.isAvoided(next.contact) && this.#events.canMeet(next.contact))) return next;
    }
  }

  #onOracle(peer: Contact | undefined): void {
    this.#turn++;
    const { tree, tally } = this.#context;
    const isUseful = peer !== undefined && !this.#context.isAvoided(peer) && this.#events.canMeet(peer);
    if (isUseful) return this.#meet({ contact: peer, descends: false, lost: '' });
    tally.refusals++;
    // Nobody could serve it: only the source itself may.
    if (ALGORITHMS[tree.algorithm].informed) this.#meet({ contact: tree.source, descends: false, lost: '' });
    else this.#pauseUntil(this.#context.now() + tree.heartbeatMs);
  }

  #meet(reference: Reference): void {
    const now = this.#context.now();
    if (now < this.#lastMetAt + PACE_MS || this.#events.isBound()) {
      this.#queue.unshift(reference);
      this.#pauseUntil(now + PACE_MS);
      return;
    }
    if (reference.contact.peerId === this.#context.tree.source.peerId) this.#floatsSince = now;
    this.#lastMetAt = now;
    this.#ask(reference, this.#context.nextLink(), Infinity);
  }

  /** `giveUpAt`: it was told to wait, and waits no longer than that. Each copy has a number, so that an answer tells which lease it begins. */
  #ask(reference: Reference, link: number, giveUpAt: Millis, attempt = 1, before?: Copy): void {
    const now = this.#context.now();
    const { tree, requests } = this.#context;
    const { self, children } = this.#events.introduce();
    const { avoided } = this.#context;
    const op = requests.ask({
      to: reference.contact, attempts: 1, timeoutMs: this.#context.timeoutTo(reference.contact),
      message: (number) => ({ type: 'lagMeet', op: number, tree: tree.id, link, self, children, lost: reference.lost, hop: this.#context.measuredHopTo(reference.contact), avoided }),
      onReply: (reply, rttMs, from) => {
        this.#context.learnRtt(reference.contact, rttMs);
        if (reply.type === 'lagAnswer') this.#onAnswer(reference, link, from, reply, now, giveUpAt);
        else this.#pauseUntil(this.#context.now());
      },
      onSilent: () => this.#onSilent(reference, link, giveUpAt, attempt),
    });
    this.#state = { kind: 'meeting', with: reference, link, op, first: before ?? { op, askedAt: now }, giveUpAt };
  }

  #onSilent(reference: Reference, link: number, giveUpAt: Millis, attempt: number): void {
    const attempts = this.#queue.length > 0 ? MEET_ATTEMPTS_AMONG_OTHERS : MEET_ATTEMPTS;
    const first = this.#state.kind === 'meeting' ? this.#state.first : undefined;
    if (attempt < attempts) return this.#ask(reference, link, giveUpAt, attempt + 1, first);
    this.#context.avoid(reference.contact);
    this.awaited = undefined;
    this.#pauseUntil(this.#context.now());
  }

  #onAnswer(reference: Reference, link: number, from: Contact, answer: LagAnswer, askedAt: Millis, giveUpAt = Infinity): void {
    const now = this.#context.now();
    const { tree } = this.#context;
    if (answer.outcome === OUTCOME.wait) {
      const until = Math.min(giveUpAt, now + Math.max(tree.lockMs, tree.leaseMs));
      this.#state = { kind: 'waiting', with: reference, link, until, againAt: now + WAIT_AGAIN_MS };
      return;
    }
    if (answer.outcome === OUTCOME.granted && answer.path !== undefined) {
      this.#pauseUntil(now);
      const { path, version, stamp } = answer as LagAnswer & { path: LagPath };
      this.#events.onGranted({ contact: from, link, path, pathVersion: version, stamp, askedAt });
      return;
    }
    if (answer.outcome === OUTCOME.busy) return this.#onBusy(reference, now);
    this.#busy = 0;
    this.awaited = undefined;
    if (reference.descends && !answer.descends) this.#context.refused(reference.contact);
    if (answer.outcome === OUTCOME.refer && answer.to !== undefined) {
      this.#queue = [{ contact: answer.to, descends: answer.descends, lost: '' }];
      return this.#pauseUntil(now);
    }
    if (answer.outcome === OUTCOME.ask) this.#queue = [];
    else this.#context.avoid(reference.contact, answer.outcome === OUTCOME.anotherTree ? 'outsider' : 'silent');
    this.#pauseUntil(now + ASK_PAUSE_MS + ASK_SPREAD_MS * this.#context.local.env.random.unit());
  }

  /** It has no time now; one that never has is left alone for a while. */
  #onBusy(reference: Reference, now: Millis): void {
    this.#busy++;
    if (this.#busy < BUSY_MAX) this.#queue.unshift(reference);
    else {
      this.#busy = 0;
      this.awaited = undefined;
      this.#context.avoid(reference.contact);
    }
    this.#pauseUntil(now + BUSY_PAUSE_MS + BUSY_SPREAD_MS * this.#context.local.env.random.unit());
  }

  #pauseUntil(until: Millis): void {
    this.#state = { kind: 'pausing', until };
  }
}
