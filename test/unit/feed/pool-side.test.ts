/** The service with a pool: whose turn it is, what goes in and out, failing open and coming back. */
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import type { Feeds } from '../../../src/daemon/feeds/feeds.ts';
import { sha256 } from '../../../src/daemon/feeds/intake.ts';
import type { FeedVersion } from '../../../src/protocol/feed/feed.ts';
import { Service, SOMEBODY, statusWith, TestPool } from './service.ts';
import { rss, serving, testOrigin } from './test-origin.ts';

const HOUR = 3_600_000;

function version(text: string, seq: number, rest: Partial<FeedVersion> = {}): FeedVersion {
  return {
    stamp: { epoch: 1, seq }, hash: sha256(text), size: Buffer.byteLength(text), contentType: 'application/rss+xml', etag: `"${seq}"`, lastModified: '', fetchedAt: Date.now(), askedBefore: 0, items: [],
    attestations: [{ peerId: SOMEBODY.peerId, at: Date.now(), signature: new Uint8Array([1]) }], ...rest,
  };
}

/** As the pool does it: on the shelf first, then told. */
function deliver(feeds: Feeds, pool: TestPool, text: string, seq: number, rest: Partial<FeedVersion> = {}): FeedVersion {
  const made = version(text, seq, rest);
  feeds.shelf.put(pool.key, made, Buffer.from(text));
  feeds.poolEvents.onVersion(pool.key, made, SOMEBODY);
  return made;
}

test('a feed that the pool delivers is served and never asked for', async () => {
  await using origin = await testOrigin(serving(() => rss([{ id: 'a' }])));
  await using service = new Service();
  const pool = new TestPool();
  service.feeds.usePool(pool);
  const { id, role } = service.feeds.add({ url: `${origin.url}/feed` });
  assert.equal(role, 'consumer');
  const text = rss([{ id: 'from the pool' }]);
  const delivered = deliver(service.feeds, pool, text, 1);
  const served = await service.feeds.whenServable(id, AbortSignal.timeout(20_000));
  assert.equal(Buffer.from(served.body).toString(), text);
  assert.deepEqual([served.trust, served.version.stamp, service.feeds.items(id).length], ['single', delivered.stamp, 1]);
  assert.ok(Date.parse(service.feeds.why(id).schedule.next ?? '') > Date.now() + HOUR / 2, 'the origin would be asked if the pool went silent');
  assert.equal(origin.asked.length, 0);
});

test('items are attested when peers in two networks say the same, however many there are in one, and the detail says both numbers', async () => {
  await using origin = await testOrigin(serving(() => rss([{ id: 'a' }])));
  await using service = new Service();
  const pool = new TestPool();
  let networks = 1;
  service.feeds.usePool(pool, '', () => networks);
  const { id } = service.feeds.add({ url: `${origin.url}/feed` });
  const attestations = ['one', 'two', 'three'].map((peerId) => ({ peerId, at: Date.now(), signature: new Uint8Array([1]) }));
  const delivered = deliver(service.feeds, pool, rss([{ id: 'a' }]), 1, { attestations });
  await service.feeds.whenServable(id, AbortSignal.timeout(20_000));
  await service.until(() => service.count('feed-version') > 0);
  const shown = (): unknown[] => [service.feeds.items(id)[0]?.trust, service.feeds.items(id)[0]?.attestations, service.feeds.show(id).version?.attestedBy];
  assert.deepEqual(shown(), ['single', 1, { peers: 3, networks: 1 }]);
  networks = 2;
  service.feeds.poolEvents.onWitness(pool.key, delivered.hash, 'same');
  assert.deepEqual(shown(), ['attested', 2, { peers: 3, networks: 2 }]);
});

test('a poller asks at its turn, hands over what it finds, and says what it found unchanged', async () => {
  let text = rss([{ id: 'a' }]);
  await using origin = await testOrigin(serving(() => text));
  await using service = new Service();
  const pool = new TestPool();
  service.feeds.usePool(pool);
  const { id } = service.feeds.add({ url: `${origin.url}/feed` });
  pool.current = statusWith({ kind: 'poller', slot: 0, intervalMs: 100, gapMs: 100, nextAt: performance.now(), subscribers: 7, parent: undefined });
  service.feeds.poolEvents.onRole(pool.key, pool.current.role);
  await service.polled(1);
  assert.equal(pool.foundVersions[0]?.version.hash, sha256(text));
  assert.match(origin.asked[0]?.headers['user-agent'] ?? '', /7 subscribers/);
  assert.equal(service.feeds.shelf.latest(pool.key), undefined, 'the pool has not stamped it yet');
  assert.ok(service.feeds.document(id) !== undefined, 'readers need not wait for that');
  const found = pool.foundVersions[0] ?? assert.fail();
  service.feeds.shelf.put(pool.key, { ...found.version, stamp: { epoch: 3, seq: 1 }, attestations: [] }, found.body);
  assert.deepEqual(service.feeds.shelf.latest(pool.key)?.stamp, { epoch: 3, seq: 1 });
  assert.equal(service.feeds.history(id).length, 1, 'the same document got its stamp');
  await service.polled(3);
  assert.ok(pool.confirmations.length >= 1);
  assert.equal(pool.confirmations[0]?.hash, sha256(text));
  text = rss([{ id: 'a' }, { id: 'b' }]);
  await service.until(() => pool.foundVersions.length >= 2);
  assert.equal(service.feeds.show(id).role, 'poller');
});

