/**
 * @libp2p/gossipsub as something to measure beside: peers of one topic in this process, on libp2p over TCP loopback with Noise and
 * yamux, each connected to a few others. Its peer score takes peers of one address for an attack, so that part is off.
 */
import { gossipsub } from '@libp2p/gossipsub';
import type { GossipSub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import { noise } from '@libp2p/noise';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import type { Libp2p } from 'libp2p';
import { pause } from './report.ts';

const TOPIC = 'bench';
const DIALS = 6;
const SETTLE_MS = 8_000;

type GossipNode = Libp2p<{ pubsub: GossipSub }>;

export interface Gossip {
  publish(body: Uint8Array): void;
  /** Hears of each body at each peer but the first, which publishes. */
  onDelivery: (body: Uint8Array, peer: number) => void;
  stop(): Promise<void>;
}

export async function startGossipsub(peers: number): Promise<Gossip> {
  const nodes: GossipNode[] = [];
  for (let i = 0; i < peers; i++) {
    const node = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()],
      connectionManager: { inboundConnectionThreshold: 10_000, maxIncomingPendingConnections: 1_000 }, connectionMonitor: { enabled: false },
      services: { identify: identify(), ping: ping(), pubsub: gossipsub({ scoreParams: { IPColocationFactorWeight: 0 }, allowPublishToZeroTopicPeers: true }) },
    });
    nodes.push(node as unknown as GossipNode);
  }
  for (const [i, node] of nodes.entries()) {
    for (let dial = 1; dial <= DIALS; dial++) await node.dial((nodes[(i + dial * dial) % peers] as GossipNode).getMultiaddrs()).catch(() => undefined);
  }
  const gossip: Gossip = {
    publish: (body) => void nodes[0]?.services.pubsub.publish(TOPIC, body).catch(() => undefined),
    onDelivery: () => undefined,
    stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
  };
  for (const [peer, node] of nodes.entries()) {
    if (peer > 0) node.services.pubsub.addEventListener('message', ({ detail }) => gossip.onDelivery(detail.data, peer));
  }
  for (const node of nodes) node.services.pubsub.subscribe(TOPIC);
  await pause(SETTLE_MS);
  return gossip;
}
