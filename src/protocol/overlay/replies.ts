/**
 * Replies given lately, so that a repeated request is answered again instead of carried out again.
 *
 * A lost reply makes the asker repeat its question. Without this a write would get a second, later version, and might
 * overwrite what somebody else wrote in between.
 */
import type { Contact } from '../../core/contact.ts';
import type { Message } from '../wire/messages.ts';

/** Requests remembered; the oldest is forgotten first, and a repetition of it would be carried out again. */
const REMEMBERED_MAX = 512;

export class Replies {
  /** By asker and op; undefined while the request is still being carried out. */
  #replies: Map<string, Message | undefined> | undefined;

  /** Runs `carryOut` for a request not seen yet, and sends its reply; repeats the reply for one that was. */
  answerOnce(from: Contact, op: number, send: (reply: Message) => void, carryOut: (respond: (reply: Message) => void) => void): void {
    const name = `${from.peerId}/${from.incarnation}/${op}`;
    if (this.#replies?.has(name)) {
      const reply = this.#replies.get(name);
      if (reply) send(reply);
      return;
    }
    this.#remember(name, undefined);
    carryOut((reply) => {
      this.#remember(name, reply);
      send(reply);
    });
  }

  #remember(name: string, reply: Message | undefined): void {
    // Made by the first request: most peers of a large simulated world never get one.
    this.#replies ??= new Map<string, Message | undefined>();
    this.#replies.set(name, reply);
    if (this.#replies.size <= REMEMBERED_MAX) return;
    const oldest = this.#replies.keys().next().value;
    if (oldest !== undefined) this.#replies.delete(oldest);
  }
}
