/**
 * The metadata tree as one part of a peer ([0051], [0052]): what it is asked for, and what it tells.
 *
 * Gathering runs by itself; questions, messages and registrations are begun here and end with one handler. The machine's own
 * report comes from whoever runs the peer: the daemon measures, a simulation draws.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import { CIRCLE } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { Call, Machine } from '../pool/ops.ts';
import { Ops } from '../pool/ops.ts';
import type { Clamping, Report } from '../pool/report.ts';
import { clamped } from '../pool/report.ts';
import type { State } from '../pool/state.ts';
import type { Requests } from '../requests.ts';
import type { Membership } from '../ring/membership.ts';
import type { Router } from '../routing/router.ts';
import type { SomoDown, SomoMessage, SomoNews, SomoStanding } from '../wire/somo-messages.ts';
import { DOWN } from '../wire/somo-messages.ts';
import type { Answer, Errand, Transform } from './descent.ts';
import { Descents } from './descent.ts';
import { Gather } from './gather.ts';
import type { Best } from './promotion.ts';
import { Promotion } from './promotion.ts';
import { Hosts } from './hosts.ts';
import type { Own, Partial } from './partial.ts';
import { ageOf, checkedStates, NOTHING, UNHEARD } from './partial.ts';
import type { Zone } from './placement.ts';
import { parentNode, representative, WHOLE } from './placement.ts';
import type { Standing } from './standing.ts';
import { StandingQueries } from './standing.ts';
import type { LogicalNode, Region } from './tree.ts';
import { isWithin, LogicalTree, nodeOf, numberOf, ROOT } from './tree.ts';

export const EVERYWHERE: Region = { from: 0, to: CIRCLE };
/** Most logical nodes that one question begins at; a region that needs more begins at one larger node. */
const COVER_MAX = 16;
/** A result that has not changed is repeated after so many periods, so that silence means something. */
const NEWS_QUIET_PERIODS = 3;

export interface Target {
  readonly region?: Region;
  /** A condition in CEL that compiles; empty for everybody. */
  readonly where?: string;
}

export interface Coverage {
  /** Share of the circle that the zones of these machines cover. */
  readonly space: number;
  readonly machines: number;
}

export interface Found {
  readonly states: readonly (State | undefined)[];
  readonly coverage: Coverage;
  /** Machines that match the condition; of a message, those that got it. */
  readonly matched: number;
  readonly visited: number;
  /** Hops from the asked nodes to the deepest machine below them, where reports tell. */
  readonly height: number;
  readonly ageMs: Millis;
  readonly tookMs: Millis;
}

export interface Watch {
  readonly id: number;
  readonly calls: readonly Call[];
  readonly region: Region;
  readonly where: string;
  readonly leaseMs: Millis;
  /** Of a job: what comes out is told to everybody; empty for a subscription of this peer. */
  readonly topic: string;
}

/** Where a machine stands in the physical tree. */
export interface TreePlace {
  readonly k: number;
  readonly repre: LogicalNode | undefined;
  readonly parentNode: LogicalNode | undefined;
  readonly parent: Contact | undefined;
  readonly children: readonly { readonly node: LogicalNode; readonly contact: Contact; readonly machines: number; readonly height: number }[];
}

/** The field of a report by which the root's machine is chosen ([0061]). */
export const CAPABILITY = 'capability';

export interface SomoEvents {
  /** A parent did not answer. */
  onSilent(peer: Contact): void;
  /** This machine takes another's place: `Promotion`. */
  onMove(self: Contact, partner: Contact, neighbours: readonly Contact[]): void;
}

export class Somo {
  readonly tree: LogicalTree;
  readonly ops = new Ops();
  readonly gather: Gather;
  readonly standing = new StandingQueries();
  readonly promotion: Promotion;
  /** Values and states that could not be true. */
  readonly counts: Clamping = { clamped: 0, dropped: 0 };
  readonly transforms = new Map<string, Transform>([['share', share]]);
  /** The machine's own report, and when it was sampled; asked whenever a report is due. */
  readReport: (now: Millis) => { readonly report: Report; readonly at: Millis } = (now) => ({ report: new Map(), at: now });
  readonly #local: Local;
  readonly #membership: Membership;
  readonly #hosts: Hosts;
  readonly #descents: Descents;
  readonly #watchers = new Map<number, (news: Found) => void>();
  readonly #told = new Map<number, { readonly states: string; readonly at: Millis }>();

