/** Instances for tests of the planner: drawn, or points on a line and in the plane. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Instance } from '../../../src/protocol/alm/instance.ts';
import { missingLinks, NONE, ROOT } from '../../../src/protocol/alm/instance.ts';
import { Latencies } from '../../../src/protocol/alm/latencies.ts';
import type { Tree } from '../../../src/protocol/alm/tree.ts';

/** Hosts at places on a line, 1 ms apart by unit; the first `members` are members. */
export function onLine(places: readonly number[], degrees: readonly number[], members = places.length): Instance {
  return inPlane(places.map((x) => [x, 0] as const), degrees, members);
}

export function inPlane(places: readonly (readonly [number, number])[], degrees: readonly number[], members = places.length): Instance {
  const latencies = Latencies.fromCoordinates({ dimensions: 2, vectors: Float64Array.from(places.flat()) });
  return { members, size: places.length, degrees: Int32Array.from(degrees), latencies, upMbps: undefined, downMbps: undefined };
}

export function ofMatrix(rows: readonly (readonly number[])[], degrees: readonly number[], members = rows.length): Instance {
  return { members, size: rows.length, degrees: Int32Array.from(degrees), latencies: Latencies.fromMatrix(rows.length, Float64Array.from(rows.flat())), upMbps: undefined, downMbps: undefined };
}

/** Any symmetric latencies: the triangle inequality need not hold. */
export function anyInstance(membersMax: number, helpersMax = 0, degreeMin = 1): fc.Arbitrary<Instance> {
  return fc.tuple(fc.integer({ min: 1, max: membersMax }), fc.integer({ min: 0, max: helpersMax })).chain(([members, helpers]) => {
    const size = members + helpers;
    return fc.record({
      degrees: fc.array(fc.integer({ min: degreeMin, max: 5 }), { minLength: size, maxLength: size }),
      values: fc.array(fc.integer({ min: 1, max: 200 }), { minLength: size * size, maxLength: size * size }),
    }).map(({ degrees, values }) => ({
      members, size, degrees: Int32Array.from(degrees), upMbps: undefined, downMbps: undefined,
      latencies: Latencies.fromFunction(size, (a, b) => values[Math.max(a, b) * size + Math.min(a, b)] as number),
    }));
  });
}

export const feasibleInstance = (membersMax: number, helpersMax = 0): fc.Arbitrary<Instance> => anyInstance(membersMax, helpersMax).filter((instance) => missingLinks(instance) === 0);

/** All members hang together below the root, no bound is exceeded, heights are sums of latencies, and no helper is idle. */
export function assertValid(tree: Tree): void {
  const { members, size, degrees, latencies } = tree.instance;
  const links = new Int32Array(size);
  for (let node = 0; node < size; node++) {
    const parent = tree.parent[node] as number;
    assert.equal(tree.present[node] === 1, node === ROOT || parent !== NONE);
    if (node < members) assert.equal(tree.present[node], 1, `member ${node} is in the tree`);
    if (parent === NONE) continue;
    links[node] = (links[node] as number) + 1;
    links[parent] = (links[parent] as number) + 1;
    let height = 0;
    let steps = 0;
    for (let up = node; up !== ROOT; up = tree.parent[up] as number) {
      height += latencies.between(tree.parent[up] as number, up);
      assert.ok(++steps <= size, 'no cycle');
    }
    assert.ok(Math.abs(height - (tree.height[node] as number)) < 1e-6, `height of ${node}`);
  }
  for (let node = 0; node < size; node++) {
    assert.equal(links[node], tree.degree[node]);
    assert.ok((links[node] as number) <= (degrees[node] as number), `degree of ${node}`);
    if (node >= members && tree.present[node] === 1) assert.notEqual(tree.firstChild(node), NONE, 'a helper serves somebody');
  }
}

export function parentsOf(tree: Tree): number[] {
  return [...tree.parent];
}

/** The height of the lowest tree, by trying all parents. */
export function lowestByTrial({ members, degrees, latencies }: Instance): number {
  const parents = new Array<number>(members).fill(0);
  let lowest = Infinity;
  const tryFrom = (node: number): void => {
    if (node === members) {
      lowest = Math.min(lowest, heightOf());
      return;
    }
    for (let parent = 0; parent < members; parent++) {
      if (parent === node) continue;
      parents[node] = parent;
      tryFrom(node + 1);
    }
  };
  const heightOf = (): number => {
    const links = new Array<number>(members).fill(0);
    let highest = 0;
    for (let node = 1; node < members; node++) {
      links[node] = (links[node] as number) + 1;
      links[parents[node] as number] = (links[parents[node] as number] as number) + 1;
      let height = 0;
      let steps = 0;
      for (let up = node; up !== 0; up = parents[up] as number) {
        height += latencies.between(parents[up] as number, up);
        if (++steps > members) return Infinity;
      }
      highest = Math.max(highest, height);
    }
    return links.every((count, node) => count <= (degrees[node] as number)) ? highest : Infinity;
  };
  tryFrom(1);
  return lowest;
}
