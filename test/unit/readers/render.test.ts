/** A feed's document as readers get it: the origin's bytes but for the links that would lead away. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { render, withoutItemsOf } from '../../../src/daemon/feeds/render.ts';

const links = { self: 'http://127.0.0.1:4780/f/0123456789abcdef.xml', hub: 'http://127.0.0.1:4780/hub' };

function rendered(document: string, encoding: BufferEncoding = 'utf8'): string {
  return Buffer.from(render(Buffer.from(document, encoding), undefined, links).body).toString(encoding);
}

/** Renders to what it is with `<self>` and `<hub>` in place of what stood there. */
function becomes(before: string, after: string): void {
  assert.equal(rendered(before), after.replaceAll('SELF', links.self).replaceAll('HUB', links.hub));
}

test('self and hub of an RSS channel are ours, whatever the prefix, the order and the quotes', () => {
  becomes(
    '<?xml version="1.0"?>\n<rss xmlns:a="http://www.w3.org/2005/Atom"><channel>\r\n<a:link  href=\'https://o.example/f?a=1&amp;b=2\'\n rel = "self"/><link>https://o.example/</link><a:link rel="HuB" href="https://hub.example/"></a:link></channel></rss>',
    '<?xml version="1.0"?>\n<rss xmlns:a="http://www.w3.org/2005/Atom"><channel>\r\n<a:link  href=\'SELF\'\n rel = "self"/><link>https://o.example/</link><a:link rel="HuB" href="HUB"></a:link></channel></rss>',
  );
});

test('self and hub of an Atom feed are ours, those of its entries are theirs', () => {
  becomes(
    '<feed xmlns="http://www.w3.org/2005/Atom"><link rel="self" href="x"/><link rel="alternate" href="y"/><link rel="next" href="z"/><entry><link rel="self" href="e"/></entry><link rel="hub" href="h"/></feed>',
    '<feed xmlns="http://www.w3.org/2005/Atom"><link rel="self" href="SELF"/><link rel="alternate" href="y"/><link rel="next" href="z"/><entry><link rel="self" href="e"/></entry><link rel="hub" href="HUB"/></feed>',
  );
});

test('links of RFC 5005 to archives and pages are the origin\'s', () => {
  const archives = '<link rel="prev-archive" href="a"/><link rel="next-archive" href="b"/><link rel="current" href="c"/><link rel="first" href="d"/><link rel="previous" href="e"/><link rel="next" href="f"/><link rel="last" href="g"/>';
  const fh = '<fh:archive xmlns:fh="http://purl.org/syndication/history/1.0"/>';
  becomes(`<feed xmlns="http://www.w3.org/2005/Atom">${fh}${archives}<link rel="self" href="x"/></feed>`, `<feed xmlns="http://www.w3.org/2005/Atom">${fh}${archives}<link rel="self" href="SELF"/></feed>`);
});

test('self of an RDF channel is ours', () => {
  becomes(
    '<rdf:RDF xmlns:rdf="r"><channel rdf:about="a"><atom:link rel="self" href="x"/></channel><item rdf:about="b"><link>c</link></item></rdf:RDF>',
    '<rdf:RDF xmlns:rdf="r"><channel rdf:about="a"><atom:link rel="self" href="SELF"/></channel><item rdf:about="b"><link>c</link></item></rdf:RDF>',
  );
});

test('notices that the feed has moved lead to us', () => {
  becomes('<rss><channel><itunes:new-feed-url> <![CDATA[https://n.example/]]></itunes:new-feed-url></channel></rss>', '<rss><channel><itunes:new-feed-url>SELF</itunes:new-feed-url></channel></rss>');
  becomes('<redirect><newLocation>https://n.example/</newLocation></redirect>', '<redirect><newLocation>SELF</newLocation></redirect>');
});

test('feed_url and hubs of a JSON Feed are ours, and the rest stays as it was written', () => {
  becomes(
    '{ "version": "https://jsonfeed.org/version/1.1",\n "feed_url":"https:\\/\\/o.example\\/f", "hubs" : [ {"type":"WebSub","url":"https://hub.example"} ], "next_url":"n", "items":[{"id":"1","feed_url":"not this"}]}',
    '{ "version": "https://jsonfeed.org/version/1.1",\n "feed_url":"SELF", "hubs" : [ {"type":"WebSub","url":"HUB"} ], "next_url":"n", "items":[{"id":"1","feed_url":"not this"}]}',
  );
});

test('what only looks like a link is left alone: comments, CDATA, instructions, DOCTYPE', () => {
  for (const document of [
    '<rss><channel><!-- <link rel="self" href="x"/> --><title><![CDATA[<link rel="self" href="x"/>]]></title></channel></rss>',
    '<!DOCTYPE rss [<!ENTITY e "<rss><link rel=\'self\' href=\'x\'/>">]><?x <link rel="self" href="x"/>?><rss><channel/></rss>',
    '<html><head><link rel="self" href="x"/></head></html>',
    '{"items":[],"feed_url":"x"}',
    'no feed at all < & >',
    '',
  ]) {
    assert.equal(rendered(document), document);
  }
});

