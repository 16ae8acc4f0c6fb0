/**
 * Being reachable without an address: a peer that others cannot dial asks neighbours to relay for it.
 *
 * It keeps reservations with a few proven members it is directly connected to; libp2p then lists addresses through them,
 * and those go into our contact. When a relay's connection closes another one is asked at the next sweep.
 */
import type { Connection } from '@libp2p/interface';
import type { Connections, Line } from './connections.ts';
import type { HostFact } from './facts.ts';

export interface RelaysOptions {
  readonly connections: Connections;
  readonly wanted: number;
  /** Somebody may be unable to dial us. */
  readonly isHidden: () => boolean;
  /** A relay where we cannot be dialled from is worth more than one next door. */
  readonly isPreferred: (peerId: string) => boolean;
  readonly reserve: (connection: Connection) => Promise<void>;
  /** A reservation was made: our addresses are different now. */
  readonly onReserved: () => void;
  readonly emit: (fact: HostFact) => void;
}

/** A member that refused is not asked again for this many sweeps. */
const PAUSE_SWEEPS = 8;

export class Relays {
  readonly #options: RelaysOptions;
  /** Relays by PeerId, with the connection that holds the reservation. */
  readonly #held = new Map<string, Line>();
  /** Sweeps until a member that refused is asked again. */
  readonly #paused = new Map<string, number>();
  #asking = false;

  constructor(options: RelaysOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#held.size;
  }

  /** A connection that must stay open although nothing is said on it. */
  isHeld(line: Line): boolean {
    return this.#held.get(line.remote.peerId) === line;
  }

  /** There are new members to ask, or we just learned that we are hidden. */
  onNews(): void {
    void this.#fill();
  }

  onClosed(line: Line): void {
    if (this.isHeld(line)) this.#held.delete(line.remote.peerId);
  }

  sweep(): void {
    for (const [peerId, sweeps] of this.#paused) {
      if (sweeps <= 1) this.#paused.delete(peerId);
      else this.#paused.set(peerId, sweeps - 1);
    }
    void this.#fill();
  }

  async #fill(): Promise<void> {
    const { connections, isHidden, isPreferred } = this.#options;
    if (this.#asking || !isHidden()) return;
    this.#asking = true;
    try {
      const lines = connections.lines();
      const preferred = lines.filter((line) => isPreferred(line.remote.peerId));
      for (const line of [...preferred, ...lines]) {
        if (this.#held.size >= this.#options.wanted) return;
        await this.#ask(line);
      }
    } finally {
      this.#asking = false;
    }
  }

  async #ask(line: Line): Promise<void> {
    const { peerId } = line.remote;
    const canRelay = line.connection.direct && line.connection.status === 'open' && (line.introduction?.contact.addresses.length ?? 0) > 0;
    if (!canRelay || line.closing || this.#held.has(peerId) || this.#paused.has(peerId)) return;
    try {
      await this.#options.reserve(line.connection);
      this.#held.set(peerId, line);
      this.#options.emit({ kind: 'relay-reserved', peerId });
      this.#options.onReserved();
    } catch (error) {
      this.#paused.set(peerId, PAUSE_SWEEPS);
      this.#options.emit({ kind: 'relay-failed', peerId, reason: error instanceof Error ? error.message : String(error) });
    }
  }
}
