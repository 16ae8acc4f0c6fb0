/**
 * The ring below a simulated latency-graded tree, for oracles as real peers have them: walks over the ring, the directory in
 * the DHT, and the one that the metadata tree fills.
 *
 * All peers of the system are members of the ring from the beginning, as machines of a pool that is up; who comes back after a
 * crash joins ring and tree together.
 */
import { must } from '../../core/assert.ts';
import type { Contact } from '../../core/contact.ts';
import type { Random } from '../../core/random.ts';
import type { Fact } from '../../protocol/facts.ts';
import type { TreeOracle } from '../../protocol/lagover/agent/oracles.ts';
import { Node } from '../../protocol/node.ts';
import type { NodeEnv } from '../../protocol/local.ts';
import type { ProtocolOptions } from '../../protocol/options.ts';
import { protocolOptions } from '../../protocol/options.ts';
import type { Message } from '../../protocol/wire/messages.ts';
import { RingOracle } from '../ring/oracle.ts';
import { leafsetOf, tableOf } from '../ring/wiring.ts';
import type { World } from '../world.ts';

/** How the oracle knows what it knows. */
export const REALISATIONS = ['exact', 'walk', 'dht', 'somo'] as const;
export type Realisation = (typeof REALISATIONS)[number];

const SOMO_PERIOD_MS = 2_000;

export class TreeRing {
  readonly options: ProtocolOptions;
  readonly #world: World<Message, Fact>;
  readonly #members = new RingOracle();
  readonly #random: Random;

  constructor(world: World<Message, Fact>, realised: Realisation, options: Partial<ProtocolOptions>) {
    this.#world = world;
    this.#random = world.random('ring');
    this.options = protocolOptions(realised === 'somo' ? { somo: 'unsynchronised', somoPeriodMs: SOMO_PERIOD_MS, ...options } : options);
  }

  create(env: NodeEnv, contact: Contact): Node {
    return new Node(env, this.options, contact);
  }

  /** All peers spawned so far, as a ring that has converged. */
  wire(): void {
    this.#members.addAll(Array.from({ length: this.#world.peerCount }, (_, peer) => this.#world.contact(peer)));
    for (let place = 0; place < this.#members.size; place++) {
      const self = must(this.#members.at(place), 'a member');
      const node = this.#world.protocol(this.#world.indexOf(self)) as Node;
      node.startWired(leafsetOf(this.#members, place, this.options.leafsetRadius), tableOf(this.#members, place, this.options, this.#random));
    }
  }

  /** After a crash. */
  enter(peer: number): void {
    const introducer = this.#members.at(this.#random.below(this.#members.size));
    (this.#world.protocol(peer) as Node).join(introducer === undefined ? [] : [introducer]);
    this.#members.add(this.#world.contact(peer));
  }

  gone(peer: number): void {
    this.#members.remove(this.#world.contact(peer));
  }
}

/** As a real peer calls it. */
export function treeOracleOf(realised: Exclude<Realisation, 'exact'>, oracle: string): TreeOracle {
  return realised === 'dht' ? 'directory' : realised === 'somo' ? 'somo' : (oracle as TreeOracle);
}
