/**
 * A real host: one peer's protocol on real sockets, clocks and disks.
 *
 * `createHost` wires the parts: libp2p (loaded lazily), the membership proof on every connection, control links, data
 * streams, the input loop. It is generic in messages and facts and knows no protocol; the simulator's World is its
 * counterpart. Every wait in here has a deadline, and `stop` leaves nothing behind.
 */
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Connection, Stream } from '@libp2p/interface';
import { assert } from '../core/assert.ts';
import type { Contact, PositionProof } from '../core/contact.ts';
import type { Position } from '../core/position.ts';
import type { Env, Millis, Protocol, TimerKind } from '../core/env.ts';
import { GroveError } from '../core/errors.ts';
import { randomFrom } from '../core/random.ts';
import { presentableAddresses } from './addresses.ts';
import { Connections } from './connections.ts';
import type { Line } from './connections.ts';
import { DataStreams } from './data-streams.ts';
import { Dialer } from './dialer.ts';
import type { HostCounters, HostFact } from './facts.ts';
import { newCounters } from './facts.ts';
import { encodeFrame, FRAME } from './frames.ts';
import type { Introduction } from './handshake.ts';
import { encodeCard, HELLO_PROTOCOL, NAME_BYTES_MAX, SETTINGS_BYTES_MAX } from './handshake.ts';
import type { HostLimits, HostOptions } from './host-options.ts';
import { HOST_LIMITS } from './host-options.ts';
import { identityOf, multihashOf, positionOfPeer } from './identity.ts';
import { Inbox } from './inbox.ts';
import { InputLoop } from './input-loop.ts';
import type { Node } from './libp2p.ts';
import { LinkTable } from './link-table.ts';
import type { Rate } from '../protocol/measure/bandwidth.ts';
import { poolKeysOf } from './membership.ts';
import { Networks } from './networks.ts';
import { PROBE_PROTOCOL } from './probing/probe-dialogue.ts';
import { Prober } from './probing/prober.ts';
import { Reachability } from './reachability.ts';
import { Relays } from './relays.ts';

export interface Host<M, F> {
  readonly peerId: string;
  /** Who we are now; a new object whenever something about it changes. */
  readonly contact: Contact;
  readonly env: Env<M, F>;
  readonly counters: Readonly<HostCounters>;
  /** Resolves after `stop`; rejects if an input of the protocol threw, and the host has then stopped. */
  readonly closed: Promise<void>;
  /** Where members' connections come from. */
  readonly networks: Networks;
  /** Everything that arrives goes here from now on. Call once, before anything can arrive. */
  attach(protocol: Protocol<M>): void;
  /** Runs a call into the protocol (an operation somebody asked for) as an input of its own. */
  input(call: () => void): void;
  /** Connects to an address a person gave; whoever answers has proved membership. The settings are its pool's. */
  dial(address: string): Promise<Introduction>;
  /** Addresses to give to people, with our identity in them. */
  multiaddrs(): string[];
  /** Proven connections and control links, for reports. */
  status(): { readonly connections: number; readonly links: number; readonly streams: number; readonly relays: number; readonly hidden: boolean };
  setIncarnation(incarnation: number): void;
  /** The protocol has moved to another position: what others are told from now on. */
  setPosition(moved: { readonly position: Position; readonly proof: PositionProof; readonly incarnation: number }): void;
  /** Pool settings shown to whoever connects from now on. */
  setSettings(settings: Uint8Array): void;
  /** Called after our contact changed. */
  onSelfChanged(callback: (contact: Contact) => void): void;
  /** Measures the bottleneck to a member in bit/s ([0075]); undefined when it cannot be told. Costs up to 400 kB. */
  measureBandwidth(contact: Contact): Promise<Rate | undefined>;
  /** Called when a member has measured the way to us. */
  onBandwidth(callback: (peerId: string, rate: Rate) => void): void;
  /** Called for members found on the local network; not yet proven. */
  onDiscovered(callback: (contact: Contact) => void): void;
  /** `abruptly`: connections break first, and nothing that waits is sent. */
  stop(abruptly?: boolean): Promise<void>;
}

