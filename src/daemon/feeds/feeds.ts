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
import { FeedParser } from '../../host/feed-parser/parser.ts';
import type { OriginAnswer } from '../../host/origin/origin-client.ts';
import { OriginClient } from '../../host/origin/origin-client.ts';
import { parseFeedUrl } from '../../host/origin/parse-url.ts';
import type { Resolve } from '../../host/origin/guarded-agent.ts';
import { publicCaller } from '../../host/public-callbacks.ts';
import type { WebsubListener } from '../../host/websub-listener.ts';
import { listenForHubs } from '../../host/websub-listener.ts';
import { isLoopbackHost, isPrivateHost } from '../../host/origin/private-address.ts';
import type { SqliteStore } from '../../host/sqlite-store.ts';
import type { FeedEvents, FeedPool, FeedPoolStatus, FeedShelf, FeedVersion } from '../../protocol/feed/feed.ts';
import { feedIdOf } from '../../protocol/feed/feed-url.ts';
import { privateUrl } from '../../protocol/feed/privacy.ts';
import { planAfterRestart } from '../../protocol/feed/schedule.ts';
import { FLOOR_MS_MAX } from '../../protocol/feed/freshness.ts';
import { deferred } from '../deferred.ts';
import type { Surroundings } from './describe.ts';
import { detailOf, itemsOf, reasonsOf, stateOf, summaryOf } from './describe.ts';
import { DueList } from './due-list.ts';
import type { AskedBecause, FeedFact } from './facts.ts';
import { newMemory } from './feed-memory.ts';
import type { Ask } from './feed-record.ts';
import { FeedRecord } from './feed-record.ts';
import { FeedStore } from './feed-store.ts';
import { sha256 } from './intake.ts';
import { keptHere, OriginSide } from './origin-side.ts';
import { LoopWatch } from './loop-watch.ts';
import { replan } from './outcomes.ts';
import type { CountNetworks } from './pool-side.ts';
import { countPeers, PoolSide } from './pool-side.ts';
import { SteadyClock } from './steady-clock.ts';
import { storeFor } from '../state.ts';
import { PublicHub } from './public-hub.ts';
import { PushSources } from './push-sources.ts';
import type { FeedDetail, FeedItem, FeedNews, FeedReasons, FeedScope, FeedSummary, FeedWish, ServedDocument } from './views.ts';

export type * from './views.ts';

export interface FeedsOptions {
  readonly store: SqliteStore;
  /** Origins on loopback or in the LAN are fetched, and may enter the pool like public ones. */
  readonly allowPrivateNetworks: boolean;
  /** Lowers the floor for origins on loopback; undefined leaves them like all others. */
  readonly originFloorMs: number | undefined;
  readonly defaultMaxStalenessMs: number;
  /** What the user agent says beside the name: the version, and where a site's operator learns more. */
  readonly version: string;
  readonly contact: string;
  /** Where readers find this peer; undefined without an API. */
  readonly apiUrl: () => string | undefined;
  readonly onFact: (fact: FeedFact) => void;
  readonly random?: () => number;
  readonly clock?: SteadyClock;
  readonly loop?: LoopWatch;
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
/** Beside a hub that is relied on. */
const SAFETY_POLL_MS = 6 * 60 * 60_000;
/** Reasons to ask that are nothing but silence of the pool. */
const FOR_SILENCE: ReadonlySet<AskedBecause> = new Set(['stand-in', 'pool-late', 'first']);
/** How soon it is noticed that a feed has become late. */
const WATCH_MS = 10_000;

export class Feeds {
  readonly store: FeedStore;
  /** The pool's view of what is kept here. */
  readonly shelf: FeedShelf;
  readonly poolEvents: FeedEvents;
  readonly #options: FeedsOptions;
  readonly #clock: SteadyClock;
  readonly #random: () => number;
  readonly #client: OriginClient;
  readonly #parser = FeedParser.share();
  readonly #due: DueList;
  readonly #records = new Map<string, FeedRecord>();
  readonly #poolSide: PoolSide;
  readonly #origins: OriginSide;
  readonly #emitter = new EventEmitter();
  readonly #loop: LoopWatch;
  readonly #watching: NodeJS.Timeout;
  #push: PushSources | undefined;
  #listener: WebsubListener | undefined;
  #ownHub: { readonly url: string; readonly stop: () => Promise<void> } | undefined;
  #stopped = false;

