// `npm test`: types and lint side by side, then every test, streamed as it runs. All stages run even when an early one fails, so
// one run shows everything; the exit code is non-zero if any failed. Each of the first two says how long it took; the
// last one ends with the counts and duration of node:test itself.
//
// `npm test -- test/unit/x.test.ts` runs the first two stages and then only these files.
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeOrExit } from '../bin/node24.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Most tests wait for rings, leases and processes, so two cores serve three files at a time. */
const CONCURRENCY = 3;
/** A safety net for a test that hangs, not a budget. */
const TEST_TIMEOUT_MS = 120_000;
/** A file whose tests are over but whose process does not end is under no test's limit: then the run ends, and names it. */
const RUN_TIMEOUT_MS = 20 * 60_000;

const node = nodeOrExit();
const env = { ...process.env, PATH: join(ROOT, 'node_modules', '.bin') + delimiter + process.env.PATH };
// Every file is a process that loads most of the program: compiled once for all of them, where the command `grove` keeps it, too.
env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'node-compile-cache');
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

const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    for (const child of running) child.kill(signal);
    process.kill(process.pid, signal);
  });
}

const failed = [];
await Promise.all([stage('types'), stage('lint')]);
console.log('tests: running');
const overdue = setTimeout(() => {
  console.log(`npm test: not over after ${RUN_TIMEOUT_MS / 60_000} minutes; the file that is still running is named below`);
  for (const child of running) child.kill('SIGINT');
}, RUN_TIMEOUT_MS);
await stage('tests');
clearTimeout(overdue);
if (failed.length > 0) {
  console.log(`npm test: failed in ${failed.join(', ')}`);
  process.exit(1);
}

async function stage(name) {
  const start = performance.now();
  const ok = await succeeds(stages[name]);
  if (!ok) failed.push(name);
  if (name !== 'tests') console.log(`${name}: ${ok ? 'ok' : 'FAILED'} in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

/** Runs Node with these arguments, output straight through; a signal to this process ends it. */
function succeeds(args) {
  const child = spawn(node, args, { cwd: ROOT, env, stdio: 'inherit' });
  running.add(child);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => {
      running.delete(child);
      resolve(code === 0);
    });
  });
}
