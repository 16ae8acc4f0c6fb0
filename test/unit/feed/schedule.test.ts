/** When a feed is asked next: spreading, failures, skipped hours, restarts, moves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NO_HINTS } from '../../../src/protocol/feed/freshness.ts';
import type { FailureKind, Move } from '../../../src/protocol/feed/schedule.ts';
import { afterSkips, confirmMove, hasMoved, intervalFor, MOVE_CONFIRMATIONS, planAfterAnswer, planAfterFailure, planAfterRestart } from '../../../src/protocol/feed/schedule.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A Monday, noon GMT. */
const NOW = Date.UTC(2026, 0, 5, 12);

const fail = (kind: FailureKind, count: number, unit: number, retryAfterMs?: number): number => planAfterFailure({ kind, count, at: 0, retryAfterMs }, HOUR, unit).at;

test('the origin is asked a little before the wish runs out, and never below the floor', () => {
  assert.equal(intervalFor(HOUR, 90 * MINUTE), 72 * MINUTE);
  assert.equal(intervalFor(HOUR, 10 * MINUTE), HOUR);
});

test('polls are spread, later and never sooner, and within the wish where there is room', () => {
  fc.assert(fc.property(fc.integer({ min: 1_000, max: DAY }), fc.integer({ min: 1_000, max: DAY }), fc.double({ min: 0, max: 1, noNaN: true }), (floorMs, wishMs, unit) => {
    const wait = planAfterAnswer(NOW, { ms: floorMs, by: 'default' }, wishMs, NO_HINTS, unit).at - NOW;
    assert.ok(wait >= intervalFor(floorMs, wishMs) - 0.01);
    assert.ok(wait <= 1.05 * intervalFor(floorMs, wishMs) + 1);
    if (floorMs <= wishMs) assert.ok(wait <= wishMs + 0.01);
  }), { seed: 2 });
});

test('skipped hours and days are waited out, in GMT', () => {
  assert.equal(afterSkips(NOW, { ...NO_HINTS, skipHours: [12, 13] }), NOW + 2 * HOUR);
  assert.equal(afterSkips(NOW + 5 * MINUTE, { ...NO_HINTS, skipHours: [12] }), NOW + HOUR);
  assert.equal(afterSkips(NOW, { ...NO_HINTS, skipDays: [1] }), NOW + 12 * HOUR, 'Monday is day 1');
  assert.equal(afterSkips(NOW, { ...NO_HINTS, skipHours: [3], skipDays: [0] }), NOW);
});

test('no skipping makes a feed wait longer than a day, and one that skips everything skips nothing', () => {
  assert.equal(afterSkips(NOW, { ...NO_HINTS, skipDays: [1, 2, 3] }), NOW + DAY);
  assert.equal(afterSkips(NOW, { ...NO_HINTS, skipDays: [0, 1, 2, 3, 4, 5, 6] }), NOW);
});

test('Retry-After is honoured in full, even weeks, and never shortens a back-off', () => {
  const weeks = planAfterFailure({ kind: 'throttled', count: 1, at: 0, retryAfterMs: 21 * DAY }, HOUR, 0.5);
  assert.ok(weeks.at >= 21 * DAY && weeks.at <= 21 * DAY + MINUTE);
  assert.equal(weeks.by, 'retry-after');
  assert.ok(fail('throttled', 1, 0, 1_000) >= HOUR);
});

test('403, 404 and 429 wait at least the ordinary interval, and longer with each failure, up to a day', () => {
  for (const kind of ['forbidden', 'missing', 'throttled', 'content', 'refused'] as const) {
    let before = 0;
    for (let count = 1; count <= 12; count++) {
      assert.ok(fail(kind, count, 0) >= HOUR, kind);
      const longest = fail(kind, count, 1);
      assert.ok(longest >= before && longest <= DAY, kind);
      before = longest;
    }
    assert.equal(before, DAY, kind);
  }
});

test('a server error is tried again sooner, with full jitter over a doubling time', () => {
  assert.equal(fail('server', 1, 0), MINUTE);
  assert.equal(fail('server', 1, 1), 6 * MINUTE);
  assert.equal(fail('server', 3, 1), 21 * MINUTE);
  assert.equal(fail('network', 40, 1), 6 * HOUR + MINUTE);
});

test('an origin with a lowered floor is tried again in step with it', () => {
  assert.ok(planAfterFailure({ kind: 'server', count: 1, at: 0, retryAfterMs: undefined }, 1_000, 1).at <= 2_000);
});

test('a restart keeps plans that lie ahead and spreads what fell due', () => {
  assert.equal(planAfterRestart(NOW + 5, NOW, HOUR, 0), NOW + 5);
  assert.equal(planAfterRestart(NOW - DAY, NOW, HOUR, 1), NOW + 15 * MINUTE);
  assert.equal(planAfterRestart(NOW - DAY, NOW, 10_000, 0.5), NOW + 5_000);
});

test('a permanent redirect is followed for good after ten answers in a row that agree', () => {
  let move: Move | undefined;
  for (let i = 1; i < MOVE_CONFIRMATIONS; i++) move = confirmMove(move, 'https://new.example/');
  assert.equal(hasMoved(move), false);
  assert.equal(hasMoved(confirmMove(move, 'https://new.example/')), true);
  assert.equal(hasMoved(confirmMove(move, 'https://other.example/')), false);
  assert.equal(confirmMove(move, undefined), undefined, 'one plain answer and counting begins again');
});
