/** robots.txt as a publisher's off switch for Grove by name (RFC 9309). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FeedStore } from '../../../src/daemon/feeds/feed-store.ts';
import { OriginFiles } from '../../../src/daemon/feeds/origin-files.ts';
import { OriginClient } from '../../../src/host/origin/origin-client.ts';
import { SqliteStore } from '../../../src/host/sqlite-store.ts';
import { isAllowed, robotsRules, RULES_MAX } from '../../../src/protocol/feed/robots.ts';
import { Service } from './service.ts';
import type { TestOrigin } from './test-origin.ts';
import { rss, serving, testOrigin } from './test-origin.ts';

const HOUR = 3_600_000;

const allows = (text: string, path: string): boolean => isAllowed(robotsRules(text, 'grove'), path);

test('only groups that name Grove count; several of them are one', () => {
  assert.equal(allows('User-agent: *\nDisallow: /', '/feed'), true, 'written for crawlers');
  assert.equal(allows('User-agent: grove\nDisallow: /', '/feed'), false);
  assert.equal(allows('user-AGENT:  Grove/1.0 # that one\ndisallow:/feed', '/feed'), false);
  assert.equal(allows('User-agent: groveling\nDisallow: /', '/feed'), true);
  assert.equal(allows('User-agent: other\nUser-agent: grove\n\nDisallow: /a\nUser-agent: third\nDisallow: /b\nUser-agent: GROVE\nDisallow: /c', '/a'), false);
  assert.deepEqual(['/a', '/b', '/c'].map((path) => allows('User-agent: other\nUser-agent: grove\nSitemap: x\nDisallow: /a\nUser-agent: third\nDisallow: /b\nUser-agent: GROVE\nDisallow: /c', path)), [false, true, false]);
  assert.equal(allows('\uFEFFUser-agent: grove\r\nDisallow: /', '/'), false);
  assert.equal(allows('Disallow: /\nUser-agent: grove\nDisallow:', '/'), true, 'a rule without a group, and one that says nothing');
});

test('the longest rule decides, and allowing wins a tie', () => {
  const text = 'User-agent: grove\nDisallow: /feeds/\nAllow: /feeds/public\nDisallow: /x\nAllow: /x';
  assert.deepEqual(['/feeds/a', '/feeds/public.xml', '/x', '/other'].map((path) => allows(text, path)), [false, true, true, true]);
});

test('stars and dollars match as RFC 9309 has them, encoded or not, and cannot be made slow', () => {
  const refuses = (pattern: string, path: string): boolean => !allows(`User-agent: grove\nDisallow: ${pattern}`, path);
  assert.deepEqual([refuses('/*.xml', '/a/b.xml'), refuses('/*.xml$', '/a.xml?x'), refuses('/*.xml$', '/a.xml.xml'), refuses('/a$', '/ab'), refuses('/a*b*c', '/a-c-b'), refuses('*/x', '/y/x')], [true, false, true, false, false, true]);
  assert.deepEqual([refuses('/caf%C3%A9', '/caf%c3%a9'), refuses('/café', '/caf%C3%A9'), refuses('/%7euser', '/~user/feed'), refuses('/a%2Fb', '/a/b'), refuses('/?q=1', '/?q=12')], [true, true, true, false, true]);
  assert.equal(refuses(`/${'*a'.repeat(900)}$`, `/${'a'.repeat(50_000)}b`), false);
  assert.equal(robotsRules(`User-agent: grove\n${'Disallow: /a\n'.repeat(2_000)}`, 'grove').length, RULES_MAX);
});

interface Site {
  readonly origin: TestOrigin;
  readonly options: ConstructorParameters<typeof Service>[0];
  readonly base: string;
  robots: { status: number; text: string };
  asked(path: string): number;
}

/** A host with a public name that leads to this machine. */
async function site(): Promise<Site> {
  const feed = serving(() => rss([{ id: 'a' }]), { 'cache-control': 'max-age=1' });
  const origin = await testOrigin((request, response) => {
    if (request.url === '/robots.txt') response.writeHead(made.robots.status, { 'content-type': 'text/plain' }).end(made.robots.text);
    else feed(request, response);
  });
  const made: Site = {
    origin, base: `http://feeds.example.org:${new URL(origin.url).port}`, options: { resolve: async () => [{ address: '127.0.0.1', family: 4 }] }, robots: { status: 200, text: '' },
    asked: (path) => origin.asked.filter((one) => one.path === path).length,
  };
  return made;
}

test('a feed that Grove is asked by name not to fetch is not fetched, the reason is shown, and others of the host are', async () => {
  const made = await site();
  await using _closing = made.origin;
  made.robots.text = 'User-agent: grove\nDisallow: /private/\n';
  await using service = new Service(made.options);
  const closed = service.feeds.add({ url: `${made.base}/private/feed` });
  await service.polled(1);
  assert.equal(made.asked('/private/feed'), 0);
  assert.match(service.feeds.why(closed.id).reason, /asks Grove by name not to fetch this \(robots\.txt\)/);
  assert.deepEqual([service.feeds.show(closed.id).originRequests, service.feeds.show(closed.id).lastOriginRequest], [{ 200: 0, 304: 0, 429: 0, error: 0 }, null], 'nobody was asked');
  assert.equal(made.origin.asked[0]?.headers['user-agent'], 'grove/test (+https://example.org/)', 'it names no subscribers: it is about no feed');
  const open = service.feeds.add({ url: `${made.base}/open/feed` });
  await service.feeds.refresh(open.id);
  assert.equal(made.asked('/robots.txt'), 1, 'once for all feeds of the host');
});

test('a file is asked for once a day, over restarts too; while the server says nothing, what it said last counts', async () => {
  let status = 200;
  await using origin = await testOrigin((_request, response) => void response.writeHead(status).end('said'));
  const client = new OriginClient({ allowPrivateNetworks: true, now: Date.now });
  const store = new SqliteStore(':memory:');
  for (const [hours, answers, expected, asked] of [[0, 200, 'said', 1], [23, 404, 'said', 1], [25, 503, 'said', 2], [25.5, 404, 'said', 2], [27, 404, 'nothing', 3], [28, 200, 'nothing', 3], [52, 200, 'said', 4]] as const) {
    status = answers;
    const files = new OriginFiles({ store: new FeedStore(store), client, now: () => hours * HOUR, path: '/robots.txt', accept: '*/*', read: (text) => text, nothing: 'nothing' });
    const both = await Promise.all([files.get(origin.url, 'me'), files.get(origin.url, 'me')]);
    assert.deepEqual([both, origin.asked.length], [[expected, expected], asked], `after ${hours} hours`);
  }
  await client.close();
  store.close();
});

test('a host without robots.txt, or whose server fails, is asked for its feeds (fail open); a host of one\'s own network is not asked for one', async () => {
  for (const status of [404, 403, 500]) {
    const made = await site();
    await using _closing = made.origin;
    made.robots = { status, text: 'User-agent: grove\nDisallow: /\n' };
    await using service = new Service(made.options);
    await service.feeds.whenServable(service.feeds.add({ url: `${made.base}/feed` }).id, AbortSignal.timeout(20_000));
  }
  const made = await site();
  await using _closing = made.origin;
  made.robots.text = 'User-agent: grove\nDisallow: /\n';
  await using service = new Service();
  await service.feeds.whenServable(service.feeds.add({ url: `${made.origin.url}/feed` }).id, AbortSignal.timeout(20_000));
  assert.equal(made.asked('/robots.txt'), 0);
});
