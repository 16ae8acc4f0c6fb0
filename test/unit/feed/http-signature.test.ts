/** Signatures of answers (RFC 9421): the RFC's own example, the three kinds of keys, and what makes a signature void. */
import assert from 'node:assert/strict';
import type { KeyObject } from 'node:crypto';
import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { PublisherKey, SignedAnswer } from '../../../src/host/origin/http-signature.ts';
import { isSignedBy, signaturesOf, thumbprintOf } from '../../../src/host/origin/http-signature.ts';
import { parseDictionary, writeMember } from '../../../src/host/origin/structured-fields.ts';
import { Service } from './service.ts';
import { rss, testOrigin } from './test-origin.ts';

const NOW = Date.UTC(2026, 0, 5);
const NOW_S = NOW / 1_000;

function digestsOf(body: Uint8Array): SignedAnswer['digests'] {
  return { 'sha-256': createHash('sha256').update(body).digest(), 'sha-512': createHash('sha512').update(body).digest() };
}

function answerWith(headers: Readonly<Record<string, string>>, body: Uint8Array = Buffer.from('body')): SignedAnswer {
  return { status: 200, headers, url: new URL('https://example.org/feed?x=1'), requestHeaders: { accept: 'text/xml' }, digests: digestsOf(body) };
}

