/**
 * Who has asked the local hub to be told of which feed: a bounded set that survives restarts. Each subscription has a lease and
 * is gone when that is over; each remembers the last version that its reader took, so that nothing is told twice and what
 * came while either was away is told later.
 */
import { createHash } from 'node:crypto';
import type { Store } from '../../core/env.ts';

export interface Subscription {
  /** As the reader named it; deliveries repeat it. */
  readonly topic: string;
  readonly callback: string;
  /** The feed behind the topic. */
  readonly feed: string;
  /** Empty: deliveries are not signed. */
  readonly secret: string;
  readonly algorithm: 'sha256' | 'sha1';
  readonly leaseEndsAt: number;
  /** Hash of the last version that it took, or of the one it had when it subscribed. */
  readonly delivered: string;
}

export const SUBSCRIPTIONS_MAX = 4_096;
const PREFIX = 'hub/';

export class HubSubscriptions {
  readonly #store: Store;
  readonly #all = new Map<string, Subscription>();

  constructor(store: Store) {
    this.#store = store;
    for (const name of store.names(PREFIX)) {
      const kept = parse(store.read(name));
      if (kept === undefined || this.#all.size >= SUBSCRIPTIONS_MAX) store.remove(name);
      else this.#all.set(nameOf(kept), kept);
    }
  }

  get size(): number {
    return this.#all.size;
  }

  all(): readonly Subscription[] {
    return [...this.#all.values()];
  }

  of(feed: string, now: number): readonly Subscription[] {
    this.#expire(now);
    return this.all().filter((one) => one.feed === feed);
  }

  get(topic: string, callback: string): Subscription | undefined {
    return this.#all.get(nameOf({ topic, callback }));
  }

  /** False when there is no room for a new one. */
  put(subscription: Subscription, now: number): boolean {
    this.#expire(now);
    const name = nameOf(subscription);
    if (!this.#all.has(name) && this.#all.size >= SUBSCRIPTIONS_MAX) return false;
    this.#all.set(name, subscription);
    this.#store.write(name, Buffer.from(JSON.stringify(subscription)));
    return true;
  }

  remove({ topic, callback }: Pick<Subscription, 'topic' | 'callback'>): void {
    const name = nameOf({ topic, callback });
    if (this.#all.delete(name)) this.#store.remove(name);
  }

  #expire(now: number): void {
    for (const one of this.#all.values()) if (one.leaseEndsAt <= now) this.remove(one);
  }
}

function nameOf({ topic, callback }: Pick<Subscription, 'topic' | 'callback'>): string {
  return PREFIX + createHash('sha256').update(`${callback}\n${topic}`).digest('hex');
}

function parse(bytes: Uint8Array | undefined): Subscription | undefined {
  try {
    const value = JSON.parse(Buffer.from(bytes ?? []).toString('utf8')) as Partial<Subscription>;
    const texts = [value.topic, value.callback, value.feed, value.secret, value.delivered];
    const isWhole = texts.every((one) => typeof one === 'string') && typeof value.leaseEndsAt === 'number' && (value.algorithm === 'sha256' || value.algorithm === 'sha1');
    return isWhole ? (value as Subscription) : undefined;
  } catch {
    return undefined;
  }
}
