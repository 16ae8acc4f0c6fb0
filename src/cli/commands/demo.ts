/**
 * `grove demo`: what Grove is for, in half a minute, on one machine: many peers, one origin, and how little it is asked.
 *
 * On a terminal one picture that is drawn again twice a second; elsewhere a line every few seconds; with --json the figures at the end.
 */
import type { Command } from 'commander';
import type { DemoResult } from '../../daemon/demo/demo.ts';
import { numberWithin, withExamples, withJson } from '../command.ts';
import { drawDemo } from '../demo-view.ts';
import { printJson, printLine } from '../output.ts';

interface DemoCommandOptions {
  readonly peers: number;
  readonly seconds: number;
  readonly seed: number;
  readonly json?: boolean;
}

const PEERS_MAX = 100;
const SECONDS_MAX = 3_600;
const HOME = '\u001b[H';
const CLEAR = '\u001b[2J';
const CLEAR_BELOW = '\u001b[J';
const LINE_EVERY = 10;

export function defineDemo(program: Command): void {
  const command = program
    .command('demo')
    .description('Runs a pool of peers and an origin of its own on this machine, and shows how little the origin is asked.')
    .option('--peers <number>', 'peers', numberWithin(1, PEERS_MAX, true), 20)
    .option('--seconds <number>', 'how long, once all peers run', numberWithin(5, SECONDS_MAX, false), 45)
    .option('--seed <number>', 'which peers are killed', numberWithin(0, 2 ** 32 - 1, true), 1);
  withExamples(withJson(command), ['demo', 'demo --peers 40 --seconds 120', 'demo --json']);
  command.action(async (options: DemoCommandOptions) => {
    const { runDemo } = await import('../../daemon/demo/demo.ts');
    const stop = new AbortController();
    const onSignal = (): void => stop.abort();
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, onSignal);
    const isLive = options.json !== true && process.stdout.isTTY;
    if (isLive) process.stdout.write(CLEAR);
    let looks = 0;
    try {
      const result = await runDemo({
        ...options, signal: stop.signal,
        onLook: (look) => {
          if (options.json === true) return;
          const lines = drawDemo(look, options.seconds);
          if (isLive) process.stdout.write(`${HOME}${lines.map((line) => `${line}\u001b[K`).join('\n')}\n${CLEAR_BELOW}`);
          else if (looks++ % LINE_EVERY === 0) printLine(lines[1]);
        },
      });
      if (options.json === true) printJson(result);
      else for (const line of summary(result)) printLine(line);
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
  });
}

function summary(result: DemoResult): string[] {
  const { peers, seconds, originRequests, directWouldBe, stalenessMs, pushMs, deliveryFactor, killed, rejoined, missedItems, duplicateItems } = result;
  return [
    '',
    `${peers} peers read one feed for ${seconds} s. The origin was asked ${originRequests} times; by ${peers} separate readers it would have been ${directWouldBe} times.`,
    `An item was ${stalenessMs.p50 ?? '-'} ms old in the median when a peer had it, ${stalenessMs.p99 ?? '-'} ms at p99 (wished for: 10000 ms); from the first peer to the others ${pushMs.p50 ?? '-'} ms, ${pushMs.p99 ?? '-'} ms at p99.`,
    `${killed} peers were killed and ${rejoined} came back; ${missedItems} items were missed and ${duplicateItems} seen twice. Bytes received over bytes needed: ${deliveryFactor.toFixed(2)}.`,
  ];
}
