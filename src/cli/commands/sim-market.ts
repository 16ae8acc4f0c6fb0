/**
 * `grove sim market`: multicast sessions of three priorities that compete for one pool of hosts, start and end at random, and come to
 * rest; each against what it would have by itself, and with the whole pool to itself.
 */
import type { Command } from 'commander';
import { GroveError } from '../../core/errors.ts';
import type { MarketResult } from '../../sim/alm/run-market.ts';
import { numberWithin, withExamples, withJson } from '../command.ts';
import { printFields, printJson, printLine, printTable } from '../output.ts';

interface MarketCommandOptions {
  readonly sessions: number;
  readonly members: number;
  readonly hosts: number;
  readonly seed: number;
  readonly json?: boolean;
}

const HOSTS_MAX = 3_000;
const FIT = { model: 'vivaldi', dimensions: 4 } as const;

export function defineSimMarket(sim: Command): void {
  const command = sim
    .command('market')
    .description('Measures what sessions of priority 1, 2 and 3 get of a pool that they share.')
    .option('--sessions <n>', 'sessions that run at once in the end', numberWithin(1, 1_000, true), 30)
    .option('--members <n>', 'of each session; no host is a member of two', numberWithin(2, 1_000, true), 20)
    .option('--hosts <n>', 'on a transit-stub network, with degrees 2..9', numberWithin(3, HOSTS_MAX, true), 1_200)
    .option('--seed <s>', 'the run is a function of this', numberWithin(0, Number.MAX_SAFE_INTEGER, true), 1);
  withExamples(withJson(command), ['sim market --sessions 60', 'sim market --sessions 10 --seed 7 --json']);
  command.action(async (options: MarketCommandOptions) => run(options));
}

async function run({ sessions, members, hosts, seed, json }: MarketCommandOptions): Promise<void> {
  if (sessions * members > hosts) throw new GroveError('usage', `${sessions} sessions of ${members} members need ${sessions * members} hosts, and there are ${hosts}: take fewer sessions, or more --hosts.`);
  const { transitStubPool } = await import('../../sim/alm/host-pool.ts');
  const { MARKET_RULES, runMarket } = await import('../../sim/alm/run-market.ts');
  const { result } = runMarket(transitStubPool(hosts, seed, FIT), { sessions, membersEach: members, seed, rules: MARKET_RULES });
  if (json === true) printJson(result);
  else print(result);
}

function print({ sessions, preemptions, replans, quietAfterPeriods }: MarketResult): void {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  printTable(['priority', 'members', 'helpers', 'height', 'by itself', 'with the whole pool', 'saved'], [...sessions].sort((a, b) => a.priority - b.priority).map((one) => [
    one.priority, one.members, one.helpers, `${one.heightMs.toFixed(0)} ms`, `${one.lowerMs.toFixed(0)} ms`, `${one.upperMs.toFixed(0)} ms`, percent(one.improvement),
  ]));
  printLine();
  printFields([['links lost to others', preemptions], ['plans changed', replans], ['at rest after', `${quietAfterPeriods} periods`]]);
}
