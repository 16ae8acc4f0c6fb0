/**
 * One feed of one peer in the pool: its parts, and what it does with every version.
 *
 * Wherever a version comes from (the parent in the tree, a poller that found it, this peer's own poll), it ends in `#take`: compared with what is here,
 * put on the shelf, told to whoever serves readers, and sent on to the children. The lead alone gives numbers. docs/decisions/0054-relay-of-feeds.md.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Lagover } from '../lagover/agent/lagover.ts';
import type { Local } from '../local.ts';
import type { Alarms } from '../overlay/alarms.ts';
import type { Requests } from '../requests.ts';
import type { FeedAck, FeedAsk, FeedFound, FeedFresh, FeedInput, FeedPull, FeedPush, FeedRegistered, FeedStamped } from '../wire/feed-messages.ts';
import { ACK, STAMPED } from '../wire/feed-messages.ts';
import { attest, isAttested } from './attestation.ts';
import { ALONE_MS, ATTEMPTS, INLINE_BYTES_MAX, LATELY, LATER_MS, LEAD_SETTLE_MS, OFFER_MS, PIECE_BYTES_MAX, SOON_MS, TRANSFER_MS } from './bounds.ts';
import type { Attestation, FeedEvents, FeedPoolStatus, FeedShelf, FeedTerms, FeedTools, FeedVersion, FoundVersion, Stamp } from './feed.ts';
import { ATTESTATIONS_MAX, compareStamps } from './feed.ts';
import type { Intake } from './intake.ts';
import { isAfter, isPoolStamp, judge, nextAlone, nextStamp, poolStamp } from './order.ts';
import type { Packing } from './packing.ts';
import type { Pending } from './pending.ts';
import { PendingList } from './pending.ts';
import { boundedFound, bytesOfHex, foundOf, fromWire, hexOfBytes, NO_BYTES, recordOf } from './record.ts';
import type { RegistrationParts } from './registration.ts';
import { Registration } from './registration.ts';
import { Sender } from './sender.ts';
import { FeedStanding } from './standing.ts';
import { TreeLink } from './tree-link.ts';
import { Trust } from './trust.ts';

const REPORTS_OF_REVERT = 2;

export interface MemberParts {
  readonly local: Local;
  readonly requests: Requests;
  readonly alarms: Alarms;
  readonly lagover: Lagover;
  readonly shelf: FeedShelf;
  readonly tools: FeedTools;
  readonly events: FeedEvents;
  readonly intake: Intake;
  readonly packing: Packing;
  readonly registration: RegistrationParts;
}

export class Member {
  readonly key: Position;
  readonly #parts: MemberParts;
  readonly #standing = new FeedStanding();
  readonly #registration: Registration;
  readonly #tree: TreeLink;
  readonly #sender: Sender;
  readonly #pending = new PendingList();
  readonly #trust: Trust;
  #terms: FeedTerms;
  #latest: FeedVersion | undefined;
  /** The last number that the pool gave and that counts here. */
  #have: Stamp | undefined;
  #freshAt = 0;
  #leadSince: Millis = Infinity;
  /** Digest of the body that is being pulled. */
  #pulling = '';
  #roleTold = '';
  #isOffering = false;
  /** What the origin seems to have gone back to, and who said so. */
  #revert: { readonly hash: string; readonly reports: Set<string> } | undefined;
  #isOver = false;

  constructor(terms: FeedTerms, parts: MemberParts) {
    this.key = terms.key;
    this.#terms = terms;
    this.#parts = parts;
    this.#latest = parts.shelf.latest(this.key);
    this.#have = poolStamp(this.#latest?.stamp);
    this.#sender = new Sender(this.key, parts, { latest: () => this.#latest, isNear: (peerId) => this.#tree.isNear(peerId) });
    this.#tree = new TreeLink(this.key, parts, {
      onParent: (parent) => this.#onParent(parent),
      onLost: () => this.#registration.soon(parts.local.env.random.unit() * SOON_MS, true),
      sample: () => this.#standing.samples.pop(),
    });
    this.#trust = new Trust(this.key, parts, this.#trustSurrounding());
    this.#registration = new Registration(this.key, parts.registration, {
      state: () => ({
        maxStalenessMs: this.#terms.maxStalenessMs, canPoll: this.#terms.canPoll, floorMs: this.#terms.floorMs, epoch: Math.max(this.#standing.epoch, this.#have?.epoch ?? 0), lead: this.#standing.lead,
        slot: this.#holdsSlot ? this.#standing.slot + 1 : 0, liars: this.#trust.liars,
      }),
      onAnswer: (answer, askedAt) => this.#onRegistered(answer, askedAt),
    });
    this.#tellRole();
  }

  // --- what the peer's own host says ---

  change(terms: FeedTerms): void {
    const before = this.#terms;
    this.#terms = terms;
    if (before.canPoll !== terms.canPoll || before.maxStalenessMs !== terms.maxStalenessMs || before.floorMs !== terms.floorMs) this.#registration.soon(SOON_MS);
    if (before.fanout !== terms.fanout || before.maxStalenessMs !== terms.maxStalenessMs) this.#tree.rejoin(this.#treeTerms);
  }

  leave(): void {
    this.#isOver = true;
    this.#registration.end();
    this.#tree.leave();
    this.#sender.keepOnly(() => false);
  }

  found(version: FoundVersion, body: Uint8Array): void {
    const { local, tools } = this.#parts;
    this.#trust.onSeen(version);
    if (this.#latest?.hash === version.hash) return this.confirmed(version.hash, version.fetchedAt);
    const now = local.env.now();
    const bounded = boundedFound(version);
    this.#pending.keepOnly(version.hash);
    const pending = this.#pending.add({
      found: bounded, body, attestation: attest(this.key, bounded, version.fetchedAt, local.contact.peerId, tools), since: now,
      isShown: false, isAsking: false, isPlain: false, againAt: now,
    });
    this.#offer(pending);
    this.#offerLater(ALONE_MS);
  }

  confirmed(hash: string, checkedAt: number): void {
    const latest = this.#latest;
    if (latest?.hash !== hash) return this.#confirmedOther(hash, checkedAt);
    this.#trust.onSeen(latest);
    const pending = this.#pending.find(hash);
    if (pending !== undefined) return this.#offer(pending);
    if (this.#isLead) return this.#learnFresh(checkedAt);
    this.#freshAt = Math.max(this.#freshAt, checkedAt);
    const lead = this.#standing.lead;
    if (lead !== undefined && isPoolStamp(latest.stamp)) this.#parts.local.env.send(lead, { type: 'feedFresh', key: this.key, stamp: latest.stamp, freshAt: checkedAt });
  }

  /** The origin is back at what it had before, or one of its machines is behind. */
  #confirmedOther(hash: string, checkedAt: number): void {
    const { shelf } = this.#parts;
    const before = shelf.find(this.key, hash);
    const body = before === undefined ? undefined : shelf.body(hash);
    if (before !== undefined && body !== undefined) this.found({ ...before, fetchedAt: checkedAt }, body);
  }

  get status(): FeedPoolStatus {
    const now = this.#parts.local.env.now();
    return {
      role: this.#standing.role(this.#tree.parent, now), children: this.#tree.children, subscribers: this.#standing.subscribers, gapMs: this.#standing.gapMs,
      delayMs: this.#tree.delayMs, freshAt: this.#freshAt,
    };
  }

  /** Whether it holds a slot of that epoch. */
  holds(epoch: number): boolean {
    return this.#holdsSlot && this.#standing.epoch >= epoch;
  }

  get epoch(): number {
    return this.#standing.epoch;
  }

  // --- messages ---

  onMessage(from: Contact, message: FeedInput): void {
    const { env } = this.#parts.local;
    switch (message.type) {
      case 'feedRegistered': return this.#registration.onNews(from, message);
      case 'feedHold': return env.send(from, { type: 'feedHeld', op: message.op, holds: this.#isLead && this.#standing.epoch >= message.epoch, epoch: this.#standing.epoch });
      case 'feedFound': return this.#onFound(from, message);
      case 'feedPush': return this.#onPush(from, message);
      case 'feedAck': return this.#sender.onAck(from, message);
      case 'feedFresh': return this.#onFresh(from, message);
      case 'feedAsk': return this.#onAsk(from, message);
      case 'feedPull': return this.#onPull(from, message);
      case 'feedNews': {
        // Everybody hears of a new lead at about the same time.
        if (message.epoch > this.#standing.epoch) this.#registration.soon(env.random.unit() * SOON_MS);
        return;
      }
      case 'feedWitness': return this.#trust.onWitness(from, message);
    }
  }

  onRegistered(answer: FeedRegistered): void {
    this.#onRegistered(answer, this.#parts.local.env.now());
  }

  // --- who polls ---

  get #holdsSlot(): boolean {
    return this.#standing.slot >= 0 && !this.#standing.isLapsed(this.#parts.local.env.now());
  }

  get #isLead(): boolean {
    return this.#standing.slot === 0 && this.#holdsSlot;
  }

  get #treeTerms(): { fanout: number; staleMs: Millis } {
    return { fanout: this.#terms.fanout, staleMs: this.#terms.maxStalenessMs - this.#standing.gapMs };
  }

  #onRegistered(answer: FeedRegistered, askedAt: Millis): void {
    if (this.#isOver) return;
    const { local } = this.#parts;
    const now = local.env.now();
    const before = this.#standing.epoch;
    const { lead: leadBefore } = this.#standing;
    this.#standing.learn(answer, local.contact, askedAt, now);
    const { lead, epoch } = this.#standing;
    if (lead !== undefined && (epoch !== before || lead.peerId !== leadBefore?.peerId)) {
      this.#tellNews(epoch);
      this.#leadSince = local.isSelf(lead) ? now : Infinity;
      this.#tree.join(lead, epoch, this.#treeTerms);
      this.#sender.keepOnly(() => false);
    }
    if (this.#standing.slot >= 0) this.#parts.alarms.in(answer.leaseMs, () => this.#onLease());
    this.#tellRole();
    for (const pending of this.#pending.all()) this.#offer(pending);
    if (this.#isLead) this.#offerOwn();
    if (this.#leadSince === now) this.#offerLater(LEAD_SETTLE_MS);
  }

  #onLease(): void {
    const { env } = this.#parts.local;
    if (this.#isOver || !this.#standing.isLapsed(env.now())) return;
    this.#standing.lose();
    this.#registration.soon(0);
    this.#tellRole();
  }

  /** Those who hear of the new epoch from us need not wait until they miss the old lead. */
  #tellNews(epoch: number): void {
    const { env } = this.#parts.local;
    const near = [...this.#tree.children, ...(this.#tree.parent === undefined ? [] : [this.#tree.parent])];
    for (const peer of near) env.send(peer, { type: 'feedNews', key: this.key, epoch });
  }

  /** What this peer had before there was a pool is the pool's first version. */
  #offerOwn(): void {
    const latest = this.#latest;
    if (latest === undefined || isPoolStamp(latest.stamp) || this.#pending.find(latest.hash) !== undefined) return;
    const body = this.#parts.shelf.body(latest.hash);
    if (body === undefined) return;
    const { local, tools, alarms } = this.#parts;
    const at = latest.fetchedAt;
    const own = latest.attestations[0]?.peerId === local.contact.peerId ? latest.attestations[0] : attest(this.key, boundedFound(latest), at, local.contact.peerId, tools);
    const pending = this.#pending.add({ found: boundedFound(latest), body, attestation: own, since: local.env.now(), isShown: true, isAsking: false, isPlain: false, againAt: 0 });
    alarms.in(0, () => this.#offer(pending));
    this.#offerLater(ALONE_MS);
  }

  #tellRole(): void {
    const role = this.#standing.role(this.#tree.parent, this.#parts.local.env.now());
    const told = role.kind === 'poller' ? `${role.slot} ${role.intervalMs} ${role.subscribers} ${role.parent?.peerId}` : role.kind === 'consumer' ? role.parent?.peerId ?? '-' : '';
    const name = `${role.kind} ${told}`;
    if (name === this.#roleTold) return;
    this.#roleTold = name;
    this.#parts.events.onRole(this.key, role);
  }

  // --- the tree ---

  #onParent(parent: Contact | undefined): void {
    this.#sender.keepOnly((peerId) => this.#tree.isNear(peerId));
    if (parent !== undefined) this.#ask(parent);
    this.#tellRole();
  }

  /** Tells that peer what is here; what is missing comes, or is asked for. */
  #ask(peer: Contact): void {
    const { requests, local, alarms } = this.#parts;
    const again = (): void => void alarms.in(LATER_MS, () => {
      if (!this.#isOver && this.#tree.parent?.peerId === peer.peerId) this.#ask(peer);
    });
    requests.ask({
      to: peer, attempts: ATTEMPTS, timeoutMs: local.timeoutTo(undefined),
      message: (op) => ({ type: 'feedAsk', op, key: this.key, have: this.#have, hash: this.#baseHash }),
      onReply: (reply) => {
        if (reply.type !== 'feedAnswer' || !reply.serves) return again();
        if (reply.latest !== undefined && this.#have !== undefined && compareStamps(reply.latest, this.#have) === 0) this.#learnFresh(reply.freshAt);
      },
      onSilent: again,
    });
  }

  get #baseHash(): Uint8Array {
    return this.#latest === undefined ? NO_BYTES : bytesOfHex(this.#latest.hash);
  }

  #onAsk(from: Contact, { op, have, hash }: FeedAsk): void {
    const { local } = this.#parts;
    const serves = this.#tree.isNear(from.peerId);
    local.env.send(from, { type: 'feedAnswer', op, serves, latest: this.#have, freshAt: this.#freshAt });
    if (!serves) return;
    const known = poolStamp(have);
    this.#sender.serve(from, known, hash);
    // It knows more than we do, of an epoch that is over: its last versions may have reached only a few.
    if (known !== undefined && isAfter(known, this.#have) && known.epoch < this.#standing.epoch) this.#ask(from);
  }

  #onFresh(from: Contact, { stamp, freshAt }: FeedFresh): void {
    if (this.#isLead) {
      const isKnown = this.#standing.isPoller(from.peerId) && this.#have !== undefined && compareStamps(stamp, this.#have) === 0;
      return isKnown ? this.#learnFresh(freshAt) : undefined;
    }
    if (this.#tree.parent?.peerId !== from.peerId) return;
    if (this.#have !== undefined && compareStamps(stamp, this.#have) === 0) this.#learnFresh(freshAt);
    else if (isAfter(stamp, this.#have) && this.#pulling === '') this.#parts.alarms.in(LATER_MS, () => {
      if (!this.#isOver && isAfter(stamp, this.#have) && this.#pulling === '' && this.#tree.parent?.peerId === from.peerId) this.#ask(from);
    });
  }

  /** Goes down the tree, so that everybody knows how old its news are. */
  #learnFresh(at: number): void {
    const freshAt = Math.min(at, this.#parts.local.env.wallClock());
    if (freshAt <= this.#freshAt) return;
    this.#freshAt = freshAt;
    this.#revert = undefined;
    this.#parts.events.onFresh(this.key, freshAt);
    if (this.#have === undefined) return;
    for (const child of this.#sender.contacts()) this.#parts.local.env.send(child, { type: 'feedFresh', key: this.key, stamp: this.#have, freshAt });
  }

  // --- versions that come ---

  #onPush(from: Contact, message: FeedPush): void {
    const { local, intake } = this.#parts;
    const { op, record, again } = message;
    const acknowledge = (outcome: number, number = op): void => local.env.send(from, { type: 'feedAck', op: number, key: this.key, hash: record.hash, outcome, have: this.#have } satisfies FeedAck);
    const found = foundOf(record);
    const { stamp } = record;
    if (found === undefined || stamp === undefined || !isPoolStamp(stamp) || !this.#mayPush(from, stamp)) return acknowledge(ACK.refused);
    if (!isAfter(stamp, this.#have)) return acknowledge(ACK.held);
    if (this.#pulling !== '') return acknowledge(ACK.later);
    const attestations = this.#attested(found, record.attestations.map(fromWire));
    if (attestations === undefined) return acknowledge(ACK.refused);
    if (!this.#standing.isSigner(attestations[0]?.peerId as string)) return this.#onStranger(() => acknowledge(ACK.later));
    const version: FeedVersion = { ...found, stamp, attestations };
    if (this.#judge(version, again) !== 'store') {
      this.#take(version, undefined, from, again);
      return acknowledge(ACK.held);
    }
    const taken = intake.take({ from, key: this.key, version: found, base: message.base, packed: message.packed }, (body) => {
      this.#pulling = '';
      if (this.#isOver) return;
      if (body !== undefined && isAfter(stamp, this.#have)) this.#take(version, body, from, again);
      acknowledge(body === undefined ? ACK.refused : ACK.held, 0);
    });
    if (taken.kind === 'pulling') this.#pulling = found.hash;
    if (taken.kind === 'body') this.#take(version, taken.body, from, again);
    if (taken.kind === 'false') this.#parts.local.env.emit({ kind: 'message-ignored', type: 'feedPush', why: 'the bytes are not those of the digest' });
    acknowledge({ body: ACK.held, plain: ACK.plain, pulling: ACK.pulling, busy: ACK.later, false: ACK.refused }[taken.kind]);
  }

  /** From the parent, or from a child that knows the end of an epoch that is over. */
  #mayPush(from: Contact, { epoch }: Stamp): boolean {
    if (this.#tree.parent?.peerId === from.peerId) return true;
    return this.#tree.isNear(from.peerId) && epoch < this.#standing.epoch && (this.#have === undefined || this.#have.epoch <= epoch);
  }

  /** Those attestations that are true; undefined when the finder's is not. */
  #attested(found: FoundVersion, attestations: readonly Attestation[]): Attestation[] | undefined {
    const { tools, local } = this.#parts;
    const [first] = attestations;
    const isTrue = attestations.slice(0, ATTESTATIONS_MAX).filter((one) => isAttested(this.key, found, one, tools));
    if (first !== undefined && isTrue[0] === first) return isTrue;
    local.env.emit({ kind: 'message-ignored', type: 'feedPush', why: 'the attestation is false' });
    return undefined;
  }

  /** Signed by nobody who polls, as far as this peer knows. */
  #onStranger(later: () => void): void {
    this.#registration.soon(SOON_MS);
    later();
  }

  #judge(version: FeedVersion, again: boolean): ReturnType<typeof judge> {
    const { shelf } = this.#parts;
    return judge(version, { latest: this.#latest, same: this.#latest?.hash === version.hash ? this.#latest : shelf.find(this.key, version.hash) }, again);
  }

  /** The one place where a version becomes this peer's. `body` is needed only for one that is new here. */
  #take(version: FeedVersion, body: Uint8Array | undefined, from: Contact | undefined, again: boolean): void {
    const { shelf, events } = this.#parts;
    const judgement = this.#judge(version, again);
    this.#have = version.stamp;
    if (judgement === 'store' && body !== undefined) {
      shelf.put(this.key, version, body);
      this.#latest = version;
    } else if (judgement === 'restamp' && this.#latest !== undefined) {
      const kept = body ?? shelf.body(version.hash);
      this.#latest = { ...this.#latest, stamp: version.stamp, attestations: version.attestations };
      if (kept !== undefined) shelf.put(this.key, this.#latest, kept);
    }
    this.#pending.delete(version.hash);
    this.#freshAt = Math.max(this.#freshAt, Math.min(version.fetchedAt, this.#parts.local.env.wallClock()));
    if (judgement === 'store') {
      events.onVersion(this.key, version, from);
      if (from !== undefined) this.#trust.onCame(version);
    }
    this.#sender.wake();
    if (judgement === 'skip') this.#offerOwn();
  }

  // --- versions that are found ---

  #offerLater(delayMs: Millis): void {
    if (this.#isOffering) return;
    this.#isOffering = true;
    this.#parts.alarms.in(delayMs, () => {
      this.#isOffering = false;
      if (this.#isOver) return;
      for (const pending of this.#pending.all()) {
        this.#offer(pending);
        this.#showAlone(pending);
      }
      if (this.#pending.all().length > 0) this.#offerLater(OFFER_MS);
    });
  }

  /** Gives it a number, or asks the lead to. */
  #offer(pending: Pending): void {
    const { local, requests, packing } = this.#parts;
    const { lead } = this.#standing;
    const now = local.env.now();
    if (this.#pending.find(pending.found.hash) !== pending || lead === undefined || pending.isAsking || now < pending.againAt) return;
    if (this.#isLead) {
      const isBack = (): boolean => !this.#hadLately(pending.found) || this.#isBackAt(pending.found, local.contact);
      if (!this.#isSettled(now)) return;
      if (isBack()) this.#number(pending.found, pending.body, [pending.attestation], undefined);
      else this.#pending.delete(pending.found.hash);
      return;
    }
    if (local.isSelf(lead)) return;
    const { found, attestation } = pending;
    const base = pending.isPlain || this.#latest === undefined || this.#latest.hash === found.hash || !isPoolStamp(this.#latest.stamp) ? '' : this.#latest.hash;
    const packed = packing.form(found.hash, base, pending.body);
    pending.isAsking = true;
    requests.ask({
      to: lead, attempts: ATTEMPTS, timeoutMs: local.timeoutTo(undefined) + TRANSFER_MS,
      message: (op) => ({
        type: 'feedFound', op, key: this.key, record: recordOf({ ...found, attestations: [attestation] }), base: bytesOfHex(base),
        packed: packed !== undefined && packed.length <= INLINE_BYTES_MAX ? packed : NO_BYTES,
      }),
      onReply: (reply) => {
        pending.isAsking = false;
        if (reply.type === 'feedStamped') this.#onStamped(pending, reply);
      },
      onSilent: () => {
        pending.isAsking = false;
        this.#registration.soon(0, true);
      },
    });
  }

  #trustSurrounding(): ConstructorParameters<typeof Trust>[2] {
    const isLead = (): boolean => this.#isLead;
    const standing = this.#standing;
    return {
      get isLead() {
        return isLead();
      },
      get subscribers() {
        return standing.subscribers;
      },
      get gapMs() {
        return standing.gapMs;
      },
      neighbours: () => {
        const { parent, children } = this.#tree;
        const { lead } = standing;
        const near = [...children, ...(parent === undefined ? [] : [parent])];
        return lead === undefined || this.#parts.local.isSelf(lead) || near.some(({ peerId }) => peerId === lead.peerId) ? near : [...near, lead];
      },
      onAttested: (version) => {
        if (this.#latest?.hash === version.hash) this.#latest = version;
        this.#parts.shelf.update(this.key, version);
      },
      onFalse: () => undefined,
      compare: () => undefined,
    };
  }

  #onStamped(pending: Pending, { outcome, record, before }: FeedStamped): void {
    const { alarms, local } = this.#parts;
    const again = (delayMs: Millis): void => {
      pending.againAt = local.env.now() + delayMs;
      alarms.in(delayMs, () => this.#isOver || this.#offer(pending));
    };
    if (outcome === STAMPED.pulling) return again(SOON_MS);
    if (outcome === STAMPED.plain && !pending.isPlain) {
      pending.isPlain = true;
      return again(0);
    }
    if (outcome === STAMPED.known) return this.#pending.delete(pending.found.hash);
    if (outcome === STAMPED.notLead) return this.#registration.soon(SOON_MS);
    const found = record === undefined ? undefined : foundOf(record);
    if (outcome !== STAMPED.stamped || found === undefined || found.hash !== pending.found.hash || record?.stamp === undefined || !isPoolStamp(record.stamp)) return;
    const isNext = isAfter(record.stamp, this.#have) && (before === undefined ? this.#have === undefined : this.#have !== undefined && compareStamps(before, this.#have) === 0);
    const attestations = isNext ? this.#attested(found, record.attestations.map(fromWire)) : undefined;
    // What is missing before it comes down the tree, and then this as well.
    if (attestations !== undefined) this.#take({ ...found, stamp: record.stamp, attestations }, pending.body, undefined, false);
    this.#pending.delete(pending.found.hash);
  }

  /** Its own readers need not wait for the pool. */
  #showAlone(pending: Pending): void {
    const { shelf, events, local } = this.#parts;
    if (pending.isShown || local.env.now() - pending.since < ALONE_MS || this.#pending.find(pending.found.hash) !== pending) return;
    pending.isShown = true;
    if (this.#latest !== undefined && this.#latest.fetchedAt > pending.found.fetchedAt) return;
    const version: FeedVersion = { ...pending.found, stamp: nextAlone(this.#latest?.stamp, local.env.wallClock()), attestations: [pending.attestation] };
    shelf.put(this.key, version, pending.body);
    this.#latest = version;
    events.onVersion(this.key, version, undefined);
  }

  /** A poller found something, says so to its lead. */
  #onFound(from: Contact, message: FeedFound): void {
    const { local, intake } = this.#parts;
    const { op, record } = message;
    const reply = (outcome: number, version?: FeedVersion, before?: Stamp): void => local.env.send(from, { type: 'feedStamped', op, outcome, record: version && recordOf(version), before } satisfies FeedStamped);
    const now = local.env.now();
    if (!this.#isLead || !this.#standing.isPoller(from.peerId)) return reply(STAMPED.notLead);
    if (!this.#isSettled(now)) return reply(STAMPED.pulling);
    for (const own of this.#pending.all()) this.#offer(own);
    const found = foundOf(record);
    if (found === undefined || record.attestations[0]?.signer !== from.peerId) return reply(STAMPED.refused);
    const latest = this.#latest;
    if (latest?.hash === found.hash && isPoolStamp(latest.stamp)) return reply(STAMPED.stamped, latest, this.#before(latest));
    if (this.#hadLately(found) && !this.#isBackAt(found, from)) return reply(STAMPED.known);
    const attestations = this.#attested(found, record.attestations.map(fromWire));
    if (attestations === undefined) return reply(STAMPED.refused);
    if (this.#pulling !== '') return reply(STAMPED.pulling);
    const taken = intake.take({ from, key: this.key, version: found, base: message.base, packed: message.packed }, (body) => {
      this.#pulling = '';
      if (body !== undefined && this.#isLead && this.#latest?.hash !== found.hash) this.#number(found, body, attestations, from);
    });
    if (taken.kind === 'pulling') this.#pulling = found.hash;
    if (taken.kind !== 'body') return reply({ plain: STAMPED.plain, pulling: STAMPED.pulling, busy: STAMPED.pulling, false: STAMPED.refused }[taken.kind]);
    const before = this.#have;
    reply(STAMPED.stamped, this.#number(found, taken.body, attestations, from), before);
  }

  /** The lead's word: that is the next version. */
  #number(found: FoundVersion, body: Uint8Array, attestations: Attestation[], from: Contact | undefined): FeedVersion {
    const version: FeedVersion = { ...found, stamp: nextStamp(this.#have, this.#standing.epoch), attestations };
    this.#take(version, body, from, true);
    this.#learnFresh(found.fetchedAt);
    return version;
  }

  /** What those know who come to it counts before its own numbers begin. */
  #isSettled(now: Millis): boolean {
    return this.#standing.epoch === 1 || now >= this.#leadSince + LEAD_SETTLE_MS;
  }

  /** Pollers see the same change one after the other, and origins with several machines go back and forth. */
  #hadLately({ hash }: FoundVersion): boolean {
    const same = this.#parts.shelf.find(this.key, hash);
    if (same === undefined || this.#have === undefined || !isPoolStamp(same.stamp)) return false;
    return same.stamp.epoch === this.#have.epoch && this.#have.seq - same.stamp.seq < LATELY;
  }

  /** Twice in a row, and nobody has seen the latest in between: then it is back there. */
  #isBackAt({ hash, fetchedAt }: FoundVersion, from: Contact): boolean {
    if (this.#revert?.hash !== hash) this.#revert = { hash, reports: new Set() };
    this.#revert.reports.add(`${from.peerId} ${fetchedAt}`);
    return this.#revert.reports.size >= REPORTS_OF_REVERT;
  }

  #before({ stamp }: FeedVersion): Stamp | undefined {
    return stamp.seq > 1 ? { epoch: stamp.epoch, seq: stamp.seq - 1 } : undefined;
  }

  // --- bodies in pieces ---

  #onPull(from: Contact, { op, hash, base, offset }: FeedPull): void {
    const { packing, local } = this.#parts;
    const name = hexOfBytes(hash);
    const isKnown = this.#sender.serves(from.peerId) || from.peerId === this.#standing.lead?.peerId;
    const packed = isKnown ? packing.form(name, hexOfBytes(base), this.#pending.find(name)?.body) : undefined;
    const piece = packed?.subarray(offset, offset + PIECE_BYTES_MAX);
    const isThere = packed !== undefined && piece !== undefined && piece.length > 0;
    local.env.send(from, { type: 'feedPiece', op, known: isThere, total: isThere ? packed.length : 0, piece: isThere ? piece : NO_BYTES });
  }
}
