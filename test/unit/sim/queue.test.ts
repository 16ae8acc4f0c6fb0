/**
 * Both event queues against a sorted array: the order of events is what every run rests on.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomFrom } from '../../../src/core/random.ts';
import { CalendarQueue } from '../../../src/sim/calendar-queue.ts';
import type { EventQueue } from '../../../src/sim/queue.ts';
import { HeapQueue } from '../../../src/sim/queue.ts';

interface Pending {
  readonly at: number;
  readonly sequence: number;
}

/** Delays from zero over fractions of a day to many years of the calendar, with ties. */
const delay = fc.oneof(
  fc.constantFrom(0, 1, 1, 5, 1000),
  fc.double({ min: 0, max: 3, noNaN: true }),
  fc.integer({ min: 0, max: 500_000 }),
  fc.double({ min: 0, max: 1e9, noNaN: true }),
);
const operation = fc.oneof(
  { weight: 3, arbitrary: delay.map((ms) => ({ push: ms })) },
  { weight: 2, arbitrary: fc.constantFrom(Infinity, 0, 10).map((ms) => ({ popWithin: ms })) },
);

function checkAgainstModel(queue: EventQueue, operations: ({ push: number } | { popWithin: number })[]): void {
  const model: Pending[] = [];
  let now = 0;
  let sequence = 0;
  const pop = (limit: number): void => {
    model.sort((a, b) => a.at - b.at || a.sequence - b.sequence);
    const expected = model[0] !== undefined && model[0].at <= limit ? model.shift() : undefined;
    assert.equal(queue.pop(limit), expected !== undefined);
    if (expected === undefined) return;
    assert.deepEqual([queue.at, queue.argument], [expected.at, expected.sequence]);
    assert.equal(queue.object, `o${expected.sequence}`);
    assert.equal(queue.kind, expected.sequence % 7);
    assert.equal(queue.peer, -1 - expected.sequence);
    now = expected.at;
  };
  for (const step of operations) {
    if ('push' in step) {
      queue.push(now + step.push, sequence % 7, -1 - sequence, sequence, `o${sequence}`);
      model.push({ at: now + step.push, sequence: sequence++ });
    } else {
      pop(now + step.popWithin);
    }
    assert.equal(queue.size, model.length);
  }
  while (model.length > 0) pop(Infinity);
  assert.equal(queue.pop(Infinity), false);
}

for (const [name, make] of [
  ['heap', () => new HeapQueue()],
  ['calendar', () => new CalendarQueue()],
  ['calendar with long days', () => new CalendarQueue(undefined, 250)],
] as const) {
  test(`${name}: pops by (time, sequence of pushing), whatever is pushed meanwhile`, () => {
    fc.assert(fc.property(fc.array(operation, { maxLength: 200 }), (steps) => checkAgainstModel(make(), steps)));
  });

  test(`${name}: grows beyond its first capacity and keeps the order`, () => {
    const steps = Array.from({ length: 5000 }, (_, i) => ({ push: (i * 7919) % 100_003 }));
    checkAgainstModel(make(), steps.slice(0, 3000));
  });
}

test('both queues pop the same sequence', () => {
  const seeds = fc.array(operation, { maxLength: 400 });
  fc.assert(
    fc.property(seeds, fc.boolean(), (steps, ties) => {
      const heap = new HeapQueue(ties ? randomFrom(1) : undefined);
      const calendar = new CalendarQueue(ties ? randomFrom(1) : undefined);
      let argument = 0;
      for (const step of steps) {
        if ('push' in step) {
          heap.push(heap.at + step.push, 1, 2, argument, undefined);
          calendar.push(calendar.at + step.push, 1, 2, argument++, undefined);
        } else {
          assert.equal(heap.pop(heap.at + step.popWithin), calendar.pop(calendar.at + step.popWithin));
          assert.deepEqual([heap.at, heap.argument], [calendar.at, calendar.argument]);
        }
      }
    }),
  );
});

test('random ties: every order of three equal times occurs, unequal times keep theirs', () => {
  const orders = new Set<string>();
  for (let seed = 0; seed < 100; seed++) {
    const queue = new HeapQueue(randomFrom(seed));
    for (const [at, name] of [[5, 'last'], [1, 'a'], [1, 'b'], [1, 'c']] as const) queue.push(at, 0, 0, 0, name);
    const order: unknown[] = [];
    while (queue.pop(Infinity)) order.push(queue.object);
    assert.equal(order.pop(), 'last');
    orders.add(order.join(''));
  }
  assert.equal(orders.size, 6);
});

test('a queue forgets the object it handed out', () => {
  for (const queue of [new HeapQueue(), new CalendarQueue()]) {
    queue.push(1, 1, 1, 1, { large: true });
    assert.equal(queue.pop(5), true);
    assert.equal(queue.pop(5), false);
    assert.equal(queue.object, undefined);
  }
});
