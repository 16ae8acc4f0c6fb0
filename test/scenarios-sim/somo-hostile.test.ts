/** What one member can make another keep by its reports to the metadata tree. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { protocolOptions } from '../../src/protocol/options.ts';
import { toWireNode } from '../../src/protocol/somo/partial.ts';
import type { SomoPartial } from '../../src/protocol/wire/somo-messages.ts';
import { ConstantLatency } from '../../src/sim/latency/latency-model.ts';
import { SomoWorld } from '../../src/sim/somo/somo-world.ts';

test('answers in parts that never end do not pile up', () => {
  const world = new SomoWorld({ seed: 5, latency: new ConstantLatency(50), rollCall: true }, protocolOptions({ somo: 'synchronised', somoPeriodMs: 5_000 }));
  world.wire(20);
  world.ring.world.runFor(20_000);
  const root = world.ring.node(world.rootIndex);
  const liar = [...root.somo.gather.children][0];
  assert.ok(liar);
  const partial = (index: number): SomoPartial => ({
    node: toWireNode({ level: 6, index }), machines: 1, space: 0, ageMs: 0, height: 0, before: 0, after: 0, fields: [], tallies: [], same: false,
  });
  for (let part = 0; part < 40; part++) {
    const partials = Array.from({ length: 100 }, (_, i) => partial(part * 100 + i));
    root.onMessage(liar.from, { type: 'somoReport', op: 0, seq: liar.seq + 1 + part, base: 0, partials, standing: 0, part }, world.ring.world.now());
  }
  const kept = [...root.somo.gather.children].find(({ from }) => from.peerId === liar.from.peerId);
  assert.ok(kept && kept.partials.size > 100 && kept.partials.size <= 256, `${kept?.partials.size} nodes`);
});
