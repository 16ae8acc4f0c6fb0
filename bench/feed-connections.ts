/**
 * How many peers each one of 40 is connected to when they share 500 feeds. Asked for: fewer than 32.
 *
 * Simulated, because what counts is whom peers choose: a pool of 40, each feed wanted by `subscribers=` of them, fan-out 4, then half an hour. A
 * connection is a peer that something was sent to or heard from, until both daemons give it back (the host's `keptIdleMs`): two minutes after the last
 * use, or twenty seconds where there was one question only and links are many; they look every fifteen seconds. The ring's own neighbours are counted, and shown beside. `feeds=`, `peers=` and `minutes=` change the size.
 */
import type { Contact } from '../src/core/contact.ts';
import { positionFromLead } from '../src/core/position.ts';
import { randomFrom } from '../src/core/random.ts';
import { Node } from '../src/protocol/node.ts';
import type { NodeEnv } from '../src/protocol/local.ts';
import { protocolOptions } from '../src/protocol/options.ts';
import { HOST_LIMITS, keptIdleMs } from '../src/host/host-options.ts';
import { hashText } from '../src/protocol/pool/state.ts';
import type { Fact } from '../src/protocol/facts.ts';
import { createCodec } from '../src/protocol/wire/codec.ts';
import type { Message } from '../src/protocol/wire/messages.ts';
import { makeContact } from '../src/sim/contacts.ts';
import { FeedHost } from '../src/sim/feed/feed-host.ts';
import { MemoryShelf } from '../src/sim/feed/memory-shelf.ts';
import { ToyOrigin } from '../src/sim/feed/toy-origin.ts';
import { toyTools } from '../src/sim/feed/toy-tools.ts';
import { EuclideanLatency } from '../src/sim/latency/latency-model.ts';
import { RingOracle } from '../src/sim/ring/oracle.ts';
import { leafsetOf, tableOf } from '../src/sim/ring/wiring.ts';
import { World } from '../src/sim/world.ts';
import { argument, cpuSeconds, describeMachine, print } from './report.ts';

const PEERS = argument('peers', 40);
const FEEDS = argument('feeds', 500);
const SUBSCRIBERS = argument('subscribers', 8);
const MINUTES = argument('minutes', 30);
const LOOKED_AT_MINUTES = 20;
const STALENESS_MS = 15 * 60_000;
const FANOUT = 4;

/** With each peer since when a connection stands, and when anything last went either way. */
const useOf = Array.from({ length: PEERS }, () => new Map<string, { since: number; usedAt: number }>());

function use(index: number, peerId: string, now: number): void {
  const known = useOf[index]?.get(peerId);
  if (known === undefined) dials++;
  useOf[index]?.set(peerId, { since: known?.since ?? now, usedAt: now });
}

/** A connection lasts as long as either end keeps it. */
function sweep(now: number): void {
  const given = useOf.map((uses) => {
    let count = uses.size;
    return new Set([...uses].sort(([, a], [, b]) => a.usedAt - b.usedAt).filter(([, one]) => one.usedAt < now - keptIdleMs(one, count, HOST_LIMITS) && count-- > 0).map(([peerId]) => indexOf(peerId)));
  });
  for (const [index, uses] of useOf.entries()) {
    for (const peerId of uses.keys()) if (given[index]?.has(indexOf(peerId)) && given[indexOf(peerId)]?.has(index)) uses.delete(peerId);
  }
}

function indexOf(peerId: string): number {
  return Number(peerId.slice('sim-'.length));
}

let dials = 0;

function watched(env: NodeEnv, index: number, nameOf: () => string): NodeEnv {
  return {
    random: env.random, store: env.store, streams: env.streams,
    now: () => env.now(), wallClock: () => env.wallClock(), emit: (fact) => env.emit(fact), arm: (kind, at) => env.arm(kind, at), disarm: (kind) => env.disarm(kind),
    send: (to, message) => {
      use(index, to.peerId, env.now());
      use(indexOf(to.peerId), nameOf(), env.now());
      env.send(to, message);
    },
  };
}

