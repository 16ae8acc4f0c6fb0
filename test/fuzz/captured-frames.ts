/**
 * Frames as peers really send them: a simulated ring in which peers join, leave, die, look up, use objects and
 * references, build a latency-graded tree, help multicast sessions, send a stream and swap positions, every message encoded on its way. At most so many of each
 * type are kept, the same ones on every run.
 */
import type { Contact } from '../../src/core/contact.ts';
import { FROM } from '../../src/protocol/alm/stream/frames.ts';
import { Node } from '../../src/protocol/node.ts';
import type { PeerOracle } from '../../src/protocol/lagover/agent/oracle.ts';
import { treeOf } from '../../src/protocol/lagover/agent/tree.ts';
import type { NodeEnv } from '../../src/protocol/local.ts';
import { protocolOptions } from '../../src/protocol/options.ts';
import { randomKey } from '../../src/protocol/overlay/keys.ts';
import type { Fact } from '../../src/protocol/facts.ts';
import { createCodec } from '../../src/protocol/wire/codec.ts';
import type { Message } from '../../src/protocol/wire/messages.ts';
import { makeContact } from '../../src/sim/contacts.ts';
import { FeedHost } from '../../src/sim/feed/feed-host.ts';
import { MemoryShelf } from '../../src/sim/feed/memory-shelf.ts';
import { ToyOrigin } from '../../src/sim/feed/toy-origin.ts';
import { toyTools } from '../../src/sim/feed/toy-tools.ts';
import { ConstantLatency } from '../../src/sim/latency/latency-model.ts';
import { toyNotary } from '../../src/sim/somo/toy-notary.ts';
import { World } from '../../src/sim/world.ts';

const EACH_MAX = 40;
const PEERS = 10;

let captured: Uint8Array[] | undefined;

export function capturedFrames(): readonly Uint8Array[] {
  return (captured ??= capture());
}

function capture(): Uint8Array[] {
  const codec = createCodec();
  const kept = new Map<string, Uint8Array[]>();
  const keeping: typeof codec = {
    ...codec,
    encode(message) {
      const bytes = codec.encode(message);
      const frames = kept.get(message.type) ?? [];
      kept.set(message.type, frames);
      if (frames.length < EACH_MAX) frames.push(bytes);
      return bytes;
    },
  };
  const world = new World<Message, Fact>({ seed: 5, latency: new ConstantLatency(10), codec: keeping, wire: true });
  live(world);
  return [...kept.values()].flat();
}

/** One helps two sessions, loses links of one to the other, and the other gives them back. */
function help(world: World<Message, Fact>, node: (peer: number) => Node): void {
  const helper = world.contact(0);
  node(0).market.allow({ degree: 4, help: { upBps: 1e7, monthBytes: 1e9, sessions: 2 } });
  const open = (peer: number, priority: number): void => {
    const account = node(peer).market.open({ session: `session ${peer}`, priority, rateBps: 1e6 }, { onLost: () => undefined, stirAgeMs: () => 0 });
    account.hold([{ helper, links: 4 }], () => undefined);
    world.runFor(2_000);
    if (priority === 1) account.end();
  };
  open(1, 3);
  open(2, 1);
}

/** One sends a stream to three members, one of which is its only child, and asks a fourth. */
function cast(world: World<Message, Fact>, node: (peer: number) => Node): void {
  const terms = { key: randomKey(world.random('cast')), name: 'film', degree: 3, upBps: 0, downBps: 0 };
  const events = { onRoom: () => undefined, onNews: () => undefined, onOver: () => undefined };
  node(3).casts.open({ ...terms, degree: 1, priority: 1, rateBps: 0, objective: 'height', contentType: '' }, events, (outcome) => {
    if (outcome.ok) node(3).casts.invite(node(3).casts.sessionAt(terms.key) ?? '', world.contact(6), () => undefined);
  });
  world.runFor(2_000);
  for (const peer of [2, 5, 8]) node(peer).casts.join({ ...terms, from: FROM.now }, () => undefined);
  world.runFor(5_000);
}

