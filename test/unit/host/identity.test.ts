/** Keys, PeerIds and positions without libp2p, checked against libp2p. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import fc from 'fast-check';
import { GroveError } from '../../../src/core/errors.ts';
import { base58Decode, base58Encode } from '../../../src/host/base58.ts';
import {
  identityOf,
  loadIdentity,
  multihashOf,
  nextIncarnation,
  newPrivateKey,
  positionOfPeer,
  rememberIncarnation,
} from '../../../src/host/identity.ts';
import { MemoryStore } from './toy.ts';

const directory = mkdtempSync(join(tmpdir(), 'grove-identity-'));
after(() => rmSync(directory, { recursive: true, force: true }));

test('PeerId and multihash are those of libp2p', async () => {
  for (let i = 0; i < 8; i++) {
    const privateKey = newPrivateKey();
    const theirs = peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', privateKey));
    const ours = identityOf(privateKey);
    assert.equal(ours.peerId, theirs.toString());
    assert.deepEqual([...(multihashOf(ours.peerId) ?? [])], [...theirs.toMultihash().bytes]);
    assert.equal(positionOfPeer(ours.peerId)?.hex, ours.position.hex);
  }
});

test('what is no Ed25519 PeerId has no position', () => {
  for (const text of ['', '1', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', '0OIl', 'x'.repeat(100_000)]) {
    assert.equal(positionOfPeer(text), undefined);
  }
});

test('base 58 there and back', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => assert.deepEqual([...(base58Decode(base58Encode(bytes)) ?? [])], [...bytes])));
});

test('a key file is made once, is its owner\'s alone, and is made so again', () => {
  const file = join(directory, 'new', 'key');
  const first = loadIdentity(file);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  chmodSync(file, 0o644);
  assert.equal(loadIdentity(file).peerId, first.peerId);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual([...readFileSync(file)], [...first.privateKey]);
});

test('a damaged or unreadable key file is said so and left as it is', () => {
  const file = join(directory, 'short');
  writeFileSync(file, 'short');
  const isState = (error: unknown): boolean => error instanceof GroveError && error.code === 'state';
  assert.throws(() => loadIdentity(file), isState);
  assert.equal(readFileSync(file, 'utf8'), 'short');
  assert.throws(() => loadIdentity(join(file, 'below')), isState);
});

test('incarnations grow at every start, whatever the clock says', () => {
  const store = new MemoryStore();
  assert.equal(nextIncarnation(store, 1_000_000_000), 1_000_000);
  assert.equal(nextIncarnation(store, 1_000_000_000), 1_000_001);
  assert.equal(nextIncarnation(store, 0), 1_000_002);
  rememberIncarnation(store, 5_000_000);
  assert.equal(nextIncarnation(store, 1_000_000_000), 5_000_001);
  assert.ok(nextIncarnation(new MemoryStore(), 1e15) < 2 ** 32);
});
