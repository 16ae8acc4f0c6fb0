/** Feeds over the API: what readers get without a token, who may subscribe, and what programs are told. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { buildApi } from '../../../src/api/server.ts';
import type { Daemon } from '../../../src/daemon/daemon.ts';
import { startDaemon } from '../../../src/daemon/daemon.ts';
import type { FeedSummary } from '../../../src/daemon/feeds/views.ts';
import { Origin, rss } from './origin.ts';

const PORT = 4780;
const HOST = `127.0.0.1:${PORT}`;
let daemon: Daemon;
let app: FastifyInstance;
let origin: Origin;

before(async () => {
  origin = await Origin.start();
  daemon = await startDaemon({ directory: undefined, listen: ['/ip4/127.0.0.1/tcp/0'], name: 'tested', feeds: { allowPrivateNetworks: true, originFloorMs: 100, defaultMaxStalenessMs: 3_600_000 } });
  app = buildApi(daemon, () => PORT);
});

after(async () => {
  await app.close();
  await daemon.stop();
  await origin.stop();
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly bytes: Buffer;
}

/** As a reader asks: no token. */
async function read(url: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' = 'GET'): Promise<Answer> {
  const { statusCode, headers: replied, body, rawPayload } = await app.inject({ method, url, headers: { host: HOST, ...headers } });
  return { status: statusCode, headers: replied as Record<string, string>, body, bytes: rawPayload };
}

async function ask<T>(method: 'GET' | 'PUT' | 'POST' | 'DELETE', url: string, payload?: InjectOptions['payload']): Promise<T> {
  const { statusCode, body } = await app.inject({ method, url: `/api/v1/${url}`, headers: { host: HOST, authorization: `Bearer ${daemon.state.token}` }, ...(payload === undefined ? {} : { payload }) });
  assert.equal(statusCode, 200, body);
  return JSON.parse(body) as T;
}

function pathOf(path: string): string {
  return `/f/http/${origin.host}${path}`;
}

/** Subscribed to already, and not in the pool, which would wait a second for a word of it. */
function alone(path: string): void {
  daemon.feeds.add({ url: origin.url(path), scope: 'local' });
}

/** Polls until the origin's new document is here. */
async function refreshed(id: string, hash: string | undefined): Promise<void> {
  while (daemon.feeds.document(id)?.version.hash === hash) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    await daemon.feeds.refresh(id);
  }
}

test('the first request of an unknown feed subscribes to it, waits for it and gets its bytes with local links', async () => {
  origin.serve('/first', rss('a', 'b'), { 'last-modified': 'Thu, 26 Nov 2026 01:00:00 GMT' });
  const { status, headers, body } = await read(pathOf('/first'));
  const [{ id }] = daemon.feeds.list() as [FeedSummary];
  assert.equal(status, 200, body);
  assert.equal(body, rss('a', 'b').replace('https://origin.example/feed', `http://${HOST}/f/${id}.xml`).replace('https://hub.example/', `http://${HOST}/hub`));
  assert.equal(headers['content-type'], 'application/rss+xml');
  assert.match(headers['cache-status'] ?? '', /^grove; fwd=uri-miss; stored; ttl=\d+$/);
  assert.match(headers['cache-control'] ?? '', /^max-age=\d+, stale-if-error=86400$/);
  assert.match(headers['age'] ?? '', /^\d$/);
  assert.equal(headers['last-modified'], 'Thu, 26 Nov 2026 01:00:00 GMT');
  assert.equal(headers['link'], `<${origin.url('/first')}>; rel="canonical", <http://${HOST}/f/${id}.xml>; rel="self", <http://${HOST}/hub>; rel="hub"`);
});

test('all addresses of a feed are one resource', async () => {
  const [{ id }] = daemon.feeds.list() as [FeedSummary];
  const answers = await Promise.all([`/f/${id}.xml`, `/f/${id}`, pathOf('/first'), `/feed?url=${encodeURIComponent(origin.url('/first'))}`].map(async (url) => read(url)));
  assert.deepEqual(new Set(answers.map(({ status, body, headers }) => `${status} ${headers['etag']} ${body}`)).size, 1);
  assert.match(answers[0]?.headers['cache-status'] ?? '', /^grove; hit/);
  const asked = origin.asked.length;
  await read(`/f/${id}.xml`);
  assert.equal(origin.asked.length, asked, 'reading asks no origin');
});

