/**
 * Keys of objects that have no name: drawn at random, or near another key on request ([0035]).
 *
 * Objects that are used together can be made to live together: near keys have one owner, and a structure built of them
 * costs no hops to walk.
 */
import type { Position } from '../../core/position.ts';
import { CIRCLE, positionFromLead } from '../../core/position.ts';
import type { Random } from '../../core/random.ts';

/** Keys made near one another lie within this part of the circle: one zone, in any pool of up to about 2^28 peers. */
const NEAR_SPAN = 2 ** 20;

export function randomKey(random: Random): Position {
  return positionFromLead(Math.floor(random.unit() * CIRCLE), randomTail(random));
}

/** A fresh key close to `near`, so that both objects will most likely be hosted by one peer. */
export function nearKey(near: Position, random: Random): Position {
  const offset = random.below(NEAR_SPAN) - NEAR_SPAN / 2;
  return positionFromLead((near.lead + offset + CIRCLE) % CIRCLE, randomTail(random));
}

/** 108 further bits, so that two keys drawn near one another are never the same. */
function randomTail(random: Random): string {
  let tail = '';
  while (tail.length < 27) tail += random.u32().toString(16).padStart(8, '0');
  return tail.slice(0, 27);
}
