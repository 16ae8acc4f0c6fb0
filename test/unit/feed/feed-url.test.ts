/** One feed, one name: canonical URLs, keys and ids. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GroveError } from '../../../src/core/errors.ts';
import { sha256 } from '../../../src/daemon/feeds/intake.ts';
import { parseFeedUrl } from '../../../src/host/origin/parse-url.ts';
import { feedIdOf, feedKey } from '../../../src/protocol/feed/feed-url.ts';

const canonical = (url: string): string => parseFeedUrl(url).canonical;

test('what cannot change the answer does not change the name', () => {
  const name = canonical('https://example.org/feed.xml');
  for (const url of ['HTTPS://Example.ORG/feed.xml', 'https://example.org:443/feed.xml', ' https://example.org/feed.xml#top ', 'feed:https://example.org/feed.xml', 'https://example.org/a/../feed.xml', 'https://example.org./feed.xml']) {
    assert.equal(canonical(url), name, url);
  }
  assert.equal(canonical('http://example.org'), 'http://example.org/');
  assert.equal(canonical('feed://example.org/x'), 'http://example.org/x');
});

test('what could change the answer does', () => {
  const name = canonical('https://example.org/feed.xml');
  for (const url of ['http://example.org/feed.xml', 'https://www.example.org/feed.xml', 'https://example.org/Feed.xml', 'https://example.org/feed.xml/', 'https://example.org/feed.xml?a=1&b=2', 'https://example.org:8443/feed.xml']) {
    assert.notEqual(canonical(url), name, url);
  }
  assert.notEqual(canonical('https://e.org/?a=1&b=2'), canonical('https://e.org/?b=2&a=1'));
});

test('a canonical URL is its own canonical URL', () => {
  fc.assert(fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (url) => {
    const once = canonical(url);
    assert.equal(canonical(once), once);
  }), { seed: 6 });
  for (const url of ['http://[::1]:8080/x', 'https://user:p%40ss@example.org/', 'https://xn--bcher-kva.example/']) assert.equal(canonical(canonical(url)), canonical(url));
  assert.equal(canonical('https://bücher.example/'), canonical('https://xn--bcher-kva.example/'));
});

test('what is no web address is refused with a sentence', () => {
  for (const url of ['', 'nonsense', 'ftp://example.org/feed', 'file:///etc/passwd', 'javascript:alert(1)', 'https://', `https://example.org/${'x'.repeat(3_000)}`]) {
    assert.throws(() => parseFeedUrl(url), (error) => error instanceof GroveError && error.code === 'usage', url.slice(0, 40));
  }
});

test('among friends the key is salted, and the id in local URLs is not', () => {
  const name = canonical('https://example.org/feed.xml');
  assert.equal(feedKey(name, '', sha256).hex, sha256(name).slice(0, 40));
  assert.notEqual(feedKey(name, 'pool', sha256).hex, feedKey(name, '', sha256).hex);
  assert.equal(feedIdOf(name, sha256), sha256(name).slice(0, 16));
});
