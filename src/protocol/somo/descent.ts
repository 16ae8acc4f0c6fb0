/**
 * What goes down the tree and comes back up: messages, questions and registrations ([0064], [0069], [0070]).
 *
 * From the host of a logical node to the hosts of its children, only where somebody may be meant: the region decides by
 * arithmetic, the condition by the summary of each child. Answers merge on the way up; whoever has heard from all below
 * answers at once, and whoever runs out of budget answers with what it has. Nothing is delivered twice: a machine has one
 * leaf, and remembers what it has seen.
 */
import type { Contact } from '../../core/contact.ts';
import { Deadlines } from '../../core/deadlines.ts';
import type { Millis } from '../../core/env.ts';
import { CIRCLE } from '../../core/position.ts';
import type { Local } from '../local.ts';
import { TIMER } from '../local.ts';
import type { Call, Ops } from '../pool/ops.ts';
import type { Predicate } from '../pool/predicate.ts';
import { EVERYBODY } from '../pool/predicate.ts';
import { fromSummary } from '../pool/query.ts';
import type { Clamping } from '../pool/report.ts';
import type { State } from '../pool/state.ts';
import type { Requests } from '../requests.ts';
import type { SomoDown, SomoUp } from '../wire/somo-messages.ts';
import { DOWN } from '../wire/somo-messages.ts';
import type { Part } from './flow.ts';
import type { Gather } from './gather.ts';
import type { Hosts } from './hosts.ts';
import type { Own, Partial } from './partial.ts';
import { ageOf, checkedCalls, checkedPredicate, checkedStates, fromWireNode, holdsLead, mergeStates, NOTHING, toWireNode } from './partial.ts';
import type { LogicalNode, LogicalTree, Region } from './tree.ts';
import { isWithin, numberOf, overlaps, sameNode } from './tree.ts';

/** What travels down, without the node it is for and the numbers of the hop. */
export type Errand = Omit<SomoDown, 'type' | 'op' | 'node' | 'budgetMs'>;

/** What is known of an answer so far. */
export interface Answer {
  readonly machines: number;
  readonly space: number;
  readonly matched: number;
  readonly visited: number;
  readonly oldestAt: Millis;
  readonly height: number;
  readonly states: readonly (State | undefined)[];
}

/** A change to a text on its way to a child: `machines` of the `of` machines in question are below it ([0070]). */
export type Transform = (text: string, branch: { readonly machines: number; readonly of: number }) => string;

export interface DescentParts {
  readonly local: Local;
  readonly requests: Requests;
  readonly hosts: Hosts;
  readonly tree: LogicalTree;
  readonly gather: Gather;
  readonly ops: Ops;
  readonly counts: Clamping;
  readonly transforms: ReadonlyMap<string, Transform>;
  own(): Own;
  /** The errand has reached this machine, once. False when it could not be done here. */
  onArrival(errand: Errand, from: Contact): boolean;
}

interface Running {
  readonly down: Down;
  total: Answer;
  open: number;
  readonly dueAt: Millis;
  readonly onDone: (answer: Answer) => void;
}

/** An errand as this machine reads it. */
interface Down {
  readonly errand: Errand;
  readonly region: Region;
  readonly predicate: Predicate;
  readonly calls: readonly Call[];
  readonly budgetMs: Millis;
}

interface Target {
  readonly contact: Contact;
  readonly node: LogicalNode;
  readonly machines: number;
}

/** The share of its own budget that a machine gives to those below, and what it keeps for the way. */
const BUDGET_SHARE = 0.88;
const BUDGET_WAY_MS = 50;
const ATTEMPTS = 3;
/** Answers of whole subtrees take their time; this is for those that never come. */
const FIRST_TIMEOUT_MS = 2_000;
/** Errands under way at once; a further one is answered with nothing. */
const RUNNING_MAX = 1_024;
/** Errands remembered as seen, and answers kept for askers that did not get them; the oldest are forgotten first. */
const SEEN_MAX = 1_024;
const ANSWERED_MAX = 256;

