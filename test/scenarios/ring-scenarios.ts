/**
 * The life of a ring: joins at once, lookups, crashes, departures, returns, splits.
 */
import assert from 'node:assert/strict';
import { randomKey } from '../../src/protocol/overlay/keys.ts';
import { randomFrom } from '../../src/core/random.ts';
import type { Scenario } from './cluster.ts';
import { anyPeer, converge, get, grow, lookUp, ownerOf, put, textAt } from './steps.ts';

const keys = (count: number) => {
  const random = randomFrom(7);
  return Array.from({ length: count }, () => randomKey(random));
};

export const ringScenarios: Scenario[] = [
  {
    name: 'peers that join all at once form one ring, and every lookup finds the owner',
    sizes: [256, 16],
    async run(cluster, peers) {
      await grow(cluster, peers);
      for (const key of keys(40)) {
        const found = await lookUp(cluster, anyPeer(cluster), key);
        assert.equal(found.owner.peerId, ownerOf(cluster, key).peerId, cluster.replay);
      }
    },
  },
  {
    name: 'a third of the peers killed at once: the zones close, and what was put is still there',
    sizes: [64, 9],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const all = keys(30);
      for (const [i, key] of all.entries()) assert.ok((await put(cluster, anyPeer(cluster), key, `value ${i}`)).ok);
      // Neighbours hold each other's copies: with four copies any three may die; here every third peer round the ring does.
      const order = cluster.alive().toSorted((a, b) => cluster.node(a).local.position.lead - cluster.node(b).local.position.lead);
      await Promise.all(order.filter((_, place) => place % 3 === 0).map((peer) => cluster.kill(peer)));
      await converge(cluster);
      for (const [i, key] of all.entries()) assert.equal(await textAt(cluster, anyPeer(cluster), key), `value ${i}`);
    },
  },
  {
    name: 'peers leave one after the other until two are left, and no object is lost',
    sizes: [64, 8],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const all = keys(20);
      for (const [i, key] of all.entries()) assert.ok((await put(cluster, anyPeer(cluster), key, `value ${i}`)).ok);
      while (cluster.alive().length > 2) await cluster.leave(anyPeer(cluster));
      await converge(cluster);
      for (const [i, key] of all.entries()) assert.equal(await textAt(cluster, anyPeer(cluster), key), `value ${i}`);
    },
  },
  {
    name: 'a peer that returns with its old identity has its old zone and no old values',
    sizes: [64, 8],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const all = keys(20);
      for (const key of all) assert.ok((await put(cluster, anyPeer(cluster), key, 'old')).ok);
      const away = cluster.alive().slice(1, 3);
      for (const peer of away) await cluster.kill(peer);
      await converge(cluster);
      for (const key of all) assert.ok((await put(cluster, anyPeer(cluster), key, 'new')).ok);
      for (const peer of away) await cluster.restart(peer);
      await converge(cluster);
      assert.equal(cluster.alive().length, peers);
      for (const key of all) for (const peer of [away[0] as number, anyPeer(cluster)]) assert.equal(await textAt(cluster, peer, key), 'new');
    },
  },
  {
    name: 'a split ring goes on as two, merges when healed, and keeps what both sides wrote',
    sizes: [64, 8],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const half = (peer: number): number => peer % 2;
      cluster.split(half);
      const parted = (): boolean => cluster.alive().every((peer) => {
        const { leafset } = cluster.node(peer).membership;
        return cluster.node(peer).standing === 'active' && leafset.contacts().every(({ name }) => Number(name.slice(5)) % 2 === half(peer));
      });
      assert.ok(await cluster.until(parted, 60_000), `the halves still hold on to one another, ${cluster.replay}`);
      const all = keys(24);
      for (const [i, key] of all.entries()) assert.ok((await put(cluster, cluster.alive()[i % 2] as number, key, `side ${i % 2}`)).ok);
      cluster.heal();
      await converge(cluster);
      const readable = new Set<string>();
      const allReadable = async (): Promise<boolean> => {
        for (const [i, key] of all.entries()) {
          if (readable.has(key.hex)) continue;
          const outcome = await get(cluster, anyPeer(cluster), key);
          if (outcome.ok && new TextDecoder().decode(outcome.object.value) === `side ${i % 2}`) readable.add(key.hex);
        }
        return readable.size === all.length;
      };
      for (let round = 0; round < 20 && !(await allReadable()); round++) await cluster.until(() => false, 500);
      assert.equal(readable.size, all.length, `objects of both sides are readable after the merge, ${cluster.replay}`);
    },
  },
];
