/**
 * All latency-graded trees of one peer: one agent for each, one timer for all.
 *
 * Messages about a tree that this peer is not in are answered at once, so that whoever believes otherwise goes elsewhere.
 */
import { assert } from '../../../core/assert.ts';
import type { Contact } from '../../../core/contact.ts';
import { Deadlines } from '../../../core/deadlines.ts';
import type { Millis } from '../../../core/env.ts';
import type { Local } from '../../local.ts';
import { TIMER } from '../../local.ts';
import type { Requests } from '../../requests.ts';
import type { LagEntry, LagInput } from '../../wire/lagover-messages.ts';
import { OUTCOME } from '../../wire/lagover-messages.ts';
import { Agent } from './agent.ts';
import type { Asking } from './context.ts';
import { Context } from './context.ts';
import type { Follower, PeerOracle } from './oracle.ts';
import { treeNumber } from './somo-directory.ts';
import type { Terms, Tree } from './tree.ts';
import { TREES_MAX } from './tree.ts';

/** Undefined: it floats. */
export type OnParent = (parent: Contact | undefined) => void;

export class Lagover {
  readonly #local: Local;
  readonly #requests: Requests;
  readonly #agents = new Map<string, Agent>();
  /** Who has to be told of a new parent, and which was told last. */
  readonly #watched = new Map<string, { parent: Contact | undefined; readonly onParent: OnParent }>();
  /** Of the trees whose oracle has to be told of this peer. */
  readonly #followers = new Map<string, Follower>();
  /** Names of trees as small numbers, for the heap. */
  readonly #numbers = new Map<string, number>();
  readonly #byNumber = new Map<number, string>();
  readonly #deadlines = new Deadlines();
  /** When each is due; entries of the heap that say otherwise mean nothing. */
  readonly #dueAt = new Map<string, Millis>();
  /** Something happened to these. */
  readonly #touched = new Set<string>();
  #lastNumber = 0;
  #armedAt = Infinity;

  constructor(local: Local, requests: Requests) {
    this.#local = local;
    this.#requests = requests;
  }

