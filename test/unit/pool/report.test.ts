/** Reports within limits, and queries as people write them: what is accepted, and which sentence the rest gets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GroveError } from '../../../src/core/errors.ts';
import { Ops } from '../../../src/protocol/pool/ops.ts';
import { answerOf, checkedCall, parseQuery, snapshotQuery } from '../../../src/protocol/pool/query.ts';
import type { Value } from '../../../src/protocol/pool/report.ts';
import { checkAttributes, clamped, FIELDS, fieldName } from '../../../src/protocol/pool/report.ts';

const ops = new Ops();
const refusal = (pattern: RegExp) => (error: unknown): boolean => error instanceof GroveError && error.code === 'usage' && pattern.test(error.message);

test('impossible values are pulled to the limit or dropped, and counted', () => {
  const counts = { clamped: 0, dropped: 0 };
  const kept = clamped(new Map<string, Value>([
    ['mem.free', -5], ['degree.bound', 1e6], ['cpu.load', Number.NaN], ['net.up', Infinity], ['region', 7], ['cpu.cores', 'eight'], ['region2', 'x'.repeat(200)],
    ['__proto__', 1], ['Bad Name', 1], ['cpu.lod', 1], ['coord', [1, 2, 1e9, 0.1]], ['degree.table', [1, 2, 3, 4]], ['uptime', 60],
  ]), counts);
  assert.deepEqual(Object.fromEntries(kept), { 'mem.free': 0, 'degree.bound': 1_000, 'net.up': 1e12, coord: [1, 2, 1e5, 0.1], uptime: 60 });
  assert.deepEqual(counts, { clamped: 4, dropped: 8 });
});

test('a report with nothing wrong stays the very same', () => {
  const report = new Map<string, Value>([['cpu.load', 0.5], ['region', 'eu'], ['rack', 'b7']]);
  const counts = { clamped: 0, dropped: 0 };
  assert.equal(clamped(report, counts), report);
  assert.deepEqual(counts, { clamped: 0, dropped: 0 });
});

test('the fixed names are all there, each with a number of its own', () => {
  const names = ['cpu.load', 'cpu.cores', 'mem.total', 'mem.free', 'disk.free', 'net.up', 'net.down', 'coord', 'addr', 'uptime', 'version', 'region', 'degree.bound', 'degree.table'];
  assert.deepEqual(names.filter((name) => !FIELDS.has(name)), []);
  for (const [name, { id }] of FIELDS) assert.equal(fieldName(id), name);
});

test('attributes that do not fit are refused with a sentence', () => {
  checkAttributes(new Map<string, Value>([['rack', 'b7'], ['gpu.count', 2], ['region', 'eu']]));
  const wrong: [Map<string, Value>, RegExp][] = [
    [new Map([['cpu.lod', 1]]), /cannot be the name/], [new Map([['Rack', 1]]), /cannot be the name/], [new Map([['cpu.load', 1]]), /cannot be the name/],
    [new Map([['rack', 'x'.repeat(300)]]), /does not fit/], [new Map([['rack', 1e300]]), /does not fit/], [new Map<string, Value>([['gpu', 1], ['gpu.count', 1]]), /beginning of another/],
    [new Map(Array.from({ length: 33 }, (_, i) => [`a${i}`, 1])), /at most 32/],
    [new Map(Array.from({ length: 32 }, (_, i) => [`a${i}`, 'x'.repeat(120)])), /bytes/],
  ];
  for (const [attributes, pattern] of wrong) assert.throws(() => checkAttributes(attributes), refusal(pattern));
});

test('queries are read as people write them', () => {
  const { labels, calls } = parseQuery('avg(cpu.load), p95(mem.free), top( net.up , 5 ), count(), count(region)', ops);
  assert.deepEqual(labels, ['avg(cpu.load)', 'p95(mem.free)', 'top( net.up , 5 )', 'count()', 'count(region)']);
  assert.deepEqual(calls, [
    { op: 'avg', field: 'cpu.load', parameter: 0 }, { op: 'quantile', field: 'mem.free', parameter: 0.95 }, { op: 'top', field: 'net.up', parameter: 5 },
    { op: 'count', field: '', parameter: 0 }, { op: 'count', field: 'region', parameter: 0 },
  ]);
  assert.deepEqual(parseQuery('cpu.load, region', ops).columns, ['cpu.load', 'region']);
  assert.deepEqual(parseQuery('quantile(rtt, 0.9), sample(3)', ops).calls[1], { op: 'sample', field: '', parameter: 3 });
  assert.deepEqual(snapshotQuery('mem.free', true, 20).calls, [{ op: 'reports', field: 'mem.free', parameter: -20 }]);
  for (const one of calls) assert.equal(checkedCall(one, ops), one);
});

test('bad input: queries that cannot be answered get one sentence', () => {
  const wrong: [string, RegExp][] = [
    ['', /at least one aggregate/], ['avg()', /needs a field/], ['avg(region)', /no number/], ['avg(cpu.lod)', /no field/], ['median(cpu.load)', /no aggregate named median/],
    ['avg(cpu.load', /no aggregate/], ['avg(cpu.load),', /comma/], ['top(cpu.load, 100000)', /from 1 to 512/], ['sum(cpu.load, 3)', /takes no number/],
    ['cpu.load, avg(cpu.load)', /no aggregate/], [Array.from({ length: 20 }, () => 'count()').join(','), /at most 16/], ['x'.repeat(5_000), /at most 1024/],
  ];
  for (const [text, pattern] of wrong) assert.throws(() => parseQuery(text, ops), refusal(pattern), text);
  assert.equal(checkedCall({ op: 'top', field: 'cpu.load', parameter: 1e9 }, ops), undefined);
  assert.equal(checkedCall({ op: 'nothing', field: '', parameter: 0 }, ops), undefined);
});

test('an aggregate over an attribute that nobody has is null, not a failure', () => {
  const query = parseQuery('avg(gpu.count), count(gpu.count), max(gpu.count)', ops);
  assert.deepEqual(answerOf(query, [undefined, undefined, undefined], ops), { values: { 'avg(gpu.count)': null, 'count(gpu.count)': 0, 'max(gpu.count)': null } });
});
