/** rssCloud as a subscriber: registration, challenge, thin pings, renewal; and a feed that names a cloud. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { SqliteStore } from '../../../src/host/sqlite-store.ts';
import { RssCloud } from '../../../src/daemon/feeds/rss-cloud.ts';
import { Service } from './service.ts';
import { rss, serving, testOrigin } from './test-origin.ts';

const HOUR = 3_600_000;
const TOPIC = 'https://example.org/feed';
const CLOUD = 'http://rpc.example:5337/rsscloud/pleaseNotify';

function subscriber(store = new SqliteStore(':memory:'), aheadMs = 0): { readonly cloud: RssCloud; readonly forms: URLSearchParams[]; readonly pushes: string[]; readonly posted: (count: number) => Promise<void>; readonly store: SqliteStore } {
  const forms: URLSearchParams[] = [];
  const pushes: string[] = [];
  const waiting: (() => void)[] = [];
  const cloud = new RssCloud({
    store, callbackBase: 'https://me.example/grove', now: () => Date.UTC(2026, 0, 5) + aheadMs, random: () => 0, onPush: (feed) => void pushes.push(feed), onChange: () => undefined,
    post: async (url, form) => {
      assert.equal(url, CLOUD);
      forms.push(form);
      for (const wake of waiting.splice(0)) wake();
      return 200;
    },
  });
  const posted = async (count: number): Promise<void> => {
    while (forms.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return { cloud, forms, pushes, posted, store };
}

const tokenOf = (form: URLSearchParams | undefined): string => (form?.get('path') ?? '').split('/').at(-1) ?? '';
const asking = (url = TOPIC): URLSearchParams => new URLSearchParams({ url, challenge: 'c-1' });
const ping = (url = TOPIC): Uint8Array => Buffer.from(new URLSearchParams({ url }).toString());

test('it asks to be notified by HTTP at an unguessable address, and repeats the challenge for that feed only', async () => {
  const { cloud, forms, pushes, posted } = subscriber();
  cloud.follow('f', CLOUD, TOPIC);
  await posted(1);
  const form = forms[0] ?? assert.fail();
  assert.deepEqual(['protocol', 'domain', 'port', 'url1'].map((name) => form.get(name)), ['http-post', 'me.example', '443', TOPIC]);
  assert.match(form.get('path') ?? '', /^\/grove\/websub\/[\w-]{32}$/);
  const token = tokenOf(form);
  cloud.deliver(token, ping());
  assert.deepEqual([cloud.relied('f'), pushes.length], [false, 0], 'not before the challenge');
  assert.equal(cloud.verify(token, asking('https://other.example/')).status, 404);
  assert.deepEqual(cloud.verify(token, asking()), { status: 200, text: 'c-1' });
  assert.equal(cloud.relied('f'), true);
  assert.equal(cloud.deliver(token, ping()).status, 200);
  cloud.deliver(token, ping('https://other.example/'));
  cloud.deliver(token, Buffer.from('no form'));
  assert.deepEqual(pushes, ['f']);
  cloud.missed('f');
  assert.equal(cloud.relied('f'), false, 'silence of one that missed an update counts for nothing');
  cloud.drop('f');
  assert.equal(cloud.deliver(token, ping()).status, 410);
  cloud.stop();
});

test('it registers anew before 25 hours are over, at a new address; the old one is good until that is confirmed', async () => {
  const first = subscriber();
  first.cloud.follow('f', CLOUD, TOPIC);
  await first.posted(1);
  const old = tokenOf(first.forms[0]);
  first.cloud.verify(old, asking());
  first.cloud.stop();
  const early = subscriber(first.store, 21 * HOUR);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([early.forms.length, early.cloud.relied('f')], [0, true], 'durable, and nothing to do yet');
  early.cloud.stop();
  const late = subscriber(first.store, 23.5 * HOUR);
  await late.posted(1);
  const renewed = tokenOf(late.forms[0]);
  assert.notEqual(renewed, old);
  late.cloud.deliver(old, ping());
  assert.deepEqual(late.pushes, ['f']);
  assert.equal(late.cloud.verify(renewed, asking()).status, 200);
  assert.equal(late.cloud.deliver(old, ping()).status, 410);
  late.cloud.deliver(renewed, ping());
  assert.deepEqual(late.pushes, ['f', 'f']);
  late.cloud.stop();
});

test('a feed that names a cloud and no hub: the site is asked when a ping comes', { timeout: 30_000 }, async () => {
  const asked = Promise.withResolvers<{ readonly callback: string }>();
  const cloud = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => void (body += part.toString()));
    request.on('end', () => {
      const form = new URLSearchParams(body);
      const callback = `http://${form.get('domain')}:${form.get('port')}${form.get('path')}`;
      response.end('<notifyResult success="true"/>');
      void fetch(`${callback}?${new URLSearchParams({ url: form.get('url1') ?? '', challenge: 'xyz' }).toString()}`).then(async (answer) => ((await answer.text()) === 'xyz' ? asked.resolve({ callback }) : undefined));
    });
  }).listen(0, '127.0.0.1');
  await once(cloud, 'listening');
  const head = `<cloud domain="127.0.0.1" port="${(cloud.address() as AddressInfo).port}" path="/pleaseNotify" registerProcedure="" protocol="http-post"/>`;
  let text = rss([{ id: 'a' }], head);
  await using origin = await testOrigin(serving(() => text));
  await using probe = new Service();
  const port = await probe.feeds.usePush({ callbackBase: 'http://127.0.0.1:1', host: '127.0.0.1', port: 0 });
  await probe.feeds.stop();
  await using service = new Service();
  await service.feeds.usePush({ callbackBase: `http://127.0.0.1:${port}`, host: '127.0.0.1', port });
  const url = `${origin.url}/feed`;
  const { id } = service.feeds.add({ url, maxStalenessMs: 30_000 });
  const { callback } = await asked.promise;
  await service.until(() => service.feeds.why(id).schedule.reason.includes('hub'));
  const before = origin.asked.length;
  text = rss([{ id: 'b' }, { id: 'a' }], head);
  await fetch(callback, { method: 'POST', body: new URLSearchParams({ url }) });
  await service.until(() => service.feeds.items(id).length === 2);
  assert.equal(origin.asked.length, before + 1);
  cloud.closeAllConnections();
  cloud.close();
});
