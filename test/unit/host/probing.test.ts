/** Bandwidth between real hosts on loopback: over UDP, over the stream when UDP is closed, and what is refused. */
import assert from 'node:assert/strict';
import { Socket } from 'node:dgram';
import { once } from 'node:events';
import { after, mock, test } from 'node:test';
import fc from 'fast-check';
import type { Rate } from '../../../src/protocol/measure/bandwidth.ts';
import { RATE_MAX } from '../../../src/protocol/measure/bandwidth.ts';
import { Arrivals, helloDatagram, PACKET_BYTES, readDatagram, trainDatagrams } from '../../../src/host/probing/datagrams.ts';
import { rateFrom } from '../../../src/host/probing/probe-dialogue.ts';
import { newCounters } from '../../../src/host/facts.ts';
import { ProbeSockets } from '../../../src/host/probing/probe-sockets.ts';
import { Prober } from '../../../src/host/probing/prober.ts';
import type { ToyHost, ToyOptions } from './toy.ts';
import { startToy } from './toy.ts';

const started: ToyHost[] = [];
after(async () => Promise.all(started.map(async ({ host }) => host.stop())));

async function pair(options: [ToyOptions, ToyOptions] = [{}, {}]): Promise<[ToyHost, ToyHost]> {
  const toys: [ToyHost, ToyHost] = [await startToy(options[0]), await startToy(options[1])];
  started.push(...toys);
  return toys;
}

/** What the measured side learns. */
async function incoming({ host }: ToyHost): Promise<{ readonly peerId: string; readonly rate: Rate }> {
  return new Promise((resolve) => {
    host.onBandwidth((peerId, rate) => resolve({ peerId, rate }));
  });
}

test('[0075] one measurement over UDP tells both sides, and what it sends is bounded and counted', async () => {
  const [a, b] = await pair();
  const heard = incoming(b);
  const rate = await a.host.measureBandwidth(b.host.contact);
  assert.ok(rate !== undefined && rate.bitsPerSecond > 0 && rate.bitsPerSecond <= RATE_MAX);
  const { peerId, rate: theirs } = await heard;
  assert.deepEqual([peerId, theirs], [a.host.peerId, rate]);
  const { probeBytesSent } = a.host.counters;
  assert.ok(probeBytesSent > 10 * PACKET_BYTES && probeBytesSent <= 336 * PACKET_BYTES + 1_000, `${probeBytesSent} bytes`);
  assert.ok(b.host.counters.probeBytesReceived > 0);
});

test('a measurement leaves no stream behind on either side', { timeout: 20_000 }, async () => {
  const [a, b] = await pair();
  const answer = mock.method(Prober.prototype, 'answer');
  try {
    assert.notEqual(await a.host.measureBandwidth(b.host.contact), undefined);
    const stream = answer.mock.calls[0]?.arguments[0];
    assert.ok(stream);
    if (stream.status === 'open' || stream.status === 'closing') await once(stream, 'close');
    assert.equal(stream.status, 'closed');
  } finally {
    answer.mock.restore();
  }
});

test('whoever was measured a moment ago takes no part again at once', async () => {
  const [a, b] = await pair();
  assert.notEqual(await a.host.measureBandwidth(b.host.contact), undefined);
  const sent = a.host.counters.probeBytesSent;
  assert.equal(await a.host.measureBandwidth(b.host.contact), undefined);
  assert.equal(a.host.counters.probeBytesSent, sent);
});

test('a metered peer never probes, and is never probed', async () => {
  const [a, b] = await pair([{}, { metered: true }]);
  assert.equal(await a.host.measureBandwidth(b.host.contact), undefined);
  assert.equal(await b.host.measureBandwidth(a.host.contact), undefined);
  assert.deepEqual([a.host.counters.probeBytesSent, b.host.counters.probeBytesSent], [0, 0]);
});

test('where no datagram gets through, the warm connection is measured', async () => {
  const [a, b] = await pair();
  const silence = mock.method(Socket.prototype, 'send', (_bytes: Uint8Array, _port: number, _address: string, done: () => void) => done());
  try {
    const heard = incoming(b);
    const rate = await a.host.measureBandwidth(b.host.contact);
    assert.ok(rate !== undefined && rate.bitsPerSecond > 0 && rate.bitsPerSecond <= RATE_MAX);
    assert.equal((await heard).peerId, a.host.peerId);
    assert.ok(a.host.counters.probeBytesSent > 300_000, 'bursts were sent');
  } finally {
    silence.mock.restore();
  }
});

test('where neither tells, the answer is "unknown": a peer that is gone', async () => {
  const [a, b] = await pair();
  const { contact } = b.host;
  await b.host.stop();
  assert.equal(await a.host.measureBandwidth(contact), undefined);
});

test('a socket that could not be bound is tried again at the next measurement', async () => {
  const sockets = new ProbeSockets(newCounters(), () => true);
  const failing = mock.method(Socket.prototype, 'bind', function bind(this: Socket) {
    setImmediate(() => this.emit('error', new Error('no address')));
    return this;
  });
  assert.equal(await sockets.port('udp4'), 0);
  failing.mock.restore();
  assert.ok((await sockets.port('udp4')) > 0);
  await sockets.stop();
});

test('datagrams: what was written is read, and any bytes at all are read or dropped', () => {
  const token = new Uint8Array(16).fill(7);
  const hex = Buffer.from(token).toString('hex');
  assert.deepEqual(readDatagram(helloDatagram(token)), { token: hex, packet: undefined });
  assert.deepEqual(trainDatagrams(token, 3, 5).map(readDatagram), [0, 1, 2, 3, 4].map((index) => ({ token: hex, packet: { train: 3, index } })));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 1_500 }), (bytes) => {
    const read = readDatagram(bytes);
    assert.ok(read === undefined || bytes.length === 17 || bytes.length === PACKET_BYTES);
  }));
  const [packet] = trainDatagrams(token, 0, 1) as [Uint8Array];
  fc.assert(fc.property(fc.nat(19), fc.nat(255), (at, value) => {
    const read = readDatagram(packet.with(at, value));
    assert.ok(read?.packet === undefined || (read.packet.train < 8 && read.packet.index < 64));
  }));
});

test('a packet that comes twice counts once, at its first instant', () => {
  const arrivals = new Arrivals();
  for (let index = 0; index < 10; index++) arrivals.record({ train: 0, index }, 100 + index);
  for (let index = 0; index < 10; index++) arrivals.record({ train: 0, index }, 900);
  assert.equal(arrivals.count(0), 10);
  assert.equal(Math.round((arrivals.rate()?.bitsPerSecond ?? 0) / 1e3), 11_424); // 1,428 bytes a millisecond
});

test('a peer that claims an impossible rate is believed what can be told at most; nonsense is unknown', () => {
  const seen = (bitsPerSecond: number): Rate | undefined => rateFrom({ bitsPerSecond, atLeast: false, arrived: 1 } as never);
  assert.deepEqual(seen(1e15), { bitsPerSecond: RATE_MAX, isAtLeast: true });
  assert.deepEqual(seen(1e6), { bitsPerSecond: 1e6, isAtLeast: false });
  for (const nonsense of [0, -1, Number.NaN, -Infinity]) assert.equal(seen(nonsense), undefined);
});
