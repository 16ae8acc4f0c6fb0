/**
 * Where the feeds service meets the pool: who asks the origin and when, versions that come and go, and failing open.
 *
 * The pool's part is behind two small interfaces (protocol/feed/feed.ts): verbs out, events in. What this peer finds is on
 * its own shelf at once, in epoch 0, and served; the pool's shelf shows only what the pool has stamped, and stamping the
 * same document again gives it its place. So nothing waits for the pool, and the pool never sees what it did not order.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import { asksFirstAt, asksItselfAt } from '../../protocol/feed/fail-open.ts';
import type { FeedEvents, FeedPool, FeedPoolStatus, FeedRole, FeedShelf, FeedVersion, FoundVersion } from '../../protocol/feed/feed.ts';
import { feedKey } from '../../protocol/feed/feed-url.ts';
import { askAt } from '../../protocol/feed/stagger.ts';
import type { FeedParser } from '../../host/feed-parser/parser.ts';
import type { FeedFact } from './facts.ts';
import type { Ask, FeedRecord, InPool } from './feed-record.ts';
import type { FeedStore } from './feed-store.ts';
import { readDocument, sha256, takeItems } from './intake.ts';
import { contentsOf, dateOf, replan } from './outcomes.ts';
import type { SteadyClock } from './steady-clock.ts';
import type { TrustLabel } from './views.ts';

/** How many of these members are certainly not in one network. */
export type CountNetworks = (peerIds: readonly string[]) => number;

interface PoolSideOptions {
  readonly store: FeedStore;
  readonly clock: SteadyClock;
  readonly parser: FeedParser;
  readonly random: () => number;
  readonly records: ReadonlyMap<string, FeedRecord>;
  readonly onFact: (fact: FeedFact) => void;
  readonly replan: (record: FeedRecord) => void;
  readonly onVersion: (record: FeedRecord, version: FeedVersion) => void;
  readonly onState: (record: FeedRecord) => void;
}

/** A question goes out a moment after its turn; the next turn is not passed over for that. */
const TURN_SLACK_MS = 2_000;
const TURN_SLACK_SHARE = 0.05;
/** A crash may forget that much of how fresh a document was; then it is taken for older than it is. */
const FRESHNESS_WRITTEN_MS = 30_000;
/** Of the time between two polls of the pool. */
const AUDIT_LATE_SHARE = 0.1;
/** Floors are told to the pool when they changed by more than this. */
const FLOOR_CHANGE = 0.1;

export class PoolSide implements FeedEvents {
  readonly shelf: FeedShelf;
  readonly #o: PoolSideOptions;
  readonly #byKey = new Map<string, FeedRecord>();
  readonly #toldFloor = new Map<string, number>();
  #pool: FeedPool | undefined;
  #countNetworks: CountNetworks = atMostOne;
  #salt = '';

  constructor(options: PoolSideOptions) {
    this.#o = options;
    this.shelf = this.#makeShelf();
  }

  // --- who is in ---

