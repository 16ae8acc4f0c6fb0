/** Generated machines and their reports, and a way to merge what they say in any order and shape of tree. */
import fc from 'fast-check';
import type { Machine } from '../../../src/protocol/pool/ops.ts';
import type { Report, Value } from '../../../src/protocol/pool/report.ts';

const gaps = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined, freq: 5 });

export const report: fc.Arbitrary<Report> = fc.record<Record<string, Value | undefined>>({
  'cpu.load': gaps(fc.double({ min: 0, max: 1, noNaN: true })),
  'cpu.cores': gaps(fc.integer({ min: 1, max: 64 })),
  'mem.free': gaps(fc.integer({ min: 0, max: 2 ** 40 })),
  'net.up': gaps(fc.constantFrom(1e6, 1e7, 1e8)),
  region: gaps(fc.constantFrom('eu', 'us', 'asia')),
  rack: gaps(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k')),
  'gpu.count': gaps(fc.integer({ min: -3, max: 3 })),
  coord: gaps(fc.array(fc.integer({ min: -500, max: 500 }), { minLength: 4, maxLength: 4 })),
}).map((values) => new Map(Object.entries(values).filter((entry): entry is [string, Value] => entry[1] !== undefined)));

export const machines: fc.Arbitrary<Machine[]> = fc.array(report, { minLength: 1, maxLength: 40 })
  .map((reports) => reports.map((one, i) => ({ peerId: `peer-${i}`, report: one })));

/** Merges neighbours pair by pair, the pairs chosen by `picks`, until one is left. */
export function mergedByTree<T>(leaves: readonly T[], picks: readonly number[], merge: (a: T, b: T) => T): T {
  const left = [...leaves];
  for (let i = 0; left.length > 1; i++) {
    const at = (picks[i % picks.length] ?? 0) % (left.length - 1);
    left.splice(at, 2, merge(left[at] as T, left[at + 1] as T));
  }
  return left[0] as T;
}
