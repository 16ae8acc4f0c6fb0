/**
 * How a peer finds its pool: addresses a person gave, peers met before, peers on the local network.
 *
 * What a person gave must work, or the person is told why. Everything else is tried quietly and again and again, longer
 * and longer apart: a peer that comes up alone is a ring of one meanwhile, and two rings that meet merge by themselves.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contact } from '../core/contact.ts';
import { GroveError } from '../core/errors.ts';
import type { Introduction } from '../host/handshake.ts';
import { dialable } from './remembered-peers.ts';

/** What bootstrapping needs of a host. */
export interface Dialling {
  readonly peerId: string;
  dial(address: string): Promise<Introduction>;
}

export interface Reached {
  readonly address: string;
  readonly introduction: Introduction;
}

/** How long an address that a person gave may take to answer. */
export const REACH_MS = 15_000;
const REDIAL_MS = 1_000;
const ROUND_FIRST_MS = 10_000;
const ROUND_MAX_MS = 5 * 60_000;
const DIALS_AT_ONCE = 4;

export interface ReachOptions {
  readonly deadlineMs?: number;
  /** The addresses that the sentence is about when none answers. */
  readonly named?: readonly string[];
  /** Try each address once only, instead of until the deadline. */
  readonly once?: boolean;
}

/** The first of the addresses that answers and proves membership. Throws 'refused' or 'unreachable' when none does. */
export async function reachAny(host: Dialling, addresses: readonly string[], options: ReachOptions = {}): Promise<Reached> {
  const { deadlineMs = REACH_MS, named = addresses, once = false } = options;
  const settled = new AbortController();
  const until = once ? 0 : Date.now() + deadlineMs;
  const refusals: GroveError[] = [];
  const attempts = addresses.map(async (address) => {
    const reached = await reachOne(host, address, until, settled.signal, refusals);
    settled.abort();
    return reached;
  });
  // A single dial has its own, longer deadline; whoever waits here is answered at ours.
  const late = sleep(deadlineMs, undefined, { signal: settled.signal, ref: false }).then(() => Promise.reject(new Error('late')));
  late.catch(() => undefined);
  try {
    return await Promise.race([Promise.any(attempts), late]);
  } catch {
    throw refusals[0] ?? nobody(named, deadlineMs);
  } finally {
    settled.abort();
  }
}

async function reachOne(host: Dialling, address: string, until: number, settled: AbortSignal, refusals: GroveError[]): Promise<Reached> {
  for (;;) {
    try {
      return { address, introduction: await host.dial(address) };
    } catch (error) {
      if (error instanceof GroveError && error.code === 'refused') {
        refusals.push(refusedAt(address, error));
        throw error;
      }
      if (settled.aborted || Date.now() + REDIAL_MS > until) throw error;
      await sleep(REDIAL_MS, undefined, { signal: settled });
    }
  }
}

function refusedAt(address: string, error: GroveError): GroveError {
  const reason = error.message.replace(/^The peer /, '').replace(/check the invite\b/, 'check the invite or the pool key');
  const sentence = reason === error.message ? `No entry at ${address}: ${reason}` : `The peer at ${address} ${reason}`;
  return new GroveError('refused', sentence, { cause: error });
}

function nobody(addresses: readonly string[], deadlineMs: number): GroveError {
  const where = addresses.length === 1 ? `at ${addresses[0]}` : `at any of ${addresses.join(', ')}`;
  const check = 'check that a member runs there, that the address and port are right, and that no firewall is between';
  return new GroveError('unreachable', `Nobody answered ${where} within ${Math.round(deadlineMs / 1000)} s: ${check}.`);
}

export interface SearchOptions {
  readonly host: Dialling;
  /** Per peer, the addresses to try in turn. */
  readonly peers: readonly (readonly string[])[];
  readonly isAlone: () => boolean;
  readonly isNeighbour: (contact: Contact) => boolean;
  /** A proven member. */
  readonly onFound: (introduction: Introduction) => void;
}

/** Tries peers met before: each until it answered once, and all of them again whenever this peer is alone. */
export class Search {
  readonly #options: SearchOptions;
  readonly #stopped = new AbortController();
  readonly #unmet: Set<readonly string[]>;
  readonly #discovering = new Set<string>();
  #running: Promise<void> | undefined;

  constructor(options: SearchOptions) {
    this.#options = options;
    this.#unmet = new Set(options.peers);
  }

  start(): void {
    this.#running ??= this.#rounds();
  }

  /** Somebody is said to be on the local network. */
  onDiscovered(contact: Contact): void {
    const { isNeighbour, onFound } = this.#options;
    if (isNeighbour(contact) || this.#discovering.has(contact.peerId) || this.#discovering.size >= DIALS_AT_ONCE) return;
    this.#discovering.add(contact.peerId);
    void this.#dialInTurn(dialable(contact))
      .then((introduction) => {
        if (introduction !== undefined && !this.#stopped.signal.aborted) onFound(introduction);
      })
      .finally(() => this.#discovering.delete(contact.peerId));
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #rounds(): Promise<void> {
    let pauseMs = ROUND_FIRST_MS;
    while (!this.#stopped.signal.aborted) {
      const alone = this.#options.isAlone();
      if (alone) pauseMs = Math.min(pauseMs, 6 * ROUND_FIRST_MS);
      const targets = [...(alone ? this.#options.peers : this.#unmet)];
      for (let i = 0; i < targets.length && !this.#stopped.signal.aborted; i += DIALS_AT_ONCE) {
        await Promise.all(targets.slice(i, i + DIALS_AT_ONCE).map(async (peer) => this.#tryPeer(peer)));
      }
      await sleep(pauseMs, undefined, { signal: this.#stopped.signal, ref: false }).catch(() => undefined);
      pauseMs = Math.min(2 * pauseMs, ROUND_MAX_MS);
    }
  }

  async #tryPeer(addresses: readonly string[]): Promise<void> {
    const introduction = await this.#dialInTurn(addresses);
    if (introduction === undefined || this.#stopped.signal.aborted) return;
    this.#unmet.delete(addresses);
    this.#options.onFound(introduction);
  }

  async #dialInTurn(addresses: readonly string[]): Promise<Introduction | undefined> {
    for (const address of addresses) {
      if (this.#stopped.signal.aborted || address.endsWith(this.#options.host.peerId)) return undefined;
      const introduction = await this.#options.host.dial(address).catch(() => undefined);
      if (introduction !== undefined) return introduction;
    }
    return undefined;
  }
}
