/**
 * `grove completions SHELL`: a script that a shell reads, so that it completes commands and options of this program.
 * Needs no running peer.
 */
import type { Command } from 'commander';
import { Argument } from 'commander';
import { withExamples } from '../command.ts';
import type { Shell } from '../completions.ts';
import { completions, SHELLS } from '../completions.ts';

export function defineCompletions(program: Command): void {
  const command = program.command('completions').description('Prints what a shell needs to complete commands and options.').addArgument(new Argument('<shell>', 'which one').choices(SHELLS));
  withExamples(command, ['completions bash', 'completions fish > ~/.config/fish/completions/grove.fish']);
  command.action((shell: Shell) => void process.stdout.write(completions(program, shell)));
}
