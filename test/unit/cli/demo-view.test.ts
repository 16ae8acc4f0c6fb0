/** The picture of the demonstration: everybody once, pollers marked, and no line wider than it needs to be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawDemo } from '../../../src/cli/demo-view.ts';
import type { DemoLook } from '../../../src/daemon/demo/demo.ts';

const NONE = { p50: null, p99: null, max: null };
const LOOK: DemoLook = {
  phase: 'running', elapsedSeconds: 30, peers: 4, wanted: 4, originRequests: 6, directWouldBe: 60, requestsBySlice: [2, 0, 4], published: 9,
  figures: { stalenessMs: { p50: 2_000, p99: 4_000, max: 5_000 }, pushMs: NONE, missedItems: 1, duplicateItems: 0 }, killed: 1, rejoined: 0, added: 2,
  tree: [{ peer: 0, role: 'poller', parent: undefined }, { peer: 1, role: 'consumer', parent: 'peer-0' }, { peer: 2, role: 'consumer', parent: 'peer-1' }, { peer: 3, role: 'consumer', parent: undefined }],
};

test('the second line says the most important by itself', () => {
  assert.equal(drawDemo(LOOK, 60)[1], '30 s: 4 peers, the origin was asked 6 times; directly it would have been 60');
  assert.match(drawDemo({ ...LOOK, phase: 'starting', peers: 2 }, 60)[1] ?? '', /2 of 4/);
});

test('each peer stands in the tree once, below the one it has its versions from', () => {
  const lines = drawDemo(LOOK, 60);
  assert.deepEqual(lines.slice(-4), ['peer-0 (polls)', '  └ peer-1', '    └ peer-2', 'peer-3']);
});

test('two peers that name one another are drawn all the same', () => {
  const tree: DemoLook['tree'] = [{ peer: 0, role: 'consumer', parent: 'peer-1' }, { peer: 1, role: 'consumer', parent: 'peer-0' }];
  const lines = drawDemo({ ...LOOK, tree }, 60);
  assert.ok(lines.some((line) => line.includes('peer-0')) && lines.some((line) => line.includes('peer-1')));
});

test('polls a minute stand beside what they would be', () => {
  assert.ok(drawDemo(LOOK, 60).includes('polls a minute        12 with Grove, 120 without'));
});
