/**
 * Newcomers that join one gap of the ring at the same time: the zone grant has to put them in order.
 *
 * Simulated only, because it needs chosen positions: a real peer's position is the hash of its identity.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Contact } from '../../src/core/contact.ts';
import { positionFromLead } from '../../src/core/position.ts';
import { Node } from '../../src/protocol/node.ts';
import { EuclideanLatency } from '../../src/sim/latency/latency-model.ts';
import { randomFrom } from '../../src/core/random.ts';
import { checkAllJoined, checkLeafsets, checkZones } from '../../src/sim/ring/check-ring.ts';
import { RingWorld } from '../../src/sim/ring/ring-world.ts';
import { QUICK } from './cluster.ts';

const MEMBERS = 20;

/** Newcomers whose positions differ in the last digits only: equal leading bits, one gap. */
function newcomer(ring: RingWorld, lead: number, place: number): number {
  const index = ring.world.peerCount;
  const contact: Contact = {
    peerId: `12D3KooW${String(index).padStart(44, 'y')}`, position: positionFromLead(lead, `00000000000000000000000000${place.toString(16)}`),
    addresses: [], name: `twin-${place}`, incarnation: 1,
  };
  return ring.world.spawn(contact, (env) => new Node(env, ring.options, ring.world.contact(index)));
}

for (let seed = 1; seed <= 12; seed++) {
  for (const loss of [0, 0.05]) {
    test(`INV-RING-1: four peers that join at one spot within a second share it in order (seed ${seed}, loss ${loss})`, () => {
      const ring = new RingWorld({ seed, latency: new EuclideanLatency(randomFrom(seed)), jitter: 1, loss }, QUICK);
      ring.wire(MEMBERS);
      ring.world.runFor(5_000);
      const draws = ring.world.random('twins');
      const lead = Math.floor(draws.unit() * 2 ** 51) * 2;
      for (let place = 0; place < 4; place++) {
        const index = newcomer(ring, lead, place);
        ring.world.at(ring.world.now() + draws.below(1_000), () => ring.enter(index, draws.below(MEMBERS)));
      }
      const violations = (): number => checkAllJoined(ring).length + checkZones(ring).length;
      ring.world.runFor(1_000);
      assert.notEqual(ring.world.runUntilHolds(() => violations() === 0, 100, 60_000), undefined, `seed ${seed}: ${JSON.stringify(checkZones(ring))}`);
      ring.world.setLoss(0);
      assert.notEqual(ring.world.runUntilHolds(() => checkLeafsets(ring).length === 0, 500, 60_000), undefined, `seed ${seed}: ${JSON.stringify(checkLeafsets(ring))}`);
    });
  }
}
