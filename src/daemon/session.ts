/**
 * One stay in one pool: a host and a protocol node, from the first dial to the farewell.
 *
 * Changing pools ends one session and begins another, while the daemon, its identity and its API stay. Each pool's
 * objects and peers are kept under the pool's own prefix in the store, so nothing leaks from one pool into the other.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PositionProof } from '../core/contact.ts';
import type { Store } from '../core/env.ts';
import { GroveError, WireError } from '../core/errors.ts';
import type { Position } from '../core/position.ts';
import type { HostFact } from '../host/facts.ts';
import type { Introduction } from '../host/handshake.ts';
import type { Host } from '../host/host.ts';
import { createHost } from '../host/host.ts';
import { nextIncarnation, rememberIncarnation } from '../host/identity.ts';
import { createNotary, provenPosition } from '../host/swap-chain.ts';
import type { Fact } from '../protocol/facts.ts';
import type { HelpTerms } from '../protocol/alm/market/help-desk.ts';
import { DEFAULT_TERMS } from '../protocol/alm/market/help-desk.ts';
import { Node } from '../protocol/node.ts';
import type { ProtocolOptions } from '../protocol/options.ts';
import { protocolOptions } from '../protocol/options.ts';
import type { Report } from '../protocol/pool/report.ts';
import { createCodec } from '../protocol/wire/codec.ts';
import type { Message } from '../protocol/wire/messages.ts';
import { BandwidthWatch } from './bandwidth-watch.ts';
import { reachAny, Search } from './bootstrap.ts';
import type { Capability } from './capability.ts';
import { deferred } from './deferred.ts';
import { Operations } from './operations.ts';
import { OwnReport } from './own-report.ts';
import type { Pool, PoolSettings } from './pool.ts';
import { checkWishes, decodeSettings, encodeSettings, poolIdOf, sameSettings } from './pool.ts';
import type { PoolChoice } from './pool-choice.ts';
import { recallMove, rememberMove } from './remembered-move.ts';
import { recallCoordinate, rememberCoordinate } from './remembered-coordinate.ts';
import { dialable, recallPeers, rememberPeers } from './remembered-peers.ts';
import type { State } from './state.ts';
import { storeFor } from './state.ts';

export interface SessionOptions {
  readonly state: State;
  readonly choice: PoolChoice;
  /** Settings somebody asked for: must be those of the pool that is joined. */
  readonly wishes: Partial<PoolSettings>;
  readonly listen: readonly string[];
  readonly name: string;
  readonly lan: boolean;
  readonly tuning: Partial<ProtocolOptions>;
  /** What the operator says of this machine. */
  readonly attributes: Report;
  /** Undefined: nothing was said; then it has as many links as any machine, and offers none. */
  readonly degreeBound: number | undefined;
  readonly help: HelpTerms['help'];
  /** Takes no part in bandwidth measurements. */
  readonly metered: boolean;
  /** Would go to the root of the metadata tree, and leave it to a better one; undefined: stays where it is. */
  readonly capability: Capability | undefined;
  /** Gives up entering. */
  readonly signal: AbortSignal;
  readonly onFact: (fact: Fact | HostFact) => void;
  /** The host stopped because of a bug in this peer. */
  readonly onBroken: (error: unknown) => void;
}

type GroveHost = Host<Message, Fact>;

/** Every member of every pool gathers alike. */
const POOL_VIEW: Partial<ProtocolOptions> = { somo: 'synchronised' };
/** How long the ring may take to let a newcomer in whom a member has answered. */
const JOIN_MS = 45_000;
const REMEMBER_MS = 60_000;
/** Beyond the protocol's own deadline of an operation. */
const OPERATION_SLACK_MS = 10_000;
/** For handing objects over before a stop. */
const LEAVE_MS = 5_000;

export class Session {
  readonly pool: Pool;
  readonly host: GroveHost;
  readonly node: Node;
  readonly operations: Operations;
  readonly store: Store;
  /** Has it met, or been told of, other members? Then being alone is not for good. */
  readonly knowsOthers: boolean;
  readonly #search: Search;
  readonly #report: OwnReport;
  readonly #bandwidth: BandwidthWatch;
  readonly #remembering: NodeJS.Timeout;
  #stopping: Promise<void> | undefined;

