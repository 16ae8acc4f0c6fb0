/**
 * Content-addressable network: greedy routing through a d-dimensional torus over the ring's own zones.
 *
 * Neighbours are the peers whose zones share a face with ours; the next hop is the neighbour whose zone comes nearest to
 * the key's point. Zones are those of the ring (docs/decisions/0005-can-on-ring-zones.md), so ownership, objects and
 * SOMO are the same under every strategy.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import { clockwise, positionFromLead } from '../../core/position.ts';
import type { Random } from '../../core/random.ts';
import type { TableEntry } from '../wire/messages.ts';
import { WHOLE_TABLE } from '../wire/messages.ts';
import type { Box } from './morton.ts';
import { abut, acrossFace, boxesOf, distanceTo, leadOf, pointOf } from './morton.ts';
import type { Adviser, Hop, News, Skip, Strategy, Wish } from './strategy.ts';
import { ALL_WELCOME, toldTo } from './strategy.ts';

/** Most neighbours kept; a further one is not taken. Typical is 6-10 in two dimensions. */
const NEIGHBOURS_MAX = 96;

interface ZoneEntry extends Hop {
  readonly zoneStart: Position;
  readonly boxes: readonly Box[];
}

export class Can implements Strategy {
  readonly #self: Position;
  readonly #dimensions: number;
  readonly #ownStart: () => Position | undefined;
  #neighbours: ZoneEntry[] = [];
  #boxes: readonly Box[] = [];
  #boxesFor = '';
  #nextFace = 0;
  #nextToAsk = 0;

  constructor(self: Position, dimensions: number, ownStart: () => Position | undefined) {
    this.#self = self;
    this.#dimensions = dimensions;
    this.#ownStart = ownStart;
  }

  nextHop(key: Position, skip: Skip): Hop | undefined {
    const point = pointOf(key.lead, this.#dimensions);
    let best: Hop | undefined;
    let bestDistance = distanceTo(this.#ownBoxes(), point);
    for (const neighbour of this.#neighbours) {
      const distance = distanceTo(neighbour.boxes, point);
      if (distance < bestDistance && !skip(neighbour.contact)) {
        best = neighbour;
        bestDistance = distance;
      }
    }
    return best;
  }

  learn(peer: Contact, { coordinate, zoneStart, rttMs }: News): void {
    if (!zoneStart) return;
    const own = this.#ownBoxes();
    const index = this.#neighbours.findIndex((known) => known.contact.peerId === peer.peerId);
    const known = this.#neighbours[index];
    if (known && known.zoneStart.hex === zoneStart.hex && known.contact === peer && !coordinate && rttMs === undefined) return;
    const boxes = known?.zoneStart.hex === zoneStart.hex ? known.boxes : boxesOf(zoneStart.lead, peer.position.lead, this.#dimensions);
    if (!abut(boxes, own)) {
      if (known) this.#neighbours.splice(index, 1);
      return;
    }
    const entry: ZoneEntry = { contact: peer, coordinate: coordinate ?? known?.coordinate, rttMs: rttMs ?? known?.rttMs, zoneStart, boxes };
    if (known) this.#neighbours[index] = entry;
    else if (this.#neighbours.length < NEIGHBOURS_MAX) this.#neighbours.push(entry);
  }

  forget(peer: Contact): void {
    this.#neighbours = this.#neighbours.filter((known) => known.contact.peerId !== peer.peerId);
  }

  get size(): number {
    return this.#neighbours.length;
  }

  find(position: Position): Hop | undefined {
    return this.#neighbours.find(({ contact }) => contact.position.hex === position.hex);
  }

  entries(): Hop[] {
    return this.#neighbours;
  }

  randomEntry(random: Random): Hop | undefined {
    return this.size === 0 ? undefined : this.#neighbours[random.below(this.size)];
  }

  nextToAsk(): Adviser | undefined {
    const hop = this.#neighbours[this.#nextToAsk++ % Math.max(1, this.size)];
    return hop && { hop, part: WHOLE_TABLE };
  }

  nextToTry(): undefined {
    return undefined;
  }

  part(_index: number, _wish: Wish, asker: Contact): TableEntry[] {
    return toldTo(asker, this.#neighbours);
  }

  reach(): Uint8Array {
    return ALL_WELCOME.reach;
  }

  /** The middle of the box across the next face behind which we know nobody. */
  wanted(): Position | undefined {
    const boxes = this.#ownBoxes();
    const faces = boxes.length * this.#dimensions * 2;
    for (let tried = 0; tried < faces; tried++) {
      const face = this.#nextFace++ % faces;
      const box = boxes[Math.floor(face / (this.#dimensions * 2))] as Box;
      const across = acrossFace(box, Math.floor(face / 2) % this.#dimensions, face % 2 === 0 ? 1 : -1);
      const middle = leadOf(across.low.map((low, k) => low + (across.side[k] as number) / 2));
      if (!this.#known(middle)) return positionFromLead(middle);
    }
    return undefined;
  }

  #known(lead: number): boolean {
    const own = this.#ownStart();
    if (own && covers(own, this.#self, lead)) return true;
    return this.#neighbours.some((neighbour) => covers(neighbour.zoneStart, neighbour.contact.position, lead));
  }

  /** Boxes of our own zone, recomputed when it changed; neighbours that no longer touch it are let go. */
  #ownBoxes(): readonly Box[] {
    const start = this.#ownStart() ?? this.#self;
    if (start.hex !== this.#boxesFor) {
      this.#boxesFor = start.hex;
      this.#boxes = boxesOf(start.lead, this.#self.lead, this.#dimensions);
      this.#neighbours = this.#neighbours.filter((neighbour) => abut(neighbour.boxes, this.#boxes));
    }
    return this.#boxes;
  }
}

function covers(start: Position, end: Position, lead: number): boolean {
  const length = clockwise(start.lead, end.lead);
  const into = clockwise(start.lead, lead);
  return length === 0 || (into > 0 && into <= length);
}
