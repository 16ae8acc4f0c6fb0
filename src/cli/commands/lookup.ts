/**
 * `grove lookup KEY`: which peer owns a key, and how far away that is.
 * Nothing has to be stored under the key: every key has an owner.
 */
import type { Command } from 'commander';
import type { PeerOptions } from '../command.ts';
import { withExamples, withPeer } from '../command.ts';
import { findPeer, pathOf } from '../client.ts';
import { printFields, printJson } from '../output.ts';
import { shown } from '../text.ts';

interface LookupReply {
  readonly position: string;
  readonly owner: { readonly peerId: string; readonly name: string };
  readonly hops: number;
  readonly ms: number;
}

export function defineLookup(program: Command): void {
  const command = program.command('lookup').description('Finds the peer that owns a key.').argument('<key>', 'any text, or 0x and 40 hex digits');
  withExamples(withPeer(command), ['lookup greeting', 'lookup 0x00112233445566778899aabbccddeeff00112233 --json']);
  command.action(async (key: string, options: PeerOptions) => {
    const { position, owner, hops, ms } = await findPeer(options).json<LookupReply>('GET', `lookup?key=${pathOf(key)}`);
    if (options.json === true) return printJson({ key, position, owner, hops, ms });
    printFields([['position', position], ['owner', `${shown(owner.name)} (${shown(owner.peerId, 80)})`], ['hops', hops], ['took', `${ms.toFixed(1)} ms`]]);
  });
}
