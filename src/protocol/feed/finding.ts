/**
 * What this peer found at the origin, until the lead has numbered it.
 *
 * It is offered again and again; what cannot be offered for a while is shown to this peer's own readers. The lead's answer says which
 * number it got: if nothing is missing before it, it is taken at once, and otherwise it comes down the tree after what is missing.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { Alarms } from '../overlay/alarms.ts';
import type { Requests } from '../requests.ts';
import type { FeedStamped } from '../wire/feed-messages.ts';
import { STAMPED } from '../wire/feed-messages.ts';
import { attest } from './attestation.ts';
import { ALONE_MS, ATTEMPTS, INLINE_BYTES_MAX, OFFER_MS, SOON_MS, TRANSFER_MS } from './bounds.ts';
import type { Attestation, FeedShelf, FeedTools, FeedVersion, FoundVersion } from './feed.ts';
import { compareStamps } from './feed.ts';
import type { Holding } from './holding.ts';
import { isAfter, isPoolStamp, poolStamp } from './order.ts';
import type { Packing } from './packing.ts';
import type { Pending } from './pending.ts';
import { PendingList } from './pending.ts';
import { boundedFound, bytesOfHex, foundOf, fromWire, NO_BYTES, recordOf } from './record.ts';

export interface FindingParts {
  readonly local: Local;
  readonly requests: Requests;
  readonly alarms: Alarms;
  readonly shelf: FeedShelf;
  readonly tools: FeedTools;
  readonly packing: Packing;
  readonly holding: Holding;
  /** Undefined: nobody, as far as is known. */
  lead(): Contact | undefined;
  isOver(): boolean;
  attested(found: FoundVersion, attestations: readonly Attestation[]): Attestation[] | undefined;
  /** This peer leads: gives it a number. False: not yet. */
  numberOwn(pending: Pending): boolean;
  take(version: FeedVersion, body: Uint8Array): void;
  /** The lead has a version of that document, under that number. */
  onNumbered(version: FeedVersion): void;
  /** The lead is none, or does not answer. */
  doubtLead(isSilent: boolean): void;
}

export class Finding {
  readonly #key: Position;
  readonly #parts: FindingParts;
  readonly #pending = new PendingList();
  #isOffering = false;

  constructor(key: Position, parts: FindingParts) {
    this.#key = key;
    this.#parts = parts;
  }

  body(hash: string): Uint8Array | undefined {
    return this.#pending.find(hash)?.body;
  }

  has(hash: string): boolean {
    return this.#pending.find(hash) !== undefined;
  }

  forget(hash: string): void {
    this.#pending.delete(hash);
  }

