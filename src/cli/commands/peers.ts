/**
 * `grove peers`: machines with free links at a priority, nearest first: who could help with a multicast tree ([0079]).
 * Distances are predicted from network coordinates; nobody is pinged.
 */
import type { Command } from 'commander';
import type { PoolAnswer } from '../../daemon/pool-view.ts';
import type { PeerOptions } from '../command.ts';
import { numberWithin, withExamples, withPeer } from '../command.ts';
import { findPeer, withQuery } from '../client.ts';
import { printJson, printLine } from '../output.ts';
import { printRows, spokenFor } from '../pool-output.ts';

interface PeersOptions extends PeerOptions {
  readonly near?: string;
  readonly minDegree?: number;
  readonly priority?: number;
}

export function definePeers(program: Command): void {
  const command = program
    .command('peers')
    .description('Lists machines of the pool by predicted distance and free links.')
    .option('--near <peer>', 'a name or identity (default: the running peer)')
    .option('--min-degree <n>', 'only with so many free links', numberWithin(0, 1_000, true))
    .option('--priority <p>', 'free at this priority, 1 (highest) to 3', numberWithin(1, 3, true));
  withExamples(withPeer(command), ['peers', 'peers --near laptop --min-degree 4 --priority 2']);
  command.action(async (options: PeersOptions) => {
    const { near, minDegree, priority } = options;
    const answer = await findPeer(options).json<PoolAnswer>('GET', withQuery('pool/peers', { near, minDegree, priority }));
    if (options.json === true) return printJson(answer);
    printRows(answer.rows ?? []);
    printLine(spokenFor(answer));
  });
}
