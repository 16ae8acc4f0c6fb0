/**
 * Every message of the pool, as protocol code sees it: plain immutable values.
 *
 * The wire form is proto/grove/v1/messages.proto; codec.ts converts, sizes and validates by its descriptors, so a field
 * is described there and here and nowhere else. A message is shared by reference in the simulator: never change one.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import type { CastMessage } from './cast-messages.ts';
import type { FeedMessage } from './feed-messages.ts';
import type { HelpMessage } from './help-messages.ts';
import type { LagMessage } from './lagover-messages.ts';
import type { SomoMessage } from './somo-messages.ts';
import type { SwapMessage } from './swap-messages.ts';

/** Message numbers: the Frame field numbers of messages.proto. Append only. */
export const MESSAGE = {
  heartbeat: 1,
  probe: 2,
  probeReply: 3,
  leave: 4,
  route: 5,
  hopAck: 6,
  routeReply: 7,
  tableRequest: 8,
  tableReply: 9,
  put: 10,
  setField: 11,
  writeReply: 12,
  get: 13,
  getReply: 14,
  replicate: 15,
  replicateReply: 16,
  sync: 17,
  syncReply: 18,
  somoReport: 19,
  somoAck: 20,
  somoBreak: 21,
  somoCall: 22,
  somoDown: 23,
  somoUp: 24,
  somoNews: 25,
  swapAsk: 26,
  swapAnswer: 27,
  swapGo: 28,
  swapDone: 29,
  moved: 30,
  lagMeet: 40,
  lagClaim: 41,
  lagAnswer: 42,
  lagLock: 43,
  lagLocked: 44,
  lagUnlock: 45,
  lagMove: 46,
  lagRelease: 47,
  lagAck: 48,
  lagReport: 49,
  lagReportReply: 50,
  lagWay: 51,
  lagBye: 52,
  lagLook: 53,
  lagNamed: 54,
  lagAudit: 55,
  lagList: 56,
  lagListed: 57,
  lagAsk: 58,
  lagSamples: 59,
  feedRegister: 60,
  feedRegistered: 61,
  feedHold: 62,
  feedHeld: 63,
  feedFound: 64,
  feedStamped: 65,
  feedPush: 66,
  feedAck: 67,
  feedFresh: 68,
  feedAsk: 69,
  feedAnswer: 70,
  feedPull: 71,
  feedPiece: 72,
  feedWitness: 73,
  feedNews: 74,
  helpAsk: 90,
  helpAnswer: 91,
  helpRelease: 92,
  helpLost: 93,
  castJoin: 80,
  castOrder: 81,
  castReport: 82,
  castInvite: 83,
  castReply: 84,
  castMeasure: 85,
  castMeasured: 86,
} as const;

export type MessageType = keyof typeof MESSAGE;

/** A network coordinate: Euclidean part in ms, height in ms, error as a share of 1. Values fit 32-bit floats. */
export interface Coordinate {
  readonly vector: readonly number[];
  readonly height: number;
  readonly error: number;
}

export interface Vitals {
  readonly incarnation: number;
  /** The sender's zone is (zoneStart, own position]; absent while it owns nothing: it joins or leaves. */
  readonly zoneStart?: Position | undefined;
  readonly coordinate?: Coordinate | undefined;
  readonly leafsetDigest: number;
  readonly storedKib: number;
}

export interface Heartbeat {
  readonly type: 'heartbeat';
  readonly vitals: Vitals;
  /** Told to all neighbours by a peer that has just become a member; not a sign that the receiver is its left neighbour. */
  readonly announcement: boolean;
}

export interface Probe {
  readonly type: 'probe';
  readonly op: number;
  readonly vitals: Vitals;
  readonly knownDigest: number;
  readonly leafset: readonly Contact[];
  readonly failed: readonly string[];
}

export interface ProbeReply {
  readonly type: 'probeReply';
  readonly op: number;
  readonly vitals: Vitals;
  readonly leafset: readonly Contact[];
}

export interface Leave {
  readonly type: 'leave';
  readonly leafset: readonly Contact[];
}

/** What a route is for: find the owner of a key, or find the neighbourhood of one's own position. */
export const PURPOSE = { lookup: 0, seek: 1 } as const;

export interface Route {
  readonly type: 'route';
  readonly op: number;
  readonly hop: number;
  readonly purpose: number;
  readonly key: Position;
  readonly origin: Contact;
  readonly hops: number;
  readonly byRing: boolean;
  /** Which of the origin's tries this is, from 1: a repetition is not a copy. */
  readonly attempt: number;
}

