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

/** What the asker of a part says of its own table: entries that cannot serve it better need not be told. */
export interface Wish {
  /** As `Strategy.reach` gives it; empty when everything is welcome. */
  readonly reach: Uint8Array;
  /** Round trip between the two in ms; 0 if unknown. */
  readonly rttMs: number;
}

export const ALL_WELCOME: Wish = { reach: new Uint8Array(0), rttMs: 0 };

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
  /** The entries of one part of the table, as another peer may ask for them; the asker itself is not among them. */
  part(index: number, wish: Wish, asker: Contact): TableEntry[];
  /** How far our own entries of that part are, for a question about it; empty when everything is welcome. */
  reach(part: number): Uint8Array;
  /** Keys whose owners would improve the table; at most a few, looked up one per table probe. */
  wanted(): Position | undefined;
}

/** Hops as they are told to `asker`. */
export function toldTo(asker: Contact, hops: readonly Hop[]): TableEntry[] {
  const others = hops.filter(({ contact }) => contact.peerId !== asker.peerId);
  return others.map(({ contact, zoneStart, rttMs }) => ({ contact, zoneStart, tellerRttMs: Math.ceil(rttMs ?? 0) }));
}
