/**
 * `grove doctor`: what could keep feeds from being fresh, or a reader from reading them here, and the exact line to set.
 *
 * It looks at this machine only: the running peer, its reachability, the clock, the feeds, and which readers run here. Nothing
 * is changed and nobody outside is asked.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { Option } from 'commander';
import { GroveError } from '../../core/errors.ts';
import type { FeedSummary } from '../../daemon/feeds/views.ts';
import type { DaemonStatus } from '../../daemon/status.ts';
import type { Client } from '../client.ts';
import { findPeer } from '../client.ts';
import type { PeerOptions } from '../command.ts';
import { withExamples, withPeer } from '../command.ts';
import { printJson, printLine, strong } from '../output.ts';
import type { ReaderAdvice } from '../readers.ts';
import { DOCKER_LINES, DOCKER_SAYS, READERS } from '../readers.ts';
import { counted, shown } from '../text.ts';

interface DoctorOptions extends PeerOptions {
  readonly reader?: string;
}

export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'look' | 'bad';
  readonly says: string;
  /** Lines to set or to run, exactly. */
  readonly lines: readonly string[];
}

const USUAL_PORT = 4780;
/** Where readers usually listen. */
const READER_PORTS = [80, 8080, 8081, 8082, 8000, 3000, 280];
const PROBE_MS = 700;
const PROBE_BYTES_MAX = 20_000;
const LATE_SHOWN = 5;
const run = promisify(execFile);

export function defineDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('Looks for what keeps feeds from being fresh or readers from reading them here, and prints the line to set.')
    .addOption(new Option('--reader <name>', 'what this reader needs, also when it is not found here').choices(READERS.map(({ name }) => name)));
  withExamples(withPeer(command), ['doctor', 'doctor --reader Miniflux', 'doctor --json']);
  command.action(async (options: DoctorOptions) => {
    const findings = await examine(options);
    if (findings.some(({ state }) => state === 'bad')) process.exitCode = 1;
    if (options.json === true) return printJson(findings);
    for (const { check, state, says, lines } of findings) {
      printLine(`${strong(state === 'ok' ? 'ok  ' : state === 'look' ? 'look' : 'BAD ')}  ${check}: ${shown(says, 600)}`);
      for (const line of lines) printLine(`        ${line}`);
    }
  });
}

async function examine(options: DoctorOptions): Promise<Finding[]> {
  const findings: Finding[] = [];
  const peer = await examinePeer(options, findings);
  const address = peer === undefined ? `127.0.0.1:${USUAL_PORT}` : new URL(peer.status.api ?? '').host;
  if (peer !== undefined) {
    findings.push(reachability(peer.status), port(peer.status));
    findings.push(...feedFindings(await peer.client.json<readonly FeedSummary[]>('GET', 'feeds')));
  }
  findings.push(await clock());
  const asked = READERS.filter(({ name }) => name === options.reader);
  const readers = new Set([...asked, ...(await readersHere())]);
  for (const reader of readers) findings.push(adviceFor(reader, address));
  if (readers.size === 0) findings.push({ check: 'readers', state: 'ok', says: 'None of the readers that refuse local addresses was found here. Desktop readers (newsboat, NetNewsWire, Thunderbird) take a local URL as it is.', lines: [] });
  if (await hasDocker()) findings.push({ check: 'Docker', state: 'look', says: DOCKER_SAYS, lines: DOCKER_LINES });
  return findings;
}

async function examinePeer(options: DoctorOptions, findings: Finding[]): Promise<{ readonly client: Client; readonly status: DaemonStatus } | undefined> {
  try {
    const client = findPeer(options);
    const status = await client.json<DaemonStatus>('GET', 'status');
    findings.push({ check: 'peer', state: 'ok', says: `${status.name} runs (grove ${status.version}, process ${status.pid}) in a pool of ${status.ring.size}.`, lines: [] });
    return { client, status };
  } catch (error) {
    if (!(error instanceof GroveError) || error.code === 'usage') throw error;
    findings.push({ check: 'peer', state: 'bad', says: error.message, lines: ['grove up'] });
    return undefined;
  }
}

