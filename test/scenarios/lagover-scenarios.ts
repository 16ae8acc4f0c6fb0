/**
 * Latency-graded trees over a ring: peers find one another by random walks, and what holds for simulated peers holds for
 * real ones.
 */
import assert from 'node:assert/strict';
import type { Tree } from '../../src/protocol/lagover/agent/tree.ts';
import { treeOf } from '../../src/protocol/lagover/agent/tree.ts';
import type { Cluster, Scenario } from './cluster.ts';
import { grow } from './steps.ts';

const SATISFIED_WITHIN_MS = 30_000;

interface Terms {
  readonly fanout: number;
  readonly constraint: number;
}

/** Strict peers with few slots and lax ones with more; the source has a slot for each of the strictest. */
function termsOf(peer: number): Terms {
  return peer === 0 ? { fanout: 4, constraint: 0 } : { fanout: 1 + (peer % 3), constraint: 2 + (peer % 4) };
}

function treeBelow(cluster: Cluster, source: number, id: string): Tree {
  return treeOf({ id, source: cluster.node(source).local.contact });
}

function joinAll(cluster: Cluster, tree: Tree): void {
  for (const peer of cluster.alive()) cluster.input(peer, (node) => assert.ok(node.joinTree(tree, termsOf(peer))));
}

/** Whether everybody hears from the source within its constraint, counted along the parents; fails when a fan-out is exceeded. */
export function isSatisfied(cluster: Cluster, treeId: string, source: number): boolean {
  const peerOf = new Map(cluster.alive().map((peer) => [cluster.node(peer).local.contact.peerId, peer]));
  const children = new Map<number, number>();
  const parents = new Map<number, number>();
  for (const peer of cluster.alive()) {
    const parent = peerOf.get(cluster.node(peer).lagover.agent(treeId)?.parent?.peerId ?? '');
    if (parent === undefined) continue;
    parents.set(peer, parent);
    children.set(parent, (children.get(parent) ?? 0) + 1);
  }
  for (const [peer, count] of children) assert.ok(count <= termsOf(peer).fanout, `peer ${peer} has ${count} children, ${cluster.replay}`);
  return cluster.alive().every((peer) => {
    let at: number | undefined = peer;
    for (let hops = 0; at !== undefined && hops <= termsOf(peer).constraint; hops++) {
      if (at === source) return true;
      at = parents.get(at);
    }
    return peer === source;
  });
}

async function satisfied(cluster: Cluster, treeId: string): Promise<void> {
  const done = await cluster.until(() => isSatisfied(cluster, treeId, 0), SATISFIED_WITHIN_MS);
  assert.ok(done, `not everybody is served in time by ${cluster.kind} peers, ${cluster.replay}`);
}

export const lagoverScenarios: Scenario[] = [
  {
    name: 'peers of a ring build a tree that serves everybody in time, and again after crashes, farewells and arrivals',
    sizes: [48, 12],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const tree = treeBelow(cluster, 0, 'feed');
      joinAll(cluster, tree);
      await satisfied(cluster, 'feed');
      await cluster.kill(cluster.alive().at(-1) as number);
      await cluster.leave(cluster.alive().at(-1) as number);
      const comer = await cluster.spawn();
      await cluster.until(() => cluster.node(comer).standing === 'active', SATISFIED_WITHIN_MS);
      cluster.input(comer, (node) => assert.ok(node.joinTree(tree, termsOf(comer))));
      await satisfied(cluster, 'feed');
    },
  },
  {
    name: 'one peer takes part in several trees, and leaving one leaves the others alone',
    sizes: [24, 8],
    async run(cluster, peers) {
      await grow(cluster, peers);
      for (const id of ['first', 'second']) joinAll(cluster, treeBelow(cluster, 0, id));
      await satisfied(cluster, 'first');
      await satisfied(cluster, 'second');
      for (const peer of cluster.alive()) cluster.input(peer, (node) => node.lagover.leave('first'));
      await cluster.until(() => false, 2_000);
      assert.ok(cluster.alive().every((peer) => cluster.node(peer).lagover.agent('first') === undefined));
      await satisfied(cluster, 'second');
    },
  },
];
