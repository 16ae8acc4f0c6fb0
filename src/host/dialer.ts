/**
 * How a contact becomes a proven connection: one that is there already, one whose proof is under way, or a dial.
 *
 * A peer that dialled us is reached over its own connection, also when it has no address. Dials are limited in number and
 * time, shared by all who want the same peer, and after a failure a peer is left alone for a while, longer each time,
 * unless it shows up with a newer incarnation or other addresses.
 */
import type { Connection } from '@libp2p/interface';
import { performance } from 'node:perf_hooks';
import type { Contact } from '../core/contact.ts';
import type { Millis } from '../core/env.ts';
import { GroveError } from '../core/errors.ts';
import type { Connections, Line } from './connections.ts';
import type { HostCounters, HostFact } from './facts.ts';
import type { HostLimits } from './host-options.ts';

export interface DialerOptions {
  readonly connections: Connections;
  readonly limits: HostLimits;
  readonly counters: HostCounters;
  readonly emit: (fact: HostFact) => void;
  readonly dial: (addresses: readonly string[], peerId: string | undefined, signal: AbortSignal) => Promise<Connection>;
  /** A dial failed: a hint for the protocol. */
  readonly onUnreachable: (contact: Contact) => void;
}

interface Failure {
  readonly incarnation: number;
  readonly addresses: string;
  readonly count: number;
  readonly retryAt: Millis;
}

/** Failures remembered; the oldest are forgotten first, which only means that they are dialled again. */
const FAILURES_MAX = 1_024;
/** Dials that may wait for a free place; more fail at once. */
const WAITING_MAX = 1_024;

export class Dialer {
  readonly #options: DialerOptions;
  readonly #pending = new Map<string, Promise<Line>>();
  readonly #failures = new Map<string, Failure>();
  readonly #waiting: (() => void)[] = [];
  #dialling = 0;
  #stopped = false;

  constructor(options: DialerOptions) {
    this.#options = options;
  }

  /** A proven connection to `contact`. Rejects with a GroveError, after the deadline at the latest. */
  async reach(contact: Contact): Promise<Line> {
    const line = this.#options.connections.lineTo(contact.peerId);
    if (line !== undefined) return line;
    const pending = this.#pending.get(contact.peerId);
    if (pending !== undefined) return pending;
    const reaching = this.#reach(contact).finally(() => this.#pending.delete(contact.peerId));
    this.#pending.set(contact.peerId, reaching);
    return reaching;
  }

  /** Is the peer to be left alone for now, because dialling it failed a moment ago? */
  isBackedOff(contact: Contact): boolean {
    const failure = this.#failures.get(contact.peerId);
    if (failure === undefined) return false;
    return (
      performance.now() < failure.retryAt &&
      contact.incarnation <= failure.incarnation &&
      contact.addresses.join() === failure.addresses
    );
  }

  /** The peer was heard from: whatever failed before is over. */
  onProven(peerId: string): void {
    this.#failures.delete(peerId);
  }

  /** Dials what a person typed. No back-off: who asks wants an answer. */
  async dialAddress(address: string): Promise<Line> {
    const { connections, limits, counters, dial } = this.#options;
    counters.dials++;
    let connection: Connection;
    try {
      connection = await dial([address], undefined, AbortSignal.timeout(2 * limits.dialMs));
    } catch (error) {
      counters.dialsFailed++;
      throw new GroveError('unreachable', `Nobody answers at ${address}: is the peer running, and the address right?`, { cause: error });
    }
    return connections.whenProven(connection);
  }

  stop(): void {
    this.#stopped = true;
    for (const go of this.#waiting.splice(0)) go();
  }

  async #reach(contact: Contact): Promise<Line> {
    const { connections, counters, emit } = this.#options;
    const proving = connections.provingLineTo(contact.peerId);
    if (proving !== undefined) {
      const proven = await proving.proven.catch(() => undefined);
      if (proven !== undefined) return proving;
    }
    if (contact.addresses.length === 0) throw this.#failed(contact, 'it has no address and is not connected');
    if (this.isBackedOff(contact)) throw new GroveError('unreachable', 'The peer could not be reached a moment ago.');
    await this.#place();
    try {
      if (this.#stopped) throw new GroveError('stopped', 'The peer is stopping.');
      const known = connections.lineTo(contact.peerId);
      if (known !== undefined) return known;
      counters.dials++;
      const connection = await this.#options.dial(contact.addresses, contact.peerId, AbortSignal.timeout(this.#options.limits.dialMs));
      return await connections.whenProven(connection);
    } catch (error) {
      if (this.#stopped) throw error;
      counters.dialsFailed++;
      const reason = error instanceof Error ? error.message : String(error);
      emit({ kind: 'dial-failed', peerId: contact.peerId, reason });
      throw this.#failed(contact, reason);
    } finally {
      this.#dialling--;
      this.#waiting.shift()?.();
    }
  }

  /** Waits for one of the places for parallel dials and takes it. */
  async #place(): Promise<void> {
    if (this.#dialling >= this.#options.limits.dialsMax) {
      if (this.#waiting.length >= WAITING_MAX) throw new GroveError('unreachable', 'Too many peers are being dialled.');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#dialling++;
  }

  #failed(contact: Contact, reason: string): GroveError {
    const { limits } = this.#options;
    const count = (this.#failures.get(contact.peerId)?.count ?? 0) + 1;
    const pause = Math.min(limits.backoffMs * 2 ** (count - 1), limits.backoffMaxMs);
    this.#failures.delete(contact.peerId); // so that insertion order is order of failure
    this.#failures.set(contact.peerId, {
      incarnation: contact.incarnation,
      addresses: contact.addresses.join(),
      count,
      retryAt: performance.now() + pause,
    });
    if (this.#failures.size > FAILURES_MAX) {
      for (const oldest of this.#failures.keys()) {
        this.#failures.delete(oldest);
        break;
      }
    }
    this.#options.onUnreachable(contact);
    return new GroveError('unreachable', `The peer cannot be reached: ${reason}.`);
  }
}
