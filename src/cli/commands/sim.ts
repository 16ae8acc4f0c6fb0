/**
 * `grove sim ring`: the ring's protocol code on simulated peers, from one seed; the figures it measured, as text or JSON.
 * This is the daemon's own protocol code in a simulated world: what it measures is what runs.
 */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { StrategyName } from '../../protocol/options.ts';
import { STRATEGY_NAMES } from '../../protocol/options.ts';
import type { RingSimulationResult } from '../../sim/ring/run-ring.ts';
import { numberWithin, withExamples, withJson } from '../command.ts';
import { printFields, printJson } from '../output.ts';
import { defineSimAlm } from './sim-alm.ts';
import { defineSimMarket } from './sim-market.ts';
import { defineSimLagover } from './sim-lagover.ts';
import { defineSimBandwidth } from './sim-bandwidth.ts';
import { defineSimCoordinates } from './sim-coordinates.ts';
import { defineSimSomo } from './sim-somo.ts';

interface SimOptions {
  readonly peers: number;
  readonly strategy: StrategyName;
  readonly dimensions: number;
  readonly minutes: number;
  readonly seed: number;
  readonly loss: number;
  readonly meanSessionMinutes?: number;
  readonly latency: string;
  readonly leafset: number;
  readonly lookups: number;
  readonly wire?: boolean;
  readonly json?: boolean;
}

const PEERS_MAX = 1_000_000;
const SEED_MAX = Number.MAX_SAFE_INTEGER;

export function defineSim(program: Command): void {
  const sim = program.command('sim').description('Runs the protocol on simulated peers. Same seed, same run.');
  withExamples(sim, ['sim ring --peers 1000 --minutes 10']);
  const command = sim
    .command('ring')
    .description('Measures the ring: lookups, hops, stretch and traffic, under churn and loss.')
    .option('--peers <n>', 'simulated peers', numberWithin(1, PEERS_MAX, true), 1_000)
    .addOption(new Option('--strategy <name>', 'routing').choices(STRATEGY_NAMES).default('pastry'))
    .option('--dimensions <d>', 'of can routing', numberWithin(1, 8, true), 2)
    .option('--minutes <m>', 'simulated minutes', numberWithin(0.1, 100_000, false), 10)
    .option('--seed <s>', 'the run is a function of this', numberWithin(0, SEED_MAX, true), 1)
    .option('--loss <p>', 'share of messages lost', numberWithin(0, 0.9, false), 0)
    .option('--mean-session-minutes <x>', 'peers leave after this on average and others come (default: nobody leaves)', numberWithin(0.1, 1e9, false))
    .option('--latency <file>', 'a matrix of measured delays, or a generator: constant, euclidean, transit-stub', 'transit-stub')
    .option('--leafset <r>', 'neighbours known on each side', numberWithin(1, 16, true), 8)
    .option('--lookups <n>', 'lookups a peer starts a minute', numberWithin(0, 10_000, false), 1)
    .option('--wire', 'encode and decode every message');
  withExamples(withJson(command), ['sim ring', 'sim ring --peers 10000 --mean-session-minutes 60 --json', 'sim ring --strategy can --dimensions 3 --seed 7']);
  command.action(async (options: SimOptions) => run(options));
  defineSimLagover(program, sim);
  defineSimSomo(sim);
  defineSimCoordinates(sim);
  defineSimBandwidth(sim);
  defineSimAlm(sim);
  defineSimMarket(sim);
}

async function run(options: SimOptions): Promise<void> {
  const { RING_SIMULATION_DEFAULTS, runRingSimulation } = await import('../../sim/ring/run-ring.ts');
  const { lookups, meanSessionMinutes = Infinity, wire = false, json, ...rest } = options;
  const showProgress = json !== true && process.stderr.isTTY;
  const result = runRingSimulation({
    ...RING_SIMULATION_DEFAULTS,
    ...rest,
    meanSessionMinutes,
    lookupsPerPeerPerMinute: lookups,
    wire,
    ...(showProgress ? { onProgress } : {}),
  });
  if (showProgress) process.stderr.write('\r\u001b[K');
  if (json === true) printJson(result);
  else print(result);
}

function onProgress(share: number): void {
  process.stderr.write(`\r${Math.floor(share * 100)} %`);
}

function print(result: RingSimulationResult): void {
  const { lookups, hops, stretch } = result;
  const rounded = (value: number, digits = 2): string => value.toFixed(digits);
  printFields([
    ['peers', `${result.peers}, ${result.strategy} routing, seed ${result.seed}`],
    ['fingerprint', result.fingerprint],
    ['events', `${result.events} (${Math.round(result.eventsPerSecond)} a second)`],
    ['lookups', `${lookups.issued} issued, ${lookups.delivered} delivered, ${lookups.wrongOwner} to a wrong owner, ${lookups.lost} lost`],
    ['hops', `${rounded(hops.mean)} mean, ${rounded(hops.p99, 0)} at most in 99 %`],
    ['stretch', `${rounded(stretch.mean)} mean`],
    ['upkeep', `${rounded(result.messagesPerSecondPerPeer, 3)} messages and ${rounded(result.bytesPerSecondPerPeer, 1)} bytes a second and peer`],
  ]);
}
