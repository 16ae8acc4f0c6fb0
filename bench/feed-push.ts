/**
 * A version's way from the poller that found it to the last subscriber, real peers in one process; its cost beside @libp2p/gossipsub in the same run.
 *
 * Asked for: p99 of the time from the first poller's receipt to the last of 64 peers below 250 ms; at 32 peers at most a fifth of gossipsub's CPU time per delivery and
 * of its bytes on the wire, with documents of 1 KB twice a second and of 64 KB every two seconds (random bytes: nothing can be compressed, no difference is small).
 * Both stand on libp2p over TCP loopback with Noise and yamux. Bytes are counted at the sockets, background traffic included, CPU time is the process's:
 * told as it is (`cpuMs`), and without what the same peers use when nothing is distributed (`ownCpuMs`), which in our case is a ring and a metadata tree.
 * `latency` and `cost` run one part; `peers=`, `costPeers=`, `seconds=`, `settle=` and `versions=` change how much.
 */
import { createHash, randomBytes } from 'node:crypto';
import { positionFromLead } from '../src/core/position.ts';
import { Testnet } from '../src/daemon/testnet.ts';
import type { FeedEvents, FeedRole } from '../src/protocol/feed/feed.ts';
import { protocolOptions } from '../src/protocol/options.ts';
import { MemoryShelf } from '../src/sim/feed/memory-shelf.ts';
import { startGossipsub } from './gossipsub.ts';
import { argument, cpuSeconds, describeMachine, pause, print, quantile } from './report.ts';
import { bytesSent } from './sockets.ts';

const PEERS = argument('peers', 64);
const COST_PEERS = argument('costPeers', 32);
const VERSIONS = argument('versions', 200);
const SECONDS = argument('seconds', 60);
const FANOUT = argument('fanout', 6);
/** Until a ring of newcomers has filled its tables and measured its links; as long for gossipsub. */
const SETTLE_SECONDS = argument('settle', 60);
const IDLE_SECONDS = 20;
const KEY = positionFromLead(123_456_789);
const LOADS = [{ name: '1 KB x 2/s', bytes: 1_024, everyMs: 500 }, { name: '64 KB x 0.5/s', bytes: 65_536, everyMs: 2_000 }];

/** Whoever distributes documents to many, and says when each has one. */
interface Spreader {
  publish(body: Uint8Array): void;
  /** Hears of each delivery: the document's digest. */
  onDelivery: (digest: string) => void;
  stop(): Promise<void>;
}

const digestOf = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex');

async function startGrove(peers: number): Promise<Spreader & { readonly depth: number }> {
  const net = await Testnet.create({ protocol: protocolOptions() });
  const roles: FeedRole[] = [];
  const spreader = { onDelivery: (_digest: string): void => undefined };
  for (let i = 0; i < peers; i++) {
    const index = await net.spawn();
    while (net.node(index).standing !== 'active') await pause(10);
  }
  for (let peer = 0; peer < peers; peer++) {
    const events: FeedEvents = {
      onVersion: (_key, { hash }, from) => {
        if (from !== undefined) spreader.onDelivery(hash);
      },
      onRole: (_key, role) => {
        roles[peer] = role;
      },
      onFresh: () => undefined, onWitness: () => undefined, onAudit: () => undefined,
    };
    net.input(peer, (node) => {
      node.feeds.use({ shelf: new MemoryShelf(), tools: net.feedTools(peer), events });
      node.feeds.subscribe({ key: KEY, maxStalenessMs: 600_000, fanout: FANOUT, canPoll: true, floorMs: 0 });
    });
  }
  const lead = (): number => roles.findIndex((role) => role?.kind === 'poller' && role.slot === 0);
  const isPlaced = (peer: number): boolean => peer === lead() || (roles[peer] !== undefined && roles[peer].kind !== 'seeking' && roles[peer].parent !== undefined);
  for (let waited = 0; waited < 120 && !(lead() >= 0 && net.alive().every(isPlaced)); waited++) await pause(500);
  // The longest way from the lead, in hops.
  const depthOf = (peer: number): number => {
    const role = roles[peer];
    const parent = role === undefined || role.kind === 'seeking' ? undefined : role.parent;
    return parent === undefined ? 0 : 1 + depthOf(net.alive().find((other) => net.node(other).local.contact.peerId === parent.peerId) ?? peer);
  };
  await pause(5_000);
  return {
    depth: Math.max(...net.alive().map(depthOf)),
    publish: (body) => {
      const at = Date.now();
      const version = { hash: digestOf(body), size: body.length, contentType: 'application/xml', etag: '', lastModified: '', fetchedAt: at, askedBefore: 0, items: [] };
      net.input(lead(), (node) => node.feeds.found(KEY, version, body));
    },
    get onDelivery() {
      return spreader.onDelivery;
    },
    set onDelivery(listener) {
      spreader.onDelivery = listener;
    },
    stop: () => net.stop(),
  };
}

