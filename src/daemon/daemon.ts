/**
 * The running peer: one directory, one identity, one pool at a time, and whatever serves it to the outside.
 *
 * `startDaemon` is the order in which things start, and `Daemon.stop` the order in which they end; both are meant to be
 * read. The API lives in a layer above and is handed in as a function, so that tests and the library can do without.
 */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { GroveError } from '../core/errors.ts';
import type { HostFact } from '../host/facts.ts';
import { isLoopback } from '../host/addresses.ts';
import type { HelpTerms } from '../protocol/alm/market/help-desk.ts';
import type { Fact } from '../protocol/facts.ts';
import type { ProtocolOptions } from '../protocol/options.ts';
import { compileNumber } from '../protocol/pool/cel.ts';
import type { Report } from '../protocol/pool/report.ts';
import { checkAttributes } from '../protocol/pool/report.ts';
import { byBandwidth } from './capability.ts';
import { CastService } from './casts.ts';
import { deferred } from './deferred.ts';
import { EventLog } from './event-log.ts';
import { SessionFeedPool } from './feeds/feed-pool.ts';
import type { FeedsOptions, PushOptions } from './feeds/feeds.ts';
import { DEFAULT_MAX_STALENESS_MS, Feeds } from './feeds/feeds.ts';
import { decodeInvite, encodeInvite } from './invite.ts';
import { Objects } from './objects.ts';
import { PoolView } from './pool-view.ts';
import type { PoolSettings } from './pool.ts';
import { INTRODUCERS_MAX, poolIdOf } from './pool.ts';
import type { PoolChoice } from './pool-choice.ts';
import { choosePool } from './pool-choice.ts';
import type { RingView } from './ring-view.ts';
import { estimatedSize, ringView } from './ring-view.ts';
import { Session } from './session.ts';
import type { State } from './state.ts';
import { openState } from './state.ts';
import type { DaemonStatus } from './status.ts';
import { groveContact, groveVersion } from './version.ts';

export interface DaemonOptions {
  /** The state directory; undefined keeps everything in memory. */
  readonly directory: string | undefined;
  /** Multiaddresses; undefined listens on all interfaces, on the port of last time if it is free. */
  readonly listen?: readonly string[] | undefined;
  /** Invites and multiaddresses. */
  readonly join?: readonly string[];
  readonly name?: string | undefined;
  readonly poolKey?: Uint8Array | undefined;
  readonly settings?: Partial<PoolSettings>;
  /** The operator's own values in this machine's report: numbers and texts by name. */
  readonly attributes?: Report;
  /** Links that this machine has for multicast trees, its own and those it helps. */
  readonly degreeBound?: number | undefined;
  /** What it does for multicast trees of others; default nothing. */
  readonly help?: HelpTerms['help'];
  /** Every byte costs: no bandwidth measurements. */
  readonly metered?: boolean;
  /** Would go to the root of the metadata tree if this is the most capable machine ([0061]); default no. */
  readonly promote?: boolean;
  /** What capable means: an expression over this machine's report that gives a number. */
  readonly capability?: string | undefined;
  readonly feeds?: Partial<Pick<FeedsOptions, 'allowPrivateNetworks' | 'originFloorMs' | 'defaultMaxStalenessMs' | 'contact'>>;
  /** Where hubs on the internet reach this peer (WebSub); undefined: sources are polled. */
  readonly push?: PushOptions | undefined;
  /** Serves the daemon to the outside: the API, and in tests nothing. */
  readonly serve?: ((daemon: Daemon) => Promise<Served>) | undefined;
  /** Gives up starting, and throws its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Single protocol options, for tests and unusual networks. */
  readonly tuning?: Partial<ProtocolOptions>;
}

export interface Served {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  close(): Promise<void>;
}

const NAME_BYTES_MAX = 64;
const PORT_ENTRY = 'daemon/port';
const STOP_MS = 10_000;
const NO_ATTRIBUTES: Report = new Map();