export interface HopAck {
  readonly type: 'hopAck';
  readonly hop: number;
}

export interface RouteReply {
  readonly type: 'routeReply';
  readonly op: number;
  readonly hops: number;
  readonly vitals: Vitals;
  readonly leafset: readonly Contact[];
}

export interface TableEntry {
  readonly contact: Contact;
  readonly zoneStart: Position | undefined;
  /** Round trip in ms from whoever tells, rounded up; 0 if it never measured. */
  readonly tellerRttMs: number;
}

/** `part` of a TableRequest that asks for the whole table. */
export const WHOLE_TABLE = 255;

export interface TableRequest {
  readonly type: 'tableRequest';
  readonly op: number;
  readonly part: number;
  readonly vitals: Vitals;
  /** Where peers stood that the sender found gone lately. */
  readonly gone: readonly Position[];
  /** By place of the part, how far the sender's own entry is, so that only who may serve better is told. Empty: tell all. */
  readonly reach: Uint8Array;
  /** Round trip in ms to the receiver as the sender knows it, rounded up; 0 if it does not. */
  readonly rttMs: number;
}

export interface TableReply {
  readonly type: 'tableReply';
  readonly op: number;
  readonly vitals: Vitals;
  readonly entries: readonly TableEntry[];
  readonly gone: readonly Position[];
}

export interface Version {
  readonly wallMs: number;
  readonly counter: number;
  readonly writer: string;
}

export interface Reference {
  readonly key: Position;
  readonly host?: Contact | undefined;
}

export interface Field {
  readonly name: string;
  readonly reference: Reference;
}

export interface StoredObject {
  readonly key: Position;
  readonly version: Version;
  readonly value: Uint8Array;
  readonly fields: readonly Field[];
  /** Unix ms after which the object is gone; 0 lives until deleted. */
  readonly expiresAtMs: number;
  readonly deleted: boolean;
}

/** Outcome of a request about an object. Append only. */
export const STATUS = {
  ok: 0,
  missing: 1,
  notOwner: 2,
  quota: 3,
  tooFewCopies: 4,
  notReady: 5,
  stale: 6,
  busy: 7,
  /** What was sent is impossible or has expired: nobody stores it. */
  refused: 8,
} as const;

export interface Put {
  readonly type: 'put';
  readonly op: number;
  readonly key: Position;
  readonly value: Uint8Array;
  readonly fields: readonly Field[];
  readonly leaseMs: number;
  readonly delete: boolean;
}

export interface SetField {
  readonly type: 'setField';
  readonly op: number;
  readonly key: Position;
  readonly field: string;
  readonly reference?: Reference | undefined;
  readonly onlyHost: boolean;
}

export interface WriteReply {
  readonly type: 'writeReply';
  readonly op: number;
  readonly status: number;
  readonly version?: Version | undefined;
  readonly copies: number;
}

export interface Get {
  readonly type: 'get';
  readonly op: number;
  readonly key: Position;
  readonly local: boolean;
}

export interface GetReply {
  readonly type: 'getReply';
  readonly op: number;
  readonly status: number;
  readonly object?: StoredObject | undefined;
}

export interface Replicate {
  readonly type: 'replicate';
  readonly op: number;
  readonly objects: readonly StoredObject[];
  /** The receiver is believed to own these keys; if it does not, it passes them on to whoever does. */
  readonly handOver: boolean;
}

export interface ReplicateReply {
  readonly type: 'replicateReply';
  readonly op: number;
  readonly statuses: readonly number[];
}

export interface SyncEntry {
  readonly key: Position;
  readonly version: Version;
}

export interface Sync {
  readonly type: 'sync';
  readonly op: number;
  readonly from: Position;
  readonly to: Position;
  readonly count: number;
  readonly digest: number;
}

export interface SyncReply {
  readonly type: 'syncReply';
  readonly op: number;
  readonly equal: boolean;
  readonly entries: readonly SyncEntry[];
  readonly coveredTo?: Position | undefined;
}

export type Message =
  | Heartbeat
  | Probe
  | ProbeReply
  | Leave
  | Route
  | HopAck
  | RouteReply
  | TableRequest
  | TableReply
  | Put
  | SetField
  | WriteReply
  | Get
  | GetReply
  | Replicate
  | ReplicateReply
  | Sync
  | SyncReply
  | SomoMessage
  | SwapMessage
  | LagMessage
  | FeedMessage
  | HelpMessage
  | CastMessage;
