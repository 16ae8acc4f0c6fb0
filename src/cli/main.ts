/**
 * The command line: which commands there are, and how they end. Exit code 0 for success, 1 for failure, 2 for wrong usage.
 *
 * Each command is a file that defines its options and imports what it needs only when it runs, so that `grove --help` and
 * short commands load neither libp2p nor a database.
 */
import { Command, CommanderError } from 'commander';
import { groveVersion } from '../daemon/version.ts';
import { GroveError } from '../core/errors.ts';
import { defineCast } from './commands/cast.ts';
import { defineCompletions } from './commands/completions.ts';
import { defineConfig } from './commands/config.ts';
import { defineDemo } from './commands/demo.ts';
import { defineDelete } from './commands/delete.ts';
import { defineDoctor } from './commands/doctor.ts';
import { defineExport, defineRestore } from './commands/export.ts';
import { defineFeed } from './commands/feed.ts';
import { defineGet } from './commands/get.ts';
import { defineImport } from './commands/import.ts';
import { defineInvite } from './commands/invite.ts';
import { defineJoin } from './commands/join.ts';
import { defineLookup } from './commands/lookup.ts';
import { defineListen } from './commands/listen.ts';
import { definePeers } from './commands/peers.ts';
import { definePlan } from './commands/plan.ts';
import { definePut } from './commands/put.ts';
import { defineQuery } from './commands/query.ts';
import { defineRef } from './commands/ref.ts';
import { defineRing } from './commands/ring.ts';
import { defineSim } from './commands/sim.ts';
import { defineSnapshot } from './commands/snapshot.ts';
import { defineStatus } from './commands/status.ts';
import { defineTell } from './commands/tell.ts';
import { defineTop } from './commands/top.ts';
import { defineTree } from './commands/tree.ts';
import { defineUp } from './commands/up.ts';
import { withExamples } from './command.ts';
import { printError, usePlainText } from './output.ts';

const USAGE = 2;
const FAILURE = 1;

const program = new Command('grove')
  .description('Grove: feeds, kept fresh together. A local feed cache whose peers share their polls, on a self-organizing overlay.')
  .version(groveVersion(), '-V, --version', 'print the version')
  .helpOption('-h, --help', 'show help')
  .option('--plain', 'tables as lines of values with tabs between them, nothing in bold or colour')
  .option('--no-input', 'never ask anything; nothing here does')
  .configureHelp({ showGlobalOptions: true })
  .hook('preAction', () => {
    if (program.opts<{ readonly plain?: boolean }>().plain === true) usePlainText();
  })
  .configureOutput({ outputError: (text) => printError(`${sentence(text)} See --help.`) })
  .exitOverride();

withExamples(program, ['up', 'feed add https://example.com/feed.xml', 'import subs.opml -o local.opml', 'invite', 'up --data ./second --join INVITE', 'put greeting hello']);
for (const define of [
  defineUp, defineFeed, defineImport, defineExport, defineRestore, defineDoctor, defineConfig, defineStatus, defineRing, defineLookup, definePut, defineGet, defineDelete, defineRef, defineInvite, defineJoin,
  defineTop, defineQuery, defineSnapshot, defineTell, defineListen, defineTree, definePeers, definePlan, defineCast, defineDemo, defineSim, defineCompletions,
]) {
  define(program);
}

// Whoever reads our output may have seen enough (`| head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : FAILURE));

try {
  await program.parseAsync();
} catch (error) {
  // At once: what a failed start left under way need not be waited for.
  process.exit(exitCodeFor(error));
}

function exitCodeFor(error: unknown): number {
  // Commander has printed its help or its error already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  if (error instanceof GroveError) {
    printError(error.message);
    return error.code === 'usage' ? USAGE : FAILURE;
  }
  printError(`Something went wrong inside grove: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return FAILURE;
}

function sentence(text: string): string {
  const plain = text.replace(/^error: /, '').trim();
  return `${plain.charAt(0).toUpperCase()}${plain.slice(1)}${/[.?!)]$/.test(plain) ? '' : '.'}`;
}