  constructor(local: Local, membership: Membership, requests: Requests, router: Router, events: SomoEvents) {
    this.#local = local;
    this.#membership = membership;
    this.tree = new LogicalTree(local.options.somoArity);
    this.#hosts = new Hosts(local, membership, router, this.tree);
    const { tree, ops, counts, standing } = this;
    const shared = { local, requests, hosts: this.#hosts, tree, ops, counts };
    this.gather = new Gather({ ...shared, membership, standing, onSilent: events.onSilent, own: (zone) => this.#own(zone), onView: (view) => this.#onView(view) });
    this.#descents = new Descents({
      ...shared, gather: this.gather, transforms: this.transforms,
      own: () => this.own,
      onArrival: (errand, from) => this.#onArrival(errand, from),
    });
    this.promotion = new Promotion({
      local, requests, membership,
      find: (above, onBest) => this.#findBest(above, onBest),
      call: ({ peerId, capability }) => this.#descend({ ...this.#errand(DOWN.promote, { where: `capability >= ${capability}` }), text: peerId }, 0, () => undefined),
      ownCapability: () => numberOr(this.own.machine.report.get(CAPABILITY), 0),
      move: events.onMove,
    });
  }

  // --- commands ---

  /** Computes aggregates over the machines that are meant. */
  query(calls: readonly Call[], target: Target, onDone: (found: Found) => void): void {
    this.#descend({ ...this.#errand(DOWN.query, target), aggregates: calls }, calls.length, onDone);
  }

  /** Tells a message to the machines that are meant: each once, while the pool is quiet. */
  tell(topic: string, text: string, target: Target & { readonly transform?: string }, onDone: (found: Found) => void): void {
    this.#descend({ ...this.#errand(DOWN.tell, target), topic, text, transform: target.transform ?? '' }, 0, onDone);
  }

  /** Registers a query until its lease ends; again with the same id to prolong it. `found.matched` machines took it. */
  watch(watch: Watch, onNews: ((news: Found) => void) | undefined, onDone: (found: Found) => void): void {
    if (onNews) this.#watchers.set(watch.id, onNews);
    const { id, calls, region, where, leaseMs, topic } = watch;
    const standing: SomoStanding = { id, origin: this.#local.contact, aggregates: calls, where, from: region.from, to: region.to, leaseMs, topic };
    this.#descend({ ...this.#errand(DOWN.register, {}), standing }, 0, onDone);
  }

  unwatch(id: number, onDone: (found: Found) => void): void {
    this.#watchers.delete(id);
    const standing: SomoStanding = { id, origin: this.#local.contact, aggregates: [], where: '', from: 0, to: CIRCLE, leaseMs: 0, topic: '' };
    this.#descend({ ...this.#errand(DOWN.cancel, {}), standing }, 0, onDone);
  }

  newId(): number {
    return Math.floor(this.#local.env.random.unit() * CIRCLE);
  }

  /** The own report is worth telling before its time. */
  reportSoon(): void {
    this.gather.soon();
  }

  stop(): void {
    this.gather.stop();
    this.promotion.stop();
  }

  // --- getters ---

  /** What is known here of one logical node, if it is hosted here. */
  known(node: LogicalNode): Partial | undefined {
    return this.gather.isOn ? this.gather.flow.nodes.get(numberOf(node)) : undefined;
  }

  /** The view of everything, at the machine that hosts the root. */
  get view(): Partial | undefined {
    return this.gather.isRoot ? this.known(ROOT) : undefined;
  }

  get place(): TreePlace {
    const zone = this.gather.zone;
    const repre = zone && representative(this.tree, zone);
    const parent = zone && parentNode(this.tree, zone, this.#local.position.lead);
    const contact = parent && this.#hosts.find(parent);
    const children = [...this.gather.children].map(({ from, partials }) => {
      const told = [...partials.values()];
      return {
        // The highest one represents the child: [0057].
        node: [...partials.keys()].map(nodeOf).sort((a, b) => a.level - b.level || a.index - b.index)[0] as LogicalNode,
        contact: from, machines: told.reduce((sum, { machines }) => sum + machines, 0), height: Math.max(...told.map(({ height }) => height)),
      };
    });
    return { k: this.tree.k, repre, parentNode: parent, parent: contact && this.#local.isSelf(contact) ? undefined : contact, children };
  }

  /** What this machine says of itself now. */
  get own(): Own {
    return this.#own(this.gather.zone ?? WHOLE);
  }

  get running(): number {
    return this.#descents.running;
  }

  // --- inputs ---

  onMessage(from: Contact, message: SomoMessage): void {
    switch (message.type) {
      case 'somoReport': return this.gather.onReport(from, message);
      case 'somoBreak': return this.gather.onBreak(from, message);
      case 'somoCall': return this.gather.onCall(from, message);
      case 'somoDown': return this.#onDown(from, message);
      case 'somoNews': return this.#onNews(message);
      // Answers to questions: they arrive through Requests.
      case 'somoAck':
      case 'somoUp': return;
    }
  }

  onTimer(): void {
    this.gather.onTimer();
  }

  onDescentTimer(): void {
    this.#descents.onTimer();
  }

  // --- this machine ---

  #own(zone: Zone): Own {
    const now = this.#local.env.now();
    const { report, at } = this.readReport(now);
    const machine: Machine = { peerId: this.#local.contact.peerId, report: clamped(report, this.counts) };
    const { predecessor, successor } = this.#membership.leafset;
    const lead = this.#local.position.lead;
    return {
      machine, lead, space: zone.span, sampledAt: at,
      before: predecessor?.contact.position.lead ?? lead, after: successor?.contact.position.lead ?? lead,
    };
  }

  #onArrival(errand: Errand, from: Contact): boolean {
    const { env } = this.#local;
    const { standing } = errand;
    switch (errand.kind) {
      case DOWN.tell:
        env.emit({ kind: 'told', topic: errand.topic, text: errand.text, from });
        return true;
      case DOWN.register:
        return standing !== undefined && this.standing.learn(standing, this.ops, env.now(), true);
      case DOWN.promote:
        this.promotion.onCalled(from, errand.text);
        return true;
      case DOWN.cancel:
        if (standing) this.standing.cancel(standing.id, env.now());
        return standing !== undefined;
      default:
        return false;
    }
  }

  #onDown(from: Contact, message: SomoDown): void {
    this.#descents.onDown(from, message);
  }

  // --- descents ---

  #errand(kind: number, { region = EVERYWHERE, where = '' }: Target): Errand {
    return { id: this.newId(), kind, from: region.from, to: region.to, where, origin: this.#local.contact, topic: '', text: '', transform: '', aggregates: [], standing: undefined };
  }

  #descend(errand: Errand, calls: number, onDone: (found: Found) => void): void {
    const startedAt = this.#local.env.now();
    const finish = ({ states, machines, space, matched, visited, height, oldestAt }: Answer): void => {
      const now = this.#local.env.now();
      onDone({
        states: calls === 0 ? [] : states, matched, visited, height, coverage: { space: Math.min(1, space / CIRCLE), machines },
        ageMs: Math.max(0, Math.round(now - oldestAt)), tookMs: now - startedAt,
      });
    };
    this.#descents.start(errand, this.#startOf({ from: errand.from, to: errand.to }), finish);
  }

  /** The logical nodes that the region is made of ([0069]), or the smallest one around it when those are many. */
  #startOf(region: Region): LogicalNode[] {
    const cover = this.tree.cover(region);
    if (cover && cover.length <= COVER_MAX) return cover;
    let node = ROOT;
    for (;;) {
      const child = this.tree.children(node).find((one) => isWithin(region, this.tree.region(one)));
      if (!child) return [node];
      node = child;
    }
  }

  #findBest(above: number, onBest: (best: Best | undefined) => void): void {
    const call: Call = { op: 'top', field: CAPABILITY, parameter: 1 };
    this.query([call], { where: `${CAPABILITY} > ${above}` }, ({ states }) => {
      const [first] = (this.ops.find(call.op)?.finish(states[0], call) ?? []) as readonly { readonly peer: string; readonly value: number }[];
      onBest(first && { peerId: first.peer, capability: first.value });
    });
  }

  // --- registered queries ---

  #onView(view: Partial): void {
    for (const query of this.standing.all) this.#publish(query, view);
    this.promotion.onView();
  }

