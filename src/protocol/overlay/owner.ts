/**
 * The owner's side of every operation on an object: the one place where versions are given.
 *
 * A write is stored here, copied to the next successors, and acknowledged once enough copies exist. A key that is not
 * here, or a zone that came to us only just now, is asked for at the replicas before anything is answered or overwritten:
 * the previous owner may have died between acknowledging a write and copying it to us.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { Requests } from '../requests.ts';
import type { Membership } from '../ring/membership.ts';
import type { Field, Get, GetReply, Put, SetField, StoredObject, Version, WriteReply } from '../wire/messages.ts';
import { STATUS } from '../wire/messages.ts';
import type { Replication } from './replication.ts';
import type { Shelf } from './shelf.ts';
import { transferMs } from './transfers.ts';
import type { VersionClock } from './versions.ts';
import { compareVersions } from './versions.ts';

/** Fields of one object; the wire allows as many. */
const FIELDS_MAX = 4_096;
const COPY_ATTEMPTS = 3;
const ASK_ATTEMPTS = 2;
const EMPTY = new Uint8Array(0);

type Respond<T> = (reply: T) => void;

export class Owner {
  readonly #local: Local;
  readonly #membership: Membership;
  readonly #requests: Requests;
  readonly #shelf: Shelf;
  readonly #replication: Replication;
  readonly #clock: VersionClock;

  constructor(local: Local, parts: { membership: Membership; requests: Requests; shelf: Shelf; replication: Replication; clock: VersionClock }) {
    this.#local = local;
    this.#membership = parts.membership;
    this.#requests = parts.requests;
    this.#shelf = parts.shelf;
    this.#replication = parts.replication;
    this.#clock = parts.clock;
  }