  /** Enters the pool: returns once this peer is a member of a ring. */
  static async start(options: SessionOptions): Promise<Session> {
    const { state, choice, tuning } = options;
    options.signal.throwIfAborted();
    const store = storeFor(state.store, `pool/${poolIdOf(choice.pool.key)}/`);
    const joined = deferred<void>();
    const wiring: { host?: GroveHost } = {};
    const onFact = (fact: Fact | HostFact): void => {
      if (fact.kind === 'ring-joined') joined.resolve();
      if (fact.kind === 'self-refuted') {
        rememberIncarnation(state.store, fact.incarnation);
        wiring.host?.setIncarnation(fact.incarnation);
      }
      if (fact.kind === 'self-moved') {
        const { position, proof, incarnation } = fact.contact;
        rememberIncarnation(state.store, incarnation);
        rememberMove(store, fact.contact);
        if (proof !== undefined) wiring.host?.setPosition({ position, proof, incarnation });
      }
      options.onFact(fact);
    };
    const host = await startHost(options, store, onFact);
    wiring.host = host;
    host.closed.catch(options.onBroken);
    try {
      const { pool, introductions } = await abortable(introduce(host, options, store), options.signal);
      const node = new Node(host.env, protocolOptions({ ...POOL_VIEW, ...pool.settings, ...tuning }), host.contact);
      node.local.coordinate = recallCoordinate(store) ?? node.local.coordinate;
      if (options.capability !== undefined) node.somo.promotion.notary = createNotary(state.identity.privateKey);
      node.market.allow({ degree: options.degreeBound ?? DEFAULT_TERMS.degree, help: options.help });
      host.attach(node);
      host.onSelfChanged((contact) => {
        node.local.contact = contact;
      });
      host.input(() => node.join(introductions.map((one) => one.contact)));
      await abortable(withDeadline(joined.promise, JOIN_MS), options.signal);
      return new Session(options, pool, host, node, store);
    } catch (error) {
      await host.stop();
      throw error;
    }
  }

  private constructor(options: SessionOptions, pool: Pool, host: GroveHost, node: Node, store: Store) {
    this.pool = pool;
    this.host = host;
    this.node = node;
    this.store = store;
    const deadlineMs = node.local.options.operationMs + OPERATION_SLACK_MS;
    this.operations = new Operations(node, (call) => host.input(call), deadlineMs);
    const { attributes, degreeBound, help, metered, capability } = options;
    const offered = degreeBound ?? (help === undefined ? 0 : DEFAULT_TERMS.degree);
    this.#bandwidth = new BandwidthWatch(node, host, metered);
    this.#report = new OwnReport({ node, directory: options.state.directory, attributes, degreeBound: offered, bandwidth: this.#bandwidth.book, capability, isHidden: () => host.status().hidden });
    const { leafset } = node.membership;
    const peers = [...recallPeers(store), ...pool.introducers.map((address) => [address])];
    this.knowsOthers = peers.length > 0;
    this.#search = new Search({
      host,
      peers,
      isAlone: () => leafset.isEmpty,
      isNeighbour: (contact) => leafset.findById(contact.peerId) !== undefined,
      onFound: (introduction) => this.#meet(introduction),
    });
    host.onDiscovered((contact) => this.#search.onDiscovered(contact));
    this.#search.start();
    this.#remembering = setInterval(() => this.#remember(), REMEMBER_MS);
  }

  /** Addresses that others can dial: ours, and those of neighbours, which stay good when we are off. */
  introducers(max: number): string[] {
    const neighbours = this.node.membership.leafset.contacts().flatMap((contact) => dialable(contact).slice(0, 1));
    return [...new Set([...this.host.multiaddrs(), ...neighbours])].slice(0, max);
  }

  /** What this machine's links carry in bit/s, as measured with neighbours; 0 where that is not known. */
  ownBandwidth(): { readonly upBps: number; readonly downBps: number } {
    const now = performance.now();
    return { upBps: this.#bandwidth.book.own('outgoing', now) ?? 0, downBps: this.#bandwidth.book.own('incoming', now) ?? 0 };
  }

  /** A member somebody named: if it is in another ring, the two merge. */
  async meetAt(addresses: readonly string[]): Promise<void> {
    const { introduction } = await reachAny(this.host, addresses);
    this.#meet(introduction);
  }

  /** Says farewell, unless this is to look as if the machine had died, and closes everything. */
  async stop(farewell = true): Promise<void> {
    this.#stopping ??= this.#stop(farewell);
    return this.#stopping;
  }

  async #stop(farewell: boolean): Promise<void> {
    clearInterval(this.#remembering);
    this.#report.stop();
    this.#bandwidth.stop();
    this.#remember();
    this.operations.stop();
    if (farewell) await this.#leave();
    await Promise.all([this.#search.stop(), this.host.stop(!farewell)]);
  }

  /** Gives the successor what it lacks and says farewell; a successor that does not answer is not waited for long. */
  async #leave(): Promise<void> {
    if (this.node.standing !== 'active') return;
    const left = deferred<void>();
    this.host.input(() => this.node.leave(left.resolve));
    const enough = new AbortController();
    await Promise.race([left.promise, sleep(LEAVE_MS, undefined, { signal: enough.signal }).catch(() => undefined)]);
    enough.abort();
  }

  #remember(): void {
    rememberPeers(this.store, this.node.membership.leafset.contacts());
    rememberCoordinate(this.store, this.node.local.coordinate);
  }

  #meet(introduction: Introduction): void {
    const settings = decodeSettings(introduction.settings);
    if (settings === undefined || !sameSettings(settings, this.pool.settings)) return;
    this.host.input(() => this.node.meet(introduction.contact));
  }
}

