/**
 * The messages of multicast sessions, as protocol code sees them; the rest are in messages.ts. What travels on the edges of a tree
 * is in alm/stream/frames.ts.
 * Their wire form, with every maximum, is proto/grove/v1/messages.proto.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import type { Coordinate } from './messages.ts';

export interface CastJoin {
  readonly type: 'castJoin';
  readonly op: number;
  readonly session: string;
  readonly degree: number;
  readonly coordinate?: Coordinate | undefined;
  readonly upBps: number;
  readonly downBps: number;
}

export interface CastChild {
  /** Its identity; `peerId` is for contacts, whose positions are checked. */
  readonly peer: string;
  readonly below: number;
}

export interface CastOrder {
  readonly type: 'castOrder';
  readonly op: number;
  readonly session: string;
  readonly name: string;
  readonly key: Position;
  readonly number: number;
  readonly rateBps: number;
  readonly parent?: Contact | undefined;
  readonly ancestors: readonly Contact[];
  readonly children: readonly CastChild[];
  readonly dismissal: string;
  readonly needed: number;
}

export interface CastReport {
  readonly type: 'castReport';
  readonly op: number;
  readonly session: string;
  readonly number: number;
  readonly started: boolean;
  readonly done: boolean;
  readonly head: number;
  readonly latencyMs: number;
  readonly latencyHighMs: number;
  readonly parent: string;
  readonly rttMs: number;
  readonly refilled: number;
  readonly lost: string;
  readonly why: string;
  readonly slow: string;
  readonly slowBps: number;
  readonly leaving: string;
  readonly links: number;
  readonly broken: string;
  readonly returning: boolean;
}

export interface CastInvite {
  readonly type: 'castInvite';
  readonly op: number;
  readonly session: string;
  readonly name: string;
  readonly key: Position;
}

export interface CastReply {
  readonly type: 'castReply';
  readonly op: number;
  readonly ok: boolean;
  readonly reason: string;
}

export interface CastMeasure {
  readonly type: 'castMeasure';
  readonly op: number;
  readonly session: string;
  readonly peers: readonly Contact[];
}

export interface CastMeasured {
  readonly type: 'castMeasured';
  readonly op: number;
  readonly rtts: readonly number[];
}

export type CastInput = CastJoin | CastOrder | CastReport | CastInvite;
export type CastMessage = CastInput | CastMeasure | CastMeasured | CastReply;
