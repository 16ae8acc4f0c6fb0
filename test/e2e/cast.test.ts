/**
 * One stream to many, from the command line: a file from one peer to four others through a planned tree, the peer in the middle
 * killed on the way and started again; and lines to a player.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { after, before, test } from 'node:test';
import type { CastView } from '../../src/protocol/alm/session/views.ts';
import type { PeerProcess } from './grove.ts';
import { Grove, oneSentence, until } from './grove.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'grove.js');
const grove = new Grove();
const peers: PeerProcess[] = [];
const SIZE = 1_600_000;

before(async () => {
  peers.push(await grove.up('a'));
  const invite = await grove.invite(first());
  peers.push(...['b', 'c', 'd', 'e'].map((name) => grove.begin(name, ['--join', invite])));
  await Promise.all(peers.slice(1).map(async (peer) => peer.becomesReady()));
});
after(async () => grove.end());

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const first = (): PeerProcess => peers[0] as PeerProcess;
const dataOf = (peer: number): string => (peers[peer] as PeerProcess).data;

/** What `cast why` prints, without a process for each look. */
async function shown(name: string): Promise<CastView | undefined> {
  const { api, token } = first().ready;
  const answer = await fetch(`${api}/api/v1/casts/${name}`, { headers: { authorization: `Bearer ${token}` } });
  return answer.ok ? ((await answer.json()) as CastView) : undefined;
}

/** A session that the first peer opens: its input, and what it says at its end. */
function opening(args: readonly string[]): { readonly stdin: Writable; readonly ended: Promise<{ readonly code: number | null; readonly finished: number; readonly bytes: number }> } {
  const child = spawn(process.execPath, [BIN, 'cast', 'open', ...args, '--data', dataOf(0), '--json'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const parts: Buffer[] = [];
  child.stdin.on('error', () => undefined);
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  const ended = once(child, 'close').then(([code]) => {
    const { finished, bytes } = JSON.parse(parts.length === 0 ? '{"finished":[],"bytes":-1}' : Buffer.concat(parts).toString('utf8')) as { finished: readonly unknown[]; bytes: number };
    return { code: code as number | null, finished: finished.length, bytes };
  });
  return { stdin: child.stdin, ended };
}

test('lines reach a player of the local URL as they are; a late one begins at a key point, and nobody within a line', async () => {
  const { stdin, ended } = opening(['log', '--wait', '0', '--messages', 'lines', '--key-every', '10', '--content-type', 'text/plain']);
  await until('the session is open', async () => (await shown('log')) !== undefined);
  const lines = Array.from({ length: 25 }, (_, i) => `line ${i}\n`);
  const [early, late] = [lines.slice(0, 15).join(''), lines.slice(15).join('')];
  stdin.write(early);
  await until('the lines are in', async () => (await shown('log'))?.chunks === 15);
  const { api } = (peers[1] as PeerProcess).ready;
  const player = await fetch(`${api}/cast/log?from=key`);
  assert.equal(player.headers.get('content-type'), 'text/plain');
  await until('the player is served', async () => (await shown('log'))?.tree[1]?.hasStarted === true);
  stdin.end(late);
  assert.equal(await player.text(), lines.slice(10).join(''));
  assert.deepEqual(await ended, { code: 0, finished: 1, bytes: early.length + late.length });
});

test('a file reaches four members through a planned tree; the peer in its middle is killed and started again, and all four files are the source', async () => {
  const file = randomBytes(SIZE);
  // The root serves one, whoever that is serves two: there is a middle, and it can be lost.
  const { stdin, ended } = opening(['film', '--wait', '4', '--degree', '1', '--rate', '12mbit']);
  stdin.write(file.subarray(0, SIZE / 2));
  await until('the session is open', async () => (await shown('film')) !== undefined);
  const readers = [1, 2, 3, 4].map((peer) => ({ peer, ending: grove.run(['cast', 'join', 'film', '--degree', '3', '--data', dataOf(peer)]) }));
  let middle = -1;
  await until('the stream flows through somebody', async () => {
    const interior = (await shown('film'))?.tree.find(({ depth, children, head }) => depth >= 1 && children > 0 && head > 5);
    middle = interior === undefined ? -1 : peers.findIndex((peer) => peer.ready.peerId === interior.peerId);
    return middle > 0;
  });
  await (peers[middle] as PeerProcess).exit('SIGKILL');
  // Nobody can have had everything before, and the others have it without the one that is away.
  stdin.end(file.subarray(SIZE / 2));
  const others = readers.filter(({ peer }) => peer !== middle);
  for (const { peer, ending } of others) assert.deepEqual([peer, digestOf((await ending).stdout)], [peer, digestOf(file)]);
  const name = ['a', 'b', 'c', 'd', 'e'][middle] as string;
  peers[middle] = grove.begin(name);
  const { code, stdout, stderr } = await (readers[middle - 1] as (typeof readers)[number]).ending;
  assert.deepEqual([code, stdout.length, digestOf(stdout)], [0, SIZE, digestOf(file)], stderr);
  assert.match(stderr, new RegExp(`Start it again with .npx grove up --data ${dataOf(middle)}.*\\nThe peer is back: the stream goes on after \\d+ bytes.\\n$`, 's'));
  assert.deepEqual(await ended, { code: 0, finished: 4, bytes: SIZE });
});

test('a name that nobody has open, and key points without messages: one clear sentence', async () => {
  const answer = await fetch(`${first().ready.api}/cast/nothing`);
  assert.match(await answer.text(), /nobody has a session of this name open/);
  const { code, stderr } = await grove.run(['cast', 'open', 'x', '--key-every', '5', '--data', dataOf(0)]);
  assert.equal(code, 2);
  assert.match(oneSentence(stderr), /counted in messages/);
});
