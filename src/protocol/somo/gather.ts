/**
 * Gathering ([0062], [0063]): every machine's report to its parents, and the root's view of all.
 *
 * Unsynchronised, each machine reports every period by itself; what reaches the root is at most height periods old.
 * Synchronised, the root calls its children, they call theirs, and reports come up as soon as those below have spoken. A
 * machine that is not called (its parent is new, or gone) reports by itself, so the same code starts, heals and runs.
 * What changes who is spoken for travels at once; values wait for their period.
 */
import type { Contact } from '../../core/contact.ts';
import { samePeer } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Local } from '../local.ts';
import { TIMER } from '../local.ts';
import type { Ops } from '../pool/ops.ts';
import type { Clamping } from '../pool/report.ts';
import type { Requests } from '../requests.ts';
import type { Membership } from '../ring/membership.ts';
import type { SomoAck, SomoBreak, SomoCall, SomoNode, SomoReport } from '../wire/somo-messages.ts';
import type { Flow, Part, Slot } from './flow.ts';
import { Slots } from './flow.ts';
import type { Hosts } from './hosts.ts';
import type { Link } from './links.ts';
import { Links } from './links.ts';
import type { Own, Partial } from './partial.ts';
import { emptyPartial, fromWire, fromWireNode, isSameExtent, ownPartial, toWireNode } from './partial.ts';
import type { Zone } from './placement.ts';
import { isHost, leafNode, representative, zoneBetween } from './placement.ts';
import type { StandingQueries } from './standing.ts';
import type { LogicalNode, LogicalTree } from './tree.ts';
import { isWithin, numberOf, ROOT, sameNode } from './tree.ts';

/** A slot that nobody refreshed for so many periods is empty. Long enough for those below a dead machine to find another. */
export const LEASE_PERIODS = 2;
/** How long what a dead host said of a node stands while the next one gathers its children. */
const PATIENCE_PERIODS = 1.5;
/** A new member is heard of within this; seeded, so that many who start together do not speak together. */
const FIRST_REPORT_MS = 1_000;
/** News of who is there waits so long for more of its kind. */
const SOON_MS = 300;
/** A machine that was not called for so many periods reports by itself. */
const UNCALLED_PERIODS = 1.2;
/** After a neighbour's death parents are asked within this whether they are there. */
const ASK_AFTER_DEATH_MS = 1_000;
/** How long a call waits for each hop below that has not answered. */
const CALL_WAIT_MS = 600;
/** A host that could not be found is looked for again after this. */
const RETRY_MS = 1_000;
const NODES_MAX = 128;
/** Of one child, over all parts of its answers: what is more is left out until the child tells of all. */
const TOLD_MAX = 2 * NODES_MAX;

export interface GatherParts {
  readonly local: Local;
  readonly membership: Membership;
  readonly requests: Requests;
  readonly hosts: Hosts;
  readonly tree: LogicalTree;
  readonly standing: StandingQueries;
  readonly ops: Ops;
  readonly counts: Clamping;
  /** This machine's own report, as it is now. */
  own(zone: Zone): Own;
  /** The root's view is new: results of registered queries go out. */
  onView(view: Partial): void;
  /** A parent that did not answer. */
  onSilent(peer: Contact): void;
}

/** The last report of a child machine: the base of the next one's differences. */
export interface Heard {
  readonly from: Contact;
  readonly at: Millis;
  readonly seq: number;
  readonly base: number;
  /** Of an answer in parts: which one came last, and whether all before it came too. */
  readonly part: number;
  readonly isWhole: boolean;
  readonly partials: ReadonlyMap<number, Partial>;
}

export class Gather {
  readonly slots: Slots;
  readonly links: Links;
  readonly #parts: GatherParts;
  /** By identity. */
  readonly #heard = new Map<string, Heard>();
  #flow: Flow | undefined;
  #flowAt: Millis = -Infinity;
  #nextAt: Millis = Infinity;
  #soonAt: Millis = Infinity;
  #armedAt: Millis = Infinity;
  #leaf: LogicalNode = ROOT;
  #round = 0;
  /** Children that were called in this round and have not told everything, and whom to answer, with the nodes told. */
  readonly #unheard = new Set<string>();
  readonly #callers = new Map<string, Set<number>>();
  #roundStartedAt: Millis = -Infinity;
  #roundEndsAt: Millis = Infinity;
  /** When the root looks next, and calls. */
  #roundAt: Millis = -Infinity;

