/** Merging a partial document into the one that is held. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeDelta } from '../../../src/host/feed-parser/merge.ts';
import { rss } from './test-origin.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const merge = (held: string, delta: string): string | undefined => {
  const merged = mergeDelta(bytes(held), bytes(delta), undefined);
  return merged === undefined ? undefined : Buffer.from(merged).toString();
};

test('held items follow the new ones, byte for byte; those that are in both count once, as the new document has them', () => {
  const merged = merge(rss([{ id: 'b', title: 'old b' }, { id: 'a', title: 'ä' }]), rss([{ id: 'c' }, { id: 'b', title: 'new b' }]));
  assert.equal(merged, rss([{ id: 'c' }, { id: 'b', title: 'new b' }, { id: 'a', title: 'ä' }]));
});

test('an empty partial document takes over everything that is held', () => {
  assert.equal(merge(rss([{ id: 'a' }]), rss([])), rss([{ id: 'a' }]));
});

test('Atom entries are told apart by their ids', () => {
  const atom = (ids: readonly string[]): string => `<feed xmlns="http://www.w3.org/2005/Atom"><id>f</id>${ids.map((id) => `<entry><id>${id}</id><title>${id}</title></entry>`).join('')}</feed>`;
  assert.equal(merge(atom(['2', '1']), atom(['3'])), atom(['3', '2', '1']));
});

test('what cannot be merged is not: another kind, another encoding, JSON, wide characters', () => {
  const feed = rss([{ id: 'a' }]);
  assert.equal(merge(feed, '<feed xmlns="http://www.w3.org/2005/Atom"></feed>'), undefined);
  assert.equal(merge(feed.replace('UTF-8', 'iso-8859-1'), feed), undefined);
  assert.equal(merge('{"version":"https://jsonfeed.org/version/1","items":[]}', '{"version":"https://jsonfeed.org/version/1","items":[]}'), undefined);
  assert.equal(mergeDelta(bytes(feed), new Uint8Array(Buffer.from(`\ufeff${feed}`, 'utf16le')), undefined), undefined);
  assert.equal(merge(feed, '<html></html>'), undefined);
});
