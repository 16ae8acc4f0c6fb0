/**
 * Table A of the patent ([0084]) line by line, Table B ([0086]), the three adjusting moves ([0082]) and the degree table ([0093]), as
 * CORRECTIONS 2 repairs them. Hosts stand on a line, so that every latency can be read off.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { adjust, giveNewParent, swapLeaves, swapSubtrees } from '../../src/protocol/alm/adjust.ts';
import { UNLIMITED } from '../../src/protocol/alm/budget.ts';
import { AMCAST, construct } from '../../src/protocol/alm/construct.ts';
import type { HelperRule } from '../../src/protocol/alm/helpers.ts';
import type { Instance } from '../../src/protocol/alm/instance.ts';
import { freeDegrees, NONE } from '../../src/protocol/alm/instance.ts';
import { Tree } from '../../src/protocol/alm/tree.ts';
import { assertValid, inPlane, onLine, parentsOf } from '../unit/alm/instances.ts';

const MINMAX: HelperRule = { select: 'minmax', minDegree: 4, radiusMs: 100 };
const CLOSEST: HelperRule = { ...MINMAX, select: 'closest' };

function built(instance: Instance, helpers?: HelperRule): Tree {
  const tree = construct(instance, { ...AMCAST, helpers });
  assert.ok(typeof tree !== 'string', String(tree));
  return tree;
}

describe('Table A: AMCast', () => {
  test('for all v: height(v) = l(r, v), parent(v) = r: with links enough the tree is a star', () => {
    const tree = built(onLine([0, 10, -20, 30], [3, 1, 1, 1]));
    assert.deepEqual(parentsOf(tree), [NONE, 0, 0, 0]);
    assert.deepEqual([...tree.height], [0, 10, 20, 30]);
  });
  test('T = (W = {r}, Link = {}): a root alone is a tree', () => {
    assert.deepEqual(parentsOf(built(onLine([0], [0]))), [NONE]);
  });
  test('while (W < V): until every member is in, and helpers do not count as members', () => {
    const tree = built(onLine([0, 50, 51, 52, 1], [2, 2, 2, 2, 9], 4), CLOSEST);
    assert.deepEqual([...tree.present], [1, 1, 1, 1, 1]);
    assertValid(tree);
  });
  test('find u such that height(u) is minimum: the nearest takes the only link', () => {
    assert.deepEqual(parentsOf(built(onLine([0, 30, 10, 20], [1, 2, 2, 2]))), [NONE, 3, 0, 2]);
  });
  test('else W += {u}, Link += {u, parent(u)}: without a helper u hangs below its parent', () => {
    assert.deepEqual(parentsOf(built(onLine([0, 10, 11], [1, 2, 2]))), [NONE, 0, 1]);
  });
  test('height(v) = infinity first: when a parent is full, its followers take a worse one', () => {
    // Both would be at 10 and 12 below the root; its one link goes to the first.
    const tree = built(onLine([0, 10, -12], [1, 2, 1]));
    assert.deepEqual([...tree.height], [0, 10, 32]);
  });
  test('if d(w) < dbound(w) and height(v) > height(w) + l(w, v): the lowest of all parents with a free link', () => {
    const tree = built(inPlane([[0, 0], [10, 0], [0, 10], [10, 9]], [2, 2, 2, 2]));
    assert.equal(tree.parent[3], 1);
    assert.equal(tree.height[3], 19);
  });
  test('d counts the link to the parent (Definition 1): degree 2 serves one child, the root of degree 2 two', () => {
    assert.deepEqual(parentsOf(built(onLine([0, 1, 2, 3, 4], [2, 2, 2, 2, 2]))), [NONE, 0, 0, 2, 3]);
  });
  test('members that can only be leaves wait while they would close the tree', () => {
    const tree = built(onLine([0, 1, 2, 50], [1, 1, 1, 3]));
    assert.deepEqual(parentsOf(tree), [NONE, 3, 3, 0]);
  });
  test('a tree exists exactly if sum(dbound) >= 2(n-1) and every dbound >= 1', () => {
    assert.equal(typeof construct(onLine([0, 1, 2], [1, 1, 1]), AMCAST), 'string');
    assert.equal(typeof construct(onLine([0, 1, 2], [2, 2, 0]), AMCAST), 'string');
    assert.equal(typeof construct(onLine([0, 1, 2], [1, 1, 2]), AMCAST), 'object');
  });
});

describe('Table A, section A: the critical node', () => {
  // Members right of the root; the helper with four links stands between.
  const group = (degrees: readonly number[]): Instance => onLine([0, 20, 21, 22, 10], degrees, 4);

  test('if d(parent(u)) = dbound(parent(u)) - 1, h = find_helper(u): at the last link, not before', () => {
    const last = built(group([1, 2, 2, 2, 4]), CLOSEST);
    assert.deepEqual(parentsOf(last), [NONE, 4, 4, 4, 0]);
    const earlier = built(group([2, 2, 2, 2, 4]), CLOSEST);
    assert.deepEqual(parentsOf(earlier), [NONE, 0, 4, 4, 0], 'the first took a link without a helper');
  });
  test('W += {h}, Link += {h, parent(u)}, W += {u}, Link += {u, h}: h stands between; parent and height of both follow', () => {
    const tree = built(group([1, 2, 2, 2, 4]), CLOSEST);
    assert.deepEqual([...tree.height], [0, 20, 21, 22, 10]);
    assert.deepEqual([...tree.degree], [1, 1, 1, 1, 4]);
  });
  test('the code in the box is left out: AMCast takes no helper', () => {
    assert.equal(built(group([1, 2, 2, 2, 4])).helpers, 0);
  });
  test('a helper for the last waiting child alone is skipped', () => {
    assert.equal(built(onLine([0, 20, 10], [1, 2, 4], 2), CLOSEST).helpers, 0);
  });
  test('members that have too few links for a tree get a helper with links to spare', () => {
    const tree = built(onLine([0, 20, 21, 10], [1, 1, 1, 3], 3), CLOSEST);
    assert.deepEqual(parentsOf(tree), [NONE, 3, 3, 0]);
  });
});

describe('Table B: which helper', () => {
  test('closest: l(h, parent(u)) is minimum ([0085])', () => {
    // At 5 on the far side, and at 10 on the way.
    const tree = built(onLine([0, 20, 21, 22, -5, 10], [1, 2, 2, 2, 4, 4], 4), CLOSEST);
    assert.deepEqual([tree.parent[4], tree.parent[5] === 0], [0, false]);
  });
  test('condition 1: l(h, parent(u)) + max l(h, v) over all v with the same parent is minimum', () => {
    const tree = built(onLine([0, 20, 21, 22, -5, 10], [1, 2, 2, 2, 4, 4], 4), MINMAX);
    assert.deepEqual([...tree.present.subarray(4)], [0, 1]);
  });
  test('condition 2: dbound(h) >= 4', () => {
    assert.equal(built(onLine([0, 20, 21, 22, 10], [1, 2, 2, 2, 3], 4), MINMAX).helpers, 0);
    assert.equal(built(onLine([0, 20, 21, 22, 10], [1, 2, 2, 2, 3], 4), { ...MINMAX, minDegree: 3 }).helpers, 1);
  });
  test('condition 3: l(h, parent(u)) < R', () => {
    assert.equal(built(onLine([0, 20, 21, 22, 10], [1, 2, 2, 2, 4], 4), { ...MINMAX, radiusMs: 10 }).helpers, 0);
    assert.equal(built(onLine([0, 20, 21, 22, 10], [1, 2, 2, 2, 4], 4), { ...MINMAX, radiusMs: 10.1 }).helpers, 1);
  });
});

describe('Table A: adjust(T)', () => {
  const treeOf = (instance: Instance, parents: readonly number[]): Tree => Tree.fromParents(instance, Int32Array.from(parents));

  test('(a) finding a new parent for the highest node', () => {
    const tree = treeOf(onLine([0, 10, -10, -12], [3, 2, 2, 1]), [NONE, 0, 0, 1]);
    assert.ok(giveNewParent(tree, tree.highest()));
    assert.equal(tree.parent[3], 0);
  });
  test('(b) swapping the highest node with another leaf', () => {
    const tree = treeOf(onLine([0, 10, -10, -12, 13], [2, 2, 2, 1, 1]), [NONE, 0, 0, 1, 2]);
    assert.equal(giveNewParent(tree, 3), false);
    assert.ok(swapLeaves(tree, tree.highest()));
    assert.deepEqual(parentsOf(tree), [NONE, 0, 0, 2, 1]);
  });
  test('(c) swapping the subtree whose root is the parent of the highest node with another subtree', () => {
    // 3 over 5 hangs on the wrong side, and so does 4 over 6; the leaves alone gain nothing.
    const tree = treeOf(onLine([0, 10, -10, -11, 11, -12, 12], [2, 2, 2, 2, 2, 1, 1]), [NONE, 0, 0, 1, 2, 3, 4]);
    const highest = tree.highest();
    assert.equal(giveNewParent(tree, highest), false);
    assert.equal(swapLeaves(tree, highest), false);
    assert.ok(swapSubtrees(tree, highest));
    tree.refresh();
    assert.deepEqual([tree.parent[3], tree.parent[4], tree.heightMs], [2, 1, 12]);
  });
  test('(b) and (c) only if both moved parts end below the old height', () => {
    const tree = treeOf(onLine([0, 10, -10, 12, 100], [2, 2, 2, 1, 1]), [NONE, 0, 0, 2, 1]);
    assert.equal(tree.highest(), 4);
    assert.equal(swapLeaves(tree, 4), false);
    assert.equal(adjust(tree, UNLIMITED), 0);
  });
  test('repeated until no move helps', () => {
    const tree = treeOf(onLine([0, 10, -10, -12, 13, -14], [3, 3, 3, 1, 1, 1]), [NONE, 0, 0, 1, 2, 1]);
    assert.ok(adjust(tree, UNLIMITED) >= 2);
    assert.deepEqual([tree.heightMs, adjust(tree, UNLIMITED)], [14, 0]);
  });
  test('return T: afterwards helpers that are leaves are dropped, those with one child bridged where that is lower', () => {
    const tree = treeOf(onLine([0, 10, 20, 5, 30], [4, 2, 2, 4, 4], 3), [NONE, 3, 0, 0, 2]);
    tree.prune();
    assert.deepEqual(parentsOf(tree), [NONE, 0, 0, NONE, NONE]);
  });
});

describe('degree table C ([0090]-[0094])', () => {
  const x = [{ node: 1, priority: 1, degree: 2 }, { node: 1, priority: 3, degree: 1 }];

  test("x's total degree is 4, s4 holds two and s12 one, which leaves it one free degree", () => {
    assert.equal(freeDegrees(Int32Array.from([3, 4]), 1, x, 3)[1], 1);
  });
  test('what lower priorities hold is free for a session of priority 2', () => {
    assert.equal(freeDegrees(Int32Array.from([3, 4]), 1, x, 2)[1], 2);
  });
  test('at its own members a session counts as priority 1, and among equals the holder keeps', () => {
    assert.equal(freeDegrees(Int32Array.from([3, 4]), 2, x, 3)[1], 2);
  });
});
