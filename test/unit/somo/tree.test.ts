/** The logical tree against brute force over whole levels, for even and odd k. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CIRCLE } from '../../../src/core/position.ts';
import { LogicalTree, ROOT, isWithin, overlaps, sameNode } from '../../../src/protocol/somo/tree.ts';

const RUNS = { seed: 1, numRuns: 300 } as const;
const arity = fc.constantFrom(2, 3, 4, 5, 7, 8, 10, 16, 64);
const lead = fc.oneof(fc.nat({ max: CIRCLE - 1 }), fc.constantFrom(0, 1, CIRCLE / 2, CIRCLE / 4, CIRCLE - 1));

test('the regions of a level partition the circle, and each holds its own key', () => {
  for (const k of [2, 3, 5, 8]) {
    const tree = new LogicalTree(k);
    for (let level = 0; tree.width(level) <= 4096; level++) {
      let next = 0;
      for (let index = 0; index < tree.width(level); index++) {
        const { from, to } = tree.region({ level, index });
        const key = tree.key({ level, index });
        assert.equal(from, next);
        assert.ok(key >= from && key < to, `k ${k}, ${level}/${index}`);
        next = to;
      }
      assert.equal(next, CIRCLE);
    }
  }
});

test('children divide their parent exactly, and know it, down to the deepest level', () => {
  fc.assert(fc.property(arity, lead, fc.double({ min: 0, max: 1, noNaN: true }), (k, at, share) => {
    const tree = new LogicalTree(k);
    const node = tree.nodeAt(Math.floor(share * (tree.depth - 1)), at);
    const region = tree.region(node);
    let next = region.from;
    for (const child of tree.children(node)) {
      assert.ok(sameNode(tree.parent(child) ?? ROOT, node));
      assert.equal(tree.region(child).from, next);
      assert.ok(isWithin(tree.region(child), region));
      next = tree.region(child).to;
    }
    assert.equal(next, region.to);
  }), RUNS);
});

test('nodeAt finds the node whose region holds a spot', () => {
  fc.assert(fc.property(arity, lead, (k, at) => {
    const tree = new LogicalTree(k);
    for (let level = 0; level <= tree.depth; level++) {
      const { from, to } = tree.region(tree.nodeAt(level, at));
      assert.ok(from <= at && at < to);
    }
  }), RUNS);
});

test('with odd k a middle child has its parent\'s key; with even k no key is given twice', () => {
  for (const k of [3, 5, 7]) {
    const tree = new LogicalTree(k);
    for (let level = 0; level < tree.depth; level++) {
      const node = tree.nodeAt(level, 3e15);
      const middle = tree.children(node)[(k - 1) / 2];
      assert.equal(middle && tree.key(middle), tree.key(node));
    }
  }
  const tree = new LogicalTree(4);
  const keys = new Set<number>();
  let nodes = 0;
  for (let level = 0; level < 6; level++) {
    for (let index = 0; index < tree.width(level); index++, nodes++) keys.add(tree.key({ level, index }));
  }
  assert.equal(keys.size, nodes);
});

test('a cover is made of disjoint nodes, fills its region, and no smaller one does', () => {
  fc.assert(fc.property(fc.constantFrom(2, 4, 8), fc.nat(64), fc.nat(64), (k, a, b) => {
    const tree = new LogicalTree(k);
    const [from, to] = [Math.min(a, b) * (CIRCLE / 64), Math.max(a, b) * (CIRCLE / 64)];
    const cover = tree.cover({ from, to });
    assert.ok(cover);
    assert.equal(cover.reduce((at, node) => (assert.equal(tree.region(node).from, at), tree.region(node).to), from), to);
    // Minimal: no two neighbours of the cover have a parent within the region.
    for (const node of cover) {
      const parent = tree.parent(node);
      assert.ok(!parent || !isWithin(tree.region(parent), { from, to }));
    }
  }), RUNS);
  assert.equal(new LogicalTree(8).cover({ from: 1, to: 3 }), undefined);
});

test('has refuses what is no node', () => {
  const tree = new LogicalTree(8);
  assert.ok(tree.has(ROOT) && tree.has({ level: 2, index: 63 }));
  for (const node of [{ level: 2, index: 64 }, { level: 99, index: 0 }, { level: 1, index: -1 }, { level: 1, index: 0.5 }, { level: -1, index: 0 }]) assert.ok(!tree.has(node));
  assert.ok(overlaps({ from: 0, to: 2 }, { from: 1, to: 3 }) && !overlaps({ from: 0, to: 2 }, { from: 2, to: 3 }));
});
