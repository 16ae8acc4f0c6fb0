/**
 * A reader as people use it: newsboat, from Debian's package, on local URLs. It subscribes through an imported list, is told 304
 * when nothing is new, and sees the new item. Where newsboat is not installed this says so and checks nothing.
 */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { FeedSummary } from '../../src/daemon/feeds/views.ts';
import { Origin, rss } from '../unit/readers/origin.ts';
import { Grove, until } from './grove.ts';
import type { PeerProcess } from './grove.ts';

const hasNewsboat = spawnSync('newsboat', ['-v']).status === 0;
const run = promisify(execFile);
const grove = new Grove();
let origin: Origin;
let peer: PeerProcess;

before(async () => {
  if (!hasNewsboat) return;
  origin = await Origin.start();
  peer = await grove.up('reader', ['--allow-private-networks', '--origin-floor-seconds', '0.2', '--default-max-staleness', '1s']);
});
after(async () => {
  await grove.end();
  if (hasNewsboat) await origin.stop();
});

/** What newsboat has after it has asked for all feeds once, and what the answers were according to its log. */
async function reload(): Promise<{ readonly titles: string[]; readonly log: string }> {
  const log = grove.path('newsboat.log');
  writeFileSync(log, '');
  await run('newsboat', ['-C', grove.path('newsboat.conf'), '-u', grove.path('urls'), '-c', grove.path('cache.db'), '-l', '6', '-d', log, '-x', 'reload'], { env: { ...process.env, HOME: grove.root, TERM: 'dumb' } });
  const database = new DatabaseSync(grove.path('cache.db'), { readOnly: true });
  const titles = database.prepare('SELECT title FROM rss_item ORDER BY id').all().map((row) => String(row['title']));
  database.close();
  return { titles, log: readFileSync(log, 'utf8') };
}

test(hasNewsboat ? 'newsboat subscribes, polls, gets 304, and sees the new item' : 'newsboat is not installed here: what it makes of local URLs is left out', async () => {
  if (!hasNewsboat) return;
  origin.serve('/feed', rss('old'));
  const feed = await grove.json<FeedSummary>('feed', 'add', origin.url('/feed'), '--data', peer.data);
  writeFileSync(grove.path('urls'), `${feed.local}\n`);
  writeFileSync(grove.path('newsboat.conf'), 'auto-reload no\n');
  assert.deepEqual((await reload()).titles, ['old']);
  await reload(); // newsboat keeps validators from its second poll on
  const again = await reload();
  assert.deepEqual(again.titles, ['old']);
  assert.match(again.log, /retrieved data for \S+: *\n/, 'only a 304 has no document');
  origin.serve('/feed', rss('new', 'old'));
  await until('newsboat has the new item', async () => (await reload()).titles.includes('new'));
});

test(hasNewsboat ? 'newsboat takes the list that import wrote' : 'newsboat is not installed here: its import is left out', async () => {
  if (!hasNewsboat) return;
  origin.serve('/listed', rss('listed'));
  writeFileSync(grove.path('subs.opml'), `<opml version="2.0"><head/><body><outline type="rss" text="L" xmlUrl="${origin.url('/listed')}"/></body></opml>`);
  await grove.json('import', grove.path('subs.opml'), '-o', grove.path('local.opml'), '--data', peer.data);
  writeFileSync(grove.path('urls'), '');
  await run('newsboat', ['-C', grove.path('newsboat.conf'), '-u', grove.path('urls'), '-c', grove.path('cache.db'), '-i', grove.path('local.opml')], { env: { ...process.env, HOME: grove.root } });
  assert.match(readFileSync(grove.path('urls'), 'utf8'), new RegExp(`^${peer.ready.api}/f/[0-9a-f]{16}\\.xml`, 'm'));
  assert.ok((await reload()).titles.includes('listed'));
});
