/** The state directory: what is kept, who may read it, and sentences for every way it can be broken. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { GroveError } from '../../../src/core/errors.ts';
import { newPool, poolIdOf } from '../../../src/daemon/pool.ts';
import { openState } from '../../../src/daemon/state.ts';
import { findRunning, pathsIn, readRunning, stateDirectory } from '../../../src/daemon/state-files.ts';

const root = mkdtempSync(join(tmpdir(), 'grove-state-'));
after(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
const fresh = (): string => join(root, String(count++));

function failure(action: () => unknown): GroveError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof GroveError, String(error));
    return error;
  }
  assert.fail('nothing was thrown');
}

test('identity, token and pool are the same the next time, and only their owner can read them', () => {
  const directory = fresh();
  const first = openState(directory);
  const pool = newPool({ leafsetRadius: 3 });
  first.writePool(pool);
  const { identity, token } = first;
  first.close();
  const second = openState(directory);
  assert.equal(second.identity.peerId, identity.peerId);
  assert.equal(second.token, token);
  assert.deepEqual(second.readPool(), pool);
  second.close();
  for (const file of [directory, ...Object.values(pathsIn(directory)).filter((path) => existsSync(path))]) {
    assert.equal(statSync(file).mode & 0o077, 0, file);
  }
});

test('a second peer on a directory is refused while the first runs', () => {
  const directory = fresh();
  const first = openState(directory);
  first.announce({ pid: process.pid, api: 'http://127.0.0.1:1', startedAt: '' });
  const error = failure(() => openState(directory));
  assert.equal(error.code, 'in-use');
  assert.match(error.message, new RegExp(`process ${process.pid}`));
  assert.deepEqual(readRunning(directory)?.api, 'http://127.0.0.1:1', 'the refused one leaves the file of the first alone');
  first.close();
  openState(directory).close();
});

test('commands find a running peer, and not one that is gone', () => {
  const directory = fresh();
  assert.equal(failure(() => findRunning(directory)).code, 'not-running');
  const state = openState(directory);
  state.announce({ pid: process.pid, api: 'http://127.0.0.1:4711', startedAt: new Date().toISOString() });
  assert.deepEqual(findRunning(directory), { api: 'http://127.0.0.1:4711', token: state.token });
  state.close();
  assert.ok(!existsSync(pathsIn(directory).running));
  writeFileSync(pathsIn(directory).running, JSON.stringify({ pid: 2 ** 30, api: 'http://127.0.0.1:1', startedAt: '' }));
  assert.equal(failure(() => findRunning(directory)).code, 'not-running');
});

test('every damaged file is named, with what to do', () => {
  for (const [name, content] of [['store', 'no database'.repeat(100)], ['key', 'short'], ['token', '?'], ['pool', '{"version":1}']] as const) {
    const directory = fresh();
    openState(directory).close();
    writeFileSync(pathsIn(directory)[name], content);
    const error = failure(() => {
      const state = openState(directory);
      try {
        state.readPool();
      } finally {
        state.close();
      }
    });
    assert.equal(error.code, 'state', name);
    assert.match(error.message, /remove|restore/, name);
    assert.ok(error.message.includes(pathsIn(directory)[name]), name);
  }
});

test('a directory that cannot be one is refused with a sentence', () => {
  const file = fresh();
  writeFileSync(file, '');
  assert.equal(failure(() => openState(file)).code, 'state');
  assert.equal(failure(() => openState(join(file, 'below'))).code, 'state');
});

test('going into another pool keeps the key of the old one', () => {
  const directory = fresh();
  const state = openState(directory);
  const [old, other] = [newPool({}), newPool({})];
  state.writePool(old);
  state.writePool({ ...old, introducers: ['/ip4/192.0.2.1/tcp/1'] });
  state.writePool(other);
  assert.deepEqual(state.readPool(), other);
  const kept = JSON.parse(readFileSync(join(directory, `pool-${poolIdOf(old.key)}.json`), 'utf8')) as { key: string };
  assert.equal(kept.key, Buffer.from(old.key).toString('hex'));
  state.close();
});

test('the directory follows --data, then XDG_STATE_HOME, then the home directory', () => {
  assert.equal(stateDirectory('/x/y', {}), '/x/y');
  assert.equal(stateDirectory(undefined, { XDG_STATE_HOME: '/state' }), '/state/grove');
  assert.match(stateDirectory(undefined, { XDG_STATE_HOME: 'relative' }), /\.local\/state\/grove$/);
  assert.match(stateDirectory(undefined, {}), /\.local\/state\/grove$/);
});

test('a peer without a directory keeps nothing', () => {
  const [a, b] = [openState(undefined), openState(undefined)];
  assert.notEqual(a.identity.peerId, b.identity.peerId);
  a.store.write('x', Uint8Array.of(1));
  assert.equal(b.store.read('x'), undefined);
  a.close();
  b.close();
});
