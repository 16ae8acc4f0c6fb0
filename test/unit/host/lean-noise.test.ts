/**
 * Connections with `leanNoise` beside libp2p's own: the same bytes on the wire, fewer system calls and no garbage.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { mock, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Libp2p, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { Uint8ArrayList } from 'uint8arraylist';
import { randomFrom } from '../../../src/core/random.ts';
import { leanNoise } from '../../../src/host/lean-noise.ts';

const PROTOCOL = '/test/lean';
/** Around every border: small messages, one Noise message less its tag and less the multiplexer's header, and several. */
const SIZES = [1, 2, 1_100, 1_171, 1_172, 1_187, 1_188, 1_189, 1_200, 4_096, 32_768, 65_506, 65_507, 65_508, 65_519, 65_535, 65_536, 65_537, 200_000, 3];

type Encryption = ReturnType<typeof noise>;

const start = (encryption: Encryption): Promise<Libp2p> =>
  createLibp2p({ addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] }, transports: [tcp()], connectionEncrypters: [encryption], streamMuxers: [yamux()], connectionMonitor: { enabled: false } });

interface Pair {
  readonly stream: Stream;
  readonly received: Uint8ArrayList;
  /** Until the other side has so many bytes. */
  until(bytes: number): Promise<void>;
}

async function pair(t: TestContext, from: Encryption, to: Encryption): Promise<Pair> {
  const [sender, receiver] = [await start(from), await start(to)];
  t.after(() => Promise.all([sender.stop(), receiver.stop()]));
  const received = new Uint8ArrayList();
  let onBytes = (): void => undefined;
  await receiver.handle(PROTOCOL, (stream) => {
    stream.addEventListener('message', ({ data }) => {
      received.append(data);
      onBytes();
    });
  });
  const connection = await sender.dial(receiver.getMultiaddrs());
  const stream = await connection.newStream(PROTOCOL);
  return {
    stream,
    received,
    until: (bytes) => new Promise((resolve, reject) => {
      const deadline = setTimeout(() => reject(new Error(`only ${received.byteLength} of ${bytes} bytes came within 10 s`)), 10_000);
      onBytes = () => {
        if (received.byteLength < bytes) return;
        clearTimeout(deadline);
        resolve();
      };
      onBytes();
    }),
  };
}

const send = async (stream: Stream, ...pieces: Uint8Array[]): Promise<void> => {
  if (!stream.send(new Uint8ArrayList(...pieces))) await once(stream as unknown as NodeJS.EventEmitter, 'drain');
};

for (const [name, from, to] of [['its own kind', leanNoise(), leanNoise()], ["libp2p's Noise", leanNoise(), noise()], ["whoever speaks libp2p's Noise", noise(), leanNoise()]] as const) {
  test(`${name} is understood at every size, many messages at once`, async (t) => {
    const { stream, received, until } = await pair(t, from, to);
    const random = randomFrom(7);
    const sent = new Uint8ArrayList();
    for (let round = 0; round < 3; round++) {
      for (const size of SIZES) {
        const body = Uint8Array.from({ length: size }, () => random.below(256));
        const cut = random.below(size);
        sent.append(body);
        await send(stream, body.subarray(0, cut), body.subarray(cut));
      }
    }
    await until(sent.byteLength);
    assert.equal(Buffer.compare(received.subarray(), sent.subarray()), 0);
    });
}

test('what is sent together leaves in one system call', async (t) => {
  const { stream, until } = await pair(t, leanNoise(), leanNoise());
  await send(stream, new Uint8Array(10));
  await until(10);
  const sockets = Socket.prototype as unknown as Record<'_write' | '_writev', () => unknown>;
  const calls = [mock.method(sockets, '_write'), mock.method(sockets, '_writev')];
  await send(stream, new Uint8Array(23), new Uint8Array(32_768));
  await send(stream, new Uint8Array(5), new Uint8Array(20));
  assert.equal(calls.reduce((sum, call) => sum + call.mock.callCount(), 0), 2);
  mock.restoreAll();
});

test('what went through a connection is given back at both ends, and what was received stays', async (t) => {
  const { stream, received, until } = await pair(t, leanNoise(), leanNoise());
  await send(stream, new Uint8Array(10));
  await until(10);
  let givenBack = 0;
  const { transfer } = ArrayBuffer.prototype;
  mock.method(ArrayBuffer.prototype, 'transfer', function (this: ArrayBuffer, bytes: number) {
    assert.equal(bytes, 0);
    givenBack += this.byteLength;
    return transfer.call(this, bytes);
  });
  const body = new Uint8Array(32_768).fill(3);
  const count = 32;
  for (let i = 0; i < count; i++) await send(stream, body);
  await until(10 + count * body.length);
  mock.restoreAll();
  const times = givenBack / (count * body.length);
  assert.ok(times > 1.9, `given back ${times.toFixed(2)} times what was received`);
  assert.ok(received.subarray(10).every((byte) => byte === 3));
});
