/**
 * The pull form of gathering ([0066]-[0068]): logical nodes are objects of the data overlay, linked by references.
 *
 * The object of a node lies under the node's key, so the machine that hosts the key owns it, and its value is the node's
 * latest report. Whoever runs a node dereferences its children and stores op(own metrics, children's reports): the print
 * forgets the machine's own metrics (CORRECTIONS 1). They enter at the machine's leaf, as in the message form, so both forms
 * have the same root report. Each running node hangs itself below its parent again at every turn: a reference or an object
 * that is lost comes back within a turn a level. It costs several operations on objects for each node and turn where the
 * message form sends one message, which is why peers gather with messages and this is for whoever builds on objects.
 */
import type { Contact } from '../../core/contact.ts';
import { samePeer } from '../../core/contact.ts';
import { WireError } from '../../core/errors.ts';
import type { Position } from '../../core/position.ts';
import { positionFromLead } from '../../core/position.ts';
import type { Node } from '../node.ts';
import type { StoredObject } from '../wire/messages.ts';
import { createCodec } from '../wire/codec.ts';
import type { Partial } from './partial.ts';
import { fromWire, holdsLead, mergePartials, ownPartial, toWire } from './partial.ts';
import { hostedNodes } from './placement.ts';
import type { LogicalNode, LogicalTree } from './tree.ts';
import { sameNode } from './tree.ts';

/** A node that nobody runs is gone after so many periods: soft state ([0062]). */
const LEASE_PERIODS = 3;
const codec = createCodec();
const EMPTY = new Uint8Array(0);

/** A node's own key has its level behind the leading bits: with odd k two nodes have one centre. */
export function objectKey(tree: LogicalTree, node: LogicalNode): Position {
  return positionFromLead(tree.key(node), node.level.toString(16).padStart(2, '0'));
}

export function childField(tree: LogicalTree, child: LogicalNode): string {
  return `child.${child.index % tree.k}`;
}

export class PullForm {
  /** Children that were lost and were started again by this machine. */
  restarted = 0;
  readonly #peer: Node;
  #isRunning = false;

  constructor(peer: Node) {
    this.#peer = peer;
  }

  /** Logical nodes that this machine runs now, deepest first: those it hosts that hold several machines, and its own leaf. */
  get running(): readonly LogicalNode[] {
    const { somo, membership } = this.#peer;
    const { zone } = somo.gather;
    if (!zone) return [];
    const [first, second] = membership.leafset.left;
    const near = distinct([second?.contact, first?.contact, this.#peer.local.contact, membership.leafset.right[0]?.contact]);
    // A region is one piece around the key, so if it holds two machines it holds two of those next to the key.
    const inner = hostedNodes(somo.tree, zone).filter((node) => {
      const region = somo.tree.region(node);
      return near.filter(({ position }) => holdsLead(region, position.lead)).length > 1;
    });
    return [somo.gather.leaf, ...inner.reverse()];
  }

  /** Every node that runs here makes its report and hangs itself below its parent. To be begun once a period. */
  turn(onDone: () => void = () => undefined): void {
    if (this.#isRunning) return onDone();
    this.#isRunning = true;
    const nodes = this.running;
    const next = (i: number): void => {
      const node = nodes[i];
      if (node) return this.getReport(node, () => this.#attach(node, () => next(i + 1)));
      this.#isRunning = false;
      onDone();
    };
    next(0);
  }

  /** The procedure of [0068], by the machine that runs the node; `onDone` gets what was stored, or nothing if that failed. */
  getReport(node: LogicalNode, onDone: (report: Partial | undefined) => void): void {
    const { somo } = this.#peer;
    const isLeaf = sameNode(node, somo.gather.leaf);
    if (isLeaf) return this.#store(node, [ownPartial(somo.own, somo.standing.all, somo.ops)], onDone);
    this.#read(node, (object) => {
      const children = somo.tree.children(node).filter((child) => object?.fields.some(({ name }) => name === childField(somo.tree, child)));
      const reports: (Partial | undefined)[] = children.map(() => undefined);
      let open = children.length;
      const close = (): void => {
        if (--open <= 0) this.#store(node, reports.filter((report) => report !== undefined), onDone);
      };
      if (open === 0) return close();
      children.forEach((child, i) => this.#deref(node, child, (report) => {
        reports[i] = report && { ...report, height: report.height + 1 };
        close();
      }));
    });
  }

