#!/usr/bin/env node
// The command `grove`. On Node 24 or newer it loads the program: the TypeScript sources in a checkout, the built
// files when installed (Node strips no types under node_modules). On an older Node it starts the packaged Node 24
// with the same arguments and stands in for it: same input and output, same signals, same exit code, and when this
// process dies in any way, the child sees its channel close and ends as well.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { totalmem } from 'node:os';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isNewEnough, nodeOrExit } from './node24.js';

const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR2'];
const PARENT_POLL_MS = 500;
/**
 * For `grove sim`: messages die young, and a collection is the cheaper the longer it waits. Against V8's own choice 15 to 47 % more
 * events a CPU second at 10,000 peers (docs/decisions/0011-where-an-event-goes.md). Large worlds also need more than its limit.
 */
const YOUNG_MIB = 256;
const GIB = 2 ** 30;
const WORLD_MEMORY_MIN = 4 * GIB;

const flags = process.argv[2] === 'sim' ? worldFlags() : [];

if (isNewEnough() && flags.every((flag) => process.execArgv.includes(flag))) {
  endWithParent(() => process.kill(process.pid, 'SIGTERM'));
  // Most of a short command's time goes into compiling: kept in the system's temporary folder, .22 s of processor instead of .66.
  module.enableCompileCache?.();
  await import(entry());
} else {
  standIn();
}

/** None on a small machine, or when somebody chose the sizes himself. */
function worldFlags() {
  const given = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
  const isOurs = given.includes(`--min-semi-space-size=${YOUNG_MIB}`);
  if (totalmem() < WORLD_MEMORY_MIN || (!isOurs && /semi-space|old-space|heap-size/.test(given))) return [];
  const oldMib = Math.floor((totalmem() * 3) / 4 / 2 ** 20);
  return [`--min-semi-space-size=${YOUNG_MIB}`, `--max-semi-space-size=${YOUNG_MIB}`, `--max-old-space-size=${oldMib}`];
}

function entry() {
  const source = new URL('../src/cli/main.ts', import.meta.url);
  const installed = fileURLToPath(source).split(sep).includes('node_modules');
  const chosen = installed || !existsSync(source) ? new URL('../dist/cli/main.js', import.meta.url) : source;
  if (existsSync(chosen)) return chosen.href;
  console.error(`grove: ${fileURLToPath(chosen)} does not exist; this installation is incomplete.`);
  process.exit(1);
}

/**
 * Calls `end` when whoever started this process is gone. A launcher's child has a channel that closes. Under npm and
 * npx there may be none, and npm ends without passing a kill on, so there the parent's id is watched: it changes when
 * the parent dies. Started any other way (nohup, a service manager) a parent may well end first, and that is fine.
 */
function endWithParent(end) {
  if (process.channel) {
    process.once('disconnect', end);
    process.channel.unref();
  } else if (process.env.npm_command !== undefined) {
    const parent = process.ppid;
    const timer = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(timer);
      end();
    }, PARENT_POLL_MS);
    timer.unref();
  }
}

function standIn() {
  const args = [...process.execArgv, ...flags, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const child = spawn(nodeOrExit(), args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  for (const signal of FORWARDED) process.on(signal, () => forward(child, signal));
  endWithParent(() => child.kill('SIGTERM'));
  child.on('error', (error) => {
    console.error(`grove: the packaged Node does not start here (${error.message}); install Node 24 and run this again.`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** A terminal sends Ctrl+C to both processes already; passing it on as well would look like a second, impatient one. */
function forward(child, signal) {
  if (signal === 'SIGINT' && process.stdin.isTTY) return;
  child.kill(signal);
}
