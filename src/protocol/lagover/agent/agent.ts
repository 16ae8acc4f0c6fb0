/**
 * One peer in one latency-graded tree: its parts, and the table that says which part handles what.
 *
 * A peer floats (seeker.ts goes from meeting to meeting) or stands below a parent (uplink.ts). As a parent it alone says who
 * holds its slots (slots.ts); as one that is met it decides by the same pure rules as the runs in rounds (decision.ts), and a
 * decision that moves several peers is a plan (coordinator.ts, party.ts). The source is an agent too: it never floats.
 * docs/decisions/0021-lagover-agent.md says why it is done this way.
 */
import { assert } from '../../../core/assert.ts';
import type { Contact } from '../../../core/contact.ts';
import { samePeer } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { LagAnswer, LagClaim, LagInput, LagLock, LagMeet, LagMember, LagPath, LagRelease, LagReport, LagWay } from '../../wire/lagover-messages.ts';
import { OUTCOME } from '../../wire/lagover-messages.ts';
import { ALGORITHMS } from '../algorithm.ts';
import { decideToLeave } from '../maintenance.ts';
import { Audit } from './audit.ts';
import type { Context, Tally } from './context.ts';
import { Coordinator } from './coordinator.ts';
import type { Place } from './decision.ts';
import { decideAt, promise } from './decision.ts';
import { orphanContacts, turnedOutContacts } from './orphans.ts';
import type { PeerOracle } from './oracle.ts';
import { Outlook } from './outlook.ts';
import { PlanParty } from './party.ts';
import { isOnPath, isSamePath, isSameWay, pathFault } from './path.ts';
import type { Step } from './plan.ts';
import { stepOf } from './plan.ts';
import type { Reference } from './seeker.ts';
import { Seeker } from './seeker.ts';
import type { Child } from './slots.ts';
import { Slots } from './slots.ts';
import type { Tree } from './tree.ts';
import { ATTEMPTS, hopOf, PATH_MAX, WAITING_MAX } from './tree.ts';
import type { Grant, LossReason, Parent } from './uplink.ts';
import { Uplink } from './uplink.ts';

/** A claim without a plan is for a free slot. */
const NO_PLAN = 0;

/** Waits until the slot of a lost child is free, or until the plan lets it in. */
interface Waiting {
  readonly from: Contact;
  readonly meet: LagMeet | LagClaim;
  readonly until: Millis;
}

type Answer = Partial<Omit<LagAnswer, 'type' | 'tree'>> & Pick<LagAnswer, 'outcome' | 'link'>;

export class Agent {
  readonly #context: Context;
  readonly #slots = new Slots();
  readonly #uplink: Uplink;
  readonly #outlook: Outlook;
  readonly #seeker: Seeker;
  readonly #party: PlanParty;
  readonly #coordinator: Coordinator;
  readonly #audit: Audit;
  readonly #waiting = new Map<string, Waiting>();
  /** A returned peer may have granted slots in its former life: it grants none before those leases have ended. */
  readonly #grantsFrom: Millis;
  #beatAt: Millis = 0;
  #lateBeats = 0;
  #stamp = 0;
  /** What children are told, and its version. */
  #told: LagPath | undefined;
  #toldVersion = 0;