test('a query is part of the address', async () => {
  origin.serve('/q?b=2&a=1', rss('with-query'));
  alone('/q?b=2&a=1');
  assert.match((await read(`${pathOf('/q')}?b=2&a=1`)).body, /with-query/);
});

test('304 for what is known, HEAD without a body, gzip for whoever takes it', async () => {
  origin.serve('/first-long', rss(...Array.from({ length: 40 }, (_, i) => `item${i}`)));
  alone('/first-long');
  const { headers, bytes } = await read(pathOf('/first'));
  const known = await read(pathOf('/first'), { 'if-none-match': headers['etag'] ?? '' });
  assert.deepEqual([known.status, known.body, known.headers['etag']], [304, '', headers['etag']]);
  assert.equal((await read(pathOf('/first'), { 'if-modified-since': 'Thu, 26 Nov 2026 01:00:00 GMT' })).status, 304);
  const head = await read(pathOf('/first'), {}, 'HEAD');
  assert.deepEqual([head.status, head.body, head.headers['etag'], head.headers['content-length']], [200, '', headers['etag'], String(bytes.length)]);
  const plain = await read(pathOf('/first-long'));
  const zipped = await read(pathOf('/first-long'), { 'accept-encoding': 'gzip' });
  assert.equal(zipped.headers['content-encoding'], 'gzip');
  assert.deepEqual(gunzipSync(zipped.bytes), plain.bytes);
});

test('A-IM: feed gets only what is new, with 226', async () => {
  origin.serve('/delta', rss('one', 'two'));
  alone('/delta');
  const { headers } = await read(pathOf('/delta'));
  const feed = daemon.feeds.show(origin.url('/delta'));
  origin.serve('/delta', rss('three', 'one', 'two'));
  await refreshed(feed.id, feed.version?.hash);
  const delta = await read(pathOf('/delta'), { 'a-im': 'feed', 'if-none-match': headers['etag'] ?? '' });
  assert.deepEqual([delta.status, delta.headers['im'], delta.headers['delta-base']], [226, 'feed', headers['etag']]);
  assert.deepEqual([...delta.body.matchAll(/<guid>(\w+)/g)].map(([, guid]) => guid), ['three']);
  assert.match(delta.headers['cache-control'] ?? '', /^no-store, im/);
  assert.equal((await read(pathOf('/delta'), { 'if-none-match': headers['etag'] ?? '' })).status, 200, 'who does not ask for it gets everything');
  assert.equal((await read(pathOf('/delta'), { 'a-im': 'feed', 'if-none-match': '"unknown"' })).status, 200);
  assert.equal((await read(pathOf('/delta'), { 'a-im': 'feed', 'if-none-match': delta.headers['etag'] ?? '' })).status, 304);
});

test('a signed document is untouched, and its links are in headers only', async () => {
  const signed = rss('s').replace('</channel>', '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/></channel>');
  origin.serve('/signed', signed);
  alone('/signed');
  const { body, headers } = await read(pathOf('/signed'));
  assert.equal(body, signed);
  assert.match(headers['link'] ?? '', /rel="self".*rel="hub"/);
});

test('what is no feed is not passed on, and a document that cannot be parsed is served as it came', async () => {
  origin.serve('/page', '<!doctype html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>', { 'content-type': 'text/html' });
  alone('/page');
  assert.equal((await read(pathOf('/page'))).status, 503);
  const torn = '<rss version="2.0"><channel><title>T</title><item><title>one</title></item><item><title>cut o';
  origin.serve('/torn', torn);
  alone('/torn');
  assert.equal((await read(pathOf('/torn'))).body, torn);
});

