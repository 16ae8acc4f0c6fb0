/** Every aggregate against what a plain program computes from all machines, whatever the order and shape of the merging. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GroveError } from '../../../src/core/errors.ts';
import type { Call, Json, Machine } from '../../../src/protocol/pool/ops.ts';
import { isAcceptable, joined, Ops } from '../../../src/protocol/pool/ops.ts';
import { fromSummary } from '../../../src/protocol/pool/query.ts';
import { bucketOf, bucketValue, QUANTILE_ERROR } from '../../../src/protocol/pool/sketches.ts';
import type { State } from '../../../src/protocol/pool/state.ts';
import { hashText } from '../../../src/protocol/pool/state.ts';
import { isSaneField, mergeSummaries, summaryOf } from '../../../src/protocol/pool/summary.ts';
import { machines, mergedByTree } from './machines.ts';

const RUNS = { seed: 3, numRuns: 200 } as const;
const picks = fc.array(fc.nat(1000), { minLength: 1, maxLength: 50 });
const ops = new Ops();

function run(all: readonly Machine[], order: readonly number[], call: Call): Json {
  const op = ops.find(call.op);
  assert.ok(op);
  const state = mergedByTree<State | undefined>(all.map((machine) => op.init(machine, call)), order, (a, b) => joined(op, [a, b], call));
  assert.ok(!state || isAcceptable(op, state, all.length, call), 'an honest state is accepted');
  return op.finish(state, call);
}

function call(op: string, field = '', parameter = ops.find(op)?.parameter?.otherwise ?? 0): Call {
  return { op, field, parameter };
}

function numbersOf(all: readonly Machine[], field: string): number[] {
  return all.map(({ report }) => report.get(field)).filter((value) => typeof value === 'number');
}

const close = (a: Json, b: number | null): void => {
  if (b === null) assert.equal(a, null);
  else assert.ok(Math.abs((a as number) - b) <= 1e-9 * Math.max(1, Math.abs(b)), `${String(a)} is ${b}`);
};

test('count, sum, min, max and avg equal the plain computation, also when read off a summary', () => {
  fc.assert(fc.property(machines, picks, fc.constantFrom('cpu.load', 'mem.free', 'gpu.count'), (all, order, field) => {
    const numbers = numbersOf(all, field);
    const sum = numbers.reduce((total, value) => total + value, 0);
    const truth: Record<string, number | null> = {
      count: numbers.length, sum: numbers.length === 0 ? null : sum, avg: numbers.length === 0 ? null : sum / numbers.length,
      min: numbers.length === 0 ? null : Math.min(...numbers), max: numbers.length === 0 ? null : Math.max(...numbers),
    };
    const summary = mergedByTree(all.map(({ report }) => summaryOf(report)), order, (a, b) => mergeSummaries([a, b]));
    for (const [name, value] of Object.entries(truth)) {
      close(run(all, order, call(name, field)), value);
      const standing = fromSummary(call(name, field), summary, all.length);
      assert.ok(standing);
      close(ops.find(name)?.finish(standing.state, call(name, field)) ?? null, value);
    }
    assert.equal(run(all, order, call('count')), all.length);
    for (const [name, state] of summary) assert.ok(isSaneField(name, state, all.length), `an honest summary of ${name} is accepted`);
  }), RUNS);
});

test('quantiles are within the promised error of the exact ones, whatever the order', () => {
  fc.assert(fc.property(machines, picks, fc.constantFrom(0, 0.25, 0.5, 0.95, 1), fc.constantFrom('cpu.load', 'gpu.count', 'mem.free'), (all, order, q, field) => {
    const sorted = numbersOf(all, field).sort((a, b) => a - b);
    const found = run(all, order, call('quantile', field, q));
    if (sorted.length === 0) return assert.equal(found, null);
    const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] as number;
    assert.ok(Math.abs((found as number) - exact) <= QUANTILE_ERROR * Math.abs(exact) + 1e-300, `${String(found)} for ${exact}`);
  }), RUNS);
});

test('buckets are ordered like the values in them', () => {
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 }), fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 }), (a, b) => {
    if (a < b) assert.ok(bucketOf(a) <= bucketOf(b));
    if (Math.abs(a) > 1e-300) assert.ok(Math.abs(bucketValue(bucketOf(a)) - a) <= QUANTILE_ERROR * Math.abs(a));
  }), RUNS);
});

test('top, sort, sample and reports give the same rows as sorting everything in one place ([0067], a distributed merge-sort)', () => {
  fc.assert(fc.property(machines, picks, fc.integer({ min: 1, max: 12 }), (all, order, limit) => {
    const pairs = all.filter(({ report }) => typeof report.get('cpu.cores') === 'number').map(({ peerId, report }) => ({ peer: peerId, value: report.get('cpu.cores') as number }));
    const byPeer = (a: { peer: string }, b: { peer: string }): number => (a.peer < b.peer ? -1 : 1);
    assert.deepEqual(run(all, order, call('sort', 'cpu.cores', limit)), [...pairs].sort((a, b) => a.value - b.value || byPeer(a, b)).slice(0, limit));
    assert.deepEqual(run(all, order, call('top', 'cpu.cores', limit)), [...pairs].sort((a, b) => b.value - a.value || byPeer(a, b)).slice(0, limit));
    const chosen = run(all, order, call('sample', '', limit)) as { peer: string }[];
    const lowest = all.map(({ peerId }) => peerId).sort((a, b) => hashText(a, 77) - hashText(b, 77)).slice(0, limit);
    assert.deepEqual(chosen.map(({ peer }) => peer), lowest);
    const rows = run(all, order, call('reports', 'cpu.cores', -limit)) as Record<string, Json>[];
    assert.equal(rows.length, Math.min(limit, all.length));
    for (const row of rows) {
      const machine = all.find(({ peerId }) => peerId === row['peer']);
      assert.deepEqual(row, { ...Object.fromEntries(machine?.report ?? []), peer: row['peer'] });
    }
  }), RUNS);
});

test('as many large reports as there may be still fit one message, in whatever order they were merged: the last rows are left out', () => {
  const all: Machine[] = Array.from({ length: 512 }, (_, i) => ({ peerId: `peer-${i}`, report: new Map<string, number | string>([['slot', i], ['text', 'x'.repeat(3_900)]]) }));
  const fitting = (order: readonly number[]): number[] => (run(all, order, call('reports', 'slot')) as { slot: number }[]).map(({ slot }) => slot);
  const rows = fitting([0]);
  assert.ok(rows.length > 150 && rows.length < 512, `${rows.length} rows`);
  assert.deepEqual(rows, rows.map((_, i) => i), 'the first ones, and none between left out');
  for (const order of [[3, 1, 4], [1, 5, 9, 2, 6], [999, 7]]) assert.deepEqual(fitting(order), rows);
});

test('distinct is exact below 256 values and within four standard deviations above', () => {
  fc.assert(fc.property(machines, picks, (all, order) => {
    assert.equal(run(all, order, call('distinct', 'rack')), new Set(all.map(({ report }) => report.get('rack')).filter((value) => value !== undefined)).size);
  }), RUNS);
  const many = Array.from({ length: 5_000 }, (_, i) => ({ peerId: `p${i}`, report: new Map([['rack', `rack-${i % 3_000}`]]) }));
  const estimate = run(many, [0], call('distinct', 'rack')) as number;
  assert.ok(Math.abs(estimate - 3_000) < 4 * (3_000 / Math.sqrt(254)), `${estimate} of 3000`);
});

test('an operation of the user\'s own runs like a built-in one: a geometric mean', () => {
  const own = new Ops();
  own.register({
    name: 'geomean', takes: 'number',
    init: ({ report }, { field }) => ({ numbers: [1, Math.log(report.get(field) as number)], texts: [] }),
    merge: (a, b) => ({ numbers: [(a.numbers[0] as number) + (b.numbers[0] as number), (a.numbers[1] as number) + (b.numbers[1] as number)], texts: [] }),
    finish: (state) => (state ? Math.exp((state.numbers[1] as number) / (state.numbers[0] as number)) : null),
    isSane: ({ numbers }, count) => numbers.length === 2 && (numbers[0] as number) <= count,
  });
  const all = [2, 8, 4].map((value, i) => ({ peerId: `p${i}`, report: new Map([['cpu.cores', value]]) }));
  const op = own.find('geomean');
  assert.ok(op);
  const one = { op: 'geomean', field: 'cpu.cores', parameter: 0 };
  close(op.finish(joined(op, all.map((machine) => op.init(machine, one)), one), one), 4);
  assert.throws(() => own.register(op), GroveError);
});

test('states that so many machines cannot have made are refused', () => {
  const bad: [Call, State][] = [
    [call('count'), { numbers: [11], texts: [] }],
    [call('count'), { numbers: [-1], texts: [] }],
    [call('sum', 'cpu.load'), { numbers: [10.5], texts: [] }],
    [call('min', 'mem.free'), { numbers: [-1], texts: [] }],
    [call('max', 'degree.bound'), { numbers: [1e6], texts: [] }],
    [call('avg', 'cpu.load'), { numbers: [3, 3.5], texts: [] }],
    [call('avg', 'cpu.load'), { numbers: [3, Number.NaN], texts: [] }],
    [call('quantile', 'cpu.load'), { numbers: [bucketOf(0.5), 11], texts: [] }],
    [call('quantile', 'cpu.load'), { numbers: [5, 1, 4, 1], texts: [] }],
    [call('distinct', 'rack'), { numbers: Array.from({ length: 11 }, (_, i) => i), texts: [] }],
    [call('top', 'cpu.load', 3), { numbers: [0.1, 0.2, 0.3, 0.4], texts: ['a', 'b', 'c', 'd'] }],
    [call('sort', 'cpu.load'), { numbers: [7], texts: ['a'] }],
    [call('reports'), { numbers: [1], texts: ['{"peer":1}'] }],
    [call('sample'), { numbers: [1], texts: ['not json'] }],
  ];
  for (const [one, state] of bad) {
    const op = ops.find(one.op);
    assert.ok(op && !isAcceptable(op, state, 10, one), `${one.op} ${JSON.stringify(state)}`);
  }
  for (const numbers of [[5, 0, 1, 6, 1], [11, 0, 1, 5, 1], [2, 0.6, 0.4, 1, 1], [2, 0, 1.5, 1, 1], [1.5, 0, 1, 1, 1], [2, 0, 1, 1, 0], [2, 0, 1, 1, 2 ** 48], [2, 0, 1, 1]]) assert.ok(!isSaneField('cpu.load', { numbers, texts: [] }, 10));
  assert.ok(!isSaneField('mem.free', { numbers: [-5], texts: [] }, 1));
  assert.ok(!isSaneField('region', { numbers: [6, 5], texts: ['eu', 'us'] }, 10));
  assert.ok(!isSaneField('region', { numbers: [1, 1], texts: ['eu', 'eu'] }, 10));
});
