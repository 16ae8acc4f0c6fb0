/**
 * Objects on a small simulated ring: what the owner promises, counted at the moment of the promise (INV-OBJ-1..3).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Position } from '../../../src/core/position.ts';
import type { WriteOutcome } from '../../../src/protocol/overlay/outcomes.ts';
import type { ProtocolOptions } from '../../../src/protocol/options.ts';
import { SmallRing } from './small-ring.ts';

const PEERS = 12;
const HOUR_MS = 3_600_000;

function ringOf(peers: number, options: Partial<ProtocolOptions> = {}): SmallRing {
  return new SmallRing(peers, options);
}

test('INV-OBJ-1: whenever a put is acknowledged, as many living peers hold a copy as it says, and at least two', () => {
  const ring = ringOf(PEERS);
  for (const [i, key] of ring.keys(12).entries()) {
    let holders = 0;
    let copies = 0;
    ring.node(i % PEERS).overlay.put(key, new Uint8Array(50), {}, (outcome) => {
      holders = ring.holders(key).length;
      copies = outcome.ok ? outcome.copies : 0;
    });
    ring.until(() => copies > 0);
    assert.ok(copies >= 2 && holders >= copies, `${copies} promised, ${holders} held`);
    ring.runFor(1_000);
    assert.equal(ring.holders(key).length, 4, 'and soon all four');
  }
});

test('INV-OBJ-1: with one peer a put needs one copy, with two it needs both', () => {
  for (const peers of [1, 2]) {
    const ring = ringOf(peers);
    const [key] = ring.keys(1) as [Position];
    const outcome = ring.put(0, key, 'x');
    assert.ok(outcome.ok && outcome.copies === peers);
    assert.equal(ring.holders(key).length, peers);
  }
});

test('INV-OBJ-1: when no replica answers, a put is not acknowledged, and says that copies are lacking', () => {
  const ring = ringOf(4, { operationMs: 12_000 });
  const [key] = ring.keys(1) as [Position];
  const owner = ring.ownerOf(key);
  ring.ring.world.partition((peer) => (peer === owner ? 1 : 0));
  const outcome = ring.put(owner, key, 'x');
  assert.ok(!outcome.ok && outcome.code === 'too-few-copies', JSON.stringify(outcome));
});

test('INV-OBJ-1: the owner dies right after it acknowledged: the object is readable from whoever comes next', () => {
  const ring = ringOf(PEERS);
  for (const key of ring.keys(4)) {
    const owner = ring.ownerOf(key);
    const writer = ring.ring.world.alive().find((peer) => peer !== owner) as number;
    const outcome = ring.put(writer, key, 'kept');
    assert.ok(outcome.ok);
    ring.ring.crash(owner);
    assert.equal(ring.textAt(writer, key), 'kept');
  }
});

test('a lease ends by itself: the object is readable until then and missing after, and its copies go', () => {
  const ring = ringOf(6, { syncMs: 10_000 });
  const [key, forGood] = ring.keys(2) as [Position, Position];
  assert.ok(ring.put(0, key, 'leased', { leaseMs: 20_000 }).ok);
  assert.ok(ring.put(0, forGood, 'kept').ok);
  ring.runFor(15_000);
  assert.equal(ring.textAt(1, key), 'leased');
  ring.runFor(6_000);
  assert.equal(ring.textAt(1, key), undefined);
  ring.runFor(40_000);
  assert.equal(ring.holders(key).length, 0);
  assert.equal(ring.textAt(2, forGood), 'kept');
});

test('a lease is renewed by putting the object again', () => {
  const ring = ringOf(6);
  const [key] = ring.keys(1) as [Position];
  ring.put(0, key, 'a', { leaseMs: 10_000 });
  ring.runFor(8_000);
  assert.ok(ring.put(3, key, 'b', { leaseMs: 10_000 }).ok);
  ring.runFor(8_000);
  assert.equal(ring.textAt(1, key), 'b');
});

test('a full peer refuses with quota, the object that was there stays, and smaller ones still fit', () => {
  const ring = ringOf(4, { quotaBytes: 3_000 });
  const [key] = ring.keys(1) as [Position];
  assert.ok(ring.put(0, key, 'small').ok);
  const refused = ring.put(0, key, 'x'.repeat(4_000));
  assert.ok(!refused.ok && refused.code === 'quota' && refused.reason.includes('full'), JSON.stringify(refused));
  assert.equal(ring.textAt(1, key), 'small');
  assert.ok(ring.put(0, key, 'other').ok);
});

test('when the replicas are full, nothing is promised: the refusal says quota', () => {
  const ring = ringOf(4, { quotaBytes: 3_000 });
  const [key] = ring.keys(1) as [Position];
  const owner = ring.ownerOf(key);
  // Fill all but the owner, each by an object of its own that is put when the others cannot take copies.
  for (const peer of ring.ring.world.alive()) if (peer !== owner) ring.fill(peer, 2_600);
  const outcome = ring.put(owner, key, 'x'.repeat(1_500));
  assert.ok(!outcome.ok && outcome.code === 'quota', JSON.stringify(outcome));
});

test('INV-OBJ-3: two writes one after the other are in that order, though the clocks of their owners differ by hours', () => {
  const ring = ringOf(8);
  const keys = ring.keys(6);
  const owners = keys.map((key) => ring.ownerOf(key));
  // The first owner runs an hour ahead; when it dies, the next one has to write later versions with an earlier clock.
  for (const owner of new Set(owners)) ring.ring.world.setClockSkew(owner, HOUR_MS);
  const reader = ring.ring.world.alive().find((peer) => !owners.includes(peer)) as number;
  for (const key of keys) assert.ok(ring.put(reader, key, 'first').ok);
  const dead = owners[0] as number;
  ring.ring.crash(dead);
  ring.runFor(60_000);
  for (const key of keys) assert.ok(ring.put(reader, key, 'second').ok);
  ring.ring.restart(dead, reader);
  ring.runFor(60_000);
  for (const key of keys) assert.equal(ring.textAt(reader, key), 'second');
});

test('INV-OBJ-3: a clock that steps back does not make an owner\'s later write the earlier one', () => {
  const ring = ringOf(6);
  const [key] = ring.keys(1) as [Position];
  const versions: WriteOutcome[] = [ring.put(0, key, 'one')];
  ring.ring.world.setClockSkew(ring.ownerOf(key), -HOUR_MS);
  versions.push(ring.put(1, key, 'two'));
  const [a, b] = versions;
  assert.ok(a?.ok && b?.ok && (b.version.wallMs > a.version.wallMs || b.version.counter > a.version.counter));
  ring.runFor(30_000);
  assert.equal(ring.textAt(2, key), 'two');
});

test('INV-OBJ-3: a peer that slept through a deletion cannot bring the object back', () => {
  const ring = ringOf(6, { syncMs: 5_000, unconfirmedMs: 5_000 });
  const [key] = ring.keys(1) as [Position];
  ring.put(0, key, 'old');
  ring.runFor(2_000);
  const sleeper = ring.holders(key).find((peer) => peer !== ring.ownerOf(key)) as number;
  ring.ring.crash(sleeper);
  ring.runFor(40_000);
  const reader = ring.ring.world.alive()[0] as number;
  assert.ok(ring.remove(reader, key).ok);
  ring.ring.restart(sleeper, reader);
  ring.runFor(60_000);
  for (const peer of ring.ring.world.alive()) assert.equal(ring.textAt(peer, key), undefined, `peer ${peer}`);
});

test('INV-OBJ-2: copies that a peer no longer should have are dropped, and only when the owner has the object', () => {
  const ring = ringOf(5, { syncMs: 5_000, unconfirmedMs: 10_000 });
  const keys = ring.keys(6);
  for (const key of keys) assert.ok(ring.put(0, key, 'kept').ok);
  let dropped = 0;
  ring.ring.world.onFact((_, fact) => {
    if (fact.kind !== 'object-dropped') return;
    dropped++;
    assert.ok(ring.holders(fact.key).includes(ring.ownerOf(fact.key)), 'the owner has it');
  });
  for (let i = 0; i < 8; i++) ring.ring.join(0);
  ring.runFor(120_000);
  assert.ok(dropped > 0, 'with more peers some copies are superfluous');
  for (const key of keys) {
    assert.equal(ring.textAt(3, key), 'kept');
    assert.equal(ring.holders(key).length, 4);
  }
});

test('INV-OBJ-2: a copy that its owner has no room for stays where it is', () => {
  const ring = ringOf(8, { syncMs: 5_000, unconfirmedMs: 10_000, quotaBytes: 3_000, replicas: 2 });
  const [key] = ring.keys(1) as [Position];
  const owner = ring.ownerOf(key);
  const stray = ring.ring.world.indexOf(ring.ring.oracle.neighbour(key, 4) as never);
  ring.fill(owner, 2_500);
  ring.fill(stray, 1_000, key);
  ring.runFor(60_000);
  assert.deepEqual(ring.holders(key), [stray]);
});

test('INV-OBJ-2: a shortcut is repaired only while the field still refers to the same object', () => {
  const ring = ringOf(3);
  const [a, b, c] = ring.keys(3) as [Position, Position, Position];
  for (const key of [a, b, c]) ring.put(0, key, 'x');
  ring.setref(0, a, 'foo', b);
  const sender = ring.ring.world.contact(1);
  ring.node(ring.ownerOf(a)).onMessage(sender, { type: 'setField', op: 1, key: a, field: 'foo', reference: { key: c, host: sender }, onlyHost: true }, ring.ring.world.now());
  ring.runFor(2_000);
  const read = ring.get(2, a);
  assert.deepEqual(read.ok && read.object.fields.map(({ reference }) => reference.key.hex), [b.hex]);
});

test('INV-OBJ-1: a replica\'s rotten copy is mended, and a read at its owner never shows it', () => {
  const ring = ringOf(6, { syncMs: 5_000 });
  const [key] = ring.keys(1) as [Position];
  ring.put(0, key, 'good');
  ring.runFor(2_000);
  const owner = ring.ownerOf(key);
  ring.ring.world.store(owner).write(`object/${key.hex}`, new Uint8Array([9, 9]));
  assert.equal(ring.textAt(owner === 0 ? 1 : 0, key), 'good');
  ring.runFor(20_000);
  assert.equal(ring.holders(key).length, 4);
});

test('deleting what does not exist is no error, and leaves no trace for long', () => {
  const ring = ringOf(4, { syncMs: 10_000 });
  const [key] = ring.keys(1) as [Position];
  assert.ok(ring.remove(0, key).ok);
  ring.runFor(80_000);
  assert.equal(ring.holders(key).length, 0);
});
