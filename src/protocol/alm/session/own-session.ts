/**
 * A session whose root is this peer: its record in the DHT, its task manager, and the end of its stream.
 *
 * The stream begins with `offer`, and what comes before anybody is a member goes nowhere. After `finish` it is over once every member
 * has said that it and all below it have everything, or when nobody has got on for half a minute.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { Local } from '../../local.ts';
import type { Alarms } from '../../overlay/alarms.ts';
import type { Overlay } from '../../overlay/overlay.ts';
import type { Chunk } from '../stream/frames.ts';
import type { Relay } from '../stream/relay.ts';
import { FINISH_MS, RECORD_LEASE_MS, RECORD_RENEW_MS } from './bounds.ts';
import type { CastRecord } from './record.ts';
import { encodeRecord } from './record.ts';
import type { TaskManager } from './task-manager.ts';

/** The host's side. None of these calls may come back into the protocol at once. */
export interface SourceEvents {
  /** There is room after `offer` answered false. */
  onRoom(): void;
  /** Members came, began or went. */
  onNews(): void;
  /** Everything was delivered, or the session ended otherwise; the reason is for people. */
  onOver(reason: string, isFailure: boolean): void;
}

export interface OwnSessionParts {
  readonly local: Local;
  readonly alarms: Alarms;
  readonly overlay: Overlay;
  readonly record: Omit<CastRecord, 'root'>;
  readonly manager: TaskManager;
  readonly relay: Relay;
  readonly events: SourceEvents;
  onOver(reason: string): void;
}

const ENDED = 'the stream is at its end';
/** The stream may run ahead of its rate by so much. */
const BURST_MS = 250;
const BITS = 8;

export class OwnSession {
  readonly manager: TaskManager;
  readonly relay: Relay;
  readonly #parts: OwnSessionParts;
  #renewing: number | undefined;
  #pacing: number | undefined;
  /** At the stated rate, all that was taken in so far has left by then. */
  #paidUntil: Millis = -Infinity;
  #finishedAt: Millis | undefined;
  #progress = -1;
  #isOver = false;

  constructor(parts: OwnSessionParts) {
    this.#parts = parts;
    this.manager = parts.manager;
    this.relay = parts.relay;
    this.#renewing = parts.alarms.in(RECORD_RENEW_MS, () => this.#renew());
  }

  get record(): CastRecord {
    return { ...this.#parts.record, root: this.#root };
  }

  get isFinished(): boolean {
    return this.#finishedAt !== undefined;
  }

  /** False: not taken, for want of room or ahead of the rate; `onRoom` follows. With `isMore` another one is offered in the same input. */
  offer(chunk: Pick<Chunk, 'bytes' | 'isKey' | 'hasMore'>, isMore = false): boolean {
    if (this.#isOver) return true;
    const { rateBps } = this.#parts.record;
    const now = this.#parts.local.env.now();
    if (rateBps > 0 && this.#paidUntil > now + BURST_MS) {
      this.#pacing ??= this.#parts.alarms.in(this.#paidUntil - now - BURST_MS / 2, () => {
        this.#pacing = undefined;
        this.#parts.events.onRoom();
      });
      this.relay.flush();
      return false;
    }
    if (!this.relay.offer(chunk, isMore)) return false;
    if (rateBps > 0) this.#paidUntil = Math.max(now, this.#paidUntil) + (chunk.bytes.length * BITS * 1_000) / rateBps;
    return true;
  }

  /** Nothing more is offered. */
  finish(): void {
    if (this.#finishedAt !== undefined || this.#isOver) return;
    this.#finishedAt = this.#parts.local.env.now();
    this.relay.finish(ENDED);
    this.look();
  }

  /** Ends it now, whoever has what. */
  close(reason: string, isFailure: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { alarms, overlay, record } = this.#parts;
    for (const handle of [this.#renewing, this.#pacing]) if (handle !== undefined) alarms.cancel(handle);
    this.manager.end(reason);
    this.relay.stop(reason);
    overlay.remove(record.key, () => undefined);
    this.#parts.events.onOver(reason, isFailure);
    this.#parts.onOver(reason);
  }

  onNews(): void {
    this.look();
    if (!this.#isOver) this.#parts.events.onNews();
  }

  onTick(): void {
    this.relay.onTick();
    this.manager.onTick();
    this.look();
  }

  /** Is it over, or does nobody get on? */
  look(): void {
    if (this.#finishedAt === undefined || this.#isOver) return;
    if (this.manager.isEverybodyDone && this.relay.isDrained) return this.close(ENDED, false);
    const now = this.#parts.local.env.now();
    const { progress } = this.manager;
    if (progress !== this.#progress) {
      this.#progress = progress;
      this.#finishedAt = now;
    } else if (now - this.#finishedAt > FINISH_MS) this.close('some members did not read it to its end', true);
  }

  get #root(): Contact {
    return this.#parts.local.contact;
  }

  #renew(): void {
    if (this.#isOver) return;
    const { alarms, overlay, record } = this.#parts;
    const { value, fields } = encodeRecord(this.record);
    overlay.put(record.key, value, { leaseMs: RECORD_LEASE_MS, fields }, () => undefined);
    this.#renewing = alarms.in(RECORD_RENEW_MS, () => this.#renew());
  }
}
