/**
 * Several real peers in one process: libp2p on loopback, real clocks, SQLite in a temporary folder.
 *
 * For scenarios, benchmarks and demonstrations. These are the daemon's host and protocol without its API and its search
 * for a way back; messages between groups can be lost on purpose, which no loopback interface would do by itself.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../core/assert.ts';
import type { Contact, PositionProof } from '../core/contact.ts';
import type { Streams } from '../core/env.ts';
import type { Position } from '../core/position.ts';
import { createFeedTools } from '../host/feed-tools.ts';
import type { HostFact } from '../host/facts.ts';
import type { Host } from '../host/host.ts';
import { createHost } from '../host/host.ts';
import { newPrivateKey, positionOfPeer } from '../host/identity.ts';
import { createNotary, provenPosition } from '../host/swap-chain.ts';
import { SqliteStore } from '../host/sqlite-store.ts';
import type { Fact } from '../protocol/facts.ts';
import type { FeedTools } from '../protocol/feed/feed.ts';
import type { NodeEnv } from '../protocol/local.ts';
import { Node } from '../protocol/node.ts';
import type { ProtocolOptions } from '../protocol/options.ts';
import type { Notary } from '../protocol/somo/promotion.ts';
import { createCodec } from '../protocol/wire/codec.ts';
import type { Message } from '../protocol/wire/messages.ts';

interface Member {
  readonly privateKey: Uint8Array;
  readonly file: string;
  incarnation: number;
  /** Where it stands since it swapped positions. */
  moved: { readonly position: Position; readonly proof: PositionProof } | undefined;
  store: SqliteStore | undefined;
  host: Host<Message, Fact> | undefined;
  node: Node | undefined;
}

export interface TestnetOptions {
  readonly protocol: ProtocolOptions;
  /** Relaying, and every other service a daemon runs beside the protocol. */
  readonly services?: boolean;
  readonly onFact?: (peer: number, fact: Fact | HostFact) => void;
  /** It listens nowhere: others reach it through relays, which needs `services`. */
  readonly isHidden?: (peer: number) => boolean;
  /** Stands between a peer's protocol and its byte streams: links of loopback are never slow by themselves. */
  readonly streamsOf?: (peer: number, streams: Streams) => Streams;
}

export class Testnet {
  readonly #options: TestnetOptions;
  readonly #folder: string;
  readonly #poolKey = new Uint8Array(randomBytes(32));
  readonly #members: Member[] = [];
  readonly #positions = new Map<string, Position>();
  #groupOf: ((peer: number) => number) | undefined;

  private constructor(options: TestnetOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  static async create(options: TestnetOptions): Promise<Testnet> {
    return new Testnet(options, await mkdtemp(join(tmpdir(), 'grove-testnet-')));
  }

  /** Starts a peer that joins through a living one, or begins the ring. Returns its index; it may not be a member yet. */
  async spawn(): Promise<number> {
    const index = this.#members.length;
    const file = join(this.#folder, `peer-${index}.sqlite`);
    this.#members.push({ privateKey: newPrivateKey(), file, incarnation: 0, moved: undefined, store: undefined, host: undefined, node: undefined });
    await this.restart(index);
    return index;
  }

  /** The same peer again: identity, position and what it had stored. */
  async restart(index: number): Promise<void> {
    const member = must(this.#members[index], 'a known peer');
    const introducer = this.alive().find((other) => other !== index);
    member.incarnation++;
    member.store = new SqliteStore(member.file);
    const services = this.#options.services ?? false;
    const host = await createHost<Message, Fact>({
      privateKey: member.privateKey, listen: this.#options.isHidden?.(index) === true ? [] : ['/ip4/127.0.0.1/tcp/0'], codec: createCodec({ positionOf: (peerId, proof) => this.#positionOf(peerId, proof) }),
      poolKey: this.#poolKey, settings: new Uint8Array(), name: `peer-${index}`, incarnation: member.incarnation, store: member.store,
      onFact: (fact) => this.#onFact(index, fact), relay: services, mdns: services, moved: member.moved,
    });
    const node = new Node(this.#divided(index, host.env), this.#options.protocol, host.contact);
    host.attach(node);
    member.host = host;
    member.node = node;
    const through: Contact[] = introducer === undefined ? [] : [this.host(introducer).contact];
    host.input(() => node.join(through));
  }

  /** As kill -9 would: no farewell. */
  async kill(index: number): Promise<void> {
    const member = must(this.#members[index], 'a known peer');
    const { host, store } = member;
    member.host = undefined;
    member.node = undefined;
    member.store = undefined;
    await host?.stop();
    store?.close();
  }

  async leave(index: number): Promise<void> {
    await new Promise<void>((resolve) => this.input(index, (node) => node.leave(resolve)));
    await this.kill(index);
  }

  /** Messages between groups are lost from now on. */
  split(groupOf: (peer: number) => number): void {
    this.#groupOf = groupOf;
  }

  heal(): void {
    this.#groupOf = undefined;
  }

  alive(): number[] {
    return this.#members.flatMap((member, index) => (member.node ? [index] : []));
  }

  node(index: number): Node {
    return must(this.#members[index]?.node, 'a living peer');
  }

  host(index: number): Host<Message, Fact> {
    return must(this.#members[index]?.host, 'a living peer');
  }

  /** Runs a call into a peer's protocol as an input of its own. */
  input(index: number, call: (node: Node) => void): void {
    this.host(index).input(() => call(this.node(index)));
  }

  async stop(): Promise<void> {
    await Promise.all(this.alive().map((peer) => this.kill(peer)));
    await rm(this.#folder, { recursive: true, force: true });
  }

  #onFact(index: number, fact: Fact | HostFact): void {
    if (fact.kind === 'self-moved' && fact.contact.proof !== undefined) {
      const member = must(this.#members[index], 'a known peer');
      const { position, proof, incarnation } = fact.contact;
      member.moved = { position, proof };
      member.incarnation = incarnation;
      member.host?.setPosition({ position, proof, incarnation });
    }
    this.#options.onFact?.(index, fact);
  }

  /** What a peer signs swaps of positions with, once somebody gives it to its node. */
  notary(index: number): Notary {
    return createNotary(must(this.#members[index], 'a known peer').privateKey);
  }

  /** What its relay of feeds signs and compresses with. */
  feedTools(index: number): FeedTools {
    return createFeedTools(must(this.#members[index], 'a known peer').privateKey);
  }

  #positionOf(peerId: string, proof: PositionProof | undefined): Position | undefined {
    if (proof !== undefined) return provenPosition(peerId, proof);
    const known = this.#positions.get(peerId) ?? positionOfPeer(peerId);
    if (known) this.#positions.set(peerId, known);
    return known;
  }

  /** The host's Env, but messages to the other group are lost. */
  #divided(index: number, env: NodeEnv): NodeEnv {
    const isCut = (to: Contact): boolean => {
      if (!this.#groupOf) return false;
      const other = this.#members.findIndex((member) => member.node?.local.contact.peerId === to.peerId);
      return other >= 0 && this.#groupOf(other) !== this.#groupOf(index);
    };
    return {
      random: env.random, store: env.store, streams: this.#options.streamsOf?.(index, env.streams) ?? env.streams,
      now: () => env.now(), wallClock: () => env.wallClock(), emit: (fact) => env.emit(fact),
      arm: (kind, at) => env.arm(kind, at), disarm: (kind) => env.disarm(kind),
      send: (to, message) => {
        if (!isCut(to)) env.send(to, message);
      },
    };
  }
}
