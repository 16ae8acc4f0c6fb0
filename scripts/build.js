// `npm run build`: checks every layer, then makes dist/ (JavaScript and declarations) from nothing, so that no file
// of an earlier build is published.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeOrExit } from '../bin/node24.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

tsc('-b');
rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
tsc('-p', 'tsconfig.build.json');

function tsc(...args) {
  const run = spawnSync(nodeOrExit(), ['node_modules/typescript/bin/tsc', ...args], { cwd: ROOT, stdio: 'inherit' });
  if (run.status !== 0) process.exit(run.status ?? 1);
}