  constructor(options: FeedsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? new SteadyClock();
    this.#random = options.random ?? Math.random;
    this.#loop = options.loop ?? new LoopWatch();
    this.store = new FeedStore(options.store);
    this.#client = new OriginClient({ allowPrivateNetworks: options.allowPrivateNetworks, now: () => this.#clock.now(), resolve: options.resolve });
    this.#due = new DueList(() => this.#clock.now(), (id) => this.#onDue(id));
    this.#poolSide = new PoolSide({
      store: this.store, clock: this.#clock, parser: this.#parser, random: this.#random, records: this.#records, onFact: options.onFact,
      replan: (record) => this.#schedule(record), onVersion: (record, version) => this.#tellVersion(record, version), onState: (record) => this.#tellState(record),
    });
    this.#origins = new OriginSide({
      store: this.store, clock: this.#clock, client: this.#client, parser: this.#parser, random: this.#random, records: this.#records, poolSide: this.#poolSide, product: { version: options.version, contact: options.contact }, onFact: options.onFact,
      onVersion: (record, version) => this.#tellVersion(record, version), onAnswer: (record, answer, how) => this.#onAnswer(record, answer, how), onDone: (record) => this.#onDone(record),
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
    const isOtherWish = record.wish.maxStalenessMs !== full.maxStalenessMs;
    Object.assign(record, { wish: full, askedScope, scopeReason: reason });
    if (isOtherWish && record.memory.failing === undefined && record.memory.lastRequestAt > 0) replan(record, record.memory.lastRequestAt, this.#random());
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
    this.#push?.drop(record.id);
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
    if (record.asking === undefined && this.#origins.mayRefresh(record)) {
      this.#origins.slot(record);
      record.askedBecause = 'wish';
      await this.#origins.ask(record);
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
      modifiedAt: memory.modified?.hash === version.hash ? memory.modified.at : undefined, hubs: memory.hubs, signed: memory.signed, trust: newest?.label ?? 'origin',
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
      this.#hurry(id);
      const news = deferred<void>();
      const wake = (): void => news.resolve();
      const stop = this.on('version', (told) => {
        if (told.id === id) wake();
      });
      signal.addEventListener('abort', wake, { once: true });
      await news.promise;
      stop();
      signal.removeEventListener('abort', wake);
    }
  }

  /** A reader waits for a feed that nobody has asked for yet: it goes before those that a start has spread out. */
  #hurry(id: string): void {
    const record = this.#records.get(id);
    if (record === undefined || record.inPool !== undefined || record.memory.lastRequestAt > 0 || record.memory.failing !== undefined) return;
    record.memory = { ...record.memory, nextAt: Math.min(record.memory.nextAt, this.#clock.now()) };
    if (!record.hasSlot) this.#schedule(record);
  }

  on<K extends keyof FeedNews>(event: K, listener: (news: FeedNews[K]) => void): () => void {
    this.#emitter.on(event, listener);
    return () => void this.#emitter.off(event, listener);
  }

  // --- the pool, and the end ---

  /** `undefined`: alone from now on. `salt` hides the keys of feeds that are shared among friends only. */
  usePool(pool: FeedPool | undefined, salt = '', countNetworks: CountNetworks = countPeers): void {
    this.#poolSide.use(pool, salt, countNetworks);
    for (const record of this.#records.values()) this.#schedule(record);
  }

  /** Hubs on the internet may call at `callbackBase`, which leads to this listener; returns its port. Throws GroveError 'in-use'. */
  async usePush({ callbackBase, host, port }: PushOptions): Promise<number> {
    const push = new PushSources({
      store: this.#options.store, callbackBase: callbackBase.replace(/\/$/, ''), now: () => this.#clock.now(), random: this.#random,
      post: async (url, form) => this.#client.post(url, form, `grove/${this.#options.version} (+${this.#options.contact})`),
      onPush: (id) => this.#onPush(id), onChange: (id) => this.#onPushChange(id),
    });
    const hub = this.#beHub(`${callbackBase.replace(/\/$/, '')}/websub/hub`);
    this.#listener = await listenForHubs(host, port, push, async (form) => hub.request(form)).catch((error: unknown) => {
      push.stop();
      throw error;
    });
    this.#push = push;
    hub.start();
    for (const record of this.#records.values()) {
      this.#followHub(record);
      this.#onPushChange(record.id);
    }
    return this.#listener.port;
  }

