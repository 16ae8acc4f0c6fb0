/**
 * The budgets of all hosts that are asked, in memory and in the store, so that a restart remembers whom it asked last.
 *
 * The rules are protocol/feed/host-budget.ts; here is only which host has which budget.
 */
import type { OriginAnswer } from '../../host/origin/origin-client.ts';
import type { HostBudget } from '../../protocol/feed/host-budget.ts';
import { HOST_SPACING_MS, learn, newBudget, reserve } from '../../protocol/feed/host-budget.ts';
import type { FeedStore } from './feed-store.ts';

/** More than there can be feeds; redirects could name any number. */
const HOSTS_MAX = 40_000;
/** A host that was asked so long ago is like a new one. */
const FORGOTTEN_MS = 2 * 24 * 3_600_000;

export class HostBudgets {
  readonly #store: FeedStore;
  readonly #random: () => number;
  readonly #budgets: Map<string, HostBudget>;

  constructor(store: FeedStore, random: () => number) {
    this.#store = store;
    this.#random = random;
    this.#budgets = store.hosts(HOSTS_MAX);
  }

  /** The instant at which a request to the host may be made; the slot is taken. `spaced` is false on loopback with a lowered floor. */
  reserve(host: string, now: number, spaced: boolean): number {
    const { at, budget } = reserve(this.#budgetOf(host, spaced), now, this.#random());
    this.#keep(host, budget);
    return at;
  }

  /** Not before this instant, whoever wants to. */
  nextAt(host: string): number {
    return this.#budgets.get(host)?.nextAt ?? 0;
  }

  learn(host: string, answer: OriginAnswer, now: number, spaced: boolean): void {
    const failed = answer.kind === 'failed' ? answer : undefined;
    const lesson = { at: now, throttled: failed?.failure === 'throttled', retryAfterMs: failed?.retryAfterMs, rateLimit: answer.rateLimit };
    this.#keep(host, learn(this.#budgetOf(host, spaced), lesson, spaced ? HOST_SPACING_MS : 0, this.#random()));
  }

  #budgetOf(host: string, spaced: boolean): HostBudget {
    return this.#budgets.get(host) ?? newBudget(spaced ? HOST_SPACING_MS : 0);
  }

  #keep(host: string, budget: HostBudget): void {
    this.#budgets.set(host, budget);
    this.#store.writeHost(host, budget);
    if (this.#budgets.size > HOSTS_MAX) this.#forget(budget.nextAt - FORGOTTEN_MS);
  }

  #forget(before: number): void {
    this.#store.dropHosts(before);
    for (const [host, { nextAt }] of this.#budgets) if (nextAt < before) this.#budgets.delete(host);
    // All of them asked within two days: the oldest entries go.
    for (const host of this.#budgets.keys()) {
      if (this.#budgets.size <= HOSTS_MAX) break;
      this.#budgets.delete(host);
    }
  }
}
