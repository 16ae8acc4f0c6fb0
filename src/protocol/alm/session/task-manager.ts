/**
 * The root of a session: takes members in, plans the tree, tells everybody its place, and plans again when somebody comes, goes, is
 * lost or falls behind, and now and then in search of a better tree ([0079], [0091]).
 *
 * Its word is the only one about the tree. Members report every two seconds and at once when something is wrong, so that the root
 * needs no failure detector of its own: who loses a parent says so, and is hung on elsewhere within a round trip; whoever is not
 * heard of for some time is out.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { Position } from '../../../core/position.ts';
import type { Local } from '../../local.ts';
import type { Alarms } from '../../overlay/alarms.ts';
import type { Requests } from '../../requests.ts';
import type { CastJoin, CastReport } from '../../wire/cast-messages.ts';
import type { HelperAccount, HelperLinks, HelperMarket } from '../market/helper-market.ts';
import { countedChanges, isRealGain } from '../market/schedule.ts';
import { Stir } from '../market/stir.ts';
import type { Objective } from '../plan.ts';
import type { Relay } from '../stream/relay.ts';
import { Absences } from './absences.ts';
import {
  ATTEMPTS, DEGREE_MAX, GATHER_MS, MEMBER_LEASE_MS, MEMBERS_MAX, ORPHAN_MS, REASON_BYTES_MAX, REPAIR_MOVES, REPLAN_MS, REPLAN_SOON_MS, SUSPECT_LEASE_MS, UNREST_MS, WORSE,
} from './bounds.ts';
import type { Wish } from './bidding.ts';
import { Bidding } from './bidding.ts';
import { Measurements } from './measuring.ts';
import type { Knowledge, Parents, Party, Planned } from './planning.ts';
import { boundsOf, heightOf, neededLinks, repaired } from './planning.ts';
import type { Entry } from './roster.ts';
import { Roster } from './roster.ts';
import type { Spot } from './tree-shape.ts';
import { spotsOf } from './tree-shape.ts';
import type { CastView, HelpView, MemberView } from './views.ts';

export interface TaskTerms {
  readonly key: Position;
  readonly name: string;
  readonly session: string;
  readonly priority: number;
  readonly rateBps: number;
  readonly objective: Objective;
  /** A member that vanished may come back for so long. */
  readonly awayMs: Millis;
  /** Nobody else may join. */
  readonly invitedOnly: boolean;
  /** Children that the root itself serves at most. */
  readonly degree: number;
  readonly upBps: number;
  readonly downBps: number;
}

export interface TaskParts {
  readonly local: Local;
  readonly requests: Requests;
  readonly alarms: Alarms;
  readonly market: HelperMarket;
  readonly relay: Relay;
  /** Something about the members has changed. */
  onNews(): void;
}

/** For the tree that there would be without helpers. */
const VIEW_MOVES = 50;

export class TaskManager {
  readonly terms: TaskTerms;
  readonly #parts: TaskParts;
  readonly #roster = new Roster();
  readonly #account: HelperAccount;
  readonly #measurements: Measurements;
  readonly #bidding: Bidding;
  readonly #stir: Stir;
  #parents: Parents = new Map();
  /** What each was told last, as text: whoever would be told the same again is not. */
  readonly #told = new Map<string, string>();
  /** Orders are numbered, so that a late one does not undo a later one. */
  #number = 0;
  #gathering: number | undefined;
  #improving: number | undefined;
  #replans = 0;
  /** The lowest that the tree was at a look since it was changed last. */
  #leastMs = Infinity;
  /** Switches to a better plan since a member came or went. */
  #changes = 0;
  #neededFor = '';
  #needed: ReadonlyMap<string, number> = new Map();
  #moved = 0;
  #isOver = false;
  readonly #invited = new Set<string>();
  /** Members that have everything, and all below them too. */
  readonly #finished: Entry[] = [];
  readonly #absences: Absences;
  /** Why members are members no more, latest last. */
  #gone: { readonly peerId: string; readonly name: string; readonly why: string }[] = [];

