/** `grove plan` and `grove sim alm` as programs: JSON on stdout, exit codes, a readable tree. No peer runs. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { Grove, oneSentence } from './grove.ts';

const grove = new Grove();
after(async () => grove.end());

const INSTANCE = { root: 0, members: [0, 1, 2, 3], helpers: [4], degrees: [1, 2, 2, 2, 4], coordinates: [[0, 0], [20, 0], [10, 11], [10, -12], [10, 0]], budgetMs: 50 };

function file(name: string, content: unknown): string {
  const path = grove.path(name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

test('a plan as JSON has all its fields', async () => {
  const answer = await grove.json('plan', file('a.json', INSTANCE));
  const { elapsedMs, moves, amcastHeightMs, ...rest } = answer;
  assert.equal(typeof elapsedMs, 'number');
  assert.equal(typeof moves, 'number');
  assert.ok(Number(amcastHeightMs) > 22);
  assert.deepEqual(rest, { parents: { 1: 4, 2: 4, 3: 4, 4: 0 }, heightMs: 22, starBoundMs: 20, helpers: [4], bottleneckMbps: null, varianceMs2: 2 / 3 });
});

test('without --json it is a tree that one can read', async () => {
  const { code, stdout } = await grove.run(['plan', file('b.json', INSTANCE)]);
  assert.equal(code, 0);
  assert.match(stdout.toString(), /^0 {2}0\.0 ms {2}root\n└─ 4 {2}10\.0 ms {2}helper\n {3}├─ 1/);
});

test('no tree: exit code 1, and the reason', async () => {
  const path = file('c.json', { ...INSTANCE, degrees: [1, 1, 1, 0, 1] });
  const { code, stdout } = await grove.run(['plan', path, '--json']);
  assert.equal(code, 1);
  assert.deepEqual(JSON.parse(stdout.toString()), { infeasible: true, reason: 'member 3 has no free link, and every member needs one' });
  const plain = await grove.run(['plan', path]);
  assert.equal(plain.code, 1);
  assert.match(oneSentence(plain.stderr), /There is no tree: member 3/);
});

test('round trips from a file: half of one is one way', async () => {
  mkdirSync(grove.path('m'));
  writeFileSync(grove.path('m/meta.json'), JSON.stringify({ n: 3, unit_ms: 0.5 }));
  writeFileSync(grove.path('m/x.u16'), Buffer.from(Uint16Array.of(0, 40, 80, 40, 0, 40, 80, 40, 0).buffer));
  const answer = await grove.json('plan', file('d.json', { members: [2, 0], degrees: [1, 1, 1], latencyFile: grove.path('m') }));
  assert.deepEqual([answer['parents'], answer['heightMs']], [{ 0: 2 }, 20]);
});

test('what is wrong with the file is one sentence and exit code 2', async () => {
  for (const [content, sentence] of [
    [{ ...INSTANCE, root: 4 }, /e\.json: the root 4 is not a member\./],
    ['{"members":[0,\n1', /e\.json, line 2: it is not valid JSON\./],
    ['{"members":[0], "degrees":[NaN]}', /line 1: it is not valid JSON\./],
    [{ members: [0], degrees: [1], latencyFile: '/nowhere/at/all' }, /no latency model or file "\/nowhere\/at\/all"/],
  ] as const) {
    const { code, stdout, stderr } = await grove.run(['plan', file('e.json', content), '--json']);
    assert.equal(code, 2);
    assert.match(oneSentence(stderr), sentence);
    assert.equal(stdout.length, 0);
  }
  assert.match(oneSentence((await grove.run(['plan', grove.path('none.json')])).stderr), /Cannot read/);
});

test('sim alm: one line a case, the same for the same seed; a wrong list is refused', async () => {
  const args = ['sim', 'alm', '--groups', '10', '--runs', '1', '--work', '20000', '--algorithms', 'amcast+adjust,best', '--select', 'minmax', '--json'];
  const once = await grove.run(args);
  assert.equal(once.code, 0, once.stderr);
  const cases = once.stdout.toString().trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(cases.map(({ groupSize, algorithm, select, latencies }) => [groupSize, algorithm, select, latencies]), [
    [10, 'amcast+adjust', null, 'true'], [10, 'best', 'minmax', 'true'], [10, 'best', 'minmax', 'coordinates'],
  ]);
  for (const { improvement, helpers } of cases) {
    const { mean, sd } = improvement as Record<string, number>;
    assert.ok(Number.isFinite(mean) && (sd as number) >= 0 && (helpers as Record<string, number>)['mean'] as number >= 0);
  }
  assert.deepEqual((await grove.run(args)).stdout, once.stdout);
  assert.match(oneSentence((await grove.run(['sim', 'alm', '--algorithms', 'x'])).stderr), /Each must be one of amcast\+adjust, critical/);
  assert.match(oneSentence((await grove.run(['sim', 'alm', '--groups', '1'])).stderr), /from 2 to 1200/);
  assert.match(oneSentence((await grove.run(['sim', 'alm', '--latency', 'm'])).stderr), /needs --hosts CSV/);
});
