/**
 * The data overlay of the patent's Section A: objects, references with their shortcuts, and structures built on them.
 */
import assert from 'node:assert/strict';
import type { Position } from '../../src/core/position.ts';
import { randomFrom } from '../../src/core/random.ts';
import { nearKey, randomKey } from '../../src/protocol/overlay/keys.ts';
import type { Cluster, Scenario } from './cluster.ts';
import { anyPeer, converge, deref, get, grow, ownerOf, put, remove, removeRef, setref, textAt, textOf } from './steps.ts';

/** A new object near `near`, as `create(value, {near})` makes it. */
async function create(cluster: Cluster, text: string, near?: Position): Promise<Position> {
  const random = randomFrom(cluster.random.below(2 ** 31));
  const key = near ? nearKey(near, random) : randomKey(random);
  assert.ok((await put(cluster, anyPeer(cluster), key, text)).ok);
  return key;
}

async function link(cluster: Cluster, from: Position, field: string, to: Position): Promise<void> {
  const outcome = await setref(cluster, anyPeer(cluster), from, field, { key: to });
  assert.ok(outcome.ok, `setref ${field}, ${cluster.replay}`);
}

/** Follows `field` from object to object and collects the texts. */
async function walk(cluster: Cluster, head: Position, field: string): Promise<string[]> {
  const texts = [await textAt(cluster, anyPeer(cluster), head)];
  for (let at = head; ;) {
    const next = await deref(cluster, anyPeer(cluster), at, field);
    if (!next.ok) {
      assert.equal(next.code, 'missing', `${next.reason}, ${cluster.replay}`);
      return texts;
    }
    texts.push(textOf(next));
    at = next.key;
  }
}

async function disturb(cluster: Cluster): Promise<void> {
  for (let i = 0; i < 2; i++) await cluster.kill(anyPeer(cluster));
  for (let i = 0; i < 2; i++) await cluster.spawn();
  await converge(cluster);
}

/** In-order texts of a binary search tree. */
async function inOrder(cluster: Cluster, node: Position): Promise<string[]> {
  const left = await deref(cluster, anyPeer(cluster), node, 'left');
  const right = await deref(cluster, anyPeer(cluster), node, 'right');
  return [
    ...(left.ok ? await inOrder(cluster, left.key) : []),
    await textAt(cluster, anyPeer(cluster), node),
    ...(right.ok ? await inOrder(cluster, right.key) : []),
  ];
}

async function insertIntoTree(cluster: Cluster, root: Position, text: string): Promise<void> {
  for (let at = root; ;) {
    const field = text < (await textAt(cluster, anyPeer(cluster), at)) ? 'left' : 'right';
    const child = await deref(cluster, anyPeer(cluster), at, field);
    if (child.ok) at = child.key;
    else return link(cluster, at, field, await create(cluster, text, root));
  }
}

export const overlayScenarios: Scenario[] = [
  {
    name: '[0037] insert and lookup return the peer that hosts the object; direct goes there without a lookup',
    sizes: [64, 8],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const key = randomKey(randomFrom(3));
      const written = await put(cluster, anyPeer(cluster), key, 'hello');
      assert.ok(written.ok);
      assert.equal(written.host.peerId, ownerOf(cluster, key).peerId);
      assert.ok(written.copies >= 2, 'acknowledged by two copies');
      const read = await get(cluster, anyPeer(cluster), key);
      assert.equal(textOf(read), 'hello');
      assert.ok(read.ok && read.host.peerId === written.host.peerId);
      assert.ok((await remove(cluster, anyPeer(cluster), key)).ok);
      const gone = await get(cluster, anyPeer(cluster), key);
      assert.ok(!gone.ok && gone.code === 'missing');
    },
  },
  {
    name: '[0034] a reference is a key and a host; deref goes to the host, and repairs it when the object has moved',
    sizes: [64, 8],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const a = await create(cluster, 'a');
      const b = await create(cluster, 'b');
      await link(cluster, a, 'foo', b);
      const first = await deref(cluster, anyPeer(cluster), a, 'foo');
      assert.equal(textOf(first), 'b');
      assert.ok(first.ok && first.shortcut, 'the host was remembered by setref');
      const host = cluster.alive().find((peer) => first.ok && cluster.node(peer).local.contact.peerId === first.host.peerId);
      await cluster.kill(host as number);
      await converge(cluster);
      const second = await deref(cluster, anyPeer(cluster), a, 'foo');
      assert.equal(textOf(second), 'b');
      assert.ok(second.ok && !second.shortcut, 'the old host is gone: found by lookup');
      const repaired = async (): Promise<boolean> => {
        const again = await deref(cluster, anyPeer(cluster), a, 'foo');
        return again.ok && again.shortcut;
      };
      let isDirect = false;
      for (let tries = 0; tries < 20 && !isDirect; tries++) isDirect = await repaired();
      assert.ok(isDirect, `the shortcut was repaired, ${cluster.replay}`);
    },
  },
  {
    name: '[0036] delete removes the object that a field points to, and the field',
    sizes: [64, 8],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const a = await create(cluster, 'a');
      const b = await create(cluster, 'b', a);
      await link(cluster, a, 'foo', b);
      assert.ok((await removeRef(cluster, anyPeer(cluster), a, 'foo')).ok);
      const gone = await get(cluster, anyPeer(cluster), b);
      assert.ok(!gone.ok && gone.code === 'missing');
      const field = await deref(cluster, anyPeer(cluster), a, 'foo');
      assert.ok(!field.ok && field.code === 'missing');
      assert.equal(await textAt(cluster, anyPeer(cluster), a), 'a');
    },
  },
  {
    name: '[0033] a linked list over the pool keeps its order while peers come and go',
    sizes: [64, 8],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const head = await create(cluster, 'item 0');
      let tail = head;
      for (let i = 1; i < 8; i++) {
        const item = await create(cluster, `item ${i}`);
        await link(cluster, tail, 'next', item);
        tail = item;
        if (i % 3 === 0) await disturb(cluster);
      }
      assert.deepEqual(await walk(cluster, head, 'next'), Array.from({ length: 8 }, (_, i) => `item ${i}`));
    },
  },
  {
    name: '[0033] a binary tree over the pool stays sorted while peers come and go',
    sizes: [64, 8],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const words = ['m', 'f', 't', 'b', 'h', 'p', 'w'];
      const root = await create(cluster, words[0] as string);
      for (const [i, word] of words.slice(1).entries()) {
        await insertIntoTree(cluster, root, word);
        if (i === 2) await disturb(cluster);
      }
      assert.deepEqual(await inOrder(cluster, root), words.toSorted());
    },
  },
];
