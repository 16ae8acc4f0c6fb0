// `npm test`: types, lint, then every test, each streamed as it runs. All stages run even when an early one fails, so
// one run shows everything; the exit code is non-zero if any failed. Each of the first two says how long it took; the
// last one ends with the counts and duration of node:test itself.
//
// `npm test -- test/unit/x.test.ts` runs the first two stages and then only these files.
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeOrExit } from '../bin/node24.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Most tests wait for rings, leases and processes, so two cores serve three files at a time. */
const CONCURRENCY = 3;
/** A safety net for a test that hangs, not a budget. */
const TEST_TIMEOUT_MS = 120_000;

const node = nodeOrExit();
const env = { ...process.env, PATH: join(ROOT, 'node_modules', '.bin') + delimiter + process.env.PATH };
// Set when this runs inside another node:test run; the inner run would then report to nobody.
delete env.NODE_TEST_CONTEXT;

const files = process.argv.slice(2);
const stages = {
  types: ['node_modules/typescript/bin/tsc', '-b'],
  lint: ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings=0'],
  tests: [
    '--test',
    '--test-reporter=spec',
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    ...(files.length > 0 ? files : ['test/**/*.test.ts']),
  ],
};

let running = null;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    running?.kill(signal);
    process.kill(process.pid, signal);
  });
}

const failed = [];
for (const [stage, args] of Object.entries(stages)) {
  const start = performance.now();
  if (stage === 'tests') console.log('tests: running');
  const ok = await succeeds(args);
  if (!ok) failed.push(stage);
  if (stage !== 'tests') console.log(`${stage}: ${ok ? 'ok' : 'FAILED'} in ${seconds(start)} s`);
}
if (failed.length > 0) {
  console.log(`npm test: failed in ${failed.join(', ')}`);
  process.exit(1);
}

/** Runs Node with these arguments, output straight through; a signal to this process ends it. */
function succeeds(args) {
  running = spawn(node, args, { cwd: ROOT, env, stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    running.on('error', reject);
    running.on('exit', (code) => resolve(code === 0));
  });
}

function seconds(start) {
  return ((performance.now() - start) / 1000).toFixed(1);
}
