/**
 * The overlay's parts by themselves: versions (INV-OBJ-3), keys made near each other ([0035]), the shelf with its quota,
 * traces and rotten bytes (INV-OBJ-2), and replies that are given once and repeated.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { circleDistance } from '../../../src/core/position.ts';
import { randomFrom } from '../../../src/core/random.ts';
import { Local } from '../../../src/protocol/local.ts';
import { protocolOptions } from '../../../src/protocol/options.ts';
import { nearKey, randomKey } from '../../../src/protocol/overlay/keys.ts';
import { Replies } from '../../../src/protocol/overlay/replies.ts';
import { digestOf, Shelf } from '../../../src/protocol/overlay/shelf.ts';
import { compareVersions, VersionClock } from '../../../src/protocol/overlay/versions.ts';
import { createCodec } from '../../../src/protocol/wire/codec.ts';
import type { Message, StoredObject, Version } from '../../../src/protocol/wire/messages.ts';
import { STATUS } from '../../../src/protocol/wire/messages.ts';
import { MemoryStore } from '../../../src/sim/memory-store.ts';
import { position } from './arbitraries.ts';
import { at, peerAt, RecordingEnv } from './recording-env.ts';

const DAY_MS = 86_400_000;

// --- versions ---

const version: fc.Arbitrary<Version> = fc.record({ wallMs: fc.nat(3), counter: fc.nat(3), writer: fc.constantFrom('a', 'b') }, { noNullPrototype: true });

test('INV-OBJ-3: versions have one order: by wall time, then counter, then writer', () => {
  fc.assert(fc.property(version, version, version, (a, b, c) => {
    assert.equal(Math.sign(compareVersions(a, b)), -Math.sign(compareVersions(b, a)) + 0);
    if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0);
    const same = a.wallMs === b.wallMs && a.counter === b.counter && a.writer === b.writer;
    assert.equal(compareVersions(a, b) === 0, same);
  }));
});

test('INV-OBJ-3: a clock gives versions later than all it gave, observed or was shown, however its machine\'s clock jumps', () => {
  const step = fc.record({ nowMs: fc.nat(50), seen: fc.option(version, { nil: undefined }), after: fc.option(version, { nil: undefined }) });
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const clock = new VersionClock();
    let last: Version = { wallMs: -1, counter: 0, writer: '' };
    for (const { nowMs, seen, after } of steps) {
      if (seen) clock.observe(seen, nowMs);
      const next = clock.next(nowMs, 'w', after);
      for (const earlier of [last, seen, after]) if (earlier) assert.ok(compareVersions(next, earlier) > 0);
      last = next;
    }
  }));
});

test('a version from far in the future is superseded where it stands, and does not pull the clock along', () => {
  const clock = new VersionClock();
  const mad: Version = { wallMs: 50 * DAY_MS, counter: 9, writer: 'mad' };
  clock.observe(mad, 0);
  assert.equal(clock.next(10, 'w', undefined).wallMs, 10);
  const over = clock.next(20, 'w', mad);
  assert.ok(compareVersions(over, mad) > 0, 'a write over it is later');
  assert.equal(clock.next(30, 'w', undefined).wallMs, 30, 'other keys go on by our own time');
});

test('a version whose counter is at the end of its range is superseded by one that the wire can carry', () => {
  const codec = createCodec();
  for (const wallMs of [0, 1_000, 2 ** 52]) {
    const clock = new VersionClock();
    const full: Version = { wallMs, counter: 2 ** 32 - 1, writer: 'mad' };
    clock.observe(full, 1_000);
    const next = clock.next(1_000, 'w', full);
    assert.ok(compareVersions(next, full) > 0);
    const reply: Message = { type: 'writeReply', op: 1, status: 0, version: next, copies: 1 };
    assert.deepEqual(codec.decode(codec.encode(reply)), reply);
  }
});

test('an object beyond all later writes is refused, and so is one from before time', () => {
  const { shelf } = shelfOn();
  for (const wallMs of [2 ** 52 + 1, 1e300, -1]) assert.equal(shelf.keep(objectAt(0.1, wallMs)), STATUS.refused);
  assert.equal(shelf.count, 0);
  assert.equal(shelf.keep(objectAt(0.1, 2 ** 52)), STATUS.ok);
});

// --- keys ---

test('[0035] keys made near another key are close to it, and never the same twice', () => {
  fc.assert(fc.property(position, fc.nat(), (near, seed) => {
    const random = randomFrom(seed);
    const keys = Array.from({ length: 8 }, () => nearKey(near, random));
    for (const key of keys) assert.ok(circleDistance(key.lead, near.lead) <= 2 ** 19);
    assert.equal(new Set(keys.map(({ hex }) => hex)).size, keys.length);
  }));
});

test('keys drawn at random are spread over the whole circle', () => {
  const random = randomFrom(1);
  const firstDigits = new Set(Array.from({ length: 400 }, () => randomKey(random).hex.charAt(0)));
  assert.equal(firstDigits.size, 16);
});

// --- the shelf ---

function shelfOn(store = new MemoryStore(), quotaBytes = 1e6): { env: RecordingEnv; shelf: Shelf; store: MemoryStore } {
  const env = new RecordingEnv(1, store);
  return { env, shelf: new Shelf(new Local(env, protocolOptions({ quotaBytes }), peerAt(0.5))), store };
}

function objectAt(share: number, wallMs: number, wishes: Partial<StoredObject> = {}): StoredObject {
  return { key: at(share), version: { wallMs, counter: 0, writer: 'w' }, value: new Uint8Array(100), fields: [], expiresAtMs: 0, deleted: false, ...wishes };
}

test('INV-OBJ-3: whatever the order in which versions of a key come, the latest stays', () => {
  fc.assert(fc.property(fc.array(fc.nat(9), { minLength: 1, maxLength: 10 }), (walls) => {
    const { shelf } = shelfOn();
    let latest = -1;
    for (const wallMs of walls) {
      assert.equal(shelf.keep(objectAt(0.1, wallMs)), wallMs > latest ? STATUS.ok : STATUS.stale);
      latest = Math.max(latest, wallMs);
      assert.equal(shelf.read(at(0.1))?.version.wallMs, latest);
    }
    assert.equal(shelf.count, 1);
  }));
});

test('the quota refuses what does not fit and keeps what is there; a smaller later version may take its place', () => {
  const { shelf } = shelfOn(undefined, 1_000);
  assert.equal(shelf.keep(objectAt(0.1, 1, { value: new Uint8Array(600) })), STATUS.ok);
  assert.equal(shelf.keep(objectAt(0.2, 1, { value: new Uint8Array(600) })), STATUS.quota);
  assert.equal(shelf.find(at(0.2)), undefined);
  assert.equal(shelf.keep(objectAt(0.1, 2, { value: new Uint8Array(2_000) })), STATUS.quota);
  assert.equal(shelf.read(at(0.1))?.version.wallMs, 1, 'the old version is still there');
  assert.equal(shelf.keep(objectAt(0.1, 3, { value: new Uint8Array(10) })), STATUS.ok);
  assert.ok(shelf.bytes < 400);
});

test('INV-OBJ-3: a deletion is taken even when the quota is used up, and an old copy cannot revive the object', () => {
  const { shelf } = shelfOn(undefined, 500);
  shelf.keep(objectAt(0.1, 1, { value: new Uint8Array(150) }));
  assert.equal(shelf.keep(objectAt(0.2, 5, { value: new Uint8Array(0), deleted: true })), STATUS.ok);
  assert.equal(shelf.keep(objectAt(0.1, 5, { value: new Uint8Array(0), deleted: true })), STATUS.ok);
  assert.equal(shelf.keep(objectAt(0.1, 4)), STATUS.stale);
  assert.equal(shelf.read(at(0.1))?.deleted, true);
});

test('bytes and count are those of the copies, through keeping, replacing and dropping', () => {
  const step = fc.record({ share: fc.constantFrom(0.1, 0.2, 0.3), wallMs: fc.nat(9), size: fc.nat(400), drop: fc.boolean() });
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const { shelf, store } = shelfOn();
    for (const { share, wallMs, size, drop } of steps) {
      if (drop) shelf.drop(at(share), 'expired');
      else shelf.keep(objectAt(share, wallMs, { value: new Uint8Array(size) }));
    }
    const copies = [...shelf.copies()];
    assert.equal(shelf.count, copies.length);
    assert.equal(shelf.bytes, copies.reduce((sum, { bytes }) => sum + bytes, 0));
    assert.deepEqual(store.names('object/').length, copies.length);
    assert.equal(shelfOn(store).shelf.bytes, shelf.bytes, 'and the same after a restart');
  }));
});

test('INV-OBJ-1: what was kept is there after a restart: value, version, lease and traces', () => {
  const { shelf, store } = shelfOn();
  const objects = [objectAt(0.1, 1), objectAt(0.2, 2, { expiresAtMs: 1.8e12 }), objectAt(0.3, 3, { deleted: true, value: new Uint8Array(0) })];
  for (const object of objects) shelf.keep(object);
  const again = shelfOn(store).shelf;
  for (const object of objects) assert.deepStrictEqual(again.read(object.key), object);
  assert.equal(again.keep(objectAt(0.3, 2)), STATUS.stale);
});

test('stored bytes that are no object, or another one, are dropped at the start, and the rest is kept', () => {
  const { shelf, store } = shelfOn();
  for (const share of [0.1, 0.2, 0.3, 0.4]) shelf.keep(objectAt(share, 1));
  const name = (share: number): string => `object/${at(share).hex}`;
  store.write(name(0.1), new Uint8Array([255, 255, 255]));
  store.write(name(0.2), createCodec().encode({ type: 'hopAck', hop: 1 }));
  store.write(name(0.3), store.read(name(0.4)) as Uint8Array);
  store.write('object/nonsense', new Uint8Array(0));
  const again = shelfOn(store).shelf;
  assert.deepEqual([...again.copies()].map(({ key }) => key.hex), [at(0.4).hex]);
  assert.deepEqual(store.names('object/'), [name(0.4)]);
});

test('INV-OBJ-1: a copy whose bytes rot while the peer runs is no copy any more, so that a good one is asked for and kept', () => {
  const { shelf, store } = shelfOn();
  shelf.keep(objectAt(0.1, 5));
  store.write(`object/${at(0.1).hex}`, new Uint8Array([1, 2, 3]));
  assert.equal(shelf.read(at(0.1)), undefined);
  assert.equal(shelf.find(at(0.1)), undefined);
  assert.equal(shelf.bytes, 0);
  assert.equal(shelf.keep(objectAt(0.1, 5)), STATUS.ok, 'the same version from a replica');
});

test('a range is (from, to], clockwise from its start', () => {
  fc.assert(fc.property(fc.uniqueArray(fc.nat(99), { maxLength: 12 }), fc.nat(99), fc.nat(99), (shares, from, to) => {
    const { shelf } = shelfOn();
    for (const share of shares) shelf.keep(objectAt(share / 100, 1));
    const ahead = (share: number): number => (share - from + 99) % 100;
    const model = shares.filter((share) => ahead(share) <= ahead(to)).toSorted((a, b) => ahead(a) - ahead(b));
    assert.deepEqual(shelf.inRange(at(from / 100), at(to / 100)).map(({ key }) => key.hex), model.map((share) => at(share / 100).hex));
  }));
});

test('expired copies are dropped by this machine\'s wall clock, leases of 0 never', () => {
  const { env, shelf } = shelfOn();
  shelf.keep(objectAt(0.1, 1, { expiresAtMs: env.wallClock() + 1_000 }));
  shelf.keep(objectAt(0.2, 1));
  env.advance(999);
  shelf.dropExpired();
  assert.equal(shelf.count, 2);
  env.advance(1);
  shelf.dropExpired();
  assert.deepEqual([...shelf.copies()].map(({ key }) => key.hex), [at(0.2).hex]);
  assert.deepEqual(env.factsOf('object-dropped').map(({ why }) => why), ['expired']);
});

test('what has expired is not taken in anew, but still replaces an older version', () => {
  const { env, shelf } = shelfOn();
  const ended = { expiresAtMs: env.wallClock() };
  assert.equal(shelf.keep(objectAt(0.1, 2, ended)), STATUS.refused);
  assert.equal(shelf.keep(objectAt(0.1, 1)), STATUS.ok);
  assert.equal(shelf.keep(objectAt(0.1, 2, ended)), STATUS.ok);
  assert.equal(shelf.find(at(0.1))?.version.wallMs, 2);
});

test('digests of copies do not depend on their order, and depend on every key and version', () => {
  const entries = [0.1, 0.2, 0.3].map((share) => ({ key: at(share), version: { wallMs: 1, counter: 0, writer: 'w' } }));
  assert.equal(digestOf(entries), digestOf(entries.toReversed()));
  const [first, ...rest] = entries as [typeof entries[0], ...typeof entries];
  const others = [rest, [{ ...first, key: at(0.15) }, ...rest], [{ ...first, version: { ...first.version, counter: 1 } }, ...rest], [{ ...first, version: { ...first.version, wallMs: 2 } }, ...rest]];
  assert.equal(new Set([entries, ...others].map(digestOf)).size, 5);
});

// --- replies ---

test('a repeated request is answered again, not carried out again; while it is under way it is answered once', () => {
  const replies = new Replies();
  const asker = peerAt(0.1);
  const sent: Message[] = [];
  const pending: ((reply: Message) => void)[] = [];
  const ask = (op: number, from = asker): void => replies.answerOnce(from, op, (reply) => sent.push(reply), (respond) => pending.push(respond));
  const reply: Message = { type: 'hopAck', hop: 1 };
  ask(1);
  ask(1);
  assert.deepEqual([pending.length, sent.length], [1, 0]);
  pending[0]?.(reply);
  ask(1);
  assert.deepEqual([pending.length, sent.length], [1, 2]);
  ask(2);
  ask(1, peerAt(0.2));
  ask(1, { ...asker, incarnation: 2 });
  assert.equal(pending.length, 4, 'other questions, askers and lives are others');
  for (let op = 100; op < 700; op++) ask(op);
  ask(1);
  assert.equal(pending.length, 605, 'the oldest is forgotten');
});
