/** Keys: text is hashed, digits are taken as they are, and what cannot be a key is refused. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { GroveError } from '../../../src/core/errors.ts';
import { checkField, keyOfPosition, positionOfKey } from '../../../src/daemon/key.ts';

const code = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof GroveError);
    return error.code;
  }
  return 'taken';
};

test('a key is the first 160 bits of SHA-256 over its UTF-8', () => {
  assert.equal(positionOfKey('hello').hex, '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }), (key) => {
      const expected = createHash('sha256').update(key, 'utf8').digest('hex').slice(0, 40);
      assert.equal(positionOfKey(key).hex, expected);
    }),
  );
});

test('0x and 40 hex digits, in either case, are taken as they are', () => {
  const hex = '00112233445566778899aabbccddeeff00112233';
  assert.equal(positionOfKey(`0x${hex}`).hex, hex);
  assert.equal(positionOfKey(`0x${hex.toUpperCase()}`).hex, hex);
  assert.equal(keyOfPosition(positionOfKey(`0x${hex}`)), `0x${hex}`);
});

test('anything near to that form is text like any other', () => {
  for (const key of ['0x', '0x00', `0x${'0'.repeat(39)}`, `0x${'0'.repeat(41)}`, `0x${'g'.repeat(40)}`, '0'.repeat(40)]) {
    assert.equal(positionOfKey(key).hex, createHash('sha256').update(key).digest('hex').slice(0, 40));
  }
});

test('an empty key is wrong usage, and one over 1,024 bytes is too large', () => {
  assert.equal(code(() => positionOfKey('')), 'usage');
  assert.equal(code(() => positionOfKey('k'.repeat(1_024))), 'taken');
  assert.equal(code(() => positionOfKey('k'.repeat(1_025))), 'too-large');
  assert.equal(code(() => positionOfKey('ü'.repeat(513))), 'too-large');
});

test('a field needs a short name that is not reserved', () => {
  assert.equal(code(() => checkField('next')), 'taken');
  assert.equal(code(() => checkField('')), 'usage');
  assert.equal(code(() => checkField('#0')), 'usage');
  assert.equal(code(() => checkField('f'.repeat(65))), 'too-large');
});
