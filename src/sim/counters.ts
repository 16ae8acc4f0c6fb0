/**
 * What went over the simulated network, by message type and by peer: the raw material of every "messages per second and
 * peer" figure. Columns indexed by the message's number, so counting costs two additions.
 *
 * Sent = delivered + lost + still on its way, where a duplicated copy counts as sent by nobody: it appears in
 * `duplicated`, and in `delivered` or `lost` like any other copy. Messages a peer sends to itself are no traffic and
 * are counted in `loopback` only.
 */
import type { Codec } from '../core/env.ts';
import { capacityFor, longerDoubles } from './columns.ts';

export interface MessageCount {
  readonly number: number;
  readonly name: string;
  readonly sent: number;
  readonly bytes: number;
  readonly lost: number;
  readonly delivered: number;
}

export class Counters {
  /** Dispatched events of every kind. */
  events = 0;
  sent = 0;
  bytes = 0;
  delivered = 0;
  /** Copies that did not arrive: loss, partition, full or dead receiver. */
  lost = 0;
  duplicated = 0;
  loopback = 0;
  /** Messages that the codec refused on arrival (wire mode only). */
  malformed = 0;
  streamsOpened = 0;
  streamsReset = 0;
  streamBytes = 0;
  #sentBy = new Float64Array(64);
  #bytesBy = new Float64Array(64);
  #receivedBy = new Float64Array(64);
  #rows: { sent: number; bytes: number; lost: number; delivered: number }[] = [];

  onSent(peer: number, number: number, bytes: number): void {
    this.sent++;
    this.bytes += bytes;
    const row = this.#row(number);
    row.sent++;
    row.bytes += bytes;
    if (peer >= this.#sentBy.length) this.#grow(peer);
    this.#sentBy[peer] = (this.#sentBy[peer] as number) + 1;
    this.#bytesBy[peer] = (this.#bytesBy[peer] as number) + bytes;
  }

  onLost(number: number): void {
    this.lost++;
    this.#row(number).lost++;
  }

  onDelivered(peer: number, number: number): void {
    this.delivered++;
    this.#row(number).delivered++;
    if (peer >= this.#sentBy.length) this.#grow(peer);
    this.#receivedBy[peer] = (this.#receivedBy[peer] as number) + 1;
  }

  /** Messages this peer sent, over all its lives. */
  sentBy(peer: number): number {
    return this.#sentBy[peer] ?? 0;
  }

  bytesBy(peer: number): number {
    return this.#bytesBy[peer] ?? 0;
  }

  receivedBy(peer: number): number {
    return this.#receivedBy[peer] ?? 0;
  }

  /** One row per message type that was seen, by number. */
  byMessage<M>(codec: Codec<M>): MessageCount[] {
    const seen: MessageCount[] = [];
    this.#rows.forEach((row, number) => {
      if (row.sent + row.delivered + row.lost > 0) seen.push({ number, name: codec.name(number), ...row });
    });
    return seen;
  }

  #row(number: number): { sent: number; bytes: number; lost: number; delivered: number } {
    const row = this.#rows[number];
    if (row !== undefined) return row;
    while (this.#rows.length <= number) this.#rows.push({ sent: 0, bytes: 0, lost: 0, delivered: 0 });
    return this.#row(number);
  }

  #grow(peer: number): void {
    const capacity = capacityFor(peer);
    this.#sentBy = longerDoubles(this.#sentBy, capacity);
    this.#bytesBy = longerDoubles(this.#bytesBy, capacity);
    this.#receivedBy = longerDoubles(this.#receivedBy, capacity);
  }
}