async function startGossip(peers: number): Promise<Spreader> {
  const gossip = await startGossipsub(peers);
  const spreader: Spreader = { publish: (body) => gossip.publish(body), onDelivery: () => undefined, stop: () => gossip.stop() };
  gossip.onDelivery = (body) => spreader.onDelivery(digestOf(body));
  return spreader;
}

async function latency(): Promise<void> {
  const grove = await startGrove(PEERS);
  await pause(1_000 * SETTLE_SECONDS);
  const lastMs: number[] = [];
  const allMs: number[] = [];
  let incomplete = 0;
  for (let i = 0; i < VERSIONS; i++) {
    const body = new Uint8Array(randomBytes(8_192));
    const digest = digestOf(body);
    let count = 0;
    const start = performance.now();
    const done = new Promise<void>((resolve) => {
      grove.onDelivery = (delivered) => {
        if (delivered !== digest) return;
        allMs.push(performance.now() - start);
        if (++count === PEERS - 1) resolve();
      };
    });
    grove.publish(body);
    await Promise.race([done, pause(5_000)]);
    if (count === PEERS - 1) lastMs.push(performance.now() - start);
    else incomplete++;
    await pause(100);
  }
  lastMs.sort((a, b) => a - b);
  allMs.sort((a, b) => a - b);
  print({
    part: 'latency', peers: PEERS, fanout: FANOUT, depth: grove.depth, versions: VERSIONS, incomplete, toLastMs: { p50: quantile(lastMs, 0.5), p99: quantile(lastMs, 0.99), max: lastMs.at(-1) },
    toEachMs: { p50: quantile(allMs, 0.5), p99: quantile(allMs, 0.99) },
  });
  await grove.stop();
}

interface Cost {
  readonly deliveries: number;
  readonly expected: number;
  readonly cpuMs: number;
  readonly ownCpuMs: number;
  readonly wireBytes: number;
}

async function loaded(spreader: Spreader, { bytes, everyMs }: (typeof LOADS)[number], idleCores: number): Promise<Cost> {
  let deliveries = 0;
  spreader.onDelivery = () => void deliveries++;
  const start = { cpu: cpuSeconds(), bytes: bytesSent(), at: performance.now() };
  const rounds = Math.round((SECONDS * 1_000) / everyMs);
  for (let i = 0; i < rounds; i++) {
    spreader.publish(new Uint8Array(randomBytes(bytes)));
    await pause(everyMs);
  }
  await pause(1_000);
  const cpuMs = 1_000 * (cpuSeconds() - start.cpu);
  const idleMs = idleCores * (performance.now() - start.at);
  return { deliveries, expected: rounds * (COST_PEERS - 1), cpuMs: cpuMs / deliveries, ownCpuMs: (cpuMs - idleMs) / deliveries, wireBytes: (bytesSent() - start.bytes) / deliveries };
}

/** Documents for nobody: what these peers cost without any. */
async function idle(): Promise<number> {
  const start = cpuSeconds();
  await pause(1_000 * IDLE_SECONDS);
  return (cpuSeconds() - start) / IDLE_SECONDS;
}

async function cost(): Promise<void> {
  const results = new Map<string, Cost[]>();
  for (const [name, begin] of [['grove', startGrove], ['gossipsub', startGossip]] as const) {
    const spreader = await begin(COST_PEERS);
    await pause(1_000 * SETTLE_SECONDS);
    const idleCores = await idle();
    for (const load of LOADS) {
      const result = await loaded(spreader, load, idleCores);
      results.set(load.name, [...(results.get(load.name) ?? []), result]);
      print({ part: 'cost', of: name, peers: COST_PEERS, load: load.name, ...result, timesPayload: result.wireBytes / load.bytes, idleCores });
    }
    await spreader.stop();
  }
  for (const [load, [grove, gossip]] of results) {
    if (grove && gossip) print({ part: 'ratio', load, cpu: grove.cpuMs / gossip.cpuMs, ownCpu: grove.ownCpuMs / gossip.ownCpuMs, wireBytes: grove.wireBytes / gossip.wireBytes });
  }
}

describeMachine('feed-push');
const parts = process.argv.slice(2).filter((word) => word === 'latency' || word === 'cost');
if (parts.length === 0 || parts.includes('latency')) await latency();
if (parts.length === 0 || parts.includes('cost')) await cost();
process.exit(0);