async function startHost(options: SessionOptions, store: Store, onFact: (fact: Fact | HostFact) => void): Promise<GroveHost> {
  const { state, choice, listen, name, lan, metered } = options;
  const known = new Map<string, Position>();
  return createHost<Message, Fact>({
    privateKey: state.identity.privateKey,
    listen,
    codec: createCodec({ positionOf: (peerId, proof) => rememberedPosition(known, peerId, proof) }),
    poolKey: choice.pool.key,
    settings: encodeSettings(choice.pool.settings),
    name,
    incarnation: nextIncarnation(state.store, Date.now()),
    store,
    onFact,
    mdns: lan,
    upnp: lan,
    metered,
    moved: recallMove(store, state.identity.peerId),
  });
}

const POSITIONS_KEPT = 4_096;

/** Every contact in every message is checked, and most are known: hashing each time would cost more than the rest. */
function rememberedPosition(known: Map<string, Position>, peerId: string, proof: PositionProof | undefined): Position {
  const name = proof === undefined ? peerId : `${peerId} ${Buffer.from(proof.chain).toString('base64')}`;
  const seen = known.get(name);
  if (seen !== undefined) return seen;
  const position = provenPosition(peerId, proof);
  if (position === undefined) throw new WireError('a contact has no Ed25519 identity, or a proof of nothing');
  if (known.size >= POSITIONS_KEPT) known.clear();
  known.set(name, position);
  return position;
}

/** Finds members to join through, and the pool's settings if only they know them. */
async function introduce(
  host: GroveHost,
  options: SessionOptions,
  store: Store,
): Promise<{ readonly pool: Pool; readonly introductions: readonly Introduction[] }> {
  const { choice, wishes } = options;
  const met = recallPeers(store).map((addresses) => addresses[0]).filter((address) => address !== undefined);
  const remembered = [...met, ...choice.pool.introducers];
  const notSelf = (address: string): boolean => !address.endsWith(`/p2p/${host.peerId}`);
  const given = choice.mustReach.filter(notSelf);
  const candidates = [...new Set([...given, ...remembered.filter(notSelf)])];
  if (given.length === 0) return { pool: choice.pool, introductions: await quickly(host, candidates) };
  const { address, introduction } = await reachAny(host, candidates, { named: given });
  const settings = decodeSettings(introduction.settings);
  if (settings === undefined) {
    throw new GroveError('refused', `The pool at ${address} has settings that this version of grove does not know: upgrade the older of the two.`);
  }
  if (choice.askSettings) {
    checkWishes(settings, wishes);
    host.setSettings(encodeSettings(settings));
  } else if (!sameSettings(settings, choice.pool.settings)) {
    throw new GroveError('refused', `The pool at ${address} has other settings than this peer's: ask a member for a fresh invite.`);
  }
  return { pool: { ...choice.pool, settings }, introductions: [introduction] };
}

/** Peers met before get a moment; without an answer this peer begins as a ring of one and keeps trying. */
const QUICKLY_MS = 4_000;

async function quickly(host: GroveHost, addresses: readonly string[]): Promise<readonly Introduction[]> {
  if (addresses.length === 0) return [];
  return reachAny(host, addresses.slice(0, 8), { deadlineMs: QUICKLY_MS, once: true }).then((reached) => [reached.introduction], () => []);
}

/** Stops waiting when `signal` says so; what was waited for ends by itself once the host is stopped. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => undefined); // also when nobody waits for it any more
  signal.throwIfAborted();
  const aborted = deferred<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function withDeadline(joined: Promise<void>, deadlineMs: number): Promise<void> {
  const settled = new AbortController();
  const late = sleep(deadlineMs, undefined, { signal: settled.signal }).then(() => {
    throw new GroveError('timeout', `A member answered, but the ring did not let this peer in within ${deadlineMs / 1000} s: try again, and look at \`grove status\` on the member.`);
  });
  late.catch(() => undefined);
  try {
    await Promise.race([joined, late]);
  } finally {
    settled.abort();
  }
}
