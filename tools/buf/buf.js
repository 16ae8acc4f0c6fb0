#!/usr/bin/env node
// Runs the buf binary of this platform. Its platform packages declare no command of their own, and the
// package that would (@bufbuild/buf) needs an install script that cannot run under `npm ci`.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join, dirname } from 'node:path';

const arch = process.arch === 'arm64' ? 'aarch64' : process.arch;
const name = `@bufbuild/buf-${process.platform}-${arch}`;
let home;
try {
  home = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
} catch {
  console.error(`buf: ${name} is not installed; the protocol files are generated on Linux (x64 or arm64).`);
  process.exit(1);
}
const run = spawnSync(join(home, 'bin', 'buf'), process.argv.slice(2), { stdio: 'inherit' });
if (run.error) console.error(`buf: ${run.error.message}`);
process.exit(run.status ?? 1);
