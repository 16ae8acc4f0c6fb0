/**
 * One peer's part in a plan: the lock, the claims that wait for its slots, and its own move.
 *
 * A lock keeps a peer as the plan saw it: who is to leave, who is to come, where it is to go. It ends when all of that has
 * happened, on the coordinator's word, or with its lease, whichever is first; so nobody stays locked because somebody died.
 * A mover claims its new place before it leaves the old one. If the new slot is not free yet it leaves at once, so that
 * nobody waits for anybody who waits, and goes on claiming until the lease ends. A parent that moves as well grants
 * nothing before it stands in its own new place: paths grow from the top, and no cycle can close on the way.
 */
import type { Contact } from '../../../core/contact.ts';
import { samePeer } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { LagAnswer, LagLock, LagMember, LagMove } from '../../wire/lagover-messages.ts';
import { OUTCOME } from '../../wire/lagover-messages.ts';
import type { Context } from './context.ts';
import type { Slots } from './slots.ts';
import { ATTEMPTS } from './tree.ts';
import type { Grant } from './uplink.ts';

const RECLAIM_MS = 300;
const HURRIED_MS = 400;

export type LockTerms = Omit<LagLock, 'type' | 'op' | 'tree'>;

interface Lock {
  readonly plan: number;
  readonly coordinator: Contact;
  until: Millis;
  readonly leave: Set<string>;
  readonly come: Set<string>;
  readonly moves: boolean;
  /** Its own move is done, or was given up. */
  moved: boolean;
}

interface Claiming {
  readonly to: Contact;
  readonly link: number;
  op: number;
  /** Ask again then, while it waits. */
  againAt: Millis;
}

export interface PartyEvents {
  introduce(): { readonly self: LagMember; readonly children: readonly LagMember[] };
  parentId(): string;
  onGranted(grant: Grant): void;
  /** Leaves its parent now, because the plan says so. */
  leaveParent(): void;
  /** The plan makes it float; `by` took its place. */
  onTurnedOut(by: Contact | undefined): void;
  giveBack(peer: Contact, link: number): void;
  /** Something that claims may wait for has changed, or the lock ended. */
  onChange(): void;
  /** It was kept to the end of its part, or of its lease. */
  onUnlocked(): void;
}

export class PlanParty {
  readonly #context: Context;
  readonly #slots: Slots;
  readonly #events: PartyEvents;
  #lock: Lock | undefined;
  #claiming: Claiming | undefined;

  constructor(context: Context, slots: Slots, events: PartyEvents) {
    this.#context = context;
    this.#slots = slots;
    this.#events = events;
  }

  get isLocked(): boolean {
    return this.#lock !== undefined;
  }

  /** A plan is about to say where it goes: it looks for no place by itself, so that its claim is its latest word. */
  get isBound(): boolean {
    return this.#lock !== undefined && this.#lock.moves && !this.#lock.moved;
  }

  /** Slots that are kept for those who are to come, beyond those that become free. */
  get reserved(): number {
    return this.#lock === undefined ? 0 : Math.max(0, this.#lock.come.size - this.#lock.leave.size);
  }

