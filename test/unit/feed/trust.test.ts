/**
 * Trust in feeds: who is believed, who audits, and what becomes of liars (docs/decisions/0055-trust-in-feeds.md).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { positionFromLead } from '../../../src/core/position.ts';
import { attest, isAttested, statementOf } from '../../../src/protocol/feed/attestation.ts';
import { AUDITS_A_VERSION, isAuditor, verdictOf } from '../../../src/protocol/feed/audit.ts';
import { runPoison } from '../../../src/sim/feed/run-poison.ts';
import { toyTools } from '../../../src/sim/feed/toy-tools.ts';

const key = positionFromLead(1_000);
const version = { hash: 'a'.repeat(64), etag: '"1"', lastModified: '', items: ['0'.repeat(16)] };

test('an attestation is about one feed, one document, its validators and its items', () => {
  const tools = toyTools('me');
  const attestation = attest(key, version, 5, 'me', tools);
  assert.ok(isAttested(key, version, attestation, tools));
  assert.ok(!isAttested(positionFromLead(1_001), version, attestation, tools));
  for (const other of [{ hash: 'b'.repeat(64) }, { etag: '"2"' }, { lastModified: 'x' }, { items: [] }]) assert.ok(!isAttested(key, { ...version, ...other }, attestation, tools));
  assert.ok(!isAttested(key, version, { ...attestation, at: 6 }, tools));
  assert.ok(!isAttested(key, version, { ...attestation, peerId: 'you' }, tools));
});

test('what the origin chose cannot be mistaken for another part of the statement, whatever characters it has', () => {
  const text = (etag: string): string => String.fromCharCode(...statementOf(key, { ...version, etag }, 1));
  assert.notEqual(text('a\nb'), text('a'));
  assert.match(text('ü\u{1f600}\n'), /^[ -~\n]*$/);
  assert.equal(text('\n\n').split('\n').length, text('').split('\n').length);
});

test('c of N subscribers audit a version, however many there are', () => {
  const draws = 1_000_000;
  for (const subscribers of [1, 10, 1_000]) {
    let audits = 0;
    for (let i = 0; i < draws; i++) if (isAuditor(subscribers, (i + 0.5) / draws)) audits++;
    assert.equal(Math.round((audits * subscribers) / draws * 1_000) / 1_000, AUDITS_A_VERSION);
  }
});

test('other bytes under the same strong validator are a conflict, and an origin that has gone on is none', () => {
  const told = { hash: 'a', etag: '"1"' };
  assert.equal(verdictOf(told, { hash: 'a', etag: '"9"' }), 'same');
  assert.equal(verdictOf(told, { hash: 'b', etag: '"1"' }), 'conflict');
  assert.equal(verdictOf(told, { hash: 'b', etag: '"2"' }), 'other');
  assert.equal(verdictOf({ hash: 'a', etag: 'W/"1"' }, { hash: 'b', etag: 'W/"1"' }), 'other');
  assert.equal(verdictOf({ hash: 'a', etag: '' }, { hash: 'b', etag: '' }), 'other');
});

test('an interior peer that poisons those below it is caught, left by all and deprived of its slot; nobody saw its lie attested', () => {
  for (const seed of [4, 5, 14]) {
    const result = runPoison(seed, 40, 0.3);
    assert.ok(result?.audits !== undefined && result.audits <= 4, JSON.stringify(result));
    assert.deepEqual([result.wrong, result.stillBelow, result.stillFalse, result.attested], [0, 0, 0, 0], JSON.stringify(result));
  }
});
