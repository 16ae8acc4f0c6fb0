/**
 * Trust in feeds: who is believed, who audits, and what becomes of liars (docs/decisions/0055-trust-in-feeds.md).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { positionFromLead } from '../../../src/core/position.ts';
import { attest, isAttested, statementOf } from '../../../src/protocol/feed/attestation.ts';
import { AUDITS_A_VERSION, isAuditor, verdictOf } from '../../../src/protocol/feed/audit.ts';
import { randomFrom } from '../../../src/core/random.ts';
import { protocolOptions } from '../../../src/protocol/options.ts';
import { FeedWorld } from '../../../src/sim/feed/feed-world.ts';
import { EuclideanLatency } from '../../../src/sim/latency/latency-model.ts';
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
  // In 28 another poller stands below it, which finds versions itself and is never lied to.
  for (const seed of [5, 9, 28]) {
    const result = runPoison(seed, 40, 0.3);
    assert.ok(result?.audits !== undefined && result.audits <= 4, JSON.stringify(result));
    assert.deepEqual([result.wrong, result.stillBelow, result.stillFalse, result.attested], [0, 0, 0, 0], JSON.stringify(result));
  }
});

test('INV-FEED-3: what a stranger signed is stored and passed on by nobody below it, and they leave it for the true version', () => {
  const feeds = new FeedWorld(24, { seed: 6, latency: new EuclideanLatency(randomFrom(6)) }, protocolOptions(), (peer) => ({ maxStalenessMs: 30_000, fanout: 2, canPoll: peer < 4 }));
  const { world } = feeds.ring;
  for (let peer = 0; peer < 24; peer++) feeds.subscribe(peer);
  world.runFor(60_000);
  const stranger = feeds.subscribers().filter((peer) => !feeds.pollers().includes(peer)).sort((a, b) => feeds.below(b).length - feeds.below(a).length)[0] ?? assert.fail();
  assert.ok(feeds.below(stranger).length > 0, 'somebody is below it');
  feeds.poison(stranger);
  let refused = 0;
  world.onFact((_peer, fact) => {
    if (fact.kind === 'message-ignored' && fact.why === 'it is signed by nobody who polls') refused++;
  });
  for (let change = 0; change < 3; change++) {
    feeds.change();
    world.runFor(70_000);
  }
  assert.ok(refused > 0, 'it was tried');
  assert.ok(feeds.isCaughtUp());
  for (const peer of feeds.subscribers()) assert.ok(feeds.shelf(peer).all(feeds.key).every(({ hash }) => feeds.origin.history.includes(hash)), `peer ${peer}`);
});
