/** WebSub as a subscriber, against a hub of the test's own. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { GroveError } from '../../../src/core/errors.ts';
import { SqliteStore } from '../../../src/host/sqlite-store.ts';
import { listenForHubs } from '../../../src/host/websub-listener.ts';
import { isSignedWith, WebsubSubscriber } from '../../../src/daemon/feeds/websub-subscriber.ts';
import { Service } from './service.ts';
import type { TestOrigin } from './test-origin.ts';
import { rss, serving, testOrigin } from './test-origin.ts';

const DAY = 86_400_000;
const TOPIC = 'https://example.org/feed';

/** A subscriber whose posts, pushes and time the test has in hand. */
function subscriber(store = new SqliteStore(':memory:'), aheadMs = 0): { readonly websub: WebsubSubscriber; readonly posts: { readonly url: string; readonly form: URLSearchParams }[]; readonly pushes: string[]; readonly clock: { now: number }; readonly store: SqliteStore; posted: (count: number) => Promise<void> } {
  const posts: { readonly url: string; readonly form: URLSearchParams }[] = [];
  const pushes: string[] = [];
  const clock = { now: Date.UTC(2026, 0, 5) + aheadMs };
  const waiting: (() => void)[] = [];
  const websub = new WebsubSubscriber({
    store, callbackBase: 'https://me.example', now: () => clock.now, random: () => 0, onPush: (feed) => void pushes.push(feed), onChange: () => undefined,
    post: async (url, form) => {
      posts.push({ url, form });
      for (const wake of waiting.splice(0)) wake();
      return 202;
    },
  });
  const posted = async (count: number): Promise<void> => {
    while (posts.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return { websub, posts, pushes, clock, store, posted };
}

const tokenOf = (form: URLSearchParams | undefined): string => (form?.get('hub.callback') ?? '').split('/').at(-1) ?? '';
const query = (mode: string, rest: Readonly<Record<string, string>> = {}): URLSearchParams => new URLSearchParams({ 'hub.mode': mode, 'hub.topic': TOPIC, 'hub.challenge': 'c-1', 'hub.lease_seconds': String(10 * 86_400), ...rest });

test('it subscribes at an https hub rather than another, to the topic, with a secret and a lease', async () => {
  const { websub, posts, posted } = subscriber();
  websub.follow('f', ['http://plain.example/hub', 'https://safe.example/hub'], TOPIC);
  await posted(1);
  const { url, form } = posts[0] ?? assert.fail();
  assert.equal(url, 'https://safe.example/hub');
  assert.deepEqual([form.get('hub.mode'), form.get('hub.topic')], ['subscribe', TOPIC]);
  assert.match(form.get('hub.callback') ?? '', /^https:\/\/me\.example\/websub\/[\w-]{32}$/);
  const secret = form.get('hub.secret') ?? '';
  assert.ok(secret.length >= 32 && secret.length < 200);
  assert.ok(Number(form.get('hub.lease_seconds')) > 0);
  websub.stop();
});

test('a challenge is echoed for a pending request only; anything else is not found', async () => {
  const { websub, posts, posted } = subscriber();
  websub.follow('f', ['https://hub.example/'], TOPIC);
  await posted(1);
  const token = tokenOf(posts[0]?.form);
  assert.equal(websub.verify('unknownunknownunknownunknown', query('subscribe')).status, 404);
  assert.equal(websub.verify(token, query('subscribe', { 'hub.topic': 'https://other.example/' })).status, 404);
  assert.equal(websub.verify(token, query('unsubscribe')).status, 404);
  assert.equal(websub.relied('f'), false);
  assert.deepEqual(websub.verify(token, query('subscribe')), { status: 200, text: 'c-1' });
  assert.equal(websub.relied('f'), true);
  assert.equal(websub.verify(token, query('subscribe')).status, 404, 'not a second time');
  websub.stop();
});

test('deliveries count with the right signature by any method that WebSub names, and forged ones are thanked for and ignored', async () => {
  const { websub, posts, pushes, posted } = subscriber();
  websub.follow('f', ['https://hub.example/'], TOPIC);
  await posted(1);
  const token = tokenOf(posts[0]?.form);
  const secret = posts[0]?.form.get('hub.secret') ?? '';
  websub.verify(token, query('subscribe'));
  const body = Buffer.from(rss([{ id: 'a' }]));
  const sign = (method: string, by = secret): string => `${method}=${createHmac(method, by).update(body).digest('hex')}`;
  for (const method of ['sha1', 'sha256', 'sha384', 'sha512']) assert.equal(websub.deliver(token, sign(method), body).status, 202);
  assert.equal(pushes.length, 4);
  for (const signature of ['', sign('md5'), sign('sha256', 'other'), sign('sha256').slice(0, -2), 'sha256=', 'sha256=zz', `sha1=${sign('sha256').slice(7)}`]) {
    assert.equal(websub.deliver(token, signature, body).status, 202, signature);
  }
  assert.equal(pushes.length, 4);
  assert.equal(websub.deliver('unknownunknownunknownunknown', sign('sha256'), body).status, 410);
  assert.equal(isSignedWith(secret, sign('sha256').toUpperCase().replace('SHA256', 'sha256'), body), true);
  websub.stop();
});

test('a lease is renewed before it ends, at a new address with a new secret; the old one is good until then', async () => {
  const store = new SqliteStore(':memory:');
  const first = subscriber(store);
  first.websub.follow('f', ['https://hub.example/'], TOPIC);
  await first.posted(1);
  const old = first.posts[0]?.form;
  first.websub.verify(tokenOf(old), query('subscribe'));
  first.websub.stop();
  // The next start, nine of ten days later.
  const late = subscriber(store, 9 * DAY);
  assert.equal(late.websub.relied('f'), true, 'it is durable');
  await late.posted(1);
  const renewal = late.posts[0]?.form;
  assert.notEqual(tokenOf(renewal), tokenOf(old));
  assert.notEqual(renewal?.get('hub.secret'), old?.get('hub.secret'));
  const body = Buffer.from('x');
  const signed = (form: URLSearchParams | undefined): string => `sha256=${createHmac('sha256', form?.get('hub.secret') ?? '').update(body).digest('hex')}`;
  late.websub.deliver(tokenOf(old), signed(old), body);
  assert.equal(late.pushes.length, 1);
  assert.equal(late.websub.verify(tokenOf(renewal), query('subscribe')).status, 200);
  assert.equal(late.websub.deliver(tokenOf(old), signed(old), body).status, 410);
  late.websub.deliver(tokenOf(renewal), signed(renewal), body);
  assert.equal(late.pushes.length, 2);
  late.websub.stop();
});

test('a hub that denies, or never asks back, is not relied on', async () => {
  const { websub, posts, posted } = subscriber();
  websub.follow('f', ['https://hub.example/'], TOPIC);
  await posted(1);
  assert.equal(websub.relied('f'), false);
  websub.verify(tokenOf(posts[0]?.form), query('subscribe'));
  assert.equal(websub.verify(tokenOf(posts[0]?.form), query('denied', { 'hub.reason': 'no' })).status, 200);
  assert.equal(websub.relied('f'), false);
  websub.stop();
});

test('unsubscribing is confirmed once, when the hub asks whether it is meant', async () => {
  const { websub, posts, posted } = subscriber();
  websub.follow('f', ['https://hub.example/'], TOPIC);
  await posted(1);
  const token = tokenOf(posts[0]?.form);
  websub.verify(token, query('subscribe'));
  websub.drop('f');
  await posted(2);
  assert.equal(posts[1]?.form.get('hub.mode'), 'unsubscribe');
  assert.deepEqual(websub.verify(token, query('unsubscribe')), { status: 200, text: 'c-1' });
  assert.equal(websub.verify(token, query('unsubscribe')).status, 404);
  websub.stop();
});

/** An origin with a hub beside it: subscriptions are verified, `push` delivers. */
async function withHub(document: () => string): Promise<{ readonly origin: TestOrigin; push: (body: string, by?: string) => Promise<void>; readonly subscribed: Promise<void> }> {
  let callback = '';
  let secret = '';
  let subscribed: () => void = () => undefined;
  const verified = new Promise<void>((resolve) => {
    subscribed = resolve;
  });
  const origin = await testOrigin();
  const feed = serving(document, { link: `<${origin.url}/hub>; rel="hub", <${origin.url}/feed>; rel="self"` });
  origin.answer = (request, response) => {
    if (request.url !== '/hub') return feed(request, response);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.writeHead(202).end();
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      callback = form.get('hub.callback') ?? '';
      secret = form.get('hub.secret') ?? '';
      const asking = new URLSearchParams({ 'hub.mode': form.get('hub.mode') ?? '', 'hub.topic': form.get('hub.topic') ?? '', 'hub.challenge': 'xyz', 'hub.lease_seconds': '864000' });
      void fetch(`${callback}?${asking.toString()}`).then(async (answer) => ((await answer.text()) === 'xyz' ? subscribed() : undefined));
    });
  };
  const push = async (body: string, by = secret): Promise<void> => {
    await fetch(callback, { method: 'POST', body, headers: { 'x-hub-signature': `sha256=${createHmac('sha256', by).update(body).digest('hex')}` } });
  };
  return { origin, push, subscribed: verified };
}

