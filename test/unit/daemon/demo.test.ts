/** What the demonstration says at its end, from records small enough to check by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DemoOrigin } from '../../../src/daemon/demo/demo-origin.ts';
import type { Records } from '../../../src/daemon/demo/figures.ts';
import { figuresOf, spreadOf } from '../../../src/daemon/demo/figures.ts';

const NOTHING: Records = { published: [], receipts: [], arrivals: [], upSince: new Map(), held: new Map() };

test('an item is as old as the time from its publication to its arrival at a peer', () => {
  const { stalenessMs } = figuresOf({
    ...NOTHING, published: [{ title: 'a', at: 1_000 }], arrivals: [{ peer: 0, item: 'a', at: 1_400 }, { peer: 1, item: 'a', at: 3_000 }], upSince: new Map([[0, 0], [1, 0]]),
  });
  assert.deepEqual(stalenessMs, { p50: 2_000, p99: 2_000, max: 2_000 });
});

test('a peer that was down when an item came is late only from its return on', () => {
  const { stalenessMs } = figuresOf({ ...NOTHING, published: [{ title: 'a', at: 1_000 }], arrivals: [{ peer: 0, item: 'a', at: 9_500 }], upSince: new Map([[0, 9_000]]) });
  assert.equal(stalenessMs.max, 500);
});

test('push time is from the first peer that has a version to each other one, once each, and not for those that came later', () => {
  const { pushMs } = figuresOf({
    ...NOTHING,
    receipts: [{ peer: 0, hash: 'v', at: 100 }, { peer: 1, hash: 'v', at: 130 }, { peer: 1, hash: 'v', at: 500 }, { peer: 2, hash: 'v', at: 190 }, { peer: 3, hash: 'v', at: 9_000 }],
    upSince: new Map([[0, 0], [1, 0], [2, 0], [3, 8_000]]),
  });
  assert.deepEqual(pushMs, { p50: 90, p99: 90, max: 90 });
});

test('what a living peer lacks is missed, what it has twice is a duplicate', () => {
  const { missedItems, duplicateItems } = figuresOf({
    ...NOTHING, published: [{ title: 'a', at: 0 }, { title: 'b', at: 1 }], held: new Map([[0, ['a', 'b', 'a']], [1, ['b']], [2, ['a', 'b', 'before']]]),
  });
  assert.deepEqual([missedItems, duplicateItems], [1, 1]);
});

test('without records nothing is claimed', () => {
  assert.deepEqual(figuresOf(NOTHING), { stalenessMs: { p50: null, p99: null, max: null }, pushMs: { p50: null, p99: null, max: null }, missedItems: 0, duplicateItems: 0 });
  assert.deepEqual(spreadOf([3, 1, 2]), { p50: 2, p99: 3, max: 3 });
});

test('the origin counts whole answers and unchanged ones, and forgets its oldest items', async () => {
  const origin = await DemoOrigin.start(2);
  try {
    const first = await fetch(origin.url);
    const etag = first.headers.get('etag') ?? '';
    assert.match(await first.text(), /<title>News 1<\/title>/);
    assert.equal((await fetch(origin.url, { headers: { 'If-None-Match': etag } })).status, 304);
    for (let i = 0; i < 50; i++) origin.publish();
    const later = await (await fetch(origin.url, { headers: { 'If-None-Match': etag } })).text();
    assert.deepEqual(origin.counts, { full: 2, unchanged: 1 });
    assert.doesNotMatch(later, /<title>News 1<\/title>/);
    assert.match(later, /<title>News 51<\/title>/);
  } finally {
    await origin.close();
  }
});
