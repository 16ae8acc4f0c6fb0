/** The store on disk: round trips, the lock, kill -9, and what a person reads when the file or directory is no good. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { GroveError } from '../../../src/core/errors.ts';
import { SqliteStore } from '../../../src/host/sqlite-store.ts';
import { bytesOf, text } from './toy.ts';

const directory = mkdtempSync(join(tmpdir(), 'grove-store-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function isError(code: string): (error: unknown) => boolean {
  return (error) => error instanceof GroveError && error.code === code;
}

test('what was written is read, replaced and removed, also after reopening', () => {
  const file = join(directory, 'round', 'trip.db');
  const first = new SqliteStore(file);
  assert.equal(first.read('a'), undefined);
  first.write('a', bytesOf('one'));
  first.write('b', new Uint8Array());
  first.write('a', bytesOf('two'));
  first.write('c', bytesOf('gone'));
  first.remove('c');
  first.remove('never there');
  first.close();
  const second = new SqliteStore(file);
  assert.equal(text(second.read('a') ?? new Uint8Array()), 'two');
  assert.equal(second.read('b')?.length, 0);
  assert.equal(second.read('c'), undefined);
  second.close();
});

test('names come by prefix and in order, also with characters that patterns would take for wildcards', () => {
  const store = new SqliteStore(join(directory, 'names.db'));
  for (const name of ['b/2', 'b/1', 'b', 'a', 'c', 'b/%', 'b/_', 'b/\u{1F333}', 'b/\uFFFD']) store.write(name, bytesOf(name));
  assert.deepEqual(store.names('b/'), ['b/1', 'b/2', 'b/%', 'b/_', 'b/\u{1F333}', 'b/\uFFFD'].sort());
  assert.deepEqual(store.names('b/%'), ['b/%']);
  assert.equal(store.names('').length, 9);
  store.close();
});

test('a batch is all or nothing', () => {
  const store = new SqliteStore(join(directory, 'batch.db'));
  assert.throws(() => {
    store.batch(() => {
      store.write('a', bytesOf('1'));
      throw new Error('stop');
    });
  }, /stop/);
  assert.equal(store.read('a'), undefined);
  store.batch(() => store.write('a', bytesOf('2')));
  assert.equal(text(store.read('a') ?? new Uint8Array()), '2');
  store.close();
});

test('a second opener is refused as long as the first has the file', () => {
  const file = join(directory, 'lock.db');
  const first = new SqliteStore(file);
  assert.throws(() => new SqliteStore(file), isError('in-use'));
  first.close();
  new SqliteStore(file).close();
});

test('what write took survives kill -9, and the lock does not', async () => {
  const file = join(directory, 'killed.db');
  const source = `
    const { SqliteStore } = await import(${JSON.stringify(new URL('../../../src/host/sqlite-store.ts', import.meta.url).href)});
    const store = new SqliteStore(${JSON.stringify(file)});
    for (let i = 0; ; i++) { store.write('count', new TextEncoder().encode(String(i))); if (i % 50 === 0) process.stdout.write(i + '\\n'); }
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk: string) => {
    said += chunk;
    if (said.split('\n').length > 20) child.kill('SIGKILL');
  });
  await once(child, 'close');
  const acknowledged = Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1));
  const store = new SqliteStore(file);
  const found = Number(text(store.read('count') ?? new Uint8Array()));
  assert.ok(found >= acknowledged, `${found} is at least ${acknowledged}`);
  store.close();
});

test('a damaged file is called damaged', () => {
  const file = join(directory, 'damaged.db');
  writeFileSync(file, 'this is no database, but long enough to be looked at: '.repeat(100));
  assert.throws(() => new SqliteStore(file), isError('state'));
});

test('a file with damaged pages is called damaged', () => {
  const file = join(directory, 'pages.db');
  const store = new SqliteStore(file);
  for (let i = 0; i < 500; i++) store.write(`name ${i}`, new Uint8Array(500).fill(i));
  store.close();
  const size = statSync(file).size;
  const bytes = Buffer.alloc(size - 4096, 0xa5);
  const head = new SqliteStore(file); // reopening proves that it was whole
  head.close();
  writeFileSync(file, Buffer.concat([Buffer.from('SQLite format 3\0'), bytes]));
  assert.throws(() => new SqliteStore(file), isError('state'));
});

test('a directory that cannot be made is said so', () => {
  const file = join(directory, 'in-the-way');
  writeFileSync(file, '');
  assert.throws(() => new SqliteStore(join(file, 'sub', 'state.db')), isError('state'));
});