  /** For publishers whose feeds name this peer as their hub. */
  #beHub(url: string): PublicHub {
    const { store, allowPrivateNetworks, resolve } = this.#options;
    const caller = publicCaller({ allowPrivateNetworks, resolve });
    const hub = new PublicHub({
      url, store: storeFor(store, 'public-'), call: caller.call, log: (line) => process.stderr.write(`grove: ${line}\n`),
      // What looks private is nobody's topic, whatever it says of itself.
      idOf: (topic) => {
        const record = this.#lookup(topic);
        return record?.scopeReason === undefined ? record?.id : undefined;
      },
      documentOf: (id) => this.document(id), onPublish: (id) => this.#onPush(id),
    });
    const unsubscribe = this.on('version', ({ id }) => hub.announce(id));
    this.#ownHub = {
      url,
      stop: async () => {
        unsubscribe();
        hub.stop();
        await caller.close();
      },
    };
    return hub;
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#origins.stop();
    this.#push?.stop();
    await this.#listener?.close();
    await this.#ownHub?.stop();
    clearInterval(this.#watching);
    this.#loop.stop();
    this.#due.stop();
    await this.#client.close();
    await FeedParser.giveBack();
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
    this.#due.set(record.id, this.#nextAsk(record)?.at);
  }

  /** When this peer asks the origin next; undefined for not at all. */
  #nextAsk(record: FeedRecord): Ask | undefined {
    const { wish, memory } = record;
    if (wish.neverOrigin || memory.failing?.kind === 'gone') return undefined;
    const own = record.isPushed && memory.failing === undefined ? Math.max(memory.nextAt, memory.lastRequestAt + SAFETY_POLL_MS) : memory.nextAt;
    const planned: Ask = record.inPool === undefined ? { at: own, because: 'plan' } : this.#poolSide.nextAsk(record, record.inPool);
    return record.hintAt !== undefined && record.hintAt < planned.at ? { at: record.hintAt, because: 'hub' } : planned;
  }

  #followHub({ id, wish, scopeReason, memory }: FeedRecord): void {
    // A hub is told the topic: not of feeds that look private.
    if (wish.neverOrigin || scopeReason !== undefined) return this.#push?.drop(id);
    this.#push?.follow(id, { hubs: memory.hubs.filter((hub) => hub !== this.#ownHub?.url), cloud: memory.cloud }, memory.self ?? memory.originUrl);
  }

  /** Looks for what a hub announced, within the budget of the host and not against the server's wish. */
  #onPush(id: string): void {
    const record = this.#records.get(id);
    if (record === undefined || record.wish.neverOrigin || record.memory.failing?.retryAt !== undefined) return;
    record.hintAt ??= this.#origins.slot(record);
    record.hasSlot = true;
    record.askedBecause = 'hub';
    this.#schedule(record);
  }

  #onPushChange(id: string): void {
    const record = this.#records.get(id);
    if (record === undefined) return;
    record.isPushed = this.#push?.relied(id) ?? false;
    this.#schedule(record);
    this.#tellState(record);
  }

  #onDue(id: string): void {
    const record = this.#records.get(id);
    if (record === undefined) return;
    if (this.#clock.catchUp() > 0) return this.#afterSuspend();
    if (!record.hasSlot) {
      const now = this.#clock.now();
      // What was heard since then may be a reason to wait longer.
      const due = this.#nextAsk(record);
      if (due === undefined || due.at > now) return this.#due.set(id, due?.at);
      const { busyForMs } = this.#loop;
      // A machine that is busy for longer than the wish is not waited for.
      if (busyForMs > 0 && FOR_SILENCE.has(due.because) && now - due.at < record.wish.maxStalenessMs) return this.#due.set(id, now + busyForMs);
      record.askedBecause = due.because;
      const at = this.#origins.slot(record);
      record.hasSlot = true;
      if (at > this.#clock.now()) return this.#due.set(id, at);
    }
    record.hasSlot = false;
    this.#origins.enqueue(record);
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

  #onAnswer(record: FeedRecord, answer: OriginAnswer, { isNew, toldAbout }: { readonly isNew: boolean; readonly toldAbout: boolean }): void {
    if (record.isPushed && isNew && !toldAbout) this.#push?.missed(record.id);
    if (answer.kind !== 'failed') this.#followHub(record);
  }

  #onDone(record: FeedRecord): void {
    this.#schedule(record);
    this.#tellState(record);
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
    return { store: this.store, now: this.#clock.now(), pool: this.#poolSide.status(record), nextAt: this.#due.at(record.id), apiUrl: this.#options.apiUrl(), networks: (version) => this.#poolSide.networksOf(version) };
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

function checkWish({ maxStalenessMs, fanout, scope }: Partial<FeedWish>): void {
  if (maxStalenessMs !== undefined && !(maxStalenessMs >= MAX_STALENESS_MIN_MS && maxStalenessMs <= MAX_STALENESS_MAX_MS)) {
    throw new GroveError('usage', 'The max staleness must be from one second to 30 days.');
  }
  if (fanout !== undefined && !(Number.isInteger(fanout) && fanout >= 0 && fanout <= FANOUT_MAX)) throw new GroveError('usage', `The fan-out must be a whole number from 0 to ${FANOUT_MAX}.`);
  if (scope !== undefined && !['pool', 'friends', 'local'].includes(scope)) throw new GroveError('usage', 'The scope is pool, friends or local.');
}
