/**
 * Deadlines against a sorted list: whatever is added and taken in between, the earliest comes first, ties by id, and
 * nothing comes early or is lost.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Deadlines } from '../../../src/core/deadlines.ts';

const step = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), at: fc.oneof(fc.nat(20), fc.double({ min: 0, max: 20, noNaN: true })) }),
  fc.record({ kind: fc.constant('pop' as const), at: fc.nat(25) }),
);

test('deadlines come in order of instant and then of id, none before its time, none twice', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
    const deadlines = new Deadlines();
    let model: { at: number; id: number }[] = [];
    let id = 0;
    for (const { kind, at } of steps) {
      if (kind === 'add') {
        id++;
        deadlines.add(at, id);
        model.push({ at, id });
        model.sort((a, b) => a.at - b.at || a.id - b.id);
      } else {
        const due = model[0] && model[0].at <= at ? model[0] : undefined;
        if (due) model = model.slice(1);
        assert.equal(deadlines.popDue(at), due?.id);
      }
      assert.equal(deadlines.size, model.length);
      assert.equal(deadlines.next(), model[0]?.at);
    }
  }));
});

test('one id may have several deadlines: removal is lazy and up to whoever asks', () => {
  const deadlines = new Deadlines();
  deadlines.add(2, 7);
  deadlines.add(1, 7);
  assert.equal(deadlines.popDue(0.5), undefined);
  assert.equal(deadlines.popDue(1), 7);
  assert.equal(deadlines.popDue(1.5), undefined);
  assert.equal(deadlines.popDue(Infinity), 7);
  assert.equal(deadlines.popDue(Infinity), undefined);
  assert.equal(deadlines.next(), undefined);
});
