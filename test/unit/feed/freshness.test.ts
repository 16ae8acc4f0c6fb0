/** The poll floor: who may set it, in which order, and between which bounds (ecosystem 3.2, decision 0050). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Clues, FloorQuestion } from '../../../src/protocol/feed/freshness.ts';
import { FLOOR_MS_MAX, floorOf, LEAST_FLOOR_MS, NO_HINTS } from '../../../src/protocol/feed/freshness.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 0, 5, 12);

const silent: Clues = { cacheControl: '', ageMs: 0, receivedAt: NOW, dateAt: NOW, expiresAt: undefined, lastModifiedAt: undefined };

function ask(clues: Partial<Clues>, rest: Partial<FloorQuestion> = {}): string {
  const { ms, by } = floorOf({ clues: { ...silent, ...clues }, hints: NO_HINTS, wishMs: 90 * MINUTE, changesEveryMs: undefined, loweredMs: undefined, ...rest });
  return `${ms / MINUTE} min by ${by}`;
}

test('an origin that says nothing is asked once an hour', () => {
  assert.equal(ask({}), '60 min by default');
  assert.equal(floorOf({ clues: undefined, hints: NO_HINTS, wishMs: MINUTE, changesEveryMs: undefined, loweredMs: undefined }).ms, HOUR);
});

test('max-age sets the floor, down to ten minutes, and a shared cache looks at s-maxage first', () => {
  assert.equal(ask({ cacheControl: 'public, max-age=1800' }), '30 min by max-age');
  assert.equal(ask({ cacheControl: 'max-age=60' }), '10 min by max-age');
  assert.equal(ask({ cacheControl: 'max-age=60, s-maxage="7200"' }), '120 min by max-age');
});

test('what was already spent on the way (Age) does not count', () => {
  assert.equal(ask({ cacheControl: 'max-age=7200', ageMs: 30 * MINUTE }), '90 min by max-age');
});

test('Cache-Control stands above Expires, and Expires above ttl', () => {
  assert.equal(ask({ cacheControl: 'max-age=1800', expiresAt: NOW + 5 * HOUR }), '30 min by max-age');
  assert.equal(ask({ expiresAt: NOW + 5 * HOUR }, { hints: { ...NO_HINTS, ttlMs: 3 * HOUR } }), '300 min by expires');
});

test('an answer that is stale at once (max-age=0, Expires in the past, no-cache) is no invitation', () => {
  assert.equal(ask({ cacheControl: 'no-cache, max-age=0', expiresAt: 0 }), '60 min by default');
  assert.equal(ask({ expiresAt: 0 }), '60 min by default');
});

test('ttl and sy:* lengthen the hour and never shorten it; the longer one counts', () => {
  assert.equal(ask({}, { hints: { ...NO_HINTS, ttlMs: 5 * MINUTE } }), '60 min by default');
  assert.equal(ask({}, { hints: { ...NO_HINTS, ttlMs: 180 * MINUTE, syndicationMs: 2 * HOUR } }), '180 min by ttl');
  assert.equal(ask({}, { hints: { ...NO_HINTS, ttlMs: 180 * MINUTE, syndicationMs: DAY } }), '1440 min by syndication');
});

test('a document that has not changed for long is guessed to stay, but not beyond what is wished', () => {
  assert.equal(ask({ lastModifiedAt: NOW - 20 * HOUR }, { wishMs: 6 * HOUR }), '120 min by heuristic');
  assert.equal(ask({ lastModifiedAt: NOW - 400 * DAY }, { wishMs: 2 * HOUR }), '120 min by heuristic');
  assert.equal(ask({ lastModifiedAt: NOW - 400 * DAY }, { wishMs: 30 * MINUTE }), '60 min by default');
});

test('values above a day are taken for mistakes', () => {
  assert.equal(ask({ cacheControl: 'max-age=31536000' }), '1440 min by max-age');
  assert.equal(ask({ expiresAt: NOW + 30 * DAY }), '1440 min by expires');
  assert.equal(ask({}, { hints: { ...NO_HINTS, ttlMs: 10 * DAY } }), '1440 min by ttl');
});

test('below ten minutes only when the server allows it and the feed was seen to change that often', () => {
  const often = { wishMs: 5 * MINUTE, changesEveryMs: 15 * MINUTE };
  assert.equal(ask({ cacheControl: 'max-age=120' }, often), '5 min by history');
  assert.equal(ask({ cacheControl: 'max-age=120' }, { ...often, changesEveryMs: undefined }), '10 min by max-age');
  assert.equal(ask({ cacheControl: 'max-age=120' }, { ...often, changesEveryMs: 3 * HOUR }), '10 min by max-age');
  assert.equal(ask({ cacheControl: 'max-age=420' }, often), '7 min by history');
  assert.equal(ask({}, often), '60 min by default');
  assert.equal(ask({ cacheControl: 'max-age=1' }, { wishMs: 1_000, changesEveryMs: 1_000 }), '1 min by history');
});

test('the operator lowers the floor of an origin on loopback, and what that origin says still counts', () => {
  assert.equal(ask({}, { loweredMs: 1_000, wishMs: 10_000 }), `${1 / 60} min by operator`);
  assert.equal(ask({ cacheControl: 'max-age=30' }, { loweredMs: 1_000, wishMs: 10_000 }), '0.5 min by max-age');
  assert.equal(ask({ lastModifiedAt: NOW - DAY }, { loweredMs: 1_000, wishMs: 10_000 }), `${1 / 60} min by operator`);
});

test('whatever an origin sends, the floor is between a minute and a day', () => {
  const text = fc.oneof(fc.string(), fc.tuple(fc.constantFrom('max-age', 's-maxage', 'Max-Age'), fc.integer()).map(([name, n]) => `${name}=${n}`));
  const instant = fc.option(fc.double({ min: -1e15, max: 1e15, noNaN: true }), { nil: undefined });
  fc.assert(fc.property(text, fc.double({ min: 0, max: 1e12, noNaN: true }), instant, instant, instant, fc.double({ min: 1, max: 1e9, noNaN: true }), fc.option(fc.double({ min: 0, max: 1e9, noNaN: true }), { nil: undefined }), (cacheControl, ageMs, dateAt, expiresAt, lastModifiedAt, wishMs, changesEveryMs) => {
    const { ms } = floorOf({ clues: { cacheControl, ageMs, receivedAt: NOW, dateAt, expiresAt, lastModifiedAt }, hints: NO_HINTS, wishMs, changesEveryMs, loweredMs: undefined });
    assert.ok(ms >= LEAST_FLOOR_MS && ms <= FLOOR_MS_MAX, String(ms));
  }), { seed: 1, numRuns: 2_000 });
});
