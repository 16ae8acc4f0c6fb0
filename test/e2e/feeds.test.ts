/** Feeds through the real program: subscribing, reading with curl, being told by the hub, and what strangers cannot do. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FeedDetail, FeedReasons, FeedSummary } from '../../src/daemon/feeds/views.ts';
import { Origin, rss } from '../unit/readers/origin.ts';
import { curl } from './curl.ts';
import { Grove, oneSentence, until } from './grove.ts';
import type { PeerProcess } from './grove.ts';

const grove = new Grove();
const CONTACT = 'https://operator.example/bot';
const OPEN = ['--contact', CONTACT, '--allow-private-networks', '--origin-floor-seconds', '0.2', '--default-max-staleness', '1s'];
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
  assert.match(await text('feed', 'list', '--plain', '--no-input', '--data', a.data), /^feed\tstate\t[^\n]*\n[^\n]*\tmet\t[^\n]*\thttp:/, 'lines with tabs');
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
  const sent = origin.asked.find(({ url }) => url === '/curl')?.headers ?? {};
  assert.match(sent['user-agent'] ?? '', new RegExp(`^grove/[0-9.]+ \\(\\+${CONTACT}; 1 subscriber; feed-id=[0-9a-z]+\\)$`), 'the origin learns what runs there, for how many, and whom to tell');
  assert.deepEqual([sent.cookie, sent.referer], [undefined, undefined]);
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
