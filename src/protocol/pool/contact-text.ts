/**
 * Contacts as texts of an aggregate's state: for operations whose answer names machines that the asker then talks to.
 *
 * A proof of swaps is left out; who has swapped positions is reached by its addresses all the same.
 */
import type { Contact } from '../../core/contact.ts';
import { parsePosition } from '../../core/position.ts';

const ADDRESSES_MAX = 8;

export function contactText({ peerId, position, addresses, name, incarnation }: Contact): string {
  return JSON.stringify([peerId, position.hex, addresses, name, incarnation]);
}

/** Undefined for what is no contact: it comes from another machine. */
export function contactIn(text: string): Contact | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!Array.isArray(value) || value.length !== 5) return undefined;
    const [peerId, hex, addresses, name, incarnation] = value as unknown[];
    const position = typeof hex === 'string' ? parsePosition(hex) : undefined;
    const isFine = typeof peerId === 'string' && peerId.length > 0 && peerId.length <= 64 && position !== undefined && typeof name === 'string' && name.length <= 64
      && Array.isArray(addresses) && addresses.length <= ADDRESSES_MAX && addresses.every((address) => typeof address === 'string' && address.length <= 256)
      && Number.isInteger(incarnation) && (incarnation as number) >= 0 && (incarnation as number) < 2 ** 32;
    return isFine ? { peerId, position, addresses: addresses as string[], name, incarnation: incarnation as number } : undefined;
  } catch {
    return undefined;
  }
}
