/**
 * What a scenario may do, whether its peers are simulated or real: the same file runs on both, and a difference is a bug.
 *
 * Time is asked for as "until this holds, within so long": the simulator steps virtual time, real peers really wait.
 */
import type { Fact } from '../../src/protocol/facts.ts';
import type { Node } from '../../src/protocol/node.ts';
import type { ProtocolOptions } from '../../src/protocol/options.ts';
import type { Notary } from '../../src/protocol/somo/promotion.ts';
import { protocolOptions } from '../../src/protocol/options.ts';

export interface Cluster {
  /** 'simulated' or 'real', for messages. */
  readonly kind: string;
  /** Says how to run the same thing again. */
  readonly replay: string;
  readonly random: { below(n: number): number };
  /** Starts a peer that joins through a living one (or begins the ring); its index. */
  spawn(): Promise<number>;
  /** Kill -9. */
  kill(peer: number): Promise<void>;
  leave(peer: number): Promise<void>;
  /** The same peer again: identity, position and what it had stored. */
  restart(peer: number): Promise<void>;
  /** Messages between groups are lost from now on. */
  split(groupOf: (peer: number) => number): void;
  heal(): void;
  /** Indexes of the living. */
  alive(): number[];
  node(peer: number): Node;
  /** Runs a call into a peer's protocol as an input of its own. */
  input(peer: number, call: (node: Node) => void): void;
  /** Runs `action` so much later, outside all peers. */
  after(delayMs: number, action: () => void): void;
  /** What a peer signs swaps of positions with. */
  notary(peer: number): Notary;
  /** Hears the facts of all peers from now on. */
  onFact(observer: (peer: number, fact: Fact) => void): void;
  /** Lets time pass until `holds`; false after `withinMs`. */
  until(holds: () => boolean, withinMs: number): Promise<boolean>;
  stop(): Promise<void>;
}

/** The protocol at ten times its usual pace, so that real peers need not be waited for long. */
export const QUICK: ProtocolOptions = protocolOptions({
  heartbeatMs: 1_000, heartbeatGraceMs: 1_500, exchangeMs: 1_000, joinRetryMs: 2_000, initialTimeoutMs: 400, timeoutMinMs: 150,
  timeoutMaxMs: 1_000, lookupRetryMs: 2_000, syncMs: 5_000, unconfirmedMs: 10_000,
});

export interface Scenario {
  readonly name: string;
  /** Peers: simulated, real. */
  readonly sizes: readonly [number, number];
  /** Over QUICK. */
  readonly options?: Partial<ProtocolOptions>;
  run(cluster: Cluster, peers: number): Promise<void>;
}
