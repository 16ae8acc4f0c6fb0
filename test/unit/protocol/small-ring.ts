/**
 * A converged simulated ring with operations that run to their end: for tests that are about objects, not about time.
 */
import assert from 'node:assert/strict';
import type { Position } from '../../../src/core/position.ts';
import type { Node } from '../../../src/protocol/node.ts';
import type { ProtocolOptions } from '../../../src/protocol/options.ts';
import { protocolOptions } from '../../../src/protocol/options.ts';
import { randomKey } from '../../../src/protocol/overlay/keys.ts';
import type { DerefOutcome, ReadOutcome, WriteOutcome } from '../../../src/protocol/overlay/outcomes.ts';
import type { PutOptions } from '../../../src/protocol/overlay/overlay.ts';
import type { LookupResult } from '../../../src/protocol/routing/router.ts';
import { STATUS } from '../../../src/protocol/wire/messages.ts';
import { ConstantLatency } from '../../../src/sim/latency/latency-model.ts';
import { RingWorld } from '../../../src/sim/ring/ring-world.ts';

const STEP_MS = 20;
const PATIENCE_MS = 60_000;

export class SmallRing {
  readonly ring: RingWorld;

  constructor(peers: number, options: Partial<ProtocolOptions> = {}, seed = 1) {
    this.ring = new RingWorld({ seed, latency: new ConstantLatency(10), wire: true, freeze: true }, protocolOptions(options));
    this.ring.wire(peers);
    this.runFor(2_000);
  }

  node(peer: number): Node {
    return this.ring.node(peer);
  }

  runFor(ms: number): void {
    this.ring.world.runFor(ms);
  }

  until(holds: () => boolean): void {
    assert.ok(this.ring.world.runUntilHolds(holds, STEP_MS, PATIENCE_MS) !== undefined, 'the operation ended');
  }

  keys(count: number): Position[] {
    const random = this.ring.world.random('keys');
    return Array.from({ length: count }, () => randomKey(random));
  }

  /** The index of the true owner. */
  ownerOf(key: Position): number {
    const owner = this.ring.oracle.ownerOf(key);
    assert.ok(owner);
    return this.ring.world.indexOf(owner);
  }

  /** Living peers with a copy of any version. */
  holders(key: Position): number[] {
    return this.ring.world.alive().filter((peer) => this.node(peer).overlay.holds(key));
  }

  /** Puts a copy of so many bytes straight on a peer's shelf, under a key of its own zone unless another is given. */
  fill(peer: number, bytes: number, key = this.ring.world.contact(peer).position): void {
    const sender = this.ring.world.contact(peer === 0 ? 1 : 0);
    const version = { wallMs: 1, counter: 0, writer: 'w' };
    const object = { key, version, value: new Uint8Array(bytes), fields: [], expiresAtMs: 0, deleted: false };
    this.node(peer).onMessage(sender, { type: 'replicate', op: STATUS.ok, objects: [object], handOver: false }, this.ring.world.now());
  }

  put(peer: number, key: Position, text: string, options: PutOptions = {}): WriteOutcome {
    return this.#run((done) => this.node(peer).overlay.put(key, new TextEncoder().encode(text), options, done));
  }

  get(peer: number, key: Position): ReadOutcome {
    return this.#run((done) => this.node(peer).overlay.get(key, done));
  }

  remove(peer: number, key: Position): WriteOutcome {
    return this.#run((done) => this.node(peer).overlay.remove(key, done));
  }

  setref(peer: number, a: Position, field: string, b: Position): WriteOutcome {
    return this.#run((done) => this.node(peer).overlay.setref(a, field, { key: b }, done));
  }

  deref(peer: number, a: Position, field: string): DerefOutcome {
    return this.#run((done) => this.node(peer).overlay.deref(a, field, done));
  }

  removeRef(peer: number, a: Position, field: string): WriteOutcome {
    return this.#run((done) => this.node(peer).overlay.removeRef(a, field, done));
  }

  direct(peer: number, key: Position, host: number): ReadOutcome {
    return this.#run((done) => this.node(peer).overlay.direct(key, this.ring.world.contact(host), done));
  }

  lookup(peer: number, key: Position): LookupResult {
    return this.#run((done) => this.node(peer).lookup(key, done, (reason) => assert.fail(reason)));
  }

  /** The text of an object; undefined when there is none. Anything else fails the test. */
  textAt(peer: number, key: Position): string | undefined {
    const outcome = this.get(peer, key);
    if (outcome.ok) return new TextDecoder().decode(outcome.object.value);
    assert.equal(outcome.code, 'missing', outcome.reason);
    return undefined;
  }

  #run<T>(begin: (done: (outcome: T) => void) => void): T {
    const outcomes: T[] = [];
    begin((outcome) => void outcomes.push(outcome));
    this.until(() => outcomes.length > 0);
    assert.equal(outcomes.length, 1, 'an operation ends once');
    return outcomes[0] as T;
  }
}