test('the first version of a feed is asked for at once by whoever leads, however far its turn is', async () => {
  await using origin = await testOrigin(serving(() => rss([{ id: 'a' }])));
  await using service = new Service({ originFloorMs: undefined });
  const pool = new TestPool();
  service.feeds.usePool(pool);
  const { id } = service.feeds.add({ url: `${origin.url}/feed` });
  service.feeds.poolEvents.onRole(pool.key, { kind: 'poller', slot: 0, intervalMs: HOUR, gapMs: HOUR, nextAt: performance.now() + HOUR, subscribers: 1, parent: undefined });
  await service.feeds.whenServable(id, AbortSignal.timeout(5_000));
  await service.polled(1);
  await service.feeds.refresh(id); // waits for whatever is under way
  assert.ok(Date.parse(service.feeds.why(id).schedule.next ?? '') > Date.now() + HOUR / 2, 'then it waits for its turn');
  assert.equal(origin.asked.length, 1);
});

test('all pollers but one say that they ask for nobody', async () => {
  await using origin = await testOrigin(serving(() => rss([{ id: 'a' }])));
  await using service = new Service();
  const pool = new TestPool();
  service.feeds.usePool(pool);
  service.feeds.add({ url: `${origin.url}/feed` });
  deliver(service.feeds, pool, rss([{ id: 'a' }]), 1);
  await service.until(() => service.count('feed-version') > 0);
  service.feeds.poolEvents.onRole(pool.key, { kind: 'poller', slot: 1, intervalMs: 100, gapMs: 100, nextAt: performance.now(), subscribers: 0, parent: SOMEBODY });
  await service.polled(1);
  assert.match(origin.asked[0]?.headers['user-agent'] ?? '', /; 0 subscribers;/);
});

test('a version that was found without the pool is offered to it by whoever becomes a poller', async () => {
  const text = rss([{ id: 'a' }]);
  await using origin = await testOrigin(serving(() => text));
  await using service = new Service();
  service.feeds.add({ url: `${origin.url}/feed` });
  await service.polled(1);
  const pool = new TestPool();
  service.feeds.usePool(pool);
  service.feeds.poolEvents.onRole(pool.key, { kind: 'poller', slot: 0, intervalMs: HOUR, gapMs: HOUR, nextAt: performance.now() + HOUR, subscribers: 1, parent: undefined });
  assert.equal(pool.foundVersions[0]?.version.hash, sha256(text));
  assert.equal(origin.asked.length, 1);
});

test('when the pool is silent for longer than the wish, the peer asks itself, and stops when the pool is back', async () => {
  await using origin = await testOrigin(serving(() => rss([{ id: 'a' }])));
  await using service = new Service();
  const pool = new TestPool();
  service.feeds.usePool(pool);
  const { id } = service.feeds.add({ url: `${origin.url}/feed`, maxStalenessMs: 1_000 });
  await service.polled(2);
  assert.ok(pool.foundVersions.length > 0, 'what it found is given to the pool all the same');
  const asked = origin.asked.length;
  deliver(service.feeds, pool, rss([{ id: 'a' }, { id: 'b' }]), 1);
  await service.until(() => service.facts.some((fact) => fact.kind === 'feed-version' && fact.source === 'pool'));
  service.feeds.poolEvents.onFresh(pool.key, Date.now());
  const { next } = service.feeds.why(id).schedule;
  assert.ok(Date.parse(next ?? '') >= Date.now() + 1_000, 'a whole wish and some grace from now');
  assert.ok(origin.asked.length <= asked + 1);
});

