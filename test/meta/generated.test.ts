// The generated protocol code is committed, so that nobody needs the generator to build; this says when it is stale.
// Generates into a temporary directory and compares name by name and byte by byte.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..');
const GENERATED = join('src', 'protocol', 'wire', 'gen');
const BIN = join(ROOT, 'node_modules', '.bin');

/** The generator's packages exist for Linux only (tools/buf). */
const skip = process.platform === 'linux' ? false : 'the generator runs on Linux only';

test('the committed protocol code is what the .proto files generate; `npm run proto` refreshes it', { skip }, () => {
  const out = mkdtempSync(join(tmpdir(), 'grove-proto-'));
  try {
    buf('lint');
    buf('generate', '--output', out);
    const fresh = filesUnder(join(out, GENERATED));
    assert.notEqual(fresh.size, 0);
    const committed = filesUnder(join(ROOT, GENERATED));
    assert.deepEqual([...committed.keys()], [...fresh.keys()]);
    for (const [name, text] of fresh) assert.ok(committed.get(name) === text, `${name} is stale: run \`npm run proto\``);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
});

function buf(...args: string[]): void {
  const env = { ...process.env, PATH: BIN + delimiter + (process.env['PATH'] ?? '') };
  const run = spawnSync(process.execPath, [join(BIN, 'buf'), ...args], { cwd: ROOT, env, encoding: 'utf8' });
  assert.equal(run.status, 0, `buf ${args.join(' ')}:\n${run.stdout}${run.stderr}`);
}

function filesUnder(directory: string): Map<string, string> {
  if (!existsSync(directory)) return new Map();
  return new Map(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(directory.length + 1), readFileSync(path, 'utf8')]),
  );
}
