/**
 * Who goes on with the registers of a peer that dies: its successor on the ring, who then owns its keys and has a copy of what each register knows of its
 * pollers, as with objects ([0043], replicas in the leafset).
 *
 * Copies travel over a connection that the ring has anyway, and so nobody has to come by every few seconds in case a register has changed hands. A copy
 * proves nothing: whoever takes over asks those it names. It is sent when something changed, and once more a little later, because messages may be lost. A
 * successor that is new gets all; a key that goes to a peer that joins goes with its copy; and a peer that comes back to its place gets its own back.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { Alarms } from '../overlay/alarms.ts';
import type { FeedRegistered } from '../wire/feed-messages.ts';

/** Kept for the predecessor; the oldest is forgotten first. */
const KEPT_MAX = 4_096;
/** A copy that was not renewed for so long says nothing any more: leads come by more often. */
const KEPT_MS = 30 * 60_000;
/** Sent together, and the pause before the next. */
const AT_ONCE = 32;
const PAUSE_MS = 100;
/** Times that a copy is sent, and how long after the first. */
const TIMES = 2;
const AGAIN_MS = 3_000;

export interface HeirsParts {
  readonly local: Local;
  readonly alarms: Alarms;
  /** Neighbours on the ring that own something. */
  successor(): Contact | undefined;
  predecessor(): Contact | undefined;
  owns(key: Position): boolean;
  /** Of a register that is kept here; undefined: nobody leads, or there is none. */
  copy(key: Position): FeedRegistered | undefined;
  /** Keys of all of them. */
  keys(): readonly Position[];
  isRingNeighbour(peerId: string): boolean;
  /** The key is ours, and this is what its register knew. */
  adopt(copy: FeedRegistered): void;
}

interface Kept {
  readonly copy: FeedRegistered;
  /** Whose it is, and until when it is worth something. */
  readonly of: Contact;
  readonly until: Millis;
}

export class Heirs {
  readonly #parts: HeirsParts;
  readonly #kept = new Map<string, Kept>();
  /** Copies to be sent: key, and how often. */
  readonly #due = new Map<string, { readonly key: Position; readonly times: number; readonly from: Millis }>();
  #isSending = false;
  /** Who has copies of all. */
  #heir: Contact | undefined;

  constructor(parts: HeirsParts) {
    this.#parts = parts;
  }

  get kept(): number {
    return this.#kept.size;
  }

  /** That register knows something new. */
  changed(key: Position): void {
    this.#due.set(key.hex, { key, times: TIMES, from: this.#parts.local.env.now() });
    this.#sendSoon(0);
  }

  /** The key has gone to whoever stands before us now, and we are its heir. */
  handOver(copy: FeedRegistered): void {
    const owner = this.#parts.predecessor();
    if (owner === undefined) return;
    this.#parts.local.env.send(owner, copy);
    this.#keep(copy, owner);
  }

  onCopy(from: Contact, copy: FeedRegistered): void {
    const { owns, predecessor, successor, adopt } = this.#parts;
    const isNear = from.peerId === predecessor()?.peerId || from.peerId === successor()?.peerId;
    if (!isNear || copy.pollers.length === 0) return;
    if (owns(copy.key)) adopt(copy);
    else this.#keep(copy, from);
  }

  /** Zones have changed: what became ours is taken over. */
  onZoneChanged(): void {
    const now = this.#parts.local.env.now();
    for (const [hex, { copy, of, until }] of [...this.#kept]) {
      const isOwn = this.#parts.owns(copy.key);
      if (isOwn || until <= now) this.#kept.delete(hex);
      // Whoever kept it often polls as well, and is most likely dead.
      const pollers = this.#parts.isRingNeighbour(of.peerId) ? copy.pollers : copy.pollers.filter(({ contact }) => contact.peerId !== of.peerId);
      if (isOwn && until > now) this.#parts.adopt({ ...copy, pollers });
    }
    this.onRingChanged();
  }

  /** Somebody came, went, or came back. */
  onRingChanged(): void {
    const { local, successor, predecessor, keys } = this.#parts;
    const heir = successor();
    const isNew = heir !== undefined && (heir.peerId !== this.#heir?.peerId || heir.incarnation !== this.#heir.incarnation);
    this.#heir = heir;
    if (isNew) for (const key of keys()) this.changed(key);
    const owner = predecessor();
    if (owner === undefined) return;
    for (const [hex, { copy, of, until }] of [...this.#kept]) {
      if (of.peerId !== owner.peerId || of.incarnation >= owner.incarnation) continue;
      this.#kept.set(hex, { copy, of: owner, until });
      local.env.send(owner, copy);
    }
  }

  #keep(copy: FeedRegistered, of: Contact): void {
    this.#kept.delete(copy.key.hex);
    this.#kept.set(copy.key.hex, { copy, of, until: this.#parts.local.env.now() + KEPT_MS });
    if (this.#kept.size > KEPT_MAX) this.#kept.delete(this.#kept.keys().next().value as string);
  }

  #sendSoon(delayMs: Millis): void {
    if (this.#isSending) return;
    this.#isSending = true;
    this.#parts.alarms.in(delayMs, () => {
      this.#isSending = false;
      this.#send();
    });
  }

  #send(): void {
    const { local, successor, copy } = this.#parts;
    const now = local.env.now();
    const heir = successor();
    let sent = 0;
    for (const [hex, { key, times, from }] of [...this.#due]) {
      if (from > now) continue;
      if (sent >= AT_ONCE) return this.#sendSoon(PAUSE_MS);
      this.#due.delete(hex);
      const message = copy(key);
      if (message === undefined || heir === undefined) continue;
      sent++;
      local.env.send(heir, message);
      if (times > 1) this.#due.set(hex, { key, times: times - 1, from: now + AGAIN_MS });
    }
    if (this.#due.size > 0) this.#sendSoon(AGAIN_MS);
  }
}
