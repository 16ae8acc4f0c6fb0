/**
 * A converged ring without the joins: who the neighbours and table entries of each peer would be.
 *
 * For runs of 10^4 to 10^6 peers, where joining one by one would be most of the run. Leafsets are exact; tables are what
 * the strategy's own maintenance converges to, except that Pastry slots are filled at random, so that nearness to the
 * right peers is earned by the protocol and not given.
 */
import { must } from '../../core/assert.ts';
import type { Contact } from '../../core/contact.ts';
import { CIRCLE, digitAt, positionFromLead } from '../../core/position.ts';
import type { Random } from '../../core/random.ts';
import type { ProtocolOptions } from '../../protocol/options.ts';
import { acrossFace, boxesOf } from '../../protocol/routing/morton.ts';
import type { TableEntry } from '../../protocol/wire/messages.ts';
import type { RingOracle } from './oracle.ts';

/** Chord's smallest useful finger, as in routing/chord.ts. */
const FINGER_BITS_MIN = 20;

export function leafsetOf(oracle: RingOracle, index: number, radius: number): Contact[] {
  const reach = Math.min(radius, Math.floor((oracle.size - 1) / 2) + 1);
  const contacts = new Set<Contact>();
  for (let offset = 1; offset <= reach; offset++) {
    contacts.add(must(oracle.at(index + offset), 'a ring of several'));
    contacts.add(must(oracle.at(index - offset), 'a ring of several'));
  }
  contacts.delete(must(oracle.at(index), 'a member'));
  return [...contacts];
}

export function tableOf(oracle: RingOracle, index: number, options: ProtocolOptions, random: Random): TableEntry[] {
  const self = must(oracle.at(index), 'a member');
  switch (options.strategy) {
    case 'leafset': return [];
    case 'chord': return fingersOf(oracle, self);
    case 'pastry': return prefixesOf(oracle, self, random);
    default: return torusNeighbours(oracle, index, options.dimensions);
  }
}

function entryOf(oracle: RingOracle, contact: Contact): TableEntry {
  return { contact, zoneStart: must(oracle.neighbour(contact.position, -1), 'a predecessor').position, tellerRttMs: 0 };
}

function fingersOf(oracle: RingOracle, self: Contact): TableEntry[] {
  const entries = new Map<string, TableEntry>();
  for (let bit = FINGER_BITS_MIN; bit < 52; bit++) {
    const finger = must(oracle.ownerOf(positionFromLead((self.position.lead + 2 ** bit) % CIRCLE)), 'an owner');
    if (finger !== self) entries.set(finger.peerId, entryOf(oracle, finger));
  }
  return [...entries.values()];
}

/** One member at random for each prefix that differs from ours in the last digit, as long as there are any. */
function prefixesOf(oracle: RingOracle, self: Contact, random: Random): TableEntry[] {
  const entries: TableEntry[] = [];
  let low = 0;
  let span = CIRCLE;
  for (let row = 0; row < 12; row++) {
    span /= 16;
    const own = digitAt(self.position, row);
    let rowCount = 0;
    for (let digit = 0; digit < 16; digit++) {
      if (digit === own) continue;
      const contact = randomBetween(oracle, low + digit * span, span, random);
      if (contact) {
        entries.push({ contact, zoneStart: undefined, tellerRttMs: 0 });
        rowCount++;
      }
    }
    low += own * span;
    if (rowCount === 0) break;
  }
  return entries;
}

function randomBetween(oracle: RingOracle, low: number, span: number, random: Random): Contact | undefined {
  const first = oracle.indexFrom(positionFromLead(low));
  const after = low + span >= CIRCLE ? oracle.size : oracle.indexFrom(positionFromLead(low + span));
  return after > first ? oracle.at(first + random.below(after - first)) : undefined;
}

/** Every member whose zone reaches into a box beside one of ours; the strategy keeps those that really touch. */
function torusNeighbours(oracle: RingOracle, index: number, dimensions: number): TableEntry[] {
  const self = must(oracle.at(index), 'a member');
  const start = must(oracle.at(index - 1), 'a member').position;
  const entries = new Map<string, TableEntry>();
  for (const box of boxesOf(start.lead, self.position.lead, dimensions)) {
    for (let dimension = 0; dimension < dimensions; dimension++) {
      for (const direction of [1, -1]) {
        const across = acrossFace(box, dimension, direction);
        const first = oracle.indexFrom(positionFromLead(across.start));
        const last = oracle.indexFrom(positionFromLead(across.start + across.length - 1));
        for (let i = first; i <= Math.min(last, first + 63); i++) {
          const contact = must(oracle.at(i), 'a member');
          if (contact !== self) entries.set(contact.peerId, entryOf(oracle, contact));
        }
      }
    }
  }
  return [...entries.values()];
}
