/**
 * Real peers behind the Cluster interface: the testnet of src/daemon, and real waiting.
 */
import type { Random } from '../../src/core/random.ts';
import { randomFrom } from '../../src/core/random.ts';
import type { HostFact } from '../../src/host/facts.ts';
import { Testnet } from '../../src/daemon/testnet.ts';
import type { Fact } from '../../src/protocol/facts.ts';
import type { Node } from '../../src/protocol/node.ts';
import type { ProtocolOptions } from '../../src/protocol/options.ts';
import type { Notary } from '../../src/protocol/somo/promotion.ts';
import type { Cluster } from './cluster.ts';

const POLL_MS = 20;

export class LiveCluster implements Cluster {
  readonly kind = 'real';
  readonly replay: string;
  readonly random: Random;
  readonly #net: Testnet;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #observers: ((peer: number, fact: Fact) => void)[];

  private constructor(seed: number, net: Testnet, observers: ((peer: number, fact: Fact) => void)[]) {
    this.replay = `seed ${seed} (real peers: timing differs)`;
    this.random = randomFrom(seed);
    this.#net = net;
    this.#observers = observers;
  }

  static async create(seed: number, protocol: ProtocolOptions): Promise<LiveCluster> {
    const observers: ((peer: number, fact: Fact) => void)[] = [];
    const onFact = (peer: number, fact: Fact | HostFact): void => observers.forEach((observer) => observer(peer, fact as Fact));
    return new LiveCluster(seed, await Testnet.create({ protocol, onFact }), observers);
  }

  spawn(): Promise<number> {
    return this.#net.spawn();
  }

  kill(peer: number): Promise<void> {
    return this.#net.kill(peer);
  }

  leave(peer: number): Promise<void> {
    return this.#net.leave(peer);
  }

  restart(peer: number): Promise<void> {
    return this.#net.restart(peer);
  }

  after(delayMs: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delayMs);
    this.#timers.add(timer);
  }

  notary(peer: number): Notary {
    return this.#net.notary(peer);
  }

  onFact(observer: (peer: number, fact: Fact) => void): void {
    this.#observers.push(observer);
  }

  split(groupOf: (peer: number) => number): void {
    this.#net.split(groupOf);
  }

  heal(): void {
    this.#net.heal();
  }

  alive(): number[] {
    return this.#net.alive();
  }

  node(peer: number): Node {
    return this.#net.node(peer);
  }

  input(peer: number, call: (node: Node) => void): void {
    this.#net.input(peer, call);
  }

  async until(holds: () => boolean, withinMs: number): Promise<boolean> {
    const deadline = performance.now() + withinMs;
    while (!holds()) {
      if (performance.now() > deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return true;
  }

  stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    return this.#net.stop();
  }
}
