/**
 * The data overlay: objects in the DHT and references between them ([0033]-[0040]).
 *
 * A reference is a key and the host that was last known to have the object. `deref` asks that host directly and, when it
 * has it no more, looks the key up and repairs the reference where it is stored, so that the next one is direct again.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import { TIMER } from '../local.ts';
import type { Requests } from '../requests.ts';
import type { Membership } from '../ring/membership.ts';
import type { Router } from '../routing/router.ts';
import type { Field, Get, Message, Put, Reference, SetField } from '../wire/messages.ts';
import { utf8Bytes } from '../wire/sizes.ts';
import { Alarms } from './alarms.ts';
import { Client } from './client.ts';
import type { DerefOutcome, ReadOutcome, WriteOutcome } from './outcomes.ts';
import { Owner } from './owner.ts';
import { Replication } from './replication.ts';
import { Replies } from './replies.ts';
import { Shelf } from './shelf.ts';
import { Transfers } from './transfers.ts';
import { VersionClock } from './versions.ts';

const EMPTY = new Uint8Array(0);

export interface PutOptions {
  /** The object is gone after so long; 0 or absent: it lives until deleted. */
  readonly leaseMs?: number;
  readonly fields?: readonly Field[];
}

export interface OverlayStats {
  /** Copies held here, traces of deleted objects not counted. */
  readonly objects: number;
  readonly bytes: number;
  readonly quotaBytes: number;
}

export class Overlay {
  readonly #local: Local;
  readonly #membership: Membership;
  readonly #router: Router;
  readonly #shelf: Shelf;
  readonly #replication: Replication;
  readonly #owner: Owner;
  readonly #client: Client;
  readonly #alarms: Alarms;
  readonly #replies = new Replies();

  constructor(local: Local, membership: Membership, requests: Requests, router: Router) {
    const clock = new VersionClock();
    this.#local = local;
    this.#membership = membership;
    this.#router = router;
    this.#shelf = new Shelf(local);
    this.#alarms = new Alarms(local, TIMER.operations);
    const shelf = this.#shelf;
    const alarms = this.#alarms;
    const transfers = new Transfers(local, requests, shelf);
    this.#replication = new Replication(local, { membership, requests, router, shelf, transfers, clock, alarms });
    this.#owner = new Owner(local, { membership, requests, shelf, replication: this.#replication, clock });
    this.#client = new Client(local, { requests, router, owner: this.#owner, alarms });
  }

  get stats(): OverlayStats {
    return { objects: this.#shelf.liveCount, bytes: this.#shelf.bytes, quotaBytes: this.#local.options.quotaBytes };
  }

  /** Does this peer hold a copy (of any version) of the key? For checkers. */
  holds(key: Position): boolean {
    return this.#shelf.find(key) !== undefined;
  }

  // --- DHT services ---

  /** Replaces value and fields of the object under `key`, or creates it. */
  put(key: Position, value: Uint8Array, options: PutOptions, done: (outcome: WriteOutcome) => void): void {
    if (value.length > VALUE_MAX_BYTES) return done({ ok: false, code: 'too-large', reason: `a value has at most ${VALUE_MAX_BYTES} bytes` });
    const { leaseMs = 0, fields = [] } = options;
    this.#client.write(key, value.length, (op) => ({ type: 'put', op, key, value, fields, leaseMs, delete: false }), done);
  }

  get(key: Position, done: (outcome: ReadOutcome) => void): void {
    this.#client.read(key, done);
  }

  /** Asks a known host without a lookup. */
  direct(key: Position, host: Contact, done: (outcome: ReadOutcome) => void): void {
    this.#client.direct(key, host, done);
  }

  remove(key: Position, done: (outcome: WriteOutcome) => void): void {
    this.#client.write(key, 0, (op) => ({ type: 'put', op, key, value: EMPTY, fields: [], leaseMs: 0, delete: true }), done);
  }

  // --- references ---

  /** Makes `field` of object `a` refer to `b`; b's host is looked up when the reference does not name one. */
  setref(a: Position, field: string, b: Reference, done: (outcome: WriteOutcome) => void): void {
    if (field.length === 0 || utf8Bytes(field) > FIELD_NAME_MAX_BYTES) {
      return done({ ok: false, code: 'too-large', reason: `a field name has 1 to ${FIELD_NAME_MAX_BYTES} bytes` });
    }
    if (b.host) return this.#setField(a, field, b, done);
    this.#router.lookup(b.key, ({ owner }) => this.#setField(a, field, { key: b.key, host: owner }, done), () => this.#setField(a, field, b, done));
  }

  /** The object that `field` of object `a` refers to. */
  deref(a: Position, field: string, done: (outcome: DerefOutcome) => void): void {
    this.#reference(a, field, done, (reference) => {
      const { key, host } = reference;
      if (!host) return this.#derefByLookup(a, field, key, done);
      this.#client.direct(key, host, (outcome) => {
        if (outcome.ok) done({ ...outcome, key, shortcut: true });
        else this.#derefByLookup(a, field, key, done);
      });
    });
  }

  /** Deletes the object that `field` of `a` refers to, and the reference. */
  removeRef(a: Position, field: string, done: (outcome: WriteOutcome) => void): void {
    this.#reference(a, field, done, ({ key }) => {
      this.remove(key, (outcome) => {
        if (!outcome.ok) return done(outcome);
        this.#client.write(a, 0, (op) => ({ type: 'setField', op, key: a, field, reference: undefined, onlyHost: false }), done);
      });
    });
  }

  // --- inputs ---

  onMessage(from: Contact, message: Put | SetField | Get): void {
    const send = (reply: Message): void => this.#local.env.send(from, reply);
    if (message.type === 'get') this.#owner.get(message, send);
    else {
      this.#replies.answerOnce(from, message.op, send, (respond) => {
        if (message.type === 'put') this.#owner.put(message, from, respond);
        else this.#owner.setField(message, from, respond);
      });
    }
    this.#membership.storedKib = Math.ceil(this.#shelf.bytes / 1024);
  }

  get replication(): Replication {
    return this.#replication;
  }

  onTimer(): void {
    this.#alarms.onTimer();
  }

  // --- helpers ---

  #setField(a: Position, field: string, reference: Reference, done: (outcome: WriteOutcome) => void): void {
    this.#client.write(a, 0, (op) => ({ type: 'setField', op, key: a, field, reference, onlyHost: false }), done);
  }

  #reference(a: Position, field: string, fail: (outcome: Extract<ReadOutcome, { ok: false }>) => void, found: (reference: Reference) => void): void {
    this.#client.read(a, (outcome) => {
      if (!outcome.ok) return fail(outcome);
      const entry = outcome.object.fields.find(({ name }) => name === field);
      if (!entry) return fail({ ok: false, code: 'missing', reason: `the object has no field "${field}"` });
      found(entry.reference);
    });
  }

  #derefByLookup(a: Position, field: string, key: Position, done: (outcome: DerefOutcome) => void): void {
    this.#client.read(key, (outcome) => {
      if (!outcome.ok) return done(outcome);
      done({ ...outcome, key, shortcut: false });
      // The shortcut is repaired where it is stored; nobody waits for it, and it does not matter if it fails.
      const reference: Reference = { key, host: outcome.host };
      this.#client.write(a, 0, (op) => ({ type: 'setField', op, key: a, field, reference, onlyHost: true }), () => undefined);
    });
  }
}

import { FIELD_NAME_MAX_BYTES, VALUE_MAX_BYTES } from './limits.ts';