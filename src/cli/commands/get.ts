/**
 * `grove get KEY`: fetches a value, to standard output byte for byte, to a file, or as JSON.
 * That nothing is there is an answer as well: exit code 1, and `{"found":false}` with --json.
 */
import type { Command } from 'commander';
import { GroveError } from '../../core/errors.ts';
import type { PeerOptions } from '../command.ts';
import { withExamples, withPeer } from '../command.ts';
import type { ValueReply } from '../client.ts';
import { findPeer } from '../client.ts';
import { hint, printError, printJson } from '../output.ts';
import { shownBytes } from '../text.ts';
import { valueForJson, valueToFile, valueToStdout } from '../value-output.ts';

interface GetOptions extends PeerOptions {
  readonly output?: string;
}

export function defineGet(program: Command): void {
  const command = program
    .command('get')
    .description('Fetches the value under a key. Exit code 1 if there is none.')
    .argument('<key>', 'any text, or 0x and 40 hex digits')
    .option('--output <file>', 'write the value to this file');
  withExamples(withPeer(command), ['get greeting', 'get backup --output backup.tar', 'get greeting --json']);
  command.action(async (key: string, options: GetOptions) => {
    const reply = await findPeer(options).getValue(key).catch((error: unknown) => missing(error));
    if (reply === undefined) return tellMissing(key, options);
    if (options.output !== undefined) await valueToFile(reply, options.output);
    if (options.json === true) printJson(await asJson(key, reply, options.output));
    else if (options.output === undefined) await valueToStdout(reply);
    else hint(`${shownBytes(reply.bytes)} written to ${options.output}.`);
  });
}

async function asJson(key: string, reply: ValueReply, output: string | undefined): Promise<unknown> {
  const { bytes, host, hops } = reply;
  const value = output === undefined ? await valueForJson(reply) : { output };
  return { found: true, key, position: reply.key.slice(2), ...value, bytes, host, hops };
}

function missing(error: unknown): undefined {
  if (error instanceof GroveError && error.code === 'not-found') return undefined;
  throw error;
}

function tellMissing(key: string, options: GetOptions): void {
  process.exitCode = 1;
  if (options.json === true) printJson({ found: false });
  else printError(`There is nothing under ${JSON.stringify(key)}: check the key, or put something there with \`grove put\`.`);
}
