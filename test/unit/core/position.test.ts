/**
 * The circle of [0041] against BigInt, which has no precision to lose: order, arcs and walks at all 160 bits, with many
 * positions that share their leading 52 bits, because that is where the cheap comparison has to give way to the digits.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AssertionFailure } from '../../../src/core/assert.ts';
import type { Position } from '../../../src/core/position.ts';
import {
  CIRCLE, circleDistance, clockwise, compareClockwise, comparePositions, digitAt, inArc, parsePosition, positionFromBytes, positionFromLead, positionToBytes,
  sharedDigits,
} from '../../../src/core/position.ts';
import { closePosition, position } from '../protocol/arbitraries.ts';

const FULL = 2n ** 160n;

function valueOf(p: Position): bigint {
  return BigInt(`0x${p.hex}`);
}

/** How far one walks clockwise from `start` to `p`, the start itself being a whole round away. */
function walked(start: Position, p: Position): bigint {
  const distance = (valueOf(p) - valueOf(start) + FULL) % FULL;
  return distance === 0n ? FULL : distance;
}

const anyPosition = fc.oneof(position, closePosition);
const lead = fc.oneof(fc.constantFrom(0, 1, CIRCLE / 2, CIRCLE - 1), fc.maxSafeNat().map((n) => n % CIRCLE));

test('[0041] positions are ordered at full precision, also when their leading 52 bits are equal', () => {
  fc.assert(fc.property(anyPosition, anyPosition, (a, b) => {
    const model = valueOf(a) - valueOf(b);
    assert.equal(Math.sign(comparePositions(a, b)), model < 0n ? -1 : model > 0n ? 1 : 0);
  }));
});

test('[0041] an arc is (from, to]: half open, wrapping, and the whole circle when both ends are one', () => {
  fc.assert(fc.property(anyPosition, anyPosition, anyPosition, (x, from, to) => {
    const model = walked(from, x) <= walked(from, to);
    assert.equal(inArc(x, from, to), model);
    assert.equal(inArc(to, from, to), true);
    assert.equal(inArc(from, from, to), comparePositions(from, to) === 0);
    assert.equal(inArc(x, from, from), true);
  }));
});

test('INV-RING-1: of two arcs that meet in two points, every position lies in exactly one', () => {
  fc.assert(fc.property(anyPosition, anyPosition, anyPosition, (x, p, q) => {
    fc.pre(comparePositions(p, q) !== 0);
    assert.notEqual(inArc(x, p, q), inArc(x, q, p));
  }));
});

test('walking clockwise from a start meets positions in order of the distance walked, the start itself last', () => {
  fc.assert(fc.property(anyPosition, anyPosition, anyPosition, (start, a, b) => {
    const model = walked(start, a) - walked(start, b);
    assert.equal(Math.sign(compareClockwise(start, a, b)), model < 0n ? -1 : model > 0n ? 1 : 0);
  }));
});

test('distances of leads are exact, and the shorter way round is never more than half the circle', () => {
  fc.assert(fc.property(lead, lead, (a, b) => {
    const model = (BigInt(b) - BigInt(a) + BigInt(CIRCLE)) % BigInt(CIRCLE);
    assert.equal(BigInt(clockwise(a, b)), model);
    assert.equal(circleDistance(a, b), circleDistance(b, a));
    assert.equal(circleDistance(a, b), Math.min(clockwise(a, b), clockwise(b, a)));
    assert.ok(circleDistance(a, b) <= CIRCLE / 2);
  }));
});

test('bytes, digits and lead are three forms of one position', () => {
  fc.assert(fc.property(anyPosition, (p) => {
    assert.deepEqual(positionFromBytes(positionToBytes(p)), p);
    assert.deepEqual(parsePosition(p.hex.toUpperCase()), p);
    assert.equal(BigInt(p.lead), valueOf(p) >> 108n);
    assert.equal(digitAt(p, 0), Number(valueOf(p) >> 156n));
    assert.equal(digitAt(p, 39), Number(valueOf(p) & 15n));
  }));
});

test('what is not 40 hex digits is no position', () => {
  for (const text of ['', '0'.repeat(39), '0'.repeat(41), `${'0'.repeat(39)}g`, `0x${'0'.repeat(38)}`, ` ${'0'.repeat(39)}`, `${'0'.repeat(40)}\n`]) {
    assert.equal(parsePosition(text), undefined, JSON.stringify(text));
  }
});

test('shared digits are counted from the most significant end, all 40 of them', () => {
  fc.assert(fc.property(position, fc.nat(39), fc.integer({ min: 1, max: 15 }), (p, place, change) => {
    const digit = (parseInt(p.hex.charAt(place), 16) ^ change).toString(16);
    const other = parsePosition(p.hex.slice(0, place) + digit + p.hex.slice(place + 1)) as Position;
    assert.equal(sharedDigits(p, other), place);
    assert.equal(sharedDigits(p, p), 40);
  }));
});

test('a lead and a tail make a position; a lead off the circle or not whole is a programmer error', () => {
  assert.equal(positionFromLead(1).hex, `${'0'.repeat(12)}1${'0'.repeat(27)}`);
  assert.equal(positionFromLead(CIRCLE - 1, 'f'.repeat(30)).hex, 'f'.repeat(40));
  for (const wrong of [-1, 0.5, CIRCLE, NaN]) assert.throws(() => positionFromLead(wrong), AssertionFailure);
  assert.throws(() => positionFromBytes(new Uint8Array(19)), AssertionFailure);
});
