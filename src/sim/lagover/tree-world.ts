/**
 * A latency-graded tree of simulated peers that exchange messages, beside checkers that know the truth.
 *
 * Tests, benchmarks and `grove sim lagover` at the level of messages drive this one class. Peer 0 is the source, peers 1..N
 * are the workload's consumers. Every check looks at all links: fan-outs (INV-LAG-4), the age of cycles (INV-LAG-5), who is
 * served in time, and how long the children of a crashed peer have been cut off.
 */
import { must } from '../../core/assert.ts';
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Agent } from '../../protocol/lagover/agent/agent.ts';
import type { TreeOracle } from '../../protocol/lagover/agent/oracles.ts';
import type { PeerOracle } from '../../protocol/lagover/agent/oracle.ts';
import type { Tree } from '../../protocol/lagover/agent/tree.ts';
import { treeOf } from '../../protocol/lagover/agent/tree.ts';
import type { Fact } from '../../protocol/facts.ts';
import type { NodeEnv } from '../../protocol/local.ts';
import type { Node } from '../../protocol/node.ts';
import type { ProtocolOptions } from '../../protocol/options.ts';
import { protocolOptions } from '../../protocol/options.ts';
import { createCodec } from '../../protocol/wire/codec.ts';
import type { Message } from '../../protocol/wire/messages.ts';
import { makeContact } from '../contacts.ts';
import { SizesByIndex } from '../ring/contact-sizes.ts';
import type { WorldOptions } from '../world.ts';
import { World } from '../world.ts';
import { exactOracle } from './exact-oracle.ts';
import type { Lie } from './liars.ts';
import { lyingEnv } from './liars.ts';
import type { OracleName } from './oracles.ts';
import { TreePeer } from './tree-peer.ts';
import type { Realisation } from './tree-ring.ts';
import { treeOracleOf, TreeRing } from './tree-ring.ts';
import type { Truth } from './tree-truth.ts';
import { OFFLINE, truthOf } from './tree-truth.ts';
import type { Workload } from './workloads.ts';

export const CHECK_EVERY_MS = 50;
const TREE_ID = 'tree';
const DIRECTORY_AGE_HEARTBEATS = 3;
const SOURCE = 0;

export interface TreeWorldOptions extends Omit<WorldOptions<Message>, 'codec'> {
  readonly oracle: OracleName;
  readonly tree?: Partial<Tree>;
  readonly protocol?: Partial<ProtocolOptions>;
  /** By peer. */
  readonly liars?: ReadonlyMap<number, Lie>;
  /** How the oracle knows what it knows; unless 'exact' (default) there is a ring below the tree. */
  readonly realised?: Realisation;
}

export interface Faults {
  /** Checks at which some fan-out was exceeded. */
  exceeded: number;
  /** The oldest cycle that was seen. */
  cycleMs: Millis;
}

export class TreeWorld {
  readonly world: World<Message, Fact>;
  readonly tree: Tree;
  readonly workload: Workload;
  readonly faults: Faults = { exceeded: 0, cycleMs: 0 };
  /** For how long each child of a crashed peer that heard from the source had no path to it. */
  readonly orphanedMs: Millis[] = [];
  readonly #protocol: ProtocolOptions;
  readonly #liars: ReadonlyMap<number, Lie>;
  readonly #ring: TreeRing | undefined;
  readonly #realOracle: TreeOracle | undefined;
  readonly #oracle: PeerOracle;
  readonly #agents: (Agent | undefined)[] = [];
  readonly #cycleSince = new Map<number, Millis>();
  readonly #orphanSince = new Map<number, Millis>();
  #truth: Truth | undefined;
  /** Of which moment: how many events had been handled. */
  #truthAt = -1;
  /** Of peers that have gone. */
  readonly #past = { interactions: 0, reconfigurations: 0, refusals: 0 };