  nextDueAt(): Millis {
    return Math.min(this.#lock?.until ?? Infinity, this.#claiming?.againAt ?? Infinity);
  }

  /** Whether it agrees; asked twice it says the same. */
  lock(coordinator: Contact, terms: LockTerms): boolean {
    if (this.#lock !== undefined) return this.#lock.plan === terms.plan && samePeer(this.#lock.coordinator, coordinator);
    const leave = terms.allLeave ? this.#slots.all().map(({ contact }) => contact.peerId) : terms.leave;
    if (leave.some((peerId) => this.#slots.find(peerId) === undefined)) return false;
    if (this.#slots.held - leave.length + terms.come.length > this.#context.terms.fanout) return false;
    if (terms.moves && this.#events.parentId() !== terms.parent) return false;
    const come = new Set(terms.come.filter((peerId) => this.#slots.find(peerId) === undefined));
    const until = this.#context.now() + this.#context.tree.lockMs;
    this.#lock = { plan: terms.plan, coordinator, until, leave: new Set(leave), come, moves: terms.moves, moved: false };
    return true;
  }

  unlock(from: Contact, plan: number): void {
    if (this.#lock?.plan === plan && samePeer(this.#lock.coordinator, from)) this.#end(true);
  }

  /** Its parent is gone, and the plan would not be made any more: if nothing moves yet, it is given little time. */
  hurry(): void {
    const lock = this.#lock;
    if (lock !== undefined && this.#claiming === undefined) lock.until = Math.min(lock.until, this.#context.now() + HURRIED_MS);
  }

  /** Its own move begins. */
  onMove(from: Contact, { plan, to, by }: Pick<LagMove, 'plan' | 'to' | 'by'>): void {
    const lock = this.#lock;
    if (lock?.plan !== plan || !samePeer(lock.coordinator, from) || !lock.moves || lock.moved || this.#claiming !== undefined) return;
    if (to === undefined) {
      lock.moved = true;
      this.#events.leaveParent();
      this.#events.onTurnedOut(by);
      this.onChange();
      return;
    }
    this.#claiming = { to, link: this.#context.nextLink(), op: 0, againAt: Infinity };
    this.#claim(this.#claiming, plan);
  }

  /** Whether that peer is to come here and may: undefined when the plan knows nothing of it, false when it has to wait. */
  mayCome(peerId: string, plan: number): boolean | undefined {
    const lock = this.#lock;
    if (lock?.plan !== plan || !lock.come.has(peerId)) return undefined;
    return (!lock.moves || lock.moved) && this.#slots.held < this.#context.terms.fanout;
  }

  came(peerId: string): void {
    this.#lock?.come.delete(peerId);
    this.onChange();
  }

  left(peerId: string): void {
    this.#lock?.leave.delete(peerId);
    this.onChange();
  }

  /** Ends the lock when all is done. */
  onChange(): void {
    const lock = this.#lock;
    const isDone = lock !== undefined && lock.come.size === 0 && lock.leave.size === 0 && (!lock.moves || lock.moved);
    if (isDone) this.#end(false);
    else this.#events.onChange();
  }

  /** An answer that no question waits for; true when it is about the claim. */
  onLateAnswer(from: Contact, answer: LagAnswer): boolean {
    const claiming = this.#claiming;
    if (claiming?.link !== answer.link || !samePeer(claiming.to, from)) return false;
    this.#onAnswer(claiming, from, answer, this.#context.now());
    return true;
  }

  onTimer(now: Millis): void {
    if (this.#lock !== undefined && this.#lock.until <= now) this.#end(false);
    const claiming = this.#claiming;
    if (claiming !== undefined && this.#lock !== undefined && claiming.againAt <= now) this.#claim(claiming, this.#lock.plan);
  }

  #claim(claiming: Claiming, plan: number): void {
    const { tree, requests } = this.#context;
    const now = this.#context.now();
    claiming.againAt = Infinity;
    const { self, children } = this.#events.introduce();
    claiming.op = requests.ask({
      to: claiming.to, attempts: ATTEMPTS, timeoutMs: this.#context.timeoutTo(claiming.to),
      message: (op) => ({ type: 'lagClaim', op, tree: tree.id, link: claiming.link, self, children, plan }),
      onReply: (reply, rttMs, from) => {
        claiming.op = 0;
        this.#context.learnRtt(claiming.to, rttMs);
        if (reply.type === 'lagAnswer') this.#onAnswer(claiming, from, reply, now);
      },
      onSilent: () => {
        claiming.op = 0;
        this.#giveUp(claiming);
      },
    });
  }

  #onAnswer(claiming: Claiming, from: Contact, answer: LagAnswer, askedAt: Millis): void {
    if (this.#claiming !== claiming) return;
    if (answer.outcome === OUTCOME.wait) {
      claiming.againAt = this.#context.now() + RECLAIM_MS;
      this.#events.leaveParent();
      return;
    }
    if (answer.outcome !== OUTCOME.granted || answer.path === undefined) return this.#giveUp(claiming);
    this.#finishMove();
    this.#events.onGranted({ contact: from, link: claiming.link, path: answer.path, pathVersion: answer.version, stamp: answer.stamp, askedAt });
    this.onChange();
  }

  #giveUp(claiming: Claiming): void {
    if (this.#claiming !== claiming) return;
    this.#events.giveBack(claiming.to, claiming.link);
    this.#finishMove();
    this.onChange();
  }

  #finishMove(): void {
    if (this.#claiming !== undefined && this.#claiming.op !== 0) this.#context.requests.cancel(this.#claiming.op);
    this.#claiming = undefined;
    if (this.#lock !== undefined) this.#lock.moved = true;
  }

  #end(isUndone: boolean): void {
    const claiming = this.#claiming;
    if (claiming !== undefined) {
      this.#events.giveBack(claiming.to, claiming.link);
      this.#finishMove();
    }
    this.#lock = undefined;
    if (!isUndone) this.#events.onUnlocked();
    this.#events.onChange();
  }
}
