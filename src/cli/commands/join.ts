/**
 * `grove join INVITE`: takes the peer of a state directory into another pool; at once if it runs, else at its next start.
 * The invite is checked here already, so that a bad copy is noticed before anything stops.
 */
import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import { GroveError } from '../../core/errors.ts';
import type { Pool } from '../../daemon/pool.ts';
import type { PeerOptions } from '../command.ts';
import { GROVE, withExamples, withPeer } from '../command.ts';
import { findPeer } from '../client.ts';
import { printJson, printLine } from '../output.ts';

interface JoinReply {
  readonly pool: { readonly id: string };
  readonly ring: { readonly size: number };
}

export function defineJoin(program: Command): void {
  const command = program
    .command('join')
    .description('Goes into the pool of an invite. The pool this peer was in is remembered, but left.')
    .argument('<invite>', 'what `grove invite` printed on a member; - reads it from standard input');
  withExamples(withPeer(command), ['join grove1...', 'join - < invite.txt']);
  command.action(async (argument: string, options: PeerOptions) => {
    const invite = argument === '-' ? await readAll(process.stdin) : argument;
    const { decodeInvite } = await import('../../daemon/invite.ts');
    const invited = decodeInvite(invite);
    const peer = runningPeer(options);
    if (peer === undefined) {
      const directory = await storeInvited(options, invited);
      if (options.json === true) return printJson({ joined: false, stored: true, directory });
      return printLine(`No peer runs on ${directory} now; its next start (${GROVE} up) goes into this pool.`);
    }
    const { pool, ring } = await peer.json<JoinReply>('POST', 'join', { invite });
    if (options.json === true) return printJson({ joined: true, pool, ring });
    printLine(`Joined: a pool of ${ring.size} peers.`);
  });
}

function runningPeer(options: PeerOptions): ReturnType<typeof findPeer> | undefined {
  try {
    return findPeer(options);
  } catch (error) {
    if (error instanceof GroveError && error.code === 'not-running') return undefined;
    throw error;
  }
}

async function storeInvited(options: PeerOptions, invited: Pool): Promise<string> {
  const { makeDirectory, stateDirectory } = await import('../../daemon/state-files.ts');
  const { replacePool } = await import('../../daemon/pool-file.ts');
  const directory = stateDirectory(options.data);
  makeDirectory(directory);
  replacePool(directory, invited);
  return directory;
}