  constructor(terms: TaskTerms, parts: TaskParts) {
    this.terms = terms;
    this.#parts = parts;
    const { session, priority, rateBps } = terms;
    this.#absences = new Absences(terms.awayMs);
    this.#stir = new Stir(() => this.#now);
    this.#stir.note(0);
    this.#account = parts.market.open({ session, priority, rateBps }, { onLost: (lost, _reason, stirAgeMs) => this.#onHelperLost(lost, stirAgeMs), stirAgeMs: () => this.#stir.ageMs });
    this.#measurements = new Measurements(session, parts);
    this.#bidding = new Bidding({
      account: this.#account, measurements: this.#measurements, random: parts.local.env.random, objective: terms.objective, self: () => this.#self, now: () => this.#now,
      knowledge: () => this.#knowledge(), entry: (peerId) => this.#roster.entries.get(peerId),
      held: () => this.#roster.helpers.map(({ contact, degree }) => ({ helper: contact, links: degree })),
      isGain: (heightMs) => this.#isGain(heightMs),
      isStirred: (ageMs) => {
        this.#stir.note(ageMs);
        return this.#stir.ageMs <= UNREST_MS;
      },
    });
    this.#improveIn(REPLAN_MS);
  }

  // --- what it is ---

  get members(): readonly Entry[] {
    return this.#roster.members;
  }

  get finished(): readonly Entry[] {
    return this.#finished;
  }

  /** Members that are served: the stream may begin for them. */
  get startedCount(): number {
    return this.members.filter(({ hasStarted }) => hasStarted).length;
  }

  get isEverybodyDone(): boolean {
    return this.#roster.entries.size === 0 && this.#absences.awaited(this.#now).length === 0;
  }

  /** Changes as long as somebody gets on. */
  get progress(): number {
    return this.members.reduce((sum, { head }) => sum + head, this.#finished.length);
  }

  // --- inputs ---

  /** It may join, whether it wants to or not. False: too many were invited. */
  noteInvited(peerId: string): boolean {
    if (this.#invited.size >= MEMBERS_MAX) return this.#invited.has(peerId);
    this.#invited.add(peerId);
    return true;
  }

  /** Undefined when it is a member now; otherwise why not. */
  onJoin(from: Contact, message: CastJoin): string | undefined {
    if (this.#isOver) return 'the session is over';
    const { entries } = this.#roster;
    const known = entries.get(from.peerId);
    if (known?.isHelper === true) this.#roster.remove(from.peerId);
    else if (known !== undefined) {
      // It may be another start of the same machine, which has nothing of what it was told.
      known.contact = from;
      known.heardAt = this.#now;
      known.orphanSince ??= this.#now;
      this.#told.delete(from.peerId);
      this.#gather();
      return undefined;
    }
    if (this.terms.invitedOnly && !this.#invited.has(from.peerId)) return 'only who was invited by its root may join it';
    if (this.members.length >= MEMBERS_MAX) return `it has ${MEMBERS_MAX} members already`;
    const degree = Math.min(DEGREE_MAX, Math.max(1, message.degree));
    const entry = this.#roster.add(from, { ...message, degree }, false, this.#now);
    if (this.#gone.some(({ peerId }) => peerId === from.peerId)) entry.orphanSince = this.#now;
    const problem = this.#repair();
    if (problem !== undefined) {
      this.#roster.remove(from.peerId);
      return problem;
    }
    this.#gone = this.#gone.filter(({ peerId }) => peerId !== from.peerId);
    this.#absences.end(from.peerId);
    this.#improveSoon();
    return undefined;
  }

  /** False: it is no member here. */
  onReport(from: Contact, message: CastReport): boolean {
    const entry = this.#roster.entries.get(from.peerId);
    if (entry === undefined) return false;
    const wasStarted = entry.hasStarted;
    const { degree } = entry;
    // It fills its gap, and gets on.
    if (entry.orphanSince !== undefined && message.parent === '' && message.head > entry.head) entry.orphanSince = this.#now;
    this.#roster.note(entry, message, this.#now);
    if (entry.degree < degree) this.#gather();
    if (message.parent !== '' && message.parent === this.#parents.get(from.peerId)) entry.orphanSince = undefined;
    if (message.leaving !== '') this.#remove(entry, message.leaving, message.returning);
    if (message.broken !== '') this.#onBroken(message.broken, from.peerId);
    if (message.done) this.#onDone(entry);
    if (message.lost !== '') this.#onLoss(entry, message.lost, message.why);
    if (message.slow !== '') this.#onSlow(message.slow, from.peerId, message.slowBps);
    if (entry.hasStarted !== wasStarted || message.done || message.leaving !== '') this.#parts.onNews();
    return true;
  }

  /** A child of the root's own took too little. */
  onOwnChildSlow(peerId: string, takenBps: number): void {
    this.#onSlow(peerId, this.#self.peerId, takenBps);
  }

  /** A child of the root's own broke off. */
  onOwnChildLost(peerId: string): void {
    this.#onBroken(peerId, this.#self.peerId);
  }

  /** This machine itself has fewer links for the session. */
  onOwnLinks(): void {
    this.#gather();
  }

  onTick(): void {
    for (const entry of [...this.#roster.entries.values()]) {
      const leaseMs = entry.distrustedUntil > this.#now ? SUSPECT_LEASE_MS : MEMBER_LEASE_MS;
      if (this.#now - entry.heardAt > leaseMs) {
        this.#stir.note(0);
        this.#remove(entry, 'it was not heard of any more', true);
        continue;
      }
      if (entry.slowUntil !== undefined && entry.slowUntil <= this.#now) {
        entry.slowUntil = undefined;
        this.#stir.note(0);
      }
      if (entry.orphanSince !== undefined && this.#now - entry.orphanSince < ORPHAN_MS) this.#parts.relay.hold();
    }
    if (this.#absences.awaited(this.#now).length > 0) this.#parts.relay.hold();
  }

  /** Nobody is served any more. */
  end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#account.end();
    for (const handle of [this.#gathering, this.#improving]) if (handle !== undefined) this.#parts.alarms.cancel(handle);
    for (const { contact } of this.#roster.entries.values()) this.#dismiss(contact, reason);
  }

  // --- who leaves ---

  /** `mayReturn`: it vanished, and its reader may still wait for the rest. */
  #remove(entry: Entry, why: string, mayReturn = false): void {
    const { peerId, name } = entry.contact;
    if (this.#roster.entries.get(peerId) !== entry) return;
    this.#roster.remove(peerId);
    this.#told.delete(peerId);
    if (!entry.isHelper) {
      if (mayReturn && entry.hasStarted) this.#absences.note(peerId, name, entry.orphanSince ?? entry.heardAt);
      this.#gone.push({ peerId, name, why });
      if (this.#gone.length > MEMBERS_MAX) this.#gone.shift();
      this.#parts.local.env.emit({ kind: 'cast-member-gone', name: this.terms.name, peerId, why });
    }
    this.#gather();
    if (entry.isHelper) this.#improveIn(REPLAN_SOON_MS);
    else this.#improveSoon();
    this.#parts.onNews();
  }

  /** It needs nothing more, and serves nobody. */
  #onDone(entry: Entry): void {
    const { peerId } = entry.contact;
    this.#roster.remove(peerId);
    this.#told.delete(peerId);
    this.#finished.push(entry);
    if (this.#finished.length > MEMBERS_MAX) this.#finished.shift();
  }

  #letGo(entry: Entry, why: string): void {
    this.#remove(entry, why);
    this.#dismiss(entry.contact, why);
  }

  #onLoss(entry: Entry, parent: string, why: string): void {
    const { peerId } = entry.contact;
    if (this.#parents.get(peerId) !== parent) return this.#retell(peerId);
    if (this.#roster.noteLoss(entry, parent, this.#now)) return this.#letGo(entry, `its connections break again and again, the last because ${why}`);
    this.#stir.note(0);
    entry.orphanSince ??= this.#now;
    this.#parts.relay.hold();
    this.#parents = withoutChild(this.#parents, peerId);
    this.#told.delete(peerId);
    this.#gather();
  }

  /** Its stream broke off below: if it lives it says so itself, and if not it may come back. */
  #onBroken(peerId: string, parent: string): void {
    const entry = this.#roster.entries.get(peerId);
    if (entry === undefined || this.#parents.get(peerId) !== parent) return;
    entry.orphanSince ??= this.#now;
    this.#parts.relay.hold();
  }

  #onSlow(peerId: string, parent: string, takenBps: number): void {
    const entry = this.#roster.entries.get(peerId);
    if (entry === undefined || this.#parents.get(peerId) !== parent) return;
    const taken = `it took ${Math.round(takenBps / 1_000)} kbit/s`;
    this.#stir.note(0);
    if (this.#roster.noteSlow(entry, parent, this.#now)) {
      return this.#letGo(entry, this.terms.rateBps === 0 ? `${taken} and everybody waited for it` : `${taken} of a stream of ${Math.round(this.terms.rateBps / 1_000)} kbit/s`);
    }
    this.#parents = withoutChild(this.#parents, peerId);
    this.#told.delete(peerId);
    this.#gather();
  }

  #onHelperLost({ helper, links }: HelperLinks, stirAgeMs: Millis): void {
    const entry = this.#roster.entries.get(helper.peerId);
    if (entry?.isHelper !== true) return;
    this.#stir.note(stirAgeMs);
    this.#improveIn(REPLAN_SOON_MS);
    entry.degree -= links;
    if (entry.degree < 2) {
      this.#remove(entry, 'it helps no more');
      this.#dismiss(helper, 'its help is over');
    } else this.#gather();
  }

  // --- plans ---

  /** A moment later: what happens together is planned for together. */
  #gather(): void {
    this.#gathering ??= this.#parts.alarms.in(GATHER_MS, () => {
      this.#gathering = undefined;
      if (this.#isOver) return;
      const problem = this.#repair();
      if (problem !== undefined) this.#onNoTree(problem);
    });
  }

  /** Hangs on whoever has no parent. Says why that cannot be done. */
  #repair(): string | undefined {
    const knowledge = this.#knowledge();
    const next = repaired(knowledge, this.#parents, REPAIR_MOVES);
    if (typeof next === 'string') return next;
    this.#follow(next);
    return undefined;
  }

  /** Too few links without those that are distrusted: trust them again, and where no rate is stated those that were slow, too; if that is not enough, let go of who came last. */
  #onNoTree(problem: string): void {
    const distrusted = [...this.#roster.entries.values()].filter(({ distrustedUntil }) => distrustedUntil > this.#now);
    const slow = this.members.filter(({ slowUntil }) => slowUntil !== undefined);
    const silent = distrusted.filter(({ heardAt }) => this.#now - heardAt > SUSPECT_LEASE_MS / 2);
    if (silent.length > 0) for (const entry of silent) this.#remove(entry, 'it was not heard of any more', true);
    else if (distrusted.length > 0) for (const entry of distrusted) entry.distrustedUntil = -Infinity;
    else if (this.terms.rateBps === 0 && slow.length > 0) for (const entry of slow) entry.slowUntil = undefined;
    else {
      const last = this.members.at(-1);
      if (last !== undefined) this.#letGo(last, `no tree holds it any more: ${problem}`);
    }
    this.#gather();
  }

  #improveSoon(): void {
    this.#stir.note(0);
    this.#changes = 0;
    this.#improveIn(REPLAN_SOON_MS);
  }

  #improveIn(delayMs: Millis): void {
    if (this.#improving !== undefined) this.#parts.alarms.cancel(this.#improving);
    this.#improving = this.#parts.alarms.in(delayMs, () => {
      this.#improving = undefined;
      if (this.#isOver) return;
      this.#improve();
      if (this.#improving === undefined) this.#improveIn(REPLAN_MS);
    });
  }

  /** A better plan with what the pool has to offer, and the switch to it when its helpers are held. */
  #improve(): void {
    const members = [this.#self.peerId, ...this.members.map(({ contact }) => contact.peerId)];
    if (this.#bidding.isOpen) return this.#improveIn(REPLAN_SOON_MS);
    if (members.length < 2) return;
    this.#lookAtHeight();
    this.#bidding.begin(members, (wish) => {
      if (this.#isOver) return;
      const next = wish && this.#fitted(wish);
      if (next !== undefined && this.#isGain(next.heightMs)) this.#switchTo(next);
      else this.#giveBack();
    });
  }

  /** By the same links the tree may have become higher: then a latency is another. */
  #lookAtHeight(): void {
    const heightMs = this.#heightMs;
    const isWorse = heightMs - this.#leastMs >= this.#parts.local.options.castGainMs && heightMs > this.#leastMs * (1 + WORSE);
    if (isWorse) this.#stir.note(0);
    this.#leastMs = isWorse ? heightMs : Math.min(heightMs, this.#leastMs);
  }

  #isGain(heightMs: Millis): boolean {
    const presentMs = this.#heightMs;
    return presentMs - heightMs >= this.#parts.local.options.castGainMs && isRealGain(presentMs, heightMs, countedChanges(this.#changes, this.terms.priority));
  }

  /** The wish with its helpers taken in, and with whoever has come or gone since it was made. */
  #fitted({ plan, helpers }: Wish): Planned | undefined {
    for (const { candidate, links } of helpers) {
      const entry = this.#roster.entries.get(candidate.contact.peerId);
      if (entry === undefined) this.#roster.add(candidate.contact, { ...candidate, degree: links }, true, this.#now);
      else if (entry.isHelper) entry.degree = Math.max(entry.degree, links);
    }
    const next = repaired(this.#knowledge(), plan.parents, 0);
    return typeof next === 'string' ? undefined : next;
  }

  #switchTo(next: Planned): void {
    this.#replans++;
    this.#changes++;
    this.#follow(next);
    this.#giveBack();
  }

  /** Helpers that the tree does not use are none. */
  #giveBack(): void {
    const { helpers } = this.#roster;
    const used = helpers.filter(({ contact }) => this.#parents.has(contact.peerId));
    for (const { contact } of helpers) {
      if (this.#parents.has(contact.peerId)) continue;
      this.#roster.remove(contact.peerId);
      this.#told.delete(contact.peerId);
      this.#dismiss(contact, 'its help is not needed any more');
    }
    const linksOf = (peerId: string): number => 1 + [...this.#parents.values()].filter((parent) => parent === peerId).length;
    this.#account.hold(used.map(({ contact }) => ({ helper: contact, links: linksOf(contact.peerId) })), () => undefined);
  }

  // --- orders ---

  #follow(next: Planned): void {
    let moved = 0;
    for (const [peerId, parent] of next.parents) {
      const entry = this.#roster.entries.get(peerId);
      if (!this.#parents.has(peerId) || this.#parents.get(peerId) === parent || entry === undefined) continue;
      moved++;
      entry.orphanSince ??= this.#now;
    }
    if (moved > 0) this.#parts.relay.hold();
    this.#parents = next.parents;
    this.#leastMs = Infinity;
    this.#moved += moved;
    this.#number++;
    for (const spot of spotsOf(this.#self.peerId, next.parents)) this.#tell(spot);
    const { name } = this.terms;
    this.#parts.local.env.emit({ kind: 'cast-planned', name, members: this.members.length, helpers: next.helpers.length, heightMs: next.heightMs, moved });
  }

  #retell(peerId: string): void {
    this.#told.delete(peerId);
    this.#gather();
  }

  #tell(spot: Spot): void {
    const { peerId, children, parent, ancestors } = spot;
    const contactOf = (id: string): Contact => (id === this.#self.peerId ? this.#self : (this.#roster.entries.get(id) as Entry).contact);
    if (parent === undefined) {
      this.#parts.market.useOwn(this.terms.session, Math.max(1, children.length), this.#neededLinks().get(peerId) ?? 1);
      return this.#parts.relay.settle({ parent: undefined, ancestors: [], children });
    }
    const needed = this.#neededLinks().get(peerId) ?? 1;
    const text = [parent, needed, ...ancestors, '/', ...children.map((child) => `${child.peerId} ${child.below}`)].join(' ');
    if (this.#told.get(peerId) === text) return;
    this.#told.set(peerId, text);
    const entry = this.#roster.entries.get(peerId);
    if (entry === undefined) return;
    const { session, name, key, rateBps } = this.terms;
    const number = this.#number;
    const askedAt = this.#now;
    this.#parts.requests.ask({
      to: entry.contact, attempts: ATTEMPTS, timeoutMs: this.#parts.local.timeoutTo(entry.coordinate),
      message: (op) => ({
        type: 'castOrder', op, session, name, key, number, rateBps, parent: contactOf(parent), ancestors: ancestors.map(contactOf), children: children.map((child) => ({ peer: child.peerId, below: child.below })), dismissal: '', needed,
      }),
      onReply: (reply) => {
        if (reply.type === 'castReply' && !reply.ok && number === this.#number) this.#remove(entry, reply.reason, true);
      },
      onSilent: () => {
        if (this.#told.get(peerId) !== text) return;
        // It has been started again meanwhile, or only the answer was lost.
        if (entry.heardAt > askedAt) return this.#retell(peerId);
        this.#stir.note(0);
        this.#remove(entry, 'it does not answer', true);
      },
    });
  }

  #dismiss(contact: Contact, dismissal: string): void {
    const { session, name, key, rateBps } = this.terms;
    const number = ++this.#number;
    this.#parts.requests.ask({
      to: contact, attempts: 2, timeoutMs: this.#parts.local.timeoutTo(undefined),
      message: (op) => ({ type: 'castOrder', op, session, name, key, number, rateBps, parent: undefined, ancestors: [], children: [], dismissal: dismissal.slice(0, REASON_BYTES_MAX), needed: 0 }),
      onReply: () => undefined,
      onSilent: () => undefined,
    });
  }

  // --- views ---

  view(): Pick<CastView, 'tree' | 'heightMs' | 'withoutHelpersMs' | 'help' | 'amcastHeightMs' | 'starBoundMs' | 'replans' | 'moved' | 'gone' | 'finished' | 'awaited'> {
    const knowledge = this.#knowledge();
    const bounds = this.members.length === 0 ? undefined : boundsOf(knowledge);
    return {
      tree: this.#tree(knowledge), heightMs: this.#heightMs, withoutHelpersMs: this.#withoutMs(knowledge, this.#roster.helpers), help: this.#help(knowledge),
      amcastHeightMs: bounds?.amcastHeightMs ?? null, starBoundMs: bounds?.starBoundMs ?? 0, replans: this.#replans, moved: this.#moved, gone: [...this.#gone],
      finished: this.#finished.map(({ contact }) => ({ peerId: contact.peerId, name: contact.name })), awaited: this.#absences.awaited(this.#now),
    };
  }

  /** What would be left of the tree's height without these helpers; null: no tree. */
  #withoutMs(knowledge: Knowledge, lost: readonly Entry[]): Millis | null {
    if (lost.length === 0) return this.#heightMs;
    const gone = new Set(lost.map(({ contact }) => contact.peerId));
    const left = repaired({ ...knowledge, helpers: knowledge.helpers.filter(({ peerId }) => !gone.has(peerId)) }, withoutAll(this.#parents, gone), VIEW_MOVES);
    return typeof left === 'string' ? null : left.heightMs;
  }

  #help(knowledge: Knowledge): HelpView[] {
    return this.#roster.helpers.map((entry) => {
      const { peerId, name } = entry.contact;
      const served = [...this.#parents].filter(([, parent]) => parent === peerId).map(([child]) => this.#roster.entries.get(child)?.contact.name ?? child);
      return { peerId, name, links: served.length + 1, serves: served, withoutItMs: this.#withoutMs(knowledge, [entry]) };
    });
  }

  #tree(knowledge: Knowledge): MemberView[] {
    const heights = (peerId: string): Millis => heightOf({ ...knowledge, members: knowledge.members.filter((one) => one.peerId === peerId), helpers: [...knowledge.helpers, ...knowledge.members] }, this.#parents);
    return spotsOf(this.#self.peerId, this.#parents).map(({ peerId, parent, children, depth }) => {
      const entry = this.#roster.entries.get(peerId);
      const { name } = entry?.contact ?? this.#self;
      return {
        peerId, name, parent: parent ?? null, depth, children: children.length, degree: entry === undefined ? this.terms.degree : this.#roster.linksOf(entry, this.#now), whyFewer: entry === undefined || entry.isHelper ? '' : this.#roster.whyFewer(entry, this.#now), isHelper: entry?.isHelper ?? false, plannedMs: parent === undefined ? 0 : heights(peerId),
        latencyMs: entry?.latencyMs ?? 0, latencyHighMs: entry?.latencyHighMs ?? 0, head: entry?.head ?? this.#parts.relay.head ?? 0, hasStarted: entry?.hasStarted ?? true, refilled: entry?.refilled ?? 0,
      };
    });
  }

  // --- small things ---

  get #now(): Millis {
    return this.#parts.local.env.now();
  }

  get #self(): Contact {
    return this.#parts.local.contact;
  }

  get #heightMs(): Millis {
    return heightOf(this.#knowledge(), this.#parents);
  }

  /** Of the members' links, what the session may insist on: for the members and what they offer, as they were when somebody last came or went. */
  #neededLinks(): ReadonlyMap<string, number> {
    const offeredBy = ({ offered, slowUntil }: Entry): number => (slowUntil === undefined ? offered : 1);
    const names = this.members.map((entry) => `${entry.contact.peerId} ${offeredBy(entry)}`).join(' ');
    if (names === this.#neededFor) return this.#needed;
    this.#neededFor = names;
    const { members, ...rest } = this.#knowledge();
    const offered = members.map((party) => {
      const entry = this.#roster.entries.get(party.peerId);
      return { ...party, degree: entry === undefined ? this.terms.degree : offeredBy(entry) };
    });
    this.#needed = neededLinks({ ...rest, members: offered }, this.#parts.local.env.random);
    return this.#needed;
  }

  #knowledge(): Knowledge {
    const { session, upBps, downBps } = this.terms;
    const degree = Math.min(this.terms.degree, this.#parts.market.availableToOwn(session));
    const root: Party = { peerId: this.#self.peerId, degree, coordinate: this.#parts.local.coordinate, upBps, downBps };
    return this.#roster.knowledge(root, this.#now, (a, b) => this.#measurements.rttMs(a, b));
  }
}

function withoutChild(parents: Parents, peerId: string): Parents {
  const rest = new Map(parents);
  rest.delete(peerId);
  return rest;
}

function withoutAll(parents: Parents, gone: ReadonlySet<string>): Parents {
  return new Map([...parents].filter(([peerId, parent]) => !gone.has(peerId) && !gone.has(parent)));
}
