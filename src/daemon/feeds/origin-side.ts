/**
 * Where the feeds service meets origins: questions that are due go out a few at a time, and what comes back changes what is
 * kept, all of it in one step.
 *
 * When a feed is due is decided elsewhere (feeds.ts); here it lines up with the others of its host, is asked as politely as
 * can be, and its answer is taken in: a new document, a confirmation, or a failure. An answer that looks private takes the
 * feed out of the pool before anything of it gets there.
 */
import type { FeedParser } from '../../host/feed-parser/parser.ts';
import { mergeDelta } from '../../host/feed-parser/merge.ts';
import { charsetOf } from '../../host/origin/headers.ts';
import type { OriginAnswer, OriginClient } from '../../host/origin/origin-client.ts';
import { hostOf } from '../../host/origin/origin-client.ts';
import { isPrivateHost } from '../../host/origin/private-address.ts';
import type { FeedVersion } from '../../protocol/feed/feed.ts';
import type { PrivateReason } from '../../protocol/feed/privacy.ts';
import { privateAnswer } from '../../protocol/feed/privacy.ts';
import type { RobotsRule } from '../../protocol/feed/robots.ts';
import { isAllowed, ROBOTS_TOKEN, robotsRules } from '../../protocol/feed/robots.ts';
import type { FeedFact } from './facts.ts';
import type { FeedRecord } from './feed-record.ts';
import type { FeedStore } from './feed-store.ts';
import { HostBudgets } from './host-budgets.ts';
import { readDocument, sha256, takeItems } from './intake.ts';
import { OriginFiles } from './origin-files.ts';
import { afterConfirmation, afterDocument, afterFailure, replan } from './outcomes.ts';
import type { PoolSide } from './pool-side.ts';
import { PublisherSignatures } from './publisher-signatures.ts';
import type { SteadyClock } from './steady-clock.ts';

export interface OriginSideOptions {
  readonly store: FeedStore;
  readonly clock: SteadyClock;
  readonly client: OriginClient;
  readonly parser: FeedParser;
  readonly random: () => number;
  readonly records: ReadonlyMap<string, FeedRecord>;
  readonly poolSide: PoolSide;
  /** What the user agent says: a name, a version and where to learn more. */
  readonly product: { readonly version: string; readonly contact: string };
  readonly onFact: (fact: FeedFact) => void;
  readonly onVersion: (record: FeedRecord, version: FeedVersion) => void;
  /** An answer was taken in; `toldAbout`: a hub had announced something. */
  readonly onAnswer: (record: FeedRecord, answer: OriginAnswer, how: { readonly isNew: boolean; readonly toldAbout: boolean }) => void;
  /** Asking is over, however it ended. */
  readonly onDone: (record: FeedRecord) => void;
}

type Document = Extract<OriginAnswer, { readonly kind: 'document' }>;

/** Questions under way at one time; more wait for their turn. */
const ASKING_MAX = 16;
/** Asking again because a person wants it. */
const REFRESH_LEAST_MS = 60_000;
/** After trouble of this peer's own, like a full disk. */
const TROUBLE_MS = 300_000;

export class OriginSide {
  readonly #o: OriginSideOptions;
  readonly #hosts: HostBudgets;
  readonly #robots: OriginFiles<readonly RobotsRule[]>;
  readonly #signatures: PublisherSignatures;
  readonly #waiting: FeedRecord[] = [];
  #asking = 0;
  #stopped = false;

  constructor(options: OriginSideOptions) {
    this.#o = options;
    const { store, client, clock, random } = options;
    const now = (): number => clock.now();
    this.#hosts = new HostBudgets(store, random);
    this.#robots = new OriginFiles({ store, client, now, path: '/robots.txt', accept: 'text/plain, */*;q=0.5', read: (text) => robotsRules(text, ROBOTS_TOKEN), nothing: [] });
    this.#signatures = new PublisherSignatures({ store, client, now, userAgent: this.#name, slot: (url) => this.#hosts.reserve(hostOf(url), now(), !isPrivate(url)) });
  }

  stop(): void {
    this.#stopped = true;
    this.#signatures.stop();
  }

  /** The instant that the host's budget gives to a request. */
  slot(record: FeedRecord): number {
    return this.#hosts.reserve(hostOfFeed(record), this.#o.clock.now(), record.loweredMs === undefined);
  }

