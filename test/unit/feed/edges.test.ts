/** Trees with common subscribers share connections. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomFrom } from '../../../src/core/random.ts';
import { betterParent } from '../../../src/protocol/feed/edges.ts';
import { makeContact } from '../../../src/sim/contacts.ts';

const random = randomFrom(1);
const [a, b, c] = [0, 1, 2].map((i) => makeContact(random, i)) as [ReturnType<typeof makeContact>, ReturnType<typeof makeContact>, ReturnType<typeof makeContact>];
const edges = (ring: readonly string[], trees: Record<string, number>): Parameters<typeof betterParent>[2] => ({ isOnRing: (peerId) => ring.includes(peerId), treesWith: (peerId) => trees[peerId] ?? 0 });

test('a parent is left only for somebody with whom more trees are shared, and for a neighbour on the ring before all', () => {
  assert.equal(betterParent(a, [b, c], edges([], { [a.peerId]: 1, [b.peerId]: 2, [c.peerId]: 3 })), c);
  assert.equal(betterParent(a, [b, c], edges([b.peerId], { [a.peerId]: 1, [c.peerId]: 3 })), b);
  assert.equal(betterParent(a, [b, c], edges([], { [a.peerId]: 2, [b.peerId]: 2, [c.peerId]: 1 })), undefined, 'else two would change places for ever');
  assert.equal(betterParent(a, [b], edges([a.peerId], { [b.peerId]: 9 })), undefined, 'whoever is connected anyway is not left');
});