test('a feed that cannot be fetched is 503 with Retry-After, never empty, and says why', async () => {
  origin.answer('/broken', (_request, response) => response.writeHead(500).end());
  alone('/broken');
  const { status, headers, body } = await read(pathOf('/broken'));
  assert.equal(status, 503);
  assert.ok(Number(headers['retry-after']) >= 10 && Number(headers['retry-after']) <= 3_600, headers['retry-after']);
  assert.match(body, /"message":"There is nothing of this feed yet\./);
});

test('a page in a browser subscribes nobody', async () => {
  origin.serve('/victim', rss('x'));
  const before = daemon.feeds.list().length;
  for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-mode': 'no-cors' }, { 'sec-fetch-site': 'none' }, { origin: 'https://evil.example' }, { referer: 'https://evil.example/' }]) {
    for (const url of [pathOf('/victim'), `/feed?url=${encodeURIComponent(origin.url('/victim'))}`]) {
      assert.equal((await read(url, headers as Record<string, string>)).status, 403, JSON.stringify(headers));
    }
  }
  assert.equal(daemon.feeds.list().length, before);
  assert.equal((await read(pathOf('/victim'), { 'sec-fetch-site': 'none', authorization: `Bearer ${daemon.state.token}` })).status, 200, 'unless it has the token');
  assert.equal((await read(pathOf('/victim'), { 'sec-fetch-site': 'cross-site' })).status, 200, 'what is there can be opened');
});

test('an unknown id, another path and nonsense are refused', async () => {
  for (const [url, status] of [['/f/0123456789abcdef.xml', 404], ['/f/nonsense', 400], ['/feed', 400], ['/feed?url=', 400], ['/feed?url=nonsense', 400], ['/feed?url=ftp://example.org/', 400], ['/f/https/', 400]] as const) {
    assert.equal((await read(url)).status, status, url);
  }
});

test('feeds need no token but the exact Host; everything about them needs both', async () => {
  assert.equal((await read(pathOf('/first'), { host: 'evil.example' })).status, 403);
  assert.equal((await read('/hub', { host: 'evil.example' })).status, 403);
  for (const [method, url] of [['GET', '/api/v1/feeds'], ['PUT', '/api/v1/feeds'], ['POST', '/api/v1/feeds/batch'], ['DELETE', '/api/v1/feeds/x'], ['GET', '/api/v1/feeds/x/why']] as const) {
    assert.equal((await app.inject({ method, url, headers: { host: HOST } })).statusCode, 401, `${method} ${url}`);
  }
});

test('subscriptions can be made, looked at, explained and ended; PUT is idempotent', async () => {
  origin.serve('/managed', rss('m'));
  const url = origin.url('/managed');
  const first = await ask<FeedSummary>('PUT', 'feeds', { url, maxStalenessMs: 60_000 });
  const second = await ask<FeedSummary>('PUT', 'feeds', { url, maxStalenessMs: 60_000 });
  assert.equal(first.id, second.id);
  assert.equal(first.maxStalenessMs, 60_000);
  for (const name of [first.id, url]) {
    assert.equal((await ask<{ id: string }>('GET', `feeds/${encodeURIComponent(name)}`)).id, first.id);
    assert.equal((await ask<{ id: string }>('GET', `feeds/${encodeURIComponent(name)}/why`)).id, first.id);
  }
  assert.equal((await ask<FeedSummary>('POST', `feeds/${first.id}/refresh`)).id, first.id);
  assert.ok((await ask<FeedSummary[]>('GET', 'feeds')).some(({ id }) => id === first.id));
  assert.deepEqual(await ask('DELETE', `feeds/${encodeURIComponent(url)}`), { id: first.id, url, removed: true });
  assert.equal((await read(`/f/${first.id}.xml`)).status, 404);
});

test('a long list comes in pages, each with a Link to the next', async () => {
  const seen: string[] = [];
  let url: string | undefined = '/api/v1/feeds?limit=2';
  let pages = 0;
  while (url !== undefined) {
    const { statusCode, headers, body }: Awaited<ReturnType<typeof app.inject>> = await app.inject({ url, headers: { host: HOST, authorization: `Bearer ${daemon.state.token}` } });
    assert.equal(statusCode, 200, body);
    seen.push(...(JSON.parse(body) as FeedSummary[]).map(({ id }) => id));
    url = /^<([^>]+)>; rel="next"$/.exec(String(headers['link'] ?? ''))?.[1];
    pages++;
  }
  const all = await ask<FeedSummary[]>('GET', 'feeds');
  assert.deepEqual(seen, all.map(({ id }) => id).sort());
  assert.equal(pages, Math.ceil(all.length / 2));
});

