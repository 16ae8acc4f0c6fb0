/** The local WebSub hub: verification of intent, leases, signatures, deliveries that last, and what it refuses. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import type { HubForm } from '../../../src/daemon/feeds/hub.ts';
import { Hub } from '../../../src/daemon/feeds/hub.ts';
import { SUBSCRIPTIONS_MAX } from '../../../src/daemon/feeds/hub-subscriptions.ts';
import type { Call, CallAnswer } from '../../../src/host/callbacks.ts';
import { call, isNear } from '../../../src/host/callbacks.ts';
import { SqliteStore } from '../../../src/host/sqlite-store.ts';

const TOPIC = 'http://127.0.0.1:4780/f/a.xml';
const CALLBACK = 'http://127.0.0.1:9000/hear?id=7';

class Reader {
  readonly store = new SqliteStore(':memory:');
  readonly calls: Call[] = [];
  readonly documents = new Map([['a', { hash: 'v1', contentType: 'application/rss+xml', body: Buffer.from('<rss>1</rss>') }]]);
  now = 1_000;
  answer: (call: Call) => CallAnswer = echo;
  hub = this.open();

  open(): Hub {
    return new Hub({
      store: this.store,
      feedOf: (topic) => (topic === TOPIC ? 'a' : undefined),
      documentOf: (feed) => this.documents.get(feed),
      urlFor: () => 'http://127.0.0.1:4780/hub',
      call: async (one) => {
        this.calls.push(one);
        return this.answer(one);
      },
      now: () => this.now,
      log: () => undefined,
    });
  }

  async ask(form: HubForm): Promise<number> {
    return this.hub.request({ 'hub.mode': 'subscribe', 'hub.topic': TOPIC, 'hub.callback': CALLBACK, 'hub.verify': 'sync', ...form });
  }

  /** A new version, and everything that follows from it. */
  async publish(hash: string, hub = this.hub): Promise<Call[]> {
    this.documents.set('a', { hash, contentType: 'application/rss+xml', body: Buffer.from(`<rss>${hash}</rss>`) });
    const before = this.calls.length;
    hub.announce('a');
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    return this.calls.slice(before);
  }
}

function echo({ method, url }: Call): CallAnswer {
  return { status: 200, body: method === 'GET' ? (new URL(url).searchParams.get('hub.challenge') ?? '') : '' };
}

test('a subscription is verified at the callback, whose own query stays', async () => {
  const reader = new Reader();
  assert.equal(await reader.ask({ 'hub.lease_seconds': '3600' }), 204);
  const { searchParams } = new URL(reader.calls[0]?.url ?? '');
  assert.deepEqual([searchParams.get('id'), searchParams.get('hub.mode'), searchParams.get('hub.topic'), searchParams.get('hub.lease_seconds')], ['7', 'subscribe', TOPIC, '3600']);
  assert.equal(reader.hub.size, 1);
});

test('without hub.verify=sync the answer comes first', async () => {
  const reader = new Reader();
  assert.equal(await reader.ask({ 'hub.verify': undefined }), 202);
  assert.equal(await reader.ask({ 'hub.verify': 'async,sync' }), 202);
});

test('nothing changes when the callback does not repeat the challenge', async () => {
  const reader = new Reader();
  for (const answer of [{ status: 200, body: 'no' }, { status: 404, body: '' }, { status: 302, body: '' }]) {
    reader.answer = () => answer;
    await assert.rejects(reader.ask({}), /could not be verified/);
    assert.equal(reader.hub.size, 0);
  }
  reader.answer = echo;
  await reader.ask({});
  reader.answer = () => ({ status: 404, body: '' });
  await assert.rejects(reader.ask({ 'hub.mode': 'unsubscribe' }), /could not be verified/);
  assert.equal(reader.hub.size, 1);
  reader.answer = echo;
  await reader.ask({ 'hub.mode': 'unsubscribe' });
  assert.equal(reader.hub.size, 0);
});

test('a new version is posted whole, with its type, its links, and a signature when there is a secret', async () => {
  const reader = new Reader();
  await reader.ask({ 'hub.secret': 's3cret' });
  const [post] = await reader.publish('v2');
  const { method, url, headers = {}, body } = post ?? { method: '', url: '' };
  assert.deepEqual([method, url, Buffer.from(body ?? []).toString()], ['POST', CALLBACK, '<rss>v2</rss>']);
  assert.equal(headers['Content-Type'], 'application/rss+xml');
  assert.equal(headers['Link'], `<http://127.0.0.1:4780/hub>; rel="hub", <${TOPIC}>; rel="self"`);
  assert.equal(headers['X-Hub-Signature'], `sha256=${createHmac('sha256', 's3cret').update('<rss>v2</rss>').digest('hex')}`);
  await reader.ask({ 'hub.secret': 's3cret', 'hub.signature': 'sha1' });
  assert.match((await reader.publish('v3'))[0]?.headers['X-Hub-Signature'] ?? '', /^sha1=[0-9a-f]{40}$/);
  await reader.ask({});
  assert.equal((await reader.publish('v4'))[0]?.headers['X-Hub-Signature'], undefined);
});

