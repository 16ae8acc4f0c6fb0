/**
 * The order of versions, what a peer does with one that it is told of, and the turns of pollers.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FeedVersion, Stamp } from '../../../src/protocol/feed/feed.ts';
import { compareStamps } from '../../../src/protocol/feed/feed.ts';
import { isAfter, isPoolStamp, judge, nextAlone, nextStamp, poolStamp } from '../../../src/protocol/feed/order.ts';
import { askAt, gapOf, intervalOf, nextTurn } from '../../../src/protocol/feed/stagger.ts';

function version(hash: string, epoch: number, seq: number, fetchedAt: number): FeedVersion {
  return { hash, stamp: { epoch, seq }, fetchedAt, size: 1, contentType: '', etag: '', lastModified: '', askedBefore: 0, items: [], attestations: [] };
}

const stamp: fc.Arbitrary<Stamp> = fc.record({ epoch: fc.nat(9), seq: fc.integer({ min: 1, max: 9 }) }, { noNullPrototype: true });

test('what a peer finds alone comes after all that it has, and before the next number of the pool', () => {
  fc.assert(fc.property(stamp, fc.integer({ min: 1, max: 50 }), (have, times) => {
    let alone: Stamp = have;
    for (let i = 0; i < times; i++) {
      const next = nextAlone(alone, 1_000);
      assert.ok(isAfter(next, alone) && !isPoolStamp(next));
      alone = next;
    }
    if (have.epoch > 0) {
      assert.ok(compareStamps(alone, nextStamp(have, have.epoch)) < 0);
      assert.deepEqual(poolStamp(alone), have);
    }
    assert.ok(compareStamps(alone, nextStamp(poolStamp(alone), have.epoch + 1)) < 0);
  }));
});

test('a version that is new is stored, and the latest one under a new number is only numbered', () => {
  assert.equal(judge(version('b', 2, 2, 20), { latest: undefined, same: undefined }, false), 'store');
  assert.equal(judge(version('b', 2, 2, 20), { latest: version('a', 2, 1, 10), same: undefined }, false), 'store');
  const found = version('b', 0, 1, 15);
  assert.equal(judge(version('b', 2, 2, 20), { latest: found, same: found }, false), 'restamp');
});

test('old news is passed over: another lead\'s, or what this peer found later itself', () => {
  assert.equal(judge(version('a', 2, 2, 10), { latest: version('b', 0, 1, 15), same: undefined }, false), 'skip');
  assert.equal(judge(version('a', 3, 1, 10), { latest: version('b', 2, 9, 15), same: undefined }, false), 'skip');
  assert.equal(judge(version('a', 3, 1, 16), { latest: version('b', 2, 9, 15), same: undefined }, false), 'store');
});

test('a document that was here before is passed over when another lead numbers it, and is news when the origin went back to it', () => {
  const before = version('a', 2, 7, 10);
  const held = { latest: version('b', 2, 8, 15), same: before };
  assert.equal(judge(version('a', 3, 1, 20), held, false), 'skip');
  assert.equal(judge(version('a', 3, 1, 20), held, true), 'store');
  assert.equal(judge(version('a', 2, 9, 20), held, false), 'store');
});

test('pollers take turns evenly: n of them notice a change n times as fast as one', () => {
  const rhythm = { pollers: 3, strictestMs: 30_000, floorMs: 0 };
  assert.equal(intervalOf(rhythm), 72_000);
  assert.equal(gapOf(rhythm), 24_000);
  const turns = [0, 1, 2].map((rank) => nextTurn(1_000, rank, rhythm, 500_000)).sort((a, b) => a - b);
  assert.deepEqual(turns.map((turn, i) => turn - (turns[0] as number) - i * 24_000), [0, 0, 0]);
  assert.ok(turns.every((turn) => turn > 500_000 && turn <= 572_000));
});

test('what the origin allows one client is never undercut, however strict the wishes', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 16 }), fc.nat(10 ** 7), fc.nat(10 ** 7), fc.nat(10 ** 7), (pollers, strictestMs, floorMs, now) => {
    const rhythm = { pollers, strictestMs, floorMs };
    assert.ok(intervalOf(rhythm) >= floorMs);
    for (let rank = 0; rank < pollers; rank++) {
      const turn = nextTurn(5_000, rank, rhythm, now);
      assert.ok(turn > now && nextTurn(5_000, rank, rhythm, turn) - turn >= floorMs * 0.999, `${turn} after ${now}`);
    }
  }));
});

test('of a short wish at least four seconds are left to find out that a poller is gone, and half at most', () => {
  const gapFor = (strictestMs: number): number => gapOf({ pollers: 3, strictestMs, floorMs: 0 });
  assert.deepEqual([40_000, 20_000, 10_000, 6_000].map(gapFor), [32_000, 16_000, 6_000, 3_000]);
});

const ASKED = { askedAt: -Infinity, soonest: -Infinity };
const TURN = { slot: 1, nextAt: 100_000, intervalMs: 30_000, gapMs: 10_000 };

test('a turn is passed over when the pool has known for less than half a gap that nothing is newer', () => {
  assert.equal(askAt(TURN, { ...ASKED, wordAt: -Infinity }).at, 100_000);
  assert.equal(askAt(TURN, { ...ASKED, wordAt: 95_000 }).at, 100_000);
  assert.equal(askAt(TURN, { ...ASKED, wordAt: 96_000 }).at, 130_000);
  assert.equal(askAt(TURN, { ...ASKED, wordAt: 126_000 }).at, 160_000);
});

test('the lead asks in the place of a poller whose turn stays empty, once, and not before the origin allows it', () => {
  const lead = { ...TURN, slot: 0, nextAt: 130_000 };
  assert.equal(askAt(lead, { ...ASKED, wordAt: 100_000 }).at, 111_500);
  assert.equal(askAt(TURN, { ...ASKED, wordAt: 80_000 }).at, 100_000);
  // It has asked, and nobody knows yet what came of it.
  assert.equal(askAt(lead, { wordAt: 100_000, askedAt: 110_625, soonest: 112_000 }).at, 121_500);
  // An answer that came late makes the next turn no sooner.
  assert.equal(askAt(lead, { ...ASKED, wordAt: 104_000 }).at, 111_500);
  assert.equal(askAt(lead, { wordAt: 100_000, askedAt: 99_000, soonest: 129_000 }).at, 129_000);
  fc.assert(fc.property(fc.nat(3), fc.nat(10 ** 6), fc.integer({ min: 1, max: 10 ** 6 }), fc.nat(10 ** 6), fc.nat(10 ** 6), (slot, nextAt, gapMs, wordAt, soonest) => {
    assert.ok(askAt({ slot, nextAt, intervalMs: 3 * gapMs, gapMs }, { wordAt, askedAt: wordAt, soonest }).at >= soonest);
  }));
});
