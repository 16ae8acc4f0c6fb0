/** The service without a pool: what is asked, kept and served, over failures and restarts. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { GroveError } from '../../../src/core/errors.ts';
import { clockAhead, Service } from './service.ts';
import type { RssItem } from './test-origin.ts';
import { rss, serving, testOrigin } from './test-origin.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const root = mkdtempSync(join(tmpdir(), 'grove-feeds-'));
after(() => rmSync(root, { recursive: true, force: true }));
let files = 0;
const freshFile = (): string => join(root, `${files++}.db`);
const soon = (): AbortSignal => AbortSignal.timeout(30_000);

test('a feed is fetched, served as it came, and its items are known', async () => {
  const text = rss([{ id: 'a' }, { id: 'b' }]);
  await using origin = await testOrigin(serving(() => text));
  await using service = new Service();
  const added = service.feeds.add({ url: `${origin.url}/feed` });
  assert.equal(added.state, 'pending');
  assert.equal(added.local, `http://127.0.0.1:4780/f/${added.id}.xml`);
  const served = await service.feeds.whenServable(added.id, soon());
  assert.equal(Buffer.from(served.body).toString(), text);
  assert.equal(served.version.hash.length, 64);
  assert.equal(served.trust, 'origin');
  await service.polled(1);
  const [summary] = service.feeds.list();
  assert.equal(summary?.state, 'met');
  assert.deepEqual([summary.items, summary.title, summary.role, summary.originRequests[200]], [2, 'Test', 'local', 1]);
  assert.deepEqual(service.feeds.items(added.id).map((item) => item.title), ['Title a', 'Title b']);
  const { 'user-agent': userAgent } = origin.asked[0]?.headers ?? {};
  assert.equal(userAgent, `grove/test (+https://example.org/; 1 subscriber; feed-id=${added.id})`);
});

test('adding is idempotent, and adding again changes only what is named', async () => {
  await using origin = await testOrigin(serving(() => rss([])));
  await using service = new Service();
  const first = service.feeds.add({ url: `${origin.url}/feed`, maxStalenessMs: HOUR, fanout: 3 });
  const again = service.feeds.add({ url: `${origin.url}/feed#x`, maxStalenessMs: 2 * HOUR });
  assert.equal(again.id, first.id);
  assert.deepEqual([again.maxStalenessMs, again.fanout], [2 * HOUR, 3]);
  assert.equal(service.feeds.list().length, 1);
});

test('wishes out of bounds and things that are not there are refused with a sentence', async () => {
  await using service = new Service();
  for (const wish of [{ maxStalenessMs: 5 }, { maxStalenessMs: NaN }, { fanout: -1 }, { fanout: 1.5 }, { scope: 'world' as 'pool' }]) {
    assert.throws(() => service.feeds.add({ url: 'https://example.org/', ...wish }), (error) => error instanceof GroveError && error.code === 'usage');
  }
  assert.throws(() => service.feeds.show('0123456789abcdef'), (error) => error instanceof GroveError && error.code === 'not-found');
  assert.throws(() => service.feeds.remove('https://example.org/'), (error) => error instanceof GroveError && error.code === 'not-found');
});

test('after a restart nothing is asked that is not due, and then only conditionally', async () => {
  const file = freshFile();
  await using origin = await testOrigin(serving(() => rss([{ id: 'a' }])));
  const url = `${origin.url}/feed`;
  {
    await using service = new Service({ file });
    service.feeds.add({ url, maxStalenessMs: HOUR });
    await service.polled(1);
  }
  {
    await using service = new Service({ file });
    const { nextPoll, items, originRequests } = service.feeds.show(url);
    assert.ok(Date.parse(nextPoll ?? '') > Date.now() + 40 * MINUTE);
    assert.deepEqual([items, originRequests[200]], [1, 1]);
    assert.ok(service.feeds.document(service.feeds.show(url).id) !== undefined, 'served at once');
    assert.equal(origin.asked.length, 1);
    await service.feeds.refresh(url);
  }
  assert.equal(origin.asked.length, 2);
  assert.match(origin.asked[1]?.headers['if-none-match'] ?? '', /^"/);
});

test('500 feeds that fell due while the peer was off are not asked in a burst', async () => {
  const file = freshFile();
  {
    await using service = new Service({ file, allowPrivateNetworks: false, originFloorMs: undefined });
    for (let i = 0; i < 500; i++) service.feeds.add({ url: `https://host-${i}.example/feed`, neverOrigin: true });
  }
  await using service = new Service({ file, clock: clockAhead(12 * HOUR), resolve: async () => [], originFloorMs: undefined });
  const now = Date.now() + 12 * HOUR;
  const at = service.feeds.list().map(({ id }) => {
    service.feeds.add({ url: service.feeds.show(id).url, neverOrigin: false });
    return Date.parse(service.feeds.show(id).nextPoll ?? '') - now;
  });
  const early = at.filter((wait) => wait < MINUTE).length;
  assert.ok(early < 60, `${early} in the first minute, of a quarter of an hour`);
  assert.ok(at.filter((wait) => wait > 10 * MINUTE).length > 100);
});

test('a Retry-After of weeks survives a restart', async () => {
  const file = freshFile();
  await using origin = await testOrigin((_request, response) => void response.writeHead(429, { 'retry-after': String(20 * 24 * 3_600) }).end());
  const url = `${origin.url}/feed`;
  {
    await using service = new Service({ file });
    service.feeds.add({ url });
    await service.polled(1);
    assert.equal(service.feeds.show(url).originRequests[429], 1);
  }
  await using service = new Service({ file, clock: clockAhead(5 * 24 * HOUR) });
  const { schedule, state, reason } = service.feeds.why(url);
  assert.ok(Date.parse(schedule.next ?? '') > Date.now() + 19 * 24 * HOUR);
  assert.equal(state, 'error');
  assert.match(reason, /asks to be left alone for 15 d/);
  await service.feeds.refresh(url);
  assert.equal(origin.asked.length, 1, 'a person who wants it now does not change that');
});

test('a page or an error never replaces the document or its validators', async () => {
  let mode = 'good';
  const good = serving(() => rss([{ id: 'a' }]));
  await using origin = await testOrigin((request, response) => {
    if (mode === 'good') good(request, response);
    else if (mode === 'page') response.writeHead(200, { 'content-type': 'text/html', etag: '"page"' }).end('<!doctype html><title>Just a moment...</title>');
    else if (mode === 'odd 304') response.writeHead(304, { etag: '"other"' }).end();
    else response.writeHead(500, { etag: '"error"' }).end();
  });
  await using service = new Service();
  const { id } = service.feeds.add({ url: `${origin.url}/feed`, maxStalenessMs: 1_000 });
  await service.polled(1);
  const etag = service.feeds.document(id)?.version.etag;
  for (const next of ['page', 'odd 304', 'error', 'good']) {
    mode = next;
    const before = service.count('feed-polled');
    await service.polled(before + 1);
    assert.equal(service.feeds.items(id).length, 1, next);
  }
  await service.until(() => service.count('feed-polled') >= 5 && service.facts.at(-1)?.kind === 'feed-polled');
  for (const asked of origin.asked.slice(1)) assert.equal(asked.headers['if-none-match'], etag);
  const { originRequests } = service.feeds.show(id);
  assert.deepEqual([originRequests[200], originRequests.error], [1, 2]);
});

test('410 ends the asking', async () => {
  await using origin = await testOrigin((_request, response) => void response.writeHead(410).end());
  await using service = new Service();
  const { id } = service.feeds.add({ url: `${origin.url}/feed`, maxStalenessMs: 1_000 });
  await service.until(() => service.facts.some((fact) => fact.kind === 'feed-state' && fact.state === 'error'));
  assert.equal(service.feeds.show(id).nextPoll, null);
  assert.match(service.feeds.why(id).reason, /gone for good/);
});

test('a feed that cannot be parsed is kept and served as it came', async () => {
  const broken = '<?xml version="1.0"?><rss version="2.0"><channel><title>Half</title><item><title>one</link></item></channel></rss>';
  await using origin = await testOrigin(serving(() => broken));
  await using service = new Service();
  const { id } = service.feeds.add({ url: `${origin.url}/feed` });
  const served = await service.feeds.whenServable(id, soon());
  assert.equal(Buffer.from(served.body).toString(), broken);
  assert.equal(service.feeds.show(id).items, 0);
  assert.equal(service.count('feed-parse-failed'), 1);
});

test('a feed that shrinks to nothing keeps its items; what comes back is not new', async () => {
  let items = [{ id: 'a' }, { id: 'b' }];
  await using origin = await testOrigin(serving(() => rss(items)));
  await using service = new Service();
  const { id } = service.feeds.add({ url: `${origin.url}/feed`, maxStalenessMs: 1_000 });
  const versions = async (count: number): Promise<void> => service.until(() => service.count('feed-version') >= count);
  await versions(1);
  const before = service.feeds.items(id).map((item) => item.id);
  items = [];
  await versions(2);
  assert.deepEqual(service.feeds.items(id).map((item) => item.id), before);
  items = [{ id: 'a' }, { id: 'b' }];
  await versions(3);
  assert.deepEqual(service.feeds.items(id).map((item) => item.id), before);
  assert.equal(service.facts.filter((fact) => fact.kind === 'feed-version').map((fact) => fact.newItems).join(), '2,0,0');
});

test('an item whose id changes is one item to readers', async () => {
  let items = [{ id: 'old-guid', title: 'A long enough title' }, { id: 'b' }];
  await using origin = await testOrigin(serving(() => rss(items)));
  await using service = new Service();
  const { id } = service.feeds.add({ url: `${origin.url}/feed`, maxStalenessMs: 1_000 });
  await service.until(() => service.count('feed-version') >= 1);
  const before = service.feeds.items(id).map((item) => item.id).sort();
  items = [{ id: 'new-guid', title: 'A long enough title.' }, { id: 'b' }];
  await service.until(() => service.count('feed-version') >= 2);
  assert.deepEqual(service.feeds.items(id).map((item) => item.id).sort(), before);
});

test('odd items do no harm: the same id twice, the year 9999, no date, no title, invalid UTF-8', async () => {
  const at = Date.UTC(9999, 11, 31);
  const text = rss([{ id: 'same' }, { id: 'same', title: 'Other' }, { id: 'late', at }]).replace('</channel>', '<item><description>only this</description></item><item/><item><pubDate>tomorrow</pubDate><guid>g</guid></item></channel>');
  const bytes = Buffer.concat([Buffer.from(text), Buffer.from([0xff, 0xfe, 0xc3])]);
  await using origin = await testOrigin((_request, response) => void response.writeHead(200, { 'content-type': 'application/rss+xml' }).end(Buffer.from(bytes.toString('latin1').replace('Title late', 'Title \xc3\x28'), 'latin1')));
  await using service = new Service();
  const { id } = service.feeds.add({ url: `${origin.url}/feed` });
  await service.polled(1);
  const items = service.feeds.items(id);
  assert.ok(items.length >= 3);
  assert.equal(new Set(items.map((item) => item.id)).size, items.length);
  assert.ok(items.some((item) => item.published === '9999-12-31T00:00:00.000Z'));
  assert.ok(service.feeds.show(id).latestItems.length > 0);
});

test('an answer that looks private keeps the feed on this machine, and says why', async () => {
  await using origin = await testOrigin(serving(() => rss([{ id: 'a' }]), { 'cache-control': 'private, max-age=600' }));
  await using service = new Service();
  const { id, scope } = service.feeds.add({ url: `${origin.url}/feed` });
  assert.equal(scope, 'pool', 'nothing about the URL says so');
  await service.polled(1);
  const { scope: now, scopeReason } = service.feeds.show(id);
  assert.equal(now, 'local');
  assert.match(scopeReason ?? '', /Cache-Control: private/);
  assert.equal(service.feeds.add({ url: `${origin.url}/feed`, maxStalenessMs: HOUR }).scope, 'local', 'and that stays');
});

test('secret-looking URLs stay on this machine unless somebody says otherwise; passwords always do', async () => {
  await using service = new Service({ allowPrivateNetworks: false, resolve: async () => [] });
  const secret = 'https://example.org/rss/8f14e45fceea167a5a36dedd4bea2543';
  assert.equal(service.feeds.add({ url: secret }).scope, 'local');
  assert.equal(service.feeds.add({ url: secret, scope: 'pool' }).scope, 'pool');
  assert.equal(service.feeds.add({ url: 'https://a:b@example.org/feed', scope: 'pool' }).scope, 'local');
  const lan = service.feeds.add({ url: 'http://192.168.7.7/feed', scope: 'pool' });
  assert.equal(lan.scope, 'local');
  await service.until(() => service.facts.some((fact) => fact.kind === 'feed-state' && fact.state === 'error' && fact.feed === lan.id));
  assert.match(service.feeds.why(lan.id).reason, /--allow-private-networks/);
});

test('asking again for a person is polite too', async () => {
  await using origin = await testOrigin(serving(() => rss([{ id: 'a' }])));
  await using service = new Service({ originFloorMs: HOUR });
  const { id } = service.feeds.add({ url: `${origin.url}/feed` });
  await service.polled(1);
  await service.feeds.refresh(id);
  await service.feeds.refresh(id);
  assert.equal(origin.asked.length, 1);
});

test('a feed that must not be asked for is not', async () => {
  await using origin = await testOrigin(serving(() => rss([{ id: 'a' }])));
  await using service = new Service();
  const { id, reason } = service.feeds.add({ url: `${origin.url}/feed`, neverOrigin: true });
  await service.feeds.refresh(id);
  assert.equal(service.feeds.show(id).nextPoll, null);
  assert.match(reason, /never asks the origin/);
  assert.equal(origin.asked.length, 0);
});

test('removing leaves nothing behind', async () => {
  const file = freshFile();
  await using origin = await testOrigin(serving(() => rss([{ id: 'a' }])));
  await using service = new Service({ file });
  const { id } = service.feeds.add({ url: `${origin.url}/feed` });
  await service.polled(1);
  service.feeds.remove(id);
  assert.equal(service.feeds.document(id), undefined);
  for (const table of ['feeds', 'feed_versions', 'feed_bodies', 'feed_items', 'feed_item_names']) {
    assert.equal(service.store.database.prepare(`SELECT COUNT(*) AS n FROM ${table}`).get()?.['n'], 0, table);
  }
});

test('the first reader waits, and gives up when it has to', async () => {
  await using origin = await testOrigin(() => undefined);
  await using service = new Service();
  const { id } = service.feeds.add({ url: `${origin.url}/feed` });
  const impatient = new AbortController();
  const waiting = service.feeds.whenServable(id, impatient.signal);
  impatient.abort(new GroveError('timeout', 'Too long.'));
  await assert.rejects(waiting, (error) => error instanceof GroveError && error.code === 'timeout');
});

test('a permanent redirect becomes the address that is asked after ten answers', async () => {
  const feed = serving(() => rss([{ id: 'a' }]));
  await using origin = await testOrigin((request, response) => {
    if (request.url === '/old') response.writeHead(301, { location: '/new' }).end();
    else feed(request, response);
  });
  await using service = new Service({ originFloorMs: 1 });
  const { id } = service.feeds.add({ url: `${origin.url}/old`, maxStalenessMs: 1_000 });
  await service.until(() => service.facts.some((fact) => fact.kind === 'feed-moved'));
  await service.polled(11);
  assert.equal(origin.asked.filter(({ path }) => path === '/old').length, 10);
  assert.equal(service.feeds.show(id).url, `${origin.url}/old`, 'people know it by its old name');
});

test('a partial answer (226) is merged into what is held, never put in its place; in a pool none is asked for', async () => {
  let latest = 3;
  await using origin = await testOrigin((request, response) => {
    const since = Number(/^"v(\d+)"$/.exec(request.headers['if-none-match'] ?? '')?.[1] ?? NaN);
    const head = { 'content-type': 'application/rss+xml', etag: `"v${latest}"` };
    if (since === latest) return void response.writeHead(304, head).end();
    const isPartial = request.headers['a-im'] === 'feed' && since > 0;
    const from = isPartial ? since : 0;
    const items = Array.from({ length: latest - from }, (_, i) => ({ id: `n${latest - i}` }));
    response.writeHead(isPartial ? 226 : 200, isPartial ? { ...head, im: 'feed' } : head).end(rss(items));
  });
  await using service = new Service();
  const { id } = service.feeds.add({ url: `${origin.url}/feed`, maxStalenessMs: 1_000, scope: 'local' });
  await service.until(() => service.count('feed-version') >= 1);
  latest = 5;
  await service.until(() => service.count('feed-version') >= 2);
  const text = Buffer.from(service.feeds.document(id)?.body ?? []).toString();
  assert.deepEqual([...text.matchAll(/<guid[^>]*>(\w+)</g)].map((match) => match[1]), ['n5', 'n4', 'n3', 'n2', 'n1']);
  assert.equal(service.feeds.items(id).length, 5);
  await service.until(() => service.facts.some((fact) => fact.kind === 'feed-polled' && fact.outcome === '226'));
  assert.equal(service.feeds.document(id)?.version.etag, '"v5"');
});

test('RFC 5005: of a feed that is complete, items that are gone are gone; of any other they stay', async () => {
  for (const isComplete of [true, false]) {
    const [a, b, c] = [{ id: 'a', title: 'Apples' }, { id: 'b', title: 'Bridges' }, { id: 'c', title: 'Clouds' }] as const;
    let items = [b, a] as readonly RssItem[];
    const head = isComplete ? '<fh:complete xmlns:fh="http://purl.org/syndication/history/1.0"/>' : '';
    await using origin = await testOrigin(serving(() => rss(items, head)));
    await using service = new Service();
    const { id } = service.feeds.add({ url: `${origin.url}/feed`, maxStalenessMs: 1_000, scope: 'local' });
    await service.until(() => service.count('feed-version') >= 1);
    items = [c, b];
    await service.until(() => service.count('feed-version') >= 2);
    assert.deepEqual(service.feeds.items(id).map(({ title }) => title).sort(), isComplete ? ['Bridges', 'Clouds'] : ['Apples', 'Bridges', 'Clouds']);
  }
});