test('whoever must not be seen by the source takes no turn and does not fail open', async () => {
  await using origin = await testOrigin(serving(() => rss([{ id: 'a' }])));
  await using service = new Service();
  const pool = new TestPool();
  service.feeds.usePool(pool);
  const { id } = service.feeds.add({ url: `${origin.url}/feed`, maxStalenessMs: 1_000, neverOrigin: true });
  assert.equal(pool.subscribed.get(pool.key.hex)?.canPoll, false);
  deliver(service.feeds, pool, rss([{ id: 'a' }]), 1, { fetchedAt: Date.now() - 60_000 });
  await service.feeds.whenServable(id, AbortSignal.timeout(20_000));
  assert.equal(service.feeds.show(id).nextPoll, null);
  assert.equal(service.feeds.show(id).state, 'late');
  assert.match(service.feeds.why(id).reason, /never asks the origin/);
  assert.equal(origin.asked.length, 0);
});

test('a poller\'s validators are taken over with its version: whoever asks next asks conditionally', async () => {
  await using origin = await testOrigin((_request, response) => void response.writeHead(304).end());
  await using service = new Service();
  const pool = new TestPool();
  service.feeds.usePool(pool);
  const { id } = service.feeds.add({ url: `${origin.url}/feed` });
  deliver(service.feeds, pool, rss([{ id: 'a' }]), 1, { etag: 'W/"theirs"', lastModified: 'then' });
  await service.feeds.whenServable(id, AbortSignal.timeout(20_000));
  await service.until(() => service.count('feed-version') >= 1);
  await service.feeds.refresh(id);
  assert.deepEqual([origin.asked[0]?.headers['if-none-match'], origin.asked[0]?.headers['if-modified-since']], ['W/"theirs"', 'then']);
});

test('a private answer takes the feed out of the pool before anything of it gets there', async () => {
  await using origin = await testOrigin(serving(() => rss([{ id: 'secret' }]), { vary: 'Cookie' }));
  await using service = new Service();
  const pool = new TestPool();
  service.feeds.usePool(pool);
  service.feeds.add({ url: `${origin.url}/feed` });
  service.feeds.poolEvents.onRole(pool.key, { kind: 'poller', slot: 0, intervalMs: 1_000, gapMs: 1_000, nextAt: performance.now(), subscribers: 1, parent: undefined });
  await service.polled(1);
  assert.equal(pool.foundVersions.length, 0);
  assert.equal(pool.subscribed.size, 0);
});

test('local feeds are never told to the pool, and friends have a key of their own', async () => {
  await using service = new Service({ resolve: async () => [] });
  const pool = new TestPool();
  service.feeds.usePool(pool, 'salt');
  service.feeds.add({ url: 'https://a.example/', scope: 'local' });
  assert.equal(pool.subscribed.size, 0);
  service.feeds.add({ url: 'https://b.example/', scope: 'friends' });
  const [salted] = pool.subscribed.keys();
  service.feeds.add({ url: 'https://b.example/', scope: 'pool' });
  assert.deepEqual([pool.subscribed.size, pool.subscribed.has(salted ?? '')], [1, false]);
});

test('a version in conflict is not served any more; the origin is asked once, whole, when the pool says so', async () => {
  const good = rss([{ id: 'a' }]);
  await using origin = await testOrigin(serving(() => good));
  await using service = new Service();
  const pool = new TestPool();
  service.feeds.usePool(pool);
  const { id } = service.feeds.add({ url: `${origin.url}/feed` });
  const lie = deliver(service.feeds, pool, rss([{ id: 'a' }, { id: 'a lie' }]), 1);
  await service.until(() => service.count('feed-version') >= 1);
  service.feeds.poolEvents.onWitness(pool.key, lie.hash, 'conflict');
  assert.equal(service.feeds.document(id), undefined, 'there is no version before it');
  service.feeds.poolEvents.onAudit(pool.key, lie, performance.now());
  await service.polled(1);
  assert.equal(origin.asked[0]?.headers['if-none-match'], undefined);
  assert.equal(Buffer.from(service.feeds.document(id)?.body ?? []).toString(), good);
  assert.equal(service.feeds.show(id).trust.conflict, 1);
  assert.equal(origin.asked.length, 1);
});

test('an audit fetches the document whole and tells the pool that it is the same', async () => {
  const text = rss([{ id: 'a' }]);
  await using origin = await testOrigin(serving(() => text));
  await using service = new Service();
  const pool = new TestPool();
  service.feeds.usePool(pool);
  const { id } = service.feeds.add({ url: `${origin.url}/feed` });
  const delivered = deliver(service.feeds, pool, text, 1);
  await service.feeds.whenServable(id, AbortSignal.timeout(20_000));
  await service.until(() => service.count('feed-version') >= 1);
  service.feeds.poolEvents.onAudit(pool.key, delivered, performance.now());
  await service.polled(1);
  assert.equal(origin.asked[0]?.headers['if-none-match'], undefined);
  assert.equal(pool.confirmations[0]?.hash, delivered.hash);
});

