/**
 * One upload budget, split over all feeds of a peer.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FeedDemand } from '../../../src/protocol/feed/shares.ts';
import { SHARE_MAX, sharesOf } from '../../../src/protocol/feed/shares.ts';

const free = (bytesPerSecond: number): FeedDemand => ({ bytesPerSecond, fanout: undefined });

test('every feed gets a slot before any gets a second one, the cheapest first', () => {
  assert.deepEqual(sharesOf([free(100), free(10), free(50)], 60), [0, 1, 1]);
  assert.deepEqual(sharesOf([free(10), free(10)], 50), [3, 2]);
  assert.deepEqual(sharesOf([free(1)], 1_000), [SHARE_MAX]);
});

test('what the user wants of a feed is kept and paid first, and may use up everything', () => {
  assert.deepEqual(sharesOf([{ bytesPerSecond: 10, fanout: 5 }, free(10)], 60), [5, 1]);
  assert.deepEqual(sharesOf([{ bytesPerSecond: 10, fanout: 50 }, free(10)], 60), [50, 0]);
});

test('the budget is never exceeded by what the user left open, and shares differ by cost only', () => {
  const demand = fc.record({ bytesPerSecond: fc.integer({ min: 1, max: 500 }), fanout: fc.option(fc.nat(4), { nil: undefined }) });
  fc.assert(fc.property(fc.array(demand, { maxLength: 60 }), fc.nat(20_000), (feeds, budget) => {
    const shares = sharesOf(feeds, budget);
    const wanted = feeds.reduce((sum, { fanout, bytesPerSecond }) => sum + (fanout ?? 0) * bytesPerSecond, 0);
    const spent = feeds.reduce((sum, { bytesPerSecond }, i) => sum + (shares[i] as number) * bytesPerSecond, 0);
    assert.ok(spent <= Math.max(budget, wanted));
    feeds.forEach((feed, i) => {
      assert.ok(feed.fanout === undefined ? (shares[i] as number) <= SHARE_MAX : shares[i] === feed.fanout);
      // Nobody dearer has more.
      feeds.forEach((other, j) => assert.ok(feed.fanout !== undefined || other.fanout !== undefined || other.bytesPerSecond <= feed.bytesPerSecond || (shares[j] as number) <= (shares[i] as number)));
    });
  }));
});
