/**
 * A peer that gives those below it something else than it was given, signed by itself: the lie that only audits find.
 *
 * It is the shelf that lies; the peer's own protocol code serves what it finds there.
 */
import type { Position } from '../../core/position.ts';
import { attest } from '../../protocol/feed/attestation.ts';
import type { Poison } from './memory-shelf.ts';
import { toyTools } from './toy-tools.ts';

const MARK = Uint8Array.from('FALSE', (unit) => unit.charCodeAt(0));
const PLACE = 12;

/** The validator is a made-up one: the origin's would give the lie away at the next poll. */
export function toyPoison(peerId: string, key: Position): Poison {
  const tools = toyTools(peerId);
  return (version, body) => {
    const changed = Uint8Array.from(body);
    changed.set(MARK, PLACE);
    const hash = tools.hash(changed);
    const shown = { ...version, hash, etag: `"${hash.slice(0, 8)}"` };
    return { version: { ...shown, attestations: [attest(key, shown, version.fetchedAt, peerId, tools)] }, body: changed };
  };
}
