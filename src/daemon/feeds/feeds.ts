/**
 * The feeds of this peer: what people subscribe to, when each is asked for, and what readers get. Runs without any pool.
 *
 * Rule zero: alone, this is a polite local cache; a pool only takes polls away. So the service decides everything here and
 * uses the pool where there is one (pool-side.ts): whatever a pool does or fails to do, the own plan stands behind it.
 * All that is acknowledged is durable before it is told. Everything is keyed by the feed's id.
 */
import { EventEmitter } from 'node:events';
import { must } from '../../core/assert.ts';
import { GroveError } from '../../core/errors.ts';
import { mergeDelta } from '../../host/feed-parser/merge.ts';
import { FeedParser } from '../../host/feed-parser/parser.ts';
import { charsetOf } from '../../host/origin/headers.ts';
import type { OriginAnswer } from '../../host/origin/origin-client.ts';
import { hostOf, OriginClient } from '../../host/origin/origin-client.ts';
import { parseFeedUrl } from '../../host/origin/parse-url.ts';
import type { Resolve } from '../../host/origin/guarded-agent.ts';
import type { WebsubListener } from '../../host/websub-listener.ts';
import { listenForHubs } from '../../host/websub-listener.ts';
import { isLoopbackHost, isPrivateHost } from '../../host/origin/private-address.ts';
import type { SqliteStore } from '../../host/sqlite-store.ts';
import type { FeedEvents, FeedPool, FeedPoolStatus, FeedShelf, FeedVersion } from '../../protocol/feed/feed.ts';
import { feedIdOf } from '../../protocol/feed/feed-url.ts';
import type { PrivateReason } from '../../protocol/feed/privacy.ts';
import { privateAnswer, privateUrl } from '../../protocol/feed/privacy.ts';
import { planAfterRestart } from '../../protocol/feed/schedule.ts';
import { FLOOR_MS_MAX } from '../../protocol/feed/freshness.ts';
import { deferred } from '../deferred.ts';
import type { Surroundings } from './describe.ts';
import { detailOf, itemsOf, reasonsOf, stateOf, summaryOf } from './describe.ts';
import { DueList } from './due-list.ts';
import type { FeedFact } from './facts.ts';
import { newMemory } from './feed-memory.ts';
import { FeedRecord } from './feed-record.ts';
import { FeedStore } from './feed-store.ts';
import { HostBudgets } from './host-budgets.ts';
import { readDocument, sha256, takeItems } from './intake.ts';
import { afterConfirmation, afterDocument, afterFailure, replan } from './outcomes.ts';
import { PoolSide } from './pool-side.ts';
import { SteadyClock } from './steady-clock.ts';
import { WebsubSubscriber } from './websub-subscriber.ts';
import type { FeedDetail, FeedItem, FeedNews, FeedReasons, FeedScope, FeedSummary, FeedWish, ServedDocument } from './views.ts';

export type * from './views.ts';

export interface FeedsOptions {
  readonly store: SqliteStore;
  /** Origins on loopback or in the LAN are fetched, and may enter the pool like public ones. */
  readonly allowPrivateNetworks: boolean;
  /** Lowers the floor for origins on loopback; undefined leaves them like all others. */
  readonly originFloorMs: number | undefined;
  readonly defaultMaxStalenessMs: number;
  /** What the user agent says: a name, a version and where to learn more. */
  readonly product: { readonly version: string; readonly contact: string };
  /** Where readers find this peer; undefined without an API. */
  readonly apiUrl: () => string | undefined;
  readonly onFact: (fact: FeedFact) => void;
  readonly random?: () => number;
  readonly clock?: SteadyClock;
  /** Tests answer in place of the DNS. */
  readonly resolve?: Resolve | undefined;
}

export interface PushOptions {
  /** Where the world reaches the listener, like https://feeds.example.org. */
  readonly callbackBase: string;
  readonly host: string;
  readonly port: number;
}