function live(world: World<Message, Fact>): void {
  const random = world.random('life');
  const options = protocolOptions({ leafsetRadius: 3, syncMs: 10_000, unconfirmedMs: 15_000, somo: 'synchronised', somoPeriodMs: 3_000, promotionLookMs: 4_000 });
  const node = (peer: number): Node => world.protocol(peer) as Node;
  const spawn = (i: number): void => {
    const contact: Contact = makeContact(random, i, { name: `peer ${i}`, addresses: [`/ip4/10.0.0.${i}/tcp/4001`] });
    world.spawn(contact, (env: NodeEnv) => new Node(env, options, contact));
    node(i).join(i === 0 ? [] : [world.contact(0)]);
    world.runFor(3_000);
  };
  for (let i = 0; i < PEERS; i++) spawn(i);
  const keys = Array.from({ length: 8 }, () => randomKey(random));
  const nothing = (): void => undefined;
  keys.forEach((key, i) => node(i % PEERS).overlay.put(key, new Uint8Array(40 * i), { leaseMs: i % 2 === 0 ? 0 : 3_600_000 }, nothing));
  world.runFor(5_000);
  keys.forEach((key, i) => node(i % PEERS).overlay.setref(key, 'next', { key: keys[(i + 1) % keys.length] as typeof key }, nothing));
  world.runFor(5_000);
  keys.forEach((key, i) => node((i + 3) % PEERS).overlay.deref(key, 'next', nothing));
  const aggregates = [{ op: 'avg', field: 'uptime', parameter: 0 }, { op: 'reports', field: '', parameter: 10 }];
  for (let i = 0; i < PEERS; i++) node(i).somo.readReport = (now) => ({ report: new Map<string, number | string>([['uptime', i], ['region', 'eu'], ['rack', `r${i}`]]), at: now });
  world.runFor(10_000);
  node(1).somo.query(aggregates, { where: 'uptime > 3' }, nothing);
  node(2).somo.tell('topic', 'text', {}, nothing);
  node(3).somo.watch({ id: 9, calls: aggregates, region: { from: 0, to: 2 ** 52 }, where: '', leaseMs: 60_000, topic: '' }, nothing, nothing);
  const tree = treeOf({ id: 'tree', source: world.contact(0) });
  const oracle: PeerOracle = { ask: (_wish, onAnswer) => onAnswer(world.contact(random.below(PEERS))) };
  for (let i = 0; i < PEERS; i++) node(i).lagover.join(tree, { fanout: i === 0 ? 2 : 1 + (i % 3), constraint: 2 + (i % 4) }, oracle);
  const walked = { ...tree, id: 'walked' };
  for (let i = 0; i < PEERS - 1; i++) node(i).joinTree(walked, { fanout: 2, constraint: 3 + (i % 4) });
  world.runFor(20_000);
  // The source is full by now: somebody has to move for the strictest.
  node(PEERS - 1).joinTree(walked, { fanout: 2, constraint: 1 });
  world.runFor(10_000);
  const listed = { ...tree, id: 'listed' };
  for (let i = 0; i < PEERS; i++) node(i).joinTree(listed, { fanout: 2, constraint: 3 + (i % 4) }, 'directory');
  world.runFor(10_000);
  help(world, node);
  cast(world, node);
  const lead = share(world, node);
  world.crash(lead);
  world.runFor(60_000);
  world.respawn(lead, { ...world.contact(lead), incarnation: 2 }, (env) => new Node(env, options, world.contact(lead)));
  node(lead).join([world.contact((lead + 1) % PEERS)]);
  world.runFor(20_000);
  node(4).leave();
  for (let i = 5; i < 7; i++) node(i).lagover.leave(tree.id);
  world.runFor(30_000);
  world.crash(7);
  keys.forEach((key, i) => node(i % 3).overlay.get(key, nothing));
  for (let i = PEERS; i < PEERS + 3; i++) spawn(i);
  world.runFor(30_000);
  swap(world);
  world.runFor(30_000);
}

/** A feed with a document that is pulled in pieces; returns who leads. */
function share(world: World<Message, Fact>, node: (peer: number) => Node): number {
  const key = randomKey(world.random('feed'));
  const origin = new ToyOrigin(toyTools('origin'), 20_000);
  const hosts = world.alive().map((peer) => {
    const shelf = new MemoryShelf();
    const self = node(peer);
    const host = new FeedHost({
      origin, shelf, now: () => world.now(), wallClock: () => self.local.env.wallClock(), pool: () => self.feeds,
      after: (delayMs, action) => world.at(world.now() + delayMs, () => {
        if (world.protocol(peer) === self) action();
      }),
    });
    self.feeds.use({ shelf, tools: toyTools(self.local.contact.peerId), events: host });
    self.feeds.subscribe({ key, maxStalenessMs: 5_000, fanout: 2, canPoll: true, floorMs: 0 });
    return { host, peer };
  });
  for (let change = 0; change < 4; change++) {
    world.runFor(20_000);
    origin.change(world.now());
  }
  const lead = hosts.find(({ host }) => host.role.kind === 'poller' && host.role.slot === 0)?.peer ?? 0;
  // As a register asks when somebody has lost the way to a lead that lives.
  node(lead).onMessage(world.contact((lead + 1) % PEERS), { type: 'feedHold', op: 1, key, epoch: 0, any: false }, world.now());
  return lead;
}

/** The most capable machine goes to the root. */
function swap(world: World<Message, Fact>): void {
  world.onFact((peer, fact) => {
    if (fact.kind === 'self-moved') world.setContact(peer, fact.contact);
  });
  for (const peer of world.alive()) {
    const { somo, local } = world.protocol(peer) as Node;
    const capability = somo.view === undefined ? 2 ** peer : 0;
    somo.promotion.notary = toyNotary(local.contact.peerId);
    somo.readReport = (now) => ({ report: new Map([['capability', capability]]), at: now });
  }
}
