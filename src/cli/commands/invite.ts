/**
 * `grove invite`: one line that lets another machine into the pool.
 * The line alone goes to stdout, so that it can be piped to where it is needed; advice goes to the terminal.
 */
import type { Command } from 'commander';
import type { PeerOptions } from '../command.ts';
import { GROVE, withExamples, withPeer } from '../command.ts';
import { findPeer } from '../client.ts';
import { hint, printJson, printLine } from '../output.ts';

export function defineInvite(program: Command): void {
  const command = program.command('invite').description('Prints an invite: a line that lets another machine into this pool. Keep it secret.');
  withExamples(withPeer(command), ['invite', 'invite --json']);
  command.action(async (options: PeerOptions) => {
    const { invite } = await findPeer(options).json<{ readonly invite: string }>('GET', 'invite');
    if (options.json === true) return printJson({ invite });
    printLine(invite);
    hint(`\nOn the other machine: ${GROVE} up --join INVITE. Whoever has this line can join, so send it privately.`);
  });
}