test('with a hub the origin is asked when something is pushed, and else only to be safe', async () => {
  let text = rss([{ id: 'a' }]);
  const { origin, push, subscribed } = await withHub(() => text);
  await using _closing = origin;
  await using service = new Service();
  const port = await service.feeds.usePush({ callbackBase: 'http://127.0.0.1:1', host: '127.0.0.1', port: 0 });
  await service.feeds.stop();
  await using pushed = new Service();
  await pushed.feeds.usePush({ callbackBase: `http://127.0.0.1:${port}`, host: '127.0.0.1', port });
  const { id } = pushed.feeds.add({ url: `${origin.url}/feed`, maxStalenessMs: 30_000 });
  await subscribed;
  await pushed.until(() => pushed.feeds.why(id).schedule.reason.includes('hub'));
  assert.ok(Date.parse(pushed.feeds.show(id).nextPoll ?? '') > Date.now() + 5 * 3_600_000, 'a slow safety poll');
  assert.equal(pushed.feeds.show(id).state, 'met');
  const asked = (): number => origin.asked.filter(({ path }) => path === '/feed').length;
  const before = asked();
  await push('forged', 'wrong secret');
  text = rss([{ id: 'b' }, { id: 'a' }]);
  await push(text);
  await pushed.until(() => pushed.feeds.items(id).length === 2);
  assert.equal(asked(), before + 1, 'once for the push, never for the forgery');
  assert.equal(Buffer.from(pushed.feeds.document(id)?.body ?? []).toString(), text, 'the bytes are the origin\'s');
  // A poll finds what the hub did not tell: from then on the origin is asked as often as without a hub.
  text = rss([{ id: 'c' }, { id: 'b' }, { id: 'a' }]);
  while (pushed.feeds.items(id).length < 3) await pushed.feeds.refresh(id);
  assert.ok(Date.parse(pushed.feeds.show(id).nextPoll ?? '') < Date.now() + 60_000);
});

