/**
 * `grove put KEY VALUE`: stores a value; from the command line, from a file, or from standard input, streamed.
 * Nothing is read into memory as a whole: what comes out of a file or a pipe goes on to the peer as it comes.
 */
import { createReadStream, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { GroveError } from '../../core/errors.ts';
import type { PeerOptions } from '../command.ts';
import { withExamples, withPeer } from '../command.ts';
import { findPeer } from '../client.ts';
import { printJson, printLine } from '../output.ts';
import { shown, shownBytes } from '../text.ts';

interface PutOptions extends PeerOptions {
  readonly file?: string;
}

interface PutReply {
  readonly position: string;
  readonly bytes: number;
  readonly copies: number;
  readonly host: { readonly peerId: string; readonly name: string };
  readonly hops: number;
}

export function definePut(program: Command): void {
  const command = program
    .command('put')
    .description('Stores a value under a key, in place of what was there. It stays until it is deleted.')
    .argument('<key>', 'any text, or 0x and 40 hex digits')
    .argument('[value]', 'the value as text; - reads standard input')
    .option('--file <file>', 'the value is the content of this file');
  withExamples(withPeer(command), ['put greeting hello', 'put backup --file backup.tar', 'put log - < today.log']);
  command.action(async (key: string, value: string | undefined, options: PutOptions) => {
    const peer = findPeer(options);
    const { position, bytes, copies, host, hops } = await peer.putValue<PutReply>(key, source(value, options.file));
    if (options.json === true) return printJson({ key, position, bytes, copies, host, hops });
    printLine(`Stored ${shownBytes(bytes)} at ${shown(host.name)}, ${copies} ${copies === 1 ? 'copy' : 'copies'} so far.`);
  });
}

function source(value: string | undefined, file: string | undefined): Uint8Array | Readable {
  if (file !== undefined && value !== undefined) throw new GroveError('usage', 'Give either a value or --file, not both.');
  if (file !== undefined) return openFile(file);
  if (value === undefined) throw new GroveError('usage', 'Give a value, - for standard input, or --file FILE.');
  return value === '-' ? process.stdin : new Uint8Array(Buffer.from(value, 'utf8'));
}

function openFile(file: string): Readable {
  try {
    if (statSync(file).isDirectory()) throw new Error('a directory');
    return createReadStream(file);
  } catch (error) {
    throw new GroveError('usage', `${file} cannot be read: check its path and owner.`, { cause: error });
  }
}
