/**
 * Feeds, versions, bodies and items in the peer's database: what is acknowledged is there after kill -9.
 *
 * A version with everything that follows from it (body, items, validators, plan) is one transaction, so a crash leaves all of
 * it or nothing. Versions that the pool brings are put first and read afterwards (`unread`); a start catches up on those.
 * Bodies are named by their hash and kept once, compressed. Versions are found by stamp for the pool and by arrival for
 * readers, because a peer that failed open knows newer ones than the pool has stamped. Retention is by number and by bytes;
 * the latest version and the items in it are never dropped.
 */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { StatementSync } from 'node:sqlite';
import { must } from '../../core/assert.ts';
import type { SqliteStore } from '../../host/sqlite-store.ts';
import type { Attestation, FeedVersion } from '../../protocol/feed/feed.ts';
import type { HostBudget } from '../../protocol/feed/host-budget.ts';
import type { KnownItem } from '../../protocol/feed/identity.ts';
import type { FeedMemory, StoredFeed } from './feed-memory.ts';
import type { TrustCounts, TrustLabel } from './views.ts';

export interface ItemRow {
  readonly identity: string;
  readonly raw: string;
  readonly title: string;
  readonly link: string;
  readonly publishedAt: number | undefined;
}

export interface StoredItem extends Omit<ItemRow, 'raw'> {
  readonly firstSeenAt: number;
  readonly label: TrustLabel;
  readonly attestations: number;
}

export interface Retention {
  readonly versions: number;
  readonly versionBytes: number;
  readonly items: number;
}

type Row = Readonly<Record<string, unknown>>;

export const RETENTION: Retention = { versions: 64, versionBytes: 64 * 2 ** 20, items: 5_000 };

