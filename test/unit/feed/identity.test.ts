/** Item identity, rule 1: what an item is called, and how far a change of names is repaired. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RawItem, VanishedItem } from '../../../src/protocol/feed/identity.ts';
import { DATE_DISTANCE_MAX_MS, rawIdentities, REPAIRS_MAX, settle, titleSimilarity } from '../../../src/protocol/feed/identity.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const DAY = 86_400_000;

function item(given: Partial<RawItem>): RawItem {
  return { id: '', link: '', title: '', publishedAt: undefined, text: '', ...given };
}

const raw = (...items: Partial<RawItem>[]): string[] => rawIdentities(items.map(item), digest);

test('the id counts, then the link, then title and date', () => {
  assert.deepEqual(raw({ id: 'a', link: 'x', title: 'one' }), raw({ id: 'a', link: 'y', title: 'two' }));
  assert.deepEqual(raw({ link: 'x', title: 'one' }), raw({ link: 'x', title: 'two' }));
  assert.deepEqual(raw({ title: 'One  more', publishedAt: 5 }), raw({ title: 'one more', publishedAt: 5, text: 'changed' }));
  assert.notDeepEqual(raw({ title: 'one', publishedAt: 5 }), raw({ title: 'one', publishedAt: 6 }));
  assert.notDeepEqual(raw({ text: 'a' }), raw({ text: 'b' }));
});

test('the rule is part of the identity: these digits never change', () => {
  assert.deepEqual(raw({ id: 'urn:uuid:1' }, { link: 'https://example.org/a' }, { title: 'A', publishedAt: 1 }), ['f5941c9e4d69bdce', '4df42f33e40e63c9', '8437f00c242a9c61']);
});

test('http or https, www or not, a slash at the end and a fragment do not make another item', () => {
  const [one] = raw({ id: 'http://www.example.org/post/1/' });
  assert.deepEqual(raw({ id: 'https://example.org/post/1#more' }), [one]);
  assert.notDeepEqual(raw({ id: 'https://example.org/post/2' }), [one]);
});

test('ids are compared character by character otherwise', () => {
  assert.notDeepEqual(raw({ id: 'Tag:1' }), raw({ id: 'tag:1' }));
});

test('an id that several items of a document share says nothing', () => {
  const [a, b] = raw({ id: '0', link: 'https://e.org/1' }, { id: '0', link: 'https://e.org/2' });
  assert.notEqual(a, b);
  const [c, d] = raw({ id: 'same', link: 'https://e.org/1', title: 'first' }, { id: 'same', link: 'https://e.org/1', title: 'again' });
  assert.equal(c, d, 'the same item twice is one item');
});

const known = (identity: string, title: string, publishedAt: number | undefined): VanishedItem => ({ identity, title, publishedAt, keptBefore: 0 });

function settleNew(items: readonly RawItem[], vanished: readonly VanishedItem[]): string[] {
  return settle(items, rawIdentities(items, digest), () => undefined, vanished).map(({ identity, repaired }) => (repaired ? identity : 'new'));
}

test('an item whose id changed keeps its identity when title and date agree', () => {
  const changed = item({ id: 'new-1', title: 'Ten ways to be polite', publishedAt: 10 * DAY });
  assert.deepEqual(settleNew([changed], [known('old', 'Ten ways to be polite!', 11 * DAY)]), ['old']);
});

test('what falls off the end of a feed is not taken for what comes in at its beginning, however alike', () => {
  const now = [item({ id: 'n41', title: 'News 41', publishedAt: DAY }), item({ id: 'n40', title: 'News 40', publishedAt: DAY })];
  const names = rawIdentities(now, digest);
  const isKnown = (name: string): string | undefined => (name === names[1] ? 'forty' : undefined);
  const first = { ...known('one', 'News 1', DAY), keptBefore: 1 };
  assert.deepEqual(settle(now, names, isKnown, [first]).map(({ repaired }) => repaired), [false, false]);
  const renamed = { ...known('other', 'News 41', DAY), keptBefore: 0 };
  assert.deepEqual(settle(now, names, isKnown, [first, renamed]).map(({ identity }) => identity), ['other', 'forty']);
});

test('a title that is less than .75 alike, a date more than two days off, or a missing date is another item', () => {
  const changed = item({ id: 'new-1', title: 'Ten ways to be polite', publishedAt: 10 * DAY });
  assert.deepEqual(settleNew([changed], [known('old', 'Nine reasons for being rude', 10 * DAY)]), ['new']);
  assert.deepEqual(settleNew([changed], [known('old', 'Ten ways to be polite', 10 * DAY + DATE_DISTANCE_MAX_MS + 1)]), ['new']);
  assert.deepEqual(settleNew([changed], [known('old', 'Ten ways to be polite', undefined)]), ['new']);
  assert.deepEqual(settleNew([item({ ...changed, publishedAt: undefined })], [known('old', 'Ten ways to be polite', 10 * DAY)]), ['new']);
});

test('the best match counts, and nobody is matched twice', () => {
  const items = [item({ id: 'n1', title: 'Release 1.2.3', publishedAt: DAY }), item({ id: 'n2', title: 'Release 1.2.4', publishedAt: DAY })];
  assert.deepEqual(settleNew(items, [known('o4', 'Release 1.2.4', DAY), known('o3', 'Release 1.2.3', DAY)]), ['o3', 'o4']);
});

test('at most three repairs a document', () => {
  const items = Array.from({ length: 6 }, (_, i) => item({ id: `n${i}`, title: `Chapter number ${i} of the story`, publishedAt: i * 10 * DAY }));
  const vanished = items.map((one, i) => known(`o${i}`, one.title, one.publishedAt));
  assert.equal(settleNew(items, vanished).filter((one) => one !== 'new').length, REPAIRS_MAX);
});

test('what was seen before keeps its identity without any repair', () => {
  const items = [item({ id: 'a', title: 'x', publishedAt: 1 })];
  const [settled] = settle(items, ['r1'], (name) => (name === 'r1' ? 'settled-long-ago' : undefined), [known('o', 'x', 1)]);
  assert.deepEqual(settled, { raw: 'r1', identity: 'settled-long-ago', repaired: false });
});

test('titles are alike from 0 to 1, the same both ways', () => {
  assert.equal(titleSimilarity('Hello world', 'hello  WORLD'), 1);
  assert.equal(titleSimilarity('', ''), 0);
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => {
    const similarity = titleSimilarity(a, b);
    assert.ok(similarity >= 0 && similarity <= 1);
    assert.ok(Math.abs(similarity - titleSimilarity(b, a)) < 1e-12);
  }), { seed: 3 });
});

test('no two items of a document that differ in id or link get one identity', () => {
  const one = fc.record({ id: fc.constantFrom('', '1', '2', '3'), link: fc.constantFrom('u1', 'u2', 'u3'), title: fc.constantFrom('t', 'u'), publishedAt: fc.constant(undefined), text: fc.constant('') });
  fc.assert(fc.property(fc.array(one, { maxLength: 8 }), (items) => {
    const names = rawIdentities(items, digest);
    items.forEach((a, i) => items.forEach((b, j) => {
      if (a.link !== b.link && a.id !== b.id) assert.notEqual(names[i], names[j]);
      if (a.link === b.link && a.id === b.id) assert.equal(names[i], names[j]);
    }));
  }), { seed: 4, numRuns: 1_000 });
});
