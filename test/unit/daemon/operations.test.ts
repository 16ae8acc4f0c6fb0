/** Promises over protocol operations: each ends exactly once, whatever the protocol does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GroveError } from '../../../src/core/errors.ts';
import { positionOfKey } from '../../../src/daemon/key.ts';
import { failureError, Operations } from '../../../src/daemon/operations.ts';
import type { OperationsNode } from '../../../src/daemon/operations.ts';
import type { FailureCode } from '../../../src/protocol/overlay/outcomes.ts';
import { FakeOverlay, HOST } from './fake-overlay.ts';

const KEY = positionOfKey('k');

/** A node that never answers. */
const silent: OperationsNode = { ...new FakeOverlay().node(), lookup: () => 1 };

test('an operation that the protocol forgets ends at the deadline', async () => {
  const operations = new Operations(silent, (call) => call(), 20);
  await assert.rejects(operations.lookup(KEY), (error) => error instanceof GroveError && error.code === 'timeout');
  assert.equal(operations.pending, 0);
});

test('a caller that gives up gets its own reason, before and during', async () => {
  const operations = new Operations(silent, (call) => call(), 60_000);
  await assert.rejects(operations.lookup(KEY, AbortSignal.abort(new Error('before'))), /before/);
  const giveUp = new AbortController();
  const waiting = operations.lookup(KEY, giveUp.signal);
  giveUp.abort(new Error('during'));
  await assert.rejects(waiting, /during/);
  assert.equal(operations.pending, 0);
});

test('stopping ends what waits and what comes later', async () => {
  const operations = new Operations(silent, (call) => call(), 60_000);
  const waiting = operations.lookup(KEY);
  operations.stop();
  for (const ended of [waiting, operations.lookup(KEY)]) {
    await assert.rejects(ended, (error) => error instanceof GroveError && error.code === 'stopped');
  }
});

test('an answer that comes twice, or after the end, changes nothing', async () => {
  let late: () => void = () => undefined;
  const twice: OperationsNode = {
    ...silent,
    lookup: (_key, onDone, onFail) => {
      onDone({ owner: HOST, hops: 2, tookMs: 1 });
      onFail('after all not');
      late = () => onDone({ owner: HOST, hops: 3, tookMs: 1 });
      return 1;
    },
  };
  const operations = new Operations(twice, (call) => call(), 60_000);
  assert.equal((await operations.lookup(KEY)).hops, 2);
  late();
  assert.equal(operations.pending, 0);
});

test('every failure of the protocol becomes one sentence with a code', () => {
  const codes: FailureCode[] = ['quota', 'too-few-copies', 'missing', 'too-large', 'timeout', 'busy'];
  for (const code of codes) {
    const { message } = failureError({ ok: false, code, reason: 'something happened' });
    assert.match(message, /^Something happened[^.]*\.$/);
  }
});
