/**
 * Simulated peers behind the Cluster interface. All stepping happens inside `until`, so a run depends on its seed alone.
 */
import { must } from '../../src/core/assert.ts';
import type { Fact } from '../../src/protocol/facts.ts';
import type { Node } from '../../src/protocol/node.ts';
import type { ProtocolOptions } from '../../src/protocol/options.ts';
import { ConstantLatency } from '../../src/sim/latency/latency-model.ts';
import { toyNotary } from '../../src/sim/somo/toy-notary.ts';
import type { RingWorldOptions } from '../../src/sim/ring/ring-world.ts';
import { RingWorld } from '../../src/sim/ring/ring-world.ts';
import type { Notary } from '../../src/protocol/somo/promotion.ts';
import type { Cluster } from './cluster.ts';

const STEP_MS = 100;

export class SimCluster implements Cluster {
  readonly kind = 'simulated';
  readonly replay: string;
  readonly random: { below(n: number): number };
  readonly ring: RingWorld;

  constructor(seed: number, options: ProtocolOptions, how: Partial<RingWorldOptions> = {}) {
    this.replay = `seed ${seed}`;
    // Every message is encoded and decoded, and frozen: what only works by sharing objects fails here.
    this.ring = new RingWorld({ seed, latency: new ConstantLatency(10), jitter: 0.5, wire: true, freeze: true, ...how }, options);
    this.random = this.ring.world.random('scenario');
  }

  async spawn(): Promise<number> {
    return this.ring.join();
  }

  async kill(peer: number): Promise<void> {
    this.ring.crash(peer);
  }

  async leave(peer: number): Promise<void> {
    this.ring.leave(peer);
    await this.until(() => !this.ring.world.isAlive(peer), 30_000);
  }

  async restart(peer: number): Promise<void> {
    this.ring.restart(peer);
  }

  split(groupOf: (peer: number) => number): void {
    this.ring.world.partition(groupOf);
  }

  heal(): void {
    this.ring.world.heal();
  }

  alive(): number[] {
    return this.ring.world.alive();
  }

  node(peer: number): Node {
    return must(this.ring.node(peer), 'a living peer');
  }

  input(peer: number, call: (node: Node) => void): void {
    call(this.node(peer));
  }

  after(delayMs: number, action: () => void): void {
    const { world } = this.ring;
    world.at(world.now() + delayMs, action);
  }

  notary(peer: number): Notary {
    return toyNotary(this.node(peer).local.contact.peerId);
  }

  onFact(observer: (peer: number, fact: Fact) => void): void {
    this.ring.world.onFact(observer);
  }

  async until(holds: () => boolean, withinMs: number): Promise<boolean> {
    return this.ring.world.runUntilHolds(holds, STEP_MS, withinMs) !== undefined;
  }

  async stop(): Promise<void> {
    // Nothing outlives a simulation.
  }
}
