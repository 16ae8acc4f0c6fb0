/**
 * Latency-graded trees over a ring: peers find one another by random walks, and what holds for simulated peers holds for
 * real ones.
 */
import assert from 'node:assert/strict';
import type { TreeOracle } from '../../src/protocol/lagover/agent/oracles.ts';
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

function joinAll(cluster: Cluster, tree: Tree, oracle?: TreeOracle, peers = cluster.alive()): void {
  for (const peer of peers) cluster.input(peer, (node) => assert.ok(node.joinTree(tree, termsOf(peer), oracle)));
}

/** Whether all these hear from the source, whatever their constraints. */
function allHear(cluster: Cluster, treeId: string, peers: readonly number[]): boolean {
  return peers.every((peer) => cluster.node(peer).lagover.agent(treeId)?.isRooted === true);
}

/** Entries of the tree's directory at its hosts. */
function listed(cluster: Cluster, treeId: string): number {
  return cluster.alive().reduce((sum, peer) => sum + cluster.node(peer).oracles.host.count(treeId, 0), 0);
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
  {
    name: 'a directory in the DHT names whom to meet, and survives the peer that keeps it',
    sizes: [32, 10],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const tree = treeBelow(cluster, 0, 'feed');
      joinAll(cluster, tree, 'directory');
      await satisfied(cluster, 'feed');
      assert.ok(await cluster.until(() => listed(cluster, 'feed') >= cluster.alive().length - 1, 10_000), `all consumers are listed, ${cluster.replay}`);
      const keeper = cluster.alive().find((peer) => cluster.node(peer).oracles.host.count('feed', 0) > 0) as number;
      if (keeper !== 0) await cluster.kill(keeper);
      const comer = await cluster.spawn();
      await cluster.until(() => cluster.node(comer).standing === 'active', SATISFIED_WITHIN_MS);
      cluster.input(comer, (node) => assert.ok(node.joinTree(tree, termsOf(comer), 'directory')));
      await satisfied(cluster, 'feed');
      assert.ok(await cluster.until(() => listed(cluster, 'feed') >= cluster.alive().length - 1, 30_000), `they are listed at the next one, ${cluster.replay}`);
    },
  },
  {
    name: 'a directory can be kept by a long-lived peer that does not take part, and the DHT takes over when that one is gone',
    sizes: [24, 8],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const [, keeper] = cluster.alive() as [number, number];
      const tree = treeOf({ id: 'feed', source: cluster.node(0).local.contact, directory: [cluster.node(keeper).local.contact] });
      const members = (): number[] => cluster.alive().filter((peer) => peer !== keeper);
      joinAll(cluster, tree, 'directory', members());
      assert.ok(await cluster.until(() => allHear(cluster, 'feed', members()), SATISFIED_WITHIN_MS), `everybody hears, ${cluster.replay}`);
      assert.ok(await cluster.until(() => cluster.node(keeper).oracles.host.count('feed', 0) >= members().length - 1, 10_000), `the chosen peer keeps it, ${cluster.replay}`);
      assert.equal(cluster.node(keeper).lagover.agent('feed'), undefined);
      await cluster.kill(keeper);
      assert.ok(await cluster.until(() => listed(cluster, 'feed') >= members().length - 1, 30_000), `the DHT takes over, ${cluster.replay}`);
    },
  },
  {
    name: 'the metadata tree fills a directory: samples of every class of delay, at the source',
    sizes: [24, 8],
    options: { somo: 'unsynchronised', somoPeriodMs: 1_000 },
    async run(cluster, peers) {
      await grow(cluster, peers);
      const tree = treeBelow(cluster, 0, 'feed');
      joinAll(cluster, tree, 'somo');
      await satisfied(cluster, 'feed');
      assert.ok(await cluster.until(() => cluster.node(0).oracles.host.count('feed', 0) > 0, 30_000), `the source has samples, ${cluster.replay}`);
      const comer = await cluster.spawn();
      await cluster.until(() => cluster.node(comer).standing === 'active', SATISFIED_WITHIN_MS);
      cluster.input(comer, (node) => assert.ok(node.joinTree(tree, termsOf(comer), 'somo')));
      await satisfied(cluster, 'feed');
    },
  },
  {
    name: 'in a tree of milliseconds delays are measured: everybody hears within what it asked for, and knows its delay',
    sizes: [24, 8],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const tree = treeOf({ id: 'feed', source: cluster.node(0).local.contact, unit: 'ms', hop: 60 });
      const constraintMs = (peer: number): number => (peer === 0 ? 0 : 400 + 100 * (peer % 4));
      for (const peer of cluster.alive()) cluster.input(peer, (node) => assert.ok(node.joinTree(tree, { fanout: peer === 0 ? 4 : 1 + (peer % 3), constraint: constraintMs(peer) })));
      const inTime = (): boolean => cluster.alive().every((peer) => {
        const agent = cluster.node(peer).lagover.agent('feed');
        return agent !== undefined && agent.isRooted && agent.delay <= constraintMs(peer);
      });
      assert.ok(await cluster.until(inTime, SATISFIED_WITHIN_MS), `everybody hears in time, ${cluster.replay}`);
      for (const peer of cluster.alive()) {
        const agent = cluster.node(peer).lagover.agent('feed');
        // No message is faster than the allowance, once a level.
        assert.ok(agent !== undefined && (peer === 0 || agent.delay >= tree.allowanceMs), `peer ${peer} knows its delay, ${cluster.replay}`);
      }
    },
  },
];