  #publish(query: Standing, view: Partial): void {
    const { env, options } = this.#local;
    const now = env.now();
    const { machines, space, matched, states } = view.tallies.get(query.id) ?? UNHEARD;
    if (query.topic !== '') {
      const values = query.calls.map((call, i) => this.ops.find(call.op)?.finish(states[i], call) ?? null);
      this.tell(query.topic, JSON.stringify({ values, machines, matched, ageMs: ageOf(view, now) }), {}, () => undefined);
      return;
    }
    const text = JSON.stringify([states, machines, matched]);
    const before = this.#told.get(query.id);
    if (before?.states === text && now - before.at < NEWS_QUIET_PERIODS * options.somoPeriodMs) return;
    this.#told.set(query.id, { states: text, at: now });
    for (const id of this.#told.keys()) if (!this.standing.all.some((one) => one.id === id)) this.#told.delete(id);
    const news: SomoNews = {
      type: 'somoNews', id: query.id, machines, space: space / CIRCLE, matched, ageMs: ageOf(view, now), height: view.height,
      states: states.map((state) => state ?? NOTHING),
    };
    if (this.#local.isSelf(query.origin)) this.#onNews(news);
    else env.send(query.origin, news);
  }

  #onNews(news: SomoNews): void {
    const query = this.standing.all.find(({ id }) => id === news.id);
    const watcher = this.#watchers.get(news.id);
    if (!query || !watcher) return;
    const { machines, matched, ageMs, height } = news;
    const states = checkedStates(news.states, query.calls, machines, this.ops, this.counts);
    watcher({ states, coverage: { space: Math.min(1, Math.max(0, news.space)), machines }, matched, visited: 0, height, ageMs, tookMs: 0 });
  }
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}

/** Built in: a number is divided among the machines below, so that they all together get what was sent. */
function share(text: string, { machines, of }: { readonly machines: number; readonly of: number }): string {
  const number = Number(text);
  return Number.isFinite(number) && of > 0 ? String((number * machines) / of) : text;
}
