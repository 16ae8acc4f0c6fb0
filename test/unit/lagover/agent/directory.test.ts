/**
 * The directory of a tree: what its hosts keep and answer, how it grows into shards, and what the metadata tree's aggregate of
 * places keeps.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Contact } from '../../../../src/core/contact.ts';
import { Local } from '../../../../src/protocol/local.ts';
import { DirectoryHost, shardOf } from '../../../../src/protocol/lagover/agent/directory-host.ts';
import { entriesIn, placesOp } from '../../../../src/protocol/lagover/agent/somo-directory.ts';
import { treeOf } from '../../../../src/protocol/lagover/agent/tree.ts';
import { protocolOptions } from '../../../../src/protocol/options.ts';
import type { State } from '../../../../src/protocol/pool/state.ts';
import type { LagAsk, LagEntry, LagList } from '../../../../src/protocol/wire/lagover-messages.ts';
import { ConstantLatency } from '../../../../src/sim/latency/latency-model.ts';
import { RingWorld } from '../../../../src/sim/ring/ring-world.ts';
import { peerAt, RecordingEnv } from '../../protocol/recording-env.ts';

const peers = Array.from({ length: 700 }, (_, i) => peerAt((i + 1) / 1_000));
const env = (): RecordingEnv => new RecordingEnv();

function hostAt(recording: RecordingEnv, owns = true): DirectoryHost {
  return new DirectoryHost(new Local(recording, protocolOptions(), peerAt(0.999)), () => owns);
}

function list(peer: Contact, wishes: Partial<LagEntry> = {}, of: Partial<LagList> = {}): LagList {
  return { type: 'lagList', op: 1, tree: 'tree', shard: 0, pinned: false, entry: { contact: peer, delay: 1, openSlots: 1, rooted: true, ageMs: 0, ...wishes }, ...of };
}

function ask(of: Partial<LagAsk> = {}): LagAsk {
  return { type: 'lagAsk', op: 2, tree: 'tree', shard: 0, pinned: false, delayBelow: 5, ...of };
}

test('entries {contact, delay, free slots, age} are answered with samples: first who has a slot, nobody too late, never the enquirer', () => {
  const recording = env();
  const host = hostAt(recording);
  const [a, b, c, d] = peers as [Contact, Contact, Contact, Contact];
  host.list(a, list(a, { openSlots: 0 }));
  host.list(b, list(b, { delay: 7 }));
  host.list(c, list(c, { openSlots: 2, delay: 3 }));
  host.list(d, list(d, { rooted: false }));
  recording.advance(1_500);
  const { entries, known } = host.ask(d, ask());
  assert.ok(known);
  assert.deepEqual(entries.map(({ contact, openSlots, delay, ageMs }) => [contact, openSlots, delay, ageMs]), [[c, 2, 3, 1_500], [a, 0, 1, 1_500]]);
});

test('an entry that is not told again lapses within seconds', () => {
  const recording = env();
  const host = hostAt(recording);
  const [a, b] = peers as [Contact, Contact];
  host.list(a, list(a));
  recording.advance(4_000);
  host.list(b, list(b));
  recording.advance(3_000);
  assert.deepEqual(host.ask(peers[2] as Contact, ask()).entries.map(({ contact }) => contact), [b]);
});

test('who does not own the key hosts nothing, unless it was chosen for that tree', () => {
  const host = hostAt(env(), false);
  const a = peers[0] as Contact;
  assert.equal(host.list(a, list(a)).taken, false);
  assert.equal(host.ask(a, ask()).known, false);
  assert.equal(host.list(a, list(a, {}, { pinned: true })).taken, true);
});

test('an entry speaks for its sender only', () => {
  const host = hostAt(env());
  const [a, b] = peers as [Contact, Contact];
  host.list(a, list(b));
  assert.deepEqual(host.ask(b, ask()).entries.map(({ contact }) => contact), [a]);
});

test('a shard that grows asks for twice as many, and is bounded whatever happens', () => {
  const host = hostAt(env());
  let shards = 1;
  for (const peer of peers) shards = Math.max(shards, host.list(peer, list(peer)).shards);
  assert.ok(shards >= 2);
  assert.ok(host.count('tree', 0) <= 512);
  // Told of two shards, half of them go to the second one.
  const second = peers.filter(({ peerId }) => shardOf(peerId, 2) === 1).length;
  assert.ok(second > peers.length / 3 && second < (2 * peers.length) / 3);
  for (let tree = 0; tree < 1_000; tree++) host.list(peers[0] as Contact, list(peers[0] as Contact, {}, { tree: `tree ${tree}` }));
  assert.ok(host.hosted <= 256);
});

test('many peers list themselves over several shards, under loss and churn, and a comer finds its place through them', () => {
  const ring = new RingWorld({ seed: 3, latency: new ConstantLatency(20), jitter: 0.2, loss: 0.02 }, protocolOptions());
  for (let peer = 0; peer < 200; peer++) ring.join();
  assert.ok(ring.world.runUntilHolds(() => ring.world.alive().every((peer) => ring.node(peer)?.standing === 'active'), 1_000, 600_000) !== undefined);
  const node = (peer: number) => {
    const found = ring.node(peer);
    assert.ok(found);
    return found;
  };
  const tree = treeOf({ id: 'large', source: node(0).local.contact });
  const join = (peer: number): void => void node(peer).joinTree(tree, { fanout: peer === 0 ? 8 : 1 + (peer % 4), constraint: 4 + (peer % 5) }, 'directory');
  for (const peer of ring.world.alive()) join(peer);
  const listed = (): number => {
    let sum = 0;
    for (const peer of ring.world.alive()) for (let shard = 0; shard < 8; shard++) sum += node(peer).oracles.host.count('large', shard);
    return sum;
  };
  const isInTime = (peer: number): boolean => {
    const agent = node(peer).lagover.agent('large');
    return agent?.parent !== undefined && agent.isRooted && agent.delay <= 4 + (peer % 5);
  };
  assert.ok(ring.world.runUntilHolds(() => ring.world.alive().filter((peer) => peer > 0 && isInTime(peer)).length >= 197, 500, 120_000) !== undefined);
  assert.ok(ring.world.runUntilHolds(() => listed() >= 190, 500, 60_000) !== undefined, `${listed()} are listed`);
  for (const peer of [5, 25, 45, 65, 85]) ring.crash(peer);
  ring.world.runFor(10_000);
  const comer = ring.join();
  assert.ok(ring.world.runUntilHolds(() => node(comer).standing === 'active', 500, 120_000) !== undefined);
  join(comer);
  assert.ok(ring.world.runUntilHolds(() => isInTime(comer), 100, 30_000) !== undefined);
  assert.ok(ring.world.runUntilHolds(() => ring.world.alive().filter((peer) => peer > 0 && isInTime(peer)).length >= 192, 500, 60_000) !== undefined);
});

const CLASSES = 16;
const KEPT = 4;

function stateOf(places: readonly (readonly [peer: number, delay: number, openSlots: number])[]): (State | undefined)[] {
  return places.map(([peer, delay, openSlots]) => {
    const contact = peers[peer] as Contact;
    const op = placesOp(() => ({ entry: { contact, delay, openSlots, rooted: true, ageMs: 0 }, width: 1 }), () => 0);
    return op.init({ peerId: contact.peerId, report: new Map() }, { op: 'lag_places', field: '', parameter: 1 });
  });
}

test('places merge in any order into the same bounded sample of every class of delay', () => {
  const op = placesOp(() => undefined, () => 0);
  const call = { op: 'lag_places', field: '', parameter: 1 };
  const places = fc.uniqueArray(fc.tuple(fc.nat(699), fc.integer({ min: 1, max: 30 }), fc.nat(3)), { selector: ([peer]) => peer, minLength: 1, maxLength: 120 });
  fc.assert(fc.property(places, fc.nat(), (drawn, turn) => {
    const states = stateOf(drawn).filter((state) => state !== undefined);
    const merged = (order: readonly State[]): State => order.reduce((a, b) => op.merge(a, b, call));
    const rotated = [...states.slice(turn % states.length), ...states.slice(0, turn % states.length)];
    const total = merged(states);
    assert.deepEqual(merged(rotated), total);
    assert.ok(op.isSane(total, drawn.length, call));
    const entries = entriesIn(total, 0);
    for (let group = 0; group < CLASSES; group++) {
      const inClass = (delay: number): boolean => Math.min(CLASSES - 1, delay) === group;
      const of = drawn.filter(([, delay]) => inClass(delay));
      const keptHere = entries.filter(({ delay }) => inClass(delay));
      assert.equal(keptHere.length, Math.min(KEPT, of.length));
      const open = of.filter(([, , slots]) => slots > 0).length;
      assert.equal(keptHere.filter(({ openSlots }) => openSlots > 0).length, Math.min(KEPT, open), 'those with free slots first');
    }
  }), { numRuns: 100 });
});

test('what is no sample of places is refused', () => {
  const op = placesOp(() => undefined, () => 0);
  const call = { op: 'lag_places', field: '', parameter: 1 };
  const [good] = stateOf([[1, 2, 3]]) as [State];
  assert.ok(op.isSane(good, 1, call));
  assert.ok(!op.isSane(good, 0, call), 'more places than machines');
  assert.ok(!op.isSane({ ...good, texts: ['[1,2]'] }, 1, call), 'no contact');
  assert.ok(!op.isSane({ ...good, numbers: [99, ...good.numbers.slice(1)] }, 1, call), 'no class');
  assert.ok(!op.isSane({ numbers: [], texts: good.texts }, 1, call), 'no numbers');
});
