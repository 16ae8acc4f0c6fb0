/**
 * What an idle peer costs: socket bytes sent per second and share of a core, with every service on.
 *
 * The measured peer is a whole daemon in this process, API included; its pool is made of further daemons in processes of
 * their own. Bytes are counted at the sockets, so encryption, muxing and acknowledgements of the streams are in them, and
 * the datagrams of bandwidth measurements are added.
 * `node bench/idle.ts peers=17 minutes=5`.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { serveApi } from '../src/api/server.ts';
import type { Daemon } from '../src/daemon/daemon.ts';
import { startDaemon } from '../src/daemon/daemon.ts';
import { argument, describeMachine, pause, print } from './report.ts';
import { bytesSent, openSockets } from './sockets.ts';

const peers = argument('peers', 17);
const minutes = argument('minutes', 5);
/** Idle begins when what a start leaves behind is over: tables and links are measured by then, and the heap was collected once more. */
const SETTLE_MS = 240_000;

function allBytesSent(daemon: Daemon): number {
  return bytesSent() + daemon.session.host.counters.probeBytesSent;
}

async function startOther(folder: string, index: number, invite: string): Promise<ChildProcess> {
  const args = ['bin/grove.js', 'up', '--data', join(folder, `peer-${index}`), '--listen', '/ip4/127.0.0.1/tcp/0', '--api', '127.0.0.1:0', '--join', invite, '--json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve) => createInterface(child.stdout).once('line', () => resolve()));
  return child;
}

describeMachine('idle');
const folder = await mkdtemp(join(tmpdir(), 'grove-idle-'));
const daemon = await startDaemon({
  directory: join(folder, 'measured'), listen: ['/ip4/127.0.0.1/tcp/0'], name: 'measured', serve: (served) => serveApi(served, { host: '127.0.0.1', port: 0 }),
});
const children: ChildProcess[] = [];
for (let i = 1; i < peers; i++) children.push(await startOther(folder, i, daemon.invite()));
await pause(SETTLE_MS);
const start = { bytes: allBytesSent(daemon), cpu: process.cpuUsage(), at: performance.now(), counters: { ...daemon.session.host.counters } };
await pause(minutes * 60_000);
const seconds = (performance.now() - start.at) / 1000;
const cpu = process.cpuUsage(start.cpu);
const counters = daemon.session.host.counters;
print({
  bench: 'idle', peers, minutes, neighbours: daemon.ring().leafset.length, connections: daemon.session.host.status().connections,
  socketBytesPerSecond: Math.round((allBytesSent(daemon) - start.bytes) / seconds), sockets: openSockets(),
  messagesPerSecond: Math.round((1000 * (counters.messagesSent - start.counters.messagesSent)) / seconds) / 1000,
  corePercent: Math.round((cpu.user + cpu.system) / 1e4 / seconds * 1000) / 1000, rssMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
});
await daemon.stop();
for (const child of children) child.kill('SIGTERM');
await Promise.all(children.map((child) => new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(0)))));
await rm(folder, { recursive: true, force: true });
process.exit(0);
