/**
 * The API on a Unix socket beside loopback, for programs of the same user: it has no port that could be taken, and no page in a
 * browser reaches it. The token is asked for all the same.
 */
import type { EventEmitter } from 'node:events';
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { GroveError } from '../core/errors.ts';

const OWNER_ONLY = 0o600;
const accepted = new WeakSet<object>();

export function isFromSocket(socket: object): boolean {
  return accepted.has(socket);
}

/** Connections to `path` become connections of `server`. Returns what ends that. Throws GroveError. */
export async function listenOnSocket(server: EventEmitter, path: string): Promise<() => Promise<void>> {
  await removeLeftOver(path);
  const open = new Set<Socket>();
  const listener = createServer((socket) => {
    accepted.add(socket);
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    server.emit('connection', socket);
  });
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(path, resolve);
    });
    chmodSync(path, OWNER_ONLY);
  } catch (error) {
    throw new GroveError('in-use', `The API cannot listen on the socket ${path}: check its directory, or choose another one with --socket.`, { cause: error });
  } finally {
    process.umask(before);
  }
  return async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => listener.close(resolve));
  };
}

/** A peer that was killed leaves its socket behind; one that answers stays, and anything else is no business of ours. */
async function removeLeftOver(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const isAnswered = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
  if (!isAnswered) rmSync(path, { force: true });
}
