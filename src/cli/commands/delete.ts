/**
 * `grove delete KEY`: deletes a value, whatever its size.
 * The daemon deletes the chunks of a large value with it; a key with nothing under it is a failure.
 */
import type { Command } from 'commander';
import type { PeerOptions } from '../command.ts';
import { withExamples, withPeer } from '../command.ts';
import { findPeer, pathOf } from '../client.ts';
import { printJson, printLine } from '../output.ts';
import { shownBytes } from '../text.ts';

interface DeleteReply {
  readonly position: string;
  readonly bytes: number;
}

export function defineDelete(program: Command): void {
  const command = program.command('delete').description('Deletes the value under a key.').argument('<key>', 'any text, or 0x and 40 hex digits');
  withExamples(withPeer(command), ['delete greeting']);
  command.action(async (key: string, options: PeerOptions) => {
    const { position, bytes } = await findPeer(options).json<DeleteReply>('DELETE', `objects/${pathOf(key)}`);
    if (options.json === true) printJson({ key, position, deleted: true, bytes });
    else printLine(`Deleted ${shownBytes(bytes)}.`);
  });
}
