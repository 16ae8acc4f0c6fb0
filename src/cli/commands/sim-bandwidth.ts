/**
 * `grove sim bandwidth`: how well a machine's leafset tells it the rate of its own access link.
 * On a table of measured households; downlinks of fast machines come out low, because few uplinks can fill them.
 */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { GroveError } from '../../core/errors.ts';
import { numberWithin, withExamples, withJson } from '../command.ts';
import { printFields, printJson } from '../output.ts';

interface BandwidthOptions {
  readonly hosts: string;
  readonly leafset: number;
  readonly seed: number;
  readonly json?: boolean;
}

export function defineSimBandwidth(sim: Command): void {
  const command = sim
    .command('bandwidth')
    .description('Measures how well a leafset tells a machine its own up- and downlink.')
    .requiredOption('--hosts <csv>', 'a table with the columns ul_mbps and dl_mbps')
    .option('--leafset <r>', 'ring neighbours that a machine measures with, both sides together', numberWithin(1, 64, true), 16)
    .option('--seed <s>', 'the run is a function of this', numberWithin(0, Number.MAX_SAFE_INTEGER, true), 1);
  withExamples(withJson(command), ['sim bandwidth --hosts hosts.csv', 'sim bandwidth --hosts hosts.csv --leafset 32 --json']);
  command.action(async (options: BandwidthOptions) => run(options));
}

async function run({ hosts, leafset, seed, json }: BandwidthOptions): Promise<void> {
  const { randomFrom } = await import('../../core/random.ts');
  const { parseAccessLinks, runBandwidthSimulation } = await import('../../sim/bandwidth/run-bandwidth.ts');
  const links = parseAccessLinks(readText(hosts));
  if (typeof links === 'string') throw new GroveError('usage', `${hosts} is not a table of hosts: ${links}.`);
  const { up, down, hosts: count } = runBandwidthSimulation(links, leafset, randomFrom(seed));
  if (json === true) return printJson({ up, down });
  const told = ({ medianError, exactShare }: typeof up): string => `${(medianError * 100).toFixed(1)} % too low in the median, exact for ${(exactShare * 100).toFixed(1)} %`;
  printFields([['hosts', count], ['uplinks', told(up)], ['downlinks', told(down)]]);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new GroveError('usage', `Cannot read ${path}: check that it exists and is readable.`, { cause });
  }
}
