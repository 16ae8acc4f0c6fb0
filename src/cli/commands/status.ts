/**
 * `grove status`: how the running peer is doing, on one screen.
 * With --json it is the whole value of GET /api/v1/status, counters included.
 */
import type { Command } from 'commander';
import type { FeedSummary } from '../../daemon/feeds/views.ts';
import type { DaemonStatus } from '../../daemon/status.ts';
import type { PeerOptions } from '../command.ts';
import { withExamples, withPeer } from '../command.ts';
import { findPeer } from '../client.ts';
import { printFields, printJson } from '../output.ts';
import { shown, shownBytes } from '../text.ts';

export function defineStatus(program: Command): void {
  const command = program.command('status').description('Shows how the running peer is doing.');
  withExamples(withPeer(command), ['status', 'status --json', 'status --data ./second']);
  command.action(async (options: PeerOptions) => {
    const peer = findPeer(options);
    const status = await peer.json<DaemonStatus>('GET', 'status');
    if (options.json === true) printJson(status);
    else print(status, await peer.json<readonly FeedSummary[]>('GET', 'feeds'));
  });
}

function print(status: DaemonStatus, feeds: readonly FeedSummary[]): void {
  const { pool, ring, storage, network } = status;
  printFields([
    ['name', shown(status.name)],
    ['peer', status.peerId],
    ['state', status.state],
    ['position', status.position],
    ['pool', `${pool.id} (private; routing ${pool.strategy}, leafset ${pool.leafsetRadius}, ${pool.replicas} copies)`],
    ['ring', `${ring.size === ring.neighbours + 1 ? '' : 'about '}${ring.size} peers, ${ring.neighbours} of them neighbours`],
    ['feeds', feedsLine(feeds)],
    ['storage', `${storage.objects} objects, ${shownBytes(storage.bytes)} of ${shownBytes(storage.quotaBytes)}`],
    ['network', `${network.connections} connections, ${network.links} links, ${network.streams} streams`],
    ['addresses', status.addresses.length === 0 ? 'none: nobody can dial this peer' : status.addresses.map((one) => shown(one, 200)).join('\n')],
    ['api', status.api ?? 'none'],
    ['since', `${status.startedAt} (process ${status.pid}, grove ${status.version})`],
  ]);
}

function feedsLine(feeds: readonly FeedSummary[]): string {
  const states = ['met', 'late', 'infeasible', 'pending', 'error'] as const;
  const counts = states.map((state) => [state, feeds.filter((one) => one.state === state).length] as const).filter(([, count]) => count > 0);
  return feeds.length === 0 ? 'none' : `${feeds.length}: ${counts.map(([state, count]) => `${count} ${state}`).join(', ')}`;
}
