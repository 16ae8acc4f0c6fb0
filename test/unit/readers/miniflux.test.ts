/** Miniflux is told of news in the feeds that it reads from this peer, and of no others. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Miniflux } from '../../../src/daemon/feeds/miniflux.ts';

const OURS = new Map([['http://127.0.0.1:4780/f/a.xml', 'a'], ['http://grove:4782/r/x/f/b.xml', 'b'], ['http://127.0.0.1:4780/f/a.xml?again', 'a']]);

/** What was asked of it, in order; `answer` may refuse. */
async function withMiniflux(answer: (path: string) => number, work: (told: string[], tell: Miniflux, lines: string[]) => Promise<void>): Promise<void> {
  const told: string[] = [];
  const lines: string[] = [];
  const server = createServer((request, response) => {
    told.push(`${request.method} ${request.url} ${String(request.headers['x-auth-token'])}`);
    const status = answer(request.url ?? '');
    const feeds = [...OURS.keys(), 'https://site.example/feed'].map((address, i) => ({ id: i + 1, feed_url: address }));
    response.writeHead(status).end(request.method === 'GET' && status === 200 ? JSON.stringify(feeds) : undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const miniflux = new Miniflux({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: 'secret', feedOf: (address) => OURS.get(address), log: (line) => void lines.push(line) });
  try {
    await work(told, miniflux, lines);
  } finally {
    miniflux.stop();
    server.closeAllConnections();
    server.close();
  }
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !isSo(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(isSo(), what);
}

test('each of its feeds that is read from here is refreshed, found with one list for all', async () => {
  await withMiniflux((path) => (path === '/v1/feeds' ? 200 : 204), async (told, miniflux) => {
    for (const feed of ['b', 'a', 'elsewhere', 'a']) miniflux.announce(feed);
    await until('three refreshes', () => told.length === 4);
    assert.deepEqual(told, ['GET /v1/feeds secret', 'PUT /v1/feeds/2/refresh secret', 'PUT /v1/feeds/1/refresh secret', 'PUT /v1/feeds/3/refresh secret']);
  });
});

test('a token that it does not take is said once, and a feed that it has no more makes its list be asked for again', async () => {
  await withMiniflux(() => 401, async (told, miniflux, lines) => {
    miniflux.announce('a');
    await until('asked', () => told.length === 1);
    miniflux.announce('b');
    await until('asked again', () => told.length === 2);
    await until('said', () => lines.length > 0);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /does not take the token/);
  });
  await withMiniflux((path) => (path === '/v1/feeds' ? 200 : 404), async (told, miniflux) => {
    miniflux.announce('b');
    await until('refused', () => told.length === 2);
    await until('asked for anew', () => {
      miniflux.announce('b');
      return told.filter((one) => one.startsWith('GET')).length > 1;
    });
  });
});
