/**
 * Registered queries ([0069], publish-subscribe): held by every machine until their lease ends, answered in every report.
 *
 * Every machine holds them, not only those they concern, because any machine may host the root next. They spread in two ways:
 * a registration goes down the tree, and a machine whose parent knows others learns them with the next acknowledgement.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import { CIRCLE } from '../../core/position.ts';
import type { Call, Ops } from '../pool/ops.ts';
import type { Predicate } from '../pool/predicate.ts';
import { hashText } from '../pool/state.ts';
import type { SomoStanding } from '../wire/somo-messages.ts';
import { checkedCalls, checkedPredicate } from './partial.ts';
import type { Region } from './tree.ts';

export interface Standing {
  readonly id: number;
  readonly origin: Contact;
  readonly calls: readonly Call[];
  readonly predicate: Predicate;
  readonly region: Region;
  /** Of a job; empty for a subscription. */
  readonly topic: string;
  readonly until: Millis;
}

/** Queries registered in a pool at one time; a further one is refused. */
export const STANDING_MAX = 16;
/** Longest lease; who wants to listen for longer renews it. */
export const LEASE_MAX_MS = 10 * 60_000;
/** A query that ended is not learned again from somebody who has not noticed yet. */
const ENDED_MS = 60_000;
const ENDED_MAX = 64;
/** Leases shrink when they are passed on, so that none lives for ever by going round. */
const HEARSAY_MS = 1_000;

export class StandingQueries {
  #all: readonly Standing[] = [];
  readonly #ended = new Map<number, { readonly until: Millis; readonly isCancelled: boolean }>();
  #digest = 0;

  /** In a stable order. */
  get all(): readonly Standing[] {
    return this.#all;
  }

  /** Over the identities; leases are renewed all the time and do not count. */
  get digest(): number {
    return this.#digest;
  }

  /**
   * Takes a query in. `isFirstHand`: the origin says so, and prolongs the lease of a known one. False when it cannot be:
   * unknown operations, no room, no time left.
   */
  learn(wire: SomoStanding, ops: Ops, now: Millis, isFirstHand: boolean): boolean {
    const known = this.#all.find(({ id }) => id === wire.id);
    const until = now + Math.min(wire.leaseMs, LEASE_MAX_MS) - (isFirstHand ? 0 : HEARSAY_MS);
    if (known) {
      if (isFirstHand && until > known.until) this.#set(this.#all.map((one) => (one === known ? { ...known, until } : one)));
      return true;
    }
    const ended = this.#ended.get(wire.id);
    if (this.#all.length >= STANDING_MAX || until <= now || (ended && (ended.isCancelled || !isFirstHand))) return false;
    const calls = checkedCalls(wire.aggregates, ops);
    const predicate = checkedPredicate(wire.where);
    const { id, origin, topic, from, to } = wire;
    if (!calls || !predicate || !(from >= 0 && from < to && to <= CIRCLE)) return false;
    this.#set([...this.#all, { id, origin, calls, predicate, topic, region: { from, to }, until }].sort((a, b) => a.id - b.id));
    return true;
  }

  cancel(id: number, now: Millis): void {
    this.#set(this.#all.filter((one) => one.id !== id));
    this.#end(id, now, true);
  }

  expire(now: Millis): void {
    const over = this.#all.filter(({ until }) => until <= now);
    if (over.length > 0) this.#set(this.#all.filter(({ until }) => until > now));
    for (const { id } of over) this.#end(id, now, false);
    for (const [id, { until }] of this.#ended) if (until <= now) this.#ended.delete(id);
  }

  /** As others are told of them. */
  toWire(now: Millis): SomoStanding[] {
    return this.#all.map(({ id, origin, calls, predicate, region, topic, until }) => ({
      id, origin, aggregates: calls, where: predicate.text, from: region.from, to: region.to, leaseMs: Math.max(1, Math.floor(until - now)), topic,
    }));
  }

  #end(id: number, now: Millis, isCancelled: boolean): void {
    this.#ended.set(id, { until: now + ENDED_MS, isCancelled });
    if (this.#ended.size > ENDED_MAX) this.#ended.delete(this.#ended.keys().next().value as number);
  }

  #set(all: readonly Standing[]): void {
    this.#all = all;
    this.#digest = all.reduce((sum, { id }) => (sum + hashText(String(id))) % 2 ** 32, 0);
  }
}
