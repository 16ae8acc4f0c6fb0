/**
 * `grove ref`: fields of objects that refer to other objects.
 * The second object is found through the first one's field, by asking its last known host directly ([0037]).
 */
import type { Command } from 'commander';
import type { PeerOptions } from '../command.ts';
import { withExamples, withPeer } from '../command.ts';
import { findPeer, pathOf } from '../client.ts';
import { printJson, printLine } from '../output.ts';
import { valueForJson, valueToFile, valueToStdout } from '../value-output.ts';

interface RefGetOptions extends PeerOptions {
  readonly output?: string;
}

const A = 'the object with the field';
const FIELD = "the field's name, up to 64 bytes";

export function defineRef(program: Command): void {
  const ref = program.command('ref').description('Sets, follows and deletes references between objects.');
  withExamples(ref, ['ref set article author alice', 'ref get article author', 'ref delete article author']);
  defineSet(ref);
  defineGet(ref);
  defineDelete(ref);
}

function defineSet(ref: Command): void {
  const command = ref.command('set').description('Lets a field of object A refer to object B.').argument('<a>', A).argument('<field>', FIELD).argument('<b>', 'the object it refers to');
  withExamples(withPeer(command), ['ref set article author alice']);
  command.action(async (a: string, field: string, b: string, options: PeerOptions) => {
    await findPeer(options).json('PUT', pathOfField(a, field), { to: pathOf(b) });
    if (options.json === true) printJson({ a, field, b });
    else printLine('Set.');
  });
}

function defineGet(ref: Command): void {
  const command = ref
    .command('get')
    .description('Fetches the value of the object that a field refers to.')
    .argument('<a>', A)
    .argument('<field>', FIELD)
    .option('--output <file>', 'write the value to this file');
  withExamples(withPeer(command), ['ref get article author', 'ref get article author --json']);
  command.action(async (a: string, field: string, options: RefGetOptions) => {
    const reply = await findPeer(options).getRef(a, field);
    const { key, host, shortcut, hops } = reply;
    if (options.output !== undefined) await valueToFile(reply, options.output);
    if (options.json === true) {
      const value = options.output === undefined ? await valueForJson(reply) : { output: options.output };
      printJson({ ...value, key, host, shortcut, hops });
    } else if (options.output === undefined) await valueToStdout(reply);
  });
}

function defineDelete(ref: Command): void {
  const command = ref.command('delete').description('Deletes the object that a field refers to, and clears the field.').argument('<a>', A).argument('<field>', FIELD);
  withExamples(withPeer(command), ['ref delete article author']);
  command.action(async (a: string, field: string, options: PeerOptions) => {
    await findPeer(options).json('DELETE', pathOfField(a, field));
    if (options.json === true) printJson({ a, field, deleted: true });
    else printLine('Deleted.');
  });
}

function pathOfField(a: string, field: string): string {
  return `refs/${pathOf(a)}/${encodeURIComponent(field)}`;
}
