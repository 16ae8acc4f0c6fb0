/**
 * `grove tell TOPIC MESSAGE`: a message to all machines of the pool, to a region, or to those that match a condition.
 * Each gets it once; the answer says how many did, and for how much of the pool it speaks.
 */
import type { Command } from 'commander';
import type { Told } from '../../daemon/pool-view.ts';
import { withExamples, withPeer } from '../command.ts';
import { findPeer } from '../client.ts';
import { printJson, printLine } from '../output.ts';
import type { WhomOptions } from '../pool-output.ts';

export function defineTell(program: Command): void {
  const command = program
    .command('tell')
    .description('Tells a message to machines of the pool; `listen` hears it.')
    .argument('<topic>', 'up to 64 bytes')
    .argument('<message>', 'up to 64 KiB')
    .option('--where <condition>', 'only machines for which this is true')
    .option('--region <from..to>', 'only machines in this part of the circle');
  withExamples(withPeer(command), ['tell deploy v42', `tell maintenance 'reboot at 3' --where 'region == "eu"'`]);
  command.action(async (topic: string, message: string, options: WhomOptions) => {
    const { where, region } = options;
    const whom = { ...(where === undefined ? {} : { where }), ...(region === undefined ? {} : { region }) };
    const told = await findPeer(options).json<Told>('POST', 'pool/tell', { topic, message, ...whom });
    if (options.json === true) return printJson(told);
    printLine(`${told.delivered} of ${told.coverage.machines} machines got it, after ${told.tookMs.toFixed(0)} ms.`);
  });
}
