/**
 * `grove tree`: where the running peer stands in the metadata tree, whom it reports to and who reports to it.
 * The tree is drawn in the logical space first (Figs 7-9); this is one machine's piece of the map from there to machines,
 * or with --svg the whole map.
 */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { TreeNodeView, TreeView } from '../../daemon/pool-view.ts';
import type { TreeMap } from '../../daemon/tree-map.ts';
import type { PeerOptions } from '../command.ts';
import { withExamples, withPeer } from '../command.ts';
import { findPeer } from '../client.ts';
import { printFields, printJson, printLine, printTable } from '../output.ts';
import { shortId, shown } from '../text.ts';
import { drawTree } from '../tree-drawing.ts';

interface TreeOptions extends PeerOptions {
  readonly svg?: boolean;
}

export function defineTree(program: Command): void {
  const command = program.command('tree').description('Shows where the running peer stands in the metadata tree.')
    .addOption(new Option('--svg', 'draws the whole tree over the circle, as an SVG').conflicts('json'));
  withExamples(withPeer(command), ['tree', 'tree --json', 'tree --svg > tree.svg']);
  command.action(async (options: TreeOptions) => {
    const peer = findPeer(options);
    if (options.svg === true) return printLine(drawTree(await peer.json<TreeMap>('GET', 'pool/tree/map')));
    const tree = await peer.json<TreeView>('GET', 'pool/tree');
    if (options.json === true) return printJson(tree);
    print(tree);
  });
}

function print({ k, self, children, height, machines }: TreeView): void {
  const { level, key, parent } = self;
  printFields([
    ['tree', `${machines} machines, k = ${k}, height ${height}`],
    ['this peer', level === null || key === null ? 'hosts no logical node' : `level ${level}, key ${key.toFixed(6)}${level === 0 ? ': the root' : ''}`],
    ['reports to', parent === null ? 'nobody' : `${shown(parent.name)} (${shortId(parent.peerId)}), ${place(parent)}`],
  ]);
  if (children.length === 0) return;
  printLine();
  printTable(['child', 'peer', 'node', 'machines'], children.map((child) => [shown(child.name), shortId(child.peerId), place(child), child.machines]));
}

function place({ level, key }: TreeNodeView): string {
  return `level ${level}, key ${key.toFixed(6)}`;
}
