/**
 * Who fills a slot while machines that hosted the same region one after the other both speak for it (docs/decisions/0030):
 * the one that knows of more machines; of two that know of as many, the one that heard it from nearer by.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomFrom } from '../../../src/core/random.ts';
import type { Slot } from '../../../src/protocol/somo/flow.ts';
import { Slots } from '../../../src/protocol/somo/flow.ts';
import { emptyPartial } from '../../../src/protocol/somo/partial.ts';
import { LogicalTree } from '../../../src/protocol/somo/tree.ts';
import { makeContact } from '../../../src/sim/contacts.ts';

const NODE = { level: 2, index: 5 };
const random = randomFrom(1);
const [before, after] = [makeContact(random, 0), makeContact(random, 1)];
const PERIOD_MS = 10_000;

function slot(from: Slot['from'], machines: number, height: number, heardAt: number): Slot {
  return { node: NODE, from, partial: { ...emptyPartial(heardAt), machines, height }, heardAt, until: heardAt + 2 * PERIOD_MS, standsUntil: heardAt + 1.5 * PERIOD_MS };
}

function filledBy(...slots: readonly Slot[]): Slots {
  const filled = new Slots(new LogicalTree(8));
  for (const one of slots) filled.put(one);
  return filled;
}

test('a machine that took a region over and knows little of it waits while what the one before said stands', () => {
  const slots = filledBy(slot(before, 5, 2, 0), slot(after, 2, 1, 1_000));
  assert.equal(slots.find(NODE)?.from, before);
  slots.expire(1.5 * PERIOD_MS);
  assert.equal(slots.find(NODE)?.from, after);
});

test('of two that know of as many machines the one that heard it from nearer by keeps the slot: the other may only remember', () => {
  assert.equal(filledBy(slot(after, 2, 1, 0), slot(before, 2, 2, 1_000)).find(NODE)?.from, after);
  assert.equal(filledBy(slot(after, 1, 0, 0), slot(before, 1, 1, 1_000)).find(NODE)?.from, after);
  assert.equal(filledBy(slot(before, 2, 2, 0), slot(after, 2, 1, 1_000)).find(NODE)?.from, after);
});

test('a machine that speaks of itself alone takes the slot at once', () => {
  assert.equal(filledBy(slot(before, 5, 2, 0), slot(after, 1, 0, 1_000)).find(NODE)?.from, after);
});

test('what has stood longer than it may is replaced by whoever speaks', () => {
  assert.equal(filledBy(slot(before, 5, 2, 0), slot(after, 2, 1, 1.5 * PERIOD_MS)).find(NODE)?.from, after);
});

test('whoever lost the slot to one that knows of more has it again when that one speaks for nobody there any more', () => {
  const slots = filledBy(slot(after, 1, 0, 0), slot(before, 2, 1, 500));
  assert.equal(slots.find(NODE)?.from, before);
  assert.ok(slots.put(slot(before, 0, 0, 1_000)));
  assert.equal(slots.find(NODE)?.from, after);
});

test('and never after its own lease has ended', () => {
  const slots = filledBy(slot(after, 1, 0, 0), slot(before, 2, 1, 15_000));
  slots.put(slot(before, 0, 0, 2 * PERIOD_MS));
  assert.equal(slots.find(NODE), undefined);
});
