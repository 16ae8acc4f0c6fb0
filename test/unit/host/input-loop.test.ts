/**
 * The input loop of a process that stands still: what has arrived meanwhile is handled before timers judge who was silent.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { InputLoop } from '../../../src/host/input-loop.ts';

const ANY_KIND = 0;

/** Nothing else runs in this process meanwhile. */
function standStill(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('an answer that came while the process stood still is handled before the timer that waits for it', { timeout: 10_000 }, async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const [[accepted], asking] = await Promise.all([once(server, 'connection') as Promise<[Socket]>, dial((server.address() as AddressInfo).port)]);
  const order: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const loop = new InputLoop(() => {
      order.push('timer');
      if (order.length === 2) resolve();
    }, reject);
    asking.on('data', () => loop.run(() => {
      order.push('answer');
      if (order.length === 2) resolve();
    }));
    loop.arm(ANY_KIND, performance.now() + 10);
    accepted.write('answer', () => standStill(200));
  });
  assert.deepEqual(order, ['answer', 'timer']);
  asking.destroy();
  accepted.destroy();
  server.close();
});

test('timers that are always late still come', { timeout: 10_000 }, async () => {
  const rounds = 3;
  await new Promise<void>((resolve, reject) => {
    let count = 0;
    const loop = new InputLoop(() => {
      if (++count === rounds) return resolve();
      loop.arm(ANY_KIND, performance.now() + 1);
      setImmediate(() => standStill(100));
    }, reject);
    loop.arm(ANY_KIND, performance.now() + 1);
    standStill(100);
  });
});

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}
