/**
 * Datagrams of bandwidth measurements ([0075]): what is in them, and when those of one measurement arrived.
 *
 * A kind byte, the token of the measurement, and in a train the numbers of train and packet; the rest is padding. Whoever
 * does not know the token, which travels inside the encrypted connection, cannot take part in the measurement.
 */
import { randomFillSync } from 'node:crypto';
import type { Millis } from '../../core/env.ts';
import type { Rate } from '../../protocol/measure/bandwidth.ts';
import { rateOf } from '../../protocol/measure/bandwidth.ts';

export const TOKEN_BYTES = 16;
/** Payload of one packet: fits every usual path without fragments. */
export const PACKET_BYTES = 1_400;
/** IPv4 and UDP headers, which the bottleneck carries as well; IPv6 has 20 more, an error of 1.4 %. */
export const HEADER_BYTES = 28;
/** Most trains of one measurement, and most packets of one train. */
export const TRAINS_MAX = 8;
export const PACKETS_MAX = 64;
/** So many trains of those that came must tell the same rate. */
const AGREEING = 4;

const KIND = { hello: 1, packet: 2 } as const;
const KIND_AND_TOKEN = 1 + TOKEN_BYTES;

export interface Datagram {
  readonly token: string;
  /** Undefined for a hello. */
  readonly packet: { readonly train: number; readonly index: number } | undefined;
}

export function helloDatagram(token: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(KIND_AND_TOKEN);
  bytes[0] = KIND.hello;
  bytes.set(token, 1);
  return bytes;
}

/** Padding is random, so that no link makes it smaller. */
export function trainDatagrams(token: Uint8Array, train: number, packets: number): Uint8Array[] {
  return Array.from({ length: packets }, (_, index) => {
    const bytes = randomFillSync(new Uint8Array(PACKET_BYTES));
    bytes[0] = KIND.packet;
    bytes.set(token, 1);
    bytes[KIND_AND_TOKEN] = train;
    bytes[KIND_AND_TOKEN + 1] = index;
    return bytes;
  });
}

/** Undefined for anything else. */
export function readDatagram(bytes: Uint8Array): Datagram | undefined {
  const kind = bytes[0];
  const token = Buffer.from(bytes.subarray(1, KIND_AND_TOKEN)).toString('hex');
  if (kind === KIND.hello && bytes.length === KIND_AND_TOKEN) return { token, packet: undefined };
  const [train, index] = [bytes[KIND_AND_TOKEN], bytes[KIND_AND_TOKEN + 1]];
  if (kind !== KIND.packet || bytes.length !== PACKET_BYTES || train === undefined || index === undefined) return undefined;
  return train < TRAINS_MAX && index < PACKETS_MAX ? { token, packet: { train, index } } : undefined;
}

/** Arrivals of one measurement's packets; each packet counts once. */
export class Arrivals {
  readonly #trains: number[][] = [];
  /** Instant of the packet that came last. */
  lastAt = -Infinity;

  record({ train, index }: NonNullable<Datagram['packet']>, at: Millis): void {
    const times = (this.#trains[train] ??= new Array<number>(PACKETS_MAX).fill(Number.NaN));
    if (!Number.isNaN(times[index] as number)) return;
    times[index] = at;
    this.lastAt = at;
  }

  count(train: number): number {
    return this.#trains[train]?.filter((at) => !Number.isNaN(at)).length ?? 0;
  }

  /** Of all trains so far. */
  rate(): Rate | undefined {
    const trains = this.#trains.filter((train) => train !== undefined);
    return rateOf(trains, PACKET_BYTES + HEADER_BYTES, Math.min(trains.length, AGREEING));
  }
}
