/**
 * `grove query EXPR`: aggregates over all machines of the pool, those of a region, or those that match a condition.
 * With --watch the answer is printed again whenever it changes.
 */
import type { Command } from 'commander';
import type { PoolAnswer } from '../../daemon/pool-view.ts';
import { withExamples, withPeer } from '../command.ts';
import { findPeer, withQuery } from '../client.ts';
import { printJson, printLine } from '../output.ts';
import type { WhomOptions } from '../pool-output.ts';
import { printAnswer } from '../pool-output.ts';

interface QueryOptions extends WhomOptions {
  readonly watch?: boolean;
}

const HELP = `
Aggregates: count() sum(F) min(F) max(F) avg(F) p95(F) quantile(F, Q) distinct(F) top(F, K) sort(F, K) sample(F, K); or fields alone, for
one row a machine. Fields: cpu.load cpu.cores mem.total mem.free disk.free net.up net.down uptime version region degree.bound name addr
coord, and attributes given with \`up --attribute\`. Conditions are CEL: region == "eu" && cpu.load < 0.5.`;

export function defineQuery(program: Command): void {
  const command = program
    .command('query')
    .description('Asks the pool: aggregates over its machines.')
    .argument('<expression>', 'aggregates with commas between, or field names')
    .option('--where <condition>', 'only machines for which this is true')
    .option('--region <from..to>', 'only machines in this part of the circle, like 0..0.25')
    .option('--watch', 'print the answer again whenever it changes')
    .addHelpText('after', HELP);
  withExamples(withPeer(command), ["query 'avg(cpu.load), p95(mem.free)'", `query 'count()' --where 'region == "eu"' --watch`, "query 'name, cpu.load' --region 0..0.25"]);
  command.action(async (expression: string, options: QueryOptions) => {
    const { where, region } = options;
    const peer = findPeer(options);
    if (options.watch !== true) return print(await peer.json<PoolAnswer>('GET', withQuery('pool/query', { expression, where, region })), options);
    for await (const answer of peer.events<PoolAnswer>(withQuery('pool/watch', { expression, where, region }))) {
      print(answer, options);
      if (options.json !== true) printLine();
    }
  });
}

function print(answer: PoolAnswer, options: QueryOptions): void {
  if (options.json === true) printJson(answer);
  else printAnswer(answer);
}