  constructor(context: Context, oracle: PeerOracle) {
    this.#context = context;
    const now = context.now();
    this.#grantsFrom = grantsFrom(context);
    this.#beatAt = now;
    this.#uplink = new Uplink(context, {
      report: () => ({ ...this.#outlook.introduction(), ...this.#outlook.counts() }),
      onPath: (before) => this.#onPath(before),
      onLost: (parent, why) => this.#onLost(parent, why),
    });
    this.#outlook = new Outlook(context, this.#slots, { parent: () => this.#uplink.parent, reserved: () => this.#party.reserved, grantsFrom: this.#grantsFrom });
    const introduce = (): { self: LagMember; children: LagMember[] } => this.#outlook.introduction();
    const giveBack = (peer: Contact, link: number): void => this.#giveBack(peer, link);
    const onGranted = (grant: Grant): void => this.#onGranted(grant);
    this.#seeker = new Seeker(context, oracle, { introduce, giveBack, onGranted, isBound: () => this.#party.isBound, canMeet: (peer) => !context.local.isSelf(peer) && this.#slots.find(peer.peerId) === undefined });
    this.#party = new PlanParty(context, this.#slots, {
      introduce, giveBack, onGranted: (grant) => this.#attach(grant),
      parentId: () => this.#uplink.parent?.contact.peerId ?? '',
      leaveParent: () => this.#leaveParent(),
      onTurnedOut: (by) => this.#float(turnedOutContacts(by)),
      onChange: () => this.#serveWaiting(),
      onUnlocked: () => this.#onUnlocked(),
    });
    this.#coordinator = new Coordinator(context, this.#party, this.#slots);
    this.#audit = new Audit(context, (parent) => this.#uplink.distrust(parent));
    this.#tellChildren();
    if (!context.isSource) this.#seeker.start([]);
  }

  // --- getters ---

  get tree(): Tree {
    return this.#context.tree;
  }

  get tally(): Tally {
    return this.#context.tally;
  }

  /** Whom it holds to be its parent, as long as the lease of the slot lasts. */
  get parent(): Contact | undefined {
    const parent = this.#uplink.parent;
    return parent !== undefined && parent.leaseUntil > this.#context.now() ? parent.contact : undefined;
  }

  get isRooted(): boolean {
    return this.#outlook.isRooted;
  }

  get delay(): number {
    return this.#outlook.delay;
  }

  /** Links between this peer and the source; 0 for the source, and while there is no way to it. */
  get depth(): number {
    return this.#uplink.parent?.path?.steps.length ?? 0;
  }

  /** From the parent to the source, or whoever floats above it. */
  get ancestors(): readonly Contact[] {
    return (this.#uplink.parent?.path.steps ?? []).map(({ contact }) => contact);
  }

  /** Whether it knows that it stands below that peer. */
  isBelow(peer: Contact): boolean {
    return isOnPath(this.#uplink.parent?.path, peer.peerId);
  }

  /** Slots that somebody could be granted now. */
  get openSlots(): number {
    return this.#outlook.openSlots;
  }

  get children(): readonly Contact[] {
    return this.#slots.all().map(({ contact }) => contact);
  }

  nextDueAt(): Millis {
    let next = Math.min(this.#beatAt, this.#uplink.nextDueAt(), this.#seeker.nextDueAt(), this.#party.nextDueAt(), this.#slots.nextExpiry());
    for (const { until } of this.#waiting.values()) if (until < next) next = until;
    return next;
  }

  // --- inputs ---

  onMessage(from: Contact, message: LagInput): void {
    switch (message.type) {
      case 'lagMeet': return this.#onMeet(from, message);
      case 'lagClaim': return this.#onClaim(from, message);
      case 'lagAnswer': return this.#onLateAnswer(from, message);
      case 'lagLock': return this.#onLock(from, message);
      case 'lagUnlock': return this.#party.unlock(from, message.plan);
      case 'lagMove': {
        this.#context.local.env.send(from, { type: 'lagAck', op: message.op });
        return this.#party.onMove(from, message);
      }
      case 'lagRelease': return this.#onRelease(from, message);
      case 'lagReport': return this.#onReport(from, message);
      case 'lagWay': return this.#onWay(from, message);
      case 'lagAudit': {
        const isTrue = this.#slots.find(message.child) !== undefined && this.delay <= message.delay + (this.#context.tree.unit === 'hops' ? 0 : this.#context.tree.hop);
        return this.#context.local.env.send(from, { type: 'lagNamed', op: message.op, suits: isTrue, next: undefined });
      }
      case 'lagBye': {
        const parent = this.#uplink.parent;
        if (parent?.link === message.link && samePeer(parent.contact, from)) this.#onLost(this.#uplink.detach() as Parent, 'left');
      }
    }
  }

  onTimer(now: Millis): void {
    const gone = this.#slots.expire(now);
    for (const peerId of gone) this.#party.left(peerId);
    if (gone.length > 0) this.#onChildrenChanged();
    for (const [peerId, { from, meet, until }] of this.#waiting) {
      if (until > now) continue;
      this.#waiting.delete(peerId);
      this.#answer(from, { outcome: OUTCOME.refused, link: meet.link });
    }
    this.#uplink.onTimer(now);
    this.#party.onTimer(now);
    this.#seeker.onTimer(now);
    if (this.#beatAt <= now) this.#beat(now);
  }

  onPeerUnreachable(peer: Contact): void {
    this.#uplink.doubt(peer);
  }

  /** Has more slots from now on. */
  offer(fanout: number): void {
    assert(fanout >= this.#context.terms.fanout, 'slots are not taken away from children');
    this.#context.terms = { ...this.#context.terms, fanout };
    this.#onChildrenChanged();
  }

  /** The parent was found lying about what it passes on: it is left, and avoided for long. */
  distrustParent(): void {
    const { parent } = this.#uplink;
    if (parent !== undefined) this.#uplink.distrust(parent);
  }

  /** Has a place, and would rather stand below that peer: goes there if it has room, and otherwise nothing happens. */
  moveTo(to: Contact, onDone: (isThere: boolean) => void): void {
    const { requests, tree } = this.#context;
    if (!this.#mayMove || this.#slots.find(to.peerId) !== undefined || this.#context.isAvoided(to)) return onDone(false);
    const link = this.#context.nextLink();
    const askedAt = this.#context.now();
    const { self, children } = this.#outlook.introduction();
    requests.ask({
      to, attempts: 1, timeoutMs: this.#context.timeoutTo(to),
      message: (op) => ({ type: 'lagClaim', op, tree: tree.id, link, self, children, plan: NO_PLAN }),
      onReply: (reply, rttMs, from) => {
        this.#context.learnRtt(to, rttMs);
        if (reply.type !== 'lagAnswer' || reply.outcome !== OUTCOME.granted || reply.path === undefined) return onDone(false);
        const { path, version, stamp } = reply;
        const isInTime = path.rooted && (path.steps[0]?.delay ?? 0) + this.#context.hopTo(from) <= this.#outlook.self().limit;
        if (!this.#mayMove || !isInTime) this.#release(from, link);
        else this.#attach({ contact: from, link, path, pathVersion: version, stamp, askedAt });
        onDone(this.#uplink.parent?.link === link);
      },
      onSilent: () => {
        this.#release(to, link);
        onDone(false);
      },
    });
  }

  get #mayMove(): boolean {
    return this.#uplink.parent !== undefined && this.isRooted && !this.#party.isLocked && this.#seeker.isResting;
  }

  /** Says goodbye: the children know whom to turn to, and the parent has a free slot. */
  leave(): void {
    this.#coordinator.stop();
    this.#seeker.stop();
    for (const { contact, link } of this.#slots.all()) this.#context.local.env.send(contact, { type: 'lagBye', tree: this.#context.tree.id, link });
    const parent = this.#uplink.detach();
    if (parent !== undefined) this.#release(parent.contact, parent.link);
  }

  // --- being met ---

  #onMeet(from: Contact, meet: LagMeet): void {
    const { op, link } = meet;
    const reply = (answer: Omit<Answer, 'link'>): void => this.#answer(from, { op, link, ...answer });
    const child = this.#slots.find(from.peerId);
    if (child !== undefined && child.link > link) return;
    if (child?.link === link) return reply(this.#grantFor(child));
    // It goes from place to place: what it held here it does not claim any more.
    if (child !== undefined) this.#remove(from.peerId);
    if (this.#coordinator.isPlanningFor(from.peerId)) return reply({ outcome: OUTCOME.wait });
    if (isOnPath(this.#uplink.parent?.path, from.peerId)) return reply({ outcome: OUTCOME.ask });
    const lost = this.#slots.find(meet.lost);
    if (lost !== undefined && this.#canTake(meet)) return reply(this.#tryGrant(from, meet));
    const isFreeSoon = lost !== undefined && lost.leaseUntil - this.#context.now() <= this.#context.tree.lockMs;
    if (isFreeSoon || this.#waiting.get(from.peerId)?.meet.link === link) return this.#letWait(from, meet);
    reply(this.#uplink.parent?.contact.peerId === meet.lost ? this.#meetSibling(from, meet) : this.#meet(from, meet));
  }

  /** It lost the parent that we still believe in: where we stand is not worth a decision before we know. */
  #meetSibling(from: Contact, meet: LagMeet): Omit<Answer, 'link'> {
    const { parent } = this.#uplink;
    if (parent !== undefined) this.#uplink.doubt(parent.contact);
    return this.#canTake(meet) ? this.#tryGrant(from, meet) : { outcome: OUTCOME.busy };
  }

  /**
   * Without asking anybody and moving nobody. For the heir of a lost child any slot will do: the lost one's becomes free in its place.
   * What a plan is to bring here is not counted as open, so a plan is no obstacle, unless this peer itself moves.
   */
  #canTake(meet: LagMeet): boolean {
    const isInTime = this.delay + hopOf(this.#context.tree, meet) <= meet.self.limit;
    return isInTime && this.openSlots > 0 && !this.#party.isBound;
  }

  /** What comes out of the meeting, as an answer. */
  #meet(from: Contact, meet: LagMeet): Omit<Answer, 'link'> {
    if (this.#party.isLocked || this.#context.now() < this.#grantsFrom) return { outcome: OUTCOME.busy };
    this.#context.tally.interactions++;
    const step = this.#decide(from, meet);
    switch (step.kind) {
      case 'grant': return this.#tryGrant(from, meet);
      case 'ask': return { outcome: OUTCOME.ask };
      case 'refer': {
        const child = this.#slots.find(step.to.peerId);
        if (child !== undefined) promise(this.#context.tree, child, meet.self.limit, this.delay);
        return { outcome: OUTCOME.refer, to: step.to, descends: child !== undefined };
      }
      case 'plan': {
        const isUnderWay = this.#coordinator.start(step.plan, () => this.#answer(from, { outcome: OUTCOME.busy, link: meet.link }));
        return { outcome: isUnderWay ? OUTCOME.wait : OUTCOME.busy };
      }
    }
  }

  #decide(from: Contact, meet: LagMeet): Step {
    const { tree, local } = this.#context;
    const children = this.#slots.all();
    const place: Place = {
      self: this.#outlook.self(), isSource: this.#context.isSource, delay: this.delay, path: this.#uplink.parent?.path,
      children: children.map((child) => without(child, from.peerId)), awaited: this.#seeker.awaited,
    };
    const { action, cast } = decideAt(tree, place, meet, local.env.random);
    return stepOf(action, cast, from, local.contact, (peer) => this.#parentOf(peer, meet));
  }

  /** As far as it is known here. */
  #parentOf(peer: Contact, meet: LagMeet): Contact | undefined {
    const { local } = this.#context;
    if (local.isSelf(peer)) return this.#uplink.parent?.contact;
    if (this.#slots.find(peer.peerId) !== undefined) return local.contact;
    if (meet.children.some(({ contact }) => samePeer(contact, peer))) return meet.self.contact;
    return this.#slots.all().find(({ children }) => children.some(({ contact }) => samePeer(contact, peer)))?.contact;
  }

  #tryGrant(from: Contact, meet: LagMeet | LagClaim): Omit<Answer, 'link'> {
    if (this.#slots.held >= this.#context.terms.fanout) return { outcome: OUTCOME.busy };
    const { tree } = this.#context;
    const child = this.#slots.grant(from, meet.link, meet.self, meet.children, this.#context.now() + tree.leaseMs);
    this.#waiting.delete(from.peerId);
    this.#onChildrenChanged();
    this.#party.came(from.peerId);
    return this.#grantFor(child);
  }

  #grantFor(child: Child): Omit<Answer, 'link'> {
    child.leaseUntil = Math.max(child.leaseUntil, this.#context.now() + this.#context.tree.leaseMs);
    return { outcome: OUTCOME.granted, path: this.#told, version: this.#toldVersion, stamp: this.#stampNow };
  }

  /** The heir of a lost child: its slot becomes free when its lease ends, and not before. A lease that is long is not waited for. */
  #letWait(from: Contact, meet: LagMeet | LagClaim): void {
    const { op, link } = meet;
    const isFull = this.#waiting.size >= WAITING_MAX && !this.#waiting.has(from.peerId);
    if (!isFull) this.#waiting.set(from.peerId, { from, meet, until: this.#context.now() + this.#context.tree.lockMs });
    this.#answer(from, { op, link, outcome: isFull ? OUTCOME.busy : OUTCOME.wait });
  }

  #serveWaiting(): void {
    for (const [peerId, { from, meet }] of [...this.#waiting]) {
      if (!this.#waiting.has(peerId)) continue;
      const { link } = meet;
      if (meet.type === 'lagMeet') {
        const canTake = this.#canTake(meet);
        if (!canTake && (this.#slots.find(meet.lost) !== undefined || this.#party.isLocked)) continue;
        this.#waiting.delete(peerId);
        this.#answer(from, { link, ...(canTake ? this.#tryGrant(from, meet) : this.#meet(from, meet)) });
        continue;
      }
      const may = this.#party.mayCome(peerId, meet.plan);
      if (may === false) continue;
      this.#waiting.delete(peerId);
      this.#answer(from, { link, ...(may === true ? this.#tryGrant(from, meet) : { outcome: OUTCOME.refused }) });
    }
  }

  // --- plans ---

  #onLock(from: Contact, message: LagLock): void {
    const locked = this.#context.now() >= this.#grantsFrom && this.#party.lock(from, message);
    const children = locked && message.allLeave ? this.children.slice(0, PATH_MAX) : [];
    this.#context.local.env.send(from, { type: 'lagLocked', op: message.op, locked, children });
  }

  #onClaim(from: Contact, claim: LagClaim): void {
    const { op, link } = claim;
    const reply = (answer: Omit<Answer, 'link'>): void => this.#answer(from, { op, link, ...answer });
    const child = this.#slots.find(from.peerId);
    if (child !== undefined && child.link > link) return;
    if (child?.link === link) return reply(this.#grantFor(child));
    if (claim.plan === NO_PLAN) return reply(this.#hasRoomFor(from, claim) ? this.#tryGrant(from, claim) : { outcome: OUTCOME.refused });
    const may = this.#party.mayCome(from.peerId, claim.plan);
    if (may === undefined) return reply({ outcome: OUTCOME.refused });
    if (!may || isOnPath(this.#uplink.parent?.path, from.peerId)) return this.#letWait(from, claim);
    reply(this.#tryGrant(from, claim));
  }

  /** As things stand, without moving anybody. */
  #hasRoomFor(from: Contact, { self }: LagClaim): boolean {
    const isAbove = isOnPath(this.#uplink.parent?.path, from.peerId);
    return this.isRooted && !isAbove && !this.#party.isLocked && this.openSlots > 0 && this.delay + this.#context.hopTo(from) <= self.limit;
  }

  #onUnlocked(): void {
    this.#seeker.resume();
    if (!this.#context.isSource && this.#uplink.parent === undefined && this.#seeker.isResting) this.#seeker.start([]);
    this.#onChildrenChanged();
  }

  // --- having children ---

  #onReport(from: Contact, report: LagReport): void {
    const { tree, local } = this.#context;
    const child = this.#slots.find(from.peerId);
    const isHeld = child !== undefined && child.link === report.link;
    if (!isHeld) {
      local.env.send(from, { type: 'lagReportReply', op: report.op, held: false, needFull: false, stamp: 0, version: 0, path: undefined });
      return;
    }
    const before = child.self;
    const needFull = !this.#slots.renew(child, report, this.#context.now() + tree.leaseMs);
    this.#dismissHeirsOf(from.peerId);
    if (child.self !== before) this.#onChildrenChanged();
    const path = report.pathVersion === this.#toldVersion ? undefined : this.#told;
    local.env.send(from, { type: 'lagReportReply', op: report.op, held: true, needFull, stamp: this.#stampNow, version: this.#toldVersion, path });
  }

  /** It lives: whoever took it for dead lost its way to it, and looks for another place. */
  #dismissHeirsOf(peerId: string): void {
    for (const [waiting, { from, meet }] of this.#waiting) {
      if (meet.type !== 'lagMeet' || meet.lost !== peerId) continue;
      this.#waiting.delete(waiting);
      this.#answer(from, { outcome: OUTCOME.ask, link: meet.link });
    }
  }

  #onRelease(from: Contact, { op, link }: LagRelease): void {
    this.#context.local.env.send(from, { type: 'lagAck', op });
    const waiting = this.#waiting.get(from.peerId);
    if (waiting?.meet.link === link) this.#waiting.delete(from.peerId);
    const child = this.#slots.find(from.peerId);
    if (child?.link === link) this.#remove(from.peerId);
  }

  #remove(peerId: string): void {
    this.#slots.remove(peerId);
    this.#party.left(peerId);
    this.#onChildrenChanged();
  }

  /** What children and parent are told follows from who the children are. */
  #onChildrenChanged(): void {
    this.#uplink.touch();
    this.#tellChildren();
    this.#serveWaiting();
  }

  #tellChildren(): void {
    const path = this.#outlook.pathBelow();
    const before = this.#told;
    if (before !== undefined && isSamePath(before, path)) return;
    this.#told = path;
    this.#toldVersion++;
    if (isSameWay(before, path)) return;
    const { tree, local } = this.#context;
    for (const { contact, link } of this.#slots.all()) {
      local.env.send(contact, { type: 'lagWay', tree: tree.id, link, stamp: this.#stampNow, version: this.#toldVersion, path });
    }
  }

  get #stampNow(): number {
    return this.#context.isSource ? this.#stamp : (this.#uplink.parent?.stamp ?? 0);
  }

  // --- having a parent ---

  /** A slot was granted to the seeker: taken only if it still makes sense. */
  #onGranted(grant: Grant): void {
    const { tree } = this.#context;
    const delay = (grant.path.steps[0]?.delay ?? 0) + this.#context.hopTo(grant.contact);
    const isLate = ALGORITHMS[tree.algorithm].informed && grant.path.rooted && delay > this.#outlook.self().limit;
    if (this.#uplink.parent !== undefined || this.#party.isBound || isLate) return this.#release(grant.contact, grant.link);
    this.#attach(grant);
  }

  #attach(grant: Grant): void {
    const { tree, local } = this.#context;
    const fault = pathFault(tree, local.contact, grant.contact, grant.path);
    if (fault === 'false') this.#context.avoid(grant.contact, 'liar');
    if (fault !== undefined || this.#slots.find(grant.contact.peerId) !== undefined) {
      this.#release(grant.contact, grant.link);
      if (this.#uplink.parent === undefined && this.#seeker.isResting) this.#seeker.start([]);
      return;
    }
    this.#leaveParent();
    this.#seeker.stop();
    this.#lateBeats = 0;
    this.#uplink.attach(grant);
    local.env.emit({ kind: 'tree-parent', tree: tree.id, parent: grant.contact });
    this.#tellChildren();
  }

  #onWay(from: Contact, { link, path, version, stamp }: LagWay): void {
    const parent = this.#uplink.parent;
    if (parent?.link === link && samePeer(parent.contact, from)) this.#uplink.onPath(parent, path, version, stamp);
  }

  #onPath(before: LagPath): void {
    this.#tellChildren();
    if (!isSameWay(before, this.#uplink.parent?.path)) this.#uplink.touch();
  }

  #onLost(parent: Parent, why: LossReason): void {
    if (why === 'false' || why === 'silent') this.#context.avoid(parent.contact, why === 'false' ? 'liar' : 'silent');
    if (why === 'left' || why === 'silent') this.#party.hurry();
    if (why === 'false' || why === 'cycle') this.#release(parent.contact, parent.link);
    if (why !== 'silent' && why !== 'left') this.#context.tally.reconfigurations++;
    const { tree, local } = this.#context;
    const { contacts, awaited } = orphanContacts(tree, local.contact, parent.path, this.#context.terms.constraint, why);
    this.#float(contacts, awaited);
    local.env.emit({ kind: 'tree-parent', tree: tree.id, parent: undefined });
  }

  #float(contacts: readonly Reference[], awaited?: number): void {
    this.#lateBeats = 0;
    this.#seeker.start(contacts, awaited);
    this.#tellChildren();
  }

  /** With a word to it. */
  #leaveParent(): void {
    const parent = this.#uplink.detach();
    if (parent === undefined) return;
    this.#context.tally.reconfigurations++;
    this.#release(parent.contact, parent.link);
    this.#tellChildren();
  }

  /** A grant that nobody waits for. One that comes twice is the slot that we hold. */
  #giveBack(peer: Contact, link: number): void {
    const parent = this.#uplink.parent;
    if (parent?.link !== link || !samePeer(parent.contact, peer)) this.#release(peer, link);
  }

  #release(peer: Contact, link: number): void {
    const { tree, requests } = this.#context;
    const nothing = (): void => undefined;
    requests.ask({
      to: peer, attempts: ATTEMPTS, timeoutMs: this.#context.timeoutTo(peer),
      message: (op) => ({ type: 'lagRelease', op, tree: tree.id, link }), onReply: nothing, onSilent: nothing,
    });
  }

  #onLateAnswer(from: Contact, answer: LagAnswer): void {
    if (!this.#party.onLateAnswer(from, answer)) this.#seeker.onLateAnswer(from, answer);
  }

  // --- time ---

  #beat(now: Millis): void {
    const { tree } = this.#context;
    this.#beatAt = now + tree.heartbeatMs;
    if (this.#context.isSource) this.#stamp++;
    else this.#maintain();
    // The way of the messages may have become longer.
    if (tree.unit === 'ms') this.#tellChildren();
    if (this.#uplink.parent !== undefined) this.#audit.check(this.#uplink.parent);
  }

  /** Leaves a parent below which it hears too late, by the same rule as in rounds. */
  #maintain(): void {
    const { tree, terms } = this.#context;
    const { delay, isRooted } = this;
    this.#lateBeats = isRooted && delay > terms.constraint ? this.#lateBeats + 1 : 0;
    if (this.#uplink.parent === undefined || this.#party.isLocked) return;
    const hop = this.#context.hopTo(this.#uplink.parent.contact);
    // What is measured wavers: lateness counts when it lasts, and first for who has only itself to move.
    const patience = delay - hop <= terms.constraint ? 1 : 2;
    if (tree.unit === 'ms' && this.#lateBeats < patience * tree.maintenance) return;
    const state = { rootedAtSource: isRooted, delay, constraint: terms.constraint, hop, lateRounds: this.#lateBeats };
    if (!decideToLeave(state, ALGORITHMS[tree.algorithm].maintenance, tree.maintenance)) return;
    this.#leaveParent();
    this.#float([]);
  }

  #answer(to: Contact, answer: Answer): void {
    const { local, tree } = this.#context;
    local.env.send(to, { type: 'lagAnswer', op: 0, to: undefined, descends: false, path: undefined, stamp: 0, version: 0, ...answer, tree: tree.id });
  }
}

/** A child as the rules may see it when `peerId` floats: not as somebody's child. */
function without(child: Child, peerId: string): Child {
  if (!child.children.some(({ contact }) => contact.peerId === peerId)) return child;
  return { ...child, children: child.children.filter(({ contact }) => contact.peerId !== peerId) };
}

/** In a former life this peer may have granted slots whose leases still run. Not in a tree in which it never was. */
function grantsFrom(context: Context): Millis {
  const { local, tree } = context;
  const mayHaveGranted = local.contact.incarnation > 1 && !tree.isNew;
  return mayHaveGranted ? Math.max(context.now(), local.startedAt + tree.leaseMs) : context.now();
}
