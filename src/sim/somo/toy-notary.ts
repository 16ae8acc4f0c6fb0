/**
 * Signatures for simulated swaps of positions ([0061]) that anybody could forge: a simulation is about the messages.
 * Real ones, and the check of a position against them, are in host/swap-chain.ts.
 */
import type { Notary, SwapTerms } from '../../protocol/somo/promotion.ts';

/** `onSign` hears of each signature before it is given. */
export function toyNotary(self: string, onSign: () => void = () => undefined): Notary {
  const signature = ({ first, second, firstPosition, secondPosition, at }: SwapTerms, by: string): Uint8Array => {
    let sum = 7;
    for (const unit of `${first} ${second} ${firstPosition.hex} ${secondPosition.hex} ${at} ${by}`) sum = (Math.imul(sum, 31) + unit.charCodeAt(0)) >>> 0;
    return Uint8Array.of(sum & 255, (sum >>> 8) & 255, (sum >>> 16) & 255, sum >>> 24);
  };
  return {
    sign: (terms) => {
      onSign();
      return signature(terms, self);
    },
    isSigned: (terms, by, given) => signature(terms, by).every((byte, i) => given[i] === byte),
    proofOf: () => ({ chain: Uint8Array.of(1) }),
  };
}
