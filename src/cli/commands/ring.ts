/**
 * `grove ring`: the running peer and its neighbours round the circle.
 * In the order of the circle, so that each zone begins where the one before ends.
 */
import type { Command } from 'commander';
import type { RingMember, RingView } from '../../daemon/ring-view.ts';
import type { PeerOptions } from '../command.ts';
import { withExamples, withPeer } from '../command.ts';
import { findPeer } from '../client.ts';
import { printJson, printLine, printTable } from '../output.ts';
import { shortId, shortPosition, shown } from '../text.ts';

export function defineRing(program: Command): void {
  const command = program.command('ring').description('Shows the running peer and its neighbours round the circle.');
  withExamples(withPeer(command), ['ring', 'ring --json']);
  command.action(async (options: PeerOptions) => {
    const ring = await findPeer(options).json<RingView>('GET', 'ring');
    if (options.json === true) return printJson(ring);
    printTable(['name', 'peer', 'position', 'zone after', 'state'], [row(ring.self, ' (this peer)'), ...ring.leafset.map((one) => row(one, ''))]);
    printLine();
    const isExact = ring.size === ring.leafset.length + 1;
    printLine(`${isExact ? '' : 'about '}${ring.size} ${ring.size === 1 ? 'peer' : 'peers'} in the ring`);
  });
}

function row(member: RingMember, mark: string): string[] {
  const zone = member.zone === null ? '-' : shortPosition(member.zone[0]);
  return [shown(member.name) + mark, shortId(member.peerId), shortPosition(member.position), zone, member.state];
}
