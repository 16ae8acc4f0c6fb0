/**
 * Bytes received for versions over bytes needed, in a pool of 40 that shares a feed: at most 1.1 asked for, and at most .4 for the typical update of one
 * item. Needed is the whole document, once for each subscriber that does not find it itself.
 *
 * Simulated with the daemon's own compression. `first` counts the first version, which nobody has a base for; `updates` those that follow, one new item
 * each and the oldest gone; `all` both, with peers killed and restarted on the way, a tenth at a time. Items are random letters and digits, so that compression alone helps
 * little. Bodies alone are counted; what is told of a version beside its body is some 400 bytes.
 */
import { randomFrom } from '../src/core/random.ts';
import { createFeedTools } from '../src/host/feed-tools.ts';
import { newPrivateKey } from '../src/host/identity.ts';
import { protocolOptions } from '../src/protocol/options.ts';
import { FeedWorld } from '../src/sim/feed/feed-world.ts';
import { EuclideanLatency } from '../src/sim/latency/latency-model.ts';
import { argument, describeMachine, print } from './report.ts';

const PEERS = 40;
const UPDATES = argument('updates', 20);

interface Bytes {
  readonly received: number;
  readonly needed: number;
}

function bytesOf(feeds: FeedWorld): Bytes {
  let received = 0;
  let needed = 0;
  for (const peer of feeds.subscribers()) {
    const { receivedBytes, neededBytes } = feeds.ring.node(peer).feeds.tally ?? { receivedBytes: 0, neededBytes: 0 };
    received += receivedBytes;
    needed += neededBytes;
  }
  return { received, needed };
}

function run(seed: number, kills: boolean): void {
  const { pack, unpack } = createFeedTools(newPrivateKey());
  const feeds = new FeedWorld(PEERS, { seed, latency: new EuclideanLatency(randomFrom(seed)), hintUnreachable: true }, protocolOptions(), () => ({ maxStalenessMs: 20_000, fanout: 4, canPoll: true }));
  feeds.compression = { pack, unpack };
  const { world } = feeds.ring;
  for (let peer = 0; peer < PEERS; peer++) feeds.subscribe(peer);
  world.runFor(60_000);
  const first = bytesOf(feeds);
  if (!kills) print({ part: 'first', seed, ...first, factor: first.received / first.needed });
  for (let i = 0; i < UPDATES; i++) {
    feeds.change();
    if (kills && i % 5 === 1) for (let peer = i; peer < i + PEERS / 10; peer++) feeds.crash(peer % PEERS);
    world.runFor(60_000);
    if (kills) for (let peer = 0; peer < PEERS; peer++) if (!world.isAlive(peer)) feeds.restart(peer);
  }
  world.runFor(100_000);
  const all = bytesOf(feeds);
  const [received, needed] = kills ? [all.received, all.needed] : [all.received - first.received, all.needed - first.needed];
  print({ part: kills ? 'all, with crashes' : 'updates', seed, updates: UPDATES, received, needed, factor: received / needed, caughtUp: feeds.isCaughtUp() });
}

describeMachine('feed-delivery');
for (const kills of [false, true]) for (let seed = 1; seed <= 3; seed++) run(seed, kills);
