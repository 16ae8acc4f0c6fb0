/**
 * Checkers of the ring's invariants (docs/invariants.md): what must hold once the ring is quiet.
 * They compare every peer with the oracle and return what is wrong; tests and chaos runs demand an empty list.
 */
import type { Contact } from '../../core/contact.ts';
import { must } from '../../core/assert.ts';
import type { RingWorld } from './ring-world.ts';
import { leafsetOf } from './wiring.ts';

export interface Violation {
  readonly invariant: string;
  readonly peer: number;
  readonly detail: string;
}

/** INV-RING-1: the zones of the members partition the circle. INV-RING-2: nobody else owns anything. */
export function checkZones(ring: RingWorld): Violation[] {
  const violations: Violation[] = [];
  const { oracle, world } = ring;
  oracle.members.forEach((member, place) => {
    const peer = world.indexOf(member);
    const start = ring.node(peer).zoneStart;
    const expected = must(oracle.at(place - 1), 'a predecessor').position;
    if (start?.hex !== expected.hex) {
      violations.push({ invariant: 'INV-RING-1', peer, detail: `zone starts at ${start?.hex ?? 'nowhere'}, should at ${expected.hex}` });
    }
  });
  for (const peer of world.alive()) {
    const node = ring.node(peer);
    if (node.standing !== 'active' && node.zoneStart) violations.push({ invariant: 'INV-RING-2', peer, detail: `${node.standing}, but owns a zone` });
  }
  return violations;
}

/** INV-RING-3: every leafset holds exactly the r nearest members on each side. */
export function checkLeafsets(ring: RingWorld): Violation[] {
  const violations: Violation[] = [];
  const { oracle, world, options } = ring;
  oracle.members.forEach((member, place) => {
    const peer = world.indexOf(member);
    const expected = new Set(leafsetOf(oracle, place, options.leafsetRadius).map((contact: Contact) => contact.peerId));
    const actual = ring.node(peer).membership.leafset.contacts().map((contact) => contact.peerId);
    const missing = [...expected].filter((peerId) => !actual.includes(peerId));
    const extra = actual.filter((peerId) => !expected.has(peerId));
    if (missing.length > 0 || extra.length > 0) {
      violations.push({ invariant: 'INV-RING-3', peer, detail: `misses ${missing.length} and has ${extra.length} too many neighbours` });
    }
  });
  return violations;
}

/** INV-RING-4: every living peer is a member. */
export function checkAllJoined(ring: RingWorld): Violation[] {
  return ring.world.alive().filter((peer) => ring.node(peer).standing !== 'active').map((peer) => ({ invariant: 'INV-RING-4', peer, detail: ring.node(peer).standing }));
}
