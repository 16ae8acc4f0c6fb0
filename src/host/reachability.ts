/**
 * Can others dial us? Asked of the members we dialled, each of which tries a fresh connection to the addresses we tell.
 *
 * Having an address proves nothing: behind a home router it is a private one that only the same house can use, and
 * libp2p's autonat asks about public ones only. Whoever dialled us is an answer already, so only members that we dialled
 * are asked, a few of them. If one of them cannot dial us there are members like it, and we want relays (relays.ts). The
 * question is a stream without content, the answer one byte.
 */
import type { Connection, Stream } from '@libp2p/interface';
import { performance } from 'node:perf_hooks';
import type { Millis } from '../core/env.ts';
import { isRelayed } from './addresses.ts';
import type { Connections, Line } from './connections.ts';

export interface ReachabilityOptions {
  readonly connections: Connections;
  readonly dialMs: Millis;
  readonly selfAddresses: () => readonly string[];
  readonly openStream: (connection: Connection, signal: AbortSignal) => Promise<Stream>;
  /** Dials even if there is a connection already. */
  readonly dialAnew: (addresses: readonly string[], peerId: string, signal: AbortSignal) => Promise<Connection>;
  /** The verdict may have changed. */
  readonly onAnswer: () => void;
}

/** Members asked before the matter is taken as settled. */
const ASKED_MAX = 3;
/** Questions answered at one time, and how often one connection may ask. */
const ANSWERING_MAX = 4;
const ANSWER_PAUSE_MS = 60_000;
const YES = 1;
const NO = 0;

export class Reachability {
  readonly #options: ReachabilityOptions;
  /** What each member that was asked answered; the addresses it was asked about. */
  readonly #answers = new Map<string, boolean>();
  #askedAbout = '';
  #asking = false;
  readonly #answeredAt = new WeakMap<Line, Millis>();
  #answering = 0;

  constructor(options: ReachabilityOptions) {
    this.#options = options;
  }

  /** Somebody may be unable to dial us: there is no address to dial, or a member tried in vain. */
  get isHidden(): boolean {
    return this.#direct().length === 0 || [...this.#answers.values()].includes(false);
  }

  /** A member that tried to dial us in vain: it is where we cannot be dialled from, so a relay there is of use. */
  couldNotDial(peerId: string): boolean {
    return this.#answers.get(peerId) === false;
  }

  /** Asks members that were not asked yet, if enough of them have not answered. */
  async ask(): Promise<void> {
    const direct = this.#direct();
    if (direct.join() !== this.#askedAbout) {
      this.#askedAbout = direct.join();
      this.#answers.clear();
    }
    if (this.#asking || direct.length === 0) return;
    this.#asking = true;
    try {
      for (const line of this.#options.connections.lines()) {
        if (this.#answers.size >= ASKED_MAX) return;
        await this.#askOne(line);
      }
    } finally {
      this.#asking = false;
    }
  }

  /** Somebody asks us: tries to dial it and answers. */
  async answer(stream: Stream, line: Line): Promise<void> {
    const now = performance.now();
    const answeredAt = this.#answeredAt.get(line) ?? -Infinity;
    if (this.#answering >= ANSWERING_MAX || now - answeredAt < ANSWER_PAUSE_MS) {
      return stream.abort(new Error('asked too often'));
    }
    this.#answeredAt.set(line, now);
    this.#answering++;
    try {
      const reached = await this.#reaches(line);
      if (stream.status === 'open') stream.send(Uint8Array.of(reached ? YES : NO));
      await stream.close({ signal: AbortSignal.timeout(1_000) });
    } catch {
      stream.abort(new Error('the other side is gone'));
    } finally {
      this.#answering--;
    }
  }

  #direct(): string[] {
    return this.#options.selfAddresses().filter((address) => !isRelayed(address));
  }

  async #askOne(line: Line): Promise<void> {
    const { connection, remote } = line;
    if (connection.direction !== 'outbound' || !connection.direct || connection.status !== 'open') return;
    if (this.#answers.has(remote.peerId)) return;
    try {
      const signal = AbortSignal.timeout(3 * this.#options.dialMs);
      const stream = await this.#options.openStream(connection, signal);
      const reached = await readAnswer(stream, signal);
      this.#answers.set(remote.peerId, reached);
      this.#options.onAnswer();
    } catch {
      return; // no answer says nothing; another member is asked, or this one at the next sweep
    }
  }

  /** Tries a fresh connection to the asker's own addresses; the encryption under it says who answered. */
  async #reaches(asker: Line): Promise<boolean> {
    const addresses = (asker.introduction?.contact.addresses ?? []).filter((address) => !isRelayed(address));
    if (addresses.length === 0) return false;
    const { connections, dialMs, dialAnew } = this.#options;
    const { peerId } = asker.remote;
    return connections.tryOut(peerId, async () => dialAnew(addresses, peerId, AbortSignal.timeout(dialMs)));
  }
}

async function readAnswer(stream: Stream, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const fail = (): void => {
      reject(new Error('no answer'));
      if (stream.status === 'open') stream.abort(new Error('no answer'));
    };
    signal.addEventListener('abort', fail, { once: true });
    stream.addEventListener('close', fail);
    stream.addEventListener('message', (event) => {
      resolve(event.data.subarray()[0] === YES);
      signal.removeEventListener('abort', fail);
      stream.close({ signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
    });
  });
}
