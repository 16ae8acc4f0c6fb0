/** Two peers and one feed, through the real program: the second reads what the first was given, and never asks. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FeedReasons, FeedSummary } from '../../src/daemon/feeds/views.ts';
import { Origin, rss } from '../unit/readers/origin.ts';
import { curl } from './curl.ts';
import { Grove, until } from './grove.ts';

const grove = new Grove();
const OPEN = ['--allow-private-networks', '--origin-floor-seconds', '0.5', '--default-max-staleness', '3s'];
let origin: Origin;

before(async () => {
  origin = await Origin.start();
});
after(async () => {
  await grove.end();
  await origin.stop();
});

test('a second peer gets the feed and each new version through the pool, and `feed why` says so', async () => {
  origin.serve('/shared', rss('old'));
  const url = origin.url('/shared');
  const a = await grove.up('a', [...OPEN, '--pollers', '1']);
  const first = await grove.json<FeedSummary>('feed', 'add', url, '--data', a.data);
  assert.equal((await curl(first.local)).status, 200);
  const b = await grove.up('b', [...OPEN, '--join', await grove.invite(a)]);
  const second = await grove.json<FeedSummary>('feed', 'add', url, '--never-origin', '--data', b.data);
  assert.equal(second.id, first.id);
  const reads = async (local: string, title: string): Promise<boolean> => {
    const { status, body } = await curl(local);
    return status === 200 && body.includes(`<title>${title}<`);
  };
  await until('the second has the feed', async () => reads(second.local, 'old'));
  origin.serve('/shared', rss('new', 'old'));
  await until('the new item is at the second', async () => reads(second.local, 'new'));
  const bodies = await Promise.all([first, second].map(async ({ local }) => (await curl(local)).body.replaceAll(new URL(local).origin, '')));
  assert.equal(bodies[0], bodies[1], 'the same bytes but for the address');
  const why = await grove.json<FeedReasons>('feed', 'why', url, '--data', b.data);
  assert.deepEqual([why.role, why.parent?.name, why.lastOriginRequest], ['consumer', 'a', null]);
  const { code, stdout } = await grove.run(['feed', 'why', url, '--data', b.data]);
  assert.equal(code, 0);
  assert.match(stdout.toString('utf8'), /never asked by this peer/);
});