  mayRefresh(record: FeedRecord): boolean {
    const now = this.#o.clock.now();
    const { memory, wish } = record;
    if (wish.neverOrigin) return false;
    const { failing } = memory;
    if (failing !== undefined && ['throttled', 'server', 'forbidden'].includes(failing.kind) && memory.nextAt > now) return false;
    const least = Math.min(record.loweredMs ?? REFRESH_LEAST_MS, REFRESH_LEAST_MS);
    return now - memory.lastRequestAt >= least && (record.loweredMs !== undefined || now >= this.#hosts.nextAt(hostOfFeed(record)));
  }

  /** As soon as fewer are under way. */
  enqueue(record: FeedRecord): void {
    this.#waiting.push(record);
    this.#startWaiting();
  }

  /** Now; the question that is under way counts. */
  async ask(record: FeedRecord): Promise<void> {
    if (this.#stopped || record.asking !== undefined || !this.#isKept(record)) return record.asking;
    this.#asking++;
    record.asking = this.#askOnce(record)
      .catch((error: unknown) => this.#onTrouble(record, error))
      .finally(() => {
        record.asking = undefined;
        this.#asking--;
        if (this.#isKept(record)) this.#o.onDone(record);
        this.#startWaiting();
      });
    return record.asking;
  }

  #startWaiting(): void {
    while (this.#asking < ASKING_MAX && !this.#stopped) {
      const record = this.#waiting.shift();
      if (record === undefined) return;
      void this.ask(record);
    }
  }

  async #askOnce(record: FeedRecord): Promise<void> {
    const { store, poolSide, parser, client } = this.#o;
    const audit = poolSide.takeAudit(record);
    const because = record.askedBecause;
    const toldAbout = record.hintAt !== undefined;
    record.hintAt = undefined;
    const { validators } = record.memory;
    const held = audit === undefined && validators !== undefined && store.hasBody(validators.hash) ? validators : undefined;
    if (record.latest === undefined) parser.warm();
    // Whoever shares a document needs the bytes that everybody gets.
    const takesDelta = held !== undefined && record.inPool === undefined && !record.memory.refusesDeltas;
    const url = record.memory.originUrl;
    const answer = (await this.#isWelcome(url)) ? await client.ask({ url, userAgent: this.#userAgent(record), validators: held, takesDelta }) : unwelcome(this.#o.clock.now());
    if (!this.#isKept(record)) return;
    for (const host of new Set(answer.hosts)) this.#hosts.learn(host, answer, this.#o.clock.now(), record.loweredMs === undefined);
    const hashBefore = record.latest?.hash;
    const outcome = await this.#take(record, answer);
    this.#o.onAnswer(record, answer, { isNew: hashBefore !== undefined && record.latest?.hash !== hashBefore, toldAbout });
    if (record.memory.originUrl !== url) this.#o.onFact({ kind: 'feed-moved', feed: record.id, from: url, to: record.memory.originUrl });
    this.#o.onFact({ kind: 'feed-polled', feed: record.id, url: record.wish.url, outcome, because, tookMs: answer.tookMs });
  }

  /** A publisher can switch Grove off by its name in robots.txt; hosts of one's own network have none to look for. */
  async #isWelcome(text: string): Promise<boolean> {
    const url = new URL(text);
    return isPrivate(url) || isAllowed(await this.#robots.get(url.origin, this.#name), url.pathname + url.search);
  }

  /** Returns the outcome in a word, for the log. */
  async #take(record: FeedRecord, answer: OriginAnswer): Promise<string> {
    const { store, clock, poolSide } = this.#o;
    const unit = this.#o.random();
    if (answer.kind === 'failed') {
      afterFailure(record, answer, clock.now(), unit);
      store.writeMemory(record.id, record.memory);
      return answer.reason;
    }
    if (answer.kind === 'unchanged' || sha256(answer.body) === record.latest?.hash) {
      afterConfirmation(record, answer, clock.now(), unit);
      store.writeMemory(record.id, record.memory);
      poolSide.confirmed(record, answer.askedAt);
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

  #merged(record: FeedRecord, answer: Document): Uint8Array | undefined {
    const held = record.latest === undefined ? undefined : this.#o.store.body(record.latest.hash);
    return held === undefined ? undefined : mergeDelta(held, answer.body, charsetOf(answer.contentType));
  }

  /** The next question is for the whole document; nothing of this answer is kept. */
  #refuseDeltas(record: FeedRecord, askedAt: number, unit: number): void {
    record.memory = { ...record.memory, refusesDeltas: true, lastRequestAt: askedAt, requests: { ...record.memory.requests, 200: record.memory.requests[200] + 1 } };
    replan(record, askedAt, unit);
    this.#o.store.writeMemory(record.id, record.memory);
  }

  async #takeDocument(record: FeedRecord, answer: Document, unit: number): Promise<void> {
    const { store, parser, clock, poolSide, onFact, onVersion } = this.#o;
    const reading = await readDocument(parser, answer.body, answer.contentType);
    if (!this.#isKept(record)) return;
    if (reading.reason !== undefined) onFact({ kind: 'feed-parse-failed', feed: record.id, url: record.wish.url, reason: reading.reason });
    this.#guard(record, privateAnswer({ ...answer.privacy, blocked: reading.document?.blocked ?? false }));
    const now = clock.now();
    const found = {
      hash: reading.hash, size: answer.body.length, contentType: answer.contentType, ...answer.validators, fetchedAt: now,
      askedBefore: record.memory.lastRequestAt, items: reading.raws,
    };
    const version: FeedVersion = { ...found, stamp: { epoch: 0, seq: store.nextOwnSeq(record.id) }, attestations: [] };
    afterDocument(record, answer, reading, now, unit);
    let newItems = 0;
    store.together(() => {
      store.putVersion(record.id, version, answer.body);
      store.acquit(record.id, version.hash);
      newItems = takeItems(store, record.id, reading, 'origin', 0, now);
      store.putFeed(record.stored());
    });
    record.latest = version;
    onFact({ kind: 'feed-version', feed: record.id, url: record.wish.url, hash: version.hash, size: version.size, newItems, source: 'origin' });
    poolSide.found(record, found, answer.body);
    this.#signatures.check(record.id, record.memory.originUrl, answer.signatures, () => this.#onSigned(record, version.hash));
    onVersion(record, version);
  }

  #onSigned(record: FeedRecord, hash: string): void {
    if (!this.#isKept(record) || record.latest?.hash !== hash) return;
    this.#o.store.relabel(record.id, hash, 'signed', record.latest.attestations.length);
    this.#o.onFact({ kind: 'feed-signed', feed: record.id, url: record.wish.url, hash });
  }

  #guard(record: FeedRecord, found: PrivateReason | undefined): void {
    if (found === undefined || record.wish.scope === 'local') return;
    record.wish = { ...record.wish, scope: 'local' };
    record.scopeReason = keptHere(found);
    this.#o.poolSide.update(record);
    this.#o.onFact({ kind: 'feed-private', feed: record.id, url: record.wish.url, reason: found.reason });
  }

  /** Nothing an origin does ends here; a disk that is full does. */
  #onTrouble(record: FeedRecord, error: unknown): void {
    record.memory = { ...record.memory, nextAt: this.#o.clock.now() + TROUBLE_MS };
    this.#o.onFact({ kind: 'feed-trouble', feed: record.id, url: record.wish.url, reason: error instanceof Error ? error.message : String(error) });
  }

  #userAgent(record: FeedRecord): string {
    const { version, contact } = this.#o.product;
    const subscribers = this.#o.poolSide.subscribersToTell(record);
    return `grove/${version} (+${contact}; ${subscribers} subscriber${subscribers === 1 ? '' : 's'}; feed-id=${record.id})`;
  }

  /** For questions that are not about a feed. */
  get #name(): string {
    const { version, contact } = this.#o.product;
    return `grove/${version} (+${contact})`;
  }

  #isKept(record: FeedRecord): boolean {
    return !this.#stopped && this.#o.records.get(record.id) === record;
  }
}

/** Why a feed's scope is not what was asked for. */
export function keptHere({ reason }: PrivateReason): string {
  return `Kept on this machine: ${reason}.`;
}

function hostOfFeed(record: FeedRecord): string {
  return hostOf(new URL(record.memory.originUrl));
}

function isPrivate(url: URL): boolean {
  return isPrivateHost({ host: url.hostname.replace(/^\[|\]$/g, '') });
}

/** Nobody was asked. */
function unwelcome(now: number): OriginAnswer {
  return {
    kind: 'failed', failure: 'forbidden', reason: 'asks Grove by name not to fetch this (robots.txt)', retryAfterMs: undefined,
    askedAt: now, tookMs: 0, bytes: 0, hosts: [], status: 0, rateLimit: undefined, permanentTo: undefined,
  };
}
