/**
 * The UDP sockets of bandwidth measurements: one for each family, opened when first needed.
 *
 * Every datagram belongs to a measurement by its token; others are counted and dropped. Hellos go both ways first: they
 * open address translators on either side, and say under which port the other one is really seen. Only the other end of the
 * connection is sent to: whoever wrote a false sender on its hello would have a third machine hit with trains.
 */
import type { Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { SocketAddress } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostCounters } from '../facts.ts';
import { Arrivals, helloDatagram, readDatagram, trainDatagrams } from './datagrams.ts';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export type Family = 'udp4' | 'udp6';

/** Hellos leave after so many ms each: one may be lost, or come before the other side's translator is open. */
const HELLO_AT_MS = [0, 100, 300];
const HELLO_WAIT_MS = 1_000;
/** A train is over when nothing came for so long; a link of 1 Mbit/s is silent for 11 ms between two packets. */
const QUIET_MS = 150;

/** One measurement's part of the socket. Ends with `close`. */
export interface Meeting {
  readonly arrivals: Arrivals;
  /** Sends hellos, and tells where the other side's came from; undefined if none came from its address. */
  greet(): Promise<Endpoint | undefined>;
  sendTrain(to: Endpoint, train: number, packets: number): Promise<void>;
  /** Until all packets of the train are there, or no more seem to come. */
  settled(train: number, packets: number): Promise<void>;
  close(): void;
}

export class ProbeSockets {
  readonly #counters: HostCounters;
  /** Loopback only, if the peer listens on nothing else. */
  readonly #isLoopbackOnly: () => boolean;
  readonly #sockets = new Map<Family, Promise<Socket>>();
  #stopped = false;
  readonly #meetings = new Map<string, { readonly arrivals: Arrivals; onHello: ((from: Endpoint) => void) | undefined; onPacket: () => void }>();

  constructor(counters: HostCounters, isLoopbackOnly: () => boolean) {
    this.#counters = counters;
    this.#isLoopbackOnly = isLoopbackOnly;
  }

  /** The port that datagrams of this peer come from; 0 if there is none. */
  async port(family: Family): Promise<number> {
    const socket = await this.#socket(family);
    return socket?.address().port ?? 0;
  }

  /** Takes part in the measurement with this token. `to` is where the other side says its socket is. */
  async meet(token: Uint8Array, family: Family, to: Endpoint): Promise<Meeting | undefined> {
    const socket = await this.#socket(family);
    if (socket === undefined || to.port === 0) return undefined;
    const key = Buffer.from(token).toString('hex');
    const state = { arrivals: new Arrivals(), onHello: undefined as ((from: Endpoint) => void) | undefined, onPacket: (): void => undefined };
    this.#meetings.set(key, state);
    const { arrivals } = state;
    return {
      arrivals,
      greet: async () => {
        const heard = new Promise<Endpoint | undefined>((resolve) => {
          state.onHello = (from) => hostOf(from, family) === hostOf(to, family) && resolve(from);
          setTimeout(() => resolve(undefined), HELLO_WAIT_MS).unref();
        });
        const hello = (): void => {
          if (this.#meetings.has(key)) void this.#send(socket, [helloDatagram(token)], to);
        };
        for (const afterMs of HELLO_AT_MS) setTimeout(hello, afterMs).unref();
        return heard;
      },
      sendTrain: async (endpoint, train, packets) => this.#send(socket, trainDatagrams(token, train, packets), endpoint),
      settled: async (train, packets) => {
        const startedAt = performance.now();
        for (;;) {
          const leftMs = Math.max(startedAt, arrivals.lastAt) + QUIET_MS - performance.now();
          if (arrivals.count(train) >= packets || leftMs <= 0) return;
          const enough = new AbortController();
          state.onPacket = () => arrivals.count(train) >= packets && enough.abort();
          await sleep(leftMs, undefined, { signal: enough.signal }).catch(() => undefined);
        }
      },
      close: () => void this.#meetings.delete(key),
    };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const opening = [...this.#sockets.values()];
    this.#sockets.clear();
    for (const socket of await Promise.all(opening.map(async (one) => one.catch(() => undefined)))) socket?.close();
  }

  async #socket(family: Family): Promise<Socket | undefined> {
    if (this.#stopped) return undefined;
    let opening = this.#sockets.get(family);
    if (opening === undefined) {
      opening = this.#open(family);
      this.#sockets.set(family, opening);
    }
    return opening.catch(() => {
      // The next measurement tries again: what was wrong may be over.
      if (this.#sockets.get(family) === opening) this.#sockets.delete(family);
      return undefined;
    });
  }

  async #open(family: Family): Promise<Socket> {
    const socket = createSocket({ type: family, recvBufferSize: 2 ** 20 });
    socket.unref();
    socket.on('message', (bytes, from) => this.#onDatagram(bytes, from));
    const address = this.#isLoopbackOnly() ? (family === 'udp4' ? '127.0.0.1' : '::1') : family === 'udp4' ? '0.0.0.0' : '::';
    socket.bind({ address, port: 0 });
    await once(socket, 'listening').catch((error: unknown) => {
      socket.close();
      throw error;
    });
    // A port that cannot be reached is reported here; the measurement ends without it.
    socket.on('error', () => undefined);
    return socket;
  }

  #onDatagram(bytes: Uint8Array, from: Endpoint): void {
    const at = performance.now();
    const datagram = readDatagram(bytes);
    const meeting = datagram && this.#meetings.get(datagram.token);
    if (datagram === undefined || meeting === undefined) {
      this.#counters.probeDatagramsDropped++;
      return;
    }
    this.#counters.probeBytesReceived += bytes.length;
    if (datagram.packet === undefined) {
      meeting.onHello?.({ address: from.address, port: from.port });
      return;
    }
    meeting.arrivals.record(datagram.packet, at);
    meeting.onPacket();
  }

  /** All at once: what the system does not take is a packet lost. */
  async #send(socket: Socket, datagrams: readonly Uint8Array[], to: Endpoint): Promise<void> {
    await Promise.all(datagrams.map(async (bytes) => new Promise<void>((resolve) => {
      this.#counters.probeBytesSent += bytes.length;
      try {
        socket.send(bytes, to.port, to.address, () => resolve());
      } catch {
        resolve(); // the socket was closed meanwhile
      }
    })));
  }
}

/** One spelling for each address, without the interface that a link-local one is seen on. */
function hostOf({ address }: Endpoint, family: Family): string {
  const [host = ''] = address.split('%');
  return family === 'udp4' ? host : new SocketAddress({ address: host, family: 'ipv6' }).address;
}