  constructor(workload: Workload, options: TreeWorldOptions) {
    this.workload = workload;
    this.#protocol = protocolOptions(options.protocol);
    this.#liars = options.liars ?? new Map<number, Lie>();
    this.world = new World<Message, Fact>({ ...options, codec: createCodec({ contactSizes: new SizesByIndex() }) });
    const { realised = 'exact' } = options;
    this.#ring = realised === 'exact' ? undefined : new TreeRing(this.world, realised, options.protocol ?? {});
    this.#realOracle = realised === 'exact' ? undefined : treeOracleOf(realised, options.oracle);
    const identities = this.world.random('identities');
    const source = makeContact(identities, SOURCE);
    this.tree = treeOf({ id: TREE_ID, source, ...options.tree });
    this.#oracle = exactOracle(options.oracle, {
      peers: workload.consumers.length,
      now: () => this.world.now(),
      contact: (peer) => this.world.contact(peer),
      indexOf: (contact) => this.world.indexOf(contact),
      look: (peer) => this.#agents[peer],
      isBelow: (peer, above) => this.#isBelow(peer, above),
    }, this.world.random('oracle'), DIRECTORY_AGE_HEARTBEATS * this.tree.heartbeatMs);
    for (let peer = 0; peer <= workload.consumers.length; peer++) this.#spawn(peer === SOURCE ? source : makeContact(identities, peer));
    this.#ring?.wire();
    this.#checkLater();
  }

  get peers(): number {
    return this.workload.consumers.length;
  }

  // --- what tests and runs do ---

  /** Takes part in the tree: the source at once, others within so long, at random. */
  joinAll(withinMs: Millis): void {
    const random = this.world.random('arrivals');
    this.join(SOURCE);
    for (let peer = 1; peer <= this.peers; peer++) this.world.at(this.world.now() + random.unit() * withinMs, () => this.join(peer));
  }

  join(peer: number): void {
    const protocol = this.#peer(peer);
    if (protocol instanceof TreePeer) protocol.lagover.join(this.tree, this.#terms(peer), this.#oracle);
    else protocol.joinTree(this.tree, this.#terms(peer), this.#realOracle);
    this.#agents[peer] = protocol.lagover.agent(TREE_ID);
  }

  crash(peer: number): void {
    if (this.#agents[peer] === undefined) return;
    const { parents, delays } = this.truth;
    for (let child = 1; child <= this.peers; child++) {
      if (parents[child] === peer && (delays[child] as number) > 0 && !this.#orphanSince.has(child)) this.#orphanSince.set(child, this.world.now());
    }
    this.#gone(peer);
    this.#kill(peer);
  }

  /** Says goodbye, and is gone a second later. */
  leave(peer: number): void {
    if (this.#agents[peer] === undefined) return;
    this.#gone(peer);
    this.#peer(peer).lagover.leave(TREE_ID);
    this.world.at(this.world.now() + 1_000, () => {
      if (this.#agents[peer] === undefined) this.#kill(peer);
    });
  }

  /** Comes back with its next incarnation. */
  restart(peer: number): void {
    if (this.world.isAlive(peer)) this.#kill(peer);
    const contact = this.world.contact(peer);
    this.world.respawn(peer, { ...contact, incarnation: contact.incarnation + 1 }, (env) => this.#create(env, peer));
    this.#ring?.enter(peer);
    this.join(peer);
  }

  isOnline(peer: number): boolean {
    return this.#agents[peer] !== undefined;
  }

  agent(peer: number): Agent {
    return must(this.#agents[peer], 'a peer that takes part');
  }

  // --- the truth ---

  get truth(): Truth {
    const { events } = this.world.counters;
    if (this.#truth !== undefined && this.#truthAt === events) return this.#truth;
    this.#truthAt = events;
    return (this.#truth = truthOf(this.peers, (peer) => this.#terms(peer).fanout, (peer) => this.#parentOf(peer), (contact) => this.world.indexOf(contact)));
  }

  get onlineCount(): number {
    let count = 0;
    for (let peer = 1; peer <= this.peers; peer++) if (this.isOnline(peer)) count++;
    return count;
  }

  get satisfiedShare(): number {
    const { delays } = this.truth;
    const online = this.onlineCount;
    let satisfied = 0;
    for (let peer = 1; peer <= this.peers; peer++) {
      if ((delays[peer] as number) > 0 && this.trueDelay(peer) <= this.#terms(peer).constraint) satisfied++;
    }
    return online === 0 ? 1 : satisfied / online;
  }

  /** Of a peer with a path to the source: hops, or the milliseconds that something needs along it. */
  trueDelay(peer: number): number {
    const { parents, delays } = this.truth;
    if (this.tree.unit === 'hops') return delays[peer] as number;
    let delayMs = 0;
    for (let at = peer; at !== SOURCE; at = parents[at] as number) delayMs += this.world.latencyMs(parents[at] as number, at) + this.tree.allowanceMs;
    return delayMs;
  }

  sumOf(count: 'interactions' | 'reconfigurations' | 'refusals'): number {
    return this.#agents.reduce((sum, agent) => sum + (agent?.tally[count] ?? 0), this.#past[count]);
  }

  #parentOf(peer: number): Contact | null | undefined {
    const agent = this.#agents[peer];
    return agent === undefined ? undefined : (agent.parent ?? null);
  }

  #isBelow(peer: number, above: number): boolean {
    let at = peer;
    for (let steps = 0; steps <= this.peers; steps++) {
      if (at === above) return true;
      const parent = this.#parentOf(at);
      if (parent === undefined || parent === null) return false;
      at = this.world.indexOf(parent);
    }
    return false;
  }

  #checkLater(): void {
    this.world.at(this.world.now() + CHECK_EVERY_MS, () => {
      this.#check();
      this.#checkLater();
    });
  }

  #check(): void {
    const { exceeded, onCycle, delays, parents } = this.truth;
    const now = this.world.now();
    if (exceeded.length > 0) this.faults.exceeded++;
    const members = new Set(onCycle);
    for (const peer of members) {
      const since = this.#cycleSince.get(peer) ?? now;
      this.#cycleSince.set(peer, since);
      this.faults.cycleMs = Math.max(this.faults.cycleMs, now - since);
    }
    for (const peer of this.#cycleSince.keys()) if (!members.has(peer)) this.#cycleSince.delete(peer);
    for (const [peer, since] of this.#orphanSince) {
      if (parents[peer] !== OFFLINE && (delays[peer] as number) <= 0) continue;
      if (parents[peer] !== OFFLINE) this.orphanedMs.push(now - since);
      this.#orphanSince.delete(peer);
    }
  }

  #gone(peer: number): void {
    const { interactions, reconfigurations, refusals } = this.agent(peer).tally;
    this.#past.interactions += interactions;
    this.#past.reconfigurations += reconfigurations;
    this.#past.refusals += refusals;
    this.#agents[peer] = undefined;
    this.#truth = undefined;
  }

  #terms(peer: number): { fanout: number; constraint: number } {
    if (peer === SOURCE) return { fanout: this.workload.sourceFanout, constraint: 0 };
    return must(this.workload.consumers[peer - 1], 'a consumer');
  }

  #peer(peer: number): TreePeer | Node {
    return must(this.world.protocol(peer), 'a living peer') as TreePeer | Node;
  }

  #spawn(contact: Contact): void {
    const index = this.world.peerCount;
    this.world.spawn(contact, (env) => this.#create(env, index));
  }

  #create(env: NodeEnv, peer: number): TreePeer | Node {
    const lie = this.#liars.get(peer);
    const said = lie === undefined ? env : lyingEnv(env, lie, this.tree.source);
    return this.#ring?.create(said, this.world.contact(peer)) ?? new TreePeer(said, this.#protocol, this.world.contact(peer));
  }

  #kill(peer: number): void {
    this.#ring?.gone(peer);
    this.world.crash(peer);
  }
}
