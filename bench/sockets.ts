/** Bytes that this process has written to its TCP sockets, closed ones included. */
import diagnostics from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

const sockets = new Set<Socket>();
let closedBytes = 0;
for (const name of ['net.client.socket', 'net.server.socket']) {
  diagnostics.subscribe(name, (message) => {
    const { socket } = message as { socket: Socket };
    sockets.add(socket);
    socket.once('close', () => {
      closedBytes += socket.bytesWritten;
      sockets.delete(socket);
    });
  });
}

export function bytesSent(): number {
  let total = closedBytes;
  for (const socket of sockets) total += socket.bytesWritten;
  return total;
}

export function openSockets(): number {
  return sockets.size;
}
