/** Conditions: what they match, what is refused with which sentence, and that no subtree with a match is ever passed over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GroveError } from '../../../src/core/errors.ts';
import { compile } from '../../../src/protocol/pool/cel.ts';
import { mergeSummaries, summaryOf } from '../../../src/protocol/pool/summary.ts';
import { machines, mergedByTree } from './machines.ts';

const eu = new Map<string, number | string | readonly number[]>([['region', 'eu'], ['cpu.load', 0.7], ['cpu.cores', 8], ['gpu.count', 2], ['degree.table', [1, 0, 0]]]);

const comparison = fc.oneof(
  fc.tuple(fc.constantFrom('cpu.load', 'cpu.cores', 'gpu.count', 'mem.free', 'tpu.count'), fc.constantFrom('<', '<=', '>', '>=', '==', '!='), fc.constantFrom('0.5', '1', '4', '-1', '2.0', '1000000')).map((parts) => parts.join(' ')),
  fc.tuple(fc.constantFrom('region', 'rack', 'zone'), fc.constantFrom('==', '!=', '<', '>='), fc.constantFrom('"eu"', '"us"', '"a"', '"k"', '"nowhere"')).map((parts) => parts.join(' ')),
  fc.constantFrom('region in ["eu", "asia"]', 'rack in ["j", "k"]', 'true', 'false', '0.5 < cpu.load', 'region.startsWith("e")', 'has(gpu.count)', 'size(coord) == 4'),
);
const condition = fc.letrec<{ any: string }>((tie) => ({
  any: fc.oneof({ maxDepth: 3 }, comparison, tie('any').map((one) => `!(${one})`), fc.tuple(tie('any'), fc.constantFrom('&&', '||'), tie('any')).map(([a, by, b]) => `(${a}) ${by} (${b})`)),
})).any;

test('a subtree in which a machine matches is never passed over', () => {
  fc.assert(fc.property(machines, fc.array(fc.nat(1000), { minLength: 1, maxLength: 20 }), condition, (all, order, text) => {
    const predicate = compile(text);
    const summary = mergedByTree(all.map(({ report }) => summaryOf(report)), order, (a, b) => mergeSummaries([a, b]));
    if (all.some(({ report }) => predicate.matches(report))) assert.ok(predicate.couldMatch(summary), text);
  }), { seed: 4, numRuns: 2_000 });
});

test('a subtree in which nobody can match is passed over', () => {
  const summary = mergeSummaries([summaryOf(eu), summaryOf(new Map<string, string | number>([['region', 'us'], ['cpu.load', 0.2], ['cpu.cores', 4]]))]);
  for (const text of ['region == "asia"', 'cpu.load > 0.9', 'cpu.cores < 4 || cpu.load < 0.1', 'region == "eu" && cpu.cores >= 16', 'tpu.count > 0', 'false', 'region in ["asia", "africa"]', '!(cpu.load <= 1)']) {
    assert.equal(compile(text).couldMatch(summary), false, text);
  }
  for (const text of ['', 'region == "us"', 'cpu.load > 0.5', 'region != "eu"', 'gpu.count == 2']) assert.equal(compile(text).couldMatch(summary), true, text);
});

test('conditions are true, false, or not true for want of a value', () => {
  const expected: [string, boolean][] = [
    ['region == "eu"', true], ['cpu.load > 0.5 && cpu.cores >= 4', true], ['cpu.load > 1', false], ['region == "eu" || tpu.count > 1', true],
    ['tpu.count > 1', false], ['!(tpu.count > 1)', false], ['cpu.cores == 8', true], ['8 == cpu.cores', true], ['cpu.cores != 8', false], ['cpu.load * 10 > 6', true], ['gpu.count in [1, 2]', true], ['mem.free > 0', false], ['degree.table[0] == 1', true], ['', true],
  ];
  for (const [text, is] of expected) assert.equal(compile(text).matches(eu), is, text);
});

test('bad input: a condition that does not parse, is of a wrong type, or is dangerous gets one clear sentence', () => {
  const wrong: [string, RegExp][] = [
    ['cpu.load >', /Unexpected token/], ['region == 5', /no such overload/], ['cpu.lod > 1', /No such key: lod/], ['1 + 1', /type int, not true or false/],
    ['region.matches("(a+)+$")', /matches is not available/], ['foo(1)', /overload/], [`region == "${'x'.repeat(2_000)}"`, /at most 1024 bytes/],
    [Array.from({ length: 150 }, () => 'true').join('||'), /is wrong/],
    [`${'('.repeat(60)}true${')'.repeat(60)} && region == 1`, /is wrong/],
  ];
  for (const [text, sentence] of wrong) {
    assert.throws(() => compile(text), (error: unknown) => error instanceof GroveError && error.code === 'usage' && sentence.test(error.message) && !error.message.includes('\n'), text);
  }
});
