/** Names that strangers chose, on this terminal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { shortId, shown, shownBytes } from '../../../src/cli/text.ts';

test('control, reordering and invisible characters go, everything readable stays', () => {
  assert.equal(shown('a\u001b[31mb\u0007'), 'a[31mb');
  assert.equal(shown('user\u202egnp.exe'), 'usergnp.exe');
  assert.equal(shown('x\u2066y\u2069z\u200b\u200f'), 'xyz');
  assert.equal(shown('two\nlines\u2028three'), 'twolinesthree');
  assert.equal(shown('Grüße 東京 🌳'), 'Grüße 東京 🌳');
});

test('a long name is cut to a column, never within a character', () => {
  assert.equal([...shown('🌳'.repeat(100))].length, 40);
  assert.ok(shown('🌳'.repeat(100)).endsWith('🌳…'));
});

test('whatever a name is, what is shown has no character that moves anything', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (name) => {
      assert.doesNotMatch(shown(name), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      assert.doesNotMatch(shortId(name), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    }),
  );
});

test('bytes are shown in the unit that fits', () => {
  assert.deepEqual([0, 1023, 1024, 5 * 1024 ** 2, 3 * 1024 ** 4].map(shownBytes), ['0 B', '1023 B', '1.0 KiB', '5.0 MiB', '3.0 TiB']);
});
