/**
 * `grove sim somo`: the metadata tree of a pool of any size, from one seed.
 *
 * By default only who is whose parent, on columns: millions of machines take seconds. With --protocol the daemon's own code
 * exchanges messages, and what the root knows is watched while machines come, go and vanish.
 */
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { GroveError } from '../../core/errors.ts';
import type { PlacementFigures } from '../../sim/somo/place.ts';
import type { SomoSimulationResult } from '../../sim/somo/run-somo.ts';
import { numberWithin, withExamples, withJson } from '../command.ts';
import { printFields, printJson } from '../output.ts';

interface SomoOptions {
  readonly peers: number;
  readonly k: number;
  readonly hopMs: number;
  readonly seed: number;
  readonly protocol?: boolean;
  readonly minutes: number;
  readonly intervalMs: number;
  readonly mode: 'sync' | 'async';
  readonly meanSessionMinutes?: number;
  readonly killShare?: { readonly share: number; readonly atMs: number };
  readonly loss: number;
  readonly changeShare: number;
  readonly json?: boolean;
}

interface Cost {
  readonly elapsedMs: number;
  readonly rssMiB: number;
}

const PEERS_MAX = 10_000_000;
/** With messages: a machine's bit in the roll call travels in reports of bounded size. */
const PROTOCOL_PEERS_MAX = 40_000;

export function defineSimSomo(sim: Command): void {
  const command = sim
    .command('somo')
    .description('Builds the metadata tree of a pool: its height, its fan-out, and how old what the root knows is.')
    .option('--peers <n>', 'simulated peers', numberWithin(1, PEERS_MAX, true), 1_000)
    .option('--k <k>', 'children of a logical node', numberWithin(2, 64, true), 8)
    .option('--hop-ms <h>', 'delay of one hop', numberWithin(0, 60_000, false), 200)
    .option('--seed <s>', 'the run is a function of this', numberWithin(0, Number.MAX_SAFE_INTEGER, true), 1)
    .option('--protocol', 'run the protocol with messages instead of laying the tree out')
    .option('--minutes <m>', 'with --protocol: simulated minutes', numberWithin(0.1, 100_000, false), 5)
    .option('--interval-ms <t>', 'with --protocol: between two reports of a machine', numberWithin(100, 3_600_000, false), 10_000)
    .addOption(new Option('--mode <mode>', 'with --protocol: does the root call for reports, or each machine report by itself').choices(['sync', 'async']).default('async'))
    .option('--mean-session-minutes <x>', 'with --protocol: peers leave after this on average and others come', numberWithin(0.1, 1e9, false))
    .option('--kill-share <share@seconds>', 'with --protocol: so large a share vanishes at that second', parseKill)
    .option('--loss <p>', 'with --protocol: share of messages lost', numberWithin(0, 0.9, false), 0)
    .option('--change-share <p>', 'with --protocol: share of the values that change between two reports', numberWithin(0, 1, false), 0.1);
  withExamples(withJson(command), [
    'sim somo --peers 2000000', 'sim somo --peers 1000 --k 2 --json', 'sim somo --protocol --peers 1000 --kill-share 0.2@60', 'sim somo --protocol --mode sync --mean-session-minutes 15',
  ]);
  command.action(async (options: SomoOptions) => (options.protocol === true ? runProtocol(options) : runPlacement(options)));
}

async function runPlacement(options: SomoOptions): Promise<void> {
  const { randomFrom } = await import('../../core/random.ts');
  const { LogicalTree } = await import('../../protocol/somo/tree.ts');
  const { drawLeads, figuresOf, place } = await import('../../sim/somo/place.ts');
  const startedAt = performance.now();
  const leads = drawLeads(options.peers, randomFrom(options.seed).fork('positions'));
  const figures = figuresOf(place(leads, new LogicalTree(options.k)), options.k, options.hopMs);
  const result = { ...figures, ...costSince(startedAt) };
  if (options.json === true) printJson(result);
  else printPlacement(result);
}

async function runProtocol(options: SomoOptions): Promise<void> {
  if (options.peers > PROTOCOL_PEERS_MAX) throw new GroveError('usage', `With --protocol there are at most ${PROTOCOL_PEERS_MAX} peers: leave it out to lay out more.`);
  const { runSomoSimulation } = await import('../../sim/somo/run-somo.ts');
  const { meanSessionMinutes = Infinity, killShare: kill, json, ...rest } = options;
  const startedAt = performance.now();
  const showProgress = json !== true && process.stderr.isTTY;
  const figures = runSomoSimulation({ ...rest, meanSessionMinutes, kill, ...(showProgress ? { onProgress } : {}) });
  if (showProgress) process.stderr.write('\r\u001b[K');
  const result = { ...figures, ...costSince(startedAt) };
  if (json === true) return printJson(result);
  printPlacement(result);
  printProtocol(result);
}

function costSince(startedAt: number): Cost {
  return { elapsedMs: Math.round(performance.now() - startedAt), rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20) };
}

/** `0.2@60`: a fifth, at the sixtieth second. */
function parseKill(text: string): { readonly share: number; readonly atMs: number } {
  const [, share, seconds] = /^(\d*\.?\d+)@(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  const kill = { share: Number(share), atMs: Number(seconds) * 1_000 };
  if (kill.share > 0 && kill.share < 1) return kill;
  throw new InvalidArgumentError('It must be a share below 1 and a second, like 0.2@60.');
}

function onProgress(share: number): void {
  process.stderr.write(`\r${Math.floor(share * 100)} %`);
}

function printPlacement(result: PlacementFigures & Cost): void {
  const { lagMs } = result;
  printFields([
    ['tree', `${result.peers} machines, k = ${result.k}, ${result.roots} root, height ${result.height}, mean depth ${result.meanDepth.toFixed(2)}`],
    ['fan-out', `${result.maxChildren} at most; ${(result.interiorShare * 100).toFixed(1)} % of the machines have children`],
    ['lag', `${lagMs.mean.toFixed(0)} ms mean, ${lagMs.p99.toFixed(0)} ms in 99 %, ${lagMs.max.toFixed(0)} ms the deepest`],
    ['took', `${result.elapsedMs} ms, ${result.rssMiB} MiB`],
  ]);
}

function printProtocol(result: SomoSimulationResult): void {
  const { coverage, ageMs } = result;
  printFields([
    ['coverage', `${(coverage.mean * 100).toFixed(2)} % mean, ${(coverage.min * 100).toFixed(2)} % at least`],
    ['age', `${(ageMs.mean / 1_000).toFixed(1)} s mean, ${(ageMs.p99 / 1_000).toFixed(1)} s in 99 %`],
    ['healed', result.healMs === null ? '-' : `after ${(result.healMs / 1_000).toFixed(0)} s`],
    ['traffic', `${result.messagesPerSecondPerPeer.toFixed(3)} messages and ${result.bytesPerSecondPerPeer.toFixed(1)} bytes a second and peer; differences save ${(result.deltaSavings * 100).toFixed(1)} %`],
    ['fingerprint', result.fingerprint],
  ]);
}
