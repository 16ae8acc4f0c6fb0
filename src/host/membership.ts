/**
 * What makes a peer a member of a pool: a 32-byte key that never travels, and a proof over it that fits one connection.
 *
 * The proof covers who opened and who accepted (PeerIds that the encrypted connection has authenticated), the prover's
 * role and both greetings byte for byte. So it cannot be replayed (nonces), mirrored (roles) or passed on (PeerIds).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** The three things derived from a pool key, none of which gives it away. */
export interface PoolKeys {
  readonly proofKey: Uint8Array;
  /** Which pool this is, for a clear refusal. */
  readonly poolId: Uint8Array;
  /** What the pool's members look for on the local network. */
  readonly mdnsName: string;
}

/** Why a connection is not taken into use. */
export type Refused = 'other-pool' | 'other-version' | 'wrong-proof' | 'false-card' | 'busy' | 'malformed';

/** What a proof is about. */
export interface Transcript {
  readonly openerMultihash: Uint8Array;
  readonly acceptorMultihash: Uint8Array;
  readonly openerHello: Uint8Array;
  readonly acceptorHello: Uint8Array;
}

export type Role = 'opener' | 'acceptor';

export const POOL_ID_BYTES = 16;
const MDNS_NAME_BYTES = 10;
const LABEL = 'grove/1 membership proof';

const SENTENCE: Readonly<Record<Refused, string>> = {
  'other-pool': 'The peer belongs to another pool: check the invite.',
  'other-version': 'The peer speaks another version of the protocol: upgrade the older of the two.',
  'wrong-proof': 'The membership proof failed: the pool key is not the same on both sides.',
  'false-card': 'The peer claims a position, name or address that cannot be its own.',
  busy: 'The peer takes no further connections now: try again later, or try another peer.',
  malformed: 'What answers at this address does not follow the handshake.',
};

/** Ends a handshake; `message` is the sentence for whoever asked for the connection. */
export class HandshakeRefused extends Error {
  override readonly name = 'HandshakeRefused';
  readonly why: Refused;

  constructor(why: Refused) {
    super(SENTENCE[why]);
    this.why = why;
  }
}

export function poolKeysOf(poolKey: Uint8Array): PoolKeys {
  const derive = (label: string): Uint8Array => new Uint8Array(createHmac('sha256', poolKey).update(`grove/1 ${label}`).digest());
  return {
    proofKey: derive('proof key'),
    poolId: derive('pool id').slice(0, POOL_ID_BYTES),
    mdnsName: Buffer.from(derive('local discovery')).toString('hex', 0, MDNS_NAME_BYTES),
  };
}

export function proofOf(keys: PoolKeys, role: Role, transcript: Transcript): Uint8Array {
  const mac = createHmac('sha256', keys.proofKey);
  for (const part of [
    Buffer.from(LABEL),
    Buffer.from(role),
    transcript.openerMultihash,
    transcript.acceptorMultihash,
    transcript.openerHello,
    transcript.acceptorHello,
  ]) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    mac.update(length).update(part);
  }
  return new Uint8Array(mac.digest());
}

export function isProof(proof: Uint8Array, keys: PoolKeys, role: Role, transcript: Transcript): boolean {
  const expected = proofOf(keys, role, transcript);
  return proof.length === expected.length && timingSafeEqual(proof, expected);
}
