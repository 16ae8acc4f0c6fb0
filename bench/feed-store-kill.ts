/**
 * kill -9 at random instants while items arrive: does the store open, is everything there that was acknowledged, and does
 * no reader see an item under two ids?
 *
 * An origin in this process serves a feed that changes with every request (new items, old ones dropped, now and then an id
 * that changes). A child runs the feeds service on a real file, polls without a pause, puts versions on the pool's shelf for a second
 * feed, and says on its standard output what it acknowledged; then it is killed. Everything it said is looked up in the file.
 * `node bench/feed-store-kill.ts [kills=200] [seed=1]`
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { randomFrom } from '../src/core/random.ts';
import { Feeds } from '../src/daemon/feeds/feeds.ts';
import { FeedStore, RETENTION } from '../src/daemon/feeds/feed-store.ts';
import { SqliteStore } from '../src/host/sqlite-store.ts';
import type { FeedPool, FeedVersion } from '../src/protocol/feed/feed.ts';
import { argument, describeMachine, print } from './report.ts';

/** One line of the child's. */
type Acknowledged =
  | { readonly kind: 'version'; readonly feed: string; readonly hash: string; readonly items: readonly { readonly id: string; readonly title: string }[] }
  | { readonly kind: 'put'; readonly feed: string; readonly hash: string };

const ITEMS_SHOWN = 20;
const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');

if (process.argv[2] === 'child') await child(process.argv[3] ?? '', process.argv[4] ?? '');
else await parent();

async function child(file: string, url: string): Promise<void> {
  const feeds = new Feeds({
    store: new SqliteStore(file), allowPrivateNetworks: true, originFloorMs: 1, defaultMaxStalenessMs: 3_600_000, version: 'bench', contact: url, apiUrl: () => undefined, onFact: () => undefined,
  });
  const say = (line: Acknowledged): void => void writeSync(1, `${JSON.stringify(line)}\n`);
  const { id } = feeds.add({ url, scope: 'local' });
  feeds.on('version', ({ id: feed, version }) => say({ kind: 'version', feed, hash: version.hash, items: feeds.items(feed, 2 * ITEMS_SHOWN).map((item) => ({ id: item.id, title: item.title })) }));
  const keys: Parameters<FeedPool['unsubscribe']>[0][] = [];
  feeds.usePool({ subscribe: (terms) => void keys.push(terms.key), change: () => undefined, unsubscribe: () => undefined, found: () => undefined, confirmed: () => undefined, status: () => undefined });
  const second = feeds.add({ url: 'https://pool.example/feed', neverOrigin: true });
  for (let seq = 1; ; seq++) {
    await feeds.refresh(id);
    const key = keys[0];
    if (key === undefined) throw new Error('the feed is not in the pool');
    const body = Buffer.from(`<rss version="2.0"><channel><title>${process.pid}</title><item><title>pool ${process.pid}-${seq}</title><guid>p${process.pid}-${seq}</guid></item></channel></rss>`);
    const epoch = process.pid;
    const version: FeedVersion = { stamp: { epoch, seq }, hash: sha256(body), size: body.length, contentType: 'application/rss+xml', etag: '', lastModified: '', fetchedAt: Date.now(), askedBefore: 0, items: [], attestations: [] };
    feeds.shelf.put(key, version, body);
    say({ kind: 'put', feed: second.id, hash: version.hash });
    feeds.poolEvents.onVersion(key, version, { peerId: 'x', position: key, addresses: [], name: 'x', incarnation: 1 });
  }
}

async function parent(): Promise<void> {
  const kills = argument('kills', 200);
  const random = randomFrom(argument('seed', 1));
  const directory = mkdtempSync(join(tmpdir(), 'grove-kill-'));
  const file = join(directory, 'grove.db');
  let served = 0;
  const server = createServer((_request, response) => void response.writeHead(200, { 'content-type': 'application/rss+xml', etag: `"${++served}"` }).end(document(served)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/feed`;
  const seen = new Map<string, string>();
  const totals = { kills: 0, versions: 0, puts: 0, items: 0, lost: 0, damaged: 0, twice: 0, notOpened: 0, unacknowledgedRuns: 0 };
  for (let run = 0; run < kills; run++) {
    const acknowledged = await killed(file, url, random.below(700));
    totals.kills++;
    if (acknowledged.length === 0) totals.unacknowledgedRuns++;
    check(file, acknowledged, seen, totals);
  }
  totals.items = seen.size;
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true, force: true });
  describeMachine('feed-store-kill');
  print(totals);
  if (totals.lost + totals.damaged + totals.twice + totals.notOpened > 0) process.exitCode = 1;
}

/** Every version has one new item; every fifth item gets another id when it has been there for three versions. */
function document(n: number): string {
  const items = Array.from({ length: Math.min(n, ITEMS_SHOWN) }, (_, i) => n - i).map((k) => {
    const changed = k % 5 === 0 && n - k >= 3 ? '-changed' : '';
    return `<item><title>Item number ${k} about ${sha256(String(k)).slice(0, 24)}</title><guid isPermaLink="false">id-${k}${changed}</guid><pubDate>${new Date(1_600_000_000_000 + k * 3_600_000).toUTCString()}</pubDate></item>`;
  });
  return `<?xml version="1.0"?><rss version="2.0"><channel><title>Kill</title><link>https://example.org/</link><description>d</description>${items.join('')}</channel></rss>`;
}

/** Runs a child for so long after its first word, kills it, and returns what it acknowledged. */
async function killed(file: string, url: string, afterMs: number): Promise<Acknowledged[]> {
  const process_ = spawn(process.execPath, [import.meta.filename, 'child', file, url], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged: Acknowledged[] = [];
  let timer: NodeJS.Timeout | undefined;
  const lines = createInterface({ input: process_.stdout });
  lines.on('line', (line) => {
    timer ??= setTimeout(() => process_.kill('SIGKILL'), afterMs);
    if (line.endsWith('}')) acknowledged.push(JSON.parse(line) as Acknowledged);
  });
  await new Promise<void>((resolve) => process_.on('close', () => resolve()));
  clearTimeout(timer);
  return acknowledged;
}

function check(file: string, acknowledged: readonly Acknowledged[], seen: Map<string, string>, totals: { versions: number; puts: number; lost: number; damaged: number; twice: number; notOpened: number }): void {
  let opened: SqliteStore;
  try {
    opened = new SqliteStore(file);
  } catch (error) {
    console.error(error);
    totals.notOpened++;
    return;
  }
  const store = new FeedStore(opened);
  // What retention dropped since was not lost: only the newest of each feed must be there.
  const newest = new Map<string, number>();
  for (const one of [...acknowledged].reverse()) {
    if (one.kind === 'version') totals.versions++;
    else totals.puts++;
    const rank = newest.get(one.feed) ?? 0;
    newest.set(one.feed, rank + 1);
    if (rank >= RETENTION.versions / 2) continue;
    const body = store.find(one.feed, one.hash, false) === undefined ? undefined : store.body(one.hash);
    if (body === undefined) totals.lost++;
    else if (sha256(body) !== one.hash) totals.damaged++;
  }
  for (const one of acknowledged) {
    if (one.kind !== 'version') continue;
    const held = new Set(store.items(one.feed, RETENTION.items).map((item) => item.identity));
    for (const { id, title } of one.items) {
      const name = `${one.feed} ${title}`;
      if ((seen.get(name) ?? id) !== id) totals.twice++;
      seen.set(name, id);
      if (!held.has(id)) totals.lost++;
    }
  }
  opened.close();
}
