/**
 * Section B of the patent, [0053]-[0061], sentence by sentence, on pools laid out on columns, and the gathering procedure of
 * [0066]-[0068] on a small simulated pool: each test is named after the
 * sentence it holds the code to, in its own words or nearly so. What peers do about it with messages is in
 * test/scenarios-sim/somo.test.ts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CIRCLE } from '../../src/core/position.ts';
import { randomFrom } from '../../src/core/random.ts';
import { hostedNodes, parentNode, representative, zoneHolds } from '../../src/protocol/somo/placement.ts';
import { mergePartials } from '../../src/protocol/somo/partial.ts';
import type { Partial } from '../../src/protocol/somo/partial.ts';
import type { LogicalNode } from '../../src/protocol/somo/tree.ts';
import { LogicalTree, nodeName, ROOT, sameNode } from '../../src/protocol/somo/tree.ts';
import { drawLeads, figuresOf, hostOf, place, zoneAt } from '../../src/sim/somo/place.ts';
import { assertSameReport, PullWorld } from '../unit/somo/pull-world.ts';

const PEERS = 300;
const K = 8;
const tree = new LogicalTree(K);
const leads = drawLeads(PEERS, randomFrom(1));

/** The parent of each machine by its position: what a connection is, whatever else is in the pool. */
function connections(pool: Float64Array): Map<number, string> {
  const { parents } = place(pool, tree);
  return new Map([...pool].map((lead, i) => {
    const parent = parentNode(tree, zoneAt(pool, i), lead);
    return [lead, parent ? `${nodeName(parent)}@${pool[parents[i] as number]}` : 'root'];
  }));
}

function without(pool: Float64Array, place: number): Float64Array {
  return pool.filter((_, i) => i !== place);
}

/** Machines present before and after whose connection is another one now. */
function changed(before: Float64Array, after: Float64Array): number {
  const then = connections(before);
  let count = 0;
  for (const [lead, connection] of connections(after)) if (then.has(lead) && then.get(lead) !== connection) count++;
  return count;
}

describe('[0053] building the SOMO', () => {
  test('a tree is drawn in a logical space first, and then a map is made from the logical tree to actual machines', () => {
    // The same logical tree, whoever is there: only the map differs.
    const other = drawLeads(PEERS, randomFrom(2));
    assert.notDeepEqual(place(leads, tree).parents, place(other, tree).parents);
    for (const pool of [leads, other]) assert.ok(zoneHolds(zoneAt(pool, hostOf(pool, tree.key(ROOT))), CIRCLE / 2));
  });
});

describe('[0054] growing and shrinking', () => {
  test('the SOMO tree structure has the ability to grow and shrink in response to modifications made to the underlying DHT', () => {
    const heights = [10, 100, 1_000, 10_000].map((peers) => figuresOf(place(drawLeads(peers, randomFrom(3)), tree), K, 1).height);
    assert.deepEqual(heights, [...heights].sort((a, b) => a - b));
    assert.ok((heights[3] as number) > (heights[0] as number));
  });

  test('the SOMO tree structure has the ability to heal itself to counteract modifications in the underlying DHT', () => {
    const random = randomFrom(4);
    let pool = leads;
    for (let i = 0; i < 100; i++) {
      pool = without(pool, random.below(pool.length));
      assert.equal(figuresOf(place(pool, tree), K, 1).roots, 1);
    }
  });
});

describe('[0055] the logical tree', () => {
  test('it is composed of a set of virtual nodes each of which has a key, which also determines its position in the space', () => {
    for (let level = 0; level < 3; level++) {
      const keys = Array.from({ length: K ** level }, (_, index) => tree.key({ level, index }));
      assert.equal(new Set(keys).size, K ** level);
      assert.ok(keys.every((key) => key >= 0 && key < CIRCLE));
    }
  });
});