/** Starts a peer and enters its pool. Throws GroveError, and has then left nothing running. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  checkAttributes(options.attributes ?? NO_ATTRIBUTES);
  if (options.capability !== undefined) compileNumber(options.capability);
  if (options.capability !== undefined && options.promote !== true) {
    throw new GroveError('usage', 'A capability counts only with promotion: add --promote, or leave --capability out.');
  }
  const state = openState(options.directory);
  const daemon = new Daemon(state, options);
  try {
    const { join = [], poolKey, settings = {} } = options;
    const choice = choosePool({ stored: state.readPool(), join, poolKey, settings });
    await daemon.enter(choice);
    options.signal?.throwIfAborted();
    await daemon.serve();
    if (options.push !== undefined) await daemon.feeds.usePush(options.push);
    return daemon;
  } catch (error) {
    await daemon.stop();
    throw error;
  }
}

export class Daemon {
  readonly state: State;
  readonly name: string;
  readonly events = new EventLog();
  /** What this peer subscribes to: works in every pool and without one. */
  readonly feeds: Feeds;
  readonly startedAt = new Date();
  /** Resolves after `stop`; rejects if this peer stopped because of a bug in it. */
  readonly closed: Promise<void>;
  readonly #options: DaemonOptions;
  #session: Session | undefined;
  #served: Served | undefined;
  #casts: CastService | undefined;
  #feedPool: SessionFeedPool | undefined;
  #stopping: Promise<void> | undefined;
  /** A stay that is beginning. */
  #entering: Promise<void> | undefined;
  readonly #giveUp = new AbortController();
  /** Where this process listened last. */
  #port: number | undefined;
  #broken: unknown;
  readonly #closed = deferred<void>();

  constructor(state: State, options: DaemonOptions) {
    this.state = state;
    this.#options = options;
    this.name = boundedName(options.name ?? hostname());
    this.feeds = new Feeds({
      allowPrivateNetworks: false,
      originFloorMs: undefined,
      defaultMaxStalenessMs: DEFAULT_MAX_STALENESS_MS,
      contact: groveContact(),
      ...options.feeds,
      store: state.store,
      version: groveVersion(),
      apiUrl: () => this.apiUrl,
      onFact: (fact) => this.events.add(fact),
    });
    this.closed = this.#closed.promise;
    this.closed.catch(() => undefined); // whoever cares awaits it
  }

  // --- what it is ---

  get peerId(): string {
    return this.state.identity.peerId;
  }

  /** Undefined without an API. */
  get apiUrl(): string | undefined {
    return this.#served?.url;
  }

  /** The stay in the present pool. Throws while there is none: between two pools, and after the end. */
  get session(): Session {
    if (this.#session !== undefined) return this.#session;
    throw new GroveError('stopped', this.#entering !== undefined ? 'The peer is changing pools: try again in a moment.' : 'The peer is stopping.');
  }

  get objects(): Objects {
    return new Objects(this.session.operations);
  }

  /** The pool as one thing: questions, messages, the tree. */
  get pool(): PoolView {
    return new PoolView(this.session.node, this.session.operations);
  }

  /** Multicast sessions of the present pool. */
  get casts(): CastService {
    const { session } = this;
    return (this.#casts ??= new CastService(session, this.pool, this.#options.degreeBound ?? 0));
  }

  get isReady(): boolean {
    return this.#session?.node.standing === 'active';
  }

  addresses(): string[] {
    return this.session.host.multiaddrs();
  }

  ring(): RingView {
    return ringView(this.session.node);
  }

  status(): DaemonStatus {
    const { node, host, pool, operations } = this.session;
    const { self } = this.ring();
    return {
      ...self,
      version: groveVersion(),
      pid: process.pid,
      startedAt: this.startedAt.toISOString(),
      directory: this.state.directory ?? null,
      api: this.apiUrl ?? null,
      addresses: this.addresses(),
      pool: { id: poolIdOf(pool.key), ...pool.settings },
      ring: { neighbours: node.membership.leafset.members().length, size: estimatedSize(node.membership.leafset) },
      storage: node.overlay.stats,
      network: { ...host.status(), operations: operations.pending },
      counters: { ...host.counters },
    };
  }

  // --- what it does ---

  /** A line of text that lets others into this pool. */
  invite(): string {
    const { pool } = this.session;
    return encodeInvite({ ...pool, introducers: this.session.introducers(INTRODUCERS_MAX) });
  }

  /** Goes into the pool of an invite. If that cannot be reached, this peer is back in its old pool when this throws. */
  async join(invite: string): Promise<void> {
    const invited = decodeInvite(invite);
    const present = this.session;
    if (poolIdOf(invited.key) === poolIdOf(present.pool.key)) return present.meetAt(invited.introducers);
    const back: PoolChoice = { pool: present.pool, mustReach: [], askSettings: false, isNew: false };
    const forward: PoolChoice = { pool: invited, mustReach: invited.introducers, askSettings: false, isNew: false };
    this.#session = undefined;
    this.#endCasts();
    this.#keepFeeds();
    await this.#whileEntering(async () => {
      await present.stop();
      try {
        await this.#begin(forward, true);
      } catch (error) {
        await this.#begin(back, true);
        throw error;
      }
    });
  }

  /** Begins the stay in a pool. */
  async enter(choice: PoolChoice): Promise<void> {
    await this.#whileEntering(async () => this.#begin(choice, false));
  }

  async serve(): Promise<void> {
    this.#served = await this.#options.serve?.(this);
    if (this.#served === undefined) return;
    this.state.announce({ pid: process.pid, api: this.#served.url, startedAt: this.startedAt.toISOString() });
  }

  /** Farewell to the ring, then the API, then the files; done after ten seconds at the latest. Without `farewell` others see it die. */
  async stop(farewell = true): Promise<void> {
    this.#stopping ??= this.#stop(farewell);
    return this.#stopping;
  }

  async #stop(farewell: boolean): Promise<void> {
    this.events.end();
    this.#giveUp.abort(new GroveError('stopped', 'The peer is stopping.'));
    const ending = (async () => {
      // As a power cut would end it: the others see connections break before anything else is put away.
      if (!farewell) {
        this.#feedPool?.end();
        await this.#session?.stop(false);
      }
      await this.#entering?.catch(() => undefined);
      await this.feeds.stop();
      this.#feedPool?.end();
      this.#endCasts();
      await this.#session?.stop(farewell);
      await this.#served?.close();
    })();
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STOP_MS);
    });
    try {
      await Promise.race([ending, deadline]);
      this.state.close();
    } catch (error) {
      this.#broken ??= error;
    }
    clearTimeout(timer);
    this.#session = undefined;
    if (this.#broken === undefined) this.#closed.resolve();
    else this.#closed.reject(this.#broken);
  }

  /** While `work` runs there is no session, and stopping waits for it. */
  async #whileEntering(work: () => Promise<void>): Promise<void> {
    const entering = work().finally(() => {
      this.#entering = undefined;
    });
    this.#entering = entering;
    await entering;
  }

  /** `again`: what the start asked for concerned another pool. */
  async #begin(choice: PoolChoice, again: boolean): Promise<void> {
    const session = await this.#startSession(choice, again);
    this.#session = session;
    this.state.writePool(session.pool);
    this.#shareFeeds(session);
    this.#rememberPort(session);
  }

  /** The feeds of this peer take part in the pool from now on. */
  #shareFeeds({ node, host, pool }: Session): void {
    this.#feedPool = new SessionFeedPool({
      node, input: (call) => host.input(call), networks: host.networks, privateKey: this.state.identity.privateKey, shelf: this.feeds.shelf, events: this.feeds.poolEvents,
    });
    this.feeds.usePool(this.#feedPool, friendsSalt(pool.key), (peerIds) => host.networks.count(peerIds, host.peerId));
  }

  /** Alone again, before the session ends. */
  #keepFeeds(): void {
    this.feeds.usePool(undefined);
    this.#feedPool?.end();
  }

  #endCasts(): void {
    this.#casts?.stop();
    this.#casts = undefined;
  }

  async #startSession(choice: PoolChoice, again: boolean): Promise<Session> {
    const { listen, settings = {}, tuning = {}, attributes = NO_ATTRIBUTES, degreeBound, help, metered = false, promote = false, capability } = this.#options;
    const signals = [this.#giveUp.signal, again ? undefined : this.#options.signal].filter((one) => one !== undefined);
    const start = async (addresses: readonly string[]): Promise<Session> =>
      Session.start({
        state: this.state,
        choice,
        wishes: again ? {} : settings,
        listen: addresses,
        name: this.name,
        // Without an interface to the outside there is nobody to discover.
        lan: !addresses.every(isLoopback),
        tuning,
        attributes,
        degreeBound,
        help,
        metered,
        capability: promote ? (capability === undefined ? byBandwidth : compileNumber(capability)) : undefined,
        signal: AbortSignal.any(signals),
        onFact: (fact) => this.#onFact(fact),
        onBroken: (error) => this.#onBroken(error),
      });
    const given = listen ?? ['/ip4/0.0.0.0/tcp/0'];
    const port = this.#port ?? (listen === undefined ? this.#portOfLastTime() : undefined);
    if (port === undefined) return start(given);
    try {
      return await start(given.map((address) => address.replace(/\/tcp\/0$/, `/tcp/${port}`)));
    } catch (error) {
      if (!(error instanceof GroveError) || error.code !== 'in-use') throw error;
      return start(given);
    }
  }

  #onFact(fact: Fact | HostFact): void {
    this.events.add(fact);
  }

  #onBroken(error: unknown): void {
    this.#broken = error;
    void this.stop();
  }

  /** The same port again keeps old invites and everybody's memory of this peer good. */
  #portOfLastTime(): number | undefined {
    const bytes = this.state.store.read(PORT_ENTRY);
    const port = bytes === undefined ? 0 : Number(new TextDecoder().decode(bytes));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  }

  #rememberPort(session: Session): void {
    const ports = session.host.contact.addresses.map((address) => /^\/ip[46]\/[^/]+\/tcp\/(\d+)$/.exec(address)?.[1]);
    const port = ports.find((one) => one !== undefined);
    if (port === undefined) return;
    this.#port = Number(port);
    if (this.#options.listen === undefined) this.state.store.write(PORT_ENTRY, new TextEncoder().encode(port));
  }
}

/** Outsiders who guess a URL cannot compute the key under which members of this pool share it among friends. */
function friendsSalt(poolKey: Uint8Array): string {
  return createHash('sha256').update('grove feeds among friends').update(poolKey).digest('hex');
}

/** Cuts a name to what travels, without splitting a character. */
function boundedName(name: string): string {
  let bounded = '';
  for (const character of name) {
    if (Buffer.byteLength(bounded + character) > NAME_BYTES_MAX) break;
    bounded += character;
  }
  return bounded;
}
