/**
 * Copies where they belong: the owner of a zone and its next successors hold the same objects.
 *
 * On a change of zone or successors, and every `syncMs`, the owner compares its zone with each replica: one digest when
 * nothing differs, else lists, and then only what differs travels, either way. What a zone loses is pushed to its new
 * owner at once. A copy that no owner has confirmed for long is offered to the owner and dropped only when the owner says
 * that it has it: whatever was acknowledged exists somewhere until it is deleted. INV-OBJ-1..3.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import { comparePositions, inArc } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { Requests } from '../requests.ts';
import type { Membership, MembershipListener } from '../ring/membership.ts';
import type { Router } from '../routing/router.ts';
import type { Replicate, StoredObject, Sync, SyncEntry, SyncReply } from '../wire/messages.ts';
import { STATUS } from '../wire/messages.ts';
import type { Alarms } from './alarms.ts';
import type { Copy, Shelf } from './shelf.ts';
import { digestOf } from './shelf.ts';
import type { Transfers } from './transfers.ts';
import type { VersionClock } from './versions.ts';
import { compareVersions } from './versions.ts';

/** After a change of neighbours, wait this long for further ones before comparing. */
const SETTLE_MS = 500;
/** Entries of one SyncReply; the wire allows as many. */
const PAGE = 512;
/** Unconfirmed copies offered to their owners in one round. */
const OFFERS_MAX = 64;
const ATTEMPTS = 3;
/** Successors that a departing peer tries. */
const HAND_OVERS_MAX = 4;
/** Times that a hand-over is begun before the periodic comparison has to do the rest. */
const PUSHES_MAX = 5;

export class Replication implements MembershipListener {
  readonly #local: Local;
  readonly #membership: Membership;
  readonly #requests: Requests;
  readonly #router: Router;
  readonly #shelf: Shelf;
  readonly #transfers: Transfers;
  readonly #clock: VersionClock;
  readonly #alarms: Alarms;
  #soon: number | undefined;
  #periodic = false;
  #knownReplicas = '';
  #settled = false;
  #departing = false;

  constructor(local: Local, parts: { membership: Membership; requests: Requests; router: Router; shelf: Shelf; transfers: Transfers; clock: VersionClock; alarms: Alarms }) {
    this.#local = local;
    this.#membership = parts.membership;
    this.#requests = parts.requests;
    this.#router = parts.router;
    this.#shelf = parts.shelf;
    this.#transfers = parts.transfers;
    this.#clock = parts.clock;
    this.#alarms = parts.alarms;
    this.#membership.listen(this);
  }

  onPeerGone(): void {
    this.#onNeighboursChanged();
  }

  onPeerAlive(): void {
    this.#onNeighboursChanged();
  }

  /** Have the replicas been asked since this zone came to us? Until then our copies may be old, or not here yet. */
  get settled(): boolean {
    return this.#settled;
  }