const digestOf = (body: Uint8Array): string => `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;

/** Headers of an answer with this body, signed over a base that the caller writes out: the lines before `@signature-params`. */
function signed(key: KeyObject, body: Uint8Array, parameters: string, lines: (digest: string) => readonly string[], method: (base: Buffer) => Buffer = (base) => sign(null, base, key)): Readonly<Record<string, string>> {
  const digest = digestOf(body);
  const base = [...lines(digest), `"@signature-params": ${parameters}`].join('\n');
  return { 'content-digest': digest, 'signature-input': `sig=${parameters}`, signature: `sig=:${method(Buffer.from(base)).toString('base64')}:` };
}

const ed25519 = generateKeyPairSync('ed25519');
const jwkOf = (key: KeyObject, kid?: string): PublisherKey => ({ ...key.export({ format: 'jwk' }), ...(kid === undefined ? {} : { kid }) });
const COVERED = '("@status" "content-digest");created=1767571000;keyid="main"';
const covering = (digest: string): string[] => ['"@status": 200', `"content-digest": ${digest}`];

test('the example of the RFC with a P-256 key (B.2.4) is verified, and so is its digest', () => {
  const body = Buffer.from('{"message": "good dog"}');
  const answer = answerWith({
    'content-type': 'application/json', 'content-length': '23',
    'content-digest': 'sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:',
    'signature-input': 'sig-b24=("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"',
    signature: 'sig-b24=:wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==:',
  }, body);
  const key = { kty: 'EC', crv: 'P-256', kid: 'test-key-ecc-p256', x: 'qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA', y: 'Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0' };
  const [signature] = signaturesOf(answer, NOW);
  assert.ok(signature !== undefined && isSignedBy(signature, [key]));
  assert.equal(isSignedBy(signature, [{ ...key, kid: 'another' }]), false, 'a key of another name');
  assert.deepEqual(signaturesOf({ ...answer, digests: digestsOf(Buffer.from('{"message": "bad dog"}')) }, NOW), [], 'other bytes');
});

test('Ed25519, RSA-PSS and ECDSA keys sign; each by its own algorithm only', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const body = Buffer.from('body');
  const pss = (base: Buffer): Buffer => sign('sha512', base, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 });
  const kinds: readonly [string, PublisherKey, (base: Buffer) => Buffer][] = [
    ['ed25519', jwkOf(ed25519.publicKey), (base) => sign(null, base, ed25519.privateKey)],
    ['rsa-pss-sha512', jwkOf(rsa.publicKey), pss],
    ['ecdsa-p384-sha384', jwkOf(p384.publicKey), (base) => sign('sha384', base, { key: p384.privateKey, dsaEncoding: 'ieee-p1363' })],
  ];
  for (const [algorithm, key, method] of kinds) {
    for (const parameters of ['("content-digest")', `("content-digest");alg="${algorithm}";keyid="${thumbprintOf(key)}"`]) {
      const [signature] = signaturesOf(answerWith(signed(ed25519.privateKey, body, parameters, (digest) => [`"content-digest": ${digest}`], method)), NOW);
      assert.ok(signature !== undefined);
      for (const [name, other] of kinds) assert.equal(isSignedBy(signature, [other]), name === algorithm, `${algorithm} by a key for ${name}`);
    }
    const [wrong] = signaturesOf(answerWith(signed(ed25519.privateKey, body, '("content-digest");alg="hmac-sha256"', (digest) => [`"content-digest": ${digest}`], method)), NOW);
    assert.equal(wrong !== undefined && isSignedBy(wrong, [key]), false, 'another algorithm is named');
  }
});

test('parts of the request and members of dictionaries can be covered; what is not understood makes the signature void', () => {
  const body = Buffer.from('body');
  const keys = [jwkOf(ed25519.publicKey, 'main')];
  const isGood = (parameters: string, lines: (digest: string) => readonly string[]): boolean =>
    signaturesOf(answerWith({ priority: 'u=3, i', ...signed(ed25519.privateKey, body, parameters, lines) }), NOW).some((one) => isSignedBy(one, keys));
  assert.ok(isGood('("content-digest" "@target-uri";req "@authority";req "@method";req "@query";req "accept";req "priority";key="u")', (digest) => [
    `"content-digest": ${digest}`, '"@target-uri";req: https://example.org/feed?x=1', '"@authority";req: example.org', '"@method";req: GET', '"@query";req: ?x=1', '"accept";req: text/xml', '"priority";key="u": 3',
  ]));
  assert.ok(isGood(COVERED, covering));
  assert.equal(isGood('("@status")', () => ['"@status": 200']), false, 'the body is not covered');
  assert.equal(isGood('("content-digest";req "content-digest")', (digest) => [`"content-digest";req: ${digest}`, `"content-digest": ${digest}`]), false, 'the request had none');
  assert.equal(isGood('("content-digest" "content-digest")', (digest) => [`"content-digest": ${digest}`, `"content-digest": ${digest}`]), false, 'twice the same');
  assert.equal(isGood('("content-digest" "@later")', (digest) => [`"content-digest": ${digest}`, '"@later": x']), false, 'a part that nobody knows');
  assert.equal(isGood('("content-digest" "gone")', (digest) => [`"content-digest": ${digest}`, '"gone": x']), false, 'a header that is not there');
  assert.equal(isGood('("content-digest";bs)', (digest) => [`"content-digest";bs: ${digest}`]), false, 'a form that is not understood');
});

test('a signature that has expired, or is from the future, is void; so is one beside a digest that is not the body\'s', () => {
  const body = Buffer.from('body');
  const lines = (digest: string): string[] => [`"content-digest": ${digest}`];
  const isFound = (parameters: string, of = body): boolean => signaturesOf(answerWith(signed(ed25519.privateKey, body, parameters, lines), of), NOW).length > 0;
  assert.ok(isFound(`("content-digest");created=${NOW_S - 9};expires=${NOW_S + 9}`));
  assert.ok(!isFound(`("content-digest");created=${NOW_S - 9};expires=${NOW_S}`));
  assert.ok(!isFound(`("content-digest");created=${NOW_S + 900}`));
  assert.ok(!isFound('("content-digest")', Buffer.from('other')));
  const headers = signed(ed25519.privateKey, body, '("content-digest")', lines);
  assert.deepEqual(signaturesOf(answerWith({ ...headers, 'content-digest': `${headers['content-digest'] ?? ''}, sha-512=:AAAA:` }), NOW), [], 'one of two digests is wrong');
  assert.deepEqual(signaturesOf(answerWith({ ...headers, 'content-digest': 'md5=:AAAA:' }), NOW), [], 'a digest that is not trusted');
  for (const input of ['', 'sig', 'sig=("content-digest"', 'sig=("content-digest");created=yes=no', 'other=("content-digest")', `sig=${'('.repeat(5_000)}`]) {
    assert.deepEqual(signaturesOf(answerWith({ ...headers, 'signature-input': input }), NOW), [], input.slice(0, 60));
  }
});

test('structured fields are read strictly and written in their one form', () => {
  const written = (text: string): string | undefined => {
    const members = parseDictionary(text);
    return members === undefined ? undefined : [...members].map(([name, member]) => `${name}=${writeMember(member)}`).join(', ');
  };
  assert.equal(written('a=( "x"   "y";req );k="v\\"w" ,b=?0;n=-1.50, c=:AQI=:,d;e, a=tok/en'), 'b=?0;n=-1.50, c=:AQI=:, d=?1;e, a=tok/en');
  assert.equal(written('sig=("@status" "content-digest");created=1;keyid="k"'), 'sig=("@status" "content-digest");created=1;keyid="k"');
  for (const broken of ['A=1', 'a=', 'a=(', 'a=1,', 'a="x', 'a=("x""y")', 'a=:?:', 'a=1 2', 'a="\u00e9"']) assert.equal(written(broken), undefined, broken);
});

/** Serves a feed that is signed, its keys beside it, and counts who asks for these. */
function publisher(text: () => string, options: { readonly encoding?: string; readonly keys?: readonly PublisherKey[] } = {}): { answer: (path: string, response: ServerResponse) => void; readonly asked: { keys: number } } {
  const asked = { keys: 0 };
  const { encoding, keys = [jwkOf(ed25519.publicKey, 'main')] } = options;
  const answer = (path: string, response: ServerResponse): void => {
    if (path.startsWith('/.well-known/')) {
      asked.keys++;
      return void response.writeHead(200, { 'content-type': 'application/http-message-signatures-directory+json' }).end(JSON.stringify({ keys }));
    }
    const body = encoding === undefined ? Buffer.from(text()) : gzipSync(text());
    const headers = signed(ed25519.privateKey, body, COVERED, covering);
    response.writeHead(200, { 'content-type': 'application/rss+xml', ...(encoding === undefined ? {} : { 'content-encoding': encoding }), ...headers }).end(body);
  };
  return { answer, asked };
}

test('items of a signed answer are labelled so once the publisher\'s keys are there; the keys are asked for once, however many feeds and answers', async () => {
  const items = [{ id: 'a' }];
  const { answer, asked } = publisher(() => rss(items), { encoding: 'gzip' });
  await using origin = await testOrigin((request, response) => answer(request.url ?? '', response));
  await using service = new Service();
  const ids = ['one', 'two', 'three'].map((name) => service.feeds.add({ url: `${origin.url}/${name}`, maxStalenessMs: 1_000 }).id);
  await service.until(() => service.count('feed-signed') >= 3);
  for (const id of ids) assert.deepEqual(service.feeds.items(id).map(({ trust }) => trust), ['signed']);
  items.unshift({ id: 'b' });
  await service.until(() => ids.every((id) => service.feeds.items(id).length === 2 && service.feeds.items(id)[0]?.trust === 'signed'));
  assert.equal(asked.keys, 1);
});

test('a signature by a key that the publisher does not name claims nothing, and does not make anybody ask again', async () => {
  const items = [{ id: 'a' }];
  const { answer, asked } = publisher(() => rss(items), { keys: [jwkOf(generateKeyPairSync('ed25519').publicKey, 'main')] });
  await using origin = await testOrigin((request, response) => answer(request.url ?? '', response));
  await using service = new Service();
  const { id } = service.feeds.add({ url: `${origin.url}/feed`, maxStalenessMs: 1_000 });
  for (const next of ['b', 'c', 'd']) {
    const before = service.feeds.items(id).length;
    items.unshift({ id: next });
    await service.until(() => service.feeds.items(id).length > before);
  }
  assert.ok(service.feeds.items(id).every(({ trust }) => trust === 'origin'));
  assert.equal(service.count('feed-signed'), 0);
  assert.ok(asked.keys <= 1);
});