  use(pool: FeedPool | undefined, salt: string, countNetworks: CountNetworks): void {
    for (const record of this.#o.records.values()) this.leave(record);
    this.#pool = pool;
    this.#countNetworks = pool === undefined ? atMostOne : countNetworks;
    this.#salt = salt;
    for (const record of this.#o.records.values()) this.update(record);
  }

  /** After a change of the wish. */
  update(record: FeedRecord): void {
    const pool = this.#pool;
    if (pool === undefined) return;
    if (record.wish.scope === 'local') return this.leave(record);
    const key = feedKey(record.canonical, record.wish.scope === 'friends' ? this.#salt : '', sha256);
    if (record.inPool !== undefined && record.inPool.key.hex !== key.hex) this.leave(record);
    if (record.inPool === undefined) {
      record.inPool = { key, since: this.#o.clock.now(), wordAt: 0, role: { kind: 'seeking' }, leadKnownAt: undefined, unit: this.#o.random(), audit: undefined };
      this.#byKey.set(key.hex, record);
      pool.subscribe(this.#terms(record, key));
    } else pool.change(this.#terms(record, key));
  }

  leave(record: FeedRecord): void {
    const { inPool } = record;
    if (inPool === undefined) return;
    record.inPool = undefined;
    this.#byKey.delete(inPool.key.hex);
    this.#toldFloor.delete(record.id);
    this.#pool?.unsubscribe(inPool.key);
  }

  status(record: FeedRecord): FeedPoolStatus | undefined {
    return record.inPool === undefined ? undefined : this.#pool?.status(record.inPool.key);
  }

  /** Publishers add up what readers say: one poller speaks for all, the others for nobody. */
  subscribersToTell({ inPool }: FeedRecord): number {
    if (inPool === undefined) return 1;
    return inPool.role.kind === 'poller' ? inPool.role.subscribers : 0;
  }

  // --- when to ask ---

  nextAsk(record: FeedRecord, inPool: InPool): Ask {
    const { memory, wish, latest } = record;
    const audit: Ask = { at: this.#auditAt(record, inPool), because: 'audit' };
    const holdsOff = memory.failing === undefined ? 0 : memory.nextAt;
    const notBefore = ({ at, because }: Ask): Ask => ({ at: Math.max(holdsOff, at), because });
    if (inPool.role.kind === 'poller') {
      const turn = this.#turn(record, inPool, inPool.role);
      // A poller that is to audit does so at its turn, which so stays one request.
      if (latest !== undefined) return notBefore(inPool.audit?.isUrgent === true ? earlier(turn, audit) : turn);
      // A first version is not put off until the next turn: whoever leads has nobody to get it from. The other pollers get it from the lead.
      if (inPool.role.slot === 0) return notBefore(earlier(turn, { at: memory.nextAt, because: 'turn' }));
    }
    const own = { subscribedAt: inPool.since, ownPlanAt: memory.nextAt, unit: inPool.unit };
    const itself: Ask = latest === undefined
      ? { at: asksFirstAt({ ...own, leadKnownAt: inPool.leadKnownAt, slot: inPool.role.kind === 'poller' ? inPool.role.slot : undefined, subscribers: this.status(record)?.subscribers ?? 1 }), because: 'first' }
      : { at: asksItselfAt({ ...own, poolWordAt: this.#wordAt(record, inPool), wishMs: wish.maxStalenessMs }), because: 'pool-late' };
    return notBefore(earlier(itself, audit));
  }

  /** An audit that comes too late to stand for the next turn is left for the turn after it. */
  #auditAt(record: FeedRecord, inPool: InPool): number {
    const { audit } = inPool;
    const gapMs = this.status(record)?.gapMs ?? 0;
    if (audit === undefined || audit.isUrgent || gapMs <= 0 || inPool.role.kind === 'poller') return audit?.at ?? Infinity;
    const lateMs = this.#o.clock.now() - audit.at;
    return lateMs <= AUDIT_LATE_SHARE * gapMs ? audit.at : audit.at + Math.ceil(lateMs / gapMs) * gapMs;
  }

  /** Its turn, or that of a poller which is missing; not too soon after the last request. */
  #turn(record: FeedRecord, inPool: InPool, role: Extract<FeedRole, { readonly kind: 'poller' }>): Ask {
    const floorMs = record.floor().ms;
    const { lastRequestAt } = record.memory;
    const askedAt = lastRequestAt || -Infinity;
    const soonest = askedAt + floorMs - Math.min(TURN_SLACK_MS, TURN_SLACK_SHARE * floorMs);
    const { at, isOwnTurn } = askAt({ ...role, nextAt: this.#o.clock.fromMonotonic(role.nextAt) }, { wordAt: this.#wordAt(record, inPool) || -Infinity, askedAt, soonest });
    return { at, because: isOwnTurn ? 'turn' : 'stand-in' };
  }

  /** When the pool last knew that there was nothing newer; 0 when it never did. */
  #wordAt(record: FeedRecord, inPool: InPool): number {
    return Math.min(this.#o.clock.now(), Math.max(inPool.wordAt, this.status(record)?.freshAt ?? 0));
  }

  takeAudit(record: FeedRecord): FeedVersion | undefined {
    const audit = record.inPool?.audit;
    if (record.inPool === undefined || audit === undefined || (audit.at > this.#o.clock.now() && record.inPool.role.kind !== 'poller')) return undefined;
    record.inPool.audit = undefined;
    return audit.version;
  }

  // --- what this peer learned from the origin ---

  found(record: FeedRecord, version: FoundVersion, body: Uint8Array): void {
    const { inPool } = record;
    if (inPool === undefined) return;
    this.#tellFloor(record, inPool);
    this.#pool?.found(inPool.key, version, body);
  }

  confirmed(record: FeedRecord, checkedAt: number): void {
    const { inPool, latest } = record;
    if (inPool === undefined || latest === undefined) return;
    this.#tellFloor(record, inPool);
    // Held from before this pool, or from a time without it: the pool does not have it yet.
    if (this.#o.store.find(record.id, latest.hash, true) === undefined) this.#offer(record, inPool);
    else this.#pool?.confirmed(inPool.key, latest.hash, checkedAt);
  }

  #offer({ latest }: FeedRecord, inPool: InPool): void {
    const body = latest === undefined ? undefined : this.#o.store.body(latest.hash);
    if (latest === undefined || body === undefined) return;
    const { stamp: _stamp, attestations: _attestations, ...found } = latest;
    this.#pool?.found(inPool.key, found, body);
  }

  // --- what the pool tells ---

  onVersion(key: Position, version: FeedVersion, from: Contact | undefined): void {
    const record = this.#byKey.get(key.hex);
    if (record === undefined) return;
    this.#readSafely(record, version, from);
  }

  onFresh(key: Position, freshAt: number): void {
    const record = this.#byKey.get(key.hex);
    const inPool = record?.inPool;
    if (record === undefined || inPool === undefined) return;
    const now = this.#o.clock.now();
    inPool.wordAt = Math.max(inPool.wordAt, Math.min(freshAt, now));
    record.noteFresh(Math.min(freshAt, now), now);
    if (now - record.freshnessWrittenAt >= FRESHNESS_WRITTEN_MS) {
      record.freshnessWrittenAt = now;
      this.#o.store.writeMemory(record.id, record.memory);
    }
    this.#o.replan(record);
    this.#o.onState(record);
  }

  onRole(key: Position, role: FeedRole): void {
    const record = this.#byKey.get(key.hex);
    if (record?.inPool === undefined) return;
    const becomesPoller = role.kind === 'poller' && record.inPool.role.kind !== 'poller';
    record.inPool.role = role;
    if (role.kind !== 'seeking') record.inPool.leadKnownAt ??= this.#o.clock.now();
    if (becomesPoller && record.latest !== undefined && this.#o.store.latestStamped(record.id) === undefined) this.#offer(record, record.inPool);
    this.#o.replan(record);
    this.#o.onState(record);
  }

  onWitness(key: Position, hash: string, verdict: 'same' | 'conflict'): void {
    const record = this.#byKey.get(key.hex);
    if (record?.inPool === undefined) return;
    if (verdict === 'conflict') this.#quarantine(record, hash);
    else this.#relabel(record, hash);
    this.#o.onState(record);
  }

  onAudit(key: Position, version: FeedVersion, at: number): void {
    const record = this.#byKey.get(key.hex);
    if (record?.inPool === undefined || record.wish.neverOrigin) return;
    const auditAt = this.#o.clock.fromMonotonic(at);
    record.inPool.audit = { version, at: auditAt, isUrgent: auditAt <= this.#o.clock.now() };
    this.#o.replan(record);
  }

  /** Readers go back to the version before; that the origin is asked once, for all, is the pool's business. */
  #quarantine(record: FeedRecord, hash: string): void {
    const { store } = this.#o;
    store.together(() => {
      store.quarantine(record.id, hash);
      record.latest = store.latest(record.id);
      if (record.memory.validators?.hash === hash) this.#dropValidators(record);
    });
    this.#o.onFact({ kind: 'feed-conflict', feed: record.id, url: record.wish.url, hash });
  }

  /** A false document may have come with true validators: the origin must not be asked whether that has changed. */
  #dropValidators(record: FeedRecord): void {
    const { latest } = record;
    record.memory = { ...record.memory, validators: latest === undefined ? undefined : { hash: latest.hash, etag: latest.etag, lastModified: latest.lastModified } };
    this.#o.store.writeMemory(record.id, record.memory);
  }

  #relabel(record: FeedRecord, hash: string): void {
    const version = this.#o.store.find(record.id, hash, false);
    if (version === undefined || record.latest?.hash !== hash) return;
    const { label, count } = this.#labelOf(version);
    this.#o.store.relabel(record.id, hash, label, count);
  }

  /** Peers in one network are one witness: whoever has a block of addresses has as many identities as it likes. */
  #labelOf(version: FeedVersion): { readonly label: TrustLabel; readonly count: number } {
    const count = this.networksOf(version);
    return { label: count > 1 ? 'attested' : 'single', count };
  }

  /** Networks from which it is attested, as far as this peer has seen. */
  networksOf(version: FeedVersion): number {
    return this.#countNetworks(attestersOf(version));
  }

  #readSafely(record: FeedRecord, version: FeedVersion, from: Contact | undefined): void {
    this.#read(record, version, from).catch((error: unknown) => {
      this.#o.onFact({ kind: 'feed-trouble', feed: record.id, url: record.wish.url, reason: error instanceof Error ? error.message : String(error) });
    });
  }

  /** Takes in what the pool put on the shelf. */
  async #read(record: FeedRecord, version: FeedVersion, from: Contact | undefined): Promise<void> {
    const body = this.#o.store.body(version.hash);
    const wasRead = this.#o.store.isRead(record.id, version.hash);
    if (body === undefined) return;
    const reading = await readDocument(this.#o.parser, body, version.contentType);
    if (this.#o.records.get(record.id) !== record) return;
    const now = this.#o.clock.now();
    const freshAt = Math.min(version.fetchedAt, now);
    if (record.inPool !== undefined) record.inPool.wordAt = Math.max(record.inPool.wordAt, freshAt);
    record.noteFresh(freshAt, now);
    record.memory = { ...record.memory, ...contentsOf(record.memory, reading, dateOf(version.lastModified, version.fetchedAt)), lastUpdateAt: wasRead ? record.memory.lastUpdateAt : now };
    if (from !== undefined) this.#adopt(record, version);
    const { label, count } = this.#labelOf(version);
    let newItems = 0;
    this.#o.store.together(() => {
      if (!wasRead) newItems = takeItems(this.#o.store, record.id, reading, label, count, now);
      this.#o.store.writeMemory(record.id, record.memory);
    });
    record.latest = this.#o.store.latest(record.id);
    if (!wasRead) {
      this.#o.onFact({ kind: 'feed-version', feed: record.id, url: record.wish.url, hash: version.hash, size: version.size, newItems, source: from === undefined ? 'origin' : 'pool' });
      this.#o.onVersion(record, version);
    }
    this.#o.replan(record);
    this.#o.onState(record);
  }

  /** The poller's validators are as good as own ones: whoever takes over asks conditionally, and not before its time. */
  #adopt(record: FeedRecord, { hash, etag, lastModified, fetchedAt }: FeedVersion): void {
    record.memory = { ...record.memory, validators: { hash, etag, lastModified } };
    replan(record, Math.max(fetchedAt, record.memory.lastRequestAt), this.#o.random());
  }

  /** After a start: versions that were put before a crash and not read. */
  catchUp(record: FeedRecord): void {
    for (const version of this.#o.store.unread(record.id)) this.#readSafely(record, version, undefined);
  }

  // --- terms ---

  #terms(record: FeedRecord, key: Position): Parameters<FeedPool['subscribe']>[0] {
    const { maxStalenessMs, fanout, neverOrigin } = record.wish;
    const floorMs = record.floor().ms;
    this.#toldFloor.set(record.id, floorMs);
    return { key, maxStalenessMs, fanout, canPoll: !neverOrigin && record.memory.failing?.kind !== 'gone', floorMs };
  }

  #tellFloor(record: FeedRecord, inPool: InPool): void {
    const told = this.#toldFloor.get(record.id) ?? 0;
    if (Math.abs(record.floor().ms - told) > FLOOR_CHANGE * told) this.#pool?.change(this.#terms(record, inPool.key));
  }

  /** What the pool's protocol sees: only versions with a place in the pool's order. */
  #makeShelf(): FeedShelf {
    const { store } = this.#o;
    const idOf = (key: Position): string => this.#byKey.get(key.hex)?.id ?? '';
    return {
      latest: (key) => store.latestStamped(idOf(key)),
      after: (key, { epoch, seq }, max) => store.after(idOf(key), epoch, seq, max),
      under: (key, { epoch, seq }) => store.under(idOf(key), epoch, seq),
      find: (key, hash) => store.find(idOf(key), hash, true),
      body: (hash) => store.body(hash),
      hasBody: (hash) => store.hasBody(hash),
      put: (key, version, body) => {
        const id = idOf(key);
        if (id !== '') store.putVersion(id, version, body);
      },
      update: (key, version) => store.updateVersion(idOf(key), version),
    };
  }
}

function earlier(a: Ask, b: Ask): Ask {
  return b.at < a.at ? b : a;
}

/** Without a pool nobody says where its peers are. */
function atMostOne(peerIds: readonly string[]): number {
  return Math.min(1, peerIds.length);
}

/** As if each was in a network of its own. */
export function countPeers(peerIds: readonly string[]): number {
  return new Set(peerIds).size;
}

export function attestersOf({ attestations }: FeedVersion): string[] {
  return [...new Set(attestations.map(({ peerId }) => peerId))];
}
