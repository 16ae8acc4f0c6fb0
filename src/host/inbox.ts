/**
 * What comes in on control streams: chunks to frames, frames to messages, each with the instant it was seen.
 *
 * Nothing a peer sends can fail us. A frame that is no message is dropped, counted and told; a stream whose framing is
 * lost is reset; a connection that keeps sending rubbish is closed.
 */
import type { Stream } from '@libp2p/interface';
import { performance } from 'node:perf_hooks';
import type { Contact } from '../core/contact.ts';
import type { Codec, Millis } from '../core/env.ts';
import { WireError } from '../core/errors.ts';
import type { Connections, Line } from './connections.ts';
import { contactOf } from './connections.ts';
import type { HostCounters, HostFact } from './facts.ts';
import { bare, FRAME, FrameParser } from './frames.ts';
import type { HostLimits } from './host-options.ts';
import { HandshakeRefused } from './membership.ts';

export interface InboxOptions<M> {
  readonly codec: Codec<M>;
  readonly connections: Connections;
  readonly limits: HostLimits;
  readonly counters: HostCounters;
  readonly emit: (fact: HostFact) => void;
  readonly onMessage: (from: Contact, message: M, at: Millis) => void;
}

export class Inbox<M> {
  readonly #options: InboxOptions<M>;

  constructor(options: InboxOptions<M>) {
    this.#options = options;
  }

  /** Reads a control stream that a proven peer opened to us. */
  accept(stream: Stream, line: Line): void {
    const parser = new FrameParser();
    stream.addEventListener('message', (event) => {
      const at = performance.now();
      this.#options.counters.bytesReceived += event.data.byteLength;
      line.usedAt = at;
      try {
        const pieces = event.data instanceof Uint8Array ? [event.data] : event.data;
        for (const piece of pieces) parser.push(bare(piece), (kind, payload) => this.#onFrame(line, kind, payload, at));
      } catch (error) {
        this.#onWireError(line, error);
        stream.abort(new Error('framing lost'));
      }
    });
    // We never write on this stream; when the other side is done with it, so are we.
    stream.addEventListener('remoteCloseWrite', () => {
      stream.close({ signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
    });
  }

  #onFrame(line: Line, kind: number, payload: Uint8Array, at: Millis): void {
    try {
      if (kind === FRAME.card) return this.#options.connections.updateCard(line, payload);
      if (kind !== FRAME.message) throw new WireError(`a frame is of unknown kind ${kind}`);
      const message = this.#options.codec.decode(payload);
      this.#options.counters.messagesReceived++;
      this.#options.onMessage(contactOf(line), message, at);
    } catch (error) {
      this.#onWireError(line, error);
    }
  }

  /** Anything but a fault of the sender is a fault of ours and goes on its way. */
  #onWireError(line: Line, error: unknown): void {
    if (!(error instanceof WireError) && !(error instanceof HandshakeRefused)) throw error;
    const { counters, emit, limits, connections } = this.#options;
    counters.wireErrors++;
    line.wireErrors++;
    emit({ kind: 'wire-error', peerId: line.remote.peerId, reason: error.message });
    if (line.wireErrors >= limits.wireErrorsMax) connections.close(line, 'too many undecodable messages');
  }
}
