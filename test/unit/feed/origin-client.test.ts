/** The origin client: polite questions, and what hostile answers come to. */
import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { after, test } from 'node:test';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import type { OriginAnswer, OriginClientOptions, OriginQuestion } from '../../../src/host/origin/origin-client.ts';
import { OriginClient, redirectTarget, REDIRECTS_MAX } from '../../../src/host/origin/origin-client.ts';
import { isPublicAddress } from '../../../src/host/origin/private-address.ts';
import { retryAfterOf } from '../../../src/host/origin/headers.ts';
import { rss, testOrigin } from './test-origin.ts';

const MIB = 2 ** 20;
const FEED = rss([{ id: 'a' }, { id: 'b' }]);
const XML = { 'content-type': 'application/rss+xml' };

const clients: OriginClient[] = [];
after(async () => Promise.all(clients.map(async (client) => client.close())));

function client(options: Partial<OriginClientOptions> = {}): OriginClient {
  const made = new OriginClient({ allowPrivateNetworks: true, now: Date.now, ...options });
  clients.push(made);
  return made;
}
const shared = client();

async function ask(url: string, question: Partial<OriginQuestion> = {}, by = shared): Promise<OriginAnswer> {
  return by.ask({ url, userAgent: 'grove/test', validators: undefined, takesDelta: false, ...question });
}

function failed(answer: OriginAnswer): Extract<OriginAnswer, { readonly kind: 'failed' }> {
  assert.equal(answer.kind, 'failed', `status ${answer.status}`);
  return answer as Extract<OriginAnswer, { readonly kind: 'failed' }>;
}

function document(answer: OriginAnswer): Extract<OriginAnswer, { readonly kind: 'document' }> {
  assert.equal(answer.kind, 'document', answer.kind === 'failed' ? answer.reason : answer.kind);
  return answer as Extract<OriginAnswer, { readonly kind: 'document' }>;
}

test('validators go back verbatim, both of them, and nothing that identifies a person goes along', async () => {
  await using origin = await testOrigin((_request, response) => void response.writeHead(304).end());
  const validators = { etag: 'W/"odd, value-gzip"', lastModified: 'yesterday, they say' };
  const answer = await ask(`${origin.url}/feed?x=1`, { validators });
  assert.equal(answer.kind, 'unchanged');
  const { headers, path } = origin.asked[0] ?? assert.fail();
  assert.equal(path, '/feed?x=1');
  assert.equal(headers['if-none-match'], validators.etag);
  assert.equal(headers['if-modified-since'], validators.lastModified);
  assert.equal(headers['user-agent'], 'grove/test');
  for (const name of ['cookie', 'referer', 'authorization', 'cache-control', 'pragma', 'origin']) assert.equal(headers[name], undefined, name);
});

test('without a body that is held the question is unconditional, and a 304 to it is no answer', async () => {
  await using origin = await testOrigin((_request, response) => void response.writeHead(304).end());
  assert.equal(failed(await ask(origin.url)).failure, 'content');
  assert.equal(origin.asked[0]?.headers['if-none-match'], undefined);
});

test('gzip, deflate in both forms and brotli are undone; the bytes are the origin\'s', async () => {
  await using origin = await testOrigin();
  const encoders: readonly [string, (bytes: Buffer) => Uint8Array][] = [
    ['gzip', (bytes) => gzipSync(bytes)], ['x-gzip', (bytes) => gzipSync(bytes)], ['deflate', (bytes) => deflateSync(bytes)], ['deflate', (bytes) => deflateRawSync(bytes)], ['br', (bytes) => brotliCompressSync(bytes)], ['identity', (bytes) => bytes],
  ];
  for (const [encoding, encode] of encoders) {
    origin.answer = (_request, response) => void response.writeHead(200, { ...XML, 'content-encoding': encoding }).end(encode(Buffer.from(FEED)));
    assert.equal(Buffer.from(document(await ask(origin.url)).body).toString(), FEED, encoding);
  }
  origin.answer = (_request, response) => void response.writeHead(200, { ...XML, 'content-encoding': 'gzip, br' }).end(brotliCompressSync(gzipSync(FEED)));
  assert.equal(document(await ask(origin.url)).body.length, Buffer.byteLength(FEED));
});

