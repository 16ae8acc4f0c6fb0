/**
 * Measures the bottleneck from this peer to another ([0075], [0076]): over UDP where it is open, over the warm connection
 * otherwise; "unknown" when neither can tell.
 *
 * Both sides learn the result: it bounds the sender's uplink and
 * the receiver's downlink. One measurement at a time, none with whoever was measured a moment ago, none on a metered peer.
 */
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Stream } from '@libp2p/interface';
import { WireError } from '../../core/errors.ts';
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Rate } from '../../protocol/measure/bandwidth.ts';
import { isLoopback } from '../addresses.ts';
import type { Line } from '../connections.ts';
import type { HostCounters } from '../facts.ts';
import { TOKEN_BYTES, TRAINS_MAX } from './datagrams.ts';
import { ProbeDialogue, rateFrom } from './probe-dialogue.ts';
import type { Family } from './probe-sockets.ts';
import { ProbeSockets } from './probe-sockets.ts';
import type { Seen } from './trains.ts';
import { arrivalsOf, rateOverUdp } from './trains.ts';

export interface ProberOptions {
  readonly counters: HostCounters;
  /** A metered peer neither measures nor lets itself be measured. */
  readonly isMetered: boolean;
  readonly open: (contact: Contact) => Promise<{ readonly line: Line; readonly stream: Stream }>;
  readonly selfAddresses: () => readonly string[];
  /** What the other side sends to us passes at this rate. */
  readonly onIncoming: (peerId: string, rate: Rate) => void;
}

const MEASUREMENT_MS = 20_000;
/** Whoever was measured with is not measured again before. */
const PAUSE_MS = 30_000;
/** A burst on a cold connection measures its window: the first ones only warm it up. */
const WARM_PIECES = 96;
const BURST_PIECES = 128;

export class Prober {
  readonly #options: ProberOptions;
  readonly #sockets: ProbeSockets;
  readonly #answeredAt = new WeakMap<Line, Millis>();
  #busy = false;

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#sockets = new ProbeSockets(options.counters, () => options.selfAddresses().every(isLoopback));
  }

  /** The rate from here to there; undefined when it cannot be told, or the other side takes no part now. */
  async measure(contact: Contact): Promise<Rate | undefined> {
    if (this.#options.isMetered || this.#busy) return undefined;
    this.#busy = true;
    let dialogue: ProbeDialogue | undefined;
    try {
      const { line, stream } = await this.#options.open(contact);
      dialogue = this.#dialogue(stream);
      const rate = await this.#lead(dialogue, line);
      await dialogue.close();
      return rate;
    } catch {
      dialogue?.abort('the measurement failed');
      return undefined; // nobody to measure with says nothing about our link
    } finally {
      this.#busy = false;
    }
  }

  /** Another member measures the way to us. */
  async answer(stream: Stream, line: Line): Promise<void> {
    const dialogue = this.#dialogue(stream);
    try {
      const offer = await dialogue.hear('offer');
      if (offer.token.length !== TOKEN_BYTES) throw new WireError('a measurement has no token');
      const now = performance.now();
      const accepted = !this.#options.isMetered && !this.#busy && now - (this.#answeredAt.get(line) ?? -Infinity) >= PAUSE_MS;
      if (!accepted) {
        dialogue.say('ready', { accepted: false, udpPort: 0 });
        return await dialogue.close();
      }
      this.#busy = true;
      this.#answeredAt.set(line, now);
      await this.#follow(dialogue, line, offer).finally(() => {
        this.#busy = false;
      });
      await dialogue.close();
    } catch {
      dialogue.abort('the measurement failed');
    }
  }

  async stop(): Promise<void> {
    await this.#sockets.stop();
  }

  #dialogue(stream: Stream): ProbeDialogue {
    return new ProbeDialogue(stream, AbortSignal.timeout(MEASUREMENT_MS), (bytes) => {
      this.#options.counters.probeBytesReceived += bytes;
    });
  }

  // --- the side that measures ---

  async #lead(dialogue: ProbeDialogue, line: Line): Promise<Rate | undefined> {
    const token = new Uint8Array(randomBytes(TOKEN_BYTES));
    const far = addressOf(line);
    dialogue.say('offer', { token, udpPort: far === undefined ? 0 : await this.#sockets.port(far.family) });
    const { accepted, udpPort } = await dialogue.hear('ready');
    if (!accepted) return undefined;
    const meeting = far && (await this.#sockets.meet(token, far.family, { address: far.address, port: udpPort }));
    try {
      const endpoint = await meeting?.greet();
      const rate = meeting && endpoint && (await rateOverUdp(meeting, endpoint, async (train, packets) => {
        dialogue.say('sent', { train, packets });
        const seen = await dialogue.hear('seen');
        return { arrived: seen.arrived, rate: rateFrom(seen) };
      }));
      return rate ?? (far === undefined ? undefined : await this.#overStream(dialogue));
    } finally {
      meeting?.close();
    }
  }

  /** Two bursts that warm the connection up, and one that counts. */
  async #overStream(dialogue: ProbeDialogue): Promise<Rate | undefined> {
    let rate: Rate | undefined;
    for (const [train, pieces] of [WARM_PIECES, WARM_PIECES, BURST_PIECES].entries()) {
      this.#options.counters.probeBytesSent += dialogue.burst(pieces);
      dialogue.say('sent', { train, packets: 0 });
      rate = rateFrom(await dialogue.hear('seen'));
    }
    return rate;
  }

  // --- the side that is measured to ---

  async #follow(dialogue: ProbeDialogue, line: Line, { token, udpPort }: { readonly token: Uint8Array; readonly udpPort: number }): Promise<void> {
    const far = addressOf(line);
    const meeting = far && (await this.#sockets.meet(token, far.family, { address: far.address, port: udpPort }));
    let known: Rate | undefined;
    try {
      dialogue.say('ready', { accepted: true, udpPort: far && meeting ? await this.#sockets.port(far.family) : 0 });
      void meeting?.greet();
      for (let trains = 0; trains < TRAINS_MAX; trains++) {
        const { packets, train } = await dialogue.hear('sent');
        const { arrived, rate } = packets === 0 ? burstOf(dialogue) : await arrivalsOf(meeting, train, packets);
        known = rate ?? known;
        dialogue.say('seen', { arrived, bitsPerSecond: rate?.bitsPerSecond ?? 0, atLeast: rate?.isAtLeast ?? false });
      }
    } catch (error) {
      if (known === undefined) throw error;
    } finally {
      meeting?.close();
      if (known !== undefined) this.#options.onIncoming(line.remote.peerId, known);
    }
  }
}

function burstOf(dialogue: ProbeDialogue): Seen {
  const { pieces, rate } = dialogue.takeBurst();
  return { arrived: pieces, rate };
}

/** The other end of a direct connection; through a relay the relay would be measured. */
function addressOf({ connection }: Line): { readonly address: string; readonly family: Family } | undefined {
  if (!connection.direct) return undefined;
  const [, version, address] = /^\/ip([46])\/([^/]+)\//.exec(connection.remoteAddr.toString()) ?? [];
  return address === undefined ? undefined : { address, family: version === '4' ? 'udp4' : 'udp6' };
}
