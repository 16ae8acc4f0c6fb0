/** Where settings come from, and which one wins: flags, environment, the directory, the user, the machine. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Command } from 'commander';
import { defineUp } from '../../../src/cli/commands/up.ts';
import { configFiles, readConfig } from '../../../src/cli/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'grove-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, toml: string): string {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, toml);
  return file;
}

test('a nearer file wins key by key: the directory, then the user, then the machine', () => {
  const machine = write('etc/grove/config.toml', 'name = "machine"\napi = "127.0.0.1:1"\ndegree = 1\n');
  const user = write('home/grove/config.toml', 'name = "user"\napi = "127.0.0.1:2"\n');
  const project = write('here/grove.toml', 'name = "project"\n');
  const environment = { XDG_CONFIG_HOME: join(folder, 'home'), XDG_CONFIG_DIRS: `${join(folder, 'etc')}:relative` };
  assert.deepEqual(configFiles(environment, join(folder, 'here')), [machine, user, project]);
  assert.deepEqual(configFiles(environment, folder), [machine, user]);
  const before = { ...process.env };
  const directory = process.cwd();
  try {
    Object.assign(process.env, environment);
    process.chdir(join(folder, 'here'));
    assert.deepEqual(readConfig(undefined), { name: 'project', api: '127.0.0.1:2', degree: 1 });
    assert.deepEqual(readConfig(user), { name: 'user', api: '127.0.0.1:2' }, 'a file that is named stands alone');
  } finally {
    process.chdir(directory);
    process.env = before;
  }
});

test('the environment has what is no secret, and a flag wins over it', () => {
  const before = { ...process.env };
  Object.assign(process.env, { GROVE_API: '127.0.0.1:9', GROVE_DEFAULT_MAX_STALENESS: '2h', GROVE_METERED: '0', GROVE_PROMOTE: '1', GROVE_JOIN: 'grove1secret', GROVE_NAME: 'env' });
  try {
    const program = new Command('grove');
    defineUp(program);
    const [up] = program.commands;
    up?.action(() => undefined);
    program.parse(['up', '--name', 'flag'], { from: 'user' });
    assert.deepEqual(up?.opts(), { api: '127.0.0.1:9', defaultMaxStaleness: 7_200_000, promote: true, name: 'flag' });
  } finally {
    process.env = before;
  }
});
