/** Readers on other machines and in containers: feeds under addresses with a secret, and nothing else; and the API on a Unix socket. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { buildElsewhere, urlElsewhere } from '../../../src/api/readers-elsewhere.ts';
import { buildApi, newLocal, serveApi } from '../../../src/api/server.ts';
import type { Daemon } from '../../../src/daemon/daemon.ts';
import { startDaemon } from '../../../src/daemon/daemon.ts';
import { Origin, rss } from './origin.ts';

const PORT = 4780;
const ELSEWHERE = { host: '0.0.0.0', port: 4782, url: 'http://grove:4782' };
const HOST = 'grove:4782';
const folder = mkdtempSync(join(tmpdir(), 'grove-socket-'));
let daemon: Daemon;
let api: FastifyInstance;
let app: FastifyInstance;
let origin: Origin;
let secret: string;

before(async () => {
  origin = await Origin.start();
  daemon = await startDaemon({ directory: undefined, listen: ['/ip4/127.0.0.1/tcp/0'], name: 'tested', feeds: { allowPrivateNetworks: true, originFloorMs: 50 } });
  const local = newLocal(daemon, () => PORT, urlElsewhere(daemon, ELSEWHERE));
  api = buildApi(daemon, () => PORT, local);
  app = buildElsewhere(daemon, local, ELSEWHERE);
  await api.ready();
  secret = `/r/${daemon.state.readersToken()}`;
});

after(async () => {
  await app.close();
  await api.close();
  await daemon.stop();
  await origin.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function status(url: string, host = HOST): Promise<number> {
  return (await app.inject({ url, headers: { host } })).statusCode;
}

test('feeds come with the secret in the path, and lead back to the address that they came from', async () => {
  origin.serve('/f', rss('a'));
  daemon.feeds.add({ url: origin.url('/f'), scope: 'local' });
  const url = `${secret}/f/http/${origin.host}/f`;
  const { statusCode, headers, body } = await app.inject({ url, headers: { host: HOST } });
  const id = daemon.feeds.list()[0]?.id ?? '';
  const base = `http://${HOST}${secret}`;
  assert.equal(statusCode, 200, body);
  assert.equal(body, rss('a').replace('https://origin.example/feed', `${base}/f/${id}.xml`).replace('https://hub.example/', `${base}/hub`));
  assert.ok(String(headers['link']).includes(`<${base}/hub>; rel="hub"`), String(headers['link']));
  assert.equal((await app.inject({ url: `${secret}/f/${id}.xml`, headers: { host: HOST, 'if-none-match': String(headers['etag']) } })).statusCode, 304);
  const here = await api.inject({ url: `/f/${id}.xml`, headers: { host: `127.0.0.1:${PORT}` } });
  assert.ok(here.body.includes(`http://127.0.0.1:${PORT}/f/${id}.xml`) && !here.body.includes(secret));
});

test('without the secret, with another one, or under another Host there is nothing; the API is not there at all', async () => {
  assert.deepEqual(await Promise.all([status(secret + '/healthz'), status('/healthz'), status(`/r/${'x'.repeat(43)}/healthz`), status('/feed?url=http://a.example/'), status('/'), status(`${secret}`)]), [200, 401, 401, 401, 401, 401]);
  assert.deepEqual(await Promise.all(['/api/v1/status', '/api/v1/feeds', '/metrics', '/cast/a'].map(async (path) => status(secret + path))), [401, 401, 401, 401]);
  assert.equal(await status(`${secret}/healthz`, 'evil.example:4782'), 403);
  assert.equal(daemon.feeds.list().length, 1, 'and nobody was subscribed to anything');
});

test('a reader that subscribes to the hub there is told of new versions with the links that it knows', { timeout: 30_000 }, async () => {
  const posted = Promise.withResolvers<{ readonly link: string; readonly body: string }>();
  const reader = createServer((asked, answer) => {
    if (asked.method === 'GET') return void answer.end(new URL(asked.url ?? '', 'http://a').searchParams.get('hub.challenge'));
    let body = '';
    asked.on('data', (part: Buffer) => void (body += part.toString()));
    asked.on('end', () => {
      answer.end();
      posted.resolve({ link: String(asked.headers['link']), body });
    });
  });
  await new Promise<void>((resolve) => reader.listen(0, '127.0.0.1', resolve));
  try {
    const [{ id } = { id: '' }] = daemon.feeds.list();
    const topic = `http://${HOST}${secret}/f/${id}.xml`;
    const form = new URLSearchParams({ 'hub.mode': 'subscribe', 'hub.verify': 'sync', 'hub.topic': topic, 'hub.callback': `http://127.0.0.1:${(reader.address() as AddressInfo).port}/` });
    const asked = await app.inject({ method: 'POST', url: `${secret}/hub`, headers: { host: HOST, 'content-type': 'application/x-www-form-urlencoded' }, payload: form.toString() });
    assert.equal(asked.statusCode, 204, asked.body);
    const known = daemon.feeds.document(id)?.version.hash;
    origin.serve('/f', rss('a', 'b'));
    while (daemon.feeds.document(id)?.version.hash === known) {
      await daemon.feeds.refresh(id);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { link, body } = await posted.promise;
    assert.equal(link, `<http://${HOST}${secret}/hub>; rel="hub", <${topic}>; rel="self"`);
    assert.ok(body.includes(topic) && !body.includes('127.0.0.1:4780'), body);
  } finally {
    reader.close();
  }
});

test('an address that readers cannot use is refused', () => {
  assert.throws(() => urlElsewhere(daemon, { host: '0.0.0.0', port: 4782 }), /--readers-url/);
  assert.throws(() => urlElsewhere(daemon, { host: '192.168.1.5', port: 0 }), /give --readers a port/);
  for (const url of ['grove:4782', 'ftp://grove', 'http://me@grove', 'http://grove/feeds']) assert.throws(() => urlElsewhere(daemon, { host: '::', port: 1, url }), /looks like/);
  assert.ok(urlElsewhere(daemon, { host: '192.168.1.5', port: 4782 }).startsWith('http://192.168.1.5:4782/r/'));
});

test('the API is on a Unix socket of its owner too, wants the token there as well, and takes the place of a dead one', async () => {
  const path = join(folder, 'grove.sock');
  const dead = createSocketServer();
  await new Promise<void>((resolve) => dead.listen(path, resolve));
  await new Promise((resolve) => dead.close(resolve));
  writeFileSync(join(folder, 'file'), 'mine');
  const { close } = await serveApi(daemon, { host: '127.0.0.1', port: 0 }, { socket: { path, isFlexible: false } });
  try {
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(await overSocket(path, '/healthz', {}), 200);
    assert.equal(await overSocket(path, '/api/v1/status', {}), 401);
    assert.equal(await overSocket(path, '/api/v1/status', { authorization: `Bearer ${daemon.state.token}` }), 200);
    assert.equal(await overSocket(path, '/healthz', { host: 'evil.example' }), 403);
    await assert.rejects(serveApi(daemon, { host: '127.0.0.1', port: 0 }, { socket: { path, isFlexible: false } }), /cannot listen on the socket/, 'one that answers stays');
    await assert.rejects(serveApi(daemon, { host: '127.0.0.1', port: 0 }, { socket: { path: join(folder, 'file'), isFlexible: false } }), /cannot listen on the socket/, 'a file stays');
  } finally {
    await close();
  }
  assert.equal(statSync(path, { throwIfNoEntry: false }), undefined);
});

async function overSocket(socketPath: string, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, headers: { host: 'localhost', ...headers } }, (answer) => {
      answer.resume();
      answer.once('end', () => resolve(answer.statusCode ?? 0));
    }).once('error', reject).end();
  });
}
