/**
 * One feed of one peer in the pool: its parts, and the table that says which part handles what.
 *
 * The register says who polls (registration.ts, standing.ts); the tree says who sends to whom (tree-link.ts). What this peer finds goes to the lead
 * (finding.ts, numbering.ts), what the lead numbered goes to the children (sender.ts), and every version is compared with what is here (holding.ts).
 * Who may be believed is trust.ts. docs/decisions/0054-relay-of-feeds.md.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Lagover } from '../lagover/agent/lagover.ts';
import type { Local } from '../local.ts';
import type { Alarms } from '../overlay/alarms.ts';
import type { Requests } from '../requests.ts';
import type { FeedAck, FeedAsk, FeedFresh, FeedHeld, FeedHold, FeedInput, FeedPull, FeedPush, FeedRegistered } from '../wire/feed-messages.ts';
import { ACK } from '../wire/feed-messages.ts';
import { isAttested } from './attestation.ts';
import { ATTEMPTS, FANOUT, LATER_MS, LEAD_SETTLE_MS, PIECE_BYTES_MAX, SOON_MS } from './bounds.ts';
import type { Attestation, FeedEvents, FeedPoolStatus, FeedShelf, FeedTerms, FeedTools, FeedVersion, FoundVersion, Stamp } from './feed.ts';
import { ATTESTATIONS_MAX, compareStamps } from './feed.ts';
import { SharedEdge } from './edges.ts';
import { Finding } from './finding.ts';
import { Hearing } from './hearing.ts';
import { Holding } from './holding.ts';
import type { Intake } from './intake.ts';
import { Numbering } from './numbering.ts';
import { isAfter, isPoolStamp, poolStamp } from './order.ts';
import type { Packing } from './packing.ts';
import { bytesOfHex, foundOf, fromWire, hexOfBytes, NO_BYTES } from './record.ts';
import type { RegistrationParts } from './registration.ts';
import { Registration } from './registration.ts';
import { Sender } from './sender.ts';
import { FeedStanding } from './standing.ts';
import { Strangers } from './strangers.ts';
import type { TreeWish } from './tree-link.ts';
import { TreeLink } from './tree-link.ts';
import { Trust } from './trust.ts';

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
  /** There is an edge already: on the ring, or in another tree. */
  isConnected(peerId: string): boolean;
}

/** How often the lead looks who of the pollers was heard. */
const POLLERS_WATCH_MS = 20_000;
/** Of the pool, without a word from the parent. */
const SILENT_TURNS = 2;

export class Member {
  readonly key: Position;
  readonly #parts: MemberParts;
  readonly #standing = new FeedStanding();
  readonly #holding: Holding;
  readonly #registration: Registration;
  readonly #tree: TreeLink;
  readonly #sender: Sender;
  readonly #finding: Finding;
  readonly #numbering: Numbering;
  readonly #trust: Trust;
  readonly #hearing = new Hearing();
  readonly #strangers: Strangers;
  readonly edge: SharedEdge;
  readonly #isNewcomer: boolean;
  #terms: FeedTerms;
  /** Digest of the body that is being pulled. */
  #pulling = '';
  #roleTold = '';
  #freshTold = 0;
  /** Signers that the register was told of last. */
  #unnamedTold = '';
  /** The last version that somebody who does not poll has audited, as the lead knows it. */
  #auditedHash = '';
  /** When the parent last sent something of the feed, and the alarm that looks at it. */
  #heardParentAt: Millis = 0;
  #parentWatch: number | undefined;
  #pollersWatch: number | undefined;
  #isOver = false;

