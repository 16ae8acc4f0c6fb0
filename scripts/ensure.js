// Makes `npm start` and `npm test` work in a fresh clone: installs exactly what package-lock.json says, unless that
// was done already. A stamp in node_modules names the lock file and the platform it was installed for. Plain
// JavaScript for Node 20, and no dependency: nothing is installed yet when it runs. Everything it says goes to
// stderr, so the output of the command that follows stays clean; when there is nothing to do it says nothing.
//
// `--stamp` only records that an installation by npm itself is complete (package.json runs that as `prepare`).
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isNewEnough, packagedNode, whyNoNode } from '../bin/node24.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const STAMP = join(ROOT, 'node_modules', '.grove-installed');
const LOCK = join(ROOT, '.grove-install.lock');
const OWNER = join(LOCK, 'pid');
const WAIT_MS = 500;
/** A lock whose owner has not even written its name after this long belongs to nobody. */
const UNOWNED_MS = 10_000;

const wanted = () => {
  const lock = createHash('sha256').update(readFileSync(join(ROOT, 'package-lock.json'))).digest('hex');
  return `${lock} ${process.platform} ${process.arch}\n`;
};

const isInstalled = () => existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted();

/** An installation without the development or the optional packages is not one to work with. */
const isComplete = () =>
  existsSync(join(ROOT, 'node_modules', 'typescript')) && (isNewEnough() || packagedNode() !== null);

const say = (text) => process.stderr.write(`grove: ${text}\n`);

if (process.argv.includes('--stamp')) {
  if (isComplete()) writeFileSync(STAMP, wanted());
} else if (!isInstalled()) {
  takeLock();
  try {
    if (!isInstalled()) process.exitCode = await install();
  } finally {
    rmSync(LOCK, { recursive: true, force: true });
  }
}

async function install() {
  say('installing dependencies (once, about 450 MB, half a minute) ...');
  const problem = await npmCi();
  if (problem !== null) {
    say(`the installation failed (npm ci: ${problem}); see above.`);
    return 1;
  }
  if (!isComplete()) {
    say(packagedNode() === null && !isNewEnough() ? whyNoNode() : 'the installation is incomplete.');
    return 1;
  }
  writeFileSync(STAMP, wanted());
  say('dependencies are installed.');
  return 0;
}

/** Null when it worked, else what went wrong. A signal to this process ends npm, and with it the wait. */
function npmCi() {
  const cli = process.env.npm_execpath;
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  // The Node that npm runs on, because this process may be the packaged one, which npm is about to replace.
  const node = process.env.npm_node_execpath ?? process.execPath;
  const options = { cwd: ROOT, stdio: ['ignore', 2, 2] };
  const npm = cli?.endsWith('.js')
    ? spawn(node, [cli, ...args], options)
    : spawn('npm', args, { ...options, shell: process.platform === 'win32' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => npm.kill(signal));
  return new Promise((resolve) => {
    npm.on('error', (error) => resolve(error.message));
    npm.on('exit', (code, signal) => resolve(code === 0 ? null : (signal ?? `exit ${code}`)));
  });
}

/** A directory is made by one process only; the second of two first starts waits here for the first. */
function takeLock() {
  let told = false;
  for (;;) {
    try {
      mkdirSync(LOCK);
      writeFileSync(OWNER, `${process.pid}`);
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (isAbandoned()) {
      rmSync(LOCK, { recursive: true, force: true });
      continue;
    }
    if (!told) say('another process is installing the dependencies; waiting for it ...');
    told = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS);
  }
}

function isAbandoned() {
  try {
    const pid = Number(readFileSync(OWNER, 'utf8'));
    if (pid > 0) return !isRunning(pid);
  } catch {
    // Not written yet, or just removed: the age of the directory decides.
  }
  try {
    return Date.now() - statSync(LOCK).mtimeMs > UNOWNED_MS;
  } catch {
    return false;
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
