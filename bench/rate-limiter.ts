/**
 * A path of a given rate between two UDP sockets of this machine: what bench/bandwidth.ts measures through.
 *
 * Packets towards the receiver leave one after the other, each as long after the one before as the rate says (payload and
 * 28 bytes of headers), and those beyond the queue are lost. It waits by looking at the clock all the time, because a timer of
 * a millisecond would shape nothing at 100 Mbit/s; so it is a process of its own. Arguments: receiver's port, Mbit/s.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const HEADERS = 28;
const QUEUE_PACKETS_MAX = 1_000;

const [receiverPort = 0, mbps = 1] = process.argv.slice(2).map(Number);
const near = createSocket({ type: 'udp4', recvBufferSize: 2 ** 20 });
const far = createSocket({ type: 'udp4', recvBufferSize: 2 ** 20 });
const waiting: Uint8Array[] = [];
let senderPort = 0;
let freeAt = 0;

near.on('message', (bytes, from) => {
  senderPort = from.port;
  if (waiting.length < QUEUE_PACKETS_MAX) waiting.push(bytes);
  if (waiting.length === 1) {
    freeAt = Math.max(freeAt, performance.now());
    setImmediate(pass);
  }
});
far.on('message', (bytes) => void (senderPort > 0 && near.send(bytes, senderPort, '127.0.0.1')));

function pass(): void {
  const first = waiting[0];
  if (first === undefined) return;
  const leavesAt = freeAt + ((first.length + HEADERS) * 8) / (mbps * 1_000);
  if (performance.now() >= leavesAt) {
    freeAt = leavesAt;
    waiting.shift();
    far.send(first, receiverPort, '127.0.0.1');
  }
  setImmediate(pass);
}

near.bind(0, '127.0.0.1');
far.bind(0, '127.0.0.1');
await Promise.all([once(near, 'listening'), once(far, 'listening')]);
process.send?.({ near: near.address().port, far: far.address().port });
