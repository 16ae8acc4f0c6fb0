/** Lists of subscriptions: in, with local URLs out, and back to the same bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readOpml, withLocalUrls, withOriginalUrls, writeOpml } from '../../../src/daemon/feeds/opml.ts';

const local = (url: string): string => `http://127.0.0.1:4780/f/${Buffer.from(url).toString('hex').slice(0, 16).padEnd(16, '0')}.xml`;
const LIST = `<?xml version="1.0" encoding="UTF-8"?>\r\n<opml version="2.0" xmlns:x='y'><head><title>Ä</title></head><body>
  <outline text="Folder" x:keep='1'>
\t<outline  type="rss" text="A &amp; B" title="A" xmlUrl = 'https://a.example/f?x=1&amp;y=2'  htmlUrl="https://a.example/"   />
    <!-- <outline xmlUrl="https://not.example/"/> -->
    <outline type='rss' xmlUrl="https://b.example/"></outline>
  </outline>
  <outline text="no feed" type="link" url="https://c.example/"/>
</body></opml>`;

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('utf8');
}

test('a list names its feeds, their titles and lines; what is no feed is passed over', () => {
  assert.deepEqual(readOpml(Buffer.from(LIST)), {
    feeds: [{ url: 'https://a.example/f?x=1&y=2', title: 'A', line: 4 }, { url: 'https://b.example/', title: '', line: 6 }],
    faults: [],
  });
});

test('only the URLs differ, each with its original beside it, and restoring gives the same bytes', () => {
  const localised = withLocalUrls(Buffer.from(LIST), local);
  const expected = LIST.replace('<opml', '<opml xmlns:grove="https://grove.invalid/ns/opml"')
    .replace("'https://a.example/f?x=1&amp;y=2'", `'${local('https://a.example/f?x=1&y=2')}' grove:xmlUrl='https://a.example/f?x=1&amp;y=2'`)
    .replace('<outline type=\'rss\' xmlUrl="https://b.example/"', `<outline type='rss' xmlUrl="${local('https://b.example/')}" grove:xmlUrl="https://b.example/"`);
  assert.equal(text(localised), expected);
  assert.deepEqual(withOriginalUrls(localised), { bytes: Buffer.from(LIST), restored: 2 });
  assert.equal(text(withLocalUrls(localised, local)), text(localised), 'a second time changes nothing');
  assert.deepEqual(withOriginalUrls(Buffer.from(LIST))?.restored, 0);
});

test('a URL without a local one stays, in both directions', () => {
  const half = withLocalUrls(Buffer.from(LIST), (url) => (url.includes('b.example') ? local(url) : undefined));
  assert.match(text(half), /'https:\/\/a\.example\/f\?x=1&amp;y=2' {2}htmlUrl/);
  assert.equal(text(withOriginalUrls(half)?.bytes), LIST);
});

test('lists in UTF-16 and with other letters come back as they were', () => {
  const wide = Buffer.from(`\ufeff${LIST}`, 'utf16le');
  assert.equal(readOpml(wide)?.feeds.length, 2);
  assert.deepEqual(withOriginalUrls(withLocalUrls(wide, local))?.bytes, wide);
  const latin = Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><opml><outline text="\xfc" xmlUrl="https://a.example/\xfc"/></opml>', 'latin1');
  assert.deepEqual(readOpml(latin)?.feeds[0], { url: 'https://a.example/ü', title: 'ü', line: 1 });
  assert.deepEqual(withOriginalUrls(withLocalUrls(latin, local))?.bytes, latin);
});

test('of 10,000 entries with 1 % broken all good ones are read, and the broken ones named by line', () => {
  const broken = [
    '<outline type="rss" text="none"/>',
    '<outline type="rss" text="empty" xmlUrl=""/>',
    '<outline type="rss" text="open xmlUrl="https://x.example/feed/>',
    '<outline type="rss" xmlUrl="https://y.example/feed text="open"/>'.replace(' text="open"', ''),
  ];
  const lines = Array.from({ length: 10_000 }, (_, i) => (i % 100 === 50 ? String(broken[(i / 100) % 4 | 0]) : `<outline type="rss" text="${i}" xmlUrl="https://h${i}.example/?a=1&b=${i}"/>`));
  const list = readOpml(Buffer.from(['<opml><body>', ...lines, '</body></opml>'].join('\n')));
  const good = lines.flatMap((line, i) => (i % 100 === 50 ? [] : [`https://h${i}.example/?a=1&b=${i}`]));
  assert.deepEqual(list?.feeds.map(({ url }) => url), good);
  assert.deepEqual(list?.faults.map(({ line }) => line), Array.from({ length: 100 }, (_, i) => i * 100 + 52));
});

test('another kind of file is no list', () => {
  for (const other of ['', 'text', '<rss><channel/></rss>', '{"opml":1}', '\0\0\0\0']) {
    assert.equal(readOpml(Buffer.from(other)), undefined);
    assert.equal(withOriginalUrls(Buffer.from(other)), undefined);
  }
});

test('what is written can be read', () => {
  const feeds = [{ url: 'https://a.example/?x=1&y="<', title: 'A & "B" <ü>' }, { url: 'https://b.example/', title: '' }];
  assert.deepEqual(readOpml(Buffer.from(writeOpml('All', feeds)))?.feeds.map(({ url, title }) => ({ url, title })), feeds);
});

test('whatever a list is made of, restoring gives back its bytes', () => {
  const piece = fc.constantFrom('<opml>', '<opml version="2.0" ', '>', '<body>', '</body>', '</opml>', '<outline ', 'xmlUrl="https://a.example/"', " xmlUrl='https://b.example/?a=1&amp;b=2'", ' text="T"', 'xmlUrl=""', '/>', '"', "'", '<!--', '-->', '<![CDATA[', ']]>', '\n', ' ', '\u00e4', '&', 'x:y="z"');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const list = Buffer.from(pieces.join(''));
      const localised = withLocalUrls(list, local);
      const restored = withOriginalUrls(localised);
      assert.deepEqual(Buffer.from(restored?.bytes ?? list), list);
    }),
    { seed: 2, numRuns: 1_000 },
  );
});