  /** The peers that should hold copies of what we own: our next successors. */
  replicas(): Contact[] {
    const contacts: Contact[] = [];
    for (const { contact, joining } of this.#membership.leafset.right) {
      if (joining) continue;
      contacts.push(contact);
      if (contacts.length === this.#local.options.replicas - 1) break;
    }
    return contacts;
  }

  /** Before a graceful departure: whatever a successor lacks goes there first. `onDone` runs once, at the latest after the time-outs. */
  handOver(onDone: () => void): void {
    this.#departing = true;
    this.#handOverTo([], onDone);
  }

  /** To the nearest successor that answers: the first may have left a moment ago, or be about to leave itself. */
  #handOverTo(tried: readonly string[], onDone: () => void): void {
    const next = this.#membership.leafset.right.find(({ contact, joining }) => !joining && !tried.includes(contact.peerId));
    if (!next || this.#shelf.count === 0 || tried.length === HAND_OVERS_MAX) return onDone();
    // Everything, not only our zone: a predecessor may have left a moment ago, and its farewell is still on the way.
    this.#compare(next.contact, next.contact.position, this.#local.position, (complete) => {
      if (complete) onDone();
      else this.#handOverTo([...tried, next.contact.peerId], onDone);
    }, 1);
  }

  /** Our zone is another's from now on, all of it: what we hold there goes to that peer. */
  handOverZone(start: Position, end: Position, to: Contact, pushesLeft = PUSHES_MAX): void {
    const keys = this.#shelf.inRange(start, end).map((copy) => copy.key);
    if (keys.length === 0 || pushesLeft === 0) return;
    this.#transfers.push({ peer: to, keys, handOver: true }, (delivered) => {
      this.#local.env.emit({ kind: 'objects-handed-over', count: delivered.length });
      if (delivered.length < keys.length) this.#alarms.in(SETTLE_MS, () => this.handOverZone(start, end, to, pushesLeft - 1));
    });
  }

  onReplicate(from: Contact, message: Replicate): void {
    // What came now would leave with us: whoever hands over has to find somebody who stays.
    if (this.#departing) return;
    const statuses = message.objects.map((object) => this.take(object));
    this.#local.env.send(from, { type: 'replicateReply', op: message.op, statuses });
    if (message.handOver) this.#passOn(message.objects.map(({ key }) => key));
  }

  /** While rings merge, zones shrink in steps, and what was handed to us may belong to a peer that the sender had not met. */
  #passOn(keys: readonly Position[]): void {
    const foreign = (key: Position): boolean => this.#local.standing === 'active' && !this.#membership.owns(key);
    if (!keys.some(foreign)) return;
    this.#alarms.in(SETTLE_MS, () => {
      for (const key of keys) if (foreign(key)) this.#sendHome(key, false);
    });
  }

  onSync(from: Contact, message: Sync): void {
    if (this.#departing) return;
    const copies = this.#shelf.inRange(message.from, message.to);
    const now = this.#local.env.now();
    for (const copy of copies) copy.confirmedAt = now;
    const equal = copies.length === message.count && digestOf(copies) === message.digest;
    const page = equal ? [] : copies.slice(0, PAGE);
    const coveredTo = page.length < copies.length && !equal ? page[page.length - 1]?.key : message.to;
    const entries = page.map(({ key, version }) => ({ key, version }));
    this.#local.env.send(from, { type: 'syncReply', op: message.op, equal, entries, coveredTo });
  }

  // --- when to compare ---

  onZoneChanged(start: Position | undefined, before: Position | undefined): void {
    if (!start) return;
    const self = this.#local.position;
    const shrunk = before !== undefined && comparePositions(before, start) !== 0 && inArc(start, before, self) && comparePositions(start, self) !== 0;
    if (shrunk && before) this.#pushLost(before, start);
    else this.#settled = false;
    this.compareSoon();
  }

  #onNeighboursChanged(): void {
    let replicas = '';
    for (const { peerId, incarnation } of this.replicas()) replicas += `${peerId}/${incarnation} `;
    if (replicas === this.#knownReplicas) return;
    this.#knownReplicas = replicas;
    this.compareSoon();
  }

  /** Compares with all replicas shortly; further calls until then change nothing. */
  compareSoon(): void {
    if (this.#local.standing !== 'active' || this.#soon !== undefined) return;
    this.#soon = this.#alarms.in(SETTLE_MS, () => {
      this.#soon = undefined;
      this.#compareAll();
    });
  }

  /** Comparing now and then is for peers that keep something; a peer without copies has nothing to lose. */
  #startPeriodic(): void {
    if (this.#periodic) return;
    this.#periodic = true;
    const { syncMs } = this.#local.options;
    this.#alarms.in(syncMs * (0.8 + 0.4 * this.#local.env.random.unit()), () => {
      this.#periodic = false;
      this.#shelf.dropExpired();
      if (this.#local.standing === 'active') {
        this.#compareAll();
        this.#offerUnconfirmed();
      }
      if (this.#shelf.count > 0) this.#startPeriodic();
    });
  }

  #compareAll(): void {
    const start = this.#membership.zoneStart;
    if (!start) return;
    const replicas = this.replicas();
    if (replicas.length === 0) this.#settled = true;
    for (const replica of replicas) this.#compare(replica, start, this.#local.position, () => this.#onCompared(start), ATTEMPTS);
    if (this.#shelf.count > 0) this.#startPeriodic();
  }

  #onCompared(start: Position): void {
    if (this.#membership.zoneStart?.hex === start.hex) this.#settled = true;
  }

  // --- comparing ---

  /** Makes the copies in `(from, to]` the same here and at `replica`; the later version wins on both sides. */
  #compare(replica: Contact, from: Position, to: Position, onDone: (complete: boolean) => void, attempts: number): void {
    const mine = this.#shelf.inRange(from, to);
    this.#requests.ask({
      to: replica,
      attempts,
      timeoutMs: this.#local.options.initialTimeoutMs,
      message: (op) => ({ type: 'sync', op, from, to, count: mine.length, digest: digestOf(mine) }),
      onReply: (reply) => {
        if (reply.type !== 'syncReply' || reply.equal) return onDone(reply.type === 'syncReply');
        this.#reconcile(replica, from, reply, (complete) => {
          const coveredTo = reply.coveredTo ?? to;
          // A page that does not lead on ends the comparison, whatever the replica says.
          if (!complete || comparePositions(coveredTo, to) === 0 || reply.entries.length === 0 || !inArc(coveredTo, from, to)) onDone(complete);
          else this.#compare(replica, coveredTo, to, onDone, attempts);
        });
      },
      onSilent: () => onDone(false),
    });
  }

  #reconcile(replica: Contact, from: Position, reply: SyncReply, onDone: (complete: boolean) => void): void {
    const theirs = new Map(reply.entries.map((entry) => [entry.key.hex, entry]));
    const mine = reply.coveredTo ? this.#shelf.inRange(from, reply.coveredTo) : [];
    const push = mine.filter((copy) => isLater(copy, theirs.get(copy.key.hex))).map((copy) => copy.key);
    const pull = reply.entries.filter((entry) => isLater(entry, this.#shelf.find(entry.key))).map((entry) => entry.key);
    this.#pull(replica, pull, () => {
      if (push.length === 0) onDone(true);
      else this.#transfers.push({ peer: replica, keys: push, handOver: false }, (delivered) => onDone(delivered.length === push.length));
    });
  }

  /** One after the other: a comparison rarely finds much, and a peer that gained a zone should not be flooded. */
  #pull(replica: Contact, keys: readonly Position[], onDone: () => void, at = 0): void {
    const key = keys[at];
    if (!key) return onDone();
    this.#requests.ask({
      to: replica,
      attempts: ATTEMPTS,
      timeoutMs: this.#local.options.initialTimeoutMs,
      message: (op) => ({ type: 'get', op, key, local: true }),
      onReply: (reply) => {
        if (reply.type === 'getReply' && reply.object) this.take(reply.object);
        this.#pull(replica, keys, onDone, at + 1);
      },
      onSilent: onDone,
    });
  }

  /** Keeps an object, our own or a copy met at another peer, and looks after it from now on. The status is the shelf's. */
  take(object: StoredObject): number {
    this.#clock.observe(object.version, this.#local.env.wallClock());
    const status = this.#shelf.keep(object);
    if (this.#shelf.count > 0) this.#startPeriodic();
    return status;
  }

  // --- handing on ---

  /** Our zone lost `(before, start]`: its new owner gets what we hold there; we stay one of its replicas. */
  #pushLost(before: Position, start: Position): void {
    this.#push(this.#shelf.inRange(before, start).map((copy) => copy.key), PUSHES_MAX);
  }

  /** To whoever is our predecessor at the time; what did not arrive is tried again, and after that left to `syncMs`. */
  #push(keys: readonly Position[], pushesLeft: number): void {
    const owner = this.#membership.leafset.predecessor;
    if (!owner || keys.length === 0 || pushesLeft === 0) return;
    this.#transfers.push({ peer: owner.contact, keys, handOver: true }, (delivered) => {
      this.#local.env.emit({ kind: 'objects-handed-over', count: delivered.length });
      const arrived = new Set(delivered.map(({ key }) => key.hex));
      const left = keys.filter(({ hex }) => !arrived.has(hex));
      if (left.length > 0) this.#alarms.in(SETTLE_MS, () => this.#push(left, pushesLeft - 1));
    });
  }

  #offerUnconfirmed(): void {
    const { env, options } = this.#local;
    const limit = env.now() - options.unconfirmedMs;
    const owned = (copy: Copy): boolean => this.#membership.owns(copy.key);
    const strays = [...this.#shelf.copies()].filter((copy) => copy.confirmedAt < limit && !owned(copy)).slice(0, OFFERS_MAX);
    for (const copy of strays) this.#sendHome(copy.key, true);
  }

  /** To the owner, wherever it is; with `drop` our copy goes once the owner has it. */
  #sendHome(key: Position, drop: boolean): void {
    this.#router.lookup(key, ({ owner }) => {
      if (!this.#local.isSelf(owner)) this.#offer(owner, key, drop);
    }, () => undefined);
  }

  #offer(owner: Contact, key: Position, drop: boolean): void {
    this.#transfers.push({ peer: owner, keys: [key], handOver: true }, ([answer]) => {
      const arrived = answer?.status === STATUS.ok || answer?.status === STATUS.stale;
      if (arrived && drop) this.#shelf.drop(key, 'handed-over');
    });
  }
}

function isLater(a: SyncEntry, b: SyncEntry | undefined): boolean {
  return b === undefined || compareVersions(a.version, b.version) > 0;
}
