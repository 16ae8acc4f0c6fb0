/**
 * The register of one feed: who polls, and who is asked when somebody is gone. Each test is one sentence of docs/decisions/0054-relay-of-feeds.md.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Contact } from '../../../src/core/contact.ts';
import { positionFromLead } from '../../../src/core/position.ts';
import type { Entry, Register } from '../../../src/protocol/feed/register.ts';
import {
  accuse, APPOINTED_MS, CONSUMER_RENEWAL_MS, enter, expire, floorOf, grant, hearOfEpoch, hearOfSigners, hearOfWishes, inherit, leadOf, leave, newRegister, pollersOf, SETTLE_MS, SLOT_LEASE_MS, SIGNERS_MAX, slotOf, strictestOf, subscribersOf, SUBSCRIBER_LEASE_MS, surpass,
} from '../../../src/protocol/feed/register.ts';

const key = positionFromLead(1_000_000);

function peer(distance: number): Contact {
  return { peerId: `peer-${distance}`, position: positionFromLead(1_000_000 + distance), addresses: [], name: '', incarnation: 1 };
}

function entry(wishes: Partial<Entry> = {}): Entry {
  return { maxStalenessMs: 60_000, canPoll: true, floorMs: 0, epoch: 0, slot: 0, ...wishes };
}

function registerOf(distances: readonly number[], k = 3): Register {
  const register = newRegister(key, k, () => 0, 0);
  for (const distance of distances) enter(register, peer(distance), entry(), 0);
  grant(register, SETTLE_MS);
  return register;
}

const names = (register: Register): string[] => pollersOf(register).map(({ contact }) => contact.peerId);

test('a new register waits a moment, and then the nearest to the key poll, the nearest of all leads', () => {
  const register = registerOf([500, 10, 300, 20, 200]);
  assert.deepEqual(names(register), ['peer-10', 'peer-20', 'peer-200']);
  const early = newRegister(key, 3, () => 0, 0);
  enter(early, peer(1), entry(), 0);
  assert.equal(grant(early, SETTLE_MS - 1), false);
  assert.deepEqual(names(early), []);
});

test('the peer that keeps the register leads only if nobody else can: it polls, and is not gone together with the lead', () => {
  const register = newRegister(key, 3, () => 0, 0, 'peer-1');
  enter(register, peer(1), entry(), 0);
  enter(register, peer(5), entry(), 0);
  enter(register, peer(9), entry(), 0);
  grant(register, SETTLE_MS);
  assert.deepEqual(names(register), ['peer-5', 'peer-1', 'peer-9']);
  const alone = newRegister(key, 3, () => 0, 0, 'peer-1');
  enter(alone, peer(1), entry(), 0);
  grant(alone, SETTLE_MS);
  assert.deepEqual(names(alone), ['peer-1']);
});

test('who must not ask the origin polls for nobody', () => {
  const register = newRegister(key, 3, () => 0, 0);
  enter(register, peer(1), entry({ canPoll: false }), 0);
  enter(register, peer(9), entry(), 0);
  grant(register, SETTLE_MS);
  assert.deepEqual(names(register), ['peer-9']);
  enter(register, peer(9), entry({ canPoll: false }), SETTLE_MS);
  assert.deepEqual(names(register), []);
});

test('slots are sticky: a nearer newcomer gets none that is held', () => {
  const register = registerOf([10, 20, 30]);
  for (let distance = 10; distance <= 30; distance += 10) enter(register, peer(distance), entry(), SETTLE_MS);
  enter(register, peer(1), entry(), SETTLE_MS);
  assert.equal(grant(register, SETTLE_MS + 1), false);
  assert.deepEqual(names(register), ['peer-10', 'peer-20', 'peer-30']);
});

test('when the lead is gone the next poller leads, in a later epoch, and its slot goes to the nearest candidate', () => {
  const register = registerOf([10, 20, 30, 40]);
  const before = register.epoch;
  leave(register, 'peer-10');
  grant(register, SETTLE_MS);
  assert.equal(leadOf(register)?.peerId, 'peer-20');
  assert.equal(slotOf(register, 'peer-40'), 1);
  assert.equal(slotOf(register, 'peer-30'), 2);
  assert.ok(register.epoch > before);
});

test('who was given a slot and does not say so is gone soon; who does is gone after its lease', () => {
  const register = registerOf([10, 20, 30]);
  enter(register, peer(10), entry(), SETTLE_MS);
  expire(register, SETTLE_MS + APPOINTED_MS);
  assert.deepEqual(names(register), ['peer-10']);
  expire(register, SETTLE_MS + SLOT_LEASE_MS);
  assert.deepEqual(names(register), []);
  expire(register, SUBSCRIBER_LEASE_MS);
  assert.equal(register.registrants.size, 0);
});

test('a register that knows nothing believes who holds a slot of the same or a later epoch', () => {
  const register = newRegister(key, 3, () => 0, 0);
  enter(register, peer(77), entry({ epoch: 5, slot: 1 }), 0);
  enter(register, peer(88), entry({ epoch: 5, slot: 2 }), 0);
  enter(register, peer(1), entry(), 0);
  grant(register, SETTLE_MS);
  assert.deepEqual([names(register), register.epoch], [['peer-77', 'peer-88', 'peer-1'], 5]);
  enter(register, peer(99), entry({ epoch: 3, slot: 1 }), SETTLE_MS);
  assert.equal(leadOf(register)?.peerId, 'peer-77');
  enter(register, peer(66), entry({ epoch: 9, slot: 1 }), SETTLE_MS);
  assert.deepEqual([names(register), register.epoch], [['peer-66'], 9]);
});

test('somebody with versions of a later epoch makes a later one still, but not again and again', () => {
  const register = registerOf([10, 20, 30]);
  assert.ok(surpass(register, 900, SETTLE_MS));
  assert.ok(register.epoch > 900);
  assert.equal(leadOf(register)?.peerId, 'peer-10');
  assert.ok(!surpass(register, 5_000, SETTLE_MS + 1));
  const fresh = newRegister(key, 3, () => 0, 0);
  hearOfEpoch(fresh, 42);
  enter(fresh, peer(1), entry(), 0);
  grant(fresh, SETTLE_MS);
  assert.ok(fresh.epoch > 42);
});

test('a claim of an absurd epoch is not believed by a register that has one', () => {
  const register = registerOf([10, 20, 30]);
  const { epoch } = register;
  enter(register, peer(66), entry({ epoch: 2 ** 30, slot: 1 }), SETTLE_MS);
  assert.deepEqual([leadOf(register)?.peerId, register.epoch], ['peer-10', epoch]);
});

test('one accuser is not enough, two are: the liar loses its slot and gets none', () => {
  const register = registerOf([10, 20, 30, 40]);
  accuse(register, 'peer-20', 'peer-30', SETTLE_MS);
  accuse(register, 'peer-20', 'peer-30', SETTLE_MS);
  accuse(register, 'peer-20', 'stranger', SETTLE_MS);
  assert.equal(slotOf(register, 'peer-20'), 1);
  accuse(register, 'peer-20', 'peer-40', SETTLE_MS);
  grant(register, SETTLE_MS);
  enter(register, peer(20), entry({ epoch: register.epoch, slot: 2 }), SETTLE_MS + 1);
  assert.deepEqual(names(register), ['peer-10', 'peer-40', 'peer-30']);
});

test('the strictest wish of all counts, and the floor that pollers know', () => {
  const register = registerOf([10, 20, 30, 40]);
  enter(register, peer(40), entry({ maxStalenessMs: 5_000, floorMs: 99_000 }), SETTLE_MS);
  enter(register, peer(10), entry({ floorMs: 7_000 }), SETTLE_MS);
  assert.equal(strictestOf(register), 5_000);
  assert.equal(floorOf(register), 7_000);
});

test('a register that is new takes over whom the lead believes, and does not let it push out what it knows itself', () => {
  const register = registerOf([10, 20, 30]);
  accuse(register, 'peer-30', 'peer-10', SETTLE_MS);
  accuse(register, 'peer-30', 'peer-20', SETTLE_MS);
  const own = [...register.signers];
  hearOfSigners(register, ['past-1', 'past-1', 'peer-10', 'past-2'], SETTLE_MS);
  assert.deepEqual(register.signers, ['past-1', 'past-2', ...own]);
  const many = Array.from({ length: 100 }, (_, i) => `stranger-${i}`);
  hearOfSigners(register, many, SETTLE_MS);
  assert.equal(register.signers.length, SIGNERS_MAX);
  assert.deepEqual(register.signers.slice(-own.length), own);
  hearOfSigners(register, ['late'], SETTLE_MS);
  assert.ok(!register.signers.includes('late'));
});

test('a poller that begins a new life has lost its slot: of the tree below it nothing is left', () => {
  const register = registerOf([10, 20, 30, 40]);
  const { epoch } = register;
  enter(register, { ...peer(10), incarnation: 2 }, entry({ slot: 1, epoch }), SETTLE_MS);
  assert.equal(leadOf(register)?.peerId, 'peer-10', 'it refuted its death and knows its slot');
  enter(register, { ...peer(10), incarnation: 3 }, entry(), SETTLE_MS);
  grant(register, SETTLE_MS);
  assert.equal(leadOf(register)?.peerId, 'peer-20');
  assert.ok(register.epoch > epoch);
});

test('a register that is new takes the strictest wish and the number of subscribers from those who poll, until all have come by', () => {
  const register = registerOf([10]);
  hearOfWishes(register, { strictestMs: 10_000, subscribers: 40 }, SETTLE_MS);
  assert.deepEqual([strictestOf(register), subscribersOf(register)], [10_000, 40]);
  const later = 2 * CONSUMER_RENEWAL_MS;
  enter(register, peer(10), entry(), later);
  expire(register, later);
  hearOfWishes(register, { strictestMs: 10_000, subscribers: 40 }, later);
  assert.deepEqual([strictestOf(register), subscribersOf(register)], [60_000, 1]);
});

function at(distance: number, network: number): Contact {
  return { ...peer(distance), addresses: [`/ip4/8.8.${network}.${distance}/tcp/4001`] };
}

test('one public network has one slot while others wait, and all of them when nobody else does', () => {
  const register = newRegister(key, 3, () => 0, 0);
  for (const distance of [1, 2, 3]) enter(register, at(distance, 1), entry(), 0);
  grant(register, SETTLE_MS);
  assert.deepEqual(names(register), ['peer-1', 'peer-2', 'peer-3']);
  const mixed = newRegister(key, 3, () => 0, 0);
  for (const distance of [1, 2, 3]) enter(mixed, at(distance, 1), entry(), 0);
  enter(mixed, at(50, 2), entry(), 0);
  enter(mixed, peer(60), entry(), 0);
  grant(mixed, SETTLE_MS);
  assert.deepEqual(names(mixed), ['peer-1', 'peer-50', 'peer-60']);
});

test('a slot moves to a farther candidate from another network, and never to a nearer one from a network that polls already', () => {
  const register = newRegister(key, 2, () => 0, 0);
  enter(register, at(5, 1), entry(), 0);
  enter(register, at(6, 1), entry(), 0);
  grant(register, SETTLE_MS);
  enter(register, at(90, 2), entry(), SETTLE_MS);
  grant(register, SETTLE_MS + 600_000);
  assert.deepEqual(names(register), ['peer-5', 'peer-90']);
  enter(register, at(90, 2), entry({ slot: 2 }), 700_000);
  enter(register, at(2, 1), entry(), 700_000);
  grant(register, 1_300_000);
  assert.deepEqual(names(register), ['peer-5', 'peer-90']);
});

test('two accusers from one public network are one', () => {
  const register = newRegister(key, 3, () => 0, 0);
  for (const contact of [peer(1), at(10, 1), at(11, 1), at(12, 2)]) enter(register, contact, entry(), 0);
  grant(register, SETTLE_MS);
  accuse(register, 'peer-1', 'peer-10', SETTLE_MS);
  accuse(register, 'peer-1', 'peer-11', SETTLE_MS);
  assert.equal(slotOf(register, 'peer-1'), 0);
  accuse(register, 'peer-1', 'peer-12', SETTLE_MS);
  assert.equal(slotOf(register, 'peer-1'), undefined);
});

test('a copy of a former register fills what is free, its wishes count until all have come by, and one of an earlier epoch is of no use', () => {
  const before = registerOf([1, 2, 3]);
  const copy = { epoch: before.epoch, pollers: pollersOf(before), signers: ['peer-7'], banned: ['peer-8'], strictestMs: 5_000, subscribers: 9 };
  const heir = newRegister(key, 3, () => 0, 100);
  assert.ok(inherit(heir, copy, 100));
  assert.deepEqual([names(heir), heir.epoch, strictestOf(heir), subscribersOf(heir), heir.signers.includes('peer-7')], [['peer-1', 'peer-2', 'peer-3'], before.epoch, 5_000, 9, true]);
  enter(heir, peer(8), entry(), 100);
  leave(heir, 'peer-3');
  grant(heir, 100 + SETTLE_MS);
  assert.deepEqual(names(heir), ['peer-1', 'peer-2'], 'whoever lied is still not given a slot');
  const ahead = newRegister(key, 3, () => 0, 100);
  hearOfEpoch(ahead, before.epoch + 1);
  assert.ok(!inherit(ahead, copy, 100) && names(ahead).length === 0);
});
