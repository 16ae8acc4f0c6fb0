/**
 * The ring as one peer sees it, as plain values for the API and the library.
 * Computed from the leafset when asked; nothing here is kept, and nothing in the protocol depends on it.
 */
import type { Contact } from '../core/contact.ts';
import type { Position } from '../core/position.ts';
import { CIRCLE, clockwise } from '../core/position.ts';
import type { Node } from '../protocol/node.ts';
import type { Leafset, Neighbour } from '../protocol/ring/leafset.ts';

export interface RingMember {
  readonly peerId: string;
  readonly name: string;
  readonly position: string;
  /** The zone is the part of the circle after the first up to and with the second; null for who owns nothing (yet). */
  readonly zone: readonly [string, string] | null;
  readonly state: 'active' | 'joining' | 'suspect' | 'leaving' | 'left';
}

export interface RingView {
  readonly self: RingMember;
  /** In the order of the circle, beginning after this peer. */
  readonly leafset: readonly RingMember[];
  /** Members of the ring: exact while all are neighbours, else estimated from how densely neighbours sit. */
  readonly size: number;
}

export function ringView(node: Node): RingView {
  const { leafset, zoneStart } = node.membership;
  const self = member(node.local.contact, zoneStart, node.standing);
  const fromHere = (neighbour: Neighbour): number => clockwise(node.local.position.lead, neighbour.contact.position.lead);
  const neighbours = leafset.members().sort((a, b) => fromHere(a) - fromHere(b));
  // Between the last on the right and the last on the left may be peers that we do not know.
  const afterGap = leafset.wrapsAround ? undefined : leafset.left.at(-1);
  let before = node.local.position;
  const view: RingMember[] = [];
  for (const neighbour of neighbours) {
    const { contact, joining, suspect } = neighbour;
    // Who stands before it we know better than what it said of itself when we last heard it.
    const start = joining ? undefined : neighbour === afterGap ? neighbour.zoneStart : before;
    if (!joining) before = contact.position;
    view.push(member(contact, start, suspect ? 'suspect' : joining ? 'joining' : 'active'));
  }
  return { self, leafset: view, size: estimatedSize(leafset) };
}

export function estimatedSize(leafset: Leafset): number {
  if (leafset.wrapsAround) return leafset.members().length + 1;
  const first = leafset.left.at(-1);
  const last = leafset.right.at(-1);
  if (first === undefined || last === undefined) return leafset.members().length + 1;
  const share = clockwise(first.contact.position.lead, last.contact.position.lead) / CIRCLE;
  const gaps = leafset.left.length + leafset.right.length;
  return Math.max(gaps + 1, Math.round(gaps / Math.max(share, 1 / CIRCLE)));
}

function member(contact: Contact, zoneStart: Position | undefined, state: RingMember['state']): RingMember {
  const { peerId, name, position } = contact;
  return { peerId, name, position: position.hex, zone: zoneStart === undefined ? null : [zoneStart.hex, position.hex], state };
}
