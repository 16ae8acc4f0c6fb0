/**
 * Churn: lengths are exponential, the population stays level, members are numbered as promised, traces play as read.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { GroveError } from '../../../src/core/errors.ts';
import { randomFrom } from '../../../src/core/random.ts';
import type { ChurnHandlers, ChurnRates } from '../../../src/sim/churn.ts';
import { startChurn } from '../../../src/sim/churn.ts';
import type { ChurnTrace } from '../../../src/sim/churn-trace.ts';
import { parseTrace, startTrace } from '../../../src/sim/churn-trace.ts';
import { readTrace } from '../../../src/sim/edge/trace-file.ts';
import { exponential } from '../../../src/sim/exponential.ts';
import type { ToyWorld } from './toy.ts';
import { toyWorld } from './toy.ts';

const folder = mkdtempSync(join(tmpdir(), 'grove-churn-'));
after(() => rmSync(folder, { recursive: true }));

/** Keeps who is online and writes down every change; fails on an impossible one. */
function recorder(world: ToyWorld): ChurnHandlers & { log: string[]; online: Set<number>; members: number } {
  const online = new Set<number>();
  const log: string[] = [];
  const record = {
    online,
    log,
    members: 0,
    arrive(member: number, returning: boolean): void {
      assert.ok(!online.has(member));
      assert.equal(returning, member < record.members);
      if (!returning) assert.equal(member, record.members++, 'numbers follow the order of first arrival');
      online.add(member);
      log.push(`${world.now()} +${member}`);
    },
    depart(member: number, graceful: boolean): void {
      assert.ok(online.delete(member));
      log.push(`${world.now()} ${graceful ? '-' : 'x'}${member}`);
    },
  };
  return record;
}

test('exponential lengths: mean, median and 90th percentile', () => {
  const random = randomFrom(11);
  const draws = Array.from({ length: 40_000 }, () => exponential(random, 100)).sort((a, b) => a - b);
  const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
  assert.ok(Math.abs(mean - 100) < 2, `mean ${mean}`);
  assert.ok(Math.abs((draws[20_000] as number) - 100 * Math.LN2) < 2);
  assert.ok(Math.abs((draws[36_000] as number) - 100 * Math.LN10) < 6);
});

test('fresh identities: the population never changes, departures come at the rate of the sessions', () => {
  const world = toyWorld();
  const record = recorder(world);
  const rates: ChurnRates = { online: 50, meanSessionMs: 60_000, who: 'fresh', gracefulShare: 0.5, rampMs: 1000 };
  const churn = startChurn(world, rates, record, world.random('churn'));
  world.runUntil(1000);
  const samples: number[] = [];
  for (let minute = 0; minute < 60; minute++) {
    world.runFor(60_000);
    samples.push(record.online.size, churn.online);
  }
  assert.ok(samples.every((online) => online === 50));
  const departures = record.log.filter((line) => !line.includes('+'));
  assert.ok(Math.abs(departures.length / 3000 - 1) < 0.1, `${departures.length} departures`);
  const graceful = departures.filter((line) => line.includes('-')).length;
  assert.ok(Math.abs(graceful / departures.length - 0.5) < 0.05);
  churn.stop();
  const before = record.log.length;
  world.runFor(600_000);
  assert.equal(record.log.length, before);
});

test('returning members: the same come back after their downtime, the level holds on average', () => {
  const world = toyWorld({ seed: 4 });
  const record = recorder(world);
  const times = { meanSessionMs: 60_000, meanDowntimeMs: 30_000 };
  startChurn(world, { online: 100, who: 'returning', gracefulShare: 0, ...times }, record, world.random('churn'));
  let sum = 0;
  for (let minute = 0; minute < 100; minute++) {
    world.runFor(60_000);
    sum += record.online.size;
  }
  assert.equal(record.members, 150);
  assert.ok(Math.abs(sum / 100 - 100) < 4, `${sum / 100} online on average`);
  assert.ok(!record.log.some((line) => line.includes('-')));
});

test('churn repeats with its seed', () => {
  const run = (seed: number): string[] => {
    const world = toyWorld({ seed });
    const record = recorder(world);
    const rates: ChurnRates = { online: 10, meanSessionMs: 1000, who: 'fresh', gracefulShare: 0.2 };
    startChurn(world, rates, record, world.random('churn'));
    world.runUntil(20_000);
    return record.log;
  };
  assert.deepEqual(run(1), run(1));
  assert.notDeepEqual(run(1), run(2));
});

const TRACE = '7 2 0 10 20 40\n3 1 5 40\n9 1 10 15\n';

function traceOf(text: string): ChurnTrace {
  const trace = parseTrace(text, 'test');
  assert.ok(typeof trace === 'object');
  return trace;
}

test('a trace plays as it was recorded; who is online at its end stays', () => {
  const world = toyWorld();
  const record = recorder(world);
  const played = startTrace(world, traceOf(TRACE), { gracefulShare: 1 }, record, world.random('churn'));
  world.runUntil(100_000);
  const expected = ['0 +0', '5000 +1', '10000 -0', '10000 +2', '15000 -2', '20000 +0'];
  assert.deepEqual([record.log, played.members, played.online], [expected, 3, 2]);
});

test('a part of a trace, faster, begins with those who are online', () => {
  const world = toyWorld();
  world.runUntil(500);
  const record = recorder(world);
  const part = { fromMs: 7000, lengthMs: 10_000, speed: 2, gracefulShare: 0 };
  startTrace(world, traceOf(TRACE), part, record, world.random('churn'));
  world.runUntil(100_000);
  assert.deepEqual(record.log, ['500 +0', '500 +1', '2000 x1', '2000 +2', '4500 x2']);
});

test('a sample of a trace has as many members as asked for', () => {
  const text = Array.from({ length: 100 }, (_, id) => `${id} 1 ${id} ${id + 500}`).join('\n');
  const world = toyWorld();
  const record = recorder(world);
  const sampled = { membersMax: 30, gracefulShare: 0 };
  const played = startTrace(world, traceOf(text), sampled, record, world.random('churn'));
  world.runUntil(1e6);
  assert.deepEqual([played.members, record.members], [30, 30]);
});

test('traces are read plain and gzipped; bad ones are usage errors that name the line', () => {
  const plain = join(folder, 'small.avt');
  const packed = join(folder, 'small.avt.gz');
  writeFileSync(plain, TRACE);
  writeFileSync(packed, gzipSync(TRACE));
  assert.deepEqual(readTrace(plain).sessions, readTrace(packed).sessions);
  assert.equal(readTrace(packed).lengthMs, 40_000);
  const refuses = (path: string, expected: RegExp): void => {
    const matches = (error: unknown): boolean =>
      error instanceof GroveError && error.code === 'usage' && expected.test(error.message);
    assert.throws(() => readTrace(path), matches);
  };
  refuses(join(folder, 'missing.avt'), /Cannot read/);
  for (const [text, expected] of [
    ['', /it has no sessions/],
    ['1 1 0 10\n2 2 0 10', /line 2 is not "id sessions from to/],
    ['1 1 0 ten', /line 1 is not/],
    ['1 1 10 10', /line 1 has sessions that are empty/],
    ['1 2 0 10 5 20', /line 1 has sessions that are empty, overlap/],
  ] as const) {
    writeFileSync(plain, text);
    refuses(plain, expected);
  }
  writeFileSync(packed, TRACE);
  refuses(packed, /is not a gzip file/);
});
