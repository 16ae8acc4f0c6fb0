/** Lists of feeds through the real program, a restart with them, the doctor and the configuration. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { FeedSummary } from '../../src/daemon/feeds/views.ts';
import { Origin, rss } from '../unit/readers/origin.ts';
import { curl } from './curl.ts';
import { Grove, oneSentence } from './grove.ts';
import type { PeerProcess } from './grove.ts';

const grove = new Grove();
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
