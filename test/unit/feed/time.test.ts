/** Clocks and plans of the service: what a suspend, a wrong clock and thousands of feeds do to them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DueList } from '../../../src/daemon/feeds/due-list.ts';
import { FeedStore } from '../../../src/daemon/feeds/feed-store.ts';
import { HostBudgets } from '../../../src/daemon/feeds/host-budgets.ts';
import { SteadyClock } from '../../../src/daemon/feeds/steady-clock.ts';
import { SqliteStore } from '../../../src/host/sqlite-store.ts';
import { HOST_SPACING_MS } from '../../../src/protocol/feed/host-budget.ts';

const HOUR = 3_600_000;

test('setting the wall clock back or a little forward changes no interval', () => {
  const time = { wall: 1_000_000_000_000, monotonic: 500 };
  const clock = new SteadyClock(() => time.wall, () => time.monotonic);
  const start = clock.now();
  time.wall -= 5 * HOUR;
  time.monotonic += 1_000;
  assert.deepEqual([clock.catchUp(), clock.now() - start], [0, 1_000]);
  time.wall = start + 1_000 + 30_000;
  assert.deepEqual([clock.catchUp(), clock.now() - start], [0, 1_000]);
});

test('after a suspend the clock jumps forward and says by how much', () => {
  const time = { wall: 1_000_000_000_000, monotonic: 500 };
  const clock = new SteadyClock(() => time.wall, () => time.monotonic);
  time.wall += 8 * HOUR;
  time.monotonic += 10;
  assert.equal(clock.catchUp(), 8 * HOUR - 10);
  assert.equal(clock.now(), time.wall);
  assert.equal(clock.catchUp(), 0);
  assert.equal(clock.fromMonotonic(time.monotonic), time.wall);
});

test('whoever is due is handed out once, the earliest first, and not after it was put off', async () => {
  const told: string[] = [];
  let all: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    all = resolve;
  });
  const list = new DueList(() => Date.now(), (name) => {
    told.push(name);
    if (name === 'last') all();
  });
  const now = Date.now();
  list.set('late', now + HOUR);
  list.set('b', now - 1);
  list.set('a', now - 2);
  list.set('never', now - 3);
  list.set('never', undefined);
  list.set('put off', now - 4);
  list.set('put off', now + HOUR);
  list.set('last', now + 5);
  await done;
  assert.deepEqual(told, ['a', 'b', 'last']);
  assert.equal(list.at('late'), now + HOUR);
  list.stop();
});

test('the budget of a host is durable: a restart remembers whom it asked last', () => {
  const store = new SqliteStore(':memory:');
  const first = new HostBudgets(new FeedStore(store), () => 0);
  const now = Date.now();
  assert.equal(first.reserve('example.org', now, true), now);
  const second = new HostBudgets(new FeedStore(store), () => 0);
  assert.equal(second.reserve('example.org', now, true), now + HOST_SPACING_MS);
  assert.equal(second.reserve('other.example', now, true), now);
  assert.equal(second.reserve('127.0.0.1:80', now, false), now);
  assert.equal(second.reserve('127.0.0.1:80', now, false), now);
});
