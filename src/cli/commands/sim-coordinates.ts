/**
 * `grove sim coordinates`: how well network coordinates predict a measured matrix of round trips.
 * Both models, fed by ring neighbours and by random members; fed by neighbours alone they fold.
 */
import type { Command } from 'commander';
import { Option } from 'commander';
import { GroveError } from '../../core/errors.ts';
import type { ModelName } from '../../protocol/measure/model.ts';
import { DIMENSIONS_MAX, DIMENSIONS_MIN, MODEL_NAMES } from '../../protocol/measure/model.ts';
import { numberWithin, withExamples, withJson } from '../command.ts';
import { printFields, printJson } from '../output.ts';

interface CoordinateOptions {
  readonly latency: string;
  readonly model: ModelName;
  readonly dimensions: number;
  readonly leafset: number;
  readonly random: number;
  readonly minutes: number;
  readonly seed: number;
  readonly json?: boolean;
}

export function defineSimCoordinates(sim: Command): void {
  const command = sim
    .command('coordinates')
    .description('Measures how well network coordinates predict measured round trips.')
    .requiredOption('--latency <file>', 'a matrix of measured round trips')
    .addOption(new Option('--model <name>', 'how coordinates are found').choices(MODEL_NAMES).default('vivaldi'))
    .option('--dimensions <d>', 'of the space, besides the height', numberWithin(DIMENSIONS_MIN, DIMENSIONS_MAX, true), 4)
    .option('--leafset <r>', 'ring neighbours that a peer measures', numberWithin(0, 64, true), 16)
    .option('--random <m>', 'random members that it measures besides', numberWithin(0, 64, true), 16)
    .option('--minutes <t>', 'simulated minutes, at a measurement every five seconds', numberWithin(0.1, 100_000, false), 60)
    .option('--seed <s>', 'the run is a function of this', numberWithin(0, Number.MAX_SAFE_INTEGER, true), 1);
  withExamples(withJson(command), ['sim coordinates --latency planetlab/', 'sim coordinates --latency planetlab/ --model simplex --random 0 --json']);
  command.action(async (options: CoordinateOptions) => run(options));
}

async function run({ latency, json, ...options }: CoordinateOptions): Promise<void> {
  if (options.leafset + options.random === 0) throw new GroveError('usage', 'A peer has to measure somebody: --leafset and --random cannot both be 0.');
  const { readMatrix } = await import('../../sim/edge/latency-file.ts');
  const { runCoordinateSimulation } = await import('../../sim/coordinates/run-coordinates.ts');
  const matrix = readMatrix(latency);
  if (matrix.rows < 3) throw new GroveError('usage', `${latency} has ${matrix.rows} rows, and coordinates need at least three.`);
  const result = runCoordinateSimulation(matrix, options);
  if (json === true) return printJson(result);
  printFields([
    ['median error', `${(result.medianRelativeError * 100).toFixed(2)} %`],
    ['90 % below', `${(result.p90RelativeError * 100).toFixed(1)} %`],
    ['pairs', result.pairs],
  ]);
}
