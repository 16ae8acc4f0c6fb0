/**
 * An Env by hand: it keeps what a peer sends, arms and tells, and time passes only when the test says so.
 *
 * With it one part (or one whole peer) can be taken through a story message by message, without any other peer.
 */
import type { Contact } from '../../../src/core/contact.ts';
import type { Millis, Store, Streams } from '../../../src/core/env.ts';
import type { Position } from '../../../src/core/position.ts';
import { CIRCLE, positionFromLead } from '../../../src/core/position.ts';
import type { Random } from '../../../src/core/random.ts';
import { randomFrom } from '../../../src/core/random.ts';
import type { Fact } from '../../../src/protocol/facts.ts';
import type { NodeEnv } from '../../../src/protocol/local.ts';
import type { Message, MessageType, Vitals } from '../../../src/protocol/wire/messages.ts';
import { MemoryStore } from '../../../src/sim/memory-store.ts';

export interface Sent {
  readonly to: Contact;
  readonly message: Message;
  readonly at: Millis;
}

const EPOCH_MS = 1_700_000_000_000;

export class RecordingEnv implements NodeEnv {
  readonly random: Random;
  readonly store: Store;
  readonly streams: Streams = {
    open: () => 1, write: () => true, end: () => undefined, reset: () => undefined, pause: () => undefined, resume: () => undefined,
  };
  sent: Sent[] = [];
  facts: Fact[] = [];
  readonly armed = new Map<number, Millis>();
  /** Who is told of timers; set once the part under test exists. */
  onTimer: (kind: number) => void = () => undefined;
  skewMs = 0;
  #now: Millis = 0;

  constructor(seed = 1, store: Store = new MemoryStore()) {
    this.random = randomFrom(seed);
    this.store = store;
  }

  now(): Millis {
    return this.#now;
  }

  wallClock(): Millis {
    return EPOCH_MS + this.#now + this.skewMs;
  }

  send(to: Contact, message: Message): void {
    this.sent.push({ to, message, at: this.#now });
  }

  arm(kind: number, at: Millis): void {
    this.armed.set(kind, at);
  }

  disarm(kind: number): void {
    this.armed.delete(kind);
  }

  emit(fact: Fact): void {
    this.facts.push(fact);
  }

  /** Lets so much time pass; timers fire in order, each at its instant. */
  advance(ms: Millis): void {
    const end = this.#now + ms;
    for (;;) {
      let kind = -1;
      let at = Infinity;
      for (const [k, when] of this.armed) if (when < at) [kind, at] = [k, when];
      if (at > end) break;
      this.armed.delete(kind);
      this.#now = Math.max(this.#now, at);
      this.onTimer(kind);
    }
    this.#now = end;
  }

  /** What was sent since the last call. */
  take(): Sent[] {
    const { sent } = this;
    this.sent = [];
    return sent;
  }

  takeOf<T extends MessageType>(type: T): { readonly to: Contact; readonly message: Extract<Message, { type: T }>; readonly at: Millis }[] {
    return this.take().filter(({ message }) => message.type === type) as never;
  }

  factsOf<K extends Fact['kind']>(kind: K): Extract<Fact, { kind: K }>[] {
    return this.facts.filter((fact) => fact.kind === kind) as never;
  }
}

/** A contact whose position is this share of the circle. */
export function peerAt(share: number, wishes: Partial<Contact> = {}): Contact {
  return { peerId: `peer-${share}`, position: at(share), addresses: [], name: '', incarnation: 1, ...wishes };
}

export function at(share: number): Position {
  return positionFromLead(Math.floor(share * CIRCLE));
}

/** What a member says of itself; `zoneStart: undefined` makes it a joiner. */
export function vitalsOf(wishes: Partial<Vitals> = {}): Vitals {
  return { incarnation: 1, zoneStart: at(0), coordinate: undefined, leafsetDigest: 1, storedKib: 0, ...wishes };
}