test('of a batch the good ones are taken, and the others say why not', async () => {
  const added = await ask<({ url: string; feed?: FeedSummary; error?: string })[]>('POST', 'feeds/batch', { feeds: [{ url: origin.url('/b1') }, { url: 'mailto:a@b' }, { url: origin.url('/b2') }] });
  assert.deepEqual(added.map(({ feed, error }) => [feed !== undefined, error !== undefined]), [[true, false], [false, true], [true, false]]);
});

test('what is asked for wrongly changes nothing', async () => {
  for (const payload of [{}, { url: 'nonsense' }, { url: 'https://a.example/', maxStalenessMs: -1 }, { url: 'https://a.example/', scope: 'world' }, { url: 'https://a.example/', other: 1 }, { url: `https://a.example/${'x'.repeat(3_000)}` }]) {
    const { statusCode } = await app.inject({ method: 'PUT', url: '/api/v1/feeds', headers: { host: HOST, authorization: `Bearer ${daemon.state.token}` }, payload });
    assert.equal(statusCode, 400, JSON.stringify(payload));
  }
});

test('a site cannot subscribe its own callback', async () => {
  const form = (headers: Record<string, string>): Promise<{ statusCode: number }> =>
    app.inject({ method: 'POST', url: '/hub', headers: { host: HOST, 'content-type': 'application/x-www-form-urlencoded', ...headers }, payload: `hub.mode=subscribe&hub.topic=x&hub.callback=${encodeURIComponent('http://127.0.0.1:1/')}` });
  assert.equal((await form({ 'sec-fetch-site': 'cross-site' })).statusCode, 403);
  assert.equal((await form({ origin: 'https://evil.example' })).statusCode, 403);
  assert.equal((await form({})).statusCode, 404, 'a reader may, but there is no such topic');
});

test('health needs no token and has the names that others use', async () => {
  for (const url of ['/healthz', '/liveness', '/healthcheck', '/readyz', '/readiness', '/api/v1/healthz', '/api/v1/readyz']) assert.equal((await read(url)).status, 200, url);
});

test('the description of the API names every route, and who needs a token', async () => {
  const { status, body } = await read('/api/v1/openapi.json');
  assert.equal(status, 200);
  const { openapi, paths } = JSON.parse(body) as { openapi: string; paths: Record<string, Record<string, { security: unknown[]; parameters: { name: string; in: string }[]; requestBody?: unknown }>> };
  assert.equal(openapi, '3.1.0');
  assert.deepEqual(paths['/api/v1/feeds']?.['get']?.security, [{ token: [] }]);
  assert.deepEqual(paths['/f/https/{path}']?.['head']?.security, []);
  assert.ok(paths['/api/v1/feeds']?.['put']?.requestBody !== undefined);
  assert.deepEqual(paths['/api/v1/feeds/{feed}/why']?.['get']?.parameters.map(({ name, in: where }) => [name, where]), [['feed', 'path']]);
});

test('only a document that is younger than all before it has a date: curl drops the body of any other and keeps its tag', async () => {
  origin.serve('/dated', rss('a', 'b'), { 'last-modified': 'Thu, 26 Nov 2026 01:00:00 GMT' });
  assert.equal((await read(pathOf('/dated'))).headers['last-modified'], 'Thu, 26 Nov 2026 01:00:00 GMT');
  const id = daemon.feeds.idOf(origin.url('/dated')) ?? '';
  for (const [item, said, told] of [['older', '00:59:59', undefined], ['same', '01:00:00', undefined], ['younger', '01:00:01', '01:00:01'], ['back', '01:00:00', undefined]] as const) {
    const before = daemon.feeds.document(id)?.version.hash ?? '';
    origin.serve('/dated', rss(item, 'a', 'b'), { 'last-modified': `Thu, 26 Nov 2026 ${said} GMT` });
    await refreshed(id, before);
    const { status, headers } = await read(pathOf('/dated'), { 'if-modified-since': 'Thu, 26 Nov 2026 01:00:00 GMT' });
    assert.deepEqual([status, headers['last-modified']], [200, told === undefined ? undefined : `Thu, 26 Nov 2026 ${told} GMT`], item);
  }
});
