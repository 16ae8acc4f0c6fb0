/**
 * What a reader keeps to come back to a session after its peer was started again: the session and who its root is, as one word of text.
 *
 * The record in the DHT would do, but it may have lain on the very machine that died, and is renewed only every twenty seconds. The
 * peer itself writes nothing down: whoever reads nothing wants nothing back.
 */
import type { Contact } from '../core/contact.ts';
import { GroveError } from '../core/errors.ts';
import { parsePosition } from '../core/position.ts';
import type { CastRecord } from '../protocol/alm/session/record.ts';

const TEXT_MAX = 8_192;

interface Written extends Omit<CastRecord, 'key' | 'root'> {
  readonly key: string;
  readonly root: Omit<Contact, 'position' | 'proof'> & { readonly position: string; readonly chain: string };
}

export function encodeTicket({ key, root: { position, proof, ...root }, ...record }: CastRecord): string {
  const chain = proof === undefined ? '' : Buffer.from(proof.chain).toString('base64');
  const written: Written = { ...record, key: key.hex, root: { ...root, position: position.hex, chain } };
  return Buffer.from(JSON.stringify(written)).toString('base64url');
}

/** Throws GroveError 'usage' on what is none. Whoever holds the API's token may name any root: it could join anything anyway. */
export function decodeTicket(text: string): CastRecord {
  try {
    if (text.length > TEXT_MAX) throw new Error('too long');
    const { key, root: { position, chain, ...root }, ...record } = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Written;
    const [place, at] = [parsePosition(key), parsePosition(position)];
    const { peerId, addresses } = root;
    const isWhole = typeof record.session === 'string' && record.session !== '' && record.rateBps >= 0 && typeof peerId === 'string' && Array.isArray(addresses) && addresses.every((one) => typeof one === 'string');
    if (place === undefined || at === undefined || !isWhole) throw new Error('incomplete');
    return { ...record, key: place, root: { ...root, position: at, ...(chain === '' ? {} : { proof: { chain: new Uint8Array(Buffer.from(chain, 'base64')) } }) } };
  } catch (cause) {
    throw new GroveError('usage', 'This is not what a session gave its reader to come back with.', { cause });
  }
}