/** With an hour between two polls, which is what most origins get, this can be kept. */
export const DEFAULT_MAX_STALENESS_MS = 90 * 60_000;
export const MAX_STALENESS_MIN_MS = 1_000;
export const MAX_STALENESS_MAX_MS = 30 * 24 * 60 * 60_000;
export const FEEDS_MAX = 20_000;
export const FANOUT_MAX = 1_000;
/** Questions under way at one time; more wait for their turn. */
const ASKING_MAX = 16;
/** Asking again because a person wants it. */
const REFRESH_LEAST_MS = 60_000;
/** Beside a hub that is relied on. */
const SAFETY_POLL_MS = 6 * 60 * 60_000;
/** How soon it is noticed that a feed has become late. */
const WATCH_MS = 10_000;

export class Feeds {
  readonly store: FeedStore;
  /** What V's glue gives to the protocol: the pool's view of what is kept here. */
  readonly shelf: FeedShelf;
  readonly poolEvents: FeedEvents;
  readonly #options: FeedsOptions;
  readonly #clock: SteadyClock;
  readonly #random: () => number;
  readonly #client: OriginClient;
  readonly #parser = new FeedParser();
  readonly #hosts: HostBudgets;
  readonly #due: DueList;
  readonly #records = new Map<string, FeedRecord>();
  readonly #poolSide: PoolSide;
  readonly #emitter = new EventEmitter();
  readonly #waiting: FeedRecord[] = [];
  readonly #watching: NodeJS.Timeout;
  #websub: WebsubSubscriber | undefined;
  #listener: WebsubListener | undefined;
  #asking = 0;
  #stopped = false;

