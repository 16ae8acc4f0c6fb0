/** Representatives, hosts and leaves against brute force over all keys of the upper levels. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CIRCLE, positionFromLead } from '../../../src/core/position.ts';
import { randomFrom } from '../../../src/core/random.ts';
import { hostedNodes, isHost, isInside, leafNode, parentNode, representative, WHOLE, zoneBetween, zoneHolds } from '../../../src/protocol/somo/placement.ts';
import type { Zone } from '../../../src/protocol/somo/placement.ts';
import type { LogicalNode } from '../../../src/protocol/somo/tree.ts';
import { LogicalTree, nodeName, ROOT } from '../../../src/protocol/somo/tree.ts';
import { drawLeads, figuresOf, hostOf, place, zoneAt } from '../../../src/sim/somo/place.ts';

const RUNS = { seed: 2, numRuns: 200 } as const;
const arity = fc.constantFrom(2, 3, 5, 8);
const zone: fc.Arbitrary<Zone> = fc.record({
  from: fc.oneof(fc.nat({ max: CIRCLE - 1 }), fc.constantFrom(0, CIRCLE - 1, CIRCLE / 2, CIRCLE / 2 - 1)),
  span: fc.oneof(fc.nat({ max: CIRCLE }), fc.nat({ max: CIRCLE / 512 }), fc.constantFrom(0, 1, CIRCLE)),
});

function* upperNodes(tree: LogicalTree): Generator<LogicalNode> {
  for (let level = 0; tree.width(level) <= 2_500; level++) for (let index = 0; index < tree.width(level); index++) yield { level, index };
}

test('the representative is the first node in level order whose key lies in the zone', () => {
  fc.assert(fc.property(arity, zone, (k, z) => {
    const tree = new LogicalTree(k);
    const found = representative(tree, z);
    for (const node of upperNodes(tree)) {
      if (!zoneHolds(z, tree.key(node))) continue;
      assert.deepEqual(found, node);
      return;
    }
    assert.ok(found === undefined || isHost(tree, z, found));
  }), RUNS);
});

test('hosted nodes are exactly those with a key in the zone and a region that reaches beyond it', () => {
  fc.assert(fc.property(arity, zone, (k, z) => {
    const tree = new LogicalTree(k);
    const found = new Set(hostedNodes(tree, z).map(nodeName));
    for (const node of upperNodes(tree)) {
      assert.equal(found.has(nodeName(node)), isHost(tree, z, node) && !isInside(tree.region(node), z), nodeName(node));
    }
  }), RUNS);
});

test('the parent of a representative is hosted by somebody with a higher representative, so there is no loop', () => {
  fc.assert(fc.property(arity, fc.integer({ min: 1, max: 200 }), fc.nat(), (k, peers, seed) => {
    const tree = new LogicalTree(k);
    const leads = drawLeads(peers, randomFrom(seed));
    const { parents } = place(leads, tree);
    const levelOf = (i: number): number => representative(tree, zoneAt(leads, i))?.level ?? Infinity;
    parents.forEach((parent, i) => assert.ok(parent < 0 ? levelOf(i) === 0 : levelOf(parent) < levelOf(i)));
    assert.equal(parents.filter((parent) => parent < 0).length, 1);
    assert.equal(hostOf(leads, CIRCLE / 2), parents.indexOf(-1));
  }), RUNS);
});

test('a leaf holds its machine and no other, and its parent holds another', () => {
  fc.assert(fc.property(arity, fc.integer({ min: 1, max: 200 }), fc.nat(), (k, peers, seed) => {
    const tree = new LogicalTree(k);
    const leads = drawLeads(peers, randomFrom(seed));
    const count = (node: LogicalNode): number => leads.filter((lead) => lead >= tree.region(node).from && lead < tree.region(node).to).length;
    leads.forEach((lead, i) => {
      const around = [leads.at(i - 1), leads[(i + 1) % peers]].filter((other) => other !== undefined && other !== lead) as number[];
      const leaf = leafNode(tree, lead, around);
      assert.equal(count(leaf), 1);
      const parent = tree.parent(leaf);
      assert.ok(parent ? count(parent) > 1 : peers === 1);
    });
  }), RUNS);
});

test('hostOf is the first machine at or after the key, going round', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 50 }), fc.nat(), fc.nat({ max: CIRCLE - 1 }), (peers, seed, key) => {
    const leads = drawLeads(peers, randomFrom(seed));
    const expected = leads.findIndex((lead) => lead >= key);
    assert.equal(hostOf(leads, key), Math.max(0, expected));
    assert.ok(zoneHolds(zoneAt(leads, hostOf(leads, key)), key));
  }), RUNS);
});

test('zones of positions: a lone machine has all of it, the first of twins has the rest, the second nothing', () => {
  const a = positionFromLead(CIRCLE / 4, '1');
  const b = positionFromLead(CIRCLE / 4, '2');
  assert.deepEqual(zoneBetween(a, a).span, CIRCLE);
  assert.deepEqual([zoneBetween(b, a).span, zoneBetween(a, b).span], [CIRCLE, 0]);
  const tree = new LogicalTree(8);
  assert.equal(representative(tree, zoneBetween(a, b)), undefined);
  assert.deepEqual(parentNode(tree, zoneBetween(a, b), b.lead), tree.nodeAt(tree.depth, b.lead));
  assert.deepEqual(representative(tree, WHOLE), ROOT);
});

test('a zone that wraps round begins again on the left', () => {
  const tree = new LogicalTree(4);
  // (0.9, 0.13]: of level 1 (keys .125, .375, .625, .875) it holds .125 only.
  const wrapping: Zone = { from: Math.floor(0.9 * CIRCLE), span: Math.floor(0.23 * CIRCLE) };
  assert.deepEqual(representative(tree, wrapping), { level: 1, index: 0 });
  // (0.9, 0.1]: of level 2 (keys 1/32, 3/32, ..., 31/32) it holds 1/32, 3/32 and 29/32, 31/32.
  assert.deepEqual(representative(tree, { from: Math.floor(0.9 * CIRCLE), span: Math.floor(0.2 * CIRCLE) }), { level: 2, index: 0 });
});

test('figures: 100,000 machines fall within the bands of the reference model', () => {
  const tree = new LogicalTree(8);
  const figures = figuresOf(place(drawLeads(100_000, randomFrom(5)), tree), 8, 200);
  assert.equal(figures.roots, 1);
  assert.ok(figures.height >= 8 && figures.height <= 9, `height ${figures.height}`);
  assert.ok(Math.abs(figures.meanDepth - 5.7) < 0.3, `mean depth ${figures.meanDepth}`);
  assert.ok(figures.maxChildren <= 14 && figures.interiorShare > 0.35 && figures.interiorShare < 0.42);
  assert.equal(figures.lagMs.max, figures.height * 200);
});
