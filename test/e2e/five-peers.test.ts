/**
 * What the README promises of the pool as one thing: five peers seen in one table, a question with a condition that changes
 * with its machines, a message to two of them only, and the view whole again after the machine at the root was killed.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Grove, until } from './grove.ts';
import type { PeerProcess } from './grove.ts';

const grove = new Grove();
const NAMES = ['a', 'b', 'c', 'd', 'e'];
const peers: PeerProcess[] = [];

interface Answer {
  readonly values?: Readonly<Record<string, number>>;
  readonly rows?: readonly Readonly<Record<string, unknown>>[];
  readonly coverage: { readonly space: number; readonly machines: number };
  readonly ageMs: number;
  readonly tookMs: number;
  readonly visited: number;
}

interface Tree {
  readonly k: number;
  readonly self: { readonly level: number; readonly key: number; readonly parent: { readonly level: number; readonly key: number; readonly peerId: string } | null };
  readonly children: readonly { readonly peerId: string }[];
  readonly height: number;
  readonly machines: number;
}

before(async () => {
  const first = await grove.up('a', ['--attribute', 'region=eu', 'slot=1', '--degree', '4']);
  peers.push(first);
  const invite = await grove.invite(first);
  for (const [i, name] of NAMES.entries()) {
    if (i > 0) peers.push(await grove.up(name, ['--join', invite, '--attribute', `region=${i < 2 ? 'eu' : 'us'}`, `slot=${i + 1}`]));
  }
  await until('all five are counted', async () => (await first.asks<Answer>('pool/query?expression=count()')).values?.['count()'] === 5);
});
after(async () => grove.end());

async function ask(peer: number, ...args: readonly string[]): Promise<Answer> {
  return grove.json<Answer>('query', ...args, '--data', dataOf(peer));
}

function dataOf(peer: number): string {
  return (peers[peer] as PeerProcess).data;
}

test('grove top shows all five machines with what they measure', async () => {
  await until('everybody has measured its load, and somebody its uplink with a neighbour', async () => {
    const { rows = [] } = await (peers[1] as PeerProcess).asks<Answer>('pool/snapshot');
    return rows.length === 5 && rows.every((row) => typeof row['cpu.load'] === 'number') && rows.some((row) => typeof row['net.up'] === 'number');
  });
  const { rows = [] } = await grove.json<Answer>('top', '--data', dataOf(1));
  assert.deepEqual(rows.map((row) => row['name']).sort(), NAMES);
  for (const row of rows) {
    assert.ok((row['cpu.load'] as number) <= 1 && (row['cpu.cores'] as number) >= 1);
    assert.ok((row['mem.free'] as number) > 0 && (row['mem.total'] as number) >= (row['mem.free'] as number) && (row['disk.free'] as number) > 0);
    assert.ok(row['net.up'] === null || (row['net.up'] as number) > 1e6, 'not measured is null, not a guess');
    assert.deepEqual(row['degree.table'], [0, 0, 0]);
  }
  const { code, stdout } = await grove.run(['top', '--data', dataOf(1)]);
  assert.equal(code, 0);
  for (const name of NAMES) assert.match(stdout.toString(), new RegExp(`^${name} `, 'm'));
});

test('a question with a condition: any peer, the same answer', async () => {
  for (const peer of [0, 3]) {
    const { values, coverage, visited } = await ask(peer, 'count(), sum(slot), top(slot, 2)', '--where', 'region == "us"');
    assert.equal(values?.['count()'], 3);
    assert.equal(values['sum(slot)'], 12);
    assert.deepEqual(coverage, { space: 1, machines: 5 });
    assert.ok(visited >= 1 && visited <= 5);
  }
  const rows = (await ask(2, 'name, slot', '--where', 'slot >= 4')).rows ?? [];
  assert.deepEqual(rows.map((row) => row['name']).sort(), ['d', 'e']);
});

test('regions: the halves of the circle together are the whole', async () => {
  const [left, right] = [await ask(0, 'count()', '--region', '0..0.5'), await ask(0, 'count()', '--region', '0.5..1')];
  assert.equal((left.values?.['count()'] ?? 0) + (right.values?.['count()'] ?? 0), 5);
});

test('--watch prints one line for each change', async () => {
  const watch = grove.background(['query', 'count(), sum(slot)', '--watch', '--json', '--data', dataOf(1)]);
  await until('the first answer', async () => watch.lines().some((line) => (JSON.parse(line) as Answer).values?.['sum(slot)'] === 15));
  const late = await grove.up('f', ['--join', await grove.invite(peers[0] as PeerProcess), '--attribute', 'slot=100']);
  await until('the newcomer is in the answer', async () => watch.lines().some((line) => (JSON.parse(line) as Answer).values?.['sum(slot)'] === 115));
  const texts = watch.lines().map((line) => JSON.stringify([(JSON.parse(line) as Answer).values, (JSON.parse(line) as Answer).coverage]));
  texts.forEach((text, i) => assert.ok(i === 0 || text !== texts[i - 1], 'only changes are printed'));
  await late.exit('SIGTERM');
  await watch.stop();
});

test('a message to two of them only', async () => {
  const listeners = peers.map((peer) => grove.background(['listen', 'deploy', '--json', '--data', peer.data]));
  // The first message that each prints proves that it hears.
  await until('everybody hears', async () => {
    await grove.json('tell', 'deploy', 'ready?', '--data', dataOf(0));
    return listeners.every((listener) => listener.lines().length > 0);
  });
  const told = await grove.json<{ delivered: number; coverage: { machines: number } }>('tell', 'deploy', 'v42', '--where', 'region == "eu"', '--data', dataOf(4));
  assert.equal(told.delivered, 2);
  await until('two have it', async () => listeners.filter((listener) => listener.lines().some((line) => line.includes('v42'))).length === 2);
  const who = listeners.map((listener, i) => (listener.lines().some((line) => line.includes('v42')) ? NAMES[i] : '')).filter((name) => name !== '');
  assert.deepEqual(who, ['a', 'b']);
  for (const listener of listeners) await listener.stop();
});

test('grove tree and grove peers', async () => {
  const trees = await Promise.all(peers.map(async (peer) => grove.json<Tree>('tree', '--data', peer.data)));
  const roots = trees.filter(({ self }) => self.parent === null);
  assert.equal(roots.length, 1);
  assert.deepEqual([roots[0]?.self.level, roots[0]?.self.key], [0, 0.5]);
  for (const { k, machines, height } of trees) assert.ok(k === 8 && machines === 5 && height >= 1 && height <= 5);
  const { code, stdout } = await grove.run(['tree', '--svg', '--data', dataOf(3)]);
  const svg = stdout.toString();
  assert.ok(code === 0 && svg.startsWith('<svg') && svg.includes('>5 machines, k = 8, height'));
  for (const name of NAMES) assert.match(svg, new RegExp(`<text class="name${name === 'd' ? ' self' : ''}"[^>]*>${name}</text>`));
  const { rows = [] } = await grove.json<Answer>('peers', '--near', 'b', '--min-degree', '4', '--priority', '2', '--data', dataOf(2));
  assert.deepEqual(rows.map((row) => [row['name'], row['freeDegree']]), [['a', 4]]);
});

test('bad input gets one clear sentence and exit code 2', async () => {
  const wrong: [string[], RegExp][] = [
    [['query', 'avg(cpu.lod)'], /no field of a report/], [['query', 'count()', '--where', 'region =='], /The condition "region ==" is wrong/],
    [['query', 'count()', '--where', 'region == 5'], /no such overload/], [['query', 'count()', '--region', '0..2'], /A region is two shares/],
    [['query', 'count()', '--watch', '--where', '1 + 1'], /not true or false/], [['tell', 'x'.repeat(70), 'y'], /A topic has/], [['snapshot', '--sort', 'region'], /no number/],
  ];
  for (const [args, sentence] of wrong) {
    const { code, stderr } = await grove.run([...args, '--data', dataOf(0)]);
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, sentence);
    assert.equal(stderr.trim().split('\n').length, 1);
  }
});

test('the machine at the root is killed: the view is whole again within seconds', async () => {
  const trees = await Promise.all(peers.map(async (peer) => grove.json<Tree>('tree', '--data', peer.data)));
  const root = trees.findIndex(({ self }) => self.parent === null);
  await (peers[root] as PeerProcess).exit('SIGKILL');
  const asker = peers[(root + 1) % peers.length] as PeerProcess;
  const startedAt = performance.now();
  await until('four machines, the whole circle', async () => {
    const { values, coverage } = await asker.asks<Answer>('pool/query?expression=count()').catch(() => ({ values: undefined, coverage: { space: 0 } }));
    return values?.['count()'] === 4 && coverage.space > 0.999;
  });
  console.log(`# whole again after ${Math.round(performance.now() - startedAt)} ms`);
});