function reachability({ addresses, network }: DaemonStatus): Finding {
  const direct = addresses.filter((one) => !one.includes('/p2p-circuit'));
  if (direct.length > 0) return { check: 'reachability', state: 'ok', says: `Others can try ${direct.length} ${direct.length === 1 ? 'address' : 'addresses'} of this machine; ${counted(network.connections, 'connection')} now.`, lines: [] };
  return { check: 'reachability', state: 'ok', says: 'Nobody can dial this machine (NAT or a firewall). That is fine: it dials out, gets every feed, and passes none on.', lines: [] };
}

/** Local URLs hold the port: another one next time, and every reader has to be told. */
function port({ api }: DaemonStatus): Finding {
  const { port: number, host } = new URL(api ?? '');
  if (Number(number) === USUAL_PORT) return { check: 'local URLs', state: 'ok', says: `Readers find feeds at http://${host}/f/..., also after a restart.`, lines: [] };
  return { check: 'local URLs', state: 'look', says: `The port is ${number} and not the usual ${USUAL_PORT}. Local URLs hold the port, so start this peer with the same one each time.`, lines: [`grove up --api 127.0.0.1:${number}`] };
}

function feedFindings(feeds: readonly FeedSummary[]): Finding[] {
  const bad = feeds.filter(({ state }) => state === 'late' || state === 'infeasible' || state === 'error');
  const says = feeds.length === 0 ? 'No feeds yet.' : `${counted(feeds.length, 'feed')}, ${feeds.filter(({ state }) => state === 'met').length} as fresh as wished, ${bad.length} not.`;
  const lines = feeds.length === 0 ? ['grove feed add URL'] : bad.slice(0, LATE_SHOWN).map(({ url, state, reason }) => `${shown(url, 200)}: ${state}. ${shown(reason, 300)}`);
  return [{ check: 'feeds', state: bad.length === 0 ? 'ok' : 'look', says, lines }];
}

function adviceFor({ name, lines, says }: ReaderAdvice, address: string): Finding {
  return { check: name, state: 'look', says, lines: lines(address) };
}

/** Feeds are dated by clocks. Who keeps this one right is known to systemd, where there is one. */
async function clock(): Promise<Finding> {
  const { stdout } = await run('timedatectl', ['show', '--property=NTPSynchronized', '--value'], { timeout: PROBE_MS }).catch(() => ({ stdout: '' }));
  if (stdout.trim() === 'yes') return { check: 'clock', state: 'ok', says: 'It is kept right over the network.', lines: [] };
  if (stdout.trim() === 'no') return { check: 'clock', state: 'look', says: 'Nothing keeps it right over the network; dates of items and waiting times asked for by a date will be off as it is.', lines: ['sudo timedatectl set-ntp true'] };
  return { check: 'clock', state: 'ok', says: `It says ${new Date().toISOString()}; whether something keeps it right cannot be told here.`, lines: [] };
}

async function readersHere(): Promise<ReaderAdvice[]> {
  const texts = [...processNames(), ...(await dockerImages()), ...(await Promise.all(READER_PORTS.map(async (one) => frontPage(one))))];
  return READERS.filter(({ sign }) => texts.some((text) => sign.test(text)));
}

function processNames(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((pid) => readOr(`/proc/${pid}/comm`));
  } catch {
    return [];
  }
}

function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

async function dockerImages(): Promise<string[]> {
  const { stdout } = await run('docker', ['ps', '--format', '{{.Image}} {{.Names}}'], { timeout: PROBE_MS * 3 }).catch(() => ({ stdout: '' }));
  return stdout.split('\n');
}

async function hasDocker(): Promise<boolean> {
  return (await dockerImages()).some((line) => READERS.some(({ sign }) => sign.test(line)));
}

async function frontPage(number: number): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${number}/`, { signal: AbortSignal.timeout(PROBE_MS), redirect: 'follow' });
    let text = '';
    for await (const part of response.body ?? []) {
      text += Buffer.from(part).toString('latin1');
      if (text.length > PROBE_BYTES_MAX) break;
    }
    return text;
  } catch {
    return '';
  }
}