describeMachine('feed-connections');
const start = cpuSeconds();
const options = protocolOptions();
const world = new World<Message, Fact>({ seed: 1, latency: new EuclideanLatency(randomFrom(1)), codec: createCodec(), countBytes: false });
const identities = world.random('identities');
const members = new RingOracle();
for (let i = 0; i < PEERS; i++) {
  const contact: Contact = makeContact(identities, i);
  world.spawn(contact, (env) => new Node(watched(env, i, () => contact.peerId), options, world.contact(i)));
}
members.addAll(Array.from({ length: PEERS }, (_, i) => world.contact(i)));
for (let place = 0; place < members.size; place++) {
  const self = members.at(place) as Contact;
  (world.protocol(world.indexOf(self)) as Node).startWired(leafsetOf(members, place, options.leafsetRadius), tableOf(members, place, options, identities));
}
const nodes = Array.from({ length: PEERS }, (_, i) => world.protocol(i) as Node);
const origins = new Map<string, ToyOrigin>();
for (const [i, node] of nodes.entries()) {
  const shelf = new MemoryShelf();
  const hosts = new Map<string, FeedHost>();
  const hostOf = (key: { readonly hex: string }): FeedHost => {
    const known = hosts.get(key.hex) ?? new FeedHost({
      origin: origins.get(key.hex) as ToyOrigin, shelf, now: () => world.now(), wallClock: () => node.local.env.wallClock(), pool: () => node.feeds,
      after: (delayMs, action) => world.at(world.now() + delayMs, action),
    });
    hosts.set(key.hex, known);
    return known;
  };
  node.feeds.use({
    shelf, tools: toyTools(`sim-${i}`),
    events: {
      onVersion: (key, version, from) => hostOf(key).onVersion(key, version, from), onFresh: (key, at) => hostOf(key).onFresh(key, at), onRole: (key, role) => hostOf(key).onRole(key, role),
      onWitness: (key, hash, verdict) => hostOf(key).onWitness(key, hash, verdict), onAudit: (key, version, at) => hostOf(key).onAudit(key, version, at),
    },
  });
}
const random = world.random('wishes');
let wanted = 0;
for (let feed = 0; feed < FEEDS; feed++) {
  const key = positionFromLead(hashText(`https://example.org/${feed}`));
  origins.set(key.hex, new ToyOrigin(toyTools('origin'), 50));
  const who = new Set<number>();
  while (who.size < Math.min(SUBSCRIBERS, PEERS)) who.add(random.below(PEERS));
  for (const peer of who) {
    wanted++;
    world.at(random.unit() * 60_000, () => nodes[peer]?.feeds.subscribe({ key, maxStalenessMs: STALENESS_MS, fanout: FANOUT, canPoll: true, floorMs: 0 }));
  }
}
/** Renewals come in waves, because all subscribed within a minute: every minute of the last twenty is looked at. */
const looks: number[][] = [];
const connectionsNow = (): number[] => useOf.map(({ size }) => size).sort((a, b) => a - b);
for (let minute = 1; minute <= MINUTES; minute++) {
  for (let ms = 0; ms < 60_000; ms += HOST_LIMITS.sweepMs) {
    world.runFor(HOST_LIMITS.sweepMs);
    sweep(world.now());
  }
  if (minute > MINUTES - LOOKED_AT_MINUTES) looks.push(connectionsNow());
}
const medianOf = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)] as number;
const worst = looks.toSorted((a, b) => medianOf(b) - medianOf(a))[0] as number[];
const all = looks.flat().sort((a, b) => a - b);
const shapeOf = (sorted: readonly number[]): object => ({ min: sorted[0], median: medianOf(sorted), max: sorted.at(-1) });
const neighbours = nodes.map((node) => node.membership.leafset.contacts().length);
const placed = nodes.reduce((sum, node) => sum + [...origins.keys()].filter((hex) => {
  const role = node.feeds.status({ hex, lead: parseInt(hex.slice(0, 13), 16) })?.role;
  return role !== undefined && role.kind !== 'seeking' && (role.parent !== undefined || (role.kind === 'poller' && role.slot === 0));
}).length, 0);
print({
  peers: PEERS, feeds: FEEDS, subscribers: SUBSCRIBERS, subscriptions: wanted, placed, connections: shapeOf(all), worstMinute: shapeOf(worst), above31: all.filter((count) => count > 31).length / all.length,
  dialsPerPeerMinute: dials / 2 / PEERS / MINUTES, ringNeighbours: Math.max(...neighbours), cpuSecondsPerPeerMinute: (cpuSeconds() - start) / PEERS / MINUTES,
});