test('every other byte stays, in any encoding', () => {
  const document = '<?xml version="1.0" encoding="utf-16"?><feed><title>Zürich 東京 \ud83c\udf33</title><link rel="self" href="x"/></feed>';
  const expected = document.replace('"x"', `"${links.self}"`);
  for (const mark of ['', '\ufeff']) {
    assert.equal(rendered(mark + document, 'utf16le'), mark + expected);
    const bigEndian = render(Buffer.from(mark + document, 'utf16le').swap16(), undefined, links).body;
    assert.equal(Buffer.from(bigEndian).swap16().toString('utf16le'), mark + expected);
  }
  const bytes = Buffer.concat([Buffer.from('<rss><channel><title>'), Buffer.from([0x80, 0xa0, 0xff, 0xfe, 0xb9]), Buffer.from('</title><l:link rel="self" href="x"/></channel></rss>')]);
  const [before, after] = [bytes.indexOf('"x"') + 1, bytes.length - bytes.indexOf('"x"') - 2];
  const { body } = render(bytes, 'gb2312', links);
  assert.deepEqual(Buffer.from(body).subarray(0, before), bytes.subarray(0, before));
  assert.deepEqual(Buffer.from(body).subarray(-after), bytes.subarray(-after));
});

test('a document in an encoding where places cannot be told is left alone', () => {
  const document = Buffer.from('<?xml version="1.0" encoding="ISO-2022-JP"?><feed><link rel="self" href="x"/></feed>');
  assert.deepEqual(render(document, undefined, links).body, document);
  const plain = Buffer.from('<feed><link rel="self" href="x"/></feed>');
  assert.deepEqual(render(plain, 'utf-7', links).body, plain);
  assert.deepEqual(render(Buffer.from([0, 0, 0, 0x3c, 0, 0, 0, 0x66]), undefined, links).format, 'unknown');
});

test('a signed document is untouched', () => {
  const signed = '<feed xmlns="http://www.w3.org/2005/Atom"><link rel="self" href="x"/><entry><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"></ds:Signature></entry></feed>';
  assert.equal(rendered(signed), signed);
  assert.equal(render(Buffer.from(signed), undefined, links).isSigned, true);
});

test('half a document is served as far as it goes', () => {
  becomes('<rss><channel><atom:link rel="self" href="x"/><item><title>cut o', '<rss><channel><atom:link rel="self" href="SELF"/><item><title>cut o');
  becomes('<rss><channel><b><atom:link rel="self" href="x"', '<rss><channel><b><atom:link rel="self" href="x"');
  becomes('<rss><channel><title>a<b</title><atom:link rel="self" href="x"/></channel></rss>', '<rss><channel><title>a<b</title><atom:link rel="self" href="x"/></channel></rss>');
});

test('only the items that the base lacks are left, with everything around them', () => {
  const rss = (items: string): Buffer => Buffer.from(`<rss><channel><title>T</title>\n${items}</channel></rss>`);
  const item = (n: number, text = ''): string => `  <item><guid>${n}</guid>${text}</item>\n`;
  const delta = (after: Buffer, before: Buffer): string => Buffer.from(withoutItemsOf(after, before, undefined) ?? []).toString();
  assert.equal(delta(rss(item(3) + item(2, 'new') + item(1)), rss(item(2) + item(1))), rss(item(3) + item(2, 'new')).toString());
  assert.equal(withoutItemsOf(rss(item(2)), rss(item(1)), undefined), undefined, 'nothing to leave out');
  const json = (...ids: number[]): Buffer => Buffer.from(`{"version":"https://jsonfeed.org/version/1","items":[${ids.map((id) => `{"id":"${id}"}`).join(', ')}]}`);
  for (const kept of [[3], [1, 3], [2, 5], [1, 2, 3, 4, 5], [5], [1]]) {
    const others = [1, 2, 3, 4, 5].filter((id) => !kept.includes(id));
    const left = others.length === 0 ? undefined : (JSON.parse(delta(json(1, 2, 3, 4, 5), json(...others))) as { items: { id: string }[] });
    if (left !== undefined) assert.deepEqual(left.items.map(({ id }) => Number(id)), kept);
  }
  const rdf = Buffer.from('<rdf:RDF><item>1</item></rdf:RDF>');
  assert.equal(withoutItemsOf(rdf, rdf, undefined), undefined, 'its items are listed in the channel');
});

test('no bytes make it fail or lose anything', () => {
  const piece = fc.constantFrom('<', '>', '<feed>', '<rss>', '<channel>', '</channel>', '<link rel="self" href="', '"/>', "'", '<!--', '-->', '<![CDATA[', ']]>', '<!DOCTYPE', '[', ']', '{', '}', '"version":"jsonfeed.org"', ',', ':', '\\', '"', '<item>', '</item>', '\0', 'x', ' ');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }).map((parts) => Buffer.from(parts.join(''))), fc.uint8Array({ maxLength: 64 }), (document, noise) => {
      for (const body of [document, noise]) {
        const { body: after } = render(body, undefined, links);
        assert.equal(Buffer.from(after).toString('latin1').replaceAll(links.self, '').length <= body.length, true);
        withoutItemsOf(body, document, undefined);
      }
    }),
    { seed: 1, numRuns: 500 },
  );
});

const folder = process.env['GROVE_FEED_DATA'];
test(folder === undefined ? 'real feeds: left out, because GROVE_FEED_DATA names no folder of them' : `every file of ${folder} keeps all bytes but those of its links`, () => {
  for (const file of folder === undefined ? [] : filesIn(folder)) {
    const body = readFileSync(file);
    const after = Buffer.from(render(body, undefined, links).body).toString('latin1');
    const parts = after.split(new RegExp(`${links.self}|${links.hub}`.replaceAll('.', '\\.')));
    let at = 0;
    for (const part of parts) {
      const found = body.toString('latin1').indexOf(part, at);
      assert.ok(found >= 0, `${file}: ${part.slice(0, 80)}`);
      at = found + part.length;
    }
    assert.equal(at, body.length, file);
  }
});

function filesIn(path: string): string[] {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesIn(join(path, name)));
}
