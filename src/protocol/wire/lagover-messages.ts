/**
 * The messages of latency-graded trees, as protocol code sees them; the rest are in messages.ts.
 * Their wire form, with every maximum, is proto/grove/v1/messages.proto.
 */
import type { Contact } from '../../core/contact.ts';

export interface LagMember {
  readonly contact: Contact;
  readonly fanout: number;
  readonly constraint: number;
  readonly limit: number;
  readonly openSlots: number;
  readonly hop: number;
}

export interface LagStep {
  readonly contact: Contact;
  readonly delay: number;
  readonly constraint: number;
  readonly roomFrom: number;
  readonly laxer: number;
}

export interface LagPath {
  /** From the parent to the root. */
  readonly steps: readonly LagStep[];
  readonly rooted: boolean;
  readonly rootLimit: number;
  readonly heir?: Contact | undefined;
}

export interface LagMeet {
  readonly type: 'lagMeet';
  readonly op: number;
  readonly tree: string;
  readonly link: number;
  readonly self: LagMember;
  readonly children: readonly LagMember[];
  readonly lost: string;
  readonly hop: number;
  readonly avoided: readonly string[];
}

export interface LagClaim {
  readonly type: 'lagClaim';
  readonly op: number;
  readonly tree: string;
  readonly link: number;
  readonly self: LagMember;
  readonly children: readonly LagMember[];
  readonly plan: number;
}

/** Outcomes of a meeting or a claim. Append only. */
export const OUTCOME = { granted: 0, refer: 1, ask: 2, busy: 3, wait: 4, refused: 5, anotherTree: 6 } as const;

export interface LagAnswer {
  readonly type: 'lagAnswer';
  readonly op: number;
  readonly tree: string;
  readonly link: number;
  readonly outcome: number;
  readonly to?: Contact | undefined;
  readonly descends: boolean;
  readonly path?: LagPath | undefined;
  readonly stamp: number;
  readonly version: number;
}

export interface LagLock {
  readonly type: 'lagLock';
  readonly op: number;
  readonly tree: string;
  readonly plan: number;
  readonly leave: readonly string[];
  readonly come: readonly string[];
  readonly moves: boolean;
  readonly parent: string;
  readonly allLeave: boolean;
}

export interface LagLocked {
  readonly type: 'lagLocked';
  readonly op: number;
  readonly locked: boolean;
  readonly children: readonly Contact[];
}

export interface LagUnlock {
  readonly type: 'lagUnlock';
  readonly tree: string;
  readonly plan: number;
}

export interface LagMove {
  readonly type: 'lagMove';
  readonly op: number;
  readonly tree: string;
  readonly plan: number;
  readonly to?: Contact | undefined;
  readonly by?: Contact | undefined;
}

export interface LagRelease {
  readonly type: 'lagRelease';
  readonly op: number;
  readonly tree: string;
  readonly link: number;
}

export interface LagAck {
  readonly type: 'lagAck';
  readonly op: number;
}

export interface LagReport {
  readonly type: 'lagReport';
  readonly op: number;
  readonly tree: string;
  readonly link: number;
  readonly version: number;
  readonly same: boolean;
  readonly self?: LagMember | undefined;
  readonly children: readonly LagMember[];
  readonly room: readonly number[];
  readonly laxer: readonly number[];
  readonly pathVersion: number;
}

export interface LagReportReply {
  readonly type: 'lagReportReply';
  readonly op: number;
  readonly held: boolean;
  readonly needFull: boolean;
  readonly stamp: number;
  readonly version: number;
  readonly path?: LagPath | undefined;
}

export interface LagWay {
  readonly type: 'lagWay';
  readonly tree: string;
  readonly link: number;
  readonly stamp: number;
  readonly version: number;
  readonly path: LagPath;
}

export interface LagBye {
  readonly type: 'lagBye';
  readonly tree: string;
  readonly link: number;
}

export interface LagLook {
  readonly type: 'lagLook';
  readonly op: number;
  readonly tree: string;
  readonly delayBelow: number;
  readonly openSlot: boolean;
}

export interface LagNamed {
  readonly type: 'lagNamed';
  readonly op: number;
  readonly suits: boolean;
  readonly next?: Contact | undefined;
}

export interface LagAudit {
  readonly type: 'lagAudit';
  readonly op: number;
  readonly tree: string;
  readonly child: string;
  readonly delay: number;
}

export interface LagEntry {
  readonly contact: Contact;
  readonly delay: number;
  readonly openSlots: number;
  readonly rooted: boolean;
  readonly ageMs: number;
}

export interface LagList {
  readonly type: 'lagList';
  readonly op: number;
  readonly tree: string;
  readonly shard: number;
  readonly pinned: boolean;
  readonly entry: LagEntry;
}

export interface LagListed {
  readonly type: 'lagListed';
  readonly op: number;
  readonly taken: boolean;
  readonly shards: number;
}

export interface LagAsk {
  readonly type: 'lagAsk';
  readonly op: number;
  readonly tree: string;
  readonly shard: number;
  readonly pinned: boolean;
  readonly delayBelow: number;
}

export interface LagSamples {
  readonly type: 'lagSamples';
  readonly op: number;
  readonly known: boolean;
  readonly shards: number;
  readonly entries: readonly LagEntry[];
}

/** What is answered by number, through the peer's table of questions. */
export type LagReply = LagLocked | LagAck | LagReportReply | LagNamed | LagListed | LagSamples;
/** What an agent is handed. */
export type LagInput = LagMeet | LagClaim | LagAnswer | LagLock | LagUnlock | LagMove | LagRelease | LagReport | LagWay | LagBye | LagAudit;
export type LagMessage = LagReply | LagInput | LagLook | LagList | LagAsk;