test('a feed that looks private is not told to a hub', async () => {
  const { origin } = await withHub(() => rss([{ id: 'a' }]));
  await using _closing = origin;
  await using service = new Service();
  await service.feeds.usePush({ callbackBase: 'http://127.0.0.1:1', host: '127.0.0.1', port: 0 });
  service.feeds.add({ url: `${origin.url}/feed?token=8f14e45fceea167a5a36dedd4bea2543` });
  await service.polled(1);
  assert.equal(origin.asked.filter(({ path }) => path === '/hub').length, 0);
});

test('the door for hubs opens for nothing else: other paths, other methods, bodies without end', async () => {
  const delivered: number[] = [];
  const listener = await listenForHubs('127.0.0.1', 0, {
    verify: (_token, query) => ({ status: 200, text: query.get('hub.challenge') ?? '' }),
    deliver: (_token, _signature, body) => {
      delivered.push(body.length);
      return { status: 202, text: '' };
    },
  });
  const base = `http://127.0.0.1:${listener.port}`;
  const token = 'a'.repeat(32);
  for (const path of ['/', '/websub/', '/websub/short', '/api/v1/status', `/websub/${token}/more`, '/websub/../../etc/passwd']) assert.equal((await fetch(base + path)).status, 404, path);
  for (const method of ['PUT', 'DELETE', 'OPTIONS']) assert.equal((await fetch(`${base}/websub/${token}`, { method })).status, 404, method);
  const echo = await fetch(`${base}/proxied/websub/${token}?hub.challenge=${encodeURIComponent('<script>')}`);
  assert.deepEqual([echo.status, await echo.text(), echo.headers.get('content-type'), echo.headers.get('x-content-type-options')], [200, '<script>', 'text/plain; charset=utf-8', 'nosniff']);
  await fetch(`${base}/websub/${token}`, { method: 'POST', body: new Uint8Array(16 * 2 ** 20) }).then(({ status }) => assert.equal(status, 413), () => undefined);
  assert.equal((await fetch(`${base}/websub/${token}`, { method: 'POST', body: 'x' })).status, 202);
  assert.deepEqual(delivered, [1]);
  await assert.rejects(listenForHubs('127.0.0.1', listener.port, { verify: () => assert.fail(), deliver: () => assert.fail() }), (error) => error instanceof GroveError && error.code === 'in-use');
  await listener.close();
});
