/** Everything a person can get wrong with a peer or a command: a sentence, the right exit code, and nothing broken. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { Grove, oneSentence, until } from './grove.ts';
import type { Ended, PeerProcess } from './grove.ts';

const grove = new Grove();
let a: PeerProcess;
const LOCAL = ['--listen', '/ip4/127.0.0.1/tcp/0', '--api', '127.0.0.1:0', '--json'];

before(async () => {
  writeFileSync(grove.path('key'), 'a1'.repeat(32));
  writeFileSync(grove.path('other-key'), Buffer.alloc(32, 9));
  a = await grove.up('a', ['--pool-key', grove.path('key'), '--routing', 'chord']);
});
after(async () => grove.end());

async function refused(code: number, sentence: RegExp, args: readonly string[]): Promise<Ended> {
  const ended = await grove.run(args);
  assert.equal(ended.code, code, `grove ${args.join(' ')}: ${ended.stderr}`);
  assert.match(oneSentence(ended.stderr), sentence);
  assert.equal(ended.stdout.length, 0, 'nothing on stdout');
  return ended;
}

async function upRefused(code: number, sentence: RegExp, name: string, args: readonly string[]): Promise<void> {
  await refused(code, sentence, ['up', '--data', grove.path(name), ...LOCAL, ...args]);
}

test('a second peer on the same state is refused, and the first goes on', async () => {
  await upRefused(1, new RegExp(`process ${a.ready.pid}.*--data`), 'a', []);
  assert.equal((await grove.json('status', '--data', a.data))['state'], 'active');
});

test('a join address where nobody answers ends with a sentence that names it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  const address = `/ip4/127.0.0.1/tcp/${port}`;
  await upRefused(1, new RegExp(`Nobody answered at ${address} .*firewall`), 'nobody', ['--join', address, '--pool-key', grove.path('key')]);
});

test('a signal while a peer still tries to join ends it at once, cleanly', async () => {
  const peer = grove.begin('joining', ['--join', '/ip4/127.0.0.1/tcp/1', '--pool-key', grove.path('key')]);
  await until('it has begun', async () => existsSync(grove.path('joining/token')));
  assert.equal(await peer.exit('SIGTERM'), 0);
  assert.deepEqual([peer.stdout, peer.stderr], ['', '']);
  assert.ok(!existsSync(grove.path('joining/pool.json')), 'a pool that was never entered is not remembered');
});

test('a wrong pool key is refused at the handshake, and gets no further', async () => {
  const address = a.ready.addresses[0] ?? '';
  await upRefused(1, /another pool.*pool key/, 'stranger', ['--join', address, '--pool-key', grove.path('other-key')]);
  assert.equal((await grove.json<{ size: number }>('ring', '--data', a.data)).size, 1);
});

test('an address and the right key let a peer in, with the settings of the pool', async () => {
  const b = await grove.up('b', ['--join', a.ready.addresses[0] ?? '', '--pool-key', grove.path('key')]);
  await b.seesRing(2);
  assert.equal((await grove.json<{ pool: { strategy: string } }>('status', '--data', b.data)).pool.strategy, 'chord');
  assert.equal(await b.exit('SIGTERM'), 0);
});

test('flags that contradict the pool, the invite or each other are wrong usage', async () => {
  const invite = await grove.invite(a);
  await upRefused(2, /--routing chord, not can/, 'c1', ['--join', invite, '--routing', 'can']);
  await upRefused(2, /two different pools/, 'c2', ['--join', invite, '--pool-key', grove.path('other-key')]);
  await upRefused(1, /in use|runs on/, 'a', ['--pool-key', grove.path('other-key')]);
  await upRefused(2, /incomplete or damaged/, 'c3', ['--join', invite.slice(0, -5)]);
  await upRefused(2, /neither an invite nor an address/, 'c4', ['--join', 'localhost']);
  await upRefused(2, /no routing strategy/, 'c5', ['--routing', 'nosuch']);
  await upRefused(2, /whole number from 1 to 16/, 'c6', ['--leafset', '99']);
  await upRefused(2, /cannot be read/, 'c7', ['--pool-key', grove.path('absent')]);
  await upRefused(2, /HOST:PORT/, 'c8', ['--api', 'nonsense']);
});

test('the API never listens on anything but loopback', async () => {
  await refused(2, /loopback only/, ['up', '--data', grove.path('open'), '--api', '0.0.0.0:0', '--json']);
});

test('a port that is taken is said so, for peers and for the API', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const data = ['--data', grove.path('taken')];
  await refused(1, /[Cc]annot listen/, ['up', ...data, '--listen', `/ip4/127.0.0.1/tcp/${port}`, '--api', '127.0.0.1:0', '--json']);
  await refused(1, /cannot listen.*--api/, ['up', ...data, '--listen', '/ip4/127.0.0.1/tcp/0', '--api', `127.0.0.1:${port}`, '--json']);
  server.close();
});

test('corrupt or unusable state is named, with what to do', async () => {
  mkdirSync(grove.path('corrupt'));
  writeFileSync(grove.path('corrupt/grove.db'), 'this is no database'.repeat(500));
  await upRefused(1, /grove\.db is damaged.*(restore|move)/, 'corrupt', []);
  mkdirSync(grove.path('bad-pool'));
  writeFileSync(grove.path('bad-pool/pool.json'), '{');
  await upRefused(1, /pool\.json is damaged/, 'bad-pool', []);
  writeFileSync(grove.path('file'), '');
  await upRefused(1, /cannot be used as the state directory/, 'file/below', []);
});

test('commands without a running peer say how to start one', async () => {
  for (const command of [['status'], ['ring'], ['lookup', 'k'], ['get', 'k'], ['put', 'k', 'v'], ['delete', 'k'], ['invite'], ['ref', 'get', 'a', 'f']]) {
    await refused(1, /No peer runs on .*grove up/, [...command, '--data', grove.path('absent'), '--json']);
  }
  writeFileSync(grove.path('token'), 'x'.repeat(40));
  await refused(1, /No peer answers at/, ['status', '--api', 'http://127.0.0.1:1', '--token-file', grove.path('token')]);
});

test('wrong usage is exit code 2 and one sentence', async () => {
  await refused(2, /Unknown command/, ['nosuch']);
  await refused(2, /Unknown option/, ['status', '--nosuch']);
  await refused(2, /Missing required argument/, ['lookup']);
  await refused(2, /Give a value/, ['put', 'k', '--data', a.data]);
  await refused(2, /not both/, ['put', 'k', 'v', '--file', 'f', '--data', a.data]);
  await refused(2, /cannot be empty/, ['get', '', '--data', a.data]);
  await refused(2, /go together/, ['status', '--api', a.ready.api]);
  await refused(2, /not a Grove invite/, ['join', 'nonsense', '--data', a.data]);
  await refused(2, /Allowed choices/, ['sim', 'ring', '--strategy', 'nosuch']);
});

test('what is too large is refused with its limit', async () => {
  await refused(1, /1024 are allowed/, ['put', 'k'.repeat(1_025), 'v', '--data', a.data]);
  await grove.json('put', 'k', 'v', '--data', a.data);
  await refused(1, /at most 64 bytes/, ['ref', 'set', 'k', 'f'.repeat(65), 'k', '--data', a.data]);
  await refused(2, /reserved/, ['ref', 'set', 'k', '#0', 'k', '--data', a.data]);
});

test('help is everywhere, on stdout, with examples and exit code 0', async () => {
  for (const command of [[], ['up'], ['get'], ['ref'], ['ref', 'set'], ['sim', 'ring'], ['join']]) {
    const { code, stdout, stderr } = await grove.run([...command, '--help']);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout.toString('utf8'), /Usage: grove[\s\S]*Examples:\n {2}/);
  }
});
