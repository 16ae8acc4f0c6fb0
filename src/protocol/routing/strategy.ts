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
  /** Round trip in ms as last measured, or as promised by whoever told of it. */
  readonly rttMs?: number | undefined;
}

/** What came with the mention of a peer. Whoever spoke itself is described by its `Vitals`. */
export interface News {
  readonly coordinate?: Coordinate | undefined;
  /** As the peer itself stated it. */
  readonly zoneStart?: Position | undefined;
  /** Round trip in ms, measured just now. */
  readonly rttMs?: number | undefined;
  /** Bounds of the round trip in ms: the way to the teller and the way on from there, added and subtracted. */
  readonly atMostMs?: number | undefined;
  readonly atLeastMs?: number | undefined;
}

/** Somebody worth asking, and for which part of its table. */
export interface Adviser {
  readonly hop: Hop;
  readonly part: number;
}

export interface Strategy {
  /** A known peer strictly nearer to `key` by the strategy's own measure than self; undefined when there is none. */
  nextHop(key: Position, skip: Skip): Hop | undefined;
  /** A peer was heard of. */
  learn(peer: Contact, news: News): void;
  forget(peer: Contact): void;
  /** The entry that stands there. */
  find(position: Position): Hop | undefined;
  /** Distinct peers in the table. */
  readonly size: number;
  /** Peers in the table, in a stable order, each once. */
  entries(): Hop[];
  randomEntry(random: Random): Hop | undefined;
  /** Whom to ask next, to prove it alive and for what it can tell: calls that are answered take every entry in turn. */
  nextToAsk(): Adviser | undefined;
  /** Somebody not in the table who may be better than who is; each is named once. */
  nextToTry(): Adviser | undefined;
  /** The entries of one part of the table, as another peer may ask for them. */
  part(index: number): TableEntry[];
  /** Keys whose owners would improve the table; at most a few, looked up one per table probe. */
  wanted(): Position | undefined;
}
