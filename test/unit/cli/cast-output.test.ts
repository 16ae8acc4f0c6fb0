/** What `grove cast why` prints and draws of a session with helpers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawCast, whyLines } from '../../../src/cli/cast-output.ts';
import type { CastView, MemberView } from '../../../src/protocol/alm/session/views.ts';

const member = (peerId: string, parent: string | null, depth: number, isHelper = false): MemberView => ({
  peerId, name: `${peerId}<&>`, parent, depth, children: 1, degree: 3, whyFewer: '', isHelper, plannedMs: 10 * depth, latencyMs: 11, latencyHighMs: 12, head: 5, hasStarted: true, refilled: 0,
});

const VIEW: CastView = {
  name: 'film', session: 's', role: 'root', root: { peerId: 'root', name: 'root' }, priority: 2, rateBps: 2_000_000, contentType: '', parent: null, children: ['aid'], chunks: 5, bytes: 50, sentBytes: 50,
  refilled: 0, repeated: 0, latencyMs: 0, latencyHighMs: 0, isComplete: false, tree: [member('root', null, 0), member('aid', 'root', 1, true), member('one', 'aid', 2)], heightMs: 20, withoutHelpersMs: 35,
  help: [{ peerId: 'aid', name: 'aid', links: 2, serves: ['one'], withoutItMs: 35 }], amcastHeightMs: 40, starBoundMs: 15, replans: 1, moved: 1, gone: [{ peerId: 'x', name: 'x', why: 'it left' }], finished: [], awaited: [],
};

test('heights before and after helpers, who helps and whom it serves, and what preemption would cost', () => {
  const text = whyLines(VIEW).join('\n');
  for (const part of [/AMCast on its members 40 ms/, /Height 20 ms with helpers; 35 ms without any/, /aid helps with 2 links and serves one: without it the tree is 35 ms high, 15 ms more/, /Sessions of priority 1/, /x is no member any more: it left/]) {
    assert.match(text, part);
  }
  const [, , , , taken = ''] = whyLines({ ...VIEW, tree: [...VIEW.tree.slice(0, 2), { ...member('one', 'aid', 2), degree: 1, whyFewer: '3 of its 4 are taken by other sessions' }], awaited: [{ peerId: 'x', name: 'x', forMs: 4_200 }] });
  assert.match(taken, /of 1 links \(3 of its 4 are taken by other sessions\)/);
  const last = whyLines({ ...VIEW, help: [{ ...(VIEW.help[0] as CastView['help'][number]), withoutItMs: null }], withoutHelpersMs: null }).join('\n');
  assert.match(last, /without them there is no tree/);
});

test('the drawing has a mark for each peer, helpers in another colour, and names that cannot break it', () => {
  const svg = drawCast(VIEW);
  assert.equal(svg.match(/<circle/g)?.length, 3);
  assert.equal(svg.match(/#dd6622/g)?.length, 1);
  assert.equal(svg.match(/<line/g)?.length, 2);
  assert.doesNotMatch(svg, /<&>/);
});
