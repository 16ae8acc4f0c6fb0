/**
 * What a host is told when it starts, and every limit it keeps.
 *
 * The limits are data with one default each; a test or a small machine overrides single ones.
 */
import type { PositionProof } from '../core/contact.ts';
import type { Codec, Millis, Store } from '../core/env.ts';
import type { Position } from '../core/position.ts';
import type { HostFact } from './facts.ts';
import type { QueueLimits } from './frame-queue.ts';
import { QUEUE_LIMITS } from './frame-queue.ts';

export interface HostOptions<M, F> {
  /** The Ed25519 seed: 32 secret bytes (identity.ts). */
  readonly privateKey: Uint8Array;
  /** Multiaddresses to listen on; none for a peer that only dials out. */
  readonly listen: readonly string[];
  readonly codec: Codec<M>;
  /** 32 bytes known to the pool's members only. */
  readonly poolKey: Uint8Array;
  /** The pool's settings as this peer has them: opaque here, handed to whoever dials. At most 32 KiB. */
  readonly settings: Uint8Array;
  /** At most 64 bytes of UTF-8. */
  readonly name: string;
  readonly incarnation: number;
  /** Where this peer stands if not at the hash of its identity, and why. */
  readonly moved?: { readonly position: Position; readonly proof: PositionProof } | undefined;
  readonly store: Store;
  /** Hears the protocol's facts and the host's own. */
  readonly onFact: (fact: F | HostFact) => void;
  /** Addresses to tell others instead of those we listen on. */
  readonly announce?: readonly string[];
  /** Relay for members that nobody can dial. Default true. */
  readonly relay?: boolean;
  /** Find members on the local network. Default false. */
  readonly mdns?: boolean;
  /** Ask the router for a port. Default false. */
  readonly upnp?: boolean;
  /** Every byte costs: take no part in bandwidth measurements. Default false. */
  readonly metered?: boolean;
  /** Makes the protocol's draws repeatable; from the system's randomness if left out. */
  readonly seed?: bigint;
  readonly limits?: Partial<HostLimits>;
}

export interface HostLimits {
  /** Bounds of what waits for one neighbour. */
  readonly queue: QueueLimits;
  /** Most control links kept. Raised: more memory. Lowered: more dialling. */
  readonly linksMax: number;
  /** A link over the limit is only released when it was unused for so long. */
  readonly linkKeptMs: number;
  /** A link unused for so long is released, and later its connection. */
  readonly linkIdleMs: number;
  /** The same where all its use was within a few seconds, a question and its answer, while there are more links than `linksAtEase`. Raised: more connections. Lowered: more dialling. */
  readonly briefIdleMs: number;
  readonly linksAtEase: number;
  /** How often idle links and connections are looked for. */
  readonly sweepMs: number;
  readonly connectionsMax: number;
  /** Connections that have not proved membership yet. */
  readonly unprovenMax: number;
  readonly handshakeMs: number;
  readonly dialMs: number;
  /** Dials at one time. */
  readonly dialsMax: number;
  /** After a failed dial a peer is not dialled again for this long, doubling up to `backoffMaxMs`. */
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  /** Undecodable messages after which a connection is closed. */
  readonly wireErrorsMax: number;
  readonly streamsPerPeerMax: number;
  /** `write` answers false above this. */
  readonly streamBufferBytes: number;
  readonly streamOpenMs: number;
  /** How long `end` waits without progress for the other side to have read everything. */
  readonly streamEndMs: number;
  readonly relayReservationsMax: number;
  /** Relays a peer that nobody can dial keeps a reservation with. */
  readonly relaysWanted: number;
  readonly stopMs: number;
}

export const HOST_LIMITS: HostLimits = {
  queue: QUEUE_LIMITS,
  linksMax: 256,
  linkKeptMs: 30_000,
  linkIdleMs: 120_000,
  briefIdleMs: 20_000,
  linksAtEase: 28,
  sweepMs: 15_000,
  connectionsMax: 1_024,
  unprovenMax: 64,
  handshakeMs: 5_000,
  dialMs: 5_000,
  dialsMax: 16,
  backoffMs: 1_000,
  backoffMaxMs: 60_000,
  wireErrorsMax: 16,
  streamsPerPeerMax: 256,
  streamBufferBytes: 256 * 1024,
  streamOpenMs: 10_000,
  streamEndMs: 60_000,
  relayReservationsMax: 128,
  relaysWanted: 2,
  stopMs: 5_000,
};

/** All use within so long is one question. */
const BRIEF_MS = 10_000;

/**
 * How long what was in use from `since` to `usedAt` is kept without further use, as one of `count`. A handshake costs some milliseconds
 * of both processors, so that among few nothing is given back early: it would be dialled again for the next question.
 */
export function keptIdleMs({ since, usedAt }: { readonly since: Millis; readonly usedAt: Millis }, count: number, limits: Pick<HostLimits, 'linkIdleMs' | 'briefIdleMs' | 'linksAtEase'>): Millis {
  const isBrief = usedAt - since < BRIEF_MS && count > limits.linksAtEase;
  return isBrief ? Math.min(limits.linkIdleMs, limits.briefIdleMs) : limits.linkIdleMs;
}
