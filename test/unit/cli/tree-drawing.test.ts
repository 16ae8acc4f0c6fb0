/** `grove tree --svg`: the drawing, from 1 to 500 machines, and the tree in it against the one that the simulator places. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { drawTree, spread } from '../../../src/cli/tree-drawing.ts';
import { CIRCLE, positionFromLead } from '../../../src/core/position.ts';
import { randomFrom } from '../../../src/core/random.ts';
import type { TreeMap } from '../../../src/daemon/tree-map.ts';
import { treeMap } from '../../../src/daemon/tree-map.ts';
import { LogicalTree } from '../../../src/protocol/somo/tree.ts';
import { drawLeads, place } from '../../../src/sim/somo/place.ts';

const TURN = 2 * Math.PI;
const tree = new LogicalTree(8);
const leadsOf = (peers: number): Float64Array => drawLeads(peers, randomFrom(peers)).map(Math.floor);

function mapOf(peers: number, nameOf: (i: number) => string = (i) => `machine-${i}`): TreeMap {
  const members = [...leadsOf(peers)].map((lead, i) => ({ peerId: `12D3KooW${String(i).padStart(44, '0')}`, name: nameOf(i), position: positionFromLead(lead) }));
  // In any order: the map sorts them.
  return treeMap(members.reverse(), members[0]?.peerId ?? '', tree);
}

interface Shape {
  readonly kind: string;
  readonly numbers: readonly number[];
}

function shapes(svg: string, tag: 'line' | 'circle'): Shape[] {
  return [...svg.matchAll(new RegExp(`<${tag} class="([^"]*)" ([^>]*)/>`, 'g'))].map(([, kind = '', rest = '']) => ({
    kind, numbers: [...rest.matchAll(/="(-?[\d.]+)"/g)].map(([, number]) => Number(number)),
  }));
}

function names(svg: string): { readonly x: number; readonly y: number; readonly name: string }[] {
  return [...svg.matchAll(/<text class="name[^"]*" transform="translate\((-?[\d.]+) (-?[\d.]+)\)[^>]*>([^<]*)<\/text>/g)]
    .map(([, x, y, name = '']) => ({ x: Number(x), y: Number(y), name }));
}

test('the parents are those that every machine finds by itself', () => {
  for (const peers of [1, 2, 5, 60, 500]) {
    const { machines } = mapOf(peers);
    assert.deepEqual(machines.map(({ parent }) => parent ?? -1), [...place(leadsOf(peers), tree).parents]);
    assert.equal(machines.filter(({ parent }) => parent === null).length, 1, 'one root');
  }
});

test('two machines at one lead: one has the zone, the other hangs below, and there is still one tree', () => {
  const spots = [0.1, 0.5, 0.5, 0.5, 0.9].map((share) => Math.floor(share * CIRCLE));
  const { machines } = treeMap(spots.map((lead, i) => ({ peerId: `p${i}`, name: '', position: positionFromLead(lead, String(i)) })), 'p0', tree);
  assert.equal(machines.filter(({ parent }) => parent === null).length, 1);
  assert.ok(machines.every(({ parent }, i) => parent === null || (parent >= 0 && parent !== i)));
  assert.ok(machines.some(({ level }) => level === null));
});

test('each machine stands on the circle at its position, and once in the tree, linked to its parent', () => {
  for (const peers of [1, 5, 40, 200]) {
    const map = mapOf(peers);
    const svg = drawTree(map);
    const places = shapes(svg, 'circle').filter(({ kind }) => kind.startsWith('place'));
    assert.equal(places.length, peers);
    places.forEach(({ numbers: [x = 0, y = 0] }, i) => {
      const share = (Math.atan2(x, -y) / TURN + 1) % 1;
      const off = Math.abs(share - (map.machines[i]?.position ?? -1));
      assert.ok(Math.min(off, 1 - off) < 1e-4, `${share} of machine ${i}`);
    });
    const spots = shapes(svg, 'circle').filter(({ kind }) => kind.startsWith('machine')).slice(0, peers).map(({ numbers: [x, y] }) => `${x} ${y}`);
    const links = shapes(svg, 'line').filter(({ kind }) => kind === 'link').map(({ numbers: [x1, y1, x2, y2] }) => `${x1} ${y1} to ${x2} ${y2}`);
    assert.deepEqual(links, map.machines.flatMap(({ parent }, i) => (parent === null ? [] : [`${spots[i]} to ${spots[parent]}`])));
    assert.equal(spots[map.machines.findIndex(({ parent }) => parent === null)], '0 0', 'the root is in the middle');
  }
});

test('from 5 to 200 machines names do not touch, and everything is on the sheet', () => {
  for (const peers of [5, 12, 50, 200]) {
    const svg = drawTree(mapOf(peers));
    const size = Number(/width="(\d+)"/.exec(svg)?.[1]);
    assert.ok(size <= 2_000, `${size} pixels`);
    const all = names(svg);
    assert.equal(all.length, peers);
    all.forEach((one, i) => {
      assert.ok(Math.hypot(one.x, one.y) + 140 < size / 2);
      const next = all[(i + 1) % peers] as typeof one;
      assert.ok(Math.hypot(one.x - next.x, one.y - next.y) > 12.5, `${one.name} and ${next.name}`);
    });
  }
});

test('this peer and the root are marked, and the legend says what the marks are', () => {
  const svg = drawTree(mapOf(20));
  assert.equal([...svg.matchAll(/class="place[^"]* self/g)].length, 1);
  assert.equal([...svg.matchAll(/class="place[^"]* root/g)].length, 1);
  assert.equal([...svg.matchAll(/<text class="name self"/g)].length, 1);
  assert.match(svg, />20 machines, k = 8, height \d</);
  assert.match(drawTree(mapOf(1)), /class="place self root"/);
});

test('a name cannot be anything but a name', () => {
  const svg = drawTree(mapOf(3, () => '</text><script>"a&\u001b[31m\u202eb'));
  assert.doesNotMatch(svg, /<script|[\p{Cc}\p{Cf}](?<!\n)/u);
  assert.match(svg, /&lt;\/text&gt;&lt;script&gt;&quot;/);
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (name) => {
    const [plain, odd] = [drawTree(mapOf(2, () => 'x')), drawTree(mapOf(2, () => name))];
    assert.equal([...odd.matchAll(/[<>]/g)].length, [...plain.matchAll(/[<>]/g)].length);
    assert.doesNotMatch(odd, /&(?!(amp|lt|gt|quot);)/);
  }));
});

test('spread: in order round the circle, far enough apart, and untouched where there is room', () => {
  fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 80 }), (shares) => {
    const wished = shares.map((share) => share * TURN).sort((a, b) => a - b);
    const gap = (0.9 * TURN) / wished.length;
    const angles = spread(wished, gap);
    const distances = angles.map((angle, i) => ((((angles[(i + 1) % angles.length] as number) - angle) % TURN) + TURN) % TURN);
    if (angles.length > 1) for (const distance of distances) assert.ok(distance > gap - 1e-6);
    if (angles.length > 1) assert.ok(Math.abs(distances.reduce((sum, distance) => sum + distance, 0) - TURN) < 1e-6, 'once round');
  }));
  assert.deepEqual(spread([0, 2, 4], 0.1), [0, 2, 4]);
});
