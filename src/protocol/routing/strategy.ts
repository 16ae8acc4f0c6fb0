/**
 * What a routing strategy is: a table of far peers and a rule for the next hop ([0044]).
 *
 * The leafset decides near a key and is common to all strategies; a strategy only shortens the way there. Tables are soft:
 * an entry may be dead, which the hop acknowledgement notices and the table probe tidies up.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import type { Random } from '../../core/random.ts';
import type { Coordinate, TableEntry } from '../wire/messages.ts';

export type Skip = (peer: Contact) => boolean;

/** Somebody to send to, with what is known of it; a `TableEntry` is what is told of it. */
export interface Hop {
  readonly contact: Contact;
  readonly coordinate?: Coordinate | undefined;
  readonly zoneStart?: Position | undefined;
  /** Round trip in ms when it was last measured. */
  readonly rttMs?: number | undefined;
}

export interface Strategy {
  /** A known peer strictly nearer to `key` by the strategy's own measure than self; undefined when there is none. */
  nextHop(key: Position, skip: Skip): Hop | undefined;
  /** A peer was heard of. `zoneStart` as it stated it, `rttMs` if it was measured. */
  learn(peer: Contact, coordinate: Coordinate | undefined, zoneStart: Position | undefined, rttMs?: number): void;
  forget(peer: Contact): void;
  /** Distinct peers in the table. */
  readonly size: number;
  /** Peers in the table, in a stable order, each once. */
  entries(): Hop[];
  randomEntry(random: Random): Hop | undefined;
  /** The entry whose last sign of life is the oldest, roughly: each call gives the next one. */
  nextToProve(): Hop | undefined;
  /** An entry taken on its word and not measured yet. */
  unmeasured(): Hop | undefined;
  /** An entry worth asking because its own candidates are likely to be better than ours; undefined: any will do. */
  goodAdviser(random: Random): Hop | undefined;
  /** The entries of one part of the table, as another peer may ask for them. */
  part(index: number): TableEntry[];
  /** Which part of `peer`'s table is of use to ours. */
  partToAsk(peer: Contact): number;
  /** Keys whose owners would improve the table; at most a few, looked up one per table probe. */
  wanted(): Position | undefined;
}