  constructor(terms: FeedTerms, parts: MemberParts) {
    const { key } = terms;
    const { local, shelf, events } = parts;
    this.key = key;
    this.#terms = terms;
    this.#parts = parts;
    this.#holding = new Holding(key, { shelf, events, wallClock: () => local.env.wallClock() });
    const holding = this.#holding;
    this.#isNewcomer = holding.have === undefined;
    this.#sender = new Sender(key, parts, { latest: () => holding.latest, isNear: (peerId) => this.#tree.isNear(peerId), onSilent: (peerId) => this.#onSilent(peerId) });
    this.#tree = new TreeLink(key, parts, {
      onParent: (parent) => this.#onParent(parent),
      onLost: () => this.#registration.soon(local.env.random.unit() * SOON_MS, true),
      onParentGone: (peerId) => this.#onSilent(peerId),
      sample: () => this.#standing.takeSample((peerId) => parts.isConnected(peerId)),
    });
    this.edge = new SharedEdge(this.#tree, () => local.env.now(), () => this.#standing.others);
    const attested = (found: FoundVersion, attestations: readonly Attestation[]): Attestation[] | undefined => this.#attested(found, attestations);
    this.#numbering = new Numbering(key, {
      local, intake: parts.intake, holding, standing: this.#standing, attested, isLead: () => this.#isLead, offerOwn: () => this.#finding.offerAll(),
      take: (version, body, from) => this.#take(version, body, from, true),
    });
    this.#finding = new Finding(key, {
      ...parts, holding, attested, lead: () => this.#standing.lead, isOver: () => this.#isOver,
      numberOwn: ({ found, body, attestation }) => {
        if (!this.#isLead || !this.#numbering.isSettled) return false;
        this.#numbering.numberOwn(found, body, attestation);
        return true;
      },
      take: (version, body) => this.#take(version, body, undefined, false),
      onNumbered: (version) => this.#trust.onNumbered(version),
      doubtLead: (isSilent) => this.#registration.soon(isSilent ? 0 : SOON_MS, isSilent),
    });
    this.#trust = new Trust(key, parts, {
      isLead: () => this.#isLead, slot: () => (this.#holdsSlot ? this.#standing.slot : -1), leadId: () => this.#standing.lead?.peerId ?? '', subscribers: () => this.#standing.subscribers, gapMs: () => this.#standing.gapMs,
      neighbours: () => this.#neighbours(), others: () => this.#standing.others, under: (stamp) => holding.under(stamp), askLead: (stamp, onHash) => this.#askLead(stamp, onHash),
      onAttested: (version) => holding.attest(version),
      onSeenBy: (version, attestation) => this.#onAudited(version, attestation),
      onFalse: (version) => this.#onFalse(version),
      compare: (seen, body) => this.#finding.add(seen, body, true),
    });
    this.#strangers = new Strangers({
      local, holding, standing: this.#standing, tree: this.#tree,
      askRegister: () => this.#registration.soon(0),
      askLead: (stamp, onHash) => this.#askLead(stamp, onHash),
      askParent: () => this.#askParent(),
      askParentLater: () => this.#askLater(),
      audit: (version, at) => this.#trust.audit(version, at),
    });
    this.#registration = new Registration(key, parts.registration, {
      state: () => ({
        maxStalenessMs: this.#terms.maxStalenessMs, canPoll: this.#terms.canPoll, floorMs: this.#terms.floorMs, epoch: Math.max(this.#standing.epoch, holding.have?.epoch ?? 0),
        lead: this.#standing.lead, slot: this.#holdsSlot ? this.#standing.slot + 1 : 0, liars: this.#trust.liars,
        signers: this.#isLead ? this.#believed(this.#standing.unnamed) : [], silent: this.#sayWhoIsSilent(),
        strictestMs: this.#holdsSlot ? this.#standing.strictestMs : 0, subscribers: this.#holdsSlot ? this.#standing.subscribers : 0,
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
    const [offered, offers] = [before.fanout ?? FANOUT, terms.fanout ?? FANOUT];
    // Whoever offers less must not keep whom it has; more can be offered as it stands.
    if (offers < offered || before.maxStalenessMs !== terms.maxStalenessMs) this.#tree.rejoin(this.#treeTerms);
    else if (offers > offered) this.#tree.offer(offers);
  }

  leave(): void {
    this.#isOver = true;
    this.#registration.end();
    this.#tree.leave();
    this.#sender.keepOnly(() => false);
  }

  found(version: FoundVersion, body: Uint8Array): void {
    this.#strangers.onSeen(version.hash);
    this.#trust.onSeen(version, body);
    if (this.#holding.latest?.hash === version.hash) this.confirmed(version.hash, version.fetchedAt);
    else this.#finding.add(version, body);
  }

  confirmed(hash: string, checkedAt: number): void {
    const { latest } = this.#holding;
    if (latest?.hash !== hash) return this.#confirmedOther(hash, checkedAt);
    this.#trust.onSeen(latest, undefined);
    const own = this.#isLead ? this.#holding.unnumberedIn(this.#standing.epoch) : undefined;
    if (!isPoolStamp(latest.stamp) || own !== undefined) return this.#finding.addOwn(checkedAt, own);
    if (this.#isLead) {
      this.#numbering.onConfirmed();
      return this.#learnFresh(checkedAt);
    }
    this.#holding.learnFresh(checkedAt);
    const { lead } = this.#standing;
    if (lead !== undefined && !this.#parts.local.isSelf(lead)) this.#parts.local.env.send(lead, { type: 'feedFresh', key: this.key, stamp: latest.stamp, freshAt: checkedAt });
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
      delayMs: this.#tree.delayMs, freshAt: this.#holding.freshAt,
    };
  }

  /** Whether it holds a slot of that epoch. */
  holds(epoch: number): boolean {
    return this.#holdsSlot && this.#standing.epoch >= epoch;
  }

  // --- messages ---

  onMessage(from: Contact, message: FeedInput): void {
    const { env } = this.#parts.local;
    this.#hearing.hear(from.peerId, env.now());
    if (from.peerId === this.#tree.parent?.peerId && (message.type === 'feedPush' || message.type === 'feedFresh')) this.#heardParentAt = env.now();
    switch (message.type) {
      case 'feedRegistered': return this.#registration.onNews(from, message);
      case 'feedHold': {
        if (this.#holdsSlot) this.#registration.onAsked(from);
        return env.send(from, { type: 'feedHeld', op: message.op, ...this.#heldFor(message) });
      }
      case 'feedFound': return this.#numbering.onFound(from, message);
      case 'feedPush': return this.#onPush(from, message);
      case 'feedAck': return this.#sender.onAck(from, message);
      case 'feedFresh': return this.#onFresh(from, message);
      case 'feedAsk': return this.#onAsk(from, message);
      case 'feedPull': return this.#onPull(from, message);
      case 'feedWitness': return this.#trust.onWitness(from, message);
      case 'feedNews': {
        // Everybody hears of a new lead at about the same time; the lead also says when the register does not know a poller any more.
        const isMissed = message.epoch === this.#standing.epoch && from.peerId === this.#standing.lead?.peerId;
        if (message.epoch > this.#standing.epoch || isMissed) this.#registration.soon(env.random.unit() * SOON_MS);
      }
    }
  }

  /** From the register that this peer keeps. */
  onRegistered(answer: FeedRegistered): void {
    this.#registration.onNews(this.#parts.local.contact, answer);
  }

  onPeerUnreachable({ peerId }: Contact): void {
    const { local } = this.#parts;
    this.#registration.onUnreachable(peerId);
    if (peerId === this.#standing.lead?.peerId) this.#registration.soon(local.env.random.unit() * SOON_MS, true);
    else this.#onSilent(peerId);
  }

  // --- who polls ---

  get #holdsSlot(): boolean {
    return this.#standing.slot >= 0 && !this.#standing.isLapsed(this.#parts.local.env.now());
  }

  get #isLead(): boolean {
    return this.#standing.slot === 0 && this.#holdsSlot;
  }

  get #treeTerms(): TreeWish {
    return { fanout: this.#terms.fanout ?? FANOUT, staleMs: this.#terms.maxStalenessMs - this.#standing.gapMs, isNewcomer: this.#isNewcomer };
  }

  #onRegistered(answer: FeedRegistered, askedAt: Millis): void {
    if (this.#isOver) return;
    const { local, alarms } = this.#parts;
    const now = local.env.now();
    const { lead: leadBefore, epoch: epochBefore, pollers: pollersBefore } = this.#standing;
    this.#standing.learn(answer, local.contact, askedAt, now);
    const { lead, epoch } = this.#standing;
    this.#hearing.onSaid();
    if (this.#isLead && epoch === epochBefore) this.#tellMissed(pollersBefore);
    if (this.#isLead) this.#watchPollers();
    this.#nameSigners();
    const isNew = lead !== undefined && (epoch !== epochBefore || lead.peerId !== leadBefore?.peerId);
    if (isNew) {
      this.edge.begin();
      this.#tellNews(epoch);
      this.#numbering.begin(local.isSelf(lead));
      this.#tree.join(lead, epoch, this.#treeTerms);
      this.#sender.keepOnly(() => false);
    }
    // Whoever finds versions itself was never lied to, and those below it would stay where one that lies may begin anew.
    if (answer.banned.includes(this.#tree.parent?.peerId ?? '')) this.#tree.distrustParent();
    if (this.#standing.slot >= 0) alarms.in(answer.leaseMs, () => this.#onLease());
    this.#tellRole();
    if (this.#isLead && this.#holding.alone !== undefined) this.#finding.addOwn(this.#holding.alone.fetchedAt);
    this.#strangers.takeIfKnown();
    this.#finding.offerAll();
    if (isNew && this.#isLead) this.#finding.offerLater(LEAD_SETTLE_MS);
  }

  /** A register that is new knows few of those who signed what is on the shelves; it takes them over from the lead. */
  #nameSigners(): void {
    const unnamed = this.#isLead && this.#standing.isRoomToName ? this.#believed(this.#standing.unnamed).join() : '';
    if (unnamed !== '' && unnamed !== this.#unnamedTold) this.#registration.soon(0);
    this.#unnamedTold = unnamed;
  }

  #believed(signers: readonly string[]): string[] {
    return signers.filter((peerId) => !this.#trust.isLiar(peerId));
  }

  /** Does its lead, or any poller, still hold its slot? */
  #heldFor({ any, epoch }: FeedHold): Omit<FeedHeld, 'type' | 'op'> {
    const isLead = this.#isLead && this.#standing.epoch >= epoch;
    return { holds: any ? this.#holdsSlot : isLead, epoch: this.#standing.epoch, signers: isLead ? this.#believed(this.#standing.signers) : [] };
  }

  /** The lead misses those whose turns stay empty, and says so at once. */
  #watchPollers(): void {
    const { alarms, local } = this.#parts;
    this.#pollersWatch ??= alarms.in(POLLERS_WATCH_MS, () => {
      this.#pollersWatch = undefined;
      if (this.#isOver || !this.#isLead) return;
      const { pollers, intervalMs } = this.#standing;
      if (this.#hearing.watch(pollers.map(({ peerId }) => peerId).filter((peerId) => peerId !== local.contact.peerId), intervalMs, local.env.now())) this.#registration.soon(0);
      this.#watchPollers();
    });
  }

  #sayWhoIsSilent(): string[] {
    return this.#hearing.say((peerId) => this.#standing.isPoller(peerId));
  }

  /** A neighbour in the tree is gone, or does not take what it is sent. */
  #onSilent(peerId: string): void {
    if (!this.#standing.isPoller(peerId)) return;
    this.#hearing.miss(peerId);
    this.#registration.soon(this.#parts.local.env.random.unit() * SOON_MS);
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
    const { parent, children } = this.#tree;
    for (const peer of parent === undefined ? children : [...children, parent]) env.send(peer, { type: 'feedNews', key: this.key, epoch });
  }

  /** A register that is new knows who came to it. Pollers come seldom, and until then nobody believes what they signed. */
  #tellMissed(before: readonly Contact[]): void {
    for (const peer of before) {
      if (!this.#standing.isPoller(peer.peerId)) this.#parts.local.env.send(peer, { type: 'feedNews', key: this.key, epoch: this.#standing.epoch });
    }
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
    this.#heardParentAt = this.#parts.local.env.now();
    this.#watchParent();
    this.#tellRole();
  }

  /** A parent that found this peer silent for a moment serves it no more, though it keeps its place: whoever hears nothing for two turns says again what it has. */
  #watchParent(): void {
    const { alarms, local } = this.#parts;
    if (this.#parentWatch !== undefined) return;
    this.#parentWatch = alarms.in(SILENT_TURNS * this.#standing.gapMs + LATER_MS, () => {
      this.#parentWatch = undefined;
      const { parent } = this.#tree;
      if (this.#isOver || parent === undefined) return;
      if (local.env.now() - this.#heardParentAt >= SILENT_TURNS * this.#standing.gapMs) this.#ask(parent);
      this.#watchParent();
    });
  }

  /** Tells that peer what is here; what is missing comes, or is asked for. */
  #ask(peer: Contact): void {
    const { requests, local, alarms } = this.#parts;
    const holding = this.#holding;
    const again = (): void => void alarms.in(LATER_MS, () => {
      if (!this.#isOver && this.#tree.parent?.peerId === peer.peerId) this.#ask(peer);
    });
    requests.ask({
      to: peer, attempts: ATTEMPTS, timeoutMs: local.timeoutTo(undefined),
      message: (op) => ({ type: 'feedAsk', op, key: this.key, have: holding.have, hash: holding.base }),
      onReply: (reply) => {
        if (reply.type !== 'feedAnswer' || !reply.serves) return again();
        if (reply.latest !== undefined && holding.have !== undefined && compareStamps(reply.latest, holding.have) === 0) this.#learnFresh(reply.freshAt);
      },
      onSilent: again,
    });
  }

  #onAsk(from: Contact, { op, have, hash }: FeedAsk): void {
    const { local } = this.#parts;
    const holding = this.#holding;
    const serves = this.#tree.isNear(from.peerId);
    const known = poolStamp(have);
    const named = known === undefined ? undefined : holding.under(known);
    local.env.send(from, { type: 'feedAnswer', op, serves, latest: holding.have, freshAt: holding.freshAt, hash: named === undefined ? NO_BYTES : bytesOfHex(named.hash) });
    if (!serves) return;
    this.#sender.serve(from, known, hash);
    // It knows more than we do, of an epoch that is over: its last versions may have reached only a few.
    if (known !== undefined && isAfter(known, holding.have) && known.epoch < this.#standing.epoch) this.#ask(from);
  }

  #onFresh(from: Contact, { stamp, freshAt }: FeedFresh): void {
    const { have } = this.#holding;
    const isSame = have !== undefined && compareStamps(stamp, have) === 0;
    if (this.#isLead) {
      if (!isSame || !this.#standing.isPoller(from.peerId)) return;
      this.#numbering.onConfirmed();
      const own = this.#holding.unnumberedIn(this.#standing.epoch);
      if (own !== undefined) this.#finding.addOwn(freshAt, own);
      return this.#learnFresh(freshAt);
    }
    if (this.#tree.parent?.peerId !== from.peerId) return;
    if (isSame) return this.#learnFresh(freshAt);
    if (!isAfter(stamp, have) || this.#pulling !== '') return;
    this.#parts.alarms.in(LATER_MS, () => {
      if (!this.#isOver && isAfter(stamp, this.#holding.have) && this.#pulling === '' && this.#tree.parent?.peerId === from.peerId) this.#ask(from);
    });
  }

  /** Goes down the tree, so that everybody knows how old its news are. */
  #learnFresh(at: number): void {
    this.#holding.learnFresh(at);
    const { have } = this.#holding;
    // A poller knows what it saw itself, and its children do not until the lead's word comes back.
    const freshAt = Math.min(at, this.#holding.freshAt);
    if (have === undefined || freshAt <= this.#freshTold) return;
    this.#freshTold = freshAt;
    for (const child of this.#sender.contacts()) this.#parts.local.env.send(child, { type: 'feedFresh', key: this.key, stamp: have, freshAt });
  }

  #neighbours(): readonly Contact[] {
    const { parent, children } = this.#tree;
    const { lead } = this.#standing;
    const near = parent === undefined ? children : [...children, parent];
    return lead === undefined || this.#parts.local.isSelf(lead) || near.some(({ peerId }) => peerId === lead.peerId) ? near : [...near, lead];
  }

  // --- versions that come ---

  #onPush(from: Contact, message: FeedPush): void {
    const { local, intake } = this.#parts;
    const holding = this.#holding;
    const { op, record, again } = message;
    const acknowledge = (outcome: number, number = op): void => local.env.send(from, { type: 'feedAck', op: number, key: this.key, hash: record.hash, outcome, have: holding.have } satisfies FeedAck);
    const found = foundOf(record);
    const { stamp } = record;
    if (found === undefined || stamp === undefined || !isPoolStamp(stamp) || !this.#mayPush(from, stamp)) return acknowledge(ACK.refused);
    if (!isAfter(stamp, holding.have)) return acknowledge(ACK.held);
    if (this.#pulling !== '') return acknowledge(ACK.later);
    const attestations = this.#attested(found, record.attestations.map(fromWire));
    const version: FeedVersion = { ...found, stamp, attestations: attestations ?? [] };
    if (attestations === undefined || this.#trust.isDoubtful(version)) {
      acknowledge(attestations === undefined ? ACK.refused : ACK.later);
      // One that passes on what others signed may have been lied to.
      if (attestations === undefined || this.#trust.isLiar(from.peerId)) this.#tree.distrustParent();
      return;
    }
    if (!this.#standing.isSigner(attestations[0]?.peerId as string)) return acknowledge(this.#strangers.onPush(from, version));
    if (holding.judge(version, again) !== 'store') {
      this.#take(version, undefined, from, again);
      return acknowledge(ACK.held);
    }
    const taken = intake.take({ from, key: this.key, version: found, base: message.base, packed: message.packed }, (body) => {
      this.#pulling = '';
      if (this.#isOver) return;
      if (body !== undefined && isAfter(stamp, holding.have)) this.#take(version, body, from, again);
      acknowledge(body === undefined ? ACK.refused : ACK.held, 0);
    });
    if (taken.kind === 'pulling') this.#pulling = found.hash;
    if (taken.kind === 'body') this.#take(version, taken.body, from, again);
    if (taken.kind === 'false') local.env.emit({ kind: 'message-ignored', type: 'feedPush', why: 'the bytes are not those of the digest' });
    acknowledge({ body: ACK.held, plain: ACK.plain, pulling: ACK.pulling, busy: ACK.later, false: ACK.refused }[taken.kind]);
  }

  /** From the parent, or from a child that knows the end of an epoch that is over. */
  #mayPush(from: Contact, { epoch }: Stamp): boolean {
    if (this.#tree.parent?.peerId === from.peerId) return true;
    const { have } = this.#holding;
    return this.#tree.isNear(from.peerId) && epoch < this.#standing.epoch && (have === undefined || have.epoch <= epoch);
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

  #take(version: FeedVersion, body: Uint8Array | undefined, from: Contact | undefined, again: boolean): void {
    const judgement = this.#holding.take(version, body, from, again);
    this.#finding.forget(version.hash);
    if (judgement === 'store' && from !== undefined) this.#trust.onCame(version);
    this.#sender.wake();
    // From a child, which knows the end of an epoch that is over: the lead has to hear of it too.
    if (from !== undefined && from.peerId !== this.#tree.parent?.peerId) this.#askLater();
    const { alone } = this.#holding;
    if (judgement === 'skip' && alone !== undefined && (this.#holdsSlot || !isPoolStamp(alone.stamp))) this.#finding.addOwn(alone.fetchedAt);
  }

  /** An auditor that does not poll asked instead of whoever has the next turn. Once for a version, or liars could keep the pool from asking. */
  #onAudited({ hash }: FeedVersion, { peerId, at }: Attestation): void {
    if (!this.#isLead || this.#standing.isPoller(peerId) || this.#holding.latest?.hash !== hash || this.#auditedHash === hash) return;
    this.#auditedHash = hash;
    this.#learnFresh(Math.min(at, this.#parts.local.env.wallClock()));
  }

  /** What was taken is false: whoever signed it is left, and the true version is asked for. */
  #onFalse(version: FeedVersion): void {
    const { have } = this.#holding;
    if (have !== undefined && compareStamps(version.stamp, have) <= 0 && isPoolStamp(version.stamp)) this.#holding.goBackBefore(version);
    this.#registration.soon(SOON_MS);
    if (this.#trust.isLiar(this.#tree.parent?.peerId ?? '')) this.#tree.distrustParent();
    else this.#askLater();
  }

  #askParent(): void {
    const { parent } = this.#tree;
    if (!this.#isOver && parent !== undefined) this.#ask(parent);
  }

  #askLater(): void {
    this.#parts.alarms.in(LATER_MS, () => this.#askParent());
  }

  /** What the lead has under that number. */
  #askLead(stamp: Stamp, onHash: (hash: string) => void): void {
    const { requests, local } = this.#parts;
    const { lead } = this.#standing;
    if (lead === undefined || local.isSelf(lead)) return;
    requests.ask({
      to: lead, attempts: ATTEMPTS, timeoutMs: local.timeoutTo(undefined),
      message: (op) => ({ type: 'feedAsk', op, key: this.key, have: stamp, hash: NO_BYTES }),
      onReply: (reply) => {
        if (reply.type === 'feedAnswer' && reply.hash.length > 0) onHash(hexOfBytes(reply.hash));
      },
      onSilent: () => undefined,
    });
  }

  // --- bodies in pieces ---

  #onPull(from: Contact, { op, hash, base, offset }: FeedPull): void {
    const { packing, local } = this.#parts;
    const name = hexOfBytes(hash);
    const isKnown = this.#sender.serves(from.peerId) || from.peerId === this.#standing.lead?.peerId;
    const packed = isKnown ? packing.form(name, hexOfBytes(base), this.#finding.body(name)) : undefined;
    const piece = packed?.subarray(offset, offset + PIECE_BYTES_MAX);
    const isThere = packed !== undefined && piece !== undefined && piece.length > 0;
    local.env.send(from, { type: 'feedPiece', op, known: isThere, total: isThere ? packed.length : 0, piece: isThere ? piece : NO_BYTES });
  }
}
