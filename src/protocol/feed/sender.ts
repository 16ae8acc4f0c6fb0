/**
 * What goes to the children of one peer in the tree of one feed: to each the versions after those that it has, in order.
 *
 * A child says what it has; from then on there is a cursor for it, and one version under way. The next one leaves when the last is
 * acknowledged, so nothing is lost or repeated however often a child changes its parent: it asks again, and the cursor moves.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { Alarms } from '../overlay/alarms.ts';
import type { Requests } from '../requests.ts';
import type { FeedAck, FeedPush } from '../wire/feed-messages.ts';
import { ACK } from '../wire/feed-messages.ts';
import type { FeedShelf, FeedVersion, Stamp } from './feed.ts';
import { compareStamps } from './feed.ts';
import { ATTEMPTS, INLINE_BYTES_MAX, LATER_MS, PULL_MS, READ_MAX, TRANSFER_MS } from './bounds.ts';
import { isAfter, isPoolStamp } from './order.ts';
import type { Packing } from './packing.ts';
import { bytesOfHex, hexOfBytes, NO_BYTES, recordOf } from './record.ts';

interface Child {
  readonly contact: Contact;
  /** It has everything up to here; undefined: nothing. */
  cursor: Stamp | undefined;
  /** A body that it has, to tell differences from; empty: none. */
  base: string;
  op: number;
  /** It pulls that version's body. */
  pulling: FeedVersion | undefined;
  alarm: number | undefined;
}

export interface SenderParts {
  readonly local: Local;
  readonly requests: Requests;
  readonly alarms: Alarms;
  readonly shelf: FeedShelf;
  readonly packing: Packing;
}

export interface SenderSurrounding {
  latest(): FeedVersion | undefined;
  /** Whether it stands next to this peer in the tree. */
  isNear(peerId: string): boolean;
  /** It takes nothing any more. */
  onSilent(peerId: string): void;
}

export class Sender {
  readonly #key: Position;
  readonly #parts: SenderParts;
  readonly #around: SenderSurrounding;
  readonly #children = new Map<string, Child>();

  constructor(key: Position, parts: SenderParts, around: SenderSurrounding) {
    this.#key = key;
    this.#parts = parts;
    this.#around = around;
  }

  /** Versions go to it from now on. */
  serve(contact: Contact, have: Stamp | undefined, base: Uint8Array): void {
    this.drop(contact.peerId);
    const child: Child = { contact, cursor: have, base: hexOfBytes(base), op: 0, pulling: undefined, alarm: undefined };
    this.#children.set(contact.peerId, child);
    this.#pump(child);
  }

  serves(peerId: string): boolean {
    return this.#children.has(peerId);
  }

  drop(peerId: string): void {
    const child = this.#children.get(peerId);
    if (child === undefined) return;
    this.#children.delete(peerId);
    if (child.op !== 0) this.#parts.requests.cancel(child.op);
    this.#rest(child);
  }

  /** Whoever is not among these is served no more. */
  keepOnly(isKept: (peerId: string) => boolean): void {
    for (const peerId of [...this.#children.keys()]) if (!isKept(peerId)) this.drop(peerId);
  }

  /** There is a new version. */
  wake(): void {
    for (const child of this.#children.values()) this.#pump(child);
  }

  contacts(): Contact[] {
    return [...this.#children.values()].map(({ contact }) => contact);
  }

  /** An acknowledgement of what had been answered before: the body has been pulled. */
  onAck(from: Contact, ack: FeedAck): void {
    const child = this.#children.get(from.peerId);
    if (child?.pulling === undefined || hexOfBytes(ack.hash) !== child.pulling.hash) return;
    const version = child.pulling;
    this.#rest(child);
    this.#onOutcome(child, version, ack);
  }

  #pump(child: Child): void {
    if (child.op !== 0 || child.pulling !== undefined || child.alarm !== undefined) return;
    if (!this.#around.isNear(child.contact.peerId)) return this.drop(child.contact.peerId);
    const version = this.#nextFor(child.cursor);
    if (version === undefined) return;
    const push = this.#pushOf(child, version);
    if (push === undefined) {
      // Its body is gone: kept no longer.
      child.cursor = version.stamp;
      return this.#pump(child);
    }
    const { requests, local } = this.#parts;
    child.op = requests.ask({
      to: child.contact, attempts: ATTEMPTS, timeoutMs: local.timeoutTo(undefined) + TRANSFER_MS,
      message: (op) => ({ ...push, op }),
      onReply: (reply) => {
        child.op = 0;
        if (reply.type === 'feedAck') this.#onOutcome(child, version, reply);
        else this.drop(child.contact.peerId);
      },
      onSilent: () => {
        child.op = 0;
        this.drop(child.contact.peerId);
        this.#around.onSilent(child.contact.peerId);
      },
    });
  }

  #onOutcome(child: Child, version: FeedVersion, { outcome, have }: FeedAck): void {
    switch (outcome) {
      case ACK.held:
        child.cursor = have !== undefined && isPoolStamp(have) && compareStamps(have, version.stamp) > 0 ? have : version.stamp;
        child.base = version.hash;
        return this.#pump(child);
      case ACK.plain:
        if (child.base === '') return this.drop(child.contact.peerId);
        child.base = '';
        return this.#pump(child);
      case ACK.pulling:
        child.pulling = version;
        return this.#alarm(child, PULL_MS, () => this.drop(child.contact.peerId));
      case ACK.later:
        return this.#alarm(child, LATER_MS, () => this.#pump(child));
      default:
        return this.drop(child.contact.peerId);
    }
  }

  #nextFor(cursor: Stamp | undefined): FeedVersion | undefined {
    const latest = this.#around.latest();
    if (latest === undefined) return undefined;
    // A newcomer begins with the latest one.
    if (cursor === undefined) return isPoolStamp(latest.stamp) ? latest : this.#parts.shelf.after(this.#key, { epoch: 0, seq: Infinity }, READ_MAX).findLast(({ stamp }) => isPoolStamp(stamp));
    if (!isAfter(latest.stamp, cursor)) return undefined;
    return this.#parts.shelf.after(this.#key, cursor, READ_MAX).find(({ stamp }) => isPoolStamp(stamp));
  }

  #pushOf(child: Child, version: FeedVersion): FeedPush | undefined {
    const { packing, shelf } = this.#parts;
    const base = child.base !== '' && child.base !== version.hash && shelf.hasBody(child.base) ? child.base : '';
    const packed = packing.form(version.hash, base);
    if (packed === undefined) return undefined;
    const before = shelf.find(this.#key, version.hash);
    return {
      type: 'feedPush', op: 0, key: this.#key, record: recordOf(version), base: bytesOfHex(base), packed: packed.length <= INLINE_BYTES_MAX ? packed : NO_BYTES,
      again: before !== undefined && isPoolStamp(before.stamp) && compareStamps(before.stamp, version.stamp) < 0,
    };
  }

  #alarm(child: Child, delayMs: number, action: () => void): void {
    child.alarm = this.#parts.alarms.in(delayMs, () => {
      child.alarm = undefined;
      if (this.#children.get(child.contact.peerId) === child) action();
    });
  }

  #rest(child: Child): void {
    if (child.alarm !== undefined) this.#parts.alarms.cancel(child.alarm);
    child.alarm = undefined;
    child.pulling = undefined;
  }
}
