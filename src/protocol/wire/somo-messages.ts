/**
 * The messages of the metadata tree, as protocol code sees them; the rest are in messages.ts.
 * Their wire form, with every maximum, is proto/grove/v1/messages.proto.
 */
import type { Contact } from '../../core/contact.ts';
import type { State } from '../pool/state.ts';

/** A logical node's number in two parts. */
export interface SomoNode {
  readonly high: number;
  readonly low: number;
}

export interface SomoField {
  readonly id: number;
  readonly name: string;
  readonly numbers: readonly number[];
  readonly texts: readonly string[];
  readonly kept: number;
}

export interface SomoTally {
  readonly query: number;
  readonly matched: number;
  readonly states: readonly State[];
  readonly machines: number;
  readonly space: number;
}

export interface SomoPartial {
  readonly node: SomoNode;
  readonly machines: number;
  readonly space: number;
  readonly ageMs: number;
  readonly height: number;
  readonly fields: readonly SomoField[];
  readonly tallies: readonly SomoTally[];
  readonly same: boolean;
  readonly before: number;
  readonly after: number;
}

export interface SomoReport {
  readonly type: 'somoReport';
  readonly op: number;
  readonly seq: number;
  readonly base: number;
  readonly partials: readonly SomoPartial[];
  readonly standing: number;
  readonly part: number;
}

export interface SomoAck {
  readonly type: 'somoAck';
  readonly op: number;
  readonly needFull: boolean;
  readonly astray: readonly SomoNode[];
  readonly standing: readonly SomoStanding[];
}

export interface SomoBreak {
  readonly type: 'somoBreak';
  readonly nodes: readonly SomoNode[];
}

export interface SomoCall {
  readonly type: 'somoCall';
  readonly round: number;
  readonly seq: number;
}

export interface SomoAggregate {
  readonly op: string;
  readonly field: string;
  readonly parameter: number;
}

export interface SomoStanding {
  readonly id: number;
  readonly origin: Contact;
  readonly aggregates: readonly SomoAggregate[];
  readonly where: string;
  readonly from: number;
  readonly to: number;
  readonly leaseMs: number;
  readonly topic: string;
}

/** Kinds of `SomoDown`. Append only. */
export const DOWN = { tell: 0, query: 1, register: 2, cancel: 3, promote: 4 } as const;

export interface SomoDown {
  readonly type: 'somoDown';
  readonly op: number;
  readonly id: number;
  readonly node: SomoNode;
  readonly kind: number;
  readonly from: number;
  readonly to: number;
  readonly where: string;
  readonly budgetMs: number;
  readonly origin: Contact;
  readonly topic: string;
  readonly text: string;
  readonly transform: string;
  readonly aggregates: readonly SomoAggregate[];
  readonly standing?: SomoStanding | undefined;
}

export interface SomoUp {
  readonly type: 'somoUp';
  readonly op: number;
  readonly machines: number;
  readonly space: number;
  readonly matched: number;
  readonly visited: number;
  readonly ageMs: number;
  readonly height: number;
  readonly states: readonly State[];
}

export interface SomoNews {
  readonly type: 'somoNews';
  readonly id: number;
  readonly machines: number;
  readonly space: number;
  readonly matched: number;
  readonly ageMs: number;
  readonly height: number;
  readonly states: readonly State[];
}

export type SomoMessage = SomoReport | SomoAck | SomoBreak | SomoCall | SomoDown | SomoUp | SomoNews;
