/**
 * `grove plan INSTANCE.json`: a multicast tree for one group of hosts, whose degrees are bounded and some of which only help.
 * Needs no running peer. That no tree exists is an answer, with its reason and exit code 1.
 */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { GroveError } from '../../core/errors.ts';
import type { Infeasible, PlanAnswer, PlanSpec } from '../../sim/alm/plan-spec.ts';
import { withExamples, withJson } from '../command.ts';
import { printError, printFields, printJson, printLine } from '../output.ts';

const INSTANCE_HELP = `
INSTANCE.json; hosts are indexes, everything but members, degrees and one source of latencies is optional:
  {"root":0,"members":[0,3,5],"helpers":[7],"degrees":[4,2,...]}   degrees count the link to the parent
  "latencyMs":[[0,12.5,...],...]  or "coordinates":[[x,y],...] in ms  or "latencyFile":"FILE", round trips of which half is one way
  "algorithm":"amcast|critical|best"  "adjust":true  "select":"closest|minmax"  "minHelperDegree":4  "radiusMs":100
  "objective":"height|bottleneck|variance"  "upMbps":[...]  "downMbps":[...]: a link carries the lesser of its sender's up and its
   receiver's down; variance is over all members but the root, none later than by amcast
  "used":[{"host":3,"priority":1,"degree":2}]  "priority":3: links that other sessions hold; lower priorities yield at helpers
  "budgetMs":1000  "seed":1: of "best", which is the default`;

export function definePlan(program: Command): void {
  const command = program
    .command('plan')
    .description('Plans a multicast tree of small height over hosts with bounded degrees.')
    .argument('<instance>', 'a JSON file')
    .addHelpText('after', INSTANCE_HELP);
  withExamples(withJson(command), ['plan instance.json', 'plan instance.json --json']);
  command.action(async (path: string, options: { readonly json?: boolean }) => run(path, options.json === true));
}

async function run(path: string, isJson: boolean): Promise<void> {
  const { answerPlan } = await import('../../sim/alm/plan-spec.ts');
  const { ClockBudget } = await import('../../protocol/alm/budget.ts');
  const spec = await read(path);
  const nowMs = (): number => performance.now();
  const answer = 'infeasible' in spec ? spec : answerPlan(spec, new ClockBudget(nowMs, spec.budgetMs), nowMs);
  if ('infeasible' in answer) {
    if (isJson) printJson(answer);
    else printError(`There is no tree: ${answer.reason}.`);
    process.exitCode = 1;
  } else if (isJson) printJson(answer);
  else if (!('infeasible' in spec)) await print(spec, answer);
}

async function read(path: string): Promise<PlanSpec | Infeasible> {
  const { latencyFileOf, parsePlan } = await import('../../sim/alm/plan-spec.ts');
  const { SpecFault } = await import('../../sim/spec-fields.ts');
  const { readMatrix } = await import('../../sim/edge/latency-file.ts');
  const value = await parseJson(path);
  const file = latencyFileOf(value);
  try {
    return parsePlan(value, file === undefined ? undefined : readMatrix(file));
  } catch (fault) {
    throw fault instanceof SpecFault ? new GroveError('usage', `${path}: ${fault.message}.`) : fault;
  }
}

async function parseJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new GroveError('usage', `Cannot read ${path}: check that it exists and is readable.`, { cause });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const { lineOfJsonFault } = await import('../../sim/lagover/json-fault.ts');
    throw new GroveError('usage', `${path}, line ${lineOfJsonFault(text)}: it is not valid JSON.`, { cause });
  }
}

async function print(spec: PlanSpec, answer: PlanAnswer): Promise<void> {
  const { treeLines } = await import('../../sim/alm/plan-spec.ts');
  for (const line of treeLines(spec, answer)) printLine(line);
  printLine();
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  printFields([
    ['height', ms(answer.heightMs)],
    ['amcast alone', answer.amcastHeightMs === null ? 'no tree: the members have too few links' : ms(answer.amcastHeightMs)],
    ['no tree is below', ms(answer.starBoundMs)],
    ['helpers', answer.helpers.length === 0 ? 'none' : answer.helpers.join(', ')],
    ...(answer.bottleneckMbps === null ? [] : [['bottleneck', `${answer.bottleneckMbps} Mbit/s`] as const]),
    ['deviation', ms(Math.sqrt(answer.varianceMs2))],
    ['moves', answer.moves],
    ['time', ms(answer.elapsedMs)],
  ]);
}