test('each version is told once, and none that the reader had when it subscribed', async () => {
  const reader = new Reader();
  await reader.ask({});
  assert.equal((await reader.publish('v1')).length, 0);
  assert.equal((await reader.publish('v2')).length, 1);
  assert.equal((await reader.publish('v2')).length, 0);
});

test('a lease ends, is at most ten days, and is renewed by subscribing again', async () => {
  const reader = new Reader();
  await reader.ask({ 'hub.lease_seconds': '999999999' });
  assert.match(reader.calls[0]?.url ?? '', /hub\.lease_seconds=864000&?/);
  reader.now += 9 * 86_400_000;
  await reader.ask({ 'hub.lease_seconds': 'nonsense' });
  reader.now += 9 * 86_400_000;
  assert.equal((await reader.publish('v2')).length, 1);
  reader.now += 2 * 86_400_000;
  assert.equal((await reader.publish('v3')).length, 0);
  assert.equal(reader.hub.size, 0);
});

test('410 ends a subscription', async () => {
  const reader = new Reader();
  await reader.ask({});
  reader.answer = () => ({ status: 410, body: '' });
  await reader.publish('v2');
  assert.equal(reader.hub.size, 0);
});

test('a delivery that fails is tried again with the latest version only', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const reader = new Reader();
  await reader.ask({});
  reader.answer = () => ({ status: 503, body: '' });
  assert.equal((await reader.publish('v2')).length, 1);
  assert.equal((await reader.publish('v3')).length, 0, 'it waits');
  reader.answer = echo;
  const before = reader.calls.length;
  t.mock.timers.tick(5_000);
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(reader.calls.slice(before).map(({ body }) => Buffer.from(body ?? []).toString()), ['<rss>v3</rss>']);
});

test('subscriptions survive a restart, with what came meanwhile', async () => {
  const reader = new Reader();
  await reader.ask({});
  reader.hub.stop();
  reader.documents.set('a', { hash: 'v2', contentType: 'application/rss+xml', body: Buffer.from('x') });
  const again = reader.open();
  again.start();
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(reader.calls.filter(({ method }) => method === 'POST').length, 1);
  again.stop();
});

test('what a request gets wrong is refused with a reason', async () => {
  const reader = new Reader();
  await assert.rejects(reader.ask({ 'hub.mode': 'publish' }), /hub\.mode/);
  await assert.rejects(reader.ask({ 'hub.topic': 'http://127.0.0.1:4780/f/unknown.xml' }), /no such topic/);
  for (const callback of ['', 'ftp://127.0.0.1/', 'http://user:pw@127.0.0.1/', 'nonsense', `http://127.0.0.1/${'x'.repeat(2_048)}`]) {
    await assert.rejects(reader.ask({ 'hub.callback': callback }), /hub\.callback/, callback);
  }
  await assert.rejects(reader.ask({ 'hub.secret': 'x'.repeat(200) }), /200 bytes/);
  assert.equal(reader.calls.length, 0);
});

test('there is room for a bounded number of subscriptions', async () => {
  const reader = new Reader();
  for (let i = 0; i < SUBSCRIPTIONS_MAX; i++) await reader.ask({ 'hub.callback': `http://127.0.0.1/${i}` });
  await assert.rejects(reader.ask({}), /no room/);
  assert.equal(await reader.ask({ 'hub.callback': 'http://127.0.0.1/0' }), 204, 'a known one is renewed');
});

test('only this machine and its network are called', async () => {
  for (const near of ['127.0.0.1', '::1', '10.1.2.3', '192.168.0.9', '172.17.0.2', '100.64.0.1', '::ffff:127.0.0.1', 'fd12::1']) assert.ok(isNear(near), near);
  for (const far of ['8.8.8.8', '2001:4860::1', '169.254.169.254', '::ffff:8.8.8.8', '0.0.0.0', '224.0.0.1', 'nonsense', '64:ff9b::808:808']) assert.ok(!isNear(far), far);
  await assert.rejects(call({ method: 'GET', url: 'http://8.8.8.8/', headers: {} }), /neither on this machine/);
});