export class Descents {
  readonly #parts: DescentParts;
  readonly #running = new Map<number, Running>();
  readonly #deadlines = new Deadlines();
  readonly #seen = new Map<number, true>();
  readonly #reached = new Map<number, true>();
  readonly #answered = new Map<string, SomoUp | undefined>();
  #lastRun = 0;

  constructor(parts: DescentParts) {
    this.#parts = parts;
  }

  get running(): number {
    return this.#running.size;
  }

  /**
   * Begins at these logical nodes, wherever they are hosted; their regions are disjoint. `onDone` runs once.
   */
  start(errand: Errand, nodes: readonly LogicalNode[], onDone: (answer: Answer) => void): void {
    const { options } = this.#parts.local;
    const calls = errand.aggregates;
    let total = this.#nothing(calls);
    let open = nodes.length;
    const onAnswer = (answer: Answer): void => {
      total = this.#merged(total, answer, calls);
      if (--open === 0) onDone(total);
    };
    for (const node of nodes) {
      const region = this.#parts.tree.region(node);
      const part: Errand = { ...errand, from: Math.max(errand.from, region.from), to: Math.min(errand.to, region.to) };
      const down = this.#read(part, options.somoBudgetMs);
      const run = down && this.#begin(down, onAnswer);
      if (run === undefined) onAnswer(this.#nothing(calls));
      else this.#parts.hosts.resolve(node, (host) => this.#startAt(run, node, part, host));
    }
  }

  #startAt(run: number, node: LogicalNode, errand: Errand, host: Contact | undefined): void {
    const running = this.#running.get(run);
    if (running && host) {
      if (this.#parts.local.isSelf(host)) {
        this.#visited(running);
        this.#expand(run, node, errand);
      } else {
        running.open++;
        this.#ask(run, { contact: host, node, machines: 0 }, errand.text);
      }
    }
    this.#close(run, undefined);
  }