  /** The latest report of any node, for applications: of the root it is the view of everything ([0067]). */
  latest(node: LogicalNode, onDone: (report: Partial | undefined) => void): void {
    this.#read(node, (object) => onDone(object && this.#reportIn(object)));
  }

  // --- steps ---

  #key(node: LogicalNode): Position {
    return objectKey(this.#peer.somo.tree, node);
  }

  get #leaseMs(): number {
    return LEASE_PERIODS * this.#peer.local.options.somoPeriodMs;
  }

  #read(node: LogicalNode, onDone: (object: StoredObject | undefined) => void): void {
    this.#peer.overlay.get(this.#key(node), (outcome) => onDone(outcome.ok ? outcome.object : undefined));
  }

  /** `deref(s.child[i]).report`; a child that has disappeared is started again ([0066]). */
  #deref(node: LogicalNode, child: LogicalNode, onDone: (report: Partial | undefined) => void): void {
    const { overlay, somo } = this.#peer;
    const field = childField(somo.tree, child);
    overlay.deref(this.#key(node), field, (outcome) => {
      if (!outcome.ok) return outcome.code === 'missing' ? this.#restart(child, () => onDone(undefined)) : onDone(undefined);
      // Started again, and nobody runs it: there is no machine below any more. A node that runs hangs itself up again.
      if (outcome.object.value.length === 0) return overlay.removeRef(this.#key(node), field, () => onDone(undefined));
      onDone(this.#reportIn(outcome.object));
    });
  }

  #restart(child: LogicalNode, onDone: () => void): void {
    this.#peer.overlay.put(this.#key(child), EMPTY, { leaseMs: this.#leaseMs }, ({ ok }) => {
      if (ok) this.restarted++;
      onDone();
    });
  }

  /** `s.report = s.op(rep[])`. References that were set meanwhile are kept: they are read just before, and at home. */
  #store(node: LogicalNode, reports: readonly Partial[], onDone: (report: Partial | undefined) => void): void {
    const { overlay, somo, local } = this.#peer;
    const report = reports.length === 0 ? undefined : mergePartials(reports, somo.standing.all, somo.ops);
    const partials = report ? [toWire(node, report, undefined, local.env.now())] : [];
    const value = codec.encode({ type: 'somoReport', op: 0, seq: 0, base: 0, partials, standing: 0, part: 0 });
    this.#read(node, (object) => {
      overlay.put(this.#key(node), value, { leaseMs: this.#leaseMs, fields: object?.fields ?? [] }, ({ ok }) => onDone(ok ? report : undefined));
    });
  }

  #attach(node: LogicalNode, onDone: () => void): void {
    const { overlay, somo } = this.#peer;
    const parent = somo.tree.parent(node);
    if (!parent) return onDone();
    // Before the parent runs for the first time there is nothing to hang on to; the next turn tries again.
    overlay.setref(this.#key(parent), childField(somo.tree, node), { key: this.#key(node) }, () => onDone());
  }

  /**
   * What a node's object says; undefined for what is no report. Its age grows by the time it lay there, told from its lease by
   * the wall clocks: a version is younger, because setting a reference makes one too.
   */
  #reportIn({ value, expiresAtMs }: StoredObject): Partial | undefined {
    const { somo, local } = this.#peer;
    const [wire] = partialsIn(value);
    if (!wire) return undefined;
    const lay = Math.max(0, local.env.wallClock() - (expiresAtMs - this.#leaseMs));
    return fromWire(wire, undefined, local.env.now() - lay, somo.standing.all, somo.ops, somo.counts);
  }
}

function partialsIn(value: Uint8Array): ReturnType<typeof toWire>[] {
  try {
    const message = codec.decode(value);
    return message.type === 'somoReport' ? [...message.partials] : [];
  } catch (error) {
    if (error instanceof WireError) return [];
    throw error;
  }
}

function distinct(peers: readonly (Contact | undefined)[]): Contact[] {
  const known: Contact[] = [];
  for (const peer of peers) if (peer && !known.some((one) => samePeer(one, peer))) known.push(peer);
  return known;
}
