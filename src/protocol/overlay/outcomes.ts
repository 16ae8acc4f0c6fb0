/**
 * How operations on objects end: the values that handlers are called with, exactly once each.
 *
 * Every outcome names the peer that hosts the object, because insert and lookup return it ([0037]).
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import type { StoredObject, Version } from '../wire/messages.ts';

export type FailureCode =
  | 'quota' // the owner's storage is full
  | 'too-few-copies' // fewer peers than promised took a copy
  | 'missing' // no such object, or no such field
  | 'too-large'
  | 'timeout' // no answer within the operation's deadline
  | 'busy'; // too many operations in progress here or at the owner

export interface Failure {
  readonly ok: false;
  readonly code: FailureCode;
  readonly reason: string;
}

export interface Written {
  readonly ok: true;
  readonly version: Version;
  /** Copies that existed when the owner acknowledged. */
  readonly copies: number;
  readonly host: Contact;
  readonly hops: number;
}

export interface Read {
  readonly ok: true;
  readonly object: StoredObject;
  readonly host: Contact;
  readonly hops: number;
}

export interface Dereferenced extends Read {
  readonly key: Position;
  /** The remembered host still had it, so no lookup was needed. */
  readonly shortcut: boolean;
}

export type WriteOutcome = Written | Failure;
export type ReadOutcome = Read | Failure;
export type DerefOutcome = Dereferenced | Failure;