  onDown(from: Contact, message: SomoDown): void {
    const name = `${from.peerId}/${from.incarnation}/${message.op}`;
    if (this.#answered.has(name)) {
      const answer = this.#answered.get(name);
      if (answer) this.#parts.local.env.send(from, answer);
      return;
    }
    remember(this.#answered, name, undefined, ANSWERED_MAX);
    const { type: _type, op, node: wireNode, budgetMs, ...errand } = message;
    const node = fromWireNode(wireNode);
    const down = this.#parts.gather.isOn && this.#parts.tree.has(node) ? this.#read(errand, Math.min(budgetMs, this.#parts.local.options.somoBudgetMs)) : undefined;
    const reply = (answer: Answer): void => {
      const up = this.#toWire(op, answer);
      remember(this.#answered, name, up, ANSWERED_MAX);
      this.#parts.local.env.send(from, up);
    };
    const run = down && this.#begin(down, reply);
    if (run === undefined) return reply(this.#nothing(down?.calls ?? []));
    this.#visited(this.#running.get(run) as Running);
    this.#expand(run, node, errand);
    this.#close(run, undefined);
  }

  onTimer(): void {
    const now = this.#parts.local.env.now();
    for (let run = this.#deadlines.popDue(now); run !== undefined; run = this.#deadlines.popDue(now)) this.#finish(run);
    const next = this.#deadlines.next();
    if (next !== undefined) this.#parts.local.env.arm(TIMER.descents, next);
  }

  // --- one errand ---

  #read(errand: Errand, budgetMs: Millis): Down | undefined {
    const predicate = errand.where === '' ? EVERYBODY : checkedPredicate(errand.where);
    const calls = checkedCalls(errand.aggregates, this.#parts.ops);
    const { from, to } = errand;
    if (!predicate || !calls || !(from >= 0 && from < to && to <= CIRCLE)) return undefined;
    return { errand, predicate, calls, region: { from, to }, budgetMs };
  }

  #begin(down: Down, onDone: (answer: Answer) => void): number | undefined {
    if (this.#running.size >= RUNNING_MAX) return undefined;
    const run = ++this.#lastRun;
    const dueAt = this.#parts.local.env.now() + down.budgetMs;
    this.#running.set(run, { down, total: this.#nothing(down.calls), open: 1, dueAt, onDone });
    this.#deadlines.add(dueAt, run);
    this.#parts.local.env.arm(TIMER.descents, this.#deadlines.next() as Millis);
    return run;
  }

  /** Counts this machine among those that were asked, once for each errand. */
  #visited(running: Running): void {
    const { id } = running.down.errand;
    if (this.#seen.has(id)) return;
    remember(this.#seen, id, true, SEEN_MAX);
    running.total = { ...running.total, visited: running.total.visited + 1 };
  }

  /**
   * Carries the errand to whoever is known at and below the node, exactly as their reports were merged: who is counted is
   * reached, once.
   */
  #expand(run: number, node: LogicalNode, errand: Errand): void {
    const running = this.#running.get(run);
    if (!running || !this.#parts.gather.isOn) return;
    const { flow } = this.#parts.gather;
    const targets: Target[] = [];
    let isHere = false;
    const visit = ({ node: at, partial: known, from, merged }: Part): void => {
      const region = this.#parts.tree.region(at);
      if (!overlaps(region, running.down.region) || this.#isKnown(running, region, known)) return;
      if (from) targets.push({ contact: from, node: at, machines: known.machines });
      else if (!merged) isHere = true;
      else for (const below of flow.parts.get(numberOf(merged)) ?? []) visit(below);
    };
    const number = numberOf(node);
    const top = flow.tops.find((part) => sameNode(part.node, node));
    const partial = flow.nodes.get(number);
    if (top) visit(top);
    else if (partial) visit({ node, partial, from: undefined, merged: node });
    else this.#climb(node, (above, known) => visit({ node: above, partial: known, from: undefined, merged: above }), targets);
    const of = targets.reduce((sum, { machines }) => sum + machines, isHere ? 1 : 0);
    const transform = this.#parts.transforms.get(errand.transform);
    const textFor = (machines: number): string => (transform ? transform(errand.text, { machines, of }) : errand.text);
    if (isHere) this.#here(running, textFor(1));
    for (const target of targets) {
      running.open++;
      this.#ask(run, target, textFor(target.machines));
    }
  }

  /** What branches nowhere is reported past its host, to the next node above that does: who hosts that knows. */
  #climb(node: LogicalNode, visit: (node: LogicalNode, partial: Partial) => void, targets: Target[]): void {
    const { tree, hosts, local, gather } = this.#parts;
    for (let above = tree.parent(node); above; above = tree.parent(above)) {
      const host = hosts.find(above);
      if (!host) return;
      if (!local.isSelf(host)) {
        targets.push({ contact: host, node: above, machines: 0 });
        return;
      }
      const partial = gather.flow.nodes.get(numberOf(above));
      if (partial) return visit(above, partial);
    }
  }

  /** Nobody below has to be asked: what they reported says it all, or says that nobody matches. */
  #isKnown(running: Running, region: Region, partial: Partial): boolean {
    if (partial.machines === 0 || this.#fromKnown(running, region, partial)) return true;
    const { predicate, calls, region: meant } = running.down;
    if (!isWithin(region, meant) || predicate.couldMatch(partial.summary)) return false;
    running.total = this.#joined(running, { ...this.#nothing(calls), machines: partial.machines, space: partial.space, oldestAt: partial.oldestAt });
    return true;
  }

  /** A question about everybody in a region whose report is here needs nobody else ([0069]). */
  #fromKnown(running: Running, region: Region, partial: Partial | undefined): boolean {
    const { errand, calls, predicate, region: meant } = running.down;
    if (!partial || errand.kind !== DOWN.query || predicate !== EVERYBODY || !isWithin(region, meant)) return false;
    const states: (State | undefined)[] = [];
    for (const call of calls) {
      const known = fromSummary(call, partial.summary, partial.machines);
      if (!known) return false;
      states.push(known.state);
    }
    const { machines, space, oldestAt, height } = partial;
    running.total = this.#joined(running, { machines, space, matched: machines, visited: 0, oldestAt, height, states });
    return true;
  }

  /** This machine itself. */
  #here(running: Running, text: string): void {
    const { down } = running;
    const own = this.#parts.own();
    if (!holdsLead(down.region, own.lead) || this.#reached.has(down.errand.id)) return;
    remember(this.#reached, down.errand.id, true, SEEN_MAX);
    const heard = { ...this.#nothing(down.calls), machines: 1, space: own.space, oldestAt: own.sampledAt };
    const isMeant = down.predicate.matches(own.machine.report);
    const isDone = isMeant && (down.errand.kind === DOWN.query || this.#parts.onArrival({ ...down.errand, text }, down.errand.origin));
    const states = isDone ? down.calls.map((call) => this.#parts.ops.find(call.op)?.init(own.machine, call)) : heard.states;
    running.total = this.#joined(running, { ...heard, matched: isDone ? 1 : 0, states });
  }

  #ask(run: number, { contact, node }: Target, text: string): void {
    const running = this.#running.get(run);
    if (!running) return;
    const { local, requests } = this.#parts;
    const left = running.dueAt - local.env.now();
    const budgetMs = Math.max(0, Math.floor(left * BUDGET_SHARE - BUDGET_WAY_MS));
    requests.ask({
      to: contact, attempts: ATTEMPTS, timeoutMs: FIRST_TIMEOUT_MS,
      message: (op) => ({ type: 'somoDown', ...running.down.errand, text, op, node: toWireNode(node), budgetMs }),
      onReply: (reply) => this.#close(run, reply.type === 'somoUp' ? this.#fromWire(running.down, reply) : undefined),
      onSilent: () => {
        this.#parts.hosts.forgetPeer(contact);
        this.#close(run, undefined);
      },
    });
  }

  /** One of those who were asked has answered, or will not. */
  #close(run: number, answer: Answer | undefined): void {
    const running = this.#running.get(run);
    if (!running) return;
    if (answer) running.total = this.#joined(running, answer);
    if (--running.open === 0) this.#finish(run);
  }

  #finish(run: number): void {
    const running = this.#running.get(run);
    if (!running) return;
    this.#running.delete(run);
    running.onDone(running.total);
  }

  // --- answers ---

  #nothing(calls: readonly Call[]): Answer {
    return { machines: 0, space: 0, matched: 0, visited: 0, oldestAt: this.#parts.local.env.now(), height: 0, states: calls.map(() => undefined) };
  }

  #joined({ total, down }: Running, more: Answer): Answer {
    return this.#merged(total, more, down.calls);
  }

  #merged(total: Answer, more: Answer, calls: readonly Call[]): Answer {
    return {
      machines: total.machines + more.machines, space: total.space + more.space, matched: total.matched + more.matched, visited: total.visited + more.visited,
      oldestAt: Math.min(total.oldestAt, more.oldestAt), height: Math.max(total.height, more.height),
      states: mergeStates(total.states, more.states, calls, this.#parts.ops),
    };
  }

  #toWire(op: number, answer: Answer): SomoUp {
    const { machines, matched, visited, height } = answer;
    const ageMs = ageOf({ oldestAt: answer.oldestAt } as Partial, this.#parts.local.env.now());
    return { type: 'somoUp', op, machines, space: answer.space / CIRCLE, matched, visited, height, ageMs, states: answer.states.map((state) => state ?? NOTHING) };
  }

  #fromWire({ calls }: Down, up: SomoUp): Answer {
    const { machines, visited, height } = up;
    const space = Math.round(Math.min(1, Math.max(0, up.space)) * CIRCLE);
    const matched = Math.min(machines, up.matched);
    const states = checkedStates(up.states, calls, matched, this.#parts.ops, this.#parts.counts);
    return { machines, space, matched, visited, oldestAt: this.#parts.local.env.now() - up.ageMs, height, states };
  }
}

function remember<K, V>(map: Map<K, V>, key: K, value: V, max: number): void {
  map.set(key, value);
  if (map.size > max) map.delete(map.keys().next().value as K);
}