test('a poller audits at its turn: one request, whole, instead of two', async () => {
  let text = rss([{ id: 'a' }]);
  await using origin = await testOrigin(serving(() => text));
  await using service = new Service();
  const pool = new TestPool();
  service.feeds.usePool(pool);
  service.feeds.add({ url: `${origin.url}/feed` });
  const delivered = deliver(service.feeds, pool, text, 1);
  await service.feeds.whenServable(service.feeds.list()[0]?.id ?? '', AbortSignal.timeout(20_000));
  service.feeds.poolEvents.onAudit(pool.key, delivered, performance.now() + HOUR);
  pool.current = statusWith({ kind: 'poller', slot: 1, intervalMs: 100, gapMs: 100, nextAt: performance.now(), subscribers: 0, parent: undefined });
  service.feeds.poolEvents.onRole(pool.key, pool.current.role);
  await service.polled(1);
  assert.equal(origin.asked[0]?.headers['if-none-match'], undefined);
  text = rss([{ id: 'b' }]);
  await service.polled(2);
  assert.ok(origin.asked[1]?.headers['if-none-match'] !== undefined, 'the turn after asks whether it changed');
});

test('what the pool put on the shelf before a crash is read after it', async () => {
  await using service = new Service({ resolve: async () => [] });
  const pool = new TestPool();
  service.feeds.usePool(pool);
  const { id } = service.feeds.add({ url: 'https://a.example/', neverOrigin: true });
  const text = rss([{ id: 'a' }]);
  service.feeds.shelf.put(pool.key, version(text, 1), Buffer.from(text));
  assert.equal(service.feeds.store.unread(id).length, 1);
  // A second service on the same tables stands for the next start.
  await using again = new Service({ resolve: async () => [], store: service.store });
  await again.until(() => again.feeds.items(id).length === 1);
  assert.equal(again.feeds.store.unread(id).length, 0);
});

test('the pool\'s order on the shelf: after a stamp, oldest first, and a taken stamp is replaced', async () => {
  await using service = new Service({ resolve: async () => [] });
  const pool = new TestPool();
  service.feeds.usePool(pool);
  service.feeds.add({ url: 'https://a.example/', neverOrigin: true });
  const { shelf } = service.feeds;
  for (const [seq, text] of [[1, 'one'], [2, 'two'], [3, 'three']] as const) shelf.put(pool.key, version(text, seq), Buffer.from(text));
  assert.deepEqual(shelf.after(pool.key, { epoch: 1, seq: 1 }, 10).map(({ stamp }) => stamp.seq), [2, 3]);
  assert.deepEqual(shelf.after(pool.key, { epoch: 0, seq: 9 }, 2).map(({ stamp }) => stamp.seq), [1, 2]);
  shelf.put(pool.key, version('other', 2), Buffer.from('other'));
  assert.equal(shelf.find(pool.key, sha256('two')), undefined);
  assert.equal(shelf.after(pool.key, { epoch: 1, seq: 1 }, 10)[0]?.hash, sha256('other'));
  assert.equal(Buffer.from(shelf.body(sha256('other')) ?? []).toString(), 'other');
  assert.equal(shelf.body(sha256('two')), undefined);
});

test('a version that was found false is not passed on after a restart either, and its validators are not used', async () => {
  await using service = new Service({ resolve: async () => [] });
  const pool = new TestPool();
  service.feeds.usePool(pool);
  const { id } = service.feeds.add({ url: 'https://a.example/', neverOrigin: true });
  const good = deliver(service.feeds, pool, rss([{ id: 'a' }]), 1);
  const lie = deliver(service.feeds, pool, rss([{ id: 'a' }, { id: 'a lie' }]), 2);
  await service.until(() => service.count('feed-version') >= 2);
  service.feeds.poolEvents.onWitness(pool.key, lie.hash, 'conflict');
  // A second service on the same tables stands for the next start.
  await using again = new Service({ resolve: async () => [], store: service.store });
  again.feeds.usePool(pool);
  assert.equal(again.feeds.shelf.latest(pool.key)?.hash, good.hash);
  assert.deepEqual(again.feeds.shelf.after(pool.key, { epoch: 0, seq: 0 }, 9).map(({ hash }) => hash), [good.hash]);
  assert.equal(again.feeds.document(id)?.version.hash, good.hash);
  assert.equal(again.feeds.store.feeds()[0]?.memory.validators?.hash, good.hash);
});
