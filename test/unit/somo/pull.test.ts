/** The pull form beside the message form, in quiet pools and in those that something happens to. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CIRCLE } from '../../../src/core/position.ts';
import { childField, objectKey } from '../../../src/protocol/somo/pull.ts';
import { LogicalTree, ROOT } from '../../../src/protocol/somo/tree.ts';
import { assertSameReport, PERIOD_MS, PullWorld } from './pull-world.ts';

describe('the same root report as the message form', () => {
  // With k = 2 a node takes more levels, and with k = 3 a middle child has its parent's key.
  for (const [peers, k, turns] of [[1, 8, 1], [2, 8, 2], [30, 8, 6], [20, 2, 12], [20, 3, 8]] as const) {
    test(`${peers} peers, k = ${k}`, () => {
      const world = new PullWorld(peers, k);
      world.turns(turns);
      const report = world.latest(ROOT);
      assertSameReport(report, world.somo.view);
      assert.deepEqual([report?.machines, report?.space], [peers, CIRCLE]);
      assert.equal(world.restarted(), 0, 'nothing was lost in a quiet pool');
      const ageMs = world.somo.ring.world.now() - (report?.oldestAt ?? 0);
      assert.ok(ageMs >= 0 && ageMs <= ((report?.height ?? 0) + 2) * PERIOD_MS, `${ageMs} ms old at height ${report?.height}`);
    });
  }
});

test('with odd k a middle child has its parent\'s place on the circle, and an object of its own', () => {
  const tree = new LogicalTree(3);
  const middle = { level: 1, index: 1 };
  assert.equal(tree.key(middle), tree.key(ROOT));
  assert.notEqual(objectKey(tree, middle).hex, objectKey(tree, ROOT).hex);
  assert.equal(childField(tree, { level: 2, index: 5 }), 'child.2');
});

test('a lost object in the middle: its children hang themselves up again, and the root has everybody within a turn a level', () => {
  const world = new PullWorld(24);
  world.turns(6);
  world.lose(ROOT);
  assert.equal(world.latest(ROOT), undefined);
  world.turns(4);
  assertSameReport(world.latest(ROOT), world.somo.view);
});

test('a part of the circle that nobody is in any more: its object is not run, and its reference goes', () => {
  const world = new PullWorld(24);
  world.turns(6);
  const members = world.somo.ring.oracle.members;
  const lonely = world.children(ROOT).find((child) => world.latest(child)?.machines === 1) ?? world.children(ROOT).flatMap((child) => world.children(child)).find((child) => world.latest(child)?.machines === 1);
  assert.ok(lonely);
  const parent = world.tree.parent(lonely);
  const { from, to } = world.tree.region(lonely);
  const gone = members.find(({ position }) => position.lead >= from && position.lead < to);
  assert.ok(parent && gone);
  world.somo.ring.crash(world.somo.ring.world.indexOf(gone));
  world.turns(8);
  assert.ok(!world.children(parent).some(({ index }) => index === lonely.index));
  assert.equal(world.latest(ROOT)?.machines, 23);
  assertSameReport(world.latest(ROOT), world.somo.view);
});

test('an object that is no report counts for nothing, until its node is run again', () => {
  const world = new PullWorld(24);
  world.turns(6);
  const child = world.children(ROOT)[0];
  assert.ok(child);
  for (const value of [Uint8Array.of(1, 2, 3), new TextEncoder().encode('{"machines":1e9}')]) {
    world.spoil(child, value);
    assert.equal(world.latest(child), undefined);
    const report = world.getReport(world.hostOf(ROOT), ROOT);
    assert.ok((report?.machines ?? 24) < 24);
  }
  world.turns(4);
  assertSameReport(world.latest(ROOT), world.somo.view);
});
