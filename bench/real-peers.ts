/**
 * Lookups, puts and gets of 32 real peers in one process, beside @libp2p/kad-dht on as many nodes in the same run.
 *
 * Both stand on libp2p over TCP loopback with Noise and yamux; the operations alternate, so that the machine's mood hits
 * both alike. Messages are counted as frames on the wire: for Grove by the host, for kad-dht every RPC request and reply.
 * `node bench/real-peers.ts peers=32 operations=100`.
 */
import { noise } from '@libp2p/noise';
import { yamux } from '@libp2p/yamux';
import { identify } from '@libp2p/identify';
import { ping } from '@libp2p/ping';
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import type { KadDHT } from '@libp2p/kad-dht';
import { tcp } from '@libp2p/tcp';
import { createLibp2p } from 'libp2p';
import type { Libp2p } from 'libp2p';
import { randomBytes } from 'node:crypto';
import { randomFrom } from '../src/core/random.ts';
import { Testnet } from '../src/daemon/testnet.ts';
import type { Node } from '../src/protocol/node.ts';
import { protocolOptions } from '../src/protocol/options.ts';
import { randomKey } from '../src/protocol/overlay/keys.ts';
import { argument, describeMachine, print } from './report.ts';

const peers = argument('peers', 32);
const operations = argument('operations', 100);
const random = randomFrom(5);
const value = new Uint8Array(256).fill(7);
const DHT_PROTOCOL = '/bench/kad/1.0.0';

interface Series {
  readonly ms: number[];
  messages: number;
  failed: number;
}

const series = (): Series => ({ ms: [], messages: 0, failed: 0 });
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

type DhtNode = Libp2p<{ dht: KadDHT }>;

async function startDht(): Promise<DhtNode[]> {
  const nodes: DhtNode[] = [];
  for (let i = 0; i < peers; i++) {
    const node = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()],
      connectionManager: { inboundConnectionThreshold: 10_000, maxIncomingPendingConnections: 1_000 }, connectionMonitor: { enabled: false },
      services: {
        identify: identify(), ping: ping(),
        dht: kadDHT({ protocol: DHT_PROTOCOL, clientMode: false, peerInfoMapper: passthroughMapper, allowQueryWithZeroPeers: true,
          validators: { v: async () => undefined }, selectors: { v: () => 0 } }),
      },
    });
    const first = nodes[0];
    if (first) await node.dial(first.getMultiaddrs());
    nodes.push(node as unknown as DhtNode);
  }
  // A few random dials each, so that routing tables are as good as they get.
  for (const node of nodes) for (let i = 0; i < 6; i++) await node.dial((nodes[random.below(peers)] as DhtNode).getMultiaddrs()).catch(() => undefined);
  for (const node of nodes) await node.services.dht.refreshRoutingTable();
  return nodes;
}

async function startGrove(): Promise<Testnet> {
  const net = await Testnet.create({ protocol: protocolOptions(), services: false });
  for (let i = 0; i < peers; i++) {
    const index = await net.spawn();
    while (net.node(index).standing !== 'active') await pause(10);
  }
  // Tables fill, coordinates settle.
  await pause(20_000);
  return net;
}

function messagesSent(net: Testnet): number {
  return net.alive().reduce((sum, peer) => sum + net.host(peer).counters.messagesSent, 0);
}

async function timeGrove(net: Testnet, into: Series, begin: (node: Node, done: (ok: boolean) => void) => void): Promise<void> {
  const before = messagesSent(net);
  const peer = random.below(peers);
  const start = performance.now();
  const ok = await new Promise<boolean>((resolve) => net.input(peer, (node) => begin(node, resolve)));
  into.ms.push(performance.now() - start);
  into.messages += messagesSent(net) - before;
  if (!ok) into.failed++;
}

async function timeDht(into: Series, run: () => Promise<number>): Promise<void> {
  const start = performance.now();
  try {
    into.messages += await run();
  } catch {
    into.failed++;
  }
  into.ms.push(performance.now() - start);
}

/** Consumes a query and counts its RPC messages: each request sent and each response. */
async function consume(events: AsyncIterable<{ name: string }>): Promise<number> {
  let messages = 0;
  for await (const event of events) if (event.name === 'SEND_QUERY' || event.name === 'PEER_RESPONSE' || event.name === 'VALUE') messages++;
  return messages;
}

function report(system: string, operation: string, { ms, messages, failed }: Series): { p50: number } {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round((sorted[Math.floor(share * sorted.length)] ?? 0) * 100) / 100;
  print({ bench: 'real-peers', system, operation, peers, operations: ms.length, failed, p50Ms: at(0.5), p90Ms: at(0.9), p99Ms: at(0.99), messagesPerOperation: Math.round((10 * messages) / ms.length) / 10 });
  return { p50: at(0.5) };
}

describeMachine('real-peers');
const net = await startGrove();
const dht = await startDht();
const grove = { lookup: series(), put: series(), get: series() };
const kad = { lookup: series(), put: series(), get: series() };
for (let i = 0; i < operations; i++) {
  const key = randomKey(random);
  const name = new TextEncoder().encode(`/v/${key.hex}`);
  const node = dht[random.below(peers)] as DhtNode;
  const other = dht[random.below(peers)] as DhtNode;
  await timeGrove(net, grove.lookup, (peer, done) => peer.lookup(key, () => done(true), () => done(false)));
  await timeDht(kad.lookup, () => consume(node.services.dht.getClosestPeers(new Uint8Array(randomBytes(32)))));
  await timeGrove(net, grove.put, (peer, done) => peer.overlay.put(key, value, {}, ({ ok }) => done(ok)));
  await timeDht(kad.put, () => consume(node.services.dht.put(name, value)));
  await timeGrove(net, grove.get, (peer, done) => peer.overlay.get(key, ({ ok }) => done(ok)));
  await timeDht(kad.get, () => consume(other.services.dht.get(name)));
}
for (const operation of ['lookup', 'put', 'get'] as const) {
  const ours = report('grove', operation, grove[operation]);
  const theirs = report('kad-dht', operation, kad[operation]);
  print({ bench: 'real-peers', operation, timesLowerP50: Math.round((10 * theirs.p50) / ours.p50) / 10 });
}
await net.stop();
await Promise.all(dht.map((node) => node.stop()));
process.exit(0);
