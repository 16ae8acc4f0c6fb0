/** What a machine makes of its measurements with its leafset: own rates, whom to measure next, and forgetting. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BandwidthBook } from '../../../src/protocol/measure/bandwidth-book.ts';

const HOUR_MS = 3_600_000;
const rate = (bitsPerSecond: number): { bitsPerSecond: number; isAtLeast: boolean } => ({ bitsPerSecond, isAtLeast: false });

test('[0075] up is the maximum of what was measured outgoing, down the maximum of what came in; unknown is unknown', () => {
  const book = new BandwidthBook();
  assert.deepEqual([book.own('outgoing', 0), book.own('incoming', 0)], [undefined, undefined]);
  book.record('a', 'outgoing', rate(5e6), 0);
  book.record('b', 'outgoing', rate(9e6), 0);
  assert.deepEqual([book.own('outgoing', 0), book.own('incoming', 0)], [9e6, undefined]);
  book.record('a', 'incoming', rate(40e6), 0);
  book.record('a', 'outgoing', rate(6e6), 1);
  assert.deepEqual([book.own('outgoing', 1), book.own('incoming', 1)], [9e6, 40e6]);
});

test('a measurement is believed for six hours', () => {
  const book = new BandwidthBook();
  book.record('a', 'outgoing', rate(5e6), 0);
  assert.equal(book.own('outgoing', 6 * HOUR_MS), 5e6);
  assert.equal(book.own('outgoing', 6 * HOUR_MS + 1), undefined);
});

test('neighbours never tried come first, then the one tried longest ago; nobody twice within two hours', () => {
  const book = new BandwidthBook();
  assert.equal(book.due([], 0), undefined);
  const asked: (string | undefined)[] = [];
  for (let now = 0; now < 3; now++) {
    const next = book.due(['a', 'b', 'c'], now);
    asked.push(next);
    if (next !== undefined) book.tried(next, now);
  }
  assert.deepEqual(asked, ['a', 'b', 'c']);
  assert.equal(book.due(['a', 'b', 'c'], HOUR_MS), undefined);
  assert.equal(book.due(['b', 'a', 'c'], 2 * HOUR_MS + 2), 'a');
});

test('what others measure towards here does not put off an own try, and a try forgets nothing', () => {
  const book = new BandwidthBook();
  book.record('a', 'incoming', rate(1e6), 10);
  assert.equal(book.due(['a'], 10), 'a');
  book.tried('a', 20);
  assert.equal(book.own('incoming', 20), 1e6);
});

test('no more than 64 peers are remembered', () => {
  const book = new BandwidthBook();
  for (let i = 0; i < 200; i++) book.record(`p${i}`, 'outgoing', rate(200 - i), 0);
  assert.equal(book.own('outgoing', 0), 200 - 136);
});

test('whoever took no part, busy with another measurement, is asked again after five minutes and not after two hours', () => {
  const book = new BandwidthBook();
  book.tried('a', 0);
  book.refused('a', 0);
  assert.equal(book.due(['a'], 5 * 60_000 - 1), undefined);
  assert.equal(book.due(['a'], 5 * 60_000), 'a');
});