test('chains of encodings are capped, unknown ones and damaged streams refused', async () => {
  await using origin = await testOrigin();
  for (const [encoding, bytes] of [['gzip, gzip, gzip', gzipSync(gzipSync(gzipSync(FEED)))], ['zstd', Buffer.from(FEED)], ['gzip', gzipSync(FEED).subarray(0, 60)], ['br', Buffer.from(FEED)]] as const) {
    origin.answer = (_request, response) => void response.writeHead(200, { ...XML, 'content-encoding': encoding }).end(bytes);
    assert.equal(failed(await ask(origin.url)).failure, 'content', encoding);
  }
});

test('a bomb is stopped by its decompressed bytes', async () => {
  await using origin = await testOrigin();
  const zeros = Buffer.alloc(64 * MIB);
  for (const [encoding, bomb] of [['gzip', gzipSync(zeros)], ['br', brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })], ['deflate', deflateRawSync(zeros)], ['gzip, gzip', gzipSync(gzipSync(zeros))]] as const) {
    origin.answer = (_request, response) => void response.writeHead(200, { ...XML, 'content-encoding': encoding }).end(bomb);
    assert.match(failed(await ask(origin.url)).reason, /larger than 15 MiB/, encoding);
  }
});

test('a body of 200 MB is not read, announced or not', async () => {
  await using origin = await testOrigin();
  let sent = 0;
  origin.answer = (_request, response) => {
    response.writeHead(200, XML);
    const piece = Buffer.alloc(MIB, 0x20);
    const more = (): void => {
      while (sent < 200 && !response.destroyed) {
        sent++;
        if (!response.write(piece)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  };
  assert.match(failed(await ask(origin.url)).reason, /larger than 15 MiB/);
  assert.ok(sent < 60, `${sent} MiB were taken`);
  origin.answer = (_request, response) => void response.writeHead(200, { ...XML, 'content-length': 200 * MIB }).write(FEED);
  const answer = failed(await ask(origin.url));
  assert.equal(answer.bytes, 0);
});

test('redirects are followed by hand, five at most; only permanent ones from the start count as a move', async () => {
  await using origin = await testOrigin((request, response) => {
    const [, kind, left] = /^\/(\w+)\/(\d+)/.exec(request.url ?? '') ?? [];
    if (left === '0') return void response.writeHead(200, XML).end(FEED);
    const code = kind === 'moved' ? 301 : kind === 'found' ? 302 : Number(left) === 2 ? 308 : 307;
    response.writeHead(code, { location: `/${kind}/${Number(left) - 1}` }).end();
  });
  const moved = document(await ask(`${origin.url}/moved/${REDIRECTS_MAX}`));
  assert.equal(moved.permanentTo, `${origin.url}/moved/0`);
  assert.equal(document(await ask(`${origin.url}/found/2`)).permanentTo, undefined);
  assert.equal(document(await ask(`${origin.url}/mixed/2`)).permanentTo, `${origin.url}/mixed/1`);
  origin.asked.length = 0;
  assert.match(failed(await ask(`${origin.url}/moved/9999`)).reason, /more than 5 times/);
  assert.equal(origin.asked.length, REDIRECTS_MAX + 1);
});

test('no redirect leads from https to http, to another protocol, to a password or to nowhere', () => {
  const from = new URL('https://example.org/feed');
  for (const location of ['http://example.org/feed', 'file:///etc/passwd', 'ftp://example.org/', 'https://a:b@example.org/', 'gopher://x', '', 'https://']) {
    assert.throws(() => redirectTarget({ location }, from), Error, location);
  }
  assert.equal(redirectTarget({ location: '../other' }, from).href, 'https://example.org/other');
  assert.equal(redirectTarget({ location: '//cdn.example.net/x' }, from).href, 'https://cdn.example.net/x');
});

test('a name and password of the URL go to its own origin only', async () => {
  await using other = await testOrigin((_request, response) => void response.writeHead(200, XML).end(FEED));
  await using origin = await testOrigin((_request, response) => void response.writeHead(302, { location: other.url }).end());
  document(await ask(origin.url.replace('http://', 'http://me:s%20ecret@')));
  assert.equal(origin.asked[0]?.headers.authorization, `Basic ${Buffer.from('me:s ecret').toString('base64')}`);
  assert.equal(other.asked[0]?.headers.authorization, undefined);
});

test('private addresses are refused: written out in any form, by name, and when the DNS changes its mind', async () => {
  await using origin = await testOrigin((_request, response) => void response.writeHead(200, XML).end(FEED));
  const { port } = new URL(origin.url);
  const answers: LookupAddress[][] = [];
  const strict = client({ allowPrivateNetworks: false, timeouts: { connectMs: 300 }, resolve: async () => answers.shift() ?? [{ address: '127.0.0.1', family: 4 }] });
  for (const url of [origin.url, `http://[::1]:${port}/`, `http://[::ffff:127.0.0.1]:${port}/`, `http://2130706433:${port}/`, `http://0x7f.1:${port}/`, `http://rebound.example:${port}/`]) {
    const answer = failed(await ask(url, {}, strict));
    assert.equal(answer.failure, 'refused', url);
    assert.match(answer.reason, /private network/);
  }
  // A first answer that names several, then, for the next connection, only this machine.
  answers.push([{ address: '192.0.2.1', family: 4 }, { address: '127.0.0.1', family: 4 }]);
  assert.equal(failed(await ask(`http://rebinding.example:${port}/`, {}, strict)).failure, 'refused');
  assert.equal(failed(await ask(`http://rebinding.example:${port}/`, {}, strict)).failure, 'refused');
  assert.equal(origin.asked.length, 0, 'nothing was ever sent');
});

test('a redirect to a private address is refused at every hop, written out or by a name, and nothing is sent there', async () => {
  await using secret = await testOrigin((_request, response) => void response.writeHead(200, XML).end(FEED));
  const secretPort = new URL(secret.url).port;
  let inside = '';
  await using origin = await testOrigin((request, response) => {
    const left = Number(/\d+/.exec(request.url ?? '')?.[0]);
    response.writeHead(302, { location: left === 0 ? inside : `/${left - 1}` }).end();
  });
  const publicPort = new URL(origin.url).port;
  // To these tests 127.0.0.1 is the internet, and 127.0.0.2 the network at home.
  const strict = client({ allowPrivateNetworks: false, isPublic: (address) => address === '127.0.0.1', resolve: async (host) => [{ address: host === 'public.example' ? '127.0.0.1' : '127.0.0.2', family: 4 }] });
  for (const target of [`http://127.0.0.2:${secretPort}/`, `http://[::1]:${secretPort}/`, `http://inside.example:${secretPort}/`]) {
    inside = target;
    for (let hops = 0; hops < REDIRECTS_MAX; hops++) {
      const answer = failed(await ask(`http://public.example:${publicPort}/${hops}`, {}, strict));
      assert.equal(answer.failure, 'refused', `${target} after ${hops + 1} redirects`);
      assert.match(answer.reason, /private network/);
    }
  }
  assert.equal(secret.asked.length, 0);
});

test('what is public and what is not', () => {
  for (const address of ['10.1.2.3', '172.16.0.1', '192.168.0.1', '127.0.0.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', '198.18.0.1', '::1', '::', 'fe80::1', 'fe80::1%eth0', 'fd12::1', '::ffff:192.168.0.1', '64:ff9b::a00:1', '64:ff9b:1::1', '2002:7f00:1::', 'ff02::1', '2001:db8::1', 'nonsense', '']) {
    assert.equal(isPublicAddress(address), false, address);
  }
  for (const address of ['8.8.8.8', '93.184.216.34', '2606:4700::6810:84e5', '64:ff9b::808:808', '::ffff:8.8.8.8']) assert.equal(isPublicAddress(address), true, address);
});

test('web pages and challenge pages are never feeds, whatever their status and type; feeds are, whatever their type', async () => {
  await using origin = await testOrigin();
  const pages: readonly [string, string, RegExp][] = [
    ['text/html', '<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>', /bot wall/],
    ['application/rss+xml', '\n <html><body>Log in</body></html>', /web page/],
    ['application/rss+xml', '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x"><html/>', /web page/],
    ['application/rss+xml', '', /empty/], ['application/rss+xml', '\uFEFF  \n', /empty/], ['application/json', '{"error":"no"}', /no feed/], ['text/plain', 'nothing here', /no feed/],
    ['application/xml', '<?xml version="1.0"?><opml version="2.0"/>', /no feed/],
  ];
  for (const [type, text, reason] of pages) {
    origin.answer = (_request, response) => void response.writeHead(200, { 'content-type': type }).end(text);
    const answer = failed(await ask(origin.url));
    assert.equal(answer.failure, 'content');
    assert.match(answer.reason, reason, text);
  }
  for (const type of ['text/html; charset=utf-8', 'application/octet-stream', '']) {
    origin.answer = (_request, response) => void response.writeHead(200, type === '' ? {} : { 'content-type': type }).end(FEED);
    assert.equal(document(await ask(origin.url)).contentType, type);
  }
});

test('documents that declare entities are refused whole; a plain DOCTYPE is only noted', async () => {
  await using origin = await testOrigin();
  const bomb = `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">${Array.from({ length: 9 }, (_, i) => `<!ENTITY lol${i + 1} "${`&lol${i || ''};`.repeat(10)}">`).join('')}]><rss version="2.0"><channel><title>&lol9;</title></channel></rss>`;
  origin.answer = (_request, response) => void response.writeHead(200, XML).end(bomb);
  assert.match(failed(await ask(origin.url)).reason, /declares entities/);
  origin.answer = (_request, response) => void response.writeHead(200, XML).end(FEED.replace('<rss', '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/publish/formats/rss-0.91.dtd"><rss'));
  assert.equal(document(await ask(origin.url)).recognised.hasDoctype, true);
});

test('refusals are told apart, and a bot wall is named', async () => {
  await using origin = await testOrigin();
  for (const [status, failure] of [[401, 'forbidden'], [403, 'forbidden'], [451, 'forbidden'], [404, 'missing'], [400, 'missing'], [410, 'gone'], [429, 'throttled'], [500, 'server'], [503, 'server'], [204, 'content'], [206, 'content']] as const) {
    origin.answer = (_request, response) => void response.writeHead(status).end();
    assert.equal(failed(await ask(origin.url)).failure, failure, String(status));
  }
  origin.answer = (_request, response) => void response.writeHead(403, { 'content-type': 'text/html' }).end('<html>Checking your browser before accessing</html>');
  assert.match(failed(await ask(origin.url)).reason, /403, from what looks like a bot wall/);
});

test('Retry-After is read in both forms however long, and a date counts from the server\'s own clock', async () => {
  const now = Date.UTC(2026, 0, 5);
  assert.equal(retryAfterOf({ 'retry-after': '3024000' }, now), 35 * 86_400_000);
  assert.equal(retryAfterOf({ 'retry-after': new Date(now + 86_400_000).toUTCString() }, now), 86_400_000);
  assert.equal(retryAfterOf({ 'retry-after': new Date(now + 86_400_000).toUTCString(), date: new Date(now + 80_000_000).toUTCString() }, now), 6_400_000);
  assert.equal(retryAfterOf({ 'retry-after': 'soon' }, now), undefined);
  assert.equal(retryAfterOf({ 'retry-after': new Date(now - 5_000).toUTCString() }, now), 0);
  await using origin = await testOrigin((_request, response) => void response.writeHead(429, { 'cache-control': 'max-age=900', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '59' }).end());
  const answer = failed(await ask(origin.url));
  assert.equal(answer.retryAfterMs, 900_000, 'freshness of a 429 counts too');
  assert.deepEqual(answer.rateLimit, { remaining: 0, resetMs: 59_000 });
});

test('a server that is silent, or stops in the middle, is given up', async () => {
  const silent = createServer((socket) => void socket.on('error', () => undefined));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const hasty = client({ timeouts: { wholeMs: 300 } });
  const answer = failed(await ask(`http://127.0.0.1:${(silent.address() as AddressInfo).port}/`, {}, hasty));
  assert.deepEqual([answer.failure, answer.reason], ['network', 'does not answer in time']);
  silent.close();
  await using origin = await testOrigin((_request, response) => {
    response.writeHead(200, { ...XML, 'content-length': 5_000 });
    response.write(FEED.slice(0, 100));
    setImmediate(() => response.destroy());
  });
  assert.equal(failed(await ask(origin.url)).failure, 'network');
  assert.equal(failed(await ask('http://127.0.0.1:1/')).failure, 'network');
});

test('hubs and self of Link headers are found and made absolute', async () => {
  await using origin = await testOrigin((_request, response) => void response.writeHead(200, { ...XML, link: ['<https://hub.example/>; rel="hub", </self.xml>; rel=self', '<https://two.example/>; rel="hub alternate"'] }).end(FEED));
  assert.deepEqual(document(await ask(origin.url)).links, { hubs: ['https://hub.example/', 'https://two.example/'], self: `${origin.url}/self.xml` });
});
