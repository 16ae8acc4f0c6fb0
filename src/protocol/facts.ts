/**
 * What a peer tells the world about itself: the only way protocol code is observed.
 *
 * Logs, metrics, API events and the simulator's checkers are all computed from these. Past tense, one kind per event,
 * never control flow. Answers to operations carry the `op` that the caller was given.
 */
import type { Contact } from '../core/contact.ts';
import type { Position } from '../core/position.ts';
import type { StoredObject, Version } from './wire/messages.ts';

export type Fact =
  | { readonly kind: 'ring-joined'; readonly tookMs: number }
  | { readonly kind: 'ring-left' }
  | { readonly kind: 'self-moved'; readonly contact: Contact; readonly before: Position }
  | { readonly kind: 'join-retried'; readonly attempt: number }
  | { readonly kind: 'peer-suspected'; readonly peer: Contact }
  | { readonly kind: 'peer-refuted'; readonly peer: Contact }
  | { readonly kind: 'peer-dead'; readonly peer: Contact }
  | { readonly kind: 'peer-met'; readonly peer: Contact }
  | { readonly kind: 'self-refuted'; readonly incarnation: number }
  | { readonly kind: 'zone-changed'; readonly start: Position | undefined }
  | { readonly kind: 'neighbours-found'; readonly through: Contact; readonly count: number }
  | { readonly kind: 'lookup-delivered'; readonly op: number; readonly key: Position; readonly origin: Contact; readonly hops: number }
  | { readonly kind: 'lookup-done'; readonly op: number; readonly key: Position; readonly owner: Contact; readonly hops: number; readonly tookMs: number }
  | { readonly kind: 'lookup-failed'; readonly op: number; readonly key: Position; readonly reason: string }
  | { readonly kind: 'route-dropped'; readonly reason: string }
  | { readonly kind: 'write-done'; readonly op: number; readonly key: Position; readonly version: Version; readonly copies: number; readonly host: Contact }
  | { readonly kind: 'write-failed'; readonly op: number; readonly key: Position; readonly status: number; readonly reason: string }
  | { readonly kind: 'read-done'; readonly op: number; readonly key: Position; readonly object: StoredObject | undefined; readonly host: Contact; readonly hops: number; readonly direct: boolean }
  | { readonly kind: 'read-failed'; readonly op: number; readonly key: Position; readonly reason: string }
  | { readonly kind: 'object-stored'; readonly key: Position }
  | { readonly kind: 'object-dropped'; readonly key: Position; readonly why: 'handed-over' | 'expired' | 'forgotten' }
  | { readonly kind: 'objects-handed-over'; readonly count: number }
  | { readonly kind: 'tree-parent'; readonly tree: string; readonly parent: Contact | undefined }
  | { readonly kind: 'feed-lead'; readonly key: Position; readonly epoch: number; readonly lead: Contact | undefined }
  | { readonly kind: 'feed-liar'; readonly key: Position; readonly peerId: string; readonly hash: string }
  | { readonly kind: 'cast-invited'; readonly name: string; readonly session: string; readonly from: Contact }
  | { readonly kind: 'cast-planned'; readonly name: string; readonly members: number; readonly helpers: number; readonly heightMs: number; readonly moved: number }
  | { readonly kind: 'cast-parent-lost'; readonly name: string; readonly parent: Contact; readonly why: string }
  | { readonly kind: 'cast-member-gone'; readonly name: string; readonly peerId: string; readonly why: string }
  | { readonly kind: 'cast-over'; readonly name: string; readonly reason: string }
  | { readonly kind: 'told'; readonly topic: string; readonly text: string; readonly from: Contact }
  | { readonly kind: 'message-ignored'; readonly type: string; readonly why: string };