const CONTROL_PROTOCOL = '/grove/1/control';
const DATA_PROTOCOL = '/grove/1/data';
const TRIAL_PROTOCOL = '/grove/1/trial';
/** A neighbour has one control stream; a second and third may overlap while links change. */
const CONTROL_STREAMS_PER_CONNECTION = 4;
const HELLO_STREAMS_PER_CONNECTION = 2;
const TRIAL_STREAMS_PER_CONNECTION = 2;
const PROBE_STREAMS_PER_CONNECTION = 2;

/** Starts a host. Rejects with a GroveError if it cannot listen. */
export async function createHost<M, F>(options: HostOptions<M, F>): Promise<Host<M, F>> {
  assert(options.poolKey.length === 32, 'a pool key has 32 bytes');
  assert(options.settings.length <= SETTINGS_BYTES_MAX, 'pool settings are bounded');
  assert(Buffer.byteLength(options.name) <= NAME_BYTES_MAX, 'a name is bounded');
  const host = new RealHost(options);
  await host.start();
  return host;
}

class RealHost<M, F> implements Host<M, F> {
  readonly peerId: string;
  readonly env: Env<M, F>;
  readonly counters: HostCounters = newCounters();
  readonly closed: Promise<void>;
  readonly #options: HostOptions<M, F>;
  readonly #limits: HostLimits;
  readonly #loop: InputLoop;
  readonly #connections: Connections;
  readonly #dialer: Dialer;
  readonly #links: LinkTable;
  readonly #streams: DataStreams;
  readonly #inbox: Inbox<M>;
  readonly #relays: Relays;
  readonly #reachability: Reachability;
  readonly #prober: Prober;
  readonly networks = new Networks();
  readonly #selfChanged: ((contact: Contact) => void)[] = [];
  readonly #discovered: ((contact: Contact) => void)[] = [];
  readonly #measured: ((peerId: string, rate: Rate) => void)[] = [];
  #contact: Contact;
  #settings: Uint8Array;
  #protocol: Protocol<M> | undefined;
  #node: Node | undefined;
  #sweeping: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;
  #resolveClosed: () => void = () => undefined;
  #rejectClosed: (error: unknown) => void = () => undefined;

