/** Whatever bytes an origin sends: looking at them, decoding and parsing never throws, hangs or gives values out of bounds. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { readDocument, sha256 } from '../../src/daemon/feeds/intake.ts';
import { decodeText } from '../../src/host/feed-parser/decode-text.ts';
import { extract } from '../../src/host/feed-parser/extract.ts';
import { FeedParser } from '../../src/host/feed-parser/parser.ts';
import { recognise } from '../../src/host/feed-parser/recognise.ts';
import { cluesOf, linksOf, privacyCluesOf, rateLimitOf, retryAfterOf } from '../../src/host/origin/headers.ts';
import { ITEMS_MAX } from '../../src/protocol/feed/feed.ts';
import { rawIdentities } from '../../src/protocol/feed/identity.ts';

const parser = new FeedParser();
after(async () => parser.close());

const word = fc.constantFrom(
  '<rss version="2.0">', '</rss>', '<channel>', '</channel>', '<item>', '</item>', '<feed xmlns="http://www.w3.org/2005/Atom">', '</feed>', '<entry>', '</entry>', '<title>', '</title>', '<guid>', '</guid>', '<link>', '</link>',
  '<link href="/x" rel="self"/>', '<id>', '</id>', '<pubDate>', '</pubDate>', '<skipHours><hour>24</hour></skipHours>', '<ttl>-5</ttl>', '<sy:updatePeriod>hourly</sy:updatePeriod>', '<rdf:RDF>', '</rdf:RDF>', '<![CDATA[', ']]>', '<!--', '-->', '<?xml version="1.0" encoding="x"?>',
  '<?', '?>', '<!DOCTYPE rss>', '<!DOCTYPE html>', '<!DOCTYPE a [<!ENTITY b "c">', ']>', '&b;', '&#x0;', '&#1114112;', '&amp', '{"version":"https://jsonfeed.org/version/1.1",', '"items":[', '{"id":1,"title":null}', '{"id":{},"date_published":"9999999-01-01"}', ']}', 'Thu, 31 Dec 9999 23:59:59 GMT', '\u202e', '\0', '<', '>', '"', ' ',
);
const soup = fc.array(fc.oneof({ weight: 5, arbitrary: word }, fc.string({ unit: 'binary', maxLength: 12 })), { maxLength: 40 }).map((parts) => parts.join(''));
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.tuple(soup, fc.constantFrom('utf8', 'utf16le', 'latin1')).map(([text, encoding]) => new Uint8Array(Buffer.from(text, encoding as BufferEncoding))),
  fc.tuple(soup, fc.uint8Array({ maxLength: 8 }), fc.nat(400)).map(([text, noise, at]) => {
    const all = Buffer.from(`<rss version="2.0"><channel>${text}</channel></rss>`);
    return new Uint8Array(Buffer.concat([all.subarray(0, at), noise, all.subarray(at)]));
  }),
);
const charset = fc.option(fc.constantFrom('utf-8', 'utf-16', 'windows-1251', 'shift_jis', 'no-such-thing', ''), { nil: undefined });

test('recognising and decoding take any bytes', () => {
  fc.assert(fc.property(bytes, charset, (body, name) => {
    recognise(body, name);
    assert.equal(typeof decodeText(body, name), 'string');
  }), { seed: 11, numRuns: 3_000 });
});

test('what is extracted has the types and bounds that it says', () => {
  fc.assert(fc.property(bytes, charset, (body, name) => {
    let document;
    try {
      document = extract(decodeText(body, name));
    } catch {
      return; // no feed
    }
    assert.ok(document.items.length <= ITEMS_MAX);
    for (const { id, link, title, text, publishedAt } of document.items) {
      for (const value of [id, link, title, text]) assert.equal(typeof value, 'string');
      assert.ok(publishedAt === undefined || new Date(publishedAt).toISOString().length > 0);
    }
    assert.equal(rawIdentities(document.items, sha256).length, document.items.length);
    assert.ok(document.hints.skipHours.every((hour) => hour >= 0 && hour < 24));
    assert.ok(document.hints.ttlMs === undefined || document.hints.ttlMs > 0);
  }), { seed: 12, numRuns: 3_000 });
});

test('headers of any content mean something or nothing, and never throw', () => {
  const value = fc.oneof(fc.string(), fc.constantFrom('<', '<x>; rel=hub', '<http://h/>; rel="self hub"', '9'.repeat(40), '-1', 'Thu, 99 Jan 2026', 'private, max-age="', '<>;rel=hub', 'a=b; c'));
  const headers = fc.dictionary(fc.constantFrom('link', 'age', 'date', 'expires', 'retry-after', 'cache-control', 'set-cookie', 'vary', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'last-modified'), fc.oneof(value, fc.array(value, { maxLength: 3 })));
  fc.assert(fc.property(headers, (all) => {
    cluesOf(all, 1e12);
    privacyCluesOf(all);
    linksOf(all, 'https://example.org/feed');
    const retry = retryAfterOf(all, 1e12);
    const limit = rateLimitOf(all, 1e12);
    assert.ok(retry === undefined || retry >= 0);
    assert.ok(limit === undefined || (limit.resetMs >= 0 && limit.remaining >= 0));
  }), { seed: 13, numRuns: 3_000 });
});

test('a document that takes too long costs its worker and nothing else', async () => {
  const hasty = new FeedParser(1);
  const long = Buffer.from(`<rss version="2.0"><channel>${'<item><title>x</title></item>'.repeat(50_000)}</channel></rss>`);
  const parsed = await hasty.parse(long, undefined);
  assert.ok('reason' in parsed && /takes longer/.test(parsed.reason));
  await hasty.close();
  const next = await parser.parse(Buffer.from('<rss version="2.0"><channel><title>fine</title><item><title>a</title></item></channel></rss>'), undefined);
  assert.ok('document' in next && next.document.title === 'fine');
});

test('deep nesting, many attributes and huge texts are survived', async () => {
  for (const inside of ['<a>'.repeat(50_000), `<item ${Array.from({ length: 20_000 }, (_, i) => `a${i}="x"`).join(' ')}>x</item>`, `<title>${'&amp;'.repeat(200_000)}</title>`, `<item>${'<category>c</category>'.repeat(50_000)}</item>`, '<![CDATA['.repeat(10_000)]) {
    const reading = await readDocument(parser, Buffer.from(`<rss version="2.0"><channel>${inside}</channel></rss>`), 'application/rss+xml');
    assert.equal(reading.hash.length, 64);
  }
});

test('a document with a DOCTYPE is not looked into', async () => {
  const reading = await readDocument(parser, Buffer.from('<!DOCTYPE rss SYSTEM "http://x/y.dtd"><rss version="2.0"><channel><title>t</title></channel></rss>'), '');
  assert.match(reading.reason ?? '', /DOCTYPE/);
});