  /** The origin gave this peer something that it does not have. */
  add(version: FoundVersion, body: Uint8Array, isShown = false): void {
    const { local, tools, alarms } = this.#parts;
    const bounded = boundedFound(version);
    const attestation = attest(this.#key, bounded, version.fetchedAt, local.contact.peerId, tools);
    this.#pending.keepOnly(version.hash);
    this.#pending.add({ found: bounded, body, attestation, since: local.env.now(), isShown, isAsking: false, silences: 0, isPlain: false, againAt: 0 });
    alarms.in(0, () => this.offerAll());
    this.offerLater(ALONE_MS);
  }

  /** What only this peer has, its readers have already: `at` is when the origin last gave it. */
  addOwn(at: Millis, own = this.#parts.holding.alone): void {
    const body = own === undefined || this.has(own.hash) ? undefined : this.#parts.shelf.body(own.hash);
    if (own !== undefined && body !== undefined) this.add({ ...own, fetchedAt: at }, body, true);
  }

  offerAll(): void {
    for (const pending of this.#pending.all()) this.#offer(pending);
  }

  /** Then again and again, as long as something waits. */
  offerLater(delayMs: Millis): void {
    if (this.#isOffering) return;
    this.#isOffering = true;
    this.#parts.alarms.in(delayMs, () => {
      this.#isOffering = false;
      if (this.#parts.isOver()) return;
      for (const pending of this.#pending.all()) {
        this.#offer(pending);
        this.#show(pending);
      }
      if (this.#pending.all().length > 0) this.offerLater(OFFER_MS);
    });
  }

  #offer(pending: Pending): void {
    const { local, requests, packing, holding, numberOwn, doubtLead } = this.#parts;
    const lead = this.#parts.lead();
    if (!this.#isWaiting(pending) || lead === undefined || pending.isAsking || local.env.now() < pending.againAt) return;
    if (local.isSelf(lead)) {
      if (numberOwn(pending)) this.forget(pending.found.hash);
      return;
    }
    const { found, attestation } = pending;
    const { latest } = holding;
    const base = pending.isPlain || latest === undefined || latest.hash === found.hash || !isPoolStamp(latest.stamp) ? '' : latest.hash;
    const packed = packing.form(found.hash, base, pending.body);
    pending.isAsking = true;
    requests.ask({
      // Each copy says how old it is.
      to: lead, attempts: 1, timeoutMs: local.timeoutTo(undefined) + TRANSFER_MS,
      message: (op) => ({
        type: 'feedFound', op, key: this.#key, record: recordOf({ ...found, attestations: [attestation] }), base: bytesOfHex(base),
        packed: packed !== undefined && packed.length <= INLINE_BYTES_MAX ? packed : NO_BYTES, ageMs: Math.max(0, local.env.wallClock() - found.fetchedAt),
      }),
      onReply: (reply) => {
        pending.isAsking = false;
        pending.silences = 0;
        if (reply.type === 'feedStamped') this.#onStamped(pending, reply);
      },
      onSilent: () => {
        pending.isAsking = false;
        pending.silences++;
        if (pending.silences < ATTEMPTS) this.#offer(pending);
        else doubtLead(true);
      },
    });
  }

  #onStamped(pending: Pending, { outcome, record, before }: FeedStamped): void {
    const { holding, attested, take, onNumbered, doubtLead } = this.#parts;
    if (outcome === STAMPED.pulling) return this.#again(pending, SOON_MS);
    if (outcome === STAMPED.plain && !pending.isPlain) {
      pending.isPlain = true;
      return this.#again(pending, 0);
    }
    if (outcome === STAMPED.notLead) return doubtLead(false);
    const found = record === undefined ? undefined : foundOf(record);
    const stamp = record?.stamp;
    if (outcome !== STAMPED.stamped || found === undefined || stamp === undefined || !isPoolStamp(stamp) || found.hash !== pending.found.hash) return this.forget(pending.found.hash);
    const attestations = attested(found, (record?.attestations ?? []).map(fromWire));
    if (attestations === undefined) return this.forget(pending.found.hash);
    const version: FeedVersion = { ...found, stamp, attestations };
    onNumbered(version);
    const { have, latest } = holding;
    const isNext = isAfter(stamp, have) && (before === undefined ? have === undefined : have !== undefined && compareStamps(before, have) === 0);
    // The pool's way brought it, and it was passed over here.
    const isPassedOver = !isAfter(stamp, have) && isAfter(stamp, poolStamp(latest?.stamp));
    if (isNext || isPassedOver) take(version, pending.body);
    this.forget(pending.found.hash);
  }

  #again(pending: Pending, delayMs: Millis): void {
    const { local, alarms, isOver } = this.#parts;
    pending.againAt = local.env.now() + delayMs;
    alarms.in(delayMs, () => isOver() || this.#offer(pending));
  }

  /** This peer's own readers need not wait for the pool. */
  #show(pending: Pending): void {
    const { local, holding } = this.#parts;
    if (pending.isShown || local.env.now() - pending.since < ALONE_MS || !this.#isWaiting(pending)) return;
    pending.isShown = true;
    holding.showAlone({ ...pending.found, attestations: [pending.attestation] }, pending.body);
  }

  #isWaiting(pending: Pending): boolean {
    return this.#pending.find(pending.found.hash) === pending;
  }
}
