/**
 * Runs benchmarks by name: `npm run bench -- hops churn`. Without a name it lists them.
 *
 * Each runs in a process of its own with room for large worlds, so that one does not warm up or fill the heap of another.
 * What it prints is also what is kept: `--save` writes it to bench/results/NAME.jsonl.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const HERE = import.meta.dirname;
const HELPERS = ['run.ts', 'report.ts', 'rate-limiter.ts', 'gossipsub.ts', 'sockets.ts', 'throttle.ts'];
/** The young space is that of `grove sim`: see bin/grove.js. */
const NODE_FLAGS = ['--expose-gc', '--max-old-space-size=16000', '--min-semi-space-size=256', '--max-semi-space-size=256'];

const known = readdirSync(HERE).filter((file) => file.endsWith('.ts') && !HELPERS.includes(file)).map((file) => file.slice(0, -3));
const save = process.argv.includes('--save');
const words = process.argv.slice(2).filter((word) => word !== '--save');
const names = words.filter((word) => known.includes(word));
const passedOn = words.filter((word) => !known.includes(word));

if (names.length === 0) {
  console.error(`Name one or more of: ${known.join(', ')}. Further words are passed on; --save keeps the result.`);
  process.exitCode = 2;
}
for (const name of names) {
  const run = spawnSync(process.execPath, [...NODE_FLAGS, join(HERE, `${name}.ts`), ...passedOn], {
    encoding: 'utf8', stdio: ['ignore', save ? 'pipe' : 'inherit', 'inherit'], maxBuffer: 2 ** 28,
  });
  if (run.status !== 0) process.exitCode = 1;
  if (!save) continue;
  process.stdout.write(run.stdout);
  mkdirSync(join(HERE, 'results'), { recursive: true });
  if (run.status === 0) writeFileSync(join(HERE, 'results', `${name}.jsonl`), run.stdout);
}
