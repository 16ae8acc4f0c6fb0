/**
 * `grove top`: all machines of the pool in one live table, like top for a pool.
 *
 * On a terminal it is drawn again every two seconds and takes keys: which column sorts, a condition to filter by. Into a
 * pipe, or with --once or --json, it prints one table and ends.
 */
import type { Command } from 'commander';
import { emitKeypressEvents } from 'node:readline';
import { createInterface } from 'node:readline/promises';
import type { PoolAnswer, Row } from '../../daemon/pool-view.ts';
import { GroveError } from '../../core/errors.ts';
import type { PeerOptions } from '../command.ts';
import { numberWithin, withExamples, withPeer } from '../command.ts';
import type { Client } from '../client.ts';
import { findPeer, withQuery } from '../client.ts';
import { printJson, printLine, printTable } from '../output.ts';
import { cell, spokenFor } from '../pool-output.ts';
import { shown } from '../text.ts';

interface TopOptions extends PeerOptions {
  readonly sort: string;
  readonly where?: string;
  readonly interval: number;
  readonly once?: boolean;
}

const COLUMNS = ['name', 'cpu.load', 'cpu.cores', 'mem.free', 'mem.total', 'disk.free', 'net.up', 'net.down', 'region', 'coord', 'uptime'];
/** Which key sorts by what. */
const SORT_KEYS: Readonly<Record<string, string>> = { c: 'cpu.load', m: 'mem.free', d: 'disk.free', u: 'net.up', n: 'net.down', t: 'uptime' };
const HELP = 'c m d u n t: sort by cpu, memory, disk, up, down, time   r: reverse   f: filter   q: quit';
const CLEAR = '\u001b[2J\u001b[H';

interface Look {
  sort: string;
  descending: boolean;
  where: string | undefined;
}

export function defineTop(program: Command): void {
  const command = program
    .command('top')
    .description('Shows all machines of the pool at work.')
    .option('--sort <field>', 'descending by this field', 'cpu.load')
    .option('--where <condition>', 'only machines for which this is true')
    .option('--interval <seconds>', 'between two looks', numberWithin(0.5, 3_600, false), 2)
    .option('--once', 'print one table and end');
  withExamples(withPeer(command), ['top', `top --sort mem.free --where 'region == "eu"'`, 'top --once']);
  command.action(async (options: TopOptions) => {
    const peer = findPeer(options);
    const look: Look = { sort: options.sort, descending: true, where: options.where };
    if (options.json === true) return printJson(await snapshot(peer, look));
    if (options.once === true || !process.stdout.isTTY || !process.stdin.isTTY) return draw(await snapshot(peer, look), look);
    await live(peer, look, options.interval * 1_000);
  });
}

async function snapshot(peer: Client, { sort, descending, where }: Look): Promise<PoolAnswer> {
  return peer.json<PoolAnswer>('GET', withQuery('pool/snapshot', { sort, descending, where }));
}

function draw(answer: PoolAnswer, look: Look, note = ''): void {
  const rows = answer.rows ?? [];
  printLine(`${spokenFor(answer)}${look.where === undefined ? '' : `; where ${shown(look.where, 200)}`}`);
  const columns = COLUMNS.filter((name) => rows.some((row) => row[name] !== undefined && row[name] !== null));
  printTable(columns.map((name) => (name === look.sort ? `${name} ${look.descending ? 'v' : '^'}` : name)), rows.map((row) => columns.map((name) => column(name, row))));
  if (note !== '') printLine(note);
}

function column(name: string, row: Row): string {
  const value = row[name];
  // Where a machine sits matters less than how far out: two numbers, and the height.
  if (name === 'coord' && Array.isArray(value)) return (value as number[]).slice(0, 2).map((part) => part.toFixed(0)).join(',');
  return cell(name, value);
}

async function live(peer: Client, look: Look, intervalMs: number): Promise<void> {
  const { stdin } = process;
  emitKeypressEvents(stdin);
  let wake: () => void = () => undefined;
  let isOver = false;
  let isAsking = false;
  let note = HELP;
  const onKey = (text: string | undefined, key: { readonly name?: string; readonly ctrl?: boolean }): void => {
    if (isAsking) return;
    const name = text ?? '';
    if (name === 'q' || (key.ctrl === true && key.name === 'c')) isOver = true;
    else if (name === 'r') look.descending = !look.descending;
    else if (name === 'f') isAsking = true;
    else if (SORT_KEYS[name] !== undefined) look.sort = SORT_KEYS[name];
    wake();
  };
  stdin.setRawMode(true);
  stdin.on('keypress', onKey);
  try {
    while (!isOver) {
      if (isAsking) {
        stdin.setRawMode(false);
        look.where = await askCondition();
        stdin.setRawMode(true);
        isAsking = false;
      }
      try {
        const answer = await snapshot(peer, look);
        process.stdout.write(CLEAR);
        draw(answer, look, note);
        note = HELP;
      } catch (error) {
        if (!(error instanceof GroveError) || error.code !== 'usage') throw error;
        // A condition that was mistyped: said, and forgotten.
        note = error.message;
        look.where = undefined;
        look.sort = 'cpu.load';
        continue;
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, intervalMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    stdin.off('keypress', onKey);
    stdin.setRawMode(false);
    stdin.pause();
  }
}

async function askCondition(): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const text = await lines.question('Only where (empty: everybody): ');
  lines.close();
  process.stdin.resume();
  return text.trim() === '' ? undefined : text.trim();
}
