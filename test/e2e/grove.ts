/**
 * The real program for tests: `bin/grove.js` as a process of its own, its peers on free ports and their state in
 * temporary directories. Nothing sleeps: a test waits for a condition, with a generous deadline that only ends what hangs.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'grove.js');
const DEADLINE_MS = 60_000;
const POLL_MS = 100;

export interface Ended {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface Ready {
  readonly event: string;
  readonly pid: number;
  readonly peerId: string;
  readonly name: string;
  readonly position: string;
  readonly addresses: readonly string[];
  readonly api: string;
  readonly token: string;
}

/** One test file's directories and processes; `end` leaves nothing of them. */
export class Grove {
  readonly root = mkdtempSync(join(tmpdir(), 'grove-e2e-'));
  readonly #running = new Set<ChildProcess>();

  path(name: string): string {
    return join(this.root, name);
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], input?: Uint8Array): Promise<Ended> {
    const child = this.#spawn(args);
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    const [stdout, stderr, code] = await Promise.all([all(child.stdout), all(child.stderr), exitOf(child)]);
    return { code, stdout, stderr: stderr.toString('utf8') };
  }

  /** Runs a command that succeeds and returns its one line of JSON. */
  async json<T = Record<string, unknown>>(...args: readonly string[]): Promise<T> {
    const { code, stdout, stderr } = await this.run([...args, '--json']);
    assert.equal(code, 0, `grove ${args.join(' ')}: ${stderr}`);
    return oneLine(stdout) as T;
  }

  /** Starts a peer whose state is under `name`, and waits until it is ready. */
  async up(name: string, args: readonly string[] = []): Promise<PeerProcess> {
    const peer = this.begin(name, args);
    await peer.becomesReady();
    return peer;
  }

  /** Starts a peer without waiting. */
  begin(name: string, args: readonly string[] = []): PeerProcess {
    const data = this.path(name);
    const listen = args.includes('--listen') ? [] : ['--listen', '/ip4/127.0.0.1/tcp/0'];
    const api = args.includes('--api') ? [] : ['--api', '127.0.0.1:0'];
    const child = this.#spawn(['up', '--data', data, '--name', name, ...listen, ...api, ...args, '--json']);
    return new PeerProcess(child, data);
  }

  /** Starts a command that goes on, for whoever reads its lines and ends it. */
  background(args: readonly string[]): { readonly lines: () => string[]; readonly stop: () => Promise<void> } {
    const child = this.#spawn(args);
    let text = '';
    child.stdout?.on('data', (part: Buffer) => void (text += part.toString('utf8')));
    return {
      lines: () => text.split('\n').slice(0, -1),
      stop: async () => {
        child.kill('SIGKILL');
        await exitOf(child);
      },
    };
  }

  async invite(peer: PeerProcess): Promise<string> {
    return (await this.json<{ invite: string }>('invite', '--data', peer.data)).invite;
  }

  async end(): Promise<void> {
    const ending = [...this.#running].map(async (child) => {
      child.kill('SIGKILL');
      await exitOf(child);
    });
    await Promise.all(ending);
    rmSync(this.root, { recursive: true, force: true });
  }

  #spawn(args: readonly string[]): ChildProcess {
    const env = { ...process.env, NO_COLOR: '1', XDG_STATE_HOME: this.path('xdg'), XDG_CONFIG_HOME: this.path('xdg') };
    const child = spawn(process.execPath, [BIN, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return child;
  }
}

export class PeerProcess {
  readonly data: string;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  #ready: Ready | undefined;

  constructor(child: ChildProcess, data: string) {
    this.#child = child;
    this.data = data;
    child.stdout?.on('data', (part: Buffer) => void (this.#stdout += part.toString('utf8')));
    child.stderr?.on('data', (part: Buffer) => void (this.#stderr += part.toString('utf8')));
  }

  /** What the peer printed when it was up. */
  get ready(): Ready {
    assert.ok(this.#ready !== undefined, 'the peer is ready');
    return this.#ready;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  async becomesReady(): Promise<void> {
    await until('the peer is ready', async () => {
      assert.equal(this.#child.exitCode, null, `the peer ended: ${this.#stderr}`);
      return this.#stdout.includes('\n');
    });
    this.#ready = JSON.parse(this.#stdout) as Ready;
  }

  /** Asks its API without a process of its own, for conditions that are waited for. */
  async asks<T>(path: string): Promise<T> {
    const { api, token } = this.ready;
    const answer = await fetch(`${api}/api/v1/${path}`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 200, `${path}: ${answer.statusText}`);
    return (await answer.json()) as T;
  }

  /** Waits until the peer's ring has this many members. */
  async seesRing(size: number): Promise<void> {
    await until(`a ring of ${size}`, async () => {
      const ring = await this.asks<{ size: number; leafset: { state: string }[] }>('ring');
      return ring.size === size && ring.leafset.every((member) => member.state === 'active');
    });
  }

  async exit(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return exitOf(this.#child);
  }

  /** Waits for an end that something else causes. */
  async ended(): Promise<number | null> {
    return exitOf(this.#child);
  }
}

/** Asks again and again until `holds` is true. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + DEADLINE_MS;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `${what}: not within ${DEADLINE_MS / 1000} s`);
    await sleep(POLL_MS);
  }
}

/** The one JSON value that standard output consists of. */
export function oneLine(stdout: Buffer): unknown {
  const text = stdout.toString('utf8');
  assert.match(text, /^[^\n]+\n$/, 'one line and nothing else');
  return JSON.parse(text);
}

/** One sentence for people, as every failure has to end. */
export function oneSentence(stderr: string): string {
  assert.match(stderr, /^grove: [A-Z0-9/-][^\n]{20,}[.!?]\n$/, `one sentence, not ${JSON.stringify(stderr)}`);
  return stderr;
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

async function all(stream: NodeJS.ReadableStream | null): Promise<Buffer> {
  const parts: Buffer[] = [];
  if (stream !== null) for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
