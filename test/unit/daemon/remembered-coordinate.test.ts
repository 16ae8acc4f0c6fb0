/** A coordinate survives a restart; what is no coordinate is forgotten. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recallCoordinate, rememberCoordinate } from '../../../src/daemon/remembered-coordinate.ts';
import { originCoordinate } from '../../../src/protocol/measure/vivaldi.ts';
import { MemoryStore } from '../../../src/sim/memory-store.ts';

test('it comes back where it was, and less sure of itself', () => {
  const store = new MemoryStore();
  rememberCoordinate(store, { vector: [1, 2, 3, 4], height: 5, error: 0.125 });
  assert.deepEqual(recallCoordinate(store), { vector: [1, 2, 3, 4], height: 5, error: Math.fround(0.3) });
});

test('who knows nothing yet remembers nothing', () => {
  const store = new MemoryStore();
  rememberCoordinate(store, originCoordinate(4));
  assert.equal(recallCoordinate(store), undefined);
});

test('what is no coordinate of this kind is forgotten', () => {
  for (const text of ['', '[]', '[1,2,3]', '[1,2,3,4,5,null]', '[1,2,3,4,-5,0.2]', '[1,2,3,4,5,0]', '{"vector":[]}', '[1,2,3,4,5,6,7]']) {
    const store = new MemoryStore();
    store.write('coordinate', new TextEncoder().encode(text));
    assert.equal(recallCoordinate(store), undefined, text);
  }
});
