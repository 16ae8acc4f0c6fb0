/** Feeds through the real program: subscribing, reading with curl, lists in and out, and what strangers cannot do. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { FeedDetail, FeedReasons, FeedSummary } from '../../src/daemon/feeds/views.ts';
import { Origin, rss } from '../unit/readers/origin.ts';
import { Grove, oneSentence, until } from './grove.ts';
import type { PeerProcess } from './grove.ts';

const grove = new Grove();
const run = promisify(execFile);
const OPEN = ['--allow-private-networks', '--origin-floor-seconds', '0.2', '--default-max-staleness', '1s'];
let origin: Origin;
let a: PeerProcess;

before(async () => {
  origin = await Origin.start();
  a = await grove.up('a', OPEN);
});
after(async () => {
  await grove.end();
  await origin.stop();
});

async function curl(...args: readonly string[]): Promise<{ readonly status: number; readonly headers: string; readonly body: string }> {
  const { stdout } = await run('curl', ['--silent', '--include', '--max-time', '30', ...args], { maxBuffer: 2 ** 26 });
  const end = stdout.indexOf('\r\n\r\n');
  const headers = stdout.slice(0, end);
  return { status: Number(headers.split(' ')[1]), headers, body: stdout.slice(end + 4) };
}

function header(headers: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)$`, 'im').exec(headers)?.[1]?.trim();
}

async function text(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await grove.run(args);
  assert.equal(code, 0, stderr);
  return stdout.toString('utf8');
}

test('a feed is added, listed with what programs build on, shown, explained and removed', async () => {
  origin.serve('/managed', rss('first'));
  const url = origin.url('/managed');
  const added = await grove.json<FeedSummary & Record<string, unknown>>('feed', 'add', url, '--max-staleness', '10m', '--fanout', '3', '--data', a.data);
  assert.equal(added.local, `${a.ready.api}/f/${added.id}.xml`);
  await until('it is there', async () => (await grove.json<FeedDetail>('feed', 'show', url, '--data', a.data)).version !== null);
  const [listed] = await grove.json<(FeedSummary & Record<string, unknown>)[]>('feed', 'list', '--data', a.data);
  const promised = ['url', 'id', 'local', 'maxStalenessMs', 'fanout', 'state', 'reason', 'role', 'parent', 'children', 'intervalMs', 'floorMs', 'lastOriginRequest', 'lastUpdate', 'stalenessMs', 'originRequests', 'items', 'trust'];
  assert.deepEqual(promised.filter((name) => listed?.[name] === undefined), []);
  assert.deepEqual([listed?.maxStalenessMs, listed?.fanout, listed?.items], [600_000, 3, 1]);
  assert.deepEqual(Object.keys(listed?.originRequests ?? {}).sort(), ['200', '304', '429', 'error']);
  for (const name of [url, added.id, added.local]) assert.equal((await grove.json<FeedReasons>('feed', 'why', name, '--data', a.data)).id, added.id);
  assert.match(await text('feed', 'why', url, '--data', a.data), /floor {2,}.*by /);
  assert.match(await text('feed', 'show', url, '--data', a.data), /first/);
  assert.equal((await grove.json<FeedSummary>('feed', 'refresh', url, '--data', a.data)).id, added.id);
  assert.deepEqual(await grove.json('feed', 'remove', url, '--data', a.data), { id: added.id, url, removed: true });
  const gone = await grove.run(['feed', 'show', url, '--data', a.data]);
  assert.equal(gone.code, 1);
  oneSentence(gone.stderr);
});

test('curl reads a feed under its local URL: subscribe, 304, and the new item', async () => {
  origin.serve('/curl', rss('old'));
  const local = `${a.ready.api}/f/http/${origin.host}/curl`;
  const first = await curl(local);
  assert.equal(first.status, 200, first.body);
  assert.match(first.body, /<title>old</);
  assert.match(first.body, new RegExp(`rel="self" href="${a.ready.api}/f/[0-9a-f]{16}\\.xml"`));
  const etag = header(first.headers, 'etag') ?? '';
  assert.equal((await curl('--header', `If-None-Match: ${etag}`, local)).status, 304);
  assert.equal((await curl('--header', `If-Modified-Since: ${header(first.headers, 'last-modified')}`, local)).status, 304);
  assert.equal((await curl('--head', local)).status, 200);
  const zipped = await curl('--compressed', local);
  assert.equal(zipped.body, first.body);
  origin.serve('/curl', rss('new', 'old'));
  let body = '';
  await until('the new item is seen', async () => {
    const answer = await curl('--header', `If-None-Match: ${etag}`, local);
    body = answer.body;
    return answer.status === 200;
  });
  assert.match(body, /<title>new<[\s\S]*<title>old</);
  const delta = await curl('--header', `If-None-Match: ${etag}`, '--header', 'A-IM: feed', local);
  assert.equal(delta.status, 226);
  assert.ok(delta.body.includes('<title>new<') && !delta.body.includes('<title>old<'));
});

test('the API is refused under another Host, without the token, and to pages of other sites', async () => {
  const feed = `${a.ready.api}/f/http/${origin.host}/curl`;
  const token = `Authorization: Bearer ${a.ready.token}`;
  assert.equal((await curl('--header', 'Host: rebound.example', feed)).status, 403);
  assert.equal((await curl('--header', 'Host: rebound.example', '--header', token, `${a.ready.api}/api/v1/feeds`)).status, 403);
  assert.equal((await curl(`${a.ready.api}/api/v1/feeds`)).status, 401);
  assert.equal((await curl('--header', token, `${a.ready.api}/api/v1/feeds`)).status, 200);
  const put = ['--request', 'PUT', '--header', token, '--header', 'Content-Type: application/json', '--data', JSON.stringify({ url: origin.url('/never') }), `${a.ready.api}/api/v1/feeds`];
  assert.equal((await curl('--header', 'Sec-Fetch-Site: cross-site', ...put)).status, 403);
  assert.equal((await curl('--header', 'Origin: https://evil.example', ...put)).status, 403);
  assert.equal((await curl('--header', 'Sec-Fetch-Mode: no-cors', `${a.ready.api}/f/http/${origin.host}/never`)).status, 403);
  assert.ok(!origin.asked.some(({ url }) => url === '/never'));
});

test('titles and reasons that strangers chose move nothing in the terminal', async () => {
  origin.serve('/hostile', rss('x').replace('<title>News', '<title>Ne\u202ews\u001b[31m\u2066&#x9b;1m'));
  const url = origin.url('/hostile');
  await grove.json('feed', 'add', url, '--data', a.data);
  await until('it is there', async () => (await grove.json<FeedDetail>('feed', 'show', url, '--data', a.data)).version !== null);
  for (const command of [['feed', 'list'], ['feed', 'show', url], ['feed', 'why', url]]) {
    // These are what must not be there.
    assert.doesNotMatch(await text(...command, '--data', a.data), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/);
  }
});

test('a list is imported with local URLs, broken entries named, restored byte for byte, and exported', async () => {
  for (const name of ['one', 'two', 'three']) origin.serve(`/${name}`, rss(name));
  const list = `<?xml version="1.0"?>\n<opml version="2.0">\n<body>\n <outline text="One" type="rss" xmlUrl="${origin.url('/one')}" my:own="kept"/>\n <outline text='F'><outline type="rss" xmlUrl='${origin.url('/two')}'/></outline>\n <outline type="rss" text="none"/>\n <outline type="rss" xmlUrl="mailto:nobody@example.org"/>\n <outline type="rss" xmlUrl="${origin.url('/three')}"/>\n</body>\n</opml>\n`;
  const [subs, local, back] = [grove.path('subs.opml'), grove.path('local.opml'), grove.path('back.opml')];
  writeFileSync(subs, list);
  const imported = await grove.json<{ imported: number; broken: { line: number; reason: string }[] }>('import', subs, '-o', local, '--data', a.data);
  assert.equal(imported.imported, 3);
  assert.deepEqual(imported.broken.map(({ line }) => line), [6, 7]);
  const written = readFileSync(local, 'utf8');
  const locals = [...written.matchAll(/ xmlUrl=["'](http:\/\/127[^"']+)/g)].map(([, url]) => url ?? '');
  assert.equal(locals.length, 3);
  const answers = await Promise.all(locals.map(async (url) => curl(url)));
  assert.deepEqual(answers.map(({ status, body }) => [status, /<guid>(\w+)/.exec(body)?.[1]]), [[200, 'one'], [200, 'two'], [200, 'three']]);
  assert.deepEqual(await grove.json('restore', local, '-o', back), { restored: 3, output: back });
  assert.equal(readFileSync(back, 'utf8'), list);
  assert.equal((await grove.run(['restore', local])).stdout.toString('utf8'), list);
  const exported = (await grove.run(['export', '--data', a.data])).stdout.toString('utf8');
  for (const name of ['one', 'two', 'three']) assert.ok(exported.includes(`xmlUrl="${origin.url(`/${name}`)}"`));
  assert.match((await grove.run(['export', '--local', '--data', a.data])).stdout.toString('utf8'), /xmlUrl="http:\/\/127\.0\.0\.1:\d+\/f\/[0-9a-f]{16}\.xml" grove:xmlUrl="http/);
  const none = await grove.run(['import', back.replace('back.opml', 'absent.opml'), '--data', a.data]);
  assert.deepEqual([none.code, none.stdout.length], [2, 0]);
  oneSentence(none.stderr);
});

test('up --feeds subscribes to a list and starts whatever is broken in it; a restart serves at once what was there', async () => {
  origin.serve('/listed', rss('listed'));
  const list = grove.path('up.opml');
  writeFileSync(list, `<opml><body><outline xmlUrl="${origin.url('/listed')}"/><outline type="rss"/></body></opml>`);
  const b = await grove.up('b', [...OPEN, '--feeds', list]);
  assert.match(b.stderr, /Line 1 of the list of feeds was left out/);
  const [feed] = await grove.json<FeedSummary[]>('feed', 'list', '--data', b.data);
  assert.equal((await curl(feed?.local ?? '')).status, 200);
  const { port } = new URL(b.ready.api);
  assert.equal(await b.exit('SIGKILL'), null);
  const again = await grove.up('b', [...OPEN, '--api', `127.0.0.1:${port}`]);
  const before = origin.asked.filter(({ url }) => url === '/listed' ).length;
  const { status, body } = await curl(feed?.local ?? '');
  assert.deepEqual([status, body.includes('listed')], [200, true]);
  assert.ok(origin.asked.filter(({ url }) => url === '/listed').slice(before).every(({ headers }) => headers['if-none-match'] !== undefined), 'never unconditionally again');
  assert.equal(await again.exit('SIGTERM'), 0);
});

test('a reader that subscribes to the hub is told of each new version', async () => {
  origin.serve('/pushed', rss('before'));
  const { local } = await grove.json<FeedSummary>('feed', 'add', origin.url('/pushed'), '--data', a.data);
  assert.equal((await curl(local)).status, 200);
  const told: string[] = [];
  origin.answer('/callback', (request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => void (body += part.toString('utf8')));
    request.on('end', () => {
      told.push(`${request.headers['x-hub-signature']?.slice(0, 7)} ${body}`);
      response.writeHead(204).end();
    });
  });
  // The verification has a query, which makes it another path for the origin of the tests.
  origin.fallback = (request, response) => response.writeHead(200).end(new URL(request.url ?? '', 'http://x').searchParams.get('hub.challenge'));
  const form = ['hub.mode=subscribe', 'hub.verify=sync', `hub.topic=${encodeURIComponent(local)}`, `hub.callback=${encodeURIComponent(origin.url('/callback'))}`, 'hub.secret=abc'].join('&');
  assert.equal((await curl('--data', form, `${a.ready.api}/hub`)).status, 204);
  origin.fallback = undefined;
  origin.serve('/pushed', rss('after', 'before'));
  await until('the reader is told', async () => told.length > 0);
  assert.match(told[0] ?? '', /^sha256= /);
  assert.match(told[0] ?? '', /<title>after</);
  assert.ok((told[0] ?? '').includes(local), 'as readers get it');
});

test('the doctor looks at the peer, the feeds and the readers, and says what to set', async () => {
  const findings = await grove.json<{ check: string; state: string; says: string; lines: string[] }[]>('doctor', '--reader', 'Miniflux', '--data', a.data);
  const of = (check: string): { state: string; says: string; lines: string[] } | undefined => findings.find((one) => one.check === check);
  assert.equal(of('peer')?.state, 'ok');
  assert.deepEqual(of('Miniflux')?.lines, ['FETCHER_ALLOW_PRIVATE_NETWORKS=1']);
  assert.match(of('local URLs')?.lines[0] ?? '', /^grove up --api 127\.0\.0\.1:\d+$/);
  assert.ok(['feeds', 'clock', 'reachability'].every((check) => of(check) !== undefined));
  assert.equal((await grove.run(['doctor', '--data', grove.path('absent'), '--json'])).code, 1);
});

test('the configuration is checked with lines, used by up, and loses against flags', async () => {
  mkdirSync(grove.path('config'));
  const file = grove.path('config/config.toml');
  writeFileSync(file, 'name = "from-file"\nmetered = "yes"\n[feeds]\ndefault-max-staleness = "soon"\nunknown = 1\n');
  const bad = await grove.run(['config', 'check', file, '--json']);
  assert.equal(bad.code, 1);
  const { faults } = JSON.parse(bad.stdout.toString('utf8')) as { faults: { line: number; says: string }[] };
  assert.deepEqual(faults.map(({ line }) => line).sort(), [2, 4, 5]);
  writeFileSync(file, 'name = "from-file"\n[attributes]\nregion = "eu"\n[feeds]\ndefault-max-staleness = "2h"\n');
  assert.equal((await grove.run(['config', 'check', file])).code, 0);
  const c = grove.begin('c', ['--config', file]);
  await c.becomesReady();
  assert.equal(c.ready.name, 'c', 'the flag --name wins');
  assert.equal((await grove.json<FeedSummary>('feed', 'add', 'https://feed.example.org/', '--data', c.data)).maxStalenessMs, 7_200_000);
  assert.equal(await c.exit('SIGTERM'), 0);
  writeFileSync(file, 'name = ');
  const refused = await grove.run(['up', '--config', file, '--data', grove.path('d'), '--json']);
  assert.equal(refused.code, 2);
  assert.match(oneSentence(refused.stderr), /config\.toml, line 1/);
});
