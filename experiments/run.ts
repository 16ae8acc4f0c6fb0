/**
 * Runs experiments by name: `npm run experiment -- lagover-figures`. Without a name it lists them; further words are passed on.
 *
 * Each runs in a process of its own with room for large worlds, and writes its figures, with their data beside them, below docs.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const EXPERIMENTS = ['alm-figures', 'feed-figures', 'lagover-figures', 'somo-figures'];
const NODE_FLAGS = ['--max-old-space-size=16000', '--max-semi-space-size=64'];

const words = process.argv.slice(2);
const names = words.filter((word) => EXPERIMENTS.includes(word));
const passedOn = words.filter((word) => !EXPERIMENTS.includes(word));

if (names.length === 0) {
  console.error(`Name one or more of: ${EXPERIMENTS.join(', ')}. Further words are passed on.`);
  process.exitCode = 2;
}
for (const name of names) {
  const run = spawnSync(process.execPath, [...NODE_FLAGS, join(import.meta.dirname, `${name}.ts`), ...passedOn], { stdio: 'inherit' });
  if (run.status !== 0) process.exitCode = 1;
}