describe('[0056] the first invariant', () => {
  test('the key of the virtual node is the center of the sub-space it owns', () => {
    for (const node of [ROOT, { level: 1, index: 3 }, { level: 4, index: 77 }, { level: 9, index: 12_345 }]) {
      const { from, to } = tree.region(node);
      assert.equal(tree.key(node), (from + to) / 2);
    }
  });

  test('the root virtual node\'s key is 0.5', () => {
    for (const k of [2, 3, 7, 8, 64]) assert.equal(new LogicalTree(k).key(ROOT), CIRCLE / 2);
  });

  test('the space of the root is divided into k sub-spaces evenly, and each sub-space is covered by a virtual node at level-1', () => {
    const children = tree.children(ROOT);
    assert.equal(children.length, K);
    children.forEach((child, i) => assert.deepEqual([child.level, tree.region(child)], [1, { from: (i * CIRCLE) / K, to: ((i + 1) * CIRCLE) / K }]));
  });

  test('level-i contains totally k^i virtual nodes, where each virtual node owns a 1/k^i size sub-space', () => {
    for (let level = 0; level < 6; level++) {
      assert.equal(tree.width(level), K ** level);
      const { from, to } = tree.region({ level, index: K ** level - 1 });
      assert.equal(to - from, CIRCLE / K ** level);
    }
  });

  test('the j-th virtual node at level-i owns a space of [j/k^i, (j+1)/k^i], and is keyed at (2j+1)/2k^i', () => {
    for (const [level, index] of [[1, 0], [2, 17], [3, 511], [7, 1_000_000]] as const) {
      const width = K ** level;
      assert.deepEqual(tree.region({ level, index }), { from: (index / width) * CIRCLE, to: ((index + 1) / width) * CIRCLE });
      assert.equal(tree.key({ level, index }), ((2 * index + 1) / (2 * width)) * CIRCLE);
    }
  });
});

describe('[0057] mapping to a physical tree', () => {
  test('each machine selects the highest virtual node that falls into its zone', () => {
    leads.forEach((_, i) => {
      const zone = zoneAt(leads, i);
      const repre = representative(tree, zone);
      assert.ok(repre && zoneHolds(zone, tree.key(repre)));
      for (let level = 0; level < Math.min(repre.level, 4); level++) {
        for (let index = 0; index < tree.width(level); index++) assert.ok(!zoneHolds(zone, tree.key({ level, index })));
      }
    });
  });

  test('x can compute the key of the parent virtual node of repre(x), and the machine y that hosts that key is its parent', () => {
    const { parents } = place(leads, tree);
    parents.forEach((machine, i) => {
      const repre = representative(tree, zoneAt(leads, i));
      const parent = repre && tree.parent(repre);
      if (parent) assert.ok(zoneHolds(zoneAt(leads, machine), tree.key(parent)));
      else assert.equal(machine, -1);
    });
  });

  test('all child-parent connections are identified by a pair of logical keys', () => {
    const pairs = [...leads].map((_, i) => representative(tree, zoneAt(leads, i))).filter((repre) => repre && repre.level > 0).map((repre) => nodeName(repre as typeof ROOT));
    assert.equal(new Set(pairs).size, PEERS - 1);
  });

  test('if x\'s zone splits because a new neighbor joins, x will break all connections whose parent-end points no longer belong to its zone', () => {
    const random = randomFrom(6);
    for (let i = 0; i < 50; i++) {
      const joining = random.unit() * CIRCLE;
      const after = Float64Array.from([...leads, joining]).sort();
      const split = leads[hostOf(leads, joining)] as number;
      const zone = zoneAt(after, hostOf(after, split));
      const before = place(leads, tree).parents;
      const now = place(after, tree).parents;
      leads.forEach((lead, child) => {
        const parent = parentNode(tree, zoneAt(leads, child), lead);
        if (!parent || lead === split || leads[before[child] as number] !== split) return;
        const stays = zoneHolds(zone, tree.key(parent));
        // Who is no neighbour of the newcomer keeps its own end; its parent's end decides alone.
        assert.equal(after[now[hostOf(after, lead)] as number] === split, stays);
        if (!stays) assert.equal(after[now[hostOf(after, lead)] as number], joining);
      });
    }
  });

  test('machines on the other end re-establish their parents by the same procedure, and thereby the topology self-heals', () => {
    const random = randomFrom(7);
    for (let i = 0; i < 20; i++) {
      const after = without(leads, random.below(PEERS));
      assert.equal(figuresOf(place(after, tree), K, 1).roots, 1);
    }
  });
});

describe('[0058] the foregoing procedure', () => {
  test('each machine corresponds to one or more of the tree node zones', () => {
    leads.forEach((_, i) => assert.ok(representative(tree, zoneAt(leads, i)) !== undefined));
  });

  test('each machine selects as its representative the tree node corresponding to the largest size tree node zone', () => {
    leads.forEach((_, i) => {
      const zone = zoneAt(leads, i);
      const repre = representative(tree, zone);
      for (const node of hostedNodes(tree, zone)) assert.ok(node.level >= (repre?.level ?? Infinity));
    });
  });

  test('the size of the tree node zone decreases with increasing the level of the tree', () => {
    for (let level = 1; level <= tree.depth; level++) {
      const size = (l: number): number => tree.region({ level: l, index: 0 }).to;
      assert.ok(size(level) < size(level - 1));
    }
  });
});

