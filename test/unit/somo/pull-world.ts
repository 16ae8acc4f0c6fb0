/**
 * A quiet simulated pool that runs both forms of gathering side by side: messages by themselves, the pull form turn by turn.
 */
import assert from 'node:assert/strict';
import { CIRCLE } from '../../../src/core/position.ts';
import { protocolOptions } from '../../../src/protocol/options.ts';
import type { Overlay } from '../../../src/protocol/overlay/overlay.ts';
import type { Call } from '../../../src/protocol/pool/ops.ts';
import type { Partial } from '../../../src/protocol/somo/partial.ts';
import { childField, objectKey, PullForm } from '../../../src/protocol/somo/pull.ts';
import type { LogicalNode, LogicalTree } from '../../../src/protocol/somo/tree.ts';
import type { StoredObject } from '../../../src/protocol/wire/messages.ts';
import { ConstantLatency } from '../../../src/sim/latency/latency-model.ts';
import { SomoWorld } from '../../../src/sim/somo/somo-world.ts';

export const PERIOD_MS = 10_000;
/** More than the levels that a small pool has. */
const TURNS = 8;

export class PullWorld {
  readonly somo: SomoWorld;
  readonly tree: LogicalTree;
  readonly #forms = new Map<number, PullForm>();

  constructor(peers: number, k = 8, seed = 5) {
    this.somo = new SomoWorld({ seed, latency: new ConstantLatency(10), rollCall: true }, protocolOptions({ somo: 'unsynchronised', somoArity: k, somoPeriodMs: PERIOD_MS }));
    this.somo.wire(peers);
    this.tree = this.somo.somo(0).tree;
    this.somo.ring.world.runFor(8 * PERIOD_MS);
  }

  form(peer: number): PullForm {
    let form = this.#forms.get(peer);
    if (!form) this.#forms.set(peer, (form = new PullForm(this.somo.ring.node(peer))));
    return form;
  }

  /** Each living machine takes its turn once a period, one after another. */
  turns(count = TURNS): void {
    const { world } = this.somo.ring;
    for (let turn = 0; turn < count; turn++) {
      const alive = world.alive();
      for (const peer of alive) {
        this.form(peer).turn();
        world.runFor(PERIOD_MS / alive.length);
      }
    }
  }

  /** What any application gets that asks for the report of a node. */
  latest(node: LogicalNode, asker = this.somo.rootIndex): Partial | undefined {
    return this.#ended<Partial | undefined>((done) => this.form(asker).latest(node, done));
  }

  getReport(peer: number, node: LogicalNode): Partial | undefined {
    return this.#ended<Partial | undefined>((done) => this.form(peer).getReport(node, done));
  }

  object(node: LogicalNode): StoredObject | undefined {
    return this.#ended<StoredObject | undefined>((done) => this.#overlay().get(objectKey(this.tree, node), (outcome) => done(outcome.ok ? outcome.object : undefined)));
  }

  /** What a node's object refers to, from left to right. */
  children(node: LogicalNode): LogicalNode[] {
    const { fields = [] } = this.object(node) ?? {};
    return this.tree.children(node).filter((child) => fields.some(({ name }) => name === childField(this.tree, child)));
  }

  /** The object disappears, with all its copies. */
  lose(node: LogicalNode): void {
    assert.ok(this.#ended<boolean>((done) => this.#overlay().remove(objectKey(this.tree, node), ({ ok }) => done(ok))));
  }

  hostOf(node: LogicalNode): number {
    const owner = this.somo.ring.oracle.ownerOf(this.tree.keyPosition(node));
    assert.ok(owner);
    return this.somo.ring.world.indexOf(owner);
  }

  /** Registers a query at every machine, as a descent would. */
  register(id: number, calls: readonly Call[]): void {
    const { world } = this.somo.ring;
    for (const peer of world.alive()) {
      const { standing, ops } = this.somo.somo(peer);
      const query = { id, origin: world.contact(peer), aggregates: calls, where: '', from: 0, to: CIRCLE, leaseMs: 600_000, topic: '' };
      assert.ok(standing.learn(query, ops, world.now(), true));
    }
  }

  /** Writes over a node's object what no node would. */
  spoil(node: LogicalNode, value: Uint8Array): void {
    const { fields = [] } = this.object(node) ?? {};
    assert.ok(this.#ended<boolean>((done) => this.#overlay().put(objectKey(this.tree, node), value, { fields }, ({ ok }) => done(ok))));
  }

  restarted(): number {
    return [...this.#forms.values()].reduce((sum, { restarted }) => sum + restarted, 0);
  }

  #overlay(): Overlay {
    return this.somo.ring.node(this.somo.rootIndex).overlay;
  }

  #ended<T>(begin: (done: (value: T) => void) => void): T {
    const ended: T[] = [];
    begin((value) => void ended.push(value));
    assert.ok(this.somo.ring.world.runUntilHolds(() => ended.length > 0, 5, 60_000) !== undefined, 'it ends');
    assert.equal(ended.length, 1, 'it ends once');
    return ended[0] as T;
  }
}

/** The same machines, the same share of the circle, the same values and tallies; sums differ by rounding only. */
export function assertSameReport(actual: Partial | undefined, expected: Partial | undefined): void {
  assert.ok(actual && expected);
  const plain = ({ machines, space, before, after, summary, tallies }: Partial): unknown => ({
    machines, space, before, after,
    summary: [...summary].map(([name, { numbers, texts }]) => [name, numbers.map(rounded), texts]),
    tallies: [...tallies].map(([id, { matched, states }]) => [id, matched, states]),
  });
  assert.deepEqual(plain(actual), plain(expected));
}

function rounded(value: number): number {
  return Number(value.toPrecision(12));
}
