/**
 * Every libp2p connection of this peer and whether its other end has proved to be a member.
 *
 * A connection is of no use to anyone until the handshake is through: nothing but the handshake is served on it, and an
 * inbound one that does not prove itself in time is closed. Afterwards the contact that the other side presented names
 * whoever speaks on it. Connections that nobody uses any more are closed by the sweep.
 */
import type { Connection, Stream } from '@libp2p/interface';
import { performance } from 'node:perf_hooks';
import type { Contact } from '../core/contact.ts';
import type { Millis } from '../core/env.ts';
import { GroveError } from '../core/errors.ts';
import type { HostCounters, HostFact } from './facts.ts';
import type { Introduction, Membership, Remote } from './handshake.ts';
import { decodeCard, greetAsAcceptor, greetAsOpener, HELLO_FRAME_BYTES_MAX, refuseBusy } from './handshake.ts';
import { FramedStream } from './framed-stream.ts';
import type { HostLimits } from './host-options.ts';
import { keptIdleMs } from './host-options.ts';
import { multihashOf, positionOfMultihash } from './identity.ts';
import { HandshakeRefused } from './membership.ts';

/** One connection; `introduction` is there once the other end has proved membership. */
export interface Line {
  readonly connection: Connection;
  readonly remote: Remote;
  /** Resolves when proven, rejects with a GroveError otherwise. */
  readonly proven: Promise<Introduction>;
  introduction: Introduction | undefined;
  /** What we last told the other end about ourselves. */
  presented: Contact | undefined;
  /** Proven since. */
  since: Millis;
  /** Something of ours was sent or received. */
  usedAt: Millis;
  wireErrors: number;
  /** We close it, so its end is no news about the peer. */
  closing: boolean;
}

export interface ConnectionsOptions {
  readonly peerId: string;
  readonly membership: Membership;
  readonly limits: HostLimits;
  readonly counters: HostCounters;
  readonly emit: (fact: HostFact) => void;
  readonly openHello: (connection: Connection, signal: AbortSignal) => Promise<Stream>;
  readonly onProven: (line: Line) => void;
  /** `inUse`: streams of ours were open, so the loss says something about the peer. */
  readonly onClosed: (line: Line, inUse: boolean) => void;
}

/** A connection beside a better one to the same peer is closed sooner. */
const SECOND_BEST_IDLE_MS = 5_000;
const IN_USE_SHARE = 0.9;

