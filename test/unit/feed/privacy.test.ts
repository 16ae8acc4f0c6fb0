/** The guard of private feeds: what is kept out of the pool and why, and which ordinary feeds it lets in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFeedUrl } from '../../../src/host/origin/parse-url.ts';
import { isPrivateHost } from '../../../src/host/origin/private-address.ts';
import { looksRandom, privateAnswer, privateUrl } from '../../../src/protocol/feed/privacy.ts';

const check = (url: string): ReturnType<typeof privateUrl> => {
  const { parts } = parseFeedUrl(url);
  return privateUrl(parts, isPrivateHost(parts));
};
const quiet = { cacheControl: '', vary: '', cookies: [], blocked: false };

test('a name or password in the URL keeps a feed on this machine, whatever is asked for', () => {
  assert.equal(check('https://me:secret@example.org/feed')?.certain, true);
  assert.match(check('https://me@example.org/feed')?.reason ?? '', /name or password/);
});

test('hosts of a private network keep a feed on this machine', () => {
  for (const host of ['127.0.0.1', '[::1]', '192.168.1.4', '100.64.3.2', 'nas', 'nas.local', 'wiki.corp', 'router.home.arpa', 'localhost:8080', '[fd00::1]', '[::ffff:10.0.0.1]']) {
    assert.equal(check(`http://${host}/feed`)?.certain, true, host);
  }
});

test('parameters that are named like secrets, and secret-looking values, are taken for secrets', () => {
  for (const url of [
    'https://example.org/feed?token=abc', 'https://example.org/feed?x=1&api_key=9', 'https://www.reddit.com/.rss?feed=0123456789abcdef&user=somebody',
    'https://www.patreon.com/rss/somebody?auth=sbuQk3wMvfUhWh', 'https://example.org/rss/private/8f14e45fceea167a5a36dedd4bea2543', 'https://feeds.example.com/f/kJ8sDf72hQpL0aZx91Yb/rss',
    'https://example.org/feed?u=Zk3vQ9xT1pL7mW2cR8sD4fG6', 'https://example.org/s/3fa85f64-5717-4562-b3fc-2c963f66afa6/feed.xml',
  ]) {
    const found = check(url);
    assert.ok(found !== undefined, url);
    assert.equal(found.certain, false, 'a guess, against which a person may decide');
  }
});

test('the reason does not repeat the secret', () => {
  const reason = check('https://example.org/feed?u=Zk3vQ9xT1pL7mW2cR8sD4fG6')?.reason ?? '';
  assert.ok(reason.includes('Zk3v') && !reason.includes('Zk3vQ9xT'));
});

test('ordinary feeds are let in', () => {
  for (const url of [
    'https://daringfireball.net/feeds/main', 'https://www.youtube.com/feeds/videos.xml?channel_id=UCXuqSBlHAE6Xw-yeJA0Tunw', 'https://example.org/2024/01/05/a-long-title-of-an-article-with-2-numbers/feed/',
    'https://github.com/nodejs/node/releases.atom', 'https://www.reddit.com/r/selfhosted/.rss', 'https://blog.example.org/?feed=rss2', 'https://example.org/index.php?option=com_content&view=featured&format=feed&type=rss',
    'https://hnrss.org/newest?points=100&count=25', 'https://medium.com/feed/@hodlhodl', 'https://news.example.com/rss/TopStoriesInternational2024.xml', 'https://lobste.rs/t/programming,distributed.rss',
    'https://feeds.simplecast.com/54nAGcIl', 'https://rss.art19.com/apology-line', 'https://planet.debian.org/rss20.xml', 'https://export.arxiv.org/rss/cs.DC', 'https://stackoverflow.com/feeds/tag?tagnames=node.js&sort=newest',
    'https://www.tagesschau.de/infoservices/alle-meldungen-100~rss2.xml', 'https://example.org/weblog/internationalization-localization/index.xml',
  ]) assert.equal(check(url), undefined, `${url}: ${check(url)?.reason}`);
});

test('answers that are made for one person keep a feed on this machine', () => {
  assert.equal(privateAnswer(quiet), undefined);
  for (const [clues, word] of [
    [{ cacheControl: 'max-age=60, Private' }, /Cache-Control/], [{ cacheControl: 'private="set-cookie"' }, /Cache-Control/], [{ vary: 'Accept-Encoding, Cookie' }, /Cookie/],
    [{ vary: 'authorization' }, /Authorization/], [{ cookies: ['PHPSESSID'] }, /cookie/], [{ blocked: true }, /itunes:block/],
  ] as const) {
    const found = privateAnswer({ ...quiet, ...clues });
    assert.match(found?.reason ?? '', word);
    assert.equal(found?.certain, true);
  }
});

test('cookies of bot walls and load balancers say nothing of the feed', () => {
  assert.equal(privateAnswer({ ...quiet, cookies: ['__cf_bm', 'AWSALB', 'datadome', '_ga'] }), undefined);
  assert.equal(privateAnswer({ ...quiet, vary: 'Accept-Encoding, Origin', cacheControl: 'public, max-age=300' }), undefined);
});

test('tokens are told from words', () => {
  for (const token of ['8f14e45fceea167a5a36dedd4bea2543', 'kJ8sDf72hQpL0aZx91Yb', 'dGhpcyBpcyBhIHRva2Vu4fQ1', '3fa85f64-5717-4562-b3fc-2c963f66afa6']) assert.ok(looksRandom(token), token);
  for (const word of ['a-long-title-of-an-article-with-2-numbers', 'internationalization', 'TopStoriesInternational', 'alle-meldungen-100~rss2.xml', '20240105', 'newest', 'distributed-systems-2024-edition']) assert.ok(!looksRandom(word), word);
});
