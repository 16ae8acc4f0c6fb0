/**
 * The part of the page that the rounds cannot tell: the same trees built by messages between peers, under loss and crashes.
 *
 * Its figures are the committed results of `npm run bench -- lagover-messages --save`; nothing is run again here.
 */
import { readFileSync } from 'node:fs';

const RESULTS = new URL('../bench/results/lagover-messages.jsonl', import.meta.url);

interface Simulated {
  readonly part: 'simulated';
  readonly workload: string;
  readonly algorithm: string;
  readonly satisfiedShare: number;
  readonly checksWithFanoutExceeded: number;
  readonly oldestCycleMs: number;
  readonly orphans: number;
  readonly orphanedMs: { readonly median: number; readonly p99: number; readonly max: number };
  readonly messagesPerPeerAndS: number;
}

interface Real {
  readonly part: 'real';
  readonly from: 'pool' | 'nothing';
  readonly workload: string;
  readonly satisfiedMs: number;
  readonly hostsMs?: number;
  readonly ringMs?: number;
}

export function messagesSection(): string {
  const lines = readFileSync(RESULTS, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Partial<Simulated | Real>);
  const simulated = lines.filter((line): line is Simulated => line.part === 'simulated');
  const real = lines.filter((line): line is Real => line.part === 'real');
  const groups = [...new Set(simulated.map(({ workload, algorithm }) => `${workload}, ${algorithm}`))];
  const rows = groups.map((group) => {
    const own = simulated.filter(({ workload, algorithm }) => `${workload}, ${algorithm}` === group);
    const list = (value: (run: Simulated) => string | number): string => own.map(value).join(' / ');
    return [
      group, list((run) => run.satisfiedShare.toFixed(3)), list((run) => seconds(run.orphanedMs.median)), list((run) => seconds(run.orphanedMs.p99)),
      list((run) => seconds(run.orphanedMs.max)), list((run) => run.orphans), list((run) => run.messagesPerPeerAndS.toFixed(1)),
    ];
  });
  const exceeded = simulated.reduce((sum, run) => sum + run.checksWithFanoutExceeded, 0);
  const oldestMs = Math.max(...simulated.map((run) => run.oldestCycleMs));
  const inPool = real.filter(({ from }) => from === 'pool');
  const cold = real.filter(({ from }) => from === 'nothing');
  const workloads = [...new Set(inPool.map(({ workload }) => workload))];
  const range = (values: readonly number[]): string => `${seconds(Math.min(...values))} to ${seconds(Math.max(...values))} s`;
  const realLines = workloads.map((workload) => `${workload} ${range(inPool.filter((run) => run.workload === workload).map(({ satisfiedMs }) => satisfiedMs))}`);
  return `## By messages

What is above is played in rounds. The same rules also run between peers that exchange messages (docs/decisions/0021), simulated and real. 1,000
simulated peers, median one-way latency 100 ms, 2 % of messages lost, mean sessions of 30 minutes, every departure a crash; ten minutes after two, for
each seed: the satisfied share, for how long the children of a crashed peer had no path to the source (seconds), how many there were, and messages a peer and second.

${table(['', 'share', 'median', 'p99', 'max', 'orphans', 'messages'], rows)}

Fan-outs exceeded at ${exceeded} of all checks (every 50 ms); the oldest cycle stood for ${oldestMs} ms. Tf1 has no slot to spare.

32 real peers in one process, members of one ring, all told at once to build a tree of which they know the source: everybody is satisfied
after ${realLines.join(', ')} (${inPool.length} runs). From nothing, the hosts started one after the other and each joining ring and tree at once, it
takes ${range(cold.map(({ satisfiedMs }) => satisfiedMs))}, and until all are members of the ring ${range(cold.map(({ ringMs }) => ringMs ?? NaN))}: about 540 connections are made, whose
handshakes take about 30 ms of this one thread each. The parts were run one after the other beside other work on two cores; with both cores
taken wholly by other work the first figure was 1.9 to 12 s, so it is a matter of processor time.`;
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(2);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