  put(message: Put, writer: Contact, respond: Respond<WriteReply>): void {
    this.#write(message.op, message.key, writer, respond, (before, version) => ({
      key: message.key,
      version,
      value: message.delete ? EMPTY : message.value,
      fields: message.delete ? [] : message.fields,
      expiresAtMs: this.#expiry(message, before),
      deleted: message.delete,
    }));
  }

  setField(message: SetField, writer: Contact, respond: Respond<WriteReply>): void {
    this.#write(message.op, message.key, writer, respond, (before, version) => {
      if (!before) return STATUS.missing;
      const fields = withField(before.fields, message);
      if (fields === undefined) return STATUS.missing;
      return fields.length > FIELDS_MAX ? STATUS.quota : { ...before, version, fields };
    });
  }

  get(message: Get, respond: Respond<GetReply>): void {
    const { op, key } = message;
    if (message.local) {
      const object = this.#shelf.read(key);
      return respond({ type: 'getReply', op, status: object ? STATUS.ok : STATUS.missing, object });
    }
    if (!this.#membership.owns(key)) return respond({ type: 'getReply', op, status: STATUS.notOwner, object: undefined });
    this.#current(key, (object) => {
      const live = object && this.#isLive(object) ? object : undefined;
      respond({ type: 'getReply', op, status: live ? STATUS.ok : STATUS.missing, object: live });
    });
  }

  /** `change` gives the next state of the object, or the status that refuses the write. */
  #write(op: number, key: Position, writer: Contact, respond: Respond<WriteReply>, change: (before: StoredObject | undefined, version: Version) => StoredObject | number): void {
    const refuse = (status: number): void => respond({ type: 'writeReply', op, status, version: undefined, copies: 0 });
    if (!this.#membership.owns(key)) return refuse(STATUS.notOwner);
    this.#current(key, (before) => {
      if (!this.#membership.owns(key)) return refuse(STATUS.notOwner);
      const live = before && this.#isLive(before) ? before : undefined;
      const version = this.#clock.next(this.#local.env.wallClock(), writer.peerId, before?.version);
      const next = change(live, version);
      if (typeof next === 'number') return refuse(next);
      const kept = this.#replication.take(next);
      if (kept !== STATUS.ok) return refuse(kept);
      this.#copy(next, (copies, refusedForSpace) => {
        const wanted = Math.min(this.#local.options.copiesToAcknowledge, 1 + this.#replication.replicas().length);
        const status = copies >= wanted ? STATUS.ok : refusedForSpace ? STATUS.quota : STATUS.tooFewCopies;
        respond({ type: 'writeReply', op, status, version, copies });
      });
    });
  }

  /** Copies to all replicas; `onEnough` runs once: when enough exist, or when no more will come. */
  #copy(object: StoredObject, onEnough: (copies: number, refusedForSpace: boolean) => void): void {
    const replicas = this.#replication.replicas();
    const wanted = Math.min(this.#local.options.copiesToAcknowledge, 1 + replicas.length);
    let copies = 1;
    let open = replicas.length;
    let refusedForSpace = false;
    let told = false;
    const tell = (): void => {
      if (told || (copies < wanted && open > 0)) return;
      told = true;
      onEnough(copies, refusedForSpace);
    };
    for (const replica of replicas) {
      this.#requests.ask({
        to: replica,
        attempts: COPY_ATTEMPTS,
        timeoutMs: this.#local.options.initialTimeoutMs + transferMs(object.value.length),
        message: (op) => ({ type: 'replicate', op, objects: [object], handOver: false }),
        onReply: (reply) => {
          open--;
          const status = reply.type === 'replicateReply' ? reply.statuses[0] : undefined;
          if (status === STATUS.ok || status === STATUS.stale) copies++;
          else if (status === STATUS.quota) refusedForSpace = true;
          tell();
        },
        onSilent: () => {
          open--;
          // Enough or not: somebody who should have a copy may lack it.
          this.#replication.compareSoon();
          tell();
        },
      });
    }
    tell();
  }

  /** The latest version anybody responsible has: our own when that is beyond doubt, else after asking the replicas. */
  #current(key: Position, onKnown: (object: StoredObject | undefined) => void): void {
    const mine = this.#shelf.read(key);
    // After a merge the other ring's copies may lie beyond our own replicas: for a key we lack, all successors are asked.
    const holders = mine ? this.#replication.replicas() : this.#membership.leafset.right.map(({ contact }) => contact);
    if (holders.length === 0 || (mine && this.#replication.settled)) return onKnown(mine);
    let open = holders.length;
    for (const holder of holders) {
      const answered = (object: StoredObject | undefined): void => {
        if (object) this.#takeIfLater(object);
        if (--open === 0) onKnown(this.#shelf.read(key));
      };
      this.#requests.ask({
        to: holder,
        attempts: ASK_ATTEMPTS,
        timeoutMs: this.#local.options.initialTimeoutMs,
        message: (op) => ({ type: 'get', op, key, local: true }),
        onReply: (reply) => answered(reply.type === 'getReply' ? reply.object : undefined),
        onSilent: () => answered(undefined),
      });
    }
  }

  #takeIfLater(object: StoredObject): void {
    const mine = this.#shelf.find(object.key);
    if (!mine || compareVersions(object.version, mine.version) > 0) this.#replication.take(object);
  }

  #isLive(object: StoredObject): boolean {
    return !object.deleted && (object.expiresAtMs === 0 || this.#local.env.wallClock() < object.expiresAtMs);
  }

  #expiry(message: Put, before: StoredObject | undefined): number {
    const now = this.#local.env.wallClock();
    // Traces of keys that never existed need not be kept for long.
    if (message.delete) return now + (before ? this.#local.options.tombstoneMs : this.#local.options.operationMs);
    return message.leaseMs > 0 ? now + message.leaseMs : 0;
  }
}

/** The fields after a SetField; undefined when it refers to a field that is not there (any more). */
function withField(fields: readonly Field[], { field, reference, onlyHost }: SetField): Field[] | undefined {
  const at = fields.findIndex(({ name }) => name === field);
  const known = fields[at];
  if (onlyHost && (!known || known.reference.key.hex !== reference?.key.hex)) return undefined;
  if (!reference && !known) return undefined;
  const others = fields.filter((_, i) => i !== at);
  return reference ? [...others, { name: field, reference }] : others;
}
