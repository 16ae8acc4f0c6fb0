/** Sockets of bandwidth measurements: what a false sender brings about, and what is left after the end. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { newCounters } from '../../../src/host/facts.ts';
import { helloDatagram } from '../../../src/host/probing/datagrams.ts';
import { ProbeSockets } from '../../../src/host/probing/probe-sockets.ts';

const TOKEN = new Uint8Array(16).fill(5);

test('a train goes to the other end of the connection only, whatever address a hello seems to come from', async () => {
  const sockets = new ProbeSockets(newCounters(), () => true);
  const elsewhere = createSocket('udp4');
  elsewhere.bind(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  try {
    const port = await sockets.port('udp4');
    // The connection leads to 127.0.0.2, and the hello comes from 127.0.0.1.
    const meeting = await sockets.meet(TOKEN, 'udp4', { address: '127.0.0.2', port: 9 });
    assert.ok(meeting);
    const heard = meeting.greet();
    elsewhere.send(helloDatagram(TOKEN), port, '127.0.0.1');
    assert.equal(await heard, undefined);
    meeting.close();
  } finally {
    elsewhere.close();
    await sockets.stop();
  }
});

test('no socket is opened once the measurements have been stopped', async () => {
  const sockets = new ProbeSockets(newCounters(), () => true);
  await sockets.stop();
  assert.equal(await sockets.port('udp4'), 0);
  assert.equal(await sockets.meet(TOKEN, 'udp4', { address: '127.0.0.1', port: 9 }), undefined);
});
