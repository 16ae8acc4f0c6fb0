/**
 * The seam between protocol code and the world it runs in.
 *
 * Protocol classes never read a clock, open a socket or wait: they are told what happened and when, and they act through
 * one small object. The simulator and the daemon both implement it, so the code that is measured is the code that runs.
 * Generic in M (messages) and F (facts), so that core knows no protocol. Decision: docs/decisions/0002-env-seam.md.
 */
import type { Contact } from './contact.ts';
import type { Random } from './random.ts';

/** An instant or a duration in milliseconds. Instants count from an arbitrary start of the host; fractions are allowed. */
export type Millis = number;

/** A timer slot of one peer: a small integer. Arming a slot again replaces what was armed. */
export type TimerKind = number;

/** One open data stream, named by the host. Never on the wire, never used again after it closed. */
export type StreamId = number;

/** Soft datagrams: a message may be lost, repeated or reordered; it is never delivered during `send`, not even to self. */
export interface Network<M> {
  send(to: Contact, message: M): void;
}

export interface Timers {
  arm(kind: TimerKind, at: Millis): void;
  disarm(kind: TimerKind): void;
}

/**
 * Reliable, ordered, back-pressured byte streams for what is too large for a message. `open` never fails at once: a
 * failure arrives as `onStreamClosed`. `write` returns false once the host's buffer for the stream is above its mark:
 * the bytes are taken, and the writer waits for `onStreamWritable` before it writes more.
 */
export interface Streams {
  open(to: Contact, purpose: number): StreamId;
  write(stream: StreamId, bytes: Uint8Array): boolean;
  end(stream: StreamId): void;
  reset(stream: StreamId): void;
  pause(stream: StreamId): void;
  resume(stream: StreamId): void;
}

/** A peer's own durable bytes by name. Synchronous; what `write` took is there after the process is killed. */
export interface Store {
  read(name: string): Uint8Array | undefined;
  write(name: string, bytes: Uint8Array): void;
  remove(name: string): void;
  /** Names that begin with `prefix`, in ascending order. */
  names(prefix: string): string[];
}

export interface Env<M, F> extends Network<M>, Timers {
  readonly random: Random;
  readonly store: Store;
  readonly streams: Streams;
  /** Host-monotonic now. Does not advance during one input. */
  now(): Millis;
  /** Unix time in milliseconds as this machine believes it: may be wrong and may step. Only for versions and leases. */
  wallClock(): Millis;
  /** Tells logs, metrics, API events and checkers what happened. Never control flow. */
  emit(fact: F): void;
}

/** What a host drives. Inputs only; outputs leave through the Env. */
export interface Protocol<M> {
  onMessage(from: Contact, message: M, at: Millis): void;
  onTimer(kind: TimerKind): void;
  /** A hint from the transport that a connection broke or a dial failed; never proof of death. */
  onPeerUnreachable(peer: Contact): void;
  onStreamOpened(from: Contact, stream: StreamId, purpose: number): void;
  onStreamData(stream: StreamId, bytes: Uint8Array): void;
  onStreamWritable(stream: StreamId): void;
  onStreamClosed(stream: StreamId, how: 'ended' | 'reset'): void;
}

/** How a host turns messages into bytes. `size` equals `encode(message).length` without encoding. */
export interface Codec<M> {
  encode(message: M): Uint8Array;
  /** What `encode` returns, in pieces: large bytes of a message are the message's own, so that whoever joins the pieces makes the only copy. */
  parts(message: M): readonly Uint8Array[];
  /** Throws `WireError` on anything malformed, unknown or over a declared maximum. */
  decode(bytes: Uint8Array): M;
  size(message: M): number;
  /** The message's append-only number: for fingerprints and per-type counters. */
  number(message: M): number;
  /** The name that goes with `number`. */
  name(number: number): string;
}
