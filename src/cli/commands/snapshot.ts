/**
 * `grove snapshot`: one report a machine, the pool as a table that can be filtered and sorted.
 * Columns that no machine fills are left out, lists too: --json has everything.
 */
import type { Command } from 'commander';
import type { PoolAnswer, Row } from '../../daemon/pool-view.ts';
import { numberWithin, withExamples, withPeer } from '../command.ts';
import { findPeer, withQuery } from '../client.ts';
import { printJson, printLine } from '../output.ts';
import type { WhomOptions } from '../pool-output.ts';
import { printRows, spokenFor } from '../pool-output.ts';

interface SnapshotOptions extends WhomOptions {
  readonly sort?: string;
  readonly descending?: boolean;
  readonly limit?: number;
}

/** The others follow in the order in which they come. */
const FIRST = ['name', 'cpu.load', 'cpu.cores', 'mem.free', 'disk.free', 'net.up', 'net.down', 'region'];
const LEFT_OUT = new Set(['coord', 'degree.table', 'mem.total', 'addr', 'peer']);

export function defineSnapshot(program: Command): void {
  const command = program
    .command('snapshot')
    .description('Lists one report a machine.')
    .option('--sort <field>', 'ascending by this field')
    .option('--descending', 'the other way round')
    .option('--where <condition>', 'only machines for which this is true')
    .option('--region <from..to>', 'only machines in this part of the circle')
    .option('--limit <n>', 'at most so many', numberWithin(1, 512, true));
  withExamples(withPeer(command), ['snapshot --sort cpu.load --descending', `snapshot --where 'mem.free > 1e9' --json`]);
  command.action(async (options: SnapshotOptions) => {
    const { sort, descending, limit, where, region } = options;
    const answer = await findPeer(options).json<PoolAnswer>('GET', withQuery('pool/snapshot', { sort, descending, limit, where, region }));
    if (options.json === true) return printJson(answer);
    printRows((answer.rows ?? []).map(arranged));
    printLine(spokenFor(answer));
  });
}

function arranged(row: Row): Row {
  const names = [...FIRST.filter((name) => name in row), ...Object.keys(row).filter((name) => !FIRST.includes(name))];
  return Object.fromEntries(names.filter((name) => !LEFT_OUT.has(name)).map((name) => [name, row[name] ?? null]));
}