describe('[0059] what the procedure gives', () => {
  test('with high probability, the tree is k-degree and balanced', () => {
    const { children } = place(drawLeads(20_000, randomFrom(8)), tree);
    const figures = figuresOf(place(drawLeads(20_000, randomFrom(8)), tree), K, 1);
    assert.ok(children.filter((count) => count > K).length < 0.01 * 20_000, 'under 1 % have more than k children');
    assert.ok(figures.maxChildren <= K + 6 && figures.height <= Math.log(20_000) / Math.log(K) + 4);
  });

  test('every machine is connected since the parent virtual node resides on some other machine', () => {
    place(leads, tree).parents.forEach((parent, i) => assert.notEqual(parent, i));
  });

  test('the resulting graph does not have any loop; thus, it must be a tree', () => {
    const { parents, depths } = place(leads, tree);
    parents.forEach((parent, i) => assert.equal(depths[i], parent < 0 ? 0 : (depths[parent] as number) + 1));
    assert.equal(parents.filter((parent) => parent < 0).length, 1);
  });

  test('the only other input a machine needs is its own zone in the DHT space', () => {
    // Everybody but a machine and its predecessor may change: its representative stays.
    const i = 100;
    const others = Float64Array.from([leads[i - 1] as number, leads[i] as number, ...drawLeads(5, randomFrom(9))].sort((a, b) => a - b));
    const alone = hostOf(others, leads[i] as number);
    if (others[alone - 1] === leads[i - 1]) assert.deepEqual(representative(tree, zoneAt(others, alone)), representative(tree, zoneAt(leads, i)));
    assert.equal(others[alone - 1], leads[i - 1], 'the draw leaves the zone as it was');
  });
});

describe('[0060] changes of membership', () => {
  test('SOMO can deal with changes of membership with minimum overhead: a join or leave changes O(k) connections', () => {
    const random = randomFrom(10);
    const counts: number[] = [];
    for (let i = 0; i < 200; i++) counts.push(changed(leads, without(leads, random.below(PEERS))));
    for (let i = 0; i < 200; i++) counts.push(changed(leads, Float64Array.from([...leads, random.unit() * CIRCLE]).sort()));
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
    assert.ok(mean < 3, `mean ${mean}`);
    assert.ok(Math.max(...counts) <= 3 * K, `most ${Math.max(...counts)}`);
  });

  test('the second point of a connection is deterministic given the first', () => {
    leads.forEach((lead, i) => {
      const zone = zoneAt(leads, i);
      const repre = representative(tree, zone);
      assert.deepEqual(parentNode(tree, zone, lead), repre && tree.parent(repre));
    });
  });

  test('the SOMO tree grows when new members join the pool, and shrinks when peers depart', () => {
    const grown = Float64Array.from([...leads, ...drawLeads(3_000, randomFrom(11))]).sort();
    const height = (pool: Float64Array): number => figuresOf(place(pool, tree), K, 1).height;
    assert.ok(height(grown) > height(leads));
    assert.deepEqual(place(grown.filter((lead) => leads.includes(lead)), tree), place(leads, tree));
  });
});

describe('[0061] the most capable machine at the top', () => {
  test('two machines that exchange their IDs change who acts as the root without disturbing any other peers', () => {
    // Positions stay where they are and so do all zones: the pool as columns cannot even tell.
    const root = hostOf(leads, CIRCLE / 2);
    const { parents } = place(leads, tree);
    assert.equal(parents[root], -1);
    const names = [...leads.keys()];
    [names[root], names[7]] = [names[7] as number, names[root] as number];
    const parentNames = (order: number[]): Map<number, number> => new Map(order.map((name, i) => [name, order[parents[i] as number] ?? -1]));
    const before = parentNames([...leads.keys()]);
    const after = parentNames(names);
    assert.equal(after.get(7), -1);
    for (const [name, parent] of after) if (![7, root].includes(name) && ![7, root].includes(parent)) assert.equal(parent, before.get(name));
  });
});

