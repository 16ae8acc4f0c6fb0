/**
 * Copies on their way to other peers: in batches, one batch at a time for each push.
 *
 * A zone that changes hands may hold thousands of objects; what is in flight stays bounded by one batch, and what a receiver
 * did not answer for is reported, so that the caller can begin again with it.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { Requests } from '../requests.ts';
import type { StoredObject } from '../wire/messages.ts';
import type { Shelf } from './shelf.ts';

const BATCH_OBJECTS = 64;
const BATCH_BYTES = 256 * 1024;
const ATTEMPTS = 3;
/** The slowest uplink that transfers are timed for: 1 Mbit/s. */
const SLOWEST_BYTES_PER_MS = 125;

export interface Push {
  readonly peer: Contact;
  readonly keys: readonly Position[];
  /** The peer is to own them, or to pass them on; otherwise it is a replica. */
  readonly handOver: boolean;
}

export interface Delivered {
  readonly key: Position;
  readonly status: number;
}

/** Extra time that so many bytes may take on a slow link. */
export function transferMs(bytes: number): number {
  return bytes / SLOWEST_BYTES_PER_MS;
}

export class Transfers {
  readonly #local: Local;
  readonly #requests: Requests;
  readonly #shelf: Shelf;

  constructor(local: Local, requests: Requests, shelf: Shelf) {
    this.#local = local;
    this.#requests = requests;
    this.#shelf = shelf;
  }

  /**
   * Sends the copies, as they are when their turn comes. `onDone` runs once, with what the peer
   * said of each that it answered for; it went silent if those are fewer.
   */
  push(push: Push, onDone: (delivered: Delivered[]) => void): void {
    this.#next(push, 0, [], onDone);
  }

  #next(push: Push, from: number, delivered: Delivered[], onDone: (delivered: Delivered[]) => void): void {
    const { peer, keys, handOver } = push;
    const batch: StoredObject[] = [];
    let bytes = 0;
    let at = from;
    for (; at < keys.length && batch.length < BATCH_OBJECTS; at++) {
      const copy = this.#shelf.find(keys[at] as Position);
      if (!copy) continue;
      if (batch.length > 0 && bytes + copy.bytes > BATCH_BYTES) break;
      const object = this.#shelf.read(copy.key);
      if (!object) continue;
      batch.push(object);
      bytes += copy.bytes;
    }
    if (batch.length === 0) return onDone(delivered);
    this.#requests.ask({
      to: peer,
      attempts: ATTEMPTS,
      timeoutMs: this.#local.options.initialTimeoutMs + transferMs(bytes),
      message: (op) => ({ type: 'replicate', op, objects: batch, handOver }),
      onReply: (reply) => {
        if (reply.type === 'replicateReply') {
          batch.forEach((object, i) => {
            const status = reply.statuses[i];
            if (status !== undefined) delivered.push({ key: object.key, status });
          });
        }
        this.#next(push, at, delivered, onDone);
      },
      onSilent: () => onDone(delivered),
    });
  }
}
