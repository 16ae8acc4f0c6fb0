/**
 * The seam between promises and protocol operations: the only file where one becomes the other.
 *
 * The protocol ends every operation by calling a handler, within deadlines of its own. A promise must not depend on that
 * promise being kept: each also ends when its caller gives up, when this peer stops, and some time after the protocol
 * should have answered. So nothing that awaits an operation hangs.
 */
import type { Contact } from '../core/contact.ts';
import { GroveError } from '../core/errors.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { Position } from '../core/position.ts';
import type { Dereferenced, Failure, FailureCode, Read, Written } from '../protocol/overlay/outcomes.ts';
import type { Overlay, PutOptions } from '../protocol/overlay/overlay.ts';
import type { LookupResult } from '../protocol/routing/router.ts';
import type { Reference } from '../protocol/wire/messages.ts';

/** What operations need of a protocol node. */
export interface OperationsNode {
  readonly overlay: Pick<Overlay, 'put' | 'get' | 'direct' | 'remove' | 'setref' | 'deref' | 'removeRef'>;
  lookup(key: Position, onDone: (result: LookupResult) => void, onFail: (reason: string) => void): number;
}

type Settle<T> = (value: T) => void;
type Fail = (error: GroveError) => void;

const NOTHING_HELPS = 'try again in a moment';
const CODES: Readonly<Record<FailureCode, ErrorCode>> = {
  quota: 'quota',
  'too-few-copies': 'timeout',
  missing: 'not-found',
  'too-large': 'too-large',
  timeout: 'timeout',
  busy: 'timeout',
};

export class Operations {
  readonly #node: OperationsNode;
  readonly #input: (call: () => void) => void;
  readonly #deadlineMs: number;
  readonly #pending = new Set<Fail>();
  readonly #stopped = new AbortController();

  /** `input` runs a call into the protocol; `deadlineMs` is beyond whatever the protocol promises. */
  constructor(node: OperationsNode, input: (call: () => void) => void, deadlineMs: number) {
    this.#node = node;
    this.#input = input;
    this.#deadlineMs = deadlineMs;
  }

  get pending(): number {
    return this.#pending.size;
  }

  async lookup(key: Position, signal?: AbortSignal): Promise<LookupResult> {
    return this.run<LookupResult>(signal, (settle, fail) => {
      this.#node.lookup(key, settle, (reason) => {
        fail(new GroveError('timeout', `The lookup failed (${reason}): ${NOTHING_HELPS}.`));
      });
    });
  }

  async put(key: Position, value: Uint8Array, options: PutOptions = {}, signal?: AbortSignal): Promise<Written> {
    return this.#outcome<Written>(signal, (done) => this.#node.overlay.put(key, value, options, done));
  }

  async get(key: Position, signal?: AbortSignal): Promise<Read> {
    return this.#outcome<Read>(signal, (done) => this.#node.overlay.get(key, done));
  }

  /** Asks one peer for what it holds, without a lookup. */
  async direct(key: Position, host: Contact, signal?: AbortSignal): Promise<Read> {
    return this.#outcome<Read>(signal, (done) => this.#node.overlay.direct(key, host, done));
  }

  async remove(key: Position, signal?: AbortSignal): Promise<Written> {
    return this.#outcome<Written>(signal, (done) => this.#node.overlay.remove(key, done));
  }

  async setref(a: Position, field: string, b: Reference, signal?: AbortSignal): Promise<Written> {
    return this.#outcome<Written>(signal, (done) => this.#node.overlay.setref(a, field, b, done));
  }

  async deref(a: Position, field: string, signal?: AbortSignal): Promise<Dereferenced> {
    return this.#outcome<Dereferenced>(signal, (done) => this.#node.overlay.deref(a, field, done));
  }

  /** Deletes the object that the field refers to, and clears the field. */
  async removeRef(a: Position, field: string, signal?: AbortSignal): Promise<Written> {
    return this.#outcome<Written>(signal, (done) => this.#node.overlay.removeRef(a, field, done));
  }

  /** Ends whatever is still waiting. */
  stop(): void {
    this.#stopped.abort(stopped());
    for (const fail of [...this.#pending]) fail(stopped());
  }

  async #outcome<T extends { readonly ok: true }>(signal: AbortSignal | undefined, begin: (done: (o: T | Failure) => void) => void): Promise<T> {
    return this.run<T>(signal, (settle, fail) => {
      begin((outcome) => {
        if (outcome.ok) settle(outcome);
        else fail(failureError(outcome));
      });
    });
  }

  /** Aborts when this peer stops, or changes to another pool: what is longer than one operation ends with it. */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Begins an operation by `begin`, and ends with it, or before. */
  async run<T>(signal: AbortSignal | undefined, begin: (settle: Settle<T>, fail: Fail) => void): Promise<T> {
    signal?.throwIfAborted();
    this.#stopped.signal.throwIfAborted();
    return new Promise<T>((resolve, reject) => {
      const onAbort = (): void => end(() => reject(signal?.reason));
      const fail: Fail = (error) => end(() => reject(error));
      const deadline = setTimeout(() => fail(new GroveError('timeout', `Nobody answered in time: ${NOTHING_HELPS}.`)), this.#deadlineMs);
      const end = (how: () => void): void => {
        if (!this.#pending.delete(fail)) return;
        clearTimeout(deadline);
        signal?.removeEventListener('abort', onAbort);
        how();
      };
      this.#pending.add(fail);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#input(() => begin((value) => end(() => resolve(value)), fail));
    });
  }
}

export function failureError(failure: Failure): GroveError {
  const code = CODES[failure.code];
  const advice = code === 'timeout' ? `: ${NOTHING_HELPS}` : code === 'quota' ? ': delete something, or let more peers join' : '';
  const reason = failure.reason.replace(/\.$/, '');
  return new GroveError(code, `${reason.charAt(0).toUpperCase()}${reason.slice(1)}${advice}.`);
}

function stopped(): GroveError {
  return new GroveError('stopped', 'The peer is stopping, or changing to another pool: try again when it runs.');
}