  constructor(parts: GatherParts) {
    this.#parts = parts;
    this.slots = new Slots(parts.tree);
    this.links = new Links(parts.local, parts.requests, {
      onAck: (link, ack) => this.#onAck(link, ack),
      onSilent: (link) => this.#onSilent(link),
      standingDigest: () => parts.standing.digest,
    });
    parts.membership.listen({
      onZoneChanged: (start, before) => this.#onZoneChanged(start !== undefined, before !== undefined),
      onPeerGone: () => this.#onDeath(),
      onPeerAlive: () => this.#onNeighbours(),
    });
  }

  get isOn(): boolean {
    return this.#parts.local.options.somo !== 'off' && this.#parts.membership.zoneStart !== undefined;
  }

  /** Undefined while this machine owns nothing. */
  get zone(): Zone | undefined {
    const start = this.#parts.membership.zoneStart;
    return start && zoneBetween(start, this.#parts.local.position);
  }

  get isRoot(): boolean {
    const { zone } = this;
    return zone !== undefined && isHost(this.#parts.tree, zone, ROOT);
  }

  /** Where this machine's own report enters the tree. */
  get leaf(): LogicalNode {
    const { predecessor, successor } = this.#parts.membership.leafset;
    const neighbours = [predecessor, successor].filter((one) => one !== undefined).map((one) => one.contact.position.lead);
    return leafNode(this.#parts.tree, this.#parts.local.position.lead, neighbours);
  }

  /** Machines that report here. */
  get children(): IterableIterator<Heard> {
    return this.#heard.values();
  }

  /** What is known of the hosted nodes now. */
  get flow(): Flow {
    const now = this.#parts.local.env.now();
    if (this.#flow && this.#flowAt === now) return this.#flow;
    const { standing, ops } = this.#parts;
    const zone = this.zone as Zone;
    standing.expire(now);
    const own = ownPartial(this.#parts.own(zone), standing.all, ops);
    this.#flow = this.slots.flow(zone, this.leaf, own, standing.all, ops);
    this.#flowAt = now;
    return this.#flow;
  }

  /** Who is spoken for has changed: those above are told before their period. */
  soon(delayMs = SOON_MS): void {
    if (!this.isOn) return;
    this.#soonAt = Math.min(this.#soonAt, this.#parts.local.env.now() + delayMs);
    this.#arm();
  }

  stop(): void {
    this.links.farewell();
    this.#parts.local.env.disarm(TIMER.somo);
    this.#nextAt = this.#soonAt = this.#roundEndsAt = this.#armedAt = Infinity;
  }

  onTimer(): void {
    this.#armedAt = Infinity;
    if (!this.isOn) return;
    const { env, options } = this.#parts.local;
    const now = env.now();
    this.#flow = undefined;
    if (now >= this.#roundEndsAt) this.#endRound();
    const isDue = now >= this.#nextAt;
    if (isDue) {
      this.#expire(now);
      if (this.isRoot && now >= this.#roundAt) {
        this.#roundAt = now + options.somoPeriodMs;
        if (options.somo === 'synchronised') this.#beginRound(env.random.u32());
        else this.#view();
      }
    }
    if (isDue || now >= this.#soonAt) {
      this.#soonAt = Infinity;
      this.#report(now);
    }
    this.#arm();
  }

  onReport(from: Contact, report: SomoReport): void {
    if (!this.isOn) return;
    const { local, standing, ops, counts } = this.#parts;
    const now = local.env.now();
    const period = local.options.somoPeriodMs;
    const lease = { until: now + LEASE_PERIODS * period, standsUntil: now + PATIENCE_PERIODS * period };
    const zone = this.zone as Zone;
    const heard = this.#heard.get(from.peerId);
    // A machine that started again counts anew.
    const before = heard?.from.incarnation === from.incarnation ? heard : undefined;
    // Parts of one answer share a base, and no two of them speak of the same node.
    const isPart = report.op === 0 && before !== undefined && report.base === before.base;
    const isKnown = report.seq === before?.seq;
    const needFull = !isKnown && report.base !== 0 && report.base !== before?.seq && !isPart;
    const astray: SomoNode[] = [];
    if (!needFull && !isKnown) {
      this.#flow = undefined;
      const base = report.base === 0 ? undefined : before?.partials;
      // An answer to a call may tell of some nodes only; everything else tells of all.
      const partials = new Map<number, Partial>(report.op === 0 && report.partials.length > 0 ? before?.partials : []);
      let isNews = false;
      for (const wire of report.partials) {
        const node = fromWireNode(wire.node);
        const number = numberOf(node);
        if (!this.#parts.tree.has(node) || (partials.size >= TOLD_MAX && !partials.has(number))) continue;
        const partial = fromWire(wire, base?.get(number), now, standing.all, ops, counts);
        if (!partial) continue;
        partials.set(number, partial);
        if (this.slots.belongs(node, zone)) isNews = this.slots.put({ node, from, partial, heardAt: now, ...lease }) || isNews;
        else astray.push(wire.node);
      }
      this.slots.release(from, new Set(partials.keys()), now + period / 2);
      if (partials.size > 0) this.#heard.set(from.peerId, { from, at: now, seq: report.seq, base: report.base, part: report.part, isWhole: isWhole(report, before), partials });
      else this.#heard.delete(from.peerId);
      this.#onSpoken(from, report, isNews);
    }
    if (report.op === 0) return;
    const differs = report.standing !== standing.digest;
    local.env.send(from, { type: 'somoAck', op: report.op, needFull, astray, standing: differs ? standing.toWire(now) : [] });
  }

  onBreak(from: Contact, message: SomoBreak): void {
    const link = this.links.find(from);
    if (!this.isOn || !link) return;
    for (const wire of message.nodes) this.#forgetParent(fromWireNode(wire));
    link.sent = undefined;
    this.soon(0);
  }

  onCall(from: Contact, call: SomoCall): void {
    const link = this.isOn ? this.links.find(from) : undefined;
    if (!link) return;
    const { env, options } = this.#parts.local;
    link.dueAt = env.now() + UNCALLED_PERIODS * options.somoPeriodMs;
    link.contact = from;
    if (link.sent?.seq === call.seq) link.confirmed = link.sent;
    else if (link.confirmed?.seq !== call.seq) link.confirmed = undefined;
    link.inParts = false;
    link.parts = 0;
    if (call.round !== this.#round) this.#beginRound(call.round);
    if (!this.#callers.has(from.peerId)) this.#callers.set(from.peerId, new Set());
    this.#answer();
  }

  // --- reporting ---

  /** Everything that goes up, by the machine it goes to. Hosts that are not known yet are looked up, and reported to then. */
  #byParent(): Map<string, { readonly contact: Contact; readonly outgoing: Part[] }> {
    const { tree, hosts, local } = this.#parts;
    const groups = new Map<string, { readonly contact: Contact; readonly outgoing: Part[] }>();
    for (const outgoing of this.#outgoing()) {
      const parent = tree.parent(outgoing.node) as LogicalNode;
      const contact = hosts.find(parent);
      if (!contact) {
        hosts.resolve(parent, (host) => this.soon(host ? 0 : RETRY_MS));
        continue;
      }
      if (local.isSelf(contact)) continue;
      const group = groups.get(contact.peerId);
      if (!group) groups.set(contact.peerId, { contact, outgoing: [outgoing] });
      else if (group.outgoing.length < NODES_MAX) group.outgoing.push(outgoing);
    }
    return groups;
  }

  /** The representative's connection stands also when nothing flows over it. */
  #outgoing(): readonly Part[] {
    const { tops } = this.flow;
    const repre = representative(this.#parts.tree, this.zone as Zone);
    if (!repre || repre.level === 0 || tops.some(({ node }) => sameNode(node, repre))) return tops;
    return [...tops, { node: repre, partial: emptyPartial(this.#parts.local.env.now()), from: undefined, merged: undefined }];
  }

  /** To every parent that is due, and to those that would be wrong about who there is. */
  #report(now: Millis): void {
    const period = this.#parts.local.options.somoPeriodMs;
    const groups = this.#byParent();
    this.links.keep(new Set(groups.keys()));
    this.#nextAt = now + period;
    for (const { contact, outgoing } of groups.values()) {
      const link = this.links.to(contact);
      if (link.dueAt <= now || isNewsFor(link, outgoing)) {
        this.links.report(link, outgoing);
        link.dueAt = now + period;
      }
      this.#nextAt = Math.min(this.#nextAt, link.dueAt);
    }
    if (this.isRoot) this.#nextAt = Math.min(this.#nextAt, Math.max(now, this.#roundAt));
  }

  #view(): void {
    const view = this.flow.nodes.get(numberOf(ROOT));
    if (view) this.#parts.onView(view);
  }

  #onAck(link: Link, ack: SomoAck): void {
    const { standing, ops, local } = this.#parts;
    for (const query of ack.standing) standing.learn(query, ops, local.env.now(), false);
    if (ack.astray.length > 0) {
      // It may only not know yet that it is the host: then it is told once more.
      for (const wire of ack.astray) this.#forgetParent(fromWireNode(wire));
      link.sent = undefined;
      this.soon(RETRY_MS);
    } else if (ack.needFull) this.soon(0);
    else if (link.isBehind) {
      link.dueAt = local.env.now();
      this.soon(0);
    }
  }

  #onSilent(link: Link): void {
    this.#parts.hosts.forgetPeer(link.contact);
    this.#parts.onSilent(link.contact);
    this.soon();
  }

  #forgetParent(node: LogicalNode): void {
    const parent = this.#parts.tree.has(node) ? this.#parts.tree.parent(node) : undefined;
    if (parent) this.#parts.hosts.forget(parent);
  }

  // --- rounds ---

  #beginRound(round: number): void {
    const { local } = this.#parts;
    this.#round = round;
    this.#roundStartedAt = local.env.now();
    this.#callers.clear();
    this.#unheard.clear();
    let below = 0;
    for (const { from, partial } of this.slots.all()) {
      below = Math.max(below, partial.height + 1);
      if (this.#unheard.has(from.peerId)) continue;
      this.#unheard.add(from.peerId);
      local.env.send(from, { type: 'somoCall', round, seq: this.#known(from) });
    }
    this.#roundEndsAt = local.env.now() + CALL_WAIT_MS * below;
    if (this.#unheard.size === 0) this.#endRound();
    else this.#arm();
  }

  /** What the next report of a child may be a difference from; 0 when a part of its last answer was lost. */
  #known(child: Contact): number {
    const heard = this.#heard.get(child.peerId);
    return heard?.isWhole === true ? heard.seq : 0;
  }

  /** A child has reported: some of what we were called for may be ready now. */
  #onSpoken(from: Contact, report: SomoReport, isNews: boolean): void {
    if (report.op !== 0) {
      if (isNews) this.soon();
      return;
    }
    const isWaited = this.#unheard.has(from.peerId);
    if (isWaited && this.#isAllHeard(from)) this.#unheard.delete(from.peerId);
    if (isWaited && this.#unheard.size === 0) this.#endRound();
    else if (isWaited) this.#answer();
    // Whoever is called again hears of it then.
    else if (isNews) this.soon();
  }

  /** Has it told of all its nodes in this round? */
  #isAllHeard(from: Contact): boolean {
    for (const { from: of, heardAt } of this.slots.all()) {
      if (samePeer(of, from) && heardAt < this.#roundStartedAt) return false;
    }
    return true;
  }

  #endRound(): void {
    this.#roundEndsAt = Infinity;
    this.#unheard.clear();
    this.#answer();
    if (this.isRoot) this.#view();
  }

  /**
   * Reports to those who called, of each node as soon as every child below it was heard. Node by node, because two machines
   * can stand above one another on different levels, and would wait for each other for ever.
   */
  #answer(): void {
    if (this.#callers.size === 0) return;
    this.#flow = undefined;
    const groups = this.#byParent();
    for (const [peerId, answered] of this.#callers) {
      const group = groups.get(peerId);
      const ready = group?.outgoing.filter(({ node }) => !answered.has(numberOf(node)) && this.#isReady(node)) ?? [];
      if (group && ready.length > 0) {
        for (const { node } of ready) answered.add(numberOf(node));
        this.links.answer(this.links.to(group.contact), ready, ready.length === group.outgoing.length);
      }
      if (!group || answered.size >= group.outgoing.length) this.#callers.delete(peerId);
    }
  }

  #isReady(node: LogicalNode): boolean {
    if (this.#unheard.size === 0) return true;
    const { tree } = this.#parts;
    const region = tree.region(node);
    for (const slot of this.slots.all()) {
      const isWaited = this.#unheard.has(slot.from.peerId) && slot.heardAt < this.#roundStartedAt;
      if (isWaited && isWithin(tree.region(slot.node), region)) return false;
    }
    return true;
  }

  // --- changes ---

  #onZoneChanged(isOwner: boolean, wasOwner: boolean): void {
    const { env, options } = this.#parts.local;
    if (options.somo === 'off') return;
    this.#flow = undefined;
    this.#break(this.slots.cutTo(this.zone));
    if (!isOwner) return;
    // A seeded stagger, as with heartbeats.
    if (!wasOwner) this.#nextAt = env.now() + env.random.unit() * options.somoPeriodMs;
    this.soon(wasOwner ? SOON_MS : env.random.unit() * FIRST_REPORT_MS);
  }

  /**
   * Deaths come together (a rack, a link), and a machine whose parent died is not called any more. To wait until that is
   * noticed costs a period more at every level, so each death nearby is a reason to ask.
   */
  #onDeath(): void {
    this.#onNeighbours();
    if (!this.isOn || this.#parts.local.options.somo !== 'synchronised') return;
    const { env } = this.#parts.local;
    const askAt = env.now() + env.random.unit() * ASK_AFTER_DEATH_MS;
    for (const link of this.links.all()) link.dueAt = Math.min(link.dueAt, askAt);
    this.#nextAt = Math.min(this.#nextAt, askAt);
    this.#arm();
  }

  /** Who stands beside us decides how far down our leaf is. */
  #onNeighbours(): void {
    if (!this.isOn) return;
    const { leaf } = this;
    if (sameNode(leaf, this.#leaf)) return;
    this.#leaf = leaf;
    this.#flow = undefined;
    this.soon();
  }

  /** Tells those whose parents are no longer hosted here. */
  #break(cut: readonly Slot[]): void {
    const byPeer = new Map<string, { readonly from: Contact; readonly nodes: SomoNode[] }>();
    for (const { from, node } of cut) {
      const group = byPeer.get(from.peerId) ?? { from, nodes: [] };
      byPeer.set(from.peerId, group);
      if (group.nodes.length < NODES_MAX) group.nodes.push(toWireNode(node));
      this.#heard.delete(from.peerId);
    }
    for (const { from, nodes } of byPeer.values()) this.#parts.local.env.send(from, { type: 'somoBreak', nodes });
  }

  #expire(now: Millis): void {
    const before = now - LEASE_PERIODS * this.#parts.local.options.somoPeriodMs;
    this.slots.expire(now);
    for (const [peerId, { at }] of this.#heard) if (at < before) this.#heard.delete(peerId);
  }

  #arm(): void {
    const at = Math.min(this.#nextAt, this.#soonAt, this.#roundEndsAt);
    if (at >= this.#armedAt) return;
    this.#armedAt = at;
    this.#parts.local.env.arm(TIMER.somo, at);
  }
}

function isWhole({ part, seq }: SomoReport, before: Heard | undefined): boolean {
  return part === 0 || (before?.isWhole === true && before.part === part - 1 && before.seq === seq - 1);
}

/** Does the parent speak for other machines, by our last report, than it should? */
function isNewsFor(link: Link, outgoing: readonly Part[]): boolean {
  const told = link.sent?.partials;
  if (told?.size !== outgoing.length) return true;
  return outgoing.some(({ node, partial }) => {
    const before = told.get(numberOf(node));
    return !before || !isSameExtent(before, partial);
  });
}
