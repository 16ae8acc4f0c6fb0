/**
 * One stream to many, from the command line: a file from one peer to four others through a planned tree, the peer in the middle
 * killed on the way.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { CastView } from '../../src/protocol/alm/session/views.ts';
import type { PeerProcess } from './grove.ts';
import { Grove, until } from './grove.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'grove.js');
const grove = new Grove();
const peers: PeerProcess[] = [];
const SIZE = 3_000_000;

before(async () => {
  peers.push(await grove.up('a'));
  const invite = await grove.invite(peers[0] as PeerProcess);
  for (const name of ['b', 'c', 'd', 'e', 'f']) peers.push(await grove.up(name, ['--join', invite]));
});
after(async () => grove.end());

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const dataOf = (peer: number): string => (peers[peer] as PeerProcess).data;

/** A command whose output is a stream. */
function reading(args: readonly string[]): { readonly whole: Promise<{ readonly code: number | null; readonly bytes: Buffer }> } {
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  return { whole: once(child, 'close').then(([code]) => ({ code: code as number | null, bytes: Buffer.concat(parts) })) };
}

test('a file reaches four peers through a planned tree, although the peer in its middle is killed', async () => {
  const file = randomBytes(SIZE);
  // The root serves one, whoever that is serves two: there is a middle, and it can be lost.
  const open = spawn(process.execPath, [BIN, 'cast', 'open', 'film', '--wait', '5', '--degree', '1', '--rate', '12mbit', '--data', dataOf(0), '--json'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const summary: Buffer[] = [];
  open.stdout.on('data', (part: Buffer) => summary.push(part));
  const opened = once(open, 'close');
  open.stdin.on('error', () => undefined);
  open.stdin.write(file.subarray(0, SIZE / 2));
  const show = async (): Promise<CastView> => grove.json<CastView>('cast', 'why', 'film', '--data', dataOf(0));
  await until('the session is open', async () => (await grove.run(['cast', 'why', 'film', '--data', dataOf(0)])).code === 0);
  const readers = [1, 2, 3, 4, 5].map((peer) => ({ peer, ...reading(['cast', 'join', 'film', '--degree', '3', '--data', dataOf(peer)]) }));
  let middle = -1;
  await until('the stream flows through somebody', async () => {
    const { tree } = await show();
    const interior = tree.find(({ depth, children, head }) => depth >= 1 && children > 0 && head > 5);
    middle = interior === undefined ? -1 : peers.findIndex((peer) => peer.ready.peerId === interior.peerId);
    return middle > 0;
  });
  await (peers[middle] as PeerProcess).exit('SIGKILL');
  // Nobody can have had everything before.
  open.stdin.end(file.subarray(SIZE / 2));
  for (const { peer, whole } of readers) {
    const { code, bytes } = await whole;
    if (peer === middle) assert.notEqual(code, 0, 'whoever reads at the killed peer is told');
    else assert.deepEqual([code, digestOf(bytes)], [0, digestOf(file)], `peer ${peer} got ${bytes.length} bytes`);
  }
  const [code] = (await opened) as [number | null];
  assert.equal(code, 0);
  const { finished, bytes } = JSON.parse(Buffer.concat(summary).toString('utf8')) as { finished: readonly unknown[]; bytes: number };
  assert.deepEqual([finished.length, bytes], [4, SIZE]);
});

test('a name that nobody has open, and one that is taken: one clear sentence', async () => {
  const { code, stderr } = await grove.run(['cast', 'join', 'nothing', '--data', dataOf(0)]);
  assert.equal(code, 1);
  assert.match(stderr, /nobody has a session of this name open/);
  const priority = await grove.run(['cast', 'open', 'x', '--priority', '4', '--data', dataOf(0)]);
  assert.equal(priority.code, 2);
});
