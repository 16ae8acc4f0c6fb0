/** This peer as the hub of a publisher: a feed that names it, subscribers on the internet, and what strangers may not do. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { publicCaller } from '../../../src/host/public-callbacks.ts';
import { Service } from './service.ts';
import { rss, serving, testOrigin } from './test-origin.ts';

interface Delivery {
  readonly link: string;
  readonly type: string;
  readonly signature: string;
  readonly body: string;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Repeats challenges, and keeps what is delivered. */
async function subscriber(): Promise<AsyncDisposable & { readonly url: string; readonly next: () => Promise<Delivery>; readonly asked: () => number }> {
  const delivered: Delivery[] = [];
  let asked = 0;
  const waiting: (() => void)[] = [];
  const server = createServer((request, response) => {
    if (request.method === 'GET') asked++;
    if (request.method === 'GET') return void response.end(new URL(request.url ?? '', 'http://a').searchParams.get('hub.challenge'));
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.writeHead(204).end();
      const { link = '', 'content-type': type = '', 'x-hub-signature': signature = '' } = request.headers;
      delivered.push({ link: String(link), type, signature: String(signature), body: Buffer.concat(chunks).toString() });
      for (const wake of waiting.splice(0)) wake();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/heard`,
    asked: () => asked,
    next: async () => {
      while (delivered.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
      return delivered.shift() as Delivery;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

test('a publisher says that there is news, and whoever subscribed at the hub that its feed names gets the site\'s bytes, signed', { timeout: 30_000 }, async () => {
  const port = await freePort();
  const hub = `http://127.0.0.1:${port}/websub/hub`;
  const head = `<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="hub" href="${hub}"/>`;
  let text = rss([{ id: 'a' }], head);
  const other = rss([{ id: 'x' }]);
  await using origin = await testOrigin((request, response) => serving(() => (request.url === '/feed' ? text : other))(request, response));
  await using reader = await subscriber();
  await using service = new Service();
  await service.feeds.usePush({ callbackBase: `http://127.0.0.1:${port}`, host: '127.0.0.1', port });
  const topic = `${origin.url}/feed`;
  const { id } = service.feeds.add({ url: topic, scope: 'pool' });
  const foreign = service.feeds.add({ url: `${origin.url}/other`, scope: 'pool' });
  const hidden = service.feeds.add({ url: `${topic}?token=8f14e45fceea167a5a36dedd4bea2543` });
  await service.until(() => [id, foreign.id].every((one) => service.feeds.document(one) !== undefined));
  const ask = async (form: Record<string, string>): Promise<number> => (await fetch(hub, { method: 'POST', body: new URLSearchParams(form) })).status;
  const subscribe = async (url: string): Promise<number> => ask({ 'hub.mode': 'subscribe', 'hub.verify': 'sync', 'hub.topic': url, 'hub.callback': reader.url, 'hub.secret': 'shared' });

  assert.deepEqual([await subscribe(topic), reader.asked()], [204, 1]);
  assert.deepEqual(await Promise.all([subscribe(`${origin.url}/other`), subscribe('https://elsewhere.example/'), subscribe(hidden.url), ask({ 'hub.mode': 'publish', 'hub.url': `${origin.url}/other` }), ask({ 'hub.mode': 'whatever' })]), [404, 404, 404, 404, 400]);
  assert.equal(reader.asked(), 1, 'nobody is called for a topic that is none');

  text = rss([{ id: 'b' }, { id: 'a' }], head);
  assert.equal(await ask({ 'hub.mode': 'publish', 'hub.url': topic }), 204);
  const { link, type, signature, body } = await reader.next();
  assert.equal(body, text, 'the site\'s bytes');
  assert.deepEqual([type, link], ['application/rss+xml', `<${hub}>; rel="hub", <${topic}>; rel="self"`]);
  assert.equal(signature, `sha256=${createHmac('sha256', 'shared').update(text).digest('hex')}`);
  assert.equal(origin.asked.filter(({ path }) => path === '/websub/hub').length, 0);
  assert.deepEqual(await Promise.all([fetch(hub), fetch(hub, { method: 'POST', body: '{}' }), fetch(hub, { method: 'POST', body: new URLSearchParams({ a: 'x'.repeat(20_000) }) })].map(async (one) => (await one).status)), [405, 415, 413]);
});

test('a callback in a private network is not called', async () => {
  await using reader = await subscriber();
  const caller = publicCaller({ allowPrivateNetworks: false });
  await assert.rejects(caller.call({ method: 'GET', url: reader.url, headers: {} }), /private network/);
  assert.equal(reader.asked(), 0);
  await caller.close();
});
