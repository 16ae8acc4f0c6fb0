/**
 * The small files of a state directory, and where the directory is. Apart from state.ts, because every command reads
 * them to find the running peer, and must not load a database for it.
 *
 * Secrets (the API token, the pool key) are files that only their owner can read; they never travel in flags or in the
 * environment. Every file is written whole under another name first, so that a crash leaves the old one or the new one.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { GroveError } from '../core/errors.ts';

/** What a running peer writes down for the commands that want to talk to it. */
export interface Running {
  readonly pid: number;
  /** `http://127.0.0.1:PORT` */
  readonly api: string;
  /** ISO 8601. */
  readonly startedAt: string;
}

const OWNER_ONLY = 0o600;
const TOKEN_BYTES = 32;
const TOKEN = /^[A-Za-z0-9_-]{20,200}$/;

/** `--data DIR` if given, else the place that the XDG rules give. */
export function stateDirectory(data: string | undefined, environment: NodeJS.ProcessEnv = process.env): string {
  if (data !== undefined) return resolve(data);
  const base = environment['XDG_STATE_HOME'];
  // The XDG rules say that a relative path there is to be ignored.
  return base !== undefined && base.startsWith('/') ? join(base, 'grove') : join(homedir(), '.local', 'state', 'grove');
}

export function pathsIn(directory: string): Readonly<Record<'store' | 'key' | 'token' | 'readersToken' | 'running' | 'pool', string>> {
  return {
    store: join(directory, 'grove.db'),
    key: join(directory, 'identity.key'),
    token: join(directory, 'token'),
    readersToken: join(directory, 'readers-token'),
    running: join(directory, 'running.json'),
    pool: join(directory, 'pool.json'),
  };
}

export function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (!statSync(directory).isDirectory()) throw new Error('not a directory');
  } catch (error) {
    throw new GroveError('state', `${directory} cannot be used as the state directory: check that it may be written, or choose another with --data.`, { cause: error });
  }
}

/** Undefined if there is no such file. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw new GroveError('state', `${file} cannot be read: check who owns it.`, { cause: error });
  }
}

export function writeSecret(file: string, text: string): void {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(temporary, text, { mode: OWNER_ONLY, flush: true });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new GroveError('state', `${file} cannot be written: check the directory's owner and the free space.`, { cause: error });
  }
}

/** The secret with which commands prove that they may use the API; made at the first start. */
export function loadToken(file: string): string {
  const known = readText(file)?.trim();
  if (known !== undefined) {
    if (!TOKEN.test(known)) throw new GroveError('state', `${file} is damaged: remove it, and the next start makes a new one.`);
    if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) chmodSync(file, OWNER_ONLY);
    return known;
  }
  const token = newToken();
  writeSecret(file, `${token}\n`);
  return token;
}

export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

export function announceRunning(file: string, running: Running): void {
  writeSecret(file, `${JSON.stringify(running)}\n`);
}

/**
 * Where the API listens besides loopback: in the directory that the XDG rules give for sockets, if there is one. Only for the peer of the
 * usual directory: another one of the same user would want the same place.
 */
export function usualSocket(data: string | undefined, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const base = environment['XDG_RUNTIME_DIR'];
  return data === undefined && base !== undefined && base.startsWith('/') && existsSync(base) && process.platform !== 'win32' ? join(base, 'grove.sock') : undefined;
}

/** Who runs on this directory according to its file; undefined when nobody does or the file was left by a dead process. */
export function readRunning(directory: string): Running | undefined {
  const text = readText(pathsIn(directory).running);
  if (text === undefined) return undefined;
  try {
    const { pid, api, startedAt } = JSON.parse(text) as Partial<Running>;
    if (typeof pid !== 'number' || typeof api !== 'string' || typeof startedAt !== 'string') return undefined;
    return isAlive(pid) ? { pid, api, startedAt } : undefined;
  } catch {
    return undefined;
  }
}

/** Address and token of the peer that runs on this directory. */
export function findRunning(directory: string): { readonly api: string; readonly token: string } {
  const running = readRunning(directory);
  const file = pathsIn(directory).token;
  const token = running === undefined ? undefined : readText(file)?.trim();
  if (running === undefined || token === undefined) {
    const hint = existsSync(directory) ? '' : ' (the directory does not exist)';
    throw new GroveError('not-running', `No peer runs on ${directory}${hint}: start one with \`grove up\`, or name its directory with --data.`);
  }
  return { api: running.api, token };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
