/**
 * The alphabet in which libp2p writes PeerIds.
 *
 * Twenty lines here spare short commands the loading of libp2p.
 */
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

export function base58Encode(bytes: Uint8Array): string {
  let zeros = 0;
  while (bytes[zeros] === 0) zeros++;
  let value = 0n;
  for (const byte of bytes) value = value * 256n + BigInt(byte);
  let text = '';
  for (; value > 0n; value /= 58n) text = ALPHABET.charAt(Number(value % 58n)) + text;
  return ALPHABET.charAt(0).repeat(zeros) + text;
}

/** Undefined if `text` has a character outside the alphabet. Quadratic: bound the length first. */
export function base58Decode(text: string): Uint8Array | undefined {
  let zeros = 0;
  while (text.charAt(zeros) === ALPHABET.charAt(0)) zeros++;
  let value = 0n;
  for (const character of text) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) return undefined;
    value = value * 58n + BigInt(digit);
  }
  const bytes: number[] = [];
  for (; value > 0n; value >>= 8n) bytes.unshift(Number(value & 0xffn));
  return Uint8Array.from([...new Array<number>(zeros).fill(0), ...bytes]);
}
