/**
 * The one file that loads libp2p: transports, encryption, muxing, discovery, relaying, and the defaults we change.
 *
 * Imported dynamically, because loading costs half a second that short commands must not pay. What leaves this file are
 * plain strings and libp2p's own Connection and Stream; no multiaddr object does. Settings that differ from libp2p's
 * defaults differ for a measured reason, written beside them.
 */
import { autoNAT } from '@libp2p/autonat';
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { dcutr } from '@libp2p/dcutr';
import { identify } from '@libp2p/identify';
import type { Identify } from '@libp2p/identify';
import type { Connection, Libp2p, PeerId, Stream, StreamHandler, StreamHandlerOptions, TopologyFilter } from '@libp2p/interface';
import { mdns } from '@libp2p/mdns';
import { peerIdFromString } from '@libp2p/peer-id';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { tls } from '@libp2p/tls';
import { uPnPNAT } from '@libp2p/upnp-nat';
import { webSockets } from '@libp2p/websockets';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import type { Multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { isRelayed } from './addresses.ts';
import { HELLO_PROTOCOL } from './handshake.ts';
import { leanNoise } from './lean-noise.ts';
import { quietLogger } from './quiet-logger.ts';
import { updateWindowSeldom } from './window-updates.ts';

export interface NodeOptions {
  readonly privateKey: Uint8Array;
  readonly listen: readonly string[];
  readonly announce: readonly string[];
  readonly connectionsMax: number;
  readonly dialsMax: number;
  readonly streamsPerPeerMax: number;
  readonly relayServer: boolean;
  readonly relayReservationsMax: number;
  /** The mDNS service name; undefined leaves local discovery off. */
  readonly mdnsName: string | undefined;
  readonly upnp: boolean;
  readonly onConnection: (connection: Connection) => void;
  readonly onConnectionClosed: (connection: Connection) => void;
  readonly onDiscovered: (peerId: string, addresses: readonly string[]) => void;
  readonly onAddressesChanged: () => void;
  /** Whether the other end may use this peer's relay and be told where this peer listens. */
  readonly isProven: (peerId: string) => boolean;
  /** What we serve. Registered before the node listens, so that nobody finds a door without a lock. */
  readonly protocols: readonly ServedProtocol[];
  /** Resolves when the connection is proven, rejects when it never will be. */
  readonly whenProven: (connection: Connection) => Promise<unknown>;
}

export interface ServedProtocol {
  readonly id: string;
  /** Streams that one connection may have open to us at a time. */
  readonly streamsMax: number;
  readonly onStream: (stream: Stream, connection: Connection) => void;
}

/** A running libp2p node, in strings. */
export interface Node {
  readonly peerId: string;
  /** Addresses others may dial, without our own /p2p suffix, in libp2p's order. */
  addresses(): string[];
  connections(): Connection[];
  /** Dials the addresses in turn; all must lead to `peerId` if that is given. */
  dial(addresses: readonly string[], peerId: string | undefined, signal: AbortSignal): Promise<Connection>;
  /** A new connection even if there is one, over direct addresses. */
  dialAnew(addresses: readonly string[], peerId: string, signal: AbortSignal): Promise<Connection>;
  openStream(connection: Connection, protocol: string, signal: AbortSignal): Promise<Stream>;
  /** Exchanges addresses and protocols with a proven peer: relaying and address discovery need it. */
  identify(connection: Connection, signal: AbortSignal): Promise<void>;
  /** Asks the peer behind this direct connection to relay for us; our addresses change when it does. */
  reserveRelay(connection: Connection): Promise<void>;
  stop(): Promise<void>;
}

/** We choose our relays ourselves; libp2p's own search would ask each of them first and be told that none is wanted. */
const NO_DISCOVERY: TopologyFilter = { has: () => true, add: () => undefined, remove: () => undefined };

/** The two parts of libp2p's inside that its services are handed and that we need too. */
interface Registrar {
  handle(protocol: string, handler: StreamHandler, options?: StreamHandlerOptions): Promise<void>;
}

interface TransportManager {
  listen(addresses: Multiaddr[]): Promise<void>;
  getAddrs(): Multiaddr[];
}

interface Inside extends Record<string, unknown> {
  identify: Identify;
  inside: { readonly transportManager: TransportManager };
}

export async function startNode(options: NodeOptions): Promise<Node> {
  const privateKey = await generateKeyPairFromSeed('Ed25519', options.privateKey);
  const node = await createLibp2p({
    privateKey,
    ...quietLogger(),
    start: false,
    addresses: { listen: [...options.listen], announce: [...options.announce] },
    transports: [tcp(), webSockets(), circuitRelayTransport({ discoveryFilter: NO_DISCOVERY })],
    connectionEncrypters: [leanNoise(), tls()],
    streamMuxers: [
      yamux({
        maxInboundStreams: 4 * options.streamsPerPeerMax,
        maxOutboundStreams: 4 * options.streamsPerPeerMax,
        // A paused reader must be able to hold a whole window: libp2p resets a stream that buffers over 4 MiB.
        streamOptions: { maxStreamWindowSize: 2 * 1024 * 1024 },
      }),
    ],
    connectionManager: {
      maxConnections: options.connectionsMax,
      maxParallelDials: options.dialsMax,
      dialTimeout: 10_000,
      addressDialTimeout: 2_500, // a dead first address must leave time for the second
      inboundConnectionThreshold: 1_000, // a pool behind one address is not an attack
      maxIncomingPendingConnections: 256, // ten at once is a small pool starting together
      reconnectRetries: 3,
    },
    connectionMonitor: { enabled: false }, // pings cost 17-25 % of a core for 100 peers
    connectionGater: {
      denyDialMultiaddr: () => false,
      denyInboundRelayReservation: (source: PeerId) => !options.isProven(source.toString()),
      denyOutboundRelayedConnection: (source: PeerId, destination: PeerId) =>
        !options.isProven(source.toString()) || !options.isProven(destination.toString()),
    },
    peerDiscovery: options.mdnsName === undefined ? [] : [discovery(options.mdnsName, options.onDiscovered)],
    services: {
      inside: (components: { registrar: Registrar; transportManager: TransportManager }) => {
        serveProvenOnly(components.registrar, options.whenProven);
        return { transportManager: components.transportManager };
      },
      identify: identify({ runOnConnectionOpen: false, runOnLimitedConnection: true, agentVersion: 'grove' } as never),
      ping: ping(),
      autonat: autoNAT(),
      dcutr: dcutr(),
      ...(options.relayServer ? { relay: circuitRelayServer({ reservations: { applyDefaultLimit: false, maxReservations: options.relayReservationsMax } }) } : {}),
      ...(options.upnp ? { upnp: uPnPNAT() } : {}),
    },
  });
  node.addEventListener('connection:open', (event) => options.onConnection(event.detail));
  node.addEventListener('connection:close', (event) => options.onConnectionClosed(event.detail));
  node.addEventListener('self:peer:update', () => options.onAddressesChanged());
  for (const { id, streamsMax, onStream } of options.protocols) {
    const serve = (stream: Stream, connection: Connection): void => {
      updateWindowSeldom(stream);
      onStream(stream, connection);
    };
    await node.handle(id, serve, { maxInboundStreams: streamsMax, runOnLimitedConnection: true });
  }
  await node.start();
  return wrap(node as unknown as Libp2p<Inside>);
}

function wrap(node: Libp2p<Inside>): Node {
  const self = node.peerId.toString();
  return {
    peerId: self,
    addresses: () => {
      // Configured addresses replace all others in libp2p's list; those through relays still hold.
      const relayed = node.services.inside.transportManager.getAddrs().filter((address) => isRelayed(address.toString()));
      const all = [...node.getMultiaddrs(), ...relayed].map((address) => withoutPeer(address.toString(), self));
      return [...new Set(all)];
    },
    connections: () => node.getConnections(),
    dial: async (addresses, peerId, signal) => node.dial(dialable(addresses, peerId), { signal }),
    dialAnew: async (addresses, peerId, signal) => node.dial(dialable(addresses, peerId), { signal, force: true }),
    openStream: async (connection, protocol, signal) => {
      const stream = await connection.newStream(protocol, { signal, runOnLimitedConnection: true, maxOutboundStreams: 2 ** 20 });
      updateWindowSeldom(stream);
      return stream;
    },
    identify: async (connection, signal) => {
      await node.services.identify.identify(connection, { signal });
    },
    reserveRelay: async (connection) => {
      await node.services.inside.transportManager.listen([multiaddr(`${connection.remoteAddr.toString()}/p2p-circuit`)]);
    },
    stop: async () => node.stop(),
  };
}

/** What can be parsed, each address ending in the peer it must lead to. */
function dialable(addresses: readonly string[], peerId: string | undefined): Multiaddr[] {
  const targets: Multiaddr[] = [];
  for (const address of addresses) {
    try {
      const suffix = peerId === undefined || address.endsWith(`/p2p/${peerId}`) ? '' : `/p2p/${peerIdFromString(peerId).toString()}`;
      targets.push(multiaddr(address + suffix));
    } catch {
      continue; // an address that is none is simply not dialled
    }
  }
  if (targets.length === 0) throw new Error('there is no address that can be dialled');
  return targets;
}

function withoutPeer(address: string, peerId: string): string {
  const suffix = `/p2p/${peerId}`;
  return address.endsWith(suffix) ? address.slice(0, -suffix.length) : address;
}

/**
 * Makes every protocol but the handshake wait for the membership proof, those of libp2p's own services too: identify
 * would otherwise tell a stranger all our addresses. (libp2p 3.3.11 keeps appending handlers to the shared array that
 * `use` registers, so its stream middleware cannot do this.)
 */
function serveProvenOnly(registrar: Registrar, whenProven: (connection: Connection) => Promise<unknown>): void {
  const handle = registrar.handle.bind(registrar);
  registrar.handle = async (protocol, handler, options) => {
    if (protocol === HELLO_PROTOCOL) return handle(protocol, handler, options);
    const gated: StreamHandler = async (stream, connection) => {
      try {
        await whenProven(connection);
      } catch (error) {
        stream.abort(error instanceof Error ? error : new Error('not proven'));
        return;
      }
      await handler(stream, connection);
    };
    return handle(protocol, gated, options);
  };
}

/** mDNS answers only; libp2p's own discovery event also fires for every peer it hears of in any other way. */
function discovery(name: string, onDiscovered: NodeOptions['onDiscovered']): ReturnType<typeof mdns> {
  const make = mdns({ serviceTag: `_${name}._udp.local`, interval: 10_000 });
  return (components) => {
    const found = make(components);
    found.addEventListener('peer', (event) => {
      const peerId = event.detail.id.toString();
      onDiscovered(peerId, event.detail.multiaddrs.map((address) => withoutPeer(address.toString(), peerId)));
    });
    return found;
  };
}
