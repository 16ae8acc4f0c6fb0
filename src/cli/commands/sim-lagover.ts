/**
 * `grove sim lagover SPEC.json`: builds a latency-graded overlay in rounds and says how that went.
 * `grove lagover check SPEC.json`: whether a system can be served at all, and whether a given tree does it.
 *
 * Both read one JSON file, described in the help. What is wrong with it is said in one sentence with the line it stands on.
 */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { GroveError } from '../../core/errors.ts';
import type { LagoverInputs, LagoverResult } from '../../sim/lagover/simulate.ts';
import type { LagoverSpec } from '../../sim/lagover/spec.ts';
import { withExamples, withJson } from '../command.ts';
import { printFields, printJson, printLine } from '../output.ts';

interface LagoverOptions {
  readonly json?: boolean;
}

const SPEC_HELP = `
SPEC.json, everything but the system optional:
  {"sourceFanout":3,"peers":[{"fanout":2,"latency":1}]}    or "workload":{"name":"tf1|rand|bicorr|biuncorr|measured|planted",
   "peers":120,"seed":7,"slack":1,"file":"uplinks.csv","rateMbps":1}
  "algorithm":"greedy|hybrid|adaptive"  "rules":"paper|displacing"  "oracle":"random|random-capacity|random-delay-capacity|
  random-delay|directory"  "source":"pull|push"  "timing":"synchronous|asynchronous"  "timeout":8  "maintenance":3
  "churn":{"leave":0.01,"rejoin":0.2} or {"trace":"FILE","roundSeconds":600}  "seed":1  "maxRounds":5000
  "level":"rounds|messages": by messages between simulated peers, a round is a heartbeat (750 ms), there is no "timing",
   and "network":{"latencyMs":100,"loss":0.02} sets the median one-way latency and the share of messages lost;
   "realised":"exact|walk|dht|somo" says how the oracle knows: by magic, by walks over a ring of these peers ("random..."),
   or for "oracle":"directory" from a directory in their DHT or one filled by their metadata tree`;

/** Adds `sim lagover` to the command `sim`, and the command `lagover`. */
export function defineSimLagover(program: Command, sim: Command): void {
  const run = sim
    .command('lagover')
    .description('Builds a latency-graded overlay in rounds: how fast it converges, how well it stays satisfied.')
    .argument('<spec>', 'a JSON file')
    .addHelpText('after', SPEC_HELP);
  withExamples(withJson(run), ['sim lagover spec.json', 'sim lagover spec.json --json']);
  run.action(async (path: string, options: LagoverOptions) => runSimulation(path, options));

  const lagover = program.command('lagover').description('Latency-graded overlays: can a system be served in time?');
  const check = lagover
    .command('check')
    .description('Decides whether every latency constraint can be met, says why not, and verifies a tree ("parents").')
    .argument('<spec>', 'a JSON file')
    .addHelpText('after', SPEC_HELP);
  withExamples(withJson(check), ['lagover check spec.json', 'lagover check spec.json --json']);
  check.action(async (path: string, options: LagoverOptions) => runCheck(path, options));
}

async function runSimulation(path: string, options: LagoverOptions): Promise<void> {
  const { simulate } = await import('../../sim/lagover/simulate.ts');
  const startedAt = performance.now();
  const showProgress = options.json !== true && process.stderr.isTTY;
  const result = await answer(path, (spec, inputs) => simulate(spec, inputs, showProgress ? onRound : undefined));
  if (showProgress) process.stderr.write('\r\u001b[K');
  const elapsedMs = Math.round(performance.now() - startedAt);
  const rssMiB = Math.round(process.memoryUsage.rss() / 2 ** 20);
  if (options.json === true) printJson({ ...result, elapsedMs, rssMiB });
  else print(result, elapsedMs);
}

async function runCheck(path: string, options: LagoverOptions): Promise<void> {
  const { check } = await import('../../sim/lagover/simulate.ts');
  const result = await answer(path, check);
  if (options.json === true) return printJson(result);
  printLine(result.feasible ? 'Every latency constraint can be met.' : 'Not every latency constraint can be met.');
  for (const sentence of [...result.reasons, ...(result.tree?.faults ?? [])]) printLine(`- ${sentence}`);
  if (result.tree?.valid === true) printLine('The given tree meets all of them.');
}

/** Reads the description and its files, and turns what is wrong with them into one sentence. */
async function answer<T>(path: string, work: (spec: LagoverSpec, inputs: LagoverInputs) => T): Promise<T> {
  const { parseSpec, lineOfPeer, SpecFault } = await import('../../sim/lagover/spec.ts');
  const text = readText(path);
  try {
    const spec = parseSpec(await parseJson(text, path));
    return work(spec, await readInputs(spec));
  } catch (fault) {
    if (!(fault instanceof SpecFault)) throw fault;
    const where = fault.peer === undefined ? path : `${path}, line ${lineOfPeer(text, fault.peer)}`;
    throw new GroveError('usage', `${where}: ${fault.message}.`);
  }
}

async function readInputs({ system, churn }: LagoverSpec): Promise<LagoverInputs> {
  const { parseUplinks } = await import('../../sim/lagover/simulate.ts');
  const { readTrace } = await import('../../sim/edge/trace-file.ts');
  const file = 'name' in system && system.name === 'measured' ? system.file : undefined;
  const uplinksMbps = file === undefined ? [] : parseUplinks(readText(file));
  if (typeof uplinksMbps === 'string') throw new GroveError('usage', `${file} is not a table of measured hosts: ${uplinksMbps}.`);
  return { uplinksMbps, trace: churn !== undefined && 'file' in churn ? readTrace(churn.file) : undefined };
}

async function parseJson(text: string, path: string): Promise<unknown> {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const { lineOfJsonFault } = await import('../../sim/lagover/json-fault.ts');
    throw new GroveError('usage', `${path}, line ${lineOfJsonFault(text)}: it is not valid JSON.`, { cause });
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new GroveError('usage', `Cannot read ${path}: check that it exists and is readable.`, { cause });
  }
}

function onRound(round: number, share: number): void {
  process.stderr.write(`\rround ${round}, ${Math.floor(share * 100)} % satisfied`);
}

function print(result: LagoverResult, elapsedMs: number): void {
  const peers = result.parents.length;
  printFields([
    ['converged', result.converged ? `after ${result.rounds} rounds` : `no, within ${result.rounds} rounds`],
    ['satisfied', `${(result.satisfiedShare * 100).toFixed(2)} % of the peers online at the end`],
    ['interactions', `${result.interactions} (${(result.interactions / peers).toFixed(2)} a peer), ${result.refusals} without a partner`],
    ['reconfigurations', `${result.reconfigurations} (${(result.reconfigurations / peers).toFixed(2)} a peer)`],
    ['system', `${peers} peers, source fan-out ${result.sourceFanout}, sufficient condition ${result.feasibility.sufficient ? 'met' : 'not met'}`],
    ['fingerprint', result.fingerprint],
    ['time', `${elapsedMs} ms`],
  ]);
  for (const reason of result.feasibility.reasons) printLine(`- ${reason}`);
}
