/**
 * `grove sim somo`: the metadata tree of a pool of any size, from one seed.
 * By default only who is whose parent, on columns: millions of machines take seconds.
 */
import type { Command } from 'commander';
import type { PlacementFigures } from '../../sim/somo/place.ts';
import { numberWithin, withExamples, withJson } from '../command.ts';
import { printFields, printJson } from '../output.ts';

interface SomoOptions {
  readonly peers: number;
  readonly k: number;
  readonly hopMs: number;
  readonly seed: number;
  readonly json?: boolean;
}

const PEERS_MAX = 10_000_000;

export function defineSimSomo(sim: Command): void {
  const command = sim
    .command('somo')
    .description('Builds the metadata tree of a pool: its height, its fan-out, and how old what the root knows is.')
    .option('--peers <n>', 'simulated peers', numberWithin(1, PEERS_MAX, true), 1_000)
    .option('--k <k>', 'children of a logical node', numberWithin(2, 64, true), 8)
    .option('--hop-ms <h>', 'delay of one hop', numberWithin(0, 60_000, false), 200)
    .option('--seed <s>', 'the run is a function of this', numberWithin(0, Number.MAX_SAFE_INTEGER, true), 1);
  withExamples(withJson(command), ['sim somo --peers 2000000', 'sim somo --peers 1000 --k 2 --json']);
  command.action(async (options: SomoOptions) => runPlacement(options));
}

async function runPlacement(options: SomoOptions): Promise<void> {
  const { randomFrom } = await import('../../core/random.ts');
  const { LogicalTree } = await import('../../protocol/somo/tree.ts');
  const { drawLeads, figuresOf, place } = await import('../../sim/somo/place.ts');
  const startedAt = performance.now();
  const leads = drawLeads(options.peers, randomFrom(options.seed).fork('positions'));
  const figures = figuresOf(place(leads, new LogicalTree(options.k)), options.k, options.hopMs);
  const result = { ...figures, elapsedMs: Math.round(performance.now() - startedAt), rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20) };
  if (options.json === true) printJson(result);
  else print(result);
}

function print(result: PlacementFigures & { readonly elapsedMs: number; readonly rssMiB: number }): void {
  const { lagMs } = result;
  printFields([
    ['tree', `${result.peers} machines, k = ${result.k}, ${result.roots} root, height ${result.height}, mean depth ${result.meanDepth.toFixed(2)}`],
    ['fan-out', `${result.maxChildren} at most; ${(result.interiorShare * 100).toFixed(1)} % of the machines have children`],
    ['lag', `${lagMs.mean.toFixed(0)} ms mean, ${lagMs.p99.toFixed(0)} ms in 99 %, ${lagMs.max.toFixed(0)} ms the deepest`],
    ['took', `${result.elapsedMs} ms, ${result.rssMiB} MiB`],
  ]);
}
