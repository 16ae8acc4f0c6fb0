/** Proofs of swapped positions ([0061]): what both signed is believed, what anybody invents is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PositionProof } from '../../../src/core/contact.ts';
import type { Identity } from '../../../src/host/identity.ts';
import { identityOf } from '../../../src/host/identity.ts';
import { createNotary, provenPosition, SWAPS_MAX } from '../../../src/host/swap-chain.ts';
import type { SwapTerms } from '../../../src/protocol/somo/promotion.ts';

const [a, b, c] = [1, 2, 3].map((seed) => identityOf(new Uint8Array(32).fill(seed))) as [Identity, Identity, Identity];

interface Standing {
  readonly identity: Identity;
  readonly proof: PositionProof | undefined;
}

function positionOf({ identity, proof }: Standing): SwapTerms['firstPosition'] {
  const position = provenPosition(identity.peerId, proof);
  assert.ok(position);
  return position;
}

function termsOf(first: Standing, second: Standing, at: number): SwapTerms {
  return { first: first.identity.peerId, second: second.identity.peerId, firstPosition: positionOf(first), secondPosition: positionOf(second), at };
}

/** Both as they stand afterwards; undefined when no proof came about. */
function swapped(first: Standing, second: Standing, at: number): readonly [Standing, Standing] | undefined {
  const terms = termsOf(first, second, at);
  const [mine, theirs] = [createNotary(first.identity.privateKey), createNotary(second.identity.privateKey)];
  const proof = mine.proofOf(terms, [mine.sign(terms), theirs.sign(terms)], [first.proof, second.proof]);
  return proof && [{ ...first, proof }, { ...second, proof }];
}

const natural = (identity: Identity): Standing => ({ identity, proof: undefined });

test('a certificate signed by both: others accept a position that is not the hash of the PeerId', () => {
  const [first, second] = swapped(natural(a), natural(b), 1) ?? [];
  assert.ok(first && second);
  assert.equal(positionOf(first).hex, b.position.hex);
  assert.equal(positionOf(second).hex, a.position.hex);
  assert.equal(provenPosition(c.peerId, first.proof), undefined, 'it says nothing of a third');
});

test('without a proof everybody stands at the hash of its identity', () => {
  assert.equal(provenPosition(a.peerId, undefined)?.hex, a.position.hex);
  assert.equal(provenPosition('nobody', undefined), undefined);
});

test('who was swapped may swap again: the place is followed from hand to hand', () => {
  const [, bAtA] = swapped(natural(a), natural(b), 1) ?? [];
  const [cAtA, bAtC] = swapped(natural(c), bAtA as Standing, 2) ?? [];
  assert.equal(positionOf(cAtA as Standing).hex, a.position.hex);
  assert.equal(positionOf(bAtC as Standing).hex, c.position.hex);
});

test('what one alone signed, or a third signed for the other, proves nothing', () => {
  const terms = termsOf(natural(a), natural(b), 1);
  const [mine, stranger] = [createNotary(a.privateKey), createNotary(c.privateKey)];
  for (const theirs of [mine.sign(terms), stranger.sign(terms), new Uint8Array(64), new Uint8Array(0)]) {
    assert.equal(mine.proofOf(terms, [mine.sign(terms), theirs], []), undefined);
  }
  assert.equal(mine.isSigned(terms, b.peerId, mine.sign(terms)), false);
  assert.equal(mine.isSigned({ ...terms, at: 2 }, a.peerId, mine.sign(terms)), false, 'a signature is for one swap');
});

test('nobody swaps from where it does not stand', () => {
  const terms = { ...termsOf(natural(a), natural(b), 1), firstPosition: c.position };
  const [mine, theirs] = [createNotary(a.privateKey), createNotary(b.privateKey)];
  assert.equal(mine.proofOf(terms, [mine.sign(terms), theirs.sign(terms)], []), undefined);
});

test(`a place is swapped ${SWAPS_MAX} times at most, and the proof still fits a contact`, () => {
  let pair: readonly [Standing, Standing] | undefined = [natural(a), natural(b)];
  for (let at = 1; at <= SWAPS_MAX; at++) {
    pair = swapped(pair[0], pair[1], at);
    assert.ok(pair, `swap ${at}`);
  }
  assert.ok((pair[0].proof?.chain.length ?? 0) <= 6_144);
  assert.equal(swapped(pair[0], pair[1], SWAPS_MAX + 1), undefined);
});

test('a proof with any byte changed proves nothing, or the same', () => {
  const [first] = swapped(natural(a), natural(b), 1) as readonly [Standing, Standing];
  const chain = (first.proof as PositionProof).chain;
  fc.assert(fc.property(fc.nat(chain.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
    const position = provenPosition(a.peerId, { chain: chain.with(at, (chain[at] as number) ^ change) });
    assert.ok(position === undefined || position.hex === b.position.hex);
  }));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => assert.equal(provenPosition(a.peerId, { chain: bytes }), undefined)));
});