  constructor(options: FeedsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? new SteadyClock();
    this.#random = options.random ?? Math.random;
    this.store = new FeedStore(options.store);
    this.#hosts = new HostBudgets(this.store, this.#random);
    this.#client = new OriginClient({ allowPrivateNetworks: options.allowPrivateNetworks, now: () => this.#clock.now(), resolve: options.resolve });
    this.#due = new DueList(() => this.#clock.now(), (id) => this.#onDue(id));
    this.#poolSide = new PoolSide({
      store: this.store, clock: this.#clock, parser: this.#parser, random: this.#random, records: this.#records, onFact: options.onFact,
      replan: (record) => this.#schedule(record), onVersion: (record, version) => this.#tellVersion(record, version), onState: (record) => this.#tellState(record),
    });
    this.shelf = this.#poolSide.shelf;
    this.poolEvents = this.#poolSide;
    this.#emitter.setMaxListeners(0);
    this.#recall();
    this.#watching = setInterval(() => this.#tellStates(), WATCH_MS).unref();
  }

  // --- what people ask for ---

  /** Idempotent: the same feed again only changes what is named. Throws GroveError; durable when it returns. */
  add(wish: Partial<FeedWish> & { readonly url: string }): FeedSummary {
    const { parts, canonical } = parseFeedUrl(wish.url);
    const id = feedIdOf(canonical, sha256);
    const known = this.#records.get(id);
    checkWish(wish);
    if (known === undefined && this.#records.size >= FEEDS_MAX) throw new GroveError('quota', `There are ${FEEDS_MAX} feeds already: remove some first.`);
    const askedScope = wish.scope ?? known?.askedScope;
    const { scope, reason } = this.#scopeFor(canonical, askedScope, known);
    const now = this.#clock.now();
    const loweredMs = isLoopbackHost(parts.host) ? this.#options.originFloorMs : undefined;
    const full: FeedWish = {
      url: known?.wish.url ?? wish.url.trim(),
      maxStalenessMs: wish.maxStalenessMs ?? known?.wish.maxStalenessMs ?? this.#options.defaultMaxStalenessMs,
      fanout: wish.fanout ?? known?.wish.fanout,
      scope,
      neverOrigin: wish.neverOrigin ?? known?.wish.neverOrigin ?? false,
    };
    const stored = { id, canonical, wish: full, askedScope, scopeReason: reason, addedAt: known?.addedAt ?? now, memory: known?.memory ?? newMemory(canonical, now) };
    this.store.putFeed(stored);
    const record = known ?? new FeedRecord(stored, undefined, loweredMs);
    Object.assign(record, { wish: full, askedScope, scopeReason: reason });
    this.#records.set(id, record);
    if (known === undefined) this.#options.onFact({ kind: 'feed-added', feed: id, url: full.url });
    this.#poolSide.update(record);
    this.#schedule(record);
    this.#tellState(record);
    return this.#summary(record);
  }

  remove(urlOrId: string): void {
    const record = this.#find(urlOrId);
    this.#poolSide.leave(record);
    this.#websub?.drop(record.id);
    this.#records.delete(record.id);
    this.#due.set(record.id, undefined);
    this.store.removeFeed(record.id);
    this.#options.onFact({ kind: 'feed-removed', feed: record.id, url: record.wish.url });
  }

  list(): FeedSummary[] {
    return [...this.#records.values()].map((record) => this.#summary(record));
  }

  show(urlOrId: string): FeedDetail {
    const record = this.#find(urlOrId);
    return detailOf(record, this.#around(record));
  }

  why(urlOrId: string): FeedReasons {
    const record = this.#find(urlOrId);
    return reasonsOf(record, this.#around(record));
  }

  /** Asks the origin now if that is polite; says how things are either way. */
  async refresh(urlOrId: string): Promise<FeedSummary> {
    const record = this.#find(urlOrId);
    if (record.asking === undefined && this.#mayRefresh(record)) {
      this.#hosts.reserve(hostOfFeed(record), this.#clock.now(), record.loweredMs === undefined);
      await this.#ask(record);
    } else await record.asking;
    return this.#summary(record);
  }

  /** Undefined when there is no such feed. */
  idOf(urlOrId: string): string | undefined {
    return this.#lookup(urlOrId)?.id;
  }

  // --- what readers get ---

  /** Undefined before the first version. */
  document(id: string): ServedDocument | undefined {
    const record = this.#records.get(id);
    const version = record?.latest;
    if (record === undefined || version === undefined || !this.store.hasBody(version.hash)) return undefined;
    const { store } = this;
    const { wish, memory, canonical } = record;
    const [newest] = this.store.items(id, 1);
    return {
      url: wish.url, id, version, canonicalUrl: canonical, nextUpdateAt: Math.max(this.#clock.now(), this.#expectedAt(record)), freshAt: memory.freshAt,
      hubs: memory.hubs, signed: memory.signed, trust: newest?.label ?? 'origin',
      // Unpacked when it is looked at: most answers to readers need only its hash.
      get body() {
        return must(store.body(version.hash), 'a body that is kept');
      },
    };
  }

  /** Versions that are kept, the newest first. */
  history(id: string): FeedVersion[] {
    return this.store.history(id);
  }

  /** Of any version that is kept. */
  body(hash: string): Uint8Array | undefined {
    return this.store.body(hash);
  }

  /** The newest first. */
  items(id: string, max = 100): FeedItem[] {
    return itemsOf(this.store, id, max);
  }

  /** Resolves with the first version; rejects with the signal's reason. */
  async whenServable(id: string, signal: AbortSignal): Promise<ServedDocument> {
    for (;;) {
      signal.throwIfAborted();
      const document = this.document(id);
      if (document !== undefined) return document;
      if (!this.#records.has(id)) throw new GroveError('not-found', 'There is no such feed.');
      const news = deferred<void>();
      const wake = (): void => news.resolve();
      this.#emitter.once('version', wake);
      signal.addEventListener('abort', wake, { once: true });
      await news.promise;
      this.#emitter.off('version', wake);
      signal.removeEventListener('abort', wake);
    }
  }

  on<K extends keyof FeedNews>(event: K, listener: (news: FeedNews[K]) => void): () => void {
    this.#emitter.on(event, listener);
    return () => void this.#emitter.off(event, listener);
  }

  // --- the pool, and the end ---

  /** `undefined`: alone from now on. `salt` hides the keys of feeds that are shared among friends only. */
  usePool(pool: FeedPool | undefined, salt = ''): void {
    this.#poolSide.use(pool, salt);
    for (const record of this.#records.values()) this.#schedule(record);
  }

  /** Hubs on the internet may call at `callbackBase`, which leads to this listener; returns its port. Throws GroveError 'in-use'. */
  async usePush({ callbackBase, host, port }: PushOptions): Promise<number> {
    const websub = new WebsubSubscriber({
      store: this.#options.store, callbackBase: callbackBase.replace(/\/$/, ''), now: () => this.#clock.now(), random: this.#random,
      post: async (url, form) => this.#client.post(url, form, `grove/${this.#options.product.version} (+${this.#options.product.contact})`),
      onPush: (id) => this.#onPush(id), onChange: (id) => this.#onPushChange(id),
    });
    this.#listener = await listenForHubs(host, port, websub);
    this.#websub = websub;
    for (const record of this.#records.values()) {
      this.#followHub(record);
      this.#onPushChange(record.id);
    }
    return this.#listener.port;
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#websub?.stop();
    await this.#listener?.close();
    clearInterval(this.#watching);
    this.#due.stop();
    await this.#client.close();
    await this.#parser.close();
    await Promise.allSettled([...this.#records.values()].map(async ({ asking }) => asking));
  }

  // --- asking ---

  /** After a start: plans ahead stay, what fell due is spread out, versions that a crash left unread are read. */
  #recall(): void {
    const now = this.#clock.now();
    for (const stored of this.store.feeds()) {
      const { parts } = parseFeedUrl(stored.canonical);
      const record = new FeedRecord(stored, this.store.latest(stored.id), isLoopbackHost(parts.host) ? this.#options.originFloorMs : undefined);
      this.#records.set(stored.id, record);
      const interval = record.ownIntervalMs();
      const { nextAt, plannedBy } = record.memory;
      // A plan far beyond any rule was made while the clock was wrong.
      const sane = plannedBy === 'retry-after' ? nextAt : Math.min(nextAt, now + Math.max(interval, 3 * FLOOR_MS_MAX));
      record.memory = { ...record.memory, nextAt: planAfterRestart(sane, now, interval, this.#random()) };
      this.#schedule(record);
      this.#poolSide.catchUp(record);
    }
  }

  #schedule(record: FeedRecord): void {
    if (this.#stopped || record.asking !== undefined) return;
    this.#due.set(record.id, this.#nextAt(record));
  }

  /** When this peer asks the origin next; undefined for not at all. */
  #nextAt(record: FeedRecord): number | undefined {
    const { wish, memory } = record;
    if (wish.neverOrigin || memory.failing?.kind === 'gone') return undefined;
    const own = record.isPushed && memory.failing === undefined ? Math.max(memory.nextAt, memory.lastRequestAt + SAFETY_POLL_MS) : memory.nextAt;
    const planned = record.inPool === undefined ? own : this.#poolSide.nextAt(record, record.inPool);
    return Math.min(planned, record.hintAt ?? Infinity);
  }

  #followHub({ id, wish, scopeReason, memory }: FeedRecord): void {
    // A hub is told the topic: not of feeds that look private.
    if (wish.neverOrigin || scopeReason !== undefined) return this.#websub?.drop(id);
    this.#websub?.follow(id, memory.hubs, memory.self ?? memory.originUrl);
  }

  /** Looks for what a hub announced, within the budget of the host and not against the server's wish. */
  #onPush(id: string): void {
    const record = this.#records.get(id);
    if (record === undefined || record.wish.neverOrigin || record.memory.failing?.retryAt !== undefined) return;
    record.hintAt ??= this.#hosts.reserve(hostOfFeed(record), this.#clock.now(), record.loweredMs === undefined);
    record.hasSlot = true;
    this.#schedule(record);
  }

  #onPushChange(id: string): void {
    const record = this.#records.get(id);
    if (record === undefined) return;
    record.isPushed = this.#websub?.relied(id) ?? false;
    this.#schedule(record);
    this.#tellState(record);
  }

  #onDue(id: string): void {
    const record = this.#records.get(id);
    if (record === undefined) return;
    if (this.#clock.catchUp() > 0) return this.#afterSuspend();
    const now = this.#clock.now();
    if (!record.hasSlot) {
      const at = this.#hosts.reserve(hostOfFeed(record), now, record.loweredMs === undefined);
      record.hasSlot = true;
      if (at > now) return this.#due.set(id, at);
    }
    record.hasSlot = false;
    this.#waiting.push(record);
    this.#startWaiting();
  }

  #startWaiting(): void {
    while (this.#asking < ASKING_MAX && !this.#stopped) {
      const record = this.#waiting.shift();
      if (record === undefined) return;
      void this.#ask(record);
    }
  }

  /** Everything that fell due while the machine slept would be asked for at once: spread it, as after a start. */
  #afterSuspend(): void {
    const now = this.#clock.now();
    for (const record of this.#records.values()) {
      record.hasSlot = false;
      record.memory = { ...record.memory, nextAt: planAfterRestart(record.memory.nextAt, now, record.ownIntervalMs(), this.#random()) };
      this.#schedule(record);
    }
  }

  async #ask(record: FeedRecord): Promise<void> {
    if (this.#stopped || record.asking !== undefined || !this.#records.has(record.id)) return record.asking;
    this.#asking++;
    this.#due.set(record.id, undefined);
    record.asking = this.#askOnce(record).finally(() => {
      record.asking = undefined;
      this.#asking--;
      if (this.#records.get(record.id) !== record) return;
      this.#schedule(record);
      this.#tellState(record);
      this.#startWaiting();
    });
    return record.asking;
  }

  async #askOnce(record: FeedRecord): Promise<void> {
    const audit = this.#poolSide.takeAudit(record);
    const wasTold = record.hintAt !== undefined;
    record.hintAt = undefined;
    const { validators } = record.memory;
    const held = audit === undefined && validators !== undefined && this.store.hasBody(validators.hash) ? validators : undefined;
    if (record.latest === undefined) this.#parser.warm();
    // Whoever shares a document needs the bytes that everybody gets.
    const takesDelta = held !== undefined && record.inPool === undefined && !record.memory.refusesDeltas;
    const answer = await this.#client.ask({ url: record.memory.originUrl, userAgent: this.#userAgent(record), validators: held, takesDelta });
    if (this.#stopped || this.#records.get(record.id) !== record) return;
    for (const host of new Set(answer.hosts)) this.#hosts.learn(host, answer, this.#clock.now(), record.loweredMs === undefined);
    const before = record.memory.originUrl;
    const hashBefore = record.latest?.hash;
    const outcome = await this.#take(record, answer);
    if (record.isPushed && !wasTold && hashBefore !== undefined && record.latest?.hash !== hashBefore) this.#websub?.missed(record.id);
    if (answer.kind !== 'failed') this.#followHub(record);
    if (record.memory.originUrl !== before) this.#options.onFact({ kind: 'feed-moved', feed: record.id, from: before, to: record.memory.originUrl });
    this.#options.onFact({ kind: 'feed-polled', feed: record.id, url: record.wish.url, outcome, tookMs: answer.tookMs });
  }

  /** Returns the outcome in a word, for the log. */
  async #take(record: FeedRecord, answer: OriginAnswer): Promise<string> {
    const unit = this.#random();
    if (answer.kind === 'failed') {
      afterFailure(record, answer, this.#clock.now(), unit);
      this.store.writeMemory(record.id, record.memory);
      return answer.reason;
    }
    const isSame = answer.kind === 'unchanged' || sha256(answer.body) === record.latest?.hash;
    if (isSame) {
      afterConfirmation(record, answer, this.#clock.now(), unit);
      this.store.writeMemory(record.id, record.memory);
      this.#poolSide.confirmed(record, answer.askedAt);
      return answer.kind === 'unchanged' ? '304' : '200, unchanged';
    }
    if (!answer.isDelta) {
      await this.#takeDocument(record, answer, unit);
      return '200';
    }
    const whole = this.#merged(record, answer);
    if (whole !== undefined) await this.#takeDocument(record, { ...answer, body: whole }, unit);
    else this.#refuseDeltas(record, answer.askedAt, unit);
    return whole === undefined ? '226, not to be merged' : '226';
  }

  #merged(record: FeedRecord, answer: Extract<OriginAnswer, { readonly kind: 'document' }>): Uint8Array | undefined {
    const held = record.latest === undefined ? undefined : this.store.body(record.latest.hash);
    return held === undefined ? undefined : mergeDelta(held, answer.body, charsetOf(answer.contentType));
  }

  /** The next question is for the whole document; nothing of this answer is kept. */
  #refuseDeltas(record: FeedRecord, askedAt: number, unit: number): void {
    record.memory = { ...record.memory, refusesDeltas: true, lastRequestAt: askedAt, requests: { ...record.memory.requests, 200: record.memory.requests[200] + 1 } };
    replan(record, askedAt, unit);
    this.store.writeMemory(record.id, record.memory);
  }

  async #takeDocument(record: FeedRecord, answer: Extract<OriginAnswer, { readonly kind: 'document' }>, unit: number): Promise<void> {
    const reading = await readDocument(this.#parser, answer.body, answer.contentType);
    if (this.#stopped || this.#records.get(record.id) !== record) return;
    if (reading.reason !== undefined) this.#options.onFact({ kind: 'feed-parse-failed', feed: record.id, url: record.wish.url, reason: reading.reason });
    this.#guardAnswer(record, privateAnswer({ ...answer.privacy, blocked: reading.document?.blocked ?? false }));
    const now = this.#clock.now();
    const found = {
      hash: reading.hash, size: answer.body.length, contentType: answer.contentType, ...answer.validators, fetchedAt: now,
      askedBefore: record.memory.lastRequestAt, items: reading.raws,
    };
    const version: FeedVersion = { ...found, stamp: { epoch: 0, seq: this.store.nextOwnSeq(record.id) }, attestations: [] };
    afterDocument(record, answer, reading, now, unit);
    let newItems = 0;
    this.store.together(() => {
      this.store.putVersion(record.id, version, answer.body);
      newItems = takeItems(this.store, record.id, reading, 'origin', 0, now);
      this.store.putFeed(record.stored());
    });
    record.latest = version;
    this.#options.onFact({ kind: 'feed-version', feed: record.id, url: record.wish.url, hash: version.hash, size: version.size, newItems, source: 'origin' });
    this.#poolSide.found(record, found, answer.body);
    this.#tellVersion(record, version);
  }

  /** An answer that looks private takes the feed out of the pool before anything of it gets there. */
  #guardAnswer(record: FeedRecord, found: PrivateReason | undefined): void {
    if (found === undefined || record.wish.scope === 'local') return;
    record.wish = { ...record.wish, scope: 'local' };
    record.scopeReason = keptHere(found);
    this.#poolSide.update(record);
    this.#options.onFact({ kind: 'feed-private', feed: record.id, url: record.wish.url, reason: found.reason });
  }

  #scopeFor(canonical: string, asked: FeedScope | undefined, known: FeedRecord | undefined): { readonly scope: FeedScope; readonly reason: string | undefined } {
    const wanted = asked ?? 'pool';
    const { parts } = parseFeedUrl(canonical);
    const found = privateUrl(parts, !this.#options.allowPrivateNetworks && isPrivateHost(parts));
    const binding = found !== undefined && (found.certain || asked === undefined);
    const byUrl = found === undefined ? undefined : keptHere(found);
    if (wanted !== 'local' && binding) return { scope: 'local', reason: byUrl };
    // What an answer showed stays true.
    const shown = known?.scopeReason;
    if (wanted !== 'local' && shown !== undefined && shown !== byUrl) return { scope: 'local', reason: shown };
    return { scope: wanted, reason: undefined };
  }

  #mayRefresh(record: FeedRecord): boolean {
    const now = this.#clock.now();
    const { memory, wish } = record;
    if (wish.neverOrigin) return false;
    const { failing } = memory;
    if (failing !== undefined && ['throttled', 'server', 'forbidden'].includes(failing.kind) && memory.nextAt > now) return false;
    const least = record.loweredMs ?? REFRESH_LEAST_MS;
    return now - memory.lastRequestAt >= Math.min(least, REFRESH_LEAST_MS) && (record.loweredMs !== undefined || now >= this.#hosts.nextAt(hostOfFeed(record)));
  }

  #userAgent(record: FeedRecord): string {
    const { version, contact } = this.#options.product;
    const subscribers = this.#poolSide.subscribersToTell(record);
    return `grove/${version} (+${contact}; ${subscribers} subscriber${subscribers === 1 ? '' : 's'}; feed-id=${record.id})`;
  }

  // --- telling ---

  #tellVersion(record: FeedRecord, version: FeedVersion): void {
    this.#emitter.emit('version', { id: record.id, url: record.wish.url, version } satisfies FeedNews['version']);
  }

  #tellState(record: FeedRecord): void {
    const { state, reason } = stateOf(record, this.#poolSide.status(record), this.#clock.now());
    const before = record.told;
    record.told = { state, reason };
    if (before?.state === state) return;
    this.#options.onFact({ kind: 'feed-state', feed: record.id, url: record.wish.url, state, reason });
    this.#emitter.emit('state', { id: record.id, url: record.wish.url, state, reason } satisfies FeedNews['state']);
  }

  /** Lateness comes by itself, without any answer. */
  #tellStates(): void {
    for (const record of this.#records.values()) this.#tellState(record);
  }

  #expectedAt(record: FeedRecord): number {
    const status: FeedPoolStatus | undefined = this.#poolSide.status(record);
    if (status !== undefined && status.gapMs > 0) return record.memory.freshAt + status.gapMs + status.delayMs;
    return this.#due.at(record.id) ?? record.memory.nextAt;
  }

  #summary(record: FeedRecord): FeedSummary {
    return summaryOf(record, this.#around(record));
  }

  #around(record: FeedRecord): Surroundings {
    return { store: this.store, now: this.#clock.now(), pool: this.#poolSide.status(record), nextAt: this.#due.at(record.id), apiUrl: this.#options.apiUrl() };
  }

  #find(urlOrId: string): FeedRecord {
    const record = this.#lookup(urlOrId);
    if (record !== undefined) return record;
    throw new GroveError('not-found', `There is no feed ${JSON.stringify(urlOrId.slice(0, 200))} here: \`grove feed list\` shows which there are.`);
  }

  #lookup(urlOrId: string): FeedRecord | undefined {
    const byId = this.#records.get(urlOrId);
    if (byId !== undefined || !urlOrId.includes(':')) return byId;
    return this.#records.get(feedIdOf(parseFeedUrl(urlOrId).canonical, sha256));
  }
}

function keptHere({ reason }: PrivateReason): string {
  return `Kept on this machine: ${reason}.`;
}

function hostOfFeed(record: FeedRecord): string {
  return hostOf(new URL(record.memory.originUrl));
}

function checkWish({ maxStalenessMs, fanout, scope }: Partial<FeedWish>): void {
  if (maxStalenessMs !== undefined && !(maxStalenessMs >= MAX_STALENESS_MIN_MS && maxStalenessMs <= MAX_STALENESS_MAX_MS)) {
    throw new GroveError('usage', 'The max staleness must be from one second to 30 days.');
  }
  if (fanout !== undefined && !(Number.isInteger(fanout) && fanout >= 0 && fanout <= FANOUT_MAX)) throw new GroveError('usage', `The fan-out must be a whole number from 0 to ${FANOUT_MAX}.`);
  if (scope !== undefined && !['pool', 'friends', 'local'].includes(scope)) throw new GroveError('usage', 'The scope is pool, friends or local.');
}
