/**
 * Proofs of swapped positions ([0061], swap.proto): how others accept a position that is not the hash of the PeerId.
 *
 * A swap is signed by both. Whoever checks replays all swaps that are named, beginning at the natural positions, so the
 * strongest machine can follow the next strongest at the root without anybody inventing a position. The chain grows by one
 * with each swap of the same place and has a maximum: a place that was swapped that often is swapped no more.
 */
import { createPublicKey, sign, verify } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { PositionProof } from '../core/contact.ts';
import type { Position } from '../core/position.ts';
import { positionFromBytes, positionToBytes } from '../core/position.ts';
import type { Notary, SwapTerms } from '../protocol/somo/promotion.ts';
import type { SwapChain } from '../protocol/wire/gen/grove/v1/swap_pb.ts';
import { SwapChainSchema, SwapSchema, SwapTermsSchema } from '../protocol/wire/gen/grove/v1/swap_pb.ts';
import { keyOf, multihashOf, positionOfPeer, privateKeyObject } from './identity.ts';

export const SWAPS_MAX = 16;
const LABEL = Buffer.from('grove/1 swap');
const SIGNATURE_BYTES = 64;
/** SPKI wrapper of a bare Ed25519 key (RFC 8410). */
const PUBLIC_KEY_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** The notary of a real peer. */
export function createNotary(privateKey: Uint8Array): Notary {
  const key = privateKeyObject(privateKey);
  return {
    sign: (terms) => new Uint8Array(sign(null, textOf(terms), key)),
    isSigned: (terms, by, signature) => isSigned(textOf(terms), by, signature),
    proofOf: (terms, signatures, proofs) => proofOf(terms, signatures, proofs),
  };
}

/** Where the proof says that this peer stands; undefined when it proves nothing. Without a proof: the natural position. */
export function provenPosition(peerId: string, proof: PositionProof | undefined): Position | undefined {
  if (proof === undefined) return positionOfPeer(peerId);
  const chain = decoded(proof.chain);
  if (chain === undefined || chain.swaps.length === 0 || chain.swaps.length > SWAPS_MAX) return undefined;
  const stands = new Map<string, string>();
  const whereIs = (who: string): string | undefined => stands.get(who) ?? positionOfPeer(who)?.hex;
  for (const { terms, firstSignature, secondSignature } of chain.swaps) {
    if (terms === undefined || terms.first === terms.second) return undefined;
    const [from, to] = [hexOf(terms.firstPosition), hexOf(terms.secondPosition)];
    if (from === undefined || to === undefined || whereIs(terms.first) !== from || whereIs(terms.second) !== to) return undefined;
    const text = Buffer.concat([LABEL, toBinary(SwapTermsSchema, terms)]);
    if (!isSigned(text, terms.first, firstSignature) || !isSigned(text, terms.second, secondSignature)) return undefined;
    stands.set(terms.first, to);
    stands.set(terms.second, from);
  }
  const position = stands.get(peerId);
  return position === undefined ? undefined : positionFromBytes(Buffer.from(position, 'hex'));
}

/** Both histories, each swap once, and this one. */
function proofOf(terms: SwapTerms, [first, second]: readonly [Uint8Array, Uint8Array], proofs: readonly (PositionProof | undefined)[]): PositionProof | undefined {
  const known = new Map<string, SwapChain['swaps'][number]>();
  for (const proof of proofs) {
    for (const swap of (proof && decoded(proof.chain))?.swaps ?? []) known.set(Buffer.from(toBinary(SwapSchema, swap)).toString('hex'), swap);
  }
  // Swaps of two histories that touch one another come in the order in which they were agreed to.
  const swaps = [...known.values()].sort((a, b) => (a.terms?.at ?? 0) - (b.terms?.at ?? 0));
  swaps.push(create(SwapSchema, { terms: wireOf(terms), firstSignature: first, secondSignature: second }));
  if (swaps.length > SWAPS_MAX) return undefined;
  const proof = { chain: toBinary(SwapChainSchema, create(SwapChainSchema, { swaps })) };
  return provenPosition(terms.first, proof)?.hex === terms.secondPosition.hex ? proof : undefined;
}

function textOf(terms: SwapTerms): Buffer {
  return Buffer.concat([LABEL, toBinary(SwapTermsSchema, wireOf(terms))]);
}

function wireOf({ first, second, firstPosition, secondPosition, at }: SwapTerms): SwapChain['swaps'][number]['terms'] & object {
  return create(SwapTermsSchema, { first, second, firstPosition: positionToBytes(firstPosition), secondPosition: positionToBytes(secondPosition), at });
}

function isSigned(text: Uint8Array, by: string, signature: Uint8Array): boolean {
  const multihash = multihashOf(by);
  if (multihash === undefined || signature.length !== SIGNATURE_BYTES) return false;
  try {
    return verify(null, text, createPublicKey({ key: Buffer.concat([PUBLIC_KEY_PREFIX, keyOf(multihash)]), format: 'der', type: 'spki' }), signature);
  } catch {
    return false; // 32 bytes that are no key
  }
}

function decoded(chain: Uint8Array): SwapChain | undefined {
  try {
    return fromBinary(SwapChainSchema, chain);
  } catch {
    return undefined;
  }
}

function hexOf(bytes: Uint8Array): string | undefined {
  return bytes.length === 20 ? Buffer.from(bytes).toString('hex') : undefined;
}