  constructor(options: HostOptions<M, F>) {
    this.#options = options;
    this.#limits = { ...HOST_LIMITS, ...options.limits };
    const identity = identityOf(options.privateKey);
    const { name, incarnation, moved } = options;
    this.peerId = identity.peerId;
    this.#contact = { peerId: identity.peerId, position: identity.position, addresses: [], name, incarnation, ...moved };
    this.#settings = options.settings;
    this.closed = new Promise((resolve, reject) => {
      this.#resolveClosed = resolve;
      this.#rejectClosed = reject;
    });
    const common = { limits: this.#limits, counters: this.counters, emit: (fact: HostFact) => this.#emit(fact) };
    this.#loop = new InputLoop((kind) => this.#onTimer(kind), (error) => this.#onFailure(error));
    this.#connections = new Connections({
      ...common,
      peerId: identity.peerId,
      membership: {
        keys: poolKeysOf(options.poolKey),
        multihash: multihashOf(identity.peerId) ?? new Uint8Array(),
        introduce: () => ({ contact: this.#contact, settings: this.#settings }),
      },
      openHello: async (connection, signal) => this.#running().openStream(connection, HELLO_PROTOCOL, signal),
      onProven: (line) => this.#onProven(line),
      onClosed: (line, inUse) => this.#onLineClosed(line, inUse),
    });
    this.#dialer = new Dialer({
      ...common,
      connections: this.#connections,
      dial: async (addresses, peerId, signal) => this.#running().dial(addresses, peerId, signal),
      onUnreachable: (contact) => this.#onUnreachable(contact),
    });
    this.#links = new LinkTable({
      ...common,
      open: async (contact) => this.#openStream(contact, CONTROL_PROTOCOL),
      isBest: (line) => this.#connections.lineTo(line.remote.peerId) === line,
      news: (line) => this.#news(line),
      isBackedOff: (contact) => this.#dialer.isBackedOff(contact),
    });
    this.#streams = new DataStreams({
      ...common,
      open: async (contact) => this.#openStream(contact, DATA_PROTOCOL),
      input: (call) => this.#input(call),
    });
    this.#inbox = new Inbox<M>({
      ...common,
      codec: options.codec,
      connections: this.#connections,
      onMessage: (from, message, at) => this.#input((protocol) => protocol.onMessage(from, message, at)),
    });
    this.#relays = new Relays({
      ...common,
      connections: this.#connections,
      wanted: this.#limits.relaysWanted,
      isHidden: () => this.#reachability.isHidden,
      isPreferred: (peerId) => this.#reachability.couldNotDial(peerId),
      reserve: async (connection) => this.#running().reserveRelay(connection),
      onReserved: () => this.#refreshContact(),
    });
    this.#reachability = new Reachability({
      connections: this.#connections,
      dialMs: this.#limits.dialMs,
      selfAddresses: () => this.#contact.addresses,
      openStream: async (connection, signal) => this.#running().openStream(connection, TRIAL_PROTOCOL, signal),
      dialAnew: async (addresses, peerId, signal) => this.#running().dialAnew(addresses, peerId, signal),
      onAnswer: () => this.#relays.onNews(),
    });
    this.#prober = this.#newProber();
    this.env = this.#newEnv();
  }

  get contact(): Contact {
    return this.#contact;
  }

  async start(): Promise<void> {
    const { startNode } = await import('./libp2p.ts');
    const { privateKey, listen, poolKey, mdns, relay, upnp, announce } = this.#options;
    try {
      this.#node = await startNode({
        privateKey,
        listen,
        announce: announce ?? [],
        connectionsMax: this.#limits.connectionsMax,
        dialsMax: this.#limits.dialsMax,
        streamsPerPeerMax: this.#limits.streamsPerPeerMax,
        relayServer: relay ?? true,
        relayReservationsMax: this.#limits.relayReservationsMax,
        mdnsName: mdns === true ? poolKeysOf(poolKey).mdnsName : undefined,
        upnp: upnp ?? false,
        onConnection: (connection) => this.#connections.onOpen(connection),
        onConnectionClosed: (connection) => this.#connections.onClose(connection),
        onDiscovered: (peerId, addresses) => this.#onDiscovered(peerId, addresses),
        onAddressesChanged: () => this.#refreshContact(),
        isProven: (peerId) => this.#connections.isProven(peerId),
        whenProven: async (connection) => this.#connections.whenProven(connection),
        protocols: [
          { id: HELLO_PROTOCOL, streamsMax: HELLO_STREAMS_PER_CONNECTION, onStream: (stream, on) => this.#connections.onHello(stream, on) },
          { id: CONTROL_PROTOCOL, streamsMax: CONTROL_STREAMS_PER_CONNECTION, onStream: (stream, on) => this.#onStream(stream, on, 'control') },
          { id: DATA_PROTOCOL, streamsMax: this.#limits.streamsPerPeerMax, onStream: (stream, on) => this.#onStream(stream, on, 'data') },
          { id: TRIAL_PROTOCOL, streamsMax: TRIAL_STREAMS_PER_CONNECTION, onStream: (stream, on) => this.#onStream(stream, on, 'trial') },
          { id: PROBE_PROTOCOL, streamsMax: PROBE_STREAMS_PER_CONNECTION, onStream: (stream, on) => this.#onStream(stream, on, 'probe') },
        ],
      });
    } catch (error) {
      throw new GroveError('in-use', `Cannot listen on ${listen.join(', ')}: is another peer running there?`, { cause: error });
    }
    assert(this.#node.peerId === this.peerId, 'libp2p derives the same PeerId');
    this.#refreshContact();
    this.#sweeping = setInterval(() => this.#sweep(), this.#limits.sweepMs);
  }

  attach(protocol: Protocol<M>): void {
    assert(this.#protocol === undefined, 'a host drives one protocol');
    this.#protocol = protocol;
  }

  input(call: () => void): void {
    this.#loop.run(call);
  }

  async dial(address: string): Promise<Introduction> {
    const line = await this.#dialer.dialAddress(address);
    return line.proven;
  }

  multiaddrs(): string[] {
    return this.#contact.addresses.map((address) => `${address}/p2p/${this.peerId}`);
  }

  status(): { readonly connections: number; readonly links: number; readonly streams: number; readonly relays: number; readonly hidden: boolean } {
    return {
      connections: this.#connections.lines().length,
      links: this.#links.size,
      streams: this.#streams.size,
      relays: this.#relays.count,
      hidden: this.#reachability.isHidden,
    };
  }

  setIncarnation(incarnation: number): void {
    assert(incarnation >= this.#contact.incarnation, 'an incarnation only grows');
    this.#setContact({ ...this.#contact, incarnation });
  }

  setPosition({ position, proof, incarnation }: { readonly position: Position; readonly proof: PositionProof; readonly incarnation: number }): void {
    this.#setContact({ ...this.#contact, position, proof, incarnation });
  }

  setSettings(settings: Uint8Array): void {
    assert(settings.length <= SETTINGS_BYTES_MAX, 'pool settings are bounded');
    this.#settings = settings;
  }

  onSelfChanged(callback: (contact: Contact) => void): void {
    this.#selfChanged.push(callback);
  }

  onDiscovered(callback: (contact: Contact) => void): void {
    this.#discovered.push(callback);
  }

  async measureBandwidth(contact: Contact): Promise<Rate | undefined> {
    return this.#prober.measure(contact);
  }

  onBandwidth(callback: (peerId: string, rate: Rate) => void): void {
    this.#measured.push(callback);
  }

  async stop(abruptly = false): Promise<void> {
    this.#stopping ??= this.#stop(abruptly).then(() => this.#resolveClosed());
    return this.#stopping;
  }

  async #stop(abruptly: boolean): Promise<void> {
    if (abruptly) this.#node?.connections().forEach((connection) => connection.abort(new Error('stopped')));
    else this.#links.flushNow(); // a farewell sent just now still leaves
    this.#loop.stop();
    clearInterval(this.#sweeping);
    this.#dialer.stop();
    this.#streams.stop();
    this.#links.stop();
    await this.#prober.stop();
    const node = this.#node;
    if (node === undefined) return;
    const deadline = new Promise<void>((resolve) => {
      setTimeout(resolve, this.#limits.stopMs).unref();
    });
    await Promise.race([node.stop().catch(() => undefined), deadline]);
    for (const connection of node.connections()) connection.abort(new Error('stopped'));
  }

  #newProber(): Prober {
    return new Prober({
      counters: this.counters,
      isMetered: this.#options.metered ?? false,
      open: async (contact) => this.#openStream(contact, PROBE_PROTOCOL),
      selfAddresses: () => this.#contact.addresses,
      onIncoming: (peerId, rate) => this.#measured.forEach((callback) => callback(peerId, rate)),
    });
  }

  #newEnv(): Env<M, F> {
    const { store, onFact, codec, seed } = this.#options;
    const loop = this.#loop;
    return {
      random: randomFrom(seed ?? randomBytes(8).readBigUInt64LE()),
      store,
      streams: this.#streams,
      now: () => loop.now(),
      wallClock: () => Date.now(),
      arm: (kind: TimerKind, at: Millis) => loop.arm(kind, at),
      disarm: (kind: TimerKind) => loop.disarm(kind),
      emit: (fact: F) => onFact(fact),
      send: (to: Contact, message: M) => {
        if (to.peerId === this.peerId) this.#sendToSelf(message);
        else if (!loop.stopped) this.#links.send(to, codec.parts(message));
      },
    };
  }

  #sendToSelf(message: M): void {
    setImmediate(() => this.#input((protocol) => protocol.onMessage(this.#contact, message, performance.now())));
  }

  #input(call: (protocol: Protocol<M>) => void): void {
    this.#loop.run(() => {
      if (this.#protocol !== undefined) call(this.#protocol);
    });
  }

  #onTimer(kind: TimerKind): void {
    this.#protocol?.onTimer(kind);
  }

  /** A bug in this peer: it stops rather than go on wrong, and whoever watches `closed` learns why. */
  #onFailure(error: unknown): void {
    this.#emit({ kind: 'host-failed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    this.#stopping ??= this.#stop(false);
    this.#rejectClosed(error);
  }

  #emit(fact: HostFact): void {
    this.#options.onFact(fact);
  }

  #running(): Node {
    if (this.#node === undefined || this.#stopping !== undefined) throw new GroveError('stopped', 'The peer is not running.');
    return this.#node;
  }

  async #openStream(contact: Contact, protocol: string): Promise<{ readonly line: Line; readonly stream: Stream }> {
    const line = await this.#dialer.reach(contact);
    const signal = AbortSignal.timeout(this.#limits.streamOpenMs);
    return { line, stream: await this.#running().openStream(line.connection, protocol, signal) };
  }

  #onStream(stream: Stream, connection: Connection, what: 'control' | 'data' | 'trial' | 'probe'): void {
    this.#connections.whenProven(connection).then(
      (line) => {
        if (this.#stopping !== undefined) stream.abort(new Error('stopping'));
        else if (what === 'control') this.#inbox.accept(stream, line);
        else if (what === 'data') this.#streams.accept(stream, line);
        else if (what === 'trial') void this.#reachability.answer(stream, line);
        else void this.#prober.answer(stream, line);
      },
      () => stream.abort(new Error('not proven')),
    );
  }

  #onProven(line: Line): void {
    this.#dialer.onProven(line.remote.peerId);
    if (line.connection.direct) this.networks.see(line.remote.peerId, line.connection.remoteAddr.toString());
    const signal = AbortSignal.timeout(this.#limits.handshakeMs);
    this.#running()
      .identify(line.connection, signal)
      .catch(() => undefined)
      .finally(() => this.#onMember());
  }

  /** A member is connected and identified: it may tell us whether we can be dialled, and relay if not. */
  #onMember(): void {
    if (this.#stopping !== undefined) return;
    this.#relays.onNews();
    void this.#reachability.ask();
  }

  #onLineClosed(line: Line, inUse: boolean): void {
    this.#relays.onClosed(line);
    const contact = line.introduction?.contact;
    if (inUse && contact !== undefined && this.#connections.lineTo(contact.peerId) === undefined) this.#onUnreachable(contact);
  }

  #onUnreachable(contact: Contact): void {
    // After whoever waited for the connection has given up on it, so that what is sent in answer is not queued behind.
    setImmediate(() => this.#input((protocol) => protocol.onPeerUnreachable(contact)));
  }

  #onDiscovered(peerId: string, addresses: readonly string[]): void {
    const position = positionOfPeer(peerId);
    if (position === undefined || peerId === this.peerId) return;
    for (const callback of this.#discovered) callback({ peerId, position, addresses, name: '', incarnation: 0 });
  }

  /** The frame that tells a neighbour who we are now, if what it was told is older. */
  #news(line: Line): Uint8Array | undefined {
    if (line.presented === this.#contact) return undefined;
    line.presented = this.#contact;
    return encodeFrame(FRAME.card, encodeCard({ contact: this.#contact, settings: new Uint8Array() }));
  }

  #refreshContact(): void {
    const addresses = presentableAddresses(this.#node?.addresses() ?? []);
    if (addresses.join() !== this.#contact.addresses.join()) this.#setContact({ ...this.#contact, addresses });
  }

  #setContact(contact: Contact): void {
    this.#contact = contact;
    this.#emit({ kind: 'self-changed', addresses: contact.addresses });
    for (const callback of this.#selfChanged) callback(contact);
  }

  #sweep(): void {
    this.#links.sweep();
    this.#connections.sweep((line) => this.#relays.isHeld(line));
    this.#relays.sweep();
    this.#refreshContact();
    void this.#reachability.ask();
  }
}
