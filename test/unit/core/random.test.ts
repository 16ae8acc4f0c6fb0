/**
 * Streams that replay (INV-DET-1): the same name gives the same numbers for ever, which golden values pin down, and no
 * stream is shifted by what others drew.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AssertionFailure } from '../../../src/core/assert.ts';
import type { Random } from '../../../src/core/random.ts';
import { pick, randomFrom, shuffle } from '../../../src/core/random.ts';

const GOLDEN = {
  one: [1693447088, 2109832869, 2254535199, 2967978639],
  fork: [4162702781, 195204025, 1378965502, 3451055692],
  unit: 0.4066999054024565,
};

function draw(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.u32());
}

const seed = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

test('INV-DET-1: these very numbers, on every machine and in every version', () => {
  assert.deepEqual(draw(randomFrom(1), 4), GOLDEN.one);
  assert.deepEqual(draw(randomFrom(1).fork('peer', 17), 4), GOLDEN.fork);
  assert.equal(randomFrom(2n ** 63n).unit(), GOLDEN.unit);
});

test('INV-DET-1: a fork does not depend on what was drawn before it, nor does it shift what is drawn after it', () => {
  fc.assert(fc.property(seed, fc.string(), fc.nat(1000), fc.nat(20), (s, name, index, before) => {
    const drawn = randomFrom(s);
    draw(drawn, before);
    assert.deepEqual(draw(drawn.fork(name, index), 5), draw(randomFrom(s).fork(name, index), 5));
    const forked = randomFrom(s);
    forked.fork(name, index);
    assert.deepEqual(draw(forked, 5), draw(randomFrom(s), 5));
  }));
});

test('streams of different names, indexes and seeds differ', () => {
  const firsts = new Set<string>();
  for (let s = 0; s < 20; s++) {
    for (const name of ['', 'a', 'b', 'ab', 'ba', 'peer']) for (let index = 0; index < 20; index++) firsts.add(draw(randomFrom(s).fork(name, index), 2).join());
  }
  assert.equal(firsts.size, 20 * 6 * 20);
});

test('the low 64 bits of a seed count, and all of them', () => {
  assert.deepEqual(draw(randomFrom(2n ** 64n + 5n), 3), draw(randomFrom(5), 3));
  const firsts = new Set(Array.from({ length: 64 }, (_, bit) => draw(randomFrom(1n << BigInt(bit)), 2).join()));
  assert.equal(firsts.size, 64);
});

test('below(n) is a whole number from 0 to n-1, and n out of range is a programmer error', () => {
  fc.assert(fc.property(seed, fc.integer({ min: 1, max: 2 ** 32 }), (s, n) => {
    const value = randomFrom(s).below(n);
    assert.ok(Number.isInteger(value) && value >= 0 && value < n);
  }));
  for (const n of [0, -1, 2 ** 32 + 1]) assert.throws(() => randomFrom(1).below(n), AssertionFailure);
});

test('below(n) and unit() are uniform: no bucket of ten is off by a tenth in 100,000 draws', () => {
  const random = randomFrom(42);
  const byBelow = new Array<number>(10).fill(0);
  const byUnit = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) {
    const below = random.below(10);
    const unit = Math.floor(random.unit() * 10);
    byBelow[below] = (byBelow[below] as number) + 1;
    byUnit[unit] = (byUnit[unit] as number) + 1;
  }
  for (const count of [...byBelow, ...byUnit]) assert.ok(count > 9_000 && count < 11_000, `${count} of about 10,000`);
});

test('unit() is in [0, 1) and a multiple of 2^-52', () => {
  const random = randomFrom(7);
  for (let i = 0; i < 10_000; i++) {
    const unit = random.unit();
    assert.ok(unit >= 0 && unit < 1 && Number.isInteger(unit * 2 ** 52));
  }
});

test('shuffle keeps every element once, reaches every order, and pick refuses an empty list', () => {
  fc.assert(fc.property(seed, fc.array(fc.nat()), (s, list) => {
    assert.deepEqual(shuffle(randomFrom(s), [...list]).toSorted(), list.toSorted());
  }));
  const orders = new Set(Array.from({ length: 200 }, (_, s) => shuffle(randomFrom(s), [1, 2, 3]).join()));
  assert.equal(orders.size, 6);
  assert.equal(pick(randomFrom(1), ['only']), 'only');
  assert.throws(() => pick(randomFrom(1), []), AssertionFailure);
});
