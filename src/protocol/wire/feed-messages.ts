/**
 * The messages of feeds, as protocol code sees them; the rest are in messages.ts.
 * Their wire form, with every maximum, is proto/grove/v1/messages.proto.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';

export interface FeedStamp {
  readonly epoch: number;
  readonly seq: number;
}

export interface FeedAttestation {
  /** Identity of a peer. */
  readonly signer: string;
  readonly at: number;
  readonly signature: Uint8Array;
}

/** feed.ts names these as its users see them: digests as text. */
export interface FeedRecord {
  readonly stamp?: FeedStamp | undefined;
  readonly hash: Uint8Array;
  readonly size: number;
  readonly contentType: string;
  readonly etag: string;
  readonly lastModified: string;
  readonly fetchedAt: number;
  readonly askedBefore: number;
  readonly items: Uint8Array;
  readonly attestations: readonly FeedAttestation[];
}

export interface FeedRegister {
  readonly type: 'feedRegister';
  readonly op: number;
  readonly key: Position;
  readonly maxStalenessMs: number;
  readonly canPoll: boolean;
  readonly floorMs: number;
  readonly epoch: number;
  readonly lead?: Contact | undefined;
  readonly slot: number;
  readonly lost: boolean;
  readonly leaving: boolean;
  readonly liars: readonly string[];
  readonly signers: readonly string[];
  readonly silent: readonly string[];
  readonly strictestMs: number;
  readonly subscribers: number;
}

export interface FeedPoller {
  readonly slot: number;
  readonly contact: Contact;
}

export interface FeedRegistered {
  readonly type: 'feedRegistered';
  readonly op: number;
  readonly key: Position;
  readonly known: boolean;
  readonly epoch: number;
  readonly pollers: readonly FeedPoller[];
  readonly anchorAgeMs: number;
  readonly strictestMs: number;
  readonly floorMs: number;
  readonly subscribers: number;
  readonly leaseMs: number;
  readonly samples: readonly Contact[];
  readonly signers: readonly string[];
  /** Found lying by two. */
  readonly banned: readonly string[];
  /** For whoever may own the key one day. */
  readonly copy: boolean;
}

export interface FeedHold {
  readonly type: 'feedHold';
  readonly op: number;
  readonly key: Position;
  readonly epoch: number;
  readonly any: boolean;
}

export interface FeedHeld {
  readonly type: 'feedHeld';
  readonly op: number;
  readonly holds: boolean;
  readonly epoch: number;
  readonly signers: readonly string[];
}

export interface FeedFound {
  readonly type: 'feedFound';
  readonly op: number;
  readonly key: Position;
  readonly record: FeedRecord;
  readonly base: Uint8Array;
  readonly packed: Uint8Array;
  readonly ageMs: number;
}

/** What becomes of a version that was found. Append only. */
export const STAMPED = { stamped: 0, notLead: 1, known: 2, refused: 3, pulling: 4, plain: 5 } as const;

export interface FeedStamped {
  readonly type: 'feedStamped';
  readonly op: number;
  readonly outcome: number;
  readonly record?: FeedRecord | undefined;
  readonly before?: FeedStamp | undefined;
}

export interface FeedPush {
  readonly type: 'feedPush';
  readonly op: number;
  readonly key: Position;
  readonly record: FeedRecord;
  readonly base: Uint8Array;
  readonly packed: Uint8Array;
  readonly again: boolean;
}

/** What becomes of a version that was pushed. Append only. */
export const ACK = { held: 0, plain: 1, pulling: 2, refused: 3, later: 4 } as const;

export interface FeedAck {
  readonly type: 'feedAck';
  readonly op: number;
  readonly key: Position;
  readonly hash: Uint8Array;
  readonly outcome: number;
  readonly have?: FeedStamp | undefined;
}

export interface FeedFresh {
  readonly type: 'feedFresh';
  readonly key: Position;
  readonly stamp: FeedStamp;
  readonly freshAt: number;
}

export interface FeedAsk {
  readonly type: 'feedAsk';
  readonly op: number;
  readonly key: Position;
  readonly have?: FeedStamp | undefined;
  readonly hash: Uint8Array;
}

export interface FeedAnswer {
  readonly type: 'feedAnswer';
  readonly op: number;
  readonly serves: boolean;
  readonly latest?: FeedStamp | undefined;
  readonly freshAt: number;
  readonly hash: Uint8Array;
}

export interface FeedPull {
  readonly type: 'feedPull';
  readonly op: number;
  readonly key: Position;
  readonly hash: Uint8Array;
  readonly base: Uint8Array;
  readonly offset: number;
}

export interface FeedPiece {
  readonly type: 'feedPiece';
  readonly op: number;
  readonly known: boolean;
  readonly total: number;
  readonly piece: Uint8Array;
}

export interface FeedWitness {
  readonly type: 'feedWitness';
  readonly key: Position;
  readonly hash: Uint8Array;
  readonly attestation: FeedAttestation;
  readonly other?: FeedRecord | undefined;
  readonly stamp?: FeedStamp | undefined;
}

export interface FeedNews {
  readonly type: 'feedNews';
  readonly key: Position;
  readonly epoch: number;
}

/** Answers to questions; a FeedAck and a FeedRegistered also come on their own. */
export type FeedReply = FeedHeld | FeedStamped | FeedAck | FeedAnswer | FeedPiece | FeedRegistered;
/** What the relay of a feed handles. */
export type FeedInput = FeedHold | FeedFound | FeedPush | FeedAck | FeedFresh | FeedAsk | FeedPull | FeedWitness | FeedNews | FeedRegistered;
export type FeedMessage = FeedReply | FeedInput | FeedRegister;
