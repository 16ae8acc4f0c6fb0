/**
 * What every part of one peer shares: its Env, its options, and what it says of itself.
 *
 * Parts never reach into one another for these. The contact changes when the peer refutes its own death or learns a new
 * address; the coordinate after every measured round trip.
 */
import type { Contact } from '../core/contact.ts';
import type { Env, Millis } from '../core/env.ts';
import type { Position } from '../core/position.ts';
import type { Fact } from './facts.ts';
import { originCoordinate, predictedRtt, updatedCoordinate } from './measure/vivaldi.ts';
import type { ProtocolOptions } from './options.ts';
import type { Coordinate, Message } from './wire/messages.ts';

export type NodeEnv = Env<Message, Fact>;

/** `joining` peers are known but own nothing; `left` peers answer nothing. */
export type Standing = 'joining' | 'active' | 'leaving' | 'left';

/** Timer slots of one peer. */
export const TIMER = { heartbeat: 0, watch: 1, exchange: 2, wave: 3, join: 4, requests: 5, lookups: 6, table: 7, operations: 8, somo: 9, descents: 10, lagover: 11, feeds: 12, casts: 13, market: 14 } as const;

export const COORDINATE_DIMENSIONS = 4;

/** A time-out that is too short costs a message or two, one that is too long costs whoever waits for the answer. */
const MEASURED_MARGIN = 1.15;

export class Local {
  readonly env: NodeEnv;
  readonly options: ProtocolOptions;
  contact: Contact;
  standing: Standing = 'joining';
  /** When this life of the peer began. */
  readonly startedAt: Millis;
  coordinate: Coordinate = originCoordinate(COORDINATE_DIMENSIONS);

  constructor(env: NodeEnv, options: ProtocolOptions, contact: Contact) {
    this.env = env;
    this.options = options;
    this.contact = contact;
    this.startedAt = env.now();
  }

  get position(): Position {
    return this.contact.position;
  }

  isSelf(peer: Contact): boolean {
    return peer === this.contact || peer.peerId === this.contact.peerId;
  }

  /**
   * One measured round trip to a peer that stated its coordinate. Of this and the one measured before the smaller counts: a
   * round trip is never too short by accident, and often too long.
   */
  learnRtt(remote: Coordinate | undefined, rttMs: number, beforeMs = Infinity): void {
    if (remote) this.coordinate = updatedCoordinate(this.coordinate, remote, Math.min(rttMs, beforeMs), this.env.random.unit());
  }

  /**
   * First time-out of a request: a seventh above the round trip if it was measured, half again the prediction plus its
   * uncertainty if coordinates tell, the initial time-out otherwise; and `timeoutMinMs` on top.
   */
  timeoutTo(remote: Coordinate | undefined, rttMs?: number): number {
    const { initialTimeoutMs, timeoutMinMs, timeoutMaxMs } = this.options;
    if (rttMs !== undefined) return Math.min(timeoutMaxMs, rttMs * MEASURED_MARGIN + timeoutMinMs);
    if (!remote || remote.error >= 1 || this.coordinate.error >= 1) return initialTimeoutMs;
    const spread = 1.5 + 2 * Math.max(this.coordinate.error, remote.error);
    return Math.min(timeoutMaxMs, predictedRtt(this.coordinate, remote) * spread + timeoutMinMs);
  }
}