describe('[0066] gathering through objects of the data overlay', () => {
  const world = new PullWorld(24);
  world.turns();
  const inner = (): LogicalNode => world.children(ROOT).find((child) => world.children(child).length > 1) as LogicalNode;

  test('the leaf SOMO nodes retrieve the required information from their hosting DHT nodes', () => {
    for (const peer of world.somo.ring.world.alive()) {
      const report = world.latest(world.somo.somo(peer).gather.leaf);
      assert.equal(report?.machines, 1);
      assert.deepEqual(report.summary.get('mem.free')?.numbers, [world.somo.report(peer).get('mem.free')]);
    }
  });

  test('this procedure can also restart a child SOMO node if it has disappeared', () => {
    const child = inner();
    world.lose(child);
    assert.equal(world.object(child), undefined);
    const before = world.restarted();
    const report = world.getReport(world.hostOf(ROOT), ROOT);
    assert.ok((report?.machines ?? 24) < 24, 'the lost part is missing from this report');
    assert.equal(world.restarted(), before + 1);
    assert.ok(world.object(child), 'there is a child again');
    world.turns(4);
    assertSameReport(world.latest(ROOT), world.somo.view);
  });

  test('... because its hosting DHT node has crashed: the tree of objects is whole again, without the crashed one', () => {
    const host = world.hostOf(inner());
    world.somo.ring.crash(host);
    world.turns();
    assert.equal(world.latest(ROOT)?.machines, 23);
    assertSameReport(world.latest(ROOT), world.somo.view);
  });
});

describe('[0067] what the root can be asked for', () => {
  const world = new PullWorld(24);
  const SORT = { op: 'sort', field: 'disk.free', parameter: 100 };
  const SUM = { op: 'sum', field: 'mem.free', parameter: 0 };
  const QUERY = 7;
  world.register(QUERY, [SORT, SUM]);
  world.turns();
  const values = (field: string): number[] => world.somo.ring.world.alive().map((peer) => world.somo.report(peer).get(field) as number);
  const result = (i: number): unknown => {
    const { ops } = world.somo.somo(world.somo.rootIndex);
    const call = [SORT, SUM][i] as typeof SORT;
    return ops.find(call.op)?.finish(world.latest(ROOT)?.tallies.get(QUERY)?.states[i], call);
  };

  test('the application can extract a complete report from the root SOMO node that culls information from the entire P2P system', () => {
    const [first, last] = [0, 23].map((asker) => world.latest(ROOT, asker));
    for (const report of [first, last]) assert.deepEqual([report?.machines, report?.space], [24, CIRCLE]);
    assertSameReport(first, world.somo.view);
  });

  test('the op can specify that a merge-sort operation is to be performed in the course of collecting information', () => {
    assert.deepEqual((result(0) as { value: number }[]).map(({ value }) => value), values('disk.free').sort((a, b) => a - b));
  });

  test('the SOMO nodes can execute other operations on the information as it passes, such as various arithmetic operations', () => {
    assert.equal(result(1), values('mem.free').reduce((sum, value) => sum + value, 0));
  });
});

describe('[0068] get_report', () => {
  const world = new PullWorld(24);
  world.turns();

  test('for i in [1..k], if s.child[i] is not NULL: there is a child where there are machines, and nowhere else', () => {
    const { members } = world.somo.ring.oracle;
    for (const node of [ROOT, ...world.children(ROOT)]) {
      const isLeaf = members.filter(({ position }) => isIn(node, position.lead)).length === 1;
      const populated = isLeaf ? [] : world.tree.children(node).filter((child) => members.some(({ position }) => isIn(child, position.lead)));
      assert.deepEqual(world.children(node), populated);
    }
  });

  test('rep[i] = deref(s.child[i]).report, and s.report = s.op(rep[])', () => {
    const { standing, ops } = world.somo.somo(0);
    const reports = world.children(ROOT).map((child) => world.latest(child) as Partial);
    const report = world.getReport(world.hostOf(ROOT), ROOT);
    assertSameReport(report, mergePartials(reports, standing.all, ops));
    assertSameReport(world.latest(ROOT), report);
  });

  test('a report is op(own metrics, children\'s reports): no machine is left out, the one at the root neither, and none is in it twice', () => {
    const host = world.hostOf(ROOT);
    const alone = world.form(host).running.filter((node) => sameNode(node, world.somo.somo(host).gather.leaf));
    assert.equal(alone.length, 1, 'its metrics enter once');
    assert.deepEqual([world.latest(ROOT)?.machines, world.latest(ROOT)?.space], [24, CIRCLE]);
  });

  function isIn(node: LogicalNode, lead: number): boolean {
    const { from, to } = world.tree.region(node);
    return lead >= from && lead < to;
  }
});