  /** Takes part in a tree: as its source, if that is this peer. False when it takes part in too many already. */
  join(tree: Tree, terms: Terms, oracle: PeerOracle, onParent?: OnParent): boolean {
    assert(!this.#agents.has(tree.id), 'a peer takes part in a tree once');
    if (this.#agents.size >= TREES_MAX) return false;
    const asked: PeerOracle = {
      ask: (wish, onAnswer) => oracle.ask(wish, (peer) => {
        this.#touched.add(tree.id);
        onAnswer(peer);
      }),
    };
    const agent = new Agent(new Context(this.#local, this.#asking(tree.id), tree, terms), asked);
    this.#agents.set(tree.id, agent);
    const number = ++this.#lastNumber;
    this.#numbers.set(tree.id, number);
    this.#byNumber.set(number, tree.id);
    this.#touched.add(tree.id);
    if (onParent) this.#watched.set(tree.id, { parent: undefined, onParent });
    const follower = oracle.follow?.(agent);
    if (follower) this.#followers.set(tree.id, follower);
    this.#arm();
    return true;
  }

  /** Says goodbye to parent and children. */
  leave(treeId: string): void {
    this.#agents.get(treeId)?.leave();
    this.#agents.delete(treeId);
    this.#watched.delete(treeId);
    this.#dueAt.delete(treeId);
    this.#byNumber.delete(this.#numbers.get(treeId) ?? 0);
    this.#numbers.delete(treeId);
    this.#followers.delete(treeId);
  }

  leaveAll(): void {
    for (const treeId of [...this.#agents.keys()]) this.leave(treeId);
  }

  /** By the number that names a tree in queries to the metadata tree; undefined when this peer is not in it. */
  placeIn(number: number): { readonly entry: LagEntry; readonly width: number } | undefined {
    for (const [treeId, agent] of this.#agents) {
      if (treeNumber(treeId) !== number) continue;
      const { delay, openSlots, isRooted } = agent;
      return { entry: { contact: this.#local.contact, delay, openSlots, rooted: isRooted, ageMs: 0 }, width: agent.tree.hop };
    }
    return undefined;
  }

  /** Whether the two are parent and child in some tree. */
  isNeighbour(peerId: string): boolean {
    for (const { parent, children } of this.#agents.values()) if (parent?.peerId === peerId || children.some((child) => child.peerId === peerId)) return true;
    return false;
  }

  /** In how many trees each neighbour is one. */
  edges(): Map<string, number> {
    const edges = new Map<string, number>();
    const count = ({ peerId }: Contact): void => void edges.set(peerId, (edges.get(peerId) ?? 0) + 1);
    for (const { parent, children } of this.#agents.values()) {
      if (parent !== undefined) count(parent);
      for (const child of children) count(child);
    }
    return edges;
  }

  /** Of the tree in which this peer stands deepest. */
  get depthMax(): number {
    let depth = 0;
    for (const agent of this.#agents.values()) depth = Math.max(depth, agent.depth);
    return depth;
  }

  agent(treeId: string): Agent | undefined {
    return this.#agents.get(treeId);
  }

  onMessage(from: Contact, message: LagInput): void {
    const agent = this.#agents.get(message.tree);
    if (agent === undefined) this.#onStrangeTree(from, message);
    else agent.onMessage(from, message);
    this.#touched.add(message.tree);
    this.#arm();
  }

  onTimer(): void {
    this.#armedAt = Infinity;
    const now = this.#local.env.now();
    // What comes due by what is done now waits for the next timer.
    const due: string[] = [];
    for (let number = this.#deadlines.popDue(now); number !== undefined; number = this.#deadlines.popDue(now)) {
      const treeId = this.#byNumber.get(number);
      if (treeId === undefined || (this.#dueAt.get(treeId) ?? Infinity) > now || due.includes(treeId)) continue;
      due.push(treeId);
    }
    for (const treeId of due) {
      this.#dueAt.delete(treeId);
      const agent = this.#agents.get(treeId);
      if (agent !== undefined && agent.nextDueAt() <= now) agent.onTimer(now);
      const follower = this.#followers.get(treeId);
      if (follower !== undefined && follower.nextDueAt() <= now) follower.onTimer(now);
      this.#touched.add(treeId);
    }
    this.#arm();
  }

  onPeerUnreachable(peer: Contact): void {
    for (const [treeId, agent] of this.#agents) {
      agent.onPeerUnreachable(peer);
      this.#touched.add(treeId);
    }
    this.#arm();
  }

  /** Something outside its messages has changed that agent. */
  touch(treeId: string): void {
    this.#touched.add(treeId);
    this.#arm();
  }

  /** After whatever may have changed when an agent is due: also answers that came through the table of questions. */
  settle(): void {
    this.#arm();
  }

  /** We left that tree, or never were in it: whoever asks need not wait. */
  #onStrangeTree(from: Contact, message: LagInput): void {
    const { env } = this.#local;
    const { tree } = message;
    switch (message.type) {
      case 'lagMeet':
      case 'lagClaim': {
        const { op, link } = message;
        return env.send(from, { type: 'lagAnswer', op, tree, link, outcome: OUTCOME.anotherTree, to: undefined, descends: false, path: undefined, stamp: 0, version: 0 });
      }
      case 'lagReport': return env.send(from, { type: 'lagReportReply', op: message.op, held: false, needFull: false, stamp: 0, version: 0, path: undefined });
      case 'lagAudit': return env.send(from, { type: 'lagNamed', op: message.op, suits: false, next: undefined });
      case 'lagLock': return env.send(from, { type: 'lagLocked', op: message.op, locked: false, children: [] });
      case 'lagRelease':
      case 'lagMove': return env.send(from, { type: 'lagAck', op: message.op });
      case 'lagAnswer':
        // A slot was granted to a peer that has left since.
        if (message.outcome === OUTCOME.granted) env.send(from, { type: 'lagRelease', op: 0, tree, link: message.link });
        return;
      case 'lagUnlock':
      case 'lagWay':
      case 'lagBye':
    }
  }

  /** Only agents that something happened to are looked at: a peer may be in a thousand trees. */
  #arm(): void {
    for (const treeId of this.#touched) {
      this.#touched.delete(treeId);
      this.#look(treeId);
    }
    const next = this.#nextDue();
    if (next === this.#armedAt) return;
    this.#armedAt = next;
    if (next === Infinity) this.#local.env.disarm(TIMER.lagover);
    else this.#local.env.arm(TIMER.lagover, Math.max(next, this.#local.env.now()));
  }

  /** Tells of a new parent, which may lead to further changes, and notes when it is due. */
  #look(treeId: string): void {
    const agent = this.#agents.get(treeId);
    const watched = this.#watched.get(treeId);
    const { parent } = agent ?? { parent: undefined };
    if (watched !== undefined && parent?.peerId !== watched.parent?.peerId) {
      watched.parent = parent;
      watched.onParent(parent);
    }
    const number = this.#numbers.get(treeId);
    if (agent === undefined || number === undefined) return;
    const dueAt = Math.min(agent.nextDueAt(), this.#followers.get(treeId)?.nextDueAt() ?? Infinity);
    if (dueAt === this.#dueAt.get(treeId)) return;
    this.#dueAt.set(treeId, dueAt);
    if (dueAt < Infinity) this.#deadlines.add(dueAt, number);
  }

  /** Drops what is due at another time by now. */
  #nextDue(): Millis {
    for (;;) {
      const at = this.#deadlines.next();
      if (at === undefined) return Infinity;
      const number = this.#deadlines.popDue(at) as number;
      const treeId = this.#byNumber.get(number);
      if (treeId === undefined || this.#dueAt.get(treeId) !== at) continue;
      this.#deadlines.add(at, number);
      return at;
    }
  }

  /** Marks the tree whenever an answer comes, or none. */
  #asking(treeId: string): Asking {
    const requests = this.#requests;
    const touched = this.#touched;
    return {
      ask: (ask) => requests.ask({
        ...ask,
        onReply: (reply, rttMs, from) => {
          touched.add(treeId);
          ask.onReply(reply, rttMs, from);
        },
        onSilent: () => {
          touched.add(treeId);
          ask.onSilent();
        },
      }),
      cancel: (op) => requests.cancel(op),
    };
  }
}
