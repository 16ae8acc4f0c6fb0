/**
 * A protocol that does nothing by itself: it notes its inputs, and a test waits for what it wants to see.
 *
 * Waiting is by condition, not by time: `until` resolves with the first input that matches and fails the test at a
 * generous deadline, so that nothing here sleeps and nothing hangs.
 */
import type { Contact } from '../../../src/core/contact.ts';
import type { Codec, Protocol, Store, StreamId } from '../../../src/core/env.ts';
import { WireError } from '../../../src/core/errors.ts';
import type { HostFact } from '../../../src/host/facts.ts';
import type { Host } from '../../../src/host/host.ts';
import { createHost } from '../../../src/host/host.ts';
import type { HostLimits, HostOptions } from '../../../src/host/host-options.ts';
import { newPrivateKey } from '../../../src/host/identity.ts';

export type ToyMessage = Uint8Array;

export type ToyFact = { readonly kind: 'toy'; readonly text: string };

/** Messages are bytes; the first byte 255 is no message. */
export const toyCodec: Codec<ToyMessage> = {
  encode: (message) => message,
  parts: (message) => [message],
  decode: (bytes) => {
    if (bytes[0] === 255) throw new WireError('a toy message never begins with 255');
    return bytes;
  },
  size: (message) => message.length,
  number: () => 1,
  name: () => 'toy',
};

export type Input =
  | { readonly kind: 'message'; readonly from: Contact; readonly message: ToyMessage; readonly at: number }
  | { readonly kind: 'timer'; readonly timer: number }
  | { readonly kind: 'unreachable'; readonly peer: Contact }
  | { readonly kind: 'opened'; readonly from: Contact; readonly stream: StreamId; readonly purpose: number }
  | { readonly kind: 'data'; readonly stream: StreamId; readonly bytes: Uint8Array }
  | { readonly kind: 'writable'; readonly stream: StreamId }
  | { readonly kind: 'closed'; readonly stream: StreamId; readonly how: 'ended' | 'reset' }
  | { readonly kind: 'fact'; readonly fact: HostFact | ToyFact };

const DEADLINE_MS = 30_000;

export class ToyProtocol implements Protocol<ToyMessage> {
  readonly inputs: Input[] = [];
  /** Called within every input, before it is noted. */
  react: (input: Input) => void = () => undefined;
  readonly #waiting = new Set<() => void>();

  onMessage(from: Contact, message: ToyMessage, at: number): void {
    this.note({ kind: 'message', from, message, at });
  }

  onTimer(timer: number): void {
    this.note({ kind: 'timer', timer });
  }

  onPeerUnreachable(peer: Contact): void {
    this.note({ kind: 'unreachable', peer });
  }

  onStreamOpened(from: Contact, stream: StreamId, purpose: number): void {
    this.note({ kind: 'opened', from, stream, purpose });
  }

  onStreamData(stream: StreamId, bytes: Uint8Array): void {
    this.note({ kind: 'data', stream, bytes });
  }

  onStreamWritable(stream: StreamId): void {
    this.note({ kind: 'writable', stream });
  }

  onStreamClosed(stream: StreamId, how: 'ended' | 'reset'): void {
    this.note({ kind: 'closed', stream, how });
  }

  note(input: Input): void {
    this.react(input);
    this.inputs.push(input);
    for (const wake of [...this.#waiting]) wake();
  }

  all<K extends Input['kind']>(kind: K): Extract<Input, { kind: K }>[] {
    return this.inputs.filter((input): input is Extract<Input, { kind: K }> => input.kind === kind);
  }

  /** Resolves once `condition` holds, or the signal says that it does; it is asked again after every input. */
  async until(condition: () => boolean, what: string, settled?: AbortSignal): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const deadline = setTimeout(() => {
        this.#waiting.delete(wake);
        reject(new Error(`waited in vain for ${what}`));
      }, DEADLINE_MS);
      const wake = (): void => {
        if (settled?.aborted !== true && !condition()) return;
        clearTimeout(deadline);
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
      settled?.addEventListener('abort', wake);
    });
  }

  async untilFact(kind: string): Promise<HostFact | ToyFact> {
    const found = (): HostFact | ToyFact | undefined => this.all('fact').find((input) => input.fact.kind === kind)?.fact;
    await this.until(() => found() !== undefined, `the fact ${kind}`);
    return found() as HostFact | ToyFact;
  }
}

export interface ToyHost {
  readonly host: Host<ToyMessage, ToyFact>;
  readonly protocol: ToyProtocol;
}

export class MemoryStore implements Store {
  readonly #entries = new Map<string, Uint8Array>();

  read(name: string): Uint8Array | undefined {
    return this.#entries.get(name);
  }

  write(name: string, bytes: Uint8Array): void {
    this.#entries.set(name, bytes.slice());
  }

  remove(name: string): void {
    this.#entries.delete(name);
  }

  names(prefix: string): string[] {
    return [...this.#entries.keys()].filter((name) => name.startsWith(prefix)).sort();
  }
}

export const POOL_KEY = new Uint8Array(32).fill(7);

export type ToyOptions = Partial<Omit<HostOptions<ToyMessage, ToyFact>, 'limits'>> & { readonly limits?: Partial<HostLimits> };

/** A host on loopback with a toy protocol attached. */
export async function startToy(options: ToyOptions = {}): Promise<ToyHost> {
  const protocol = new ToyProtocol();
  const host = await createHost<ToyMessage, ToyFact>({
    privateKey: newPrivateKey(),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    codec: toyCodec,
    poolKey: POOL_KEY,
    settings: new Uint8Array(),
    name: 'toy',
    incarnation: 1,
    store: new MemoryStore(),
    onFact: (fact) => protocol.note({ kind: 'fact', fact }),
    ...options,
  });
  host.attach(protocol);
  return { host, protocol };
}

export function text(message: Uint8Array): string {
  return new TextDecoder().decode(message);
}

export function bytesOf(message: string): Uint8Array {
  return new TextEncoder().encode(message);
}

/** Sends from within an input, as protocol code does. */
export function send(from: ToyHost, to: Contact, message: string): void {
  from.host.input(() => from.host.env.send(to, bytesOf(message)));
}
