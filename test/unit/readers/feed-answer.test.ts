/** What a reader is told about a feed in HTTP: validators, freshness, compression, and items only. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { FeedAnswer, FeedFacts, FeedRequest } from '../../../src/api/feed-answer.ts';
import { answerFeed, basesOf } from '../../../src/api/feed-answer.ts';
import { dateOf } from '../../../src/daemon/feeds/outcomes.ts';
import { plainTag, Renditions, tagOf, zippedTag } from '../../../src/daemon/feeds/renditions.ts';

const NOW = Date.parse('2026-11-26T12:00:00Z');
const facts: FeedFacts = {
  contentType: 'application/rss+xml; charset=utf-8', modifiedAt: NOW - 7_200_000, freshAt: NOW - 600_500, nextUpdateAt: NOW + 900_000,
  canonicalUrl: 'https://o.example/feed?a=b', self: 'http://127.0.0.1:4780/f/a.xml', hub: 'http://127.0.0.1:4780/hub', isFirst: false,
};
const nothing: FeedRequest = { ifNoneMatch: undefined, ifModifiedSince: undefined, acceptEncoding: undefined, aIm: undefined };
const links = { self: facts.self, hub: facts.hub };
const body = Buffer.from(`<rss><channel>${'<item><title>words and words</title></item>'.repeat(50)}</channel></rss>`);
const source = { hash: 'h', body, contentType: facts.contentType };
const rendition = new Renditions().of(source, links);

function answer(request: Partial<FeedRequest> = {}, changed: Partial<FeedFacts> = {}): FeedAnswer {
  return answerFeed({ ...facts, ...changed }, rendition, { ...nothing, ...request }, NOW);
}

test('an answer says what it is, how old, and when there will be more', () => {
  const { status, headers, content } = answer();
  assert.deepEqual([status, content], [200, 'plain']);
  assert.deepEqual(headers, {
    'Content-Type': 'application/rss+xml; charset=utf-8',
    'Content-Length': String(body.length),
    ETag: tagOf(body),
    'Last-Modified': 'Thu, 26 Nov 2026 10:00:00 GMT',
    'Cache-Control': 'max-age=900, stale-if-error=86400',
    Age: '600',
    'Cache-Status': 'grove; hit; ttl=900',
    Link: '<https://o.example/feed?a=b>; rel="canonical", <http://127.0.0.1:4780/f/a.xml>; rel="self", <http://127.0.0.1:4780/hub>; rel="hub"',
    Vary: 'Accept-Encoding, A-IM, If-None-Match',
  });
});

test('when the next update is late, readers look again soon', () => {
  const { headers } = answer({}, { nextUpdateAt: NOW - 5_000 });
  assert.match(headers['Cache-Control'] ?? '', /^max-age=60,/);
  assert.equal(headers['Cache-Status'], 'grove; hit; ttl=-5');
});

test('an update that nobody expects, or expects in weeks, makes no reader wait for weeks', () => {
  assert.match(answer({}, { nextUpdateAt: Infinity }).headers['Cache-Control'] ?? '', /^max-age=60,/);
  assert.equal(answer({}, { nextUpdateAt: Infinity }).headers['Cache-Status'], 'grove; hit; ttl=0');
  assert.match(answer({}, { nextUpdateAt: NOW + 14 * 86_400_000 }).headers['Cache-Control'] ?? '', /^max-age=86400,/);
});

test('what was fetched for this reader says so', () => {
  assert.equal(answer({}, { isFirst: true }).headers['Cache-Status'], 'grove; fwd=uri-miss; stored; ttl=900');
});

test('a tag that is known gives 304 with the same validators and no body', () => {
  for (const ifNoneMatch of [rendition.etag, `W/${rendition.etag}`, `"other", ${rendition.etag}`, '*', zippedTag(rendition.etag)]) {
    const { status, headers, content } = answer({ ifNoneMatch });
    assert.deepEqual([status, content, headers['ETag'], headers['Content-Length']], [304, 'none', rendition.etag, undefined], ifNoneMatch);
  }
  for (const ifNoneMatch of ['"other"', 'nonsense', '', rendition.etag.slice(1, -1)]) assert.equal(answer({ ifNoneMatch }).status, 200, ifNoneMatch);
});

test('If-Modified-Since counts when there is no If-None-Match', () => {
  const since = (date: string): number => answer({ ifModifiedSince: date }).status;
  assert.deepEqual([since('Thu, 26 Nov 2026 10:00:00 GMT'), since('Thu, 26 Nov 2026 10:00:01 GMT'), since('Thu, 26 Nov 2026 09:59:59 GMT'), since('nonsense')], [304, 304, 200, 200]);
  assert.equal(answer({ ifModifiedSince: 'Thu, 26 Nov 2026 11:00:00 GMT', ifNoneMatch: '"other"' }).status, 200);
});

test('a document that no date tells from the ones before it has none, and is never unchanged since one', () => {
  const { status, headers } = answer({ ifModifiedSince: 'Thu, 26 Nov 2026 12:00:00 GMT' }, { modifiedAt: undefined });
  assert.deepEqual([status, 'Last-Modified' in headers], [200, false]);
  assert.equal(answer({ ifNoneMatch: rendition.etag }, { modifiedAt: undefined }).status, 304);
});

test('without a date of the origin the time of fetching stands, in whole seconds', () => {
  assert.equal(dateOf('Thu, 26 Nov 2026 10:00:00 GMT', NOW), NOW - 7_200_000);
  assert.equal(dateOf('', NOW + 999), NOW);
  assert.equal(dateOf('yesterday-ish', NOW), NOW);
});

test('compressed bytes have a tag of their own, which is known as well', async () => {
  for (const acceptEncoding of ['gzip', 'deflate, gzip;q=0.5', '*', 'br, GZIP']) {
    const { headers, content } = answer({ acceptEncoding });
    assert.deepEqual([content, headers['Content-Encoding'], headers['ETag']], ['gzip', 'gzip', zippedTag(rendition.etag)], acceptEncoding);
    assert.equal(answer({ acceptEncoding, ifNoneMatch: headers['ETag'] }).status, 304);
  }
  for (const acceptEncoding of ['br', 'gzip;q=0', '*;q=0', '', 'gzip;q=0, *']) assert.equal(answer({ acceptEncoding }).content, 'plain', acceptEncoding);
  assert.deepEqual(gunzipSync(await new Renditions().zipped(source, links)), body);
  assert.equal(plainTag(zippedTag('"a"')), '"a"');
});

test('a type that is none of a feed is not passed on: a browser would take it at its word', () => {
  const type = (contentType: string): string | undefined => answer({}, { contentType }).headers['Content-Type'];
  for (const same of ['text/xml; charset=ISO-8859-1', 'application/atom+xml', 'application/feed+json;charset="utf-8"', 'application/json', 'application/xml']) assert.equal(type(same), same);
  for (const other of ['text/html', '', 'text/plain; charset=utf-8', 'image/svg+xml', 'text/xml; charset=utf-8; x="\n"', 'application/xhtml+xml']) assert.equal(type(other), 'application/rss+xml', other);
});

test('items only: 226 with what it is based on, and no cache that does not know it keeps it', () => {
  const request = { ...nothing, aIm: 'feed, gzip', ifNoneMatch: '"old"' };
  assert.deepEqual(basesOf(request), ['"old"']);
  assert.deepEqual([basesOf({ ...request, aIm: 'vcdiff' }), basesOf({ ...request, ifNoneMatch: undefined }), basesOf({ ...request, ifNoneMatch: '*' })], [[], [], []]);
  const { status, headers, content } = answerFeed(facts, rendition, request, NOW, { baseTag: '"old"', body: Buffer.from('12345') });
  assert.deepEqual([status, content, headers['IM'], headers['Delta-Base'], headers['ETag'], headers['Content-Length']], [226, 'delta', 'feed', '"old"', rendition.etag, '5']);
  assert.match(headers['Cache-Control'] ?? '', /^no-store, im, max-age=900/);
});

test('renditions are kept within their bytes, and the tag is the same when one is made again', async () => {
  const kept = new Renditions(3 * body.length);
  const tags = Array.from({ length: 10 }, (_, i) => kept.of({ ...source, hash: String(i) }, links).etag);
  assert.ok(kept.bytes <= 3 * body.length);
  assert.deepEqual(new Set(tags), new Set([rendition.etag]));
  for (let i = 0; i < 10; i++) await kept.zipped({ ...source, hash: String(i) }, links);
  assert.ok(kept.bytes <= 3 * body.length);
});
