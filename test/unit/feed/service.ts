/** A feeds service of a test's own: short floors, facts that can be waited for, a clock that can be set, a pool that does as told. */
import type { Contact } from '../../../src/core/contact.ts';
import { positionFromLead } from '../../../src/core/position.ts';
import { SqliteStore } from '../../../src/host/sqlite-store.ts';
import type { FeedFact } from '../../../src/daemon/feeds/facts.ts';
import type { FeedsOptions } from '../../../src/daemon/feeds/feeds.ts';
import { Feeds } from '../../../src/daemon/feeds/feeds.ts';
import { SteadyClock } from '../../../src/daemon/feeds/steady-clock.ts';
import type { FeedPool, FeedPoolStatus, FeedRole, FeedTerms, FoundVersion } from '../../../src/protocol/feed/feed.ts';

export class Service implements AsyncDisposable {
  readonly feeds: Feeds;
  readonly store: SqliteStore;
  readonly facts: FeedFact[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(options: Partial<FeedsOptions> & { readonly file?: string } = {}) {
    const { file, ...rest } = options;
    this.store = new SqliteStore(file ?? ':memory:');
    this.feeds = new Feeds({
      allowPrivateNetworks: true, originFloorMs: 20, defaultMaxStalenessMs: 3_600_000, version: 'test', contact: 'https://example.org/', apiUrl: () => 'http://127.0.0.1:4780',
      onFact: (fact) => {
        this.facts.push(fact);
        for (const wake of this.#waiting) wake();
      },
      store: this.store,
      ...rest,
    });
  }

  count(kind: FeedFact['kind']): number {
    return this.facts.filter((fact) => fact.kind === kind).length;
  }

  /** Resolves once `condition` holds after some fact. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  /** Until so many questions were answered since the start. */
  async polled(times: number): Promise<void> {
    await this.until(() => this.count('feed-polled') >= times);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.feeds.stop();
    this.store.close();
  }
}

/** A clock whose wall time a test moves; intervals still pass by themselves. */
export function clockAhead(aheadMs: number): SteadyClock {
  return new SteadyClock(() => Date.now() + aheadMs);
}

export const SOMEBODY: Contact = { peerId: '12D3KooWSomebody', position: positionFromLead(7), addresses: [], name: 'somebody', incarnation: 1 };

/** Writes down what it is told. */
export class TestPool implements FeedPool {
  readonly subscribed = new Map<string, FeedTerms>();
  readonly changed: FeedTerms[] = [];
  readonly foundVersions: { readonly version: FoundVersion; readonly body: Uint8Array }[] = [];
  readonly confirmations: { readonly hash: string; readonly checkedAt: number }[] = [];
  current: FeedPoolStatus | undefined;

  subscribe(terms: FeedTerms): void {
    this.subscribed.set(terms.key.hex, terms);
  }

  change(terms: FeedTerms): void {
    this.changed.push(terms);
  }

  unsubscribe(key: FeedTerms['key']): void {
    this.subscribed.delete(key.hex);
  }

  found(_key: FeedTerms['key'], version: FoundVersion, body: Uint8Array): void {
    this.foundVersions.push({ version, body });
  }

  confirmed(_key: FeedTerms['key'], hash: string, checkedAt: number): void {
    this.confirmations.push({ hash, checkedAt });
  }

  status(): FeedPoolStatus | undefined {
    return this.current;
  }

  /** The key of the only feed. */
  get key(): FeedTerms['key'] {
    const [terms] = this.subscribed.values();
    if (terms === undefined) throw new Error('nobody has subscribed');
    return terms.key;
  }
}

export function statusWith(role: FeedRole, rest: Partial<FeedPoolStatus> = {}): FeedPoolStatus {
  return { role, children: [], subscribers: 5, gapMs: 1_000, delayMs: 10, freshAt: 0, ...rest };
}