interface Proving extends Line {
  settle(introduction: Introduction): void;
  fail(error: GroveError): void;
}

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #lines = new Map<Connection, Proving>();
  readonly #byPeer = new Map<string, Proving[]>();
  /** Peers whose next connection is only tried out. */
  readonly #onTrial = new Set<string>();
  #unproven = 0;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** Called for every new connection. The side that dialled opens the handshake. */
  onOpen(connection: Connection): void {
    if (connection.direction === 'outbound' && this.#onTrial.has(connection.remotePeer.toString())) return;
    const line = this.#lineOf(connection);
    if (line === undefined || connection.direction !== 'outbound') return;
    void this.#greet(line, async (signal) => this.#options.openHello(connection, signal));
  }

  /** Whether a peer can be dialled; the connection that shows it is closed at once and never used. */
  async tryOut(peerId: string, dial: () => Promise<Connection>): Promise<boolean> {
    if (this.#onTrial.has(peerId)) return false;
    this.#onTrial.add(peerId);
    try {
      const connection = await dial();
      if (!this.#lines.has(connection)) connection.abort(new Error('only a trial'));
      return !this.#lines.has(connection);
    } catch {
      return false;
    } finally {
      this.#onTrial.delete(peerId);
    }
  }

  /** Called for every handshake stream somebody opened to us. */
  onHello(stream: Stream, connection: Connection): void {
    const line = this.#lineOf(connection);
    if (line === undefined || line.introduction !== undefined) return stream.abort(new Error('no handshake is due'));
    if (this.#unproven > this.#options.limits.unprovenMax) {
      refuseBusy(new FramedStream(stream, { frameBytesMax: HELLO_FRAME_BYTES_MAX, signal: AbortSignal.timeout(this.#options.limits.handshakeMs) }));
      this.#refuse(line, new HandshakeRefused('busy'));
      return;
    }
    void this.#greet(line, stream);
  }

  onClose(connection: Connection): void {
    const line = this.#lines.get(connection);
    if (line === undefined) return;
    this.#lines.delete(connection);
    const others = (this.#byPeer.get(line.remote.peerId) ?? []).filter((other) => other !== line);
    if (others.length === 0) this.#byPeer.delete(line.remote.peerId);
    else this.#byPeer.set(line.remote.peerId, others);
    if (line.introduction === undefined) {
      // A refusal may have come in the same packet as the end; the handshake that is reading it speaks first.
      setImmediate(() => line.fail(new GroveError('unreachable', 'The connection closed before the membership proof was through.')));
      return;
    }
    // The other end gives it back at about the same time, or earlier because it has many: that is no news.
    const inUse = !line.closing && performance.now() - line.usedAt < IN_USE_SHARE * keptIdleMs(line, Infinity, this.#options.limits);
    this.#options.emit({ kind: 'connection-closed', peerId: line.remote.peerId, inUse });
    this.#options.onClosed(line, inUse);
  }

  /** The proof of a connection, awaited by everything that is served on it. */
  async whenProven(connection: Connection): Promise<Line> {
    const line = this.#lineOf(connection);
    if (line === undefined) throw new GroveError('refused', 'Only Ed25519 identities take part in a pool.');
    await line.proven;
    return line;
  }

  /**
   * The proven connection to use for a peer: direct before relayed, then the one that the smaller PeerId dialled, then
   * the oldest. Two peers that dialled each other at once thus use the same connection, and the other falls idle.
   */
  lineTo(peerId: string): Line | undefined {
    let best: Line | undefined;
    for (const line of this.#byPeer.get(peerId) ?? []) {
      if (line.introduction === undefined || line.closing || line.connection.status !== 'open') continue;
      if (best === undefined || this.#rank(line) > this.#rank(best)) best = line;
    }
    return best;
  }

  #rank({ connection, remote }: Line): number {
    const dialledBySmaller = (connection.direction === 'outbound') === this.#options.peerId < remote.peerId;
    return (connection.direct ? 2 : 0) + (dialledBySmaller ? 1 : 0);
  }

  /** A connection to the peer whose proof is under way. */
  provingLineTo(peerId: string): Line | undefined {
    return (this.#byPeer.get(peerId) ?? []).find((line) => line.introduction === undefined && line.connection.status === 'open');
  }

  isProven(peerId: string): boolean {
    return (this.#byPeer.get(peerId) ?? []).some((line) => line.introduction !== undefined);
  }

  /** Every proven connection. */
  lines(): Line[] {
    return [...this.#lines.values()].filter((line) => line.introduction !== undefined);
  }

  /** Takes over a newer card of a peer. Throws HandshakeRefused on a false one. */
  updateCard(line: Line, bytes: Uint8Array): void {
    const introduction = decodeCard(bytes, line.remote);
    const known = line.introduction?.contact.incarnation ?? 0;
    if (introduction.contact.incarnation < known) return;
    for (const other of this.#byPeer.get(line.remote.peerId) ?? []) {
      if (other.introduction !== undefined) other.introduction = { ...introduction, settings: other.introduction.settings };
    }
  }

  /** Closes a connection on our own account. */
  close(line: Line, reason: string): void {
    if (line.closing) return;
    line.closing = true;
    line.connection.close({ signal: AbortSignal.timeout(1_000) }).catch(() => {
      line.connection.abort(new Error(reason));
    });
  }

  /** Closes what has been unused for long and carries no stream. `isKept` spares relays. */
  sweep(isKept: (line: Line) => boolean): void {
    const lines = this.lines().sort((a, b) => a.usedAt - b.usedAt);
    let count = lines.length;
    for (const line of lines) {
      const isBest = this.lineTo(line.remote.peerId) === line;
      const idleMs = keptIdleMs(line, count, this.#options.limits);
      const unusedSince = performance.now() - (isBest ? idleMs : Math.min(SECOND_BEST_IDLE_MS, idleMs));
      if (line.usedAt >= unusedSince || line.connection.streams.length > 0 || isKept(line)) continue;
      this.close(line, 'idle');
      count--;
    }
  }

  #lineOf(connection: Connection): Proving | undefined {
    const known = this.#lines.get(connection);
    if (known !== undefined) return known;
    const peerId = connection.remotePeer.toString();
    const multihash = multihashOf(peerId);
    if (multihash === undefined) {
      connection.abort(new Error('not an Ed25519 identity'));
      return undefined;
    }
    const line = newLine(connection, { peerId, multihash, position: positionOfMultihash(multihash) });
    this.#lines.set(connection, line);
    this.#byPeer.set(peerId, [...(this.#byPeer.get(peerId) ?? []), line]);
    this.#unproven++;
    const deadline = setTimeout(() => {
      this.#refuse(line, new Error('no membership proof within the deadline'));
    }, this.#options.limits.handshakeMs);
    line.proven.catch(() => undefined).finally(() => {
      clearTimeout(deadline);
      this.#unproven--;
    });
    return line;
  }

  async #greet(line: Proving, from: Stream | ((signal: AbortSignal) => Promise<Stream>)): Promise<void> {
    const startedAt = performance.now();
    const signal = AbortSignal.timeout(this.#options.limits.handshakeMs);
    try {
      const opens = typeof from === 'function';
      const stream = opens ? await from(signal) : from;
      const channel = new FramedStream(stream, { frameBytesMax: HELLO_FRAME_BYTES_MAX, signal });
      const greet = opens ? greetAsOpener : greetAsAcceptor;
      const introduction = await greet(channel, this.#ownFor(line), line.remote);
      stream.close({ signal }).catch(() => undefined);
      if (line.introduction !== undefined || !this.#lines.has(line.connection)) return;
      this.#options.counters.handshakes++;
      line.introduction = introduction;
      line.since = line.usedAt = performance.now();
      const { peerId, name } = introduction.contact;
      this.#options.emit({ kind: 'peer-proven', peerId, name, tookMs: line.usedAt - startedAt });
      this.#options.onProven(line);
      line.settle(introduction);
    } catch (error) {
      this.#refuse(line, error);
    }
  }

  /** Our side of the handshake, noting what it told. */
  #ownFor(line: Line): Membership {
    const { membership } = this.#options;
    return {
      ...membership,
      introduce: () => {
        const introduction = membership.introduce();
        line.presented = introduction.contact;
        return introduction;
      },
    };
  }

  #refuse(line: Proving, error: unknown): void {
    if (line.introduction !== undefined || line.closing) return;
    this.#options.counters.handshakesFailed++;
    const failure = toGroveError(error);
    const { remote, connection } = line;
    const address = connection.remoteAddr.toString();
    this.#options.emit({ kind: 'peer-refused', peerId: remote.peerId, address, reason: failure.message });
    line.fail(failure);
    this.close(line, failure.message);
  }
}

function newLine(connection: Connection, remote: Remote): Proving {
  let settle: (introduction: Introduction) => void = () => undefined;
  let fail: (error: GroveError) => void = () => undefined;
  const proven = new Promise<Introduction>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  proven.catch(() => undefined); // whoever needs the proof awaits it; nobody has to
  const now = performance.now();
  return { connection, remote, proven, introduction: undefined, presented: undefined, since: now, usedAt: now, wireErrors: 0, closing: false, settle, fail };
}

function toGroveError(error: unknown): GroveError {
  if (error instanceof GroveError) return error;
  if (error instanceof HandshakeRefused) return new GroveError('refused', error.message, { cause: error });
  if (error instanceof Error && error.name === 'UnsupportedProtocolError') {
    return new GroveError('refused', 'What answers at this address is not a Grove peer.', { cause: error });
  }
  return new GroveError('unreachable', 'The peer answered, but did not complete the membership proof in time.', { cause: error });
}

/** The contact behind a proven connection. */
export function contactOf(line: Line): Contact {
  if (line.introduction === undefined) throw new GroveError('refused', 'The connection is not proven.');
  return line.introduction.contact;
}
