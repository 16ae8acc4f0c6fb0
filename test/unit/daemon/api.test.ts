/** The API without a socket: who is let in, what is refused, and that reading never changes anything. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { ROUTES } from '../../../src/api/routes.ts';
import { buildApi, checkLoopback } from '../../../src/api/server.ts';
import type { Daemon } from '../../../src/daemon/daemon.ts';
import { startDaemon } from '../../../src/daemon/daemon.ts';

const PORT = 4780;
let daemon: Daemon;
let app: FastifyInstance;

before(async () => {
  daemon = await startDaemon({ directory: undefined, listen: ['/ip4/127.0.0.1/tcp/0'], name: 'tested' });
  app = buildApi(daemon, () => PORT);
});

after(async () => {
  await app.close();
  await daemon.stop();
});

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

async function ask(method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD' | 'OPTIONS', url: string, options: Pick<InjectOptions, 'headers' | 'payload'> = {}): Promise<Answer> {
  const headers = { host: `127.0.0.1:${PORT}`, authorization: `Bearer ${daemon.state.token}`, ...options.headers };
  const { statusCode, body, headers: replied } = await app.inject({ ...options, method, url, headers });
  return { status: statusCode, body, headers: replied };
}

function codeOf(answer: Answer): string {
  const { error } = JSON.parse(answer.body) as { readonly error: { readonly code: string; readonly message: string } };
  assert.ok(error.message.length > 10);
  return error.code;
}

test('the Host header must name this machine and this port, exactly', async () => {
  for (const host of [`localhost:${PORT}`, `127.0.0.1:${PORT}`, `[::1]:${PORT}`]) {
    assert.equal((await ask('GET', '/api/v1/status', { headers: { host } })).status, 200, host);
  }
  for (const host of ['localhost', '127.0.0.1', `evil.example:${PORT}`, `localhost.:${PORT}`, `127.0.0.1:${PORT + 1}`, `localhost:${PORT}.evil`, '']) {
    for (const url of ['/api/v1/status', '/healthz', '/api/v1/events', '/nosuch']) {
      const answer = await ask('GET', url, { headers: { host } });
      assert.deepEqual([answer.status, codeOf(answer)], [403, 'forbidden'], `${host} ${url}`);
    }
  }
});

test('everything but health, metrics, the description of the API, and feeds and streams for readers needs the token', async () => {
  const open = ROUTES.filter((route) => route.open === true).map((route) => route.path);
  const health = ['/healthz', '/readyz', '/liveness', '/healthcheck', '/api/v1/healthz', '/readiness', '/api/v1/readyz'];
  assert.deepEqual(open, [...health, '/metrics', '/api/v1/openapi.json', '/f/:name', '/f/http/*', '/f/https/*', '/feed', '/hub', '/cast/:name']);
  assert.equal((await ask('GET', '/healthz', { headers: { authorization: '' } })).status, 200);
  const concrete = (path: string): string => path.replace(':key', 'k').replace(':field', 'f').replace(':feed', 'x');
  for (const { method, path } of ROUTES.filter((route) => route.open !== true)) {
    for (const authorization of ['', 'Bearer', 'Bearer wrong', `Basic ${daemon.state.token}`, `Bearer ${daemon.state.token}x`]) {
      const answer = await ask(method, concrete(path), { headers: { authorization } });
      assert.deepEqual([answer.status, codeOf(answer)], [401, 'unauthorized'], `${method} ${path} ${authorization}`);
    }
  }
});

test('a page of another site changes nothing, even with the token', async () => {
  for (const site of ['cross-site', 'same-site']) {
    const answer = await ask('PUT', '/api/v1/objects/k', { headers: { 'sec-fetch-site': site }, payload: 'x' });
    assert.deepEqual([answer.status, codeOf(answer)], [403, 'forbidden']);
  }
  assert.equal((await ask('PUT', '/api/v1/objects/mine', { headers: { 'sec-fetch-site': 'same-origin' }, payload: 'x' })).status, 200);
});

test('no answer invites other sites to read it', async () => {
  const preflight = await ask('OPTIONS', '/api/v1/status', { headers: { origin: 'https://evil.example', 'access-control-request-method': 'GET' } });
  assert.equal(preflight.status, 403);
  const { headers } = await ask('GET', '/api/v1/status', { headers: { origin: 'https://evil.example' } });
  assert.deepEqual(Object.keys(headers).filter((name) => name.startsWith('access-control')), []);
});

test('a value goes in and out as it is, of whatever type it claims to be', async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  for (const type of ['application/octet-stream', 'application/json', 'text/plain', 'image/x-unknown']) {
    const put = await ask('PUT', '/api/v1/objects/value', { headers: { 'content-type': type }, payload: bytes });
    assert.equal(put.status, 200, put.body);
    const { rawPayload, headers } = await app.inject({ url: '/api/v1/objects/value', headers: { host: `localhost:${PORT}`, authorization: `Bearer ${daemon.state.token}` } });
    assert.ok(Buffer.compare(rawPayload, bytes) === 0);
    assert.equal(headers['content-type'], 'application/octet-stream');
  }
  assert.equal((await ask('PUT', '/api/v1/objects/empty')).status, 200);
  assert.equal((await ask('GET', '/api/v1/objects/empty')).body, '');
});

test('what is not there is 404, and reading it does not make it', async () => {
  const { objects } = daemon.status().storage;
  for (const url of ['/api/v1/objects/absent', '/api/v1/refs/absent/f', '/api/v1/nosuch']) assert.equal((await ask('GET', url)).status, 404, url);
  assert.equal(daemon.status().storage.objects, objects);
});

test('GET never changes anything, except that a reader may subscribe by asking', async () => {
  await ask('PUT', '/api/v1/objects/kept', { payload: 'kept' });
  const state = (): unknown => [daemon.status().storage, daemon.status().pool, daemon.session.node.standing, daemon.feeds.list()];
  const unchanged = state();
  for (const { method, path, open = false } of ROUTES.filter((route) => !route.path.endsWith('/events'))) {
    const url = path.replace(':key', 'kept').replace(':field', 'f').replace('*', 'feed.example/x');
    const headers = open ? { authorization: '', 'sec-fetch-mode': 'navigate' } : {};
    for (const safe of ['GET', 'HEAD'] as const) await ask(safe, method === 'GET' && url.endsWith('lookup') ? `${url}?key=kept` : url, { headers });
  }
  assert.deepEqual(state(), unchanged);
  assert.equal((await ask('GET', '/api/v1/objects/kept')).body, 'kept');
});

test('keys and values that are too large are refused with a sentence', async () => {
  const key = await ask('GET', `/api/v1/objects/${'k'.repeat(1_025)}`);
  assert.deepEqual([key.status, codeOf(key)], [413, 'too-large']);
  const longest = await ask('GET', `/api/v1/objects/${'%C3%BC'.repeat(512)}`);
  assert.equal(longest.status, 404);
  const value = await ask('PUT', '/api/v1/objects/k', { headers: { 'content-length': String(2 ** 30 + 1) }, payload: 'x' });
  assert.deepEqual([value.status, codeOf(value)], [413, 'too-large']);
  const body = await ask('POST', '/api/v1/join', { headers: { 'content-type': 'application/json' }, payload: JSON.stringify({ invite: 'x'.repeat(100_000) }) });
  assert.deepEqual([body.status, codeOf(body)], [413, 'too-large']);
});

test('what is refused is told as a problem document (RFC 9457), with our code in it', async () => {
  const { statusCode, headers, body } = await app.inject({ url: '/api/v1/nothing', headers: { host: `127.0.0.1:${PORT}`, authorization: `Bearer ${daemon.state.token}` } });
  assert.equal(statusCode, 404);
  assert.match(String(headers['content-type']), /^application\/problem\+json/);
  const { error, ...problem } = JSON.parse(body) as { readonly error: { readonly code: string } };
  assert.deepEqual(problem, { type: 'about:blank', title: 'Not Found', status: 404, detail: 'There is no such route, or not with this method.' });
  assert.equal(error.code, 'no-such-route');
});

test('wrong requests get 400 and a sentence', async () => {
  const json = { 'content-type': 'application/json' };
  for (const [method, url, payload] of [
    ['GET', '/api/v1/lookup', ''],
    ['GET', '/api/v1/lookup?key=', ''],
    ['GET', '/api/v1/lookup?key=a&other=b', ''],
    ['GET', '/api/v1/events?since=-1', ''],
    ['POST', '/api/v1/join', '{"invite":"nonsense"}'],
    ['POST', '/api/v1/join', '{"invite":1}'],
    ['POST', '/api/v1/join', '{'],
    ['PUT', '/api/v1/refs/a/f', '{}'],
    ['PUT', '/api/v1/refs/a/%230', '{"to":"b"}'],
    ['PUT', '/api/v1/objects/a?leaseMs=no', 'x'],
  ] as const) {
    const answer = await ask(method, url, payload === '' ? {} : { headers: json, payload });
    assert.deepEqual([answer.status, codeOf(answer)], [400, 'usage'], `${method} ${url} ${payload}`);
  }
});

test('status, ring, lookup and invite say what the command line promises', async () => {
  const body = async (url: string): Promise<Record<string, unknown>> => JSON.parse((await ask('GET', url)).body) as Record<string, unknown>;
  const { self, leafset, size } = await body('/api/v1/ring');
  assert.deepEqual([leafset, size], [[], 1]);
  assert.deepEqual(Object.keys(self as object), ['peerId', 'name', 'position', 'zone', 'state']);
  assert.deepEqual(Object.keys(await body('/api/v1/lookup?key=k')), ['key', 'position', 'owner', 'hops', 'ms']);
  assert.match(String((await body('/api/v1/invite'))['invite']), /^grove1/);
  assert.deepEqual(await body('/readyz'), { ready: true });
  assert.equal((await body('/api/v1/status'))['name'], 'tested');
});

test('the API listens on loopback only', () => {
  for (const host of ['127.0.0.1', '::1', 'localhost']) checkLoopback(host);
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.org']) assert.throws(() => checkLoopback(host), /loopback only/);
});