/** Of an origin that nobody asks any more. */
const ORIGIN_FILES_KEPT_MS = 30 * 24 * 3_600_000;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS feeds (id TEXT PRIMARY KEY, added_at REAL NOT NULL, feed TEXT NOT NULL, memory TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS feed_versions (
  arrival INTEGER PRIMARY KEY AUTOINCREMENT, feed TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL, size INTEGER NOT NULL,
  details TEXT NOT NULL, read INTEGER NOT NULL DEFAULT 0, quarantined INTEGER NOT NULL DEFAULT 0, UNIQUE (feed, epoch, seq));
CREATE INDEX IF NOT EXISTS feed_versions_by_hash ON feed_versions (hash);
CREATE TABLE IF NOT EXISTS feed_bodies (hash TEXT PRIMARY KEY, size INTEGER NOT NULL, packed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS feed_items (
  feed TEXT NOT NULL, identity TEXT NOT NULL, title TEXT NOT NULL, link TEXT NOT NULL, published REAL, first_seen REAL NOT NULL, last_seen REAL NOT NULL,
  place INTEGER NOT NULL, present INTEGER NOT NULL, label TEXT NOT NULL, attestations INTEGER NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (feed, identity)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS feed_item_names (feed TEXT NOT NULL, raw TEXT NOT NULL, identity TEXT NOT NULL, PRIMARY KEY (feed, raw)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS origin_files (origin TEXT NOT NULL, path TEXT NOT NULL, until REAL NOT NULL, content TEXT NOT NULL, PRIMARY KEY (origin, path)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS origin_hosts (host TEXT PRIMARY KEY, next_at REAL NOT NULL, spacing REAL NOT NULL, good INTEGER NOT NULL) WITHOUT ROWID;
`;

export class FeedStore {
  readonly #store: SqliteStore;
  readonly #retention: Retention;
  readonly #statements = new Map<string, StatementSync>();
  /** Of feeds whose items have not changed since it was counted. */
  readonly #trust = new Map<string, TrustCounts>();

  constructor(store: SqliteStore, retention: Retention = RETENTION) {
    this.#store = store;
    this.#retention = retention;
    store.database.exec(SCHEMA);
  }

  /** All of it or nothing. */
  together(work: () => void): void {
    if (this.#store.database.isTransaction) work();
    else this.#store.batch(work);
  }

  // --- feeds ---

  feeds(): StoredFeed[] {
    return this.#all('SELECT id, added_at, feed, memory FROM feeds ORDER BY added_at, id').map((row) => ({
      ...(JSON.parse(String(row['feed'])) as Omit<StoredFeed, 'id' | 'addedAt' | 'memory'>),
      id: String(row['id']),
      addedAt: Number(row['added_at']),
      memory: JSON.parse(String(row['memory'])) as FeedMemory,
    }));
  }

  putFeed({ id, addedAt, memory, ...feed }: StoredFeed): void {
    this.#run('INSERT INTO feeds (id, added_at, feed, memory) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET feed = excluded.feed, memory = excluded.memory', id, addedAt, JSON.stringify(feed), JSON.stringify(memory));
  }

  writeMemory(id: string, memory: FeedMemory): void {
    this.#run('UPDATE feeds SET memory = ? WHERE id = ?', JSON.stringify(memory), id);
  }

  removeFeed(id: string): void {
    this.#trust.delete(id);
    this.together(() => {
      const hashes = this.#all('SELECT hash FROM feed_versions WHERE feed = ?', id).map((row) => String(row['hash']));
      for (const table of ['feed_versions', 'feed_items', 'feed_item_names']) this.#run(`DELETE FROM ${table} WHERE feed = ?`, id);
      this.#run('DELETE FROM feeds WHERE id = ?', id);
      for (const hash of hashes) this.#dropBody(hash);
    });
  }

  // --- versions ---

  /** Puts a version; the latest one's document again only gets a new stamp, and another one under a taken stamp replaces it. */
  putVersion(feed: string, version: FeedVersion, body: Uint8Array): void {
    this.together(() => {
      const { stamp, hash, size } = version;
      this.#run('INSERT OR IGNORE INTO feed_bodies (hash, size, packed) VALUES (?, ?, ?)', hash, body.length, zstdCompressSync(body));
      const latest = this.#one('SELECT arrival, hash FROM feed_versions WHERE feed = ? ORDER BY arrival DESC LIMIT 1', feed);
      const details = detailsOf(version);
      if (latest !== undefined && latest['hash'] === hash) {
        this.#run('UPDATE OR IGNORE feed_versions SET epoch = ?, seq = ?, details = ? WHERE arrival = ?', stamp.epoch, stamp.seq, details, Number(latest['arrival']));
      } else {
        const replaced = this.#one('SELECT arrival, hash FROM feed_versions WHERE feed = ? AND epoch = ? AND seq = ?', feed, stamp.epoch, stamp.seq);
        if (replaced !== undefined) this.#dropVersion(replaced);
        this.#run('INSERT INTO feed_versions (feed, epoch, seq, hash, size, details) VALUES (?, ?, ?, ?, ?, ?)', feed, stamp.epoch, stamp.seq, hash, size, details);
      }
      this.#retainVersions(feed);
    });
  }

  updateVersion(feed: string, version: FeedVersion): void {
    this.#run('UPDATE feed_versions SET details = ? WHERE feed = ? AND epoch = ? AND seq = ?', detailsOf(version), feed, version.stamp.epoch, version.stamp.seq);
  }

  /** What readers get: the last that arrived and is not in doubt. */
  latest(feed: string): FeedVersion | undefined {
    return versionOf(this.#one('SELECT * FROM feed_versions WHERE feed = ? AND quarantined = 0 ORDER BY arrival DESC LIMIT 1', feed));
  }

  /** By stamp, among those that the pool has stamped. */
  latestStamped(feed: string): FeedVersion | undefined {
    return versionOf(this.#one('SELECT * FROM feed_versions WHERE feed = ? AND epoch > 0 AND quarantined = 0 ORDER BY epoch DESC, seq DESC LIMIT 1', feed));
  }

  /** By stamp, the oldest first; what is in doubt is passed on to nobody. */
  after(feed: string, epoch: number, seq: number, max: number): FeedVersion[] {
    return this.#all('SELECT * FROM feed_versions WHERE feed = ? AND epoch > 0 AND quarantined = 0 AND (epoch, seq) > (?, ?) ORDER BY epoch, seq LIMIT ?', feed, epoch, seq, max).map((row) => must(versionOf(row), 'a row is a version'));
  }

  /** In doubt or not: whoever compares must see what is held. */
  under(feed: string, epoch: number, seq: number): FeedVersion | undefined {
    return versionOf(this.#one('SELECT * FROM feed_versions WHERE feed = ? AND epoch = ? AND seq = ?', feed, epoch, seq));
  }

  /** `stampedOnly`: among those that have a place in the pool's order. */
  find(feed: string, hash: string, stampedOnly: boolean): FeedVersion | undefined {
    return versionOf(this.#one('SELECT * FROM feed_versions WHERE feed = ? AND hash = ? AND epoch >= ? ORDER BY arrival DESC LIMIT 1', feed, hash, stampedOnly ? 1 : 0));
  }

  /** The newest first. */
  history(feed: string): FeedVersion[] {
    return this.#all('SELECT * FROM feed_versions WHERE feed = ? AND quarantined = 0 ORDER BY arrival DESC', feed).map((row) => must(versionOf(row), 'a row is a version'));
  }

  countVersions(feed: string): number {
    return Number(this.#one('SELECT COUNT(*) AS n FROM feed_versions WHERE feed = ?', feed)?.['n'] ?? 0);
  }

  body(hash: string): Uint8Array | undefined {
    const packed = this.#one('SELECT packed FROM feed_bodies WHERE hash = ?', hash)?.['packed'];
    return packed instanceof Uint8Array ? new Uint8Array(zstdDecompressSync(packed)) : undefined;
  }

  hasBody(hash: string): boolean {
    return this.#one('SELECT 1 AS there FROM feed_bodies WHERE hash = ?', hash) !== undefined;
  }

  /** The next sequence number of epoch 0, in which a peer alone counts. */
  nextOwnSeq(feed: string): number {
    return Number(this.#one('SELECT COALESCE(MAX(seq), 0) AS n FROM feed_versions WHERE feed = ? AND epoch = 0', feed)?.['n'] ?? 0) + 1;
  }

  quarantine(feed: string, hash: string): void {
    this.#trust.delete(feed);
    this.#run('UPDATE feed_versions SET quarantined = 1 WHERE feed = ? AND hash = ?', feed, hash);
    this.#run("UPDATE feed_items SET label = 'conflict' WHERE feed = ? AND hash = ?", feed, hash);
  }

  /** The origin itself gave this document: it is true. */
  acquit(feed: string, hash: string): void {
    this.#run('UPDATE feed_versions SET quarantined = 0 WHERE feed = ? AND hash = ? AND quarantined = 1', feed, hash);
  }

  /** Its items were taken. */
  isRead(feed: string, hash: string): boolean {
    return this.#one('SELECT read FROM feed_versions WHERE feed = ? AND hash = ? ORDER BY arrival DESC LIMIT 1', feed, hash)?.['read'] === 1;
  }

  /** Versions whose items were not taken yet: put by the pool before a crash. */
  unread(feed: string): FeedVersion[] {
    return this.#all('SELECT * FROM feed_versions WHERE feed = ? AND read = 0 ORDER BY arrival', feed).map((row) => must(versionOf(row), 'a row is a version'));
  }

  // --- items ---

  identityOf(feed: string, raw: string): string | undefined {
    return this.#text(this.#one('SELECT identity FROM feed_item_names WHERE feed = ? AND raw = ?', feed, raw), 'identity');
  }

  /** Items of the last document, in its order. */
  present(feed: string): KnownItem[] {
    return this.#all('SELECT identity, title, published FROM feed_items WHERE feed = ? AND present = 1 ORDER BY place', feed).map((row) => ({
      identity: String(row['identity']), title: String(row['title']), publishedAt: numberOf(row['published']),
    }));
  }

  /** Takes a document's items; returns how many were not known. The version counts as read. `isComplete`: there are no others, and those that were are gone. */
  takeItems(feed: string, hash: string, items: readonly ItemRow[], label: TrustLabel, attestations: number, at: number, isComplete = false): number {
    let added = 0;
    this.#trust.delete(feed);
    this.together(() => {
      if (items.length > 0) this.#run('UPDATE feed_items SET present = 0 WHERE feed = ? AND present = 1', feed);
      items.forEach((item, place) => {
        this.#run('INSERT OR IGNORE INTO feed_item_names (feed, raw, identity) VALUES (?, ?, ?)', feed, item.raw, item.identity);
        const known = this.#one('SELECT present FROM feed_items WHERE feed = ? AND identity = ?', feed, item.identity);
        if (known === undefined) added++;
        this.#run(
          `INSERT INTO feed_items (feed, identity, title, link, published, first_seen, last_seen, place, present, label, attestations, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)
           ON CONFLICT (feed, identity) DO UPDATE SET title = excluded.title, link = excluded.link, published = excluded.published, last_seen = excluded.last_seen, place = excluded.place, present = 1, label = excluded.label, attestations = excluded.attestations, hash = excluded.hash`,
          feed, item.identity, item.title, item.link, item.publishedAt ?? null, at, at, place, label, attestations, hash,
        );
      });
      if (isComplete && items.length > 0) this.#run('DELETE FROM feed_items WHERE feed = ? AND present = 0', feed);
      this.#run('UPDATE feed_versions SET read = 1 WHERE feed = ? AND hash = ?', feed, hash);
      this.#retainItems(feed);
    });
    return added;
  }

  /** Of the items that came with a version. */
  relabel(feed: string, hash: string, label: TrustLabel, attestations: number): void {
    this.#trust.delete(feed);
    // Who fetched an item, or holds its publisher's signature, knows more than any number of witnesses say.
    this.#run("UPDATE feed_items SET label = CASE WHEN ? = 'attested' AND label IN ('origin', 'signed') THEN label ELSE ? END, attestations = ? WHERE feed = ? AND hash = ?", label, label, attestations, feed, hash);
  }

  /** The newest first. */
  items(feed: string, max: number): StoredItem[] {
    return this.#all('SELECT * FROM feed_items WHERE feed = ? ORDER BY first_seen DESC, place LIMIT ?', feed, max).map((row) => ({
      identity: String(row['identity']), title: String(row['title']), link: String(row['link']), publishedAt: numberOf(row['published']),
      firstSeenAt: Number(row['first_seen']), label: String(row['label']) as TrustLabel, attestations: Number(row['attestations']),
    }));
  }

  trust(feed: string): TrustCounts {
    const known = this.#trust.get(feed);
    if (known !== undefined) return known;
    const counts = { origin: 0, signed: 0, attested: 0, single: 0, conflict: 0 };
    for (const row of this.#all('SELECT label, COUNT(*) AS n FROM feed_items WHERE feed = ? GROUP BY label', feed)) counts[String(row['label']) as TrustLabel] = Number(row['n']);
    this.#trust.set(feed, counts);
    return counts;
  }

  // --- hosts ---

  /** The `max` that were asked last. */
  hosts(max: number): Map<string, HostBudget> {
    const rows = this.#all('SELECT host, next_at, spacing, good FROM origin_hosts ORDER BY next_at DESC LIMIT ?', max);
    return new Map(rows.map((row) => [String(row['host']), { nextAt: Number(row['next_at']), spacingMs: Number(row['spacing']), goodInARow: Number(row['good']) }]));
  }

  writeHost(host: string, { nextAt, spacingMs, goodInARow }: HostBudget): void {
    this.#run('INSERT INTO origin_hosts (host, next_at, spacing, good) VALUES (?, ?, ?, ?) ON CONFLICT (host) DO UPDATE SET next_at = excluded.next_at, spacing = excluded.spacing, good = excluded.good', host, nextAt, spacingMs, goodInARow);
  }

  /** Those that nobody has to wait for any more. */
  dropHosts(before: number): void {
    this.#run('DELETE FROM origin_hosts WHERE next_at < ?', before);
  }

  // --- files of origins ---

  originFile(origin: string, path: string): { readonly until: number; readonly content: unknown } | undefined {
    const row = this.#one('SELECT until, content FROM origin_files WHERE origin = ? AND path = ?', origin, path);
    return row === undefined ? undefined : { until: Number(row['until']), content: JSON.parse(String(row['content'])) as unknown };
  }

  putOriginFile(origin: string, path: string, content: unknown, until: number): void {
    this.together(() => {
      this.#run('INSERT INTO origin_files (origin, path, until, content) VALUES (?, ?, ?, ?) ON CONFLICT (origin, path) DO UPDATE SET until = excluded.until, content = excluded.content', origin, path, until, JSON.stringify(content));
      this.#run('DELETE FROM origin_files WHERE until < ?', until - ORIGIN_FILES_KEPT_MS);
    });
  }

  // --- what is dropped ---

  #retainVersions(feed: string): void {
    const rows = this.#all('SELECT arrival, hash, size FROM feed_versions WHERE feed = ? ORDER BY arrival DESC', feed);
    let bytes = 0;
    rows.forEach((row, index) => {
      bytes += Number(row['size']);
      if (index === 0 || (index < this.#retention.versions && bytes <= this.#retention.versionBytes)) return;
      this.#dropVersion(row);
    });
  }

  #dropVersion(row: Row): void {
    this.#run('DELETE FROM feed_versions WHERE arrival = ?', Number(row['arrival']));
    this.#dropBody(String(row['hash']));
  }

  #dropBody(hash: string): void {
    this.#run('DELETE FROM feed_bodies WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM feed_versions WHERE hash = feed_bodies.hash)', hash);
  }

  #retainItems(feed: string): void {
    const count = Number(this.#one('SELECT COUNT(*) AS n FROM feed_items WHERE feed = ?', feed)?.['n'] ?? 0);
    const surplus = count - this.#retention.items;
    if (surplus <= 0) return;
    for (const row of this.#all('SELECT identity FROM feed_items WHERE feed = ? AND present = 0 ORDER BY last_seen, first_seen LIMIT ?', feed, surplus)) {
      this.#run('DELETE FROM feed_items WHERE feed = ? AND identity = ?', feed, String(row['identity']));
      this.#run('DELETE FROM feed_item_names WHERE feed = ? AND identity = ?', feed, String(row['identity']));
    }
  }

  // --- statements ---

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#store.database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #run(sql: string, ...values: (string | number | Uint8Array | null)[]): void {
    this.#prepared(sql).run(...values);
  }

  #one(sql: string, ...values: (string | number)[]): Row | undefined {
    return this.#prepared(sql).get(...values);
  }

  #all(sql: string, ...values: (string | number)[]): Row[] {
    return this.#prepared(sql).all(...values);
  }

  #text(row: Row | undefined, name: string): string | undefined {
    return row === undefined ? undefined : String(row[name]);
  }
}

type Details = Omit<FeedVersion, 'stamp' | 'hash' | 'size' | 'attestations'> & { readonly attestations: readonly (Omit<Attestation, 'signature'> & { readonly signature: string })[] };

function detailsOf({ contentType, etag, lastModified, fetchedAt, askedBefore, items, attestations }: FeedVersion): string {
  const signed = attestations.map(({ signature, ...rest }) => ({ ...rest, signature: Buffer.from(signature).toString('base64') }));
  return JSON.stringify({ contentType, etag, lastModified, fetchedAt, askedBefore, items, attestations: signed } satisfies Details);
}

function versionOf(row: Row | undefined): FeedVersion | undefined {
  if (row === undefined) return undefined;
  const { attestations, ...details } = JSON.parse(String(row['details'])) as Details;
  return {
    stamp: { epoch: Number(row['epoch']), seq: Number(row['seq']) },
    hash: String(row['hash']),
    size: Number(row['size']),
    ...details,
    attestations: attestations.map(({ signature, ...rest }) => ({ ...rest, signature: new Uint8Array(Buffer.from(signature, 'base64')) })),
  };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
