/**
 * Hosting shards of directories of trees (section 2.1.4): who stands where, and who has a slot.
 *
 * The peer that owns a shard's key hosts it, or one that the tree's source chose: such a peer need not take part in the tree.
 * Entries are soft state: they lapse unless told again, and when the key changes hands they are told to the next owner. A shard
 * that grows asks for twice as many; whoever lists or asks learns the number with each answer. Answers are samples.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { Position } from '../../../core/position.ts';
import { positionFromLead } from '../../../core/position.ts';
import type { Local } from '../../local.ts';
import { hashText } from '../../pool/state.ts';
import type { LagAsk, LagEntry, LagList, LagListed, LagSamples } from '../../wire/lagover-messages.ts';

/** Of a tree. */
export const SHARDS_MAX = 64;
/** Told again every so often; whoever hears nothing of an entry for three times as long forgets it. */
export const LIST_MS = 2_000;
const LEASE_MS = 3 * LIST_MS;
/** Hosted by one peer; further ones are not taken. */
const HOSTED_MAX = 256;
/** Above the first number a shard asks to be split; beyond the second it takes nobody new. */
const SPLIT_ABOVE = 128;
const ENTRIES_MAX = 512;
const SAMPLES_MAX = 16;

interface Listed {
  readonly entry: LagEntry;
  readonly at: Millis;
  readonly until: Millis;
}

interface Shard {
  readonly entries: Map<string, Listed>;
  /** As many as the tree should have. */
  shards: number;
}

export function shardKey(tree: string, shard: number): Position {
  return positionFromLead(hashText(`lagover/${tree}/${shard}`));
}

export function shardOf(peerId: string, shards: number): number {
  return hashText(peerId) % shards;
}

export class DirectoryHost {
  readonly #local: Local;
  readonly #owns: (key: Position) => boolean;
  readonly #shards = new Map<string, Shard>();

  constructor(local: Local, owns: (key: Position) => boolean) {
    this.#local = local;
    this.#owns = owns;
  }

  get hosted(): number {
    return this.#shards.size;
  }

  /** Entries that have not lapsed. */
  count(tree: string, shard: number): number {
    const known = this.#shards.get(name(tree, shard));
    return known === undefined ? 0 : this.#expire(known).entries.size;
  }

  list(from: Contact, { op, tree, shard, pinned, entry }: LagList): LagListed {
    const found = this.#isHere(tree, shard, pinned) ? this.#shard(tree, shard) : undefined;
    const taken = found !== undefined && this.#put(found, shard, { ...entry, contact: from }, LEASE_MS);
    return { type: 'lagListed', op, taken, shards: found?.shards ?? 1 };
  }

  ask(from: Contact, { op, tree, shard, pinned, delayBelow }: LagAsk): LagSamples {
    const isHere = this.#isHere(tree, shard, pinned);
    const found = isHere ? this.#shards.get(name(tree, shard)) : undefined;
    const entries = found === undefined ? [] : this.#samples(this.#expire(found), from, delayBelow);
    return { type: 'lagSamples', op, known: isHere, shards: found?.shards ?? 1, entries };
  }

  onMessage(from: Contact, message: LagList | LagAsk): void {
    this.#local.env.send(from, message.type === 'lagList' ? this.list(from, message) : this.ask(from, message));
  }

  /** What comes from elsewhere than the peers themselves: the metadata tree. Replaces what was there. */
  fill(tree: string, entries: readonly LagEntry[], leaseMs: Millis): void {
    const shard = this.#shard(tree, 0);
    shard?.entries.clear();
    if (shard) for (const entry of entries) this.#put(shard, 0, entry, leaseMs);
  }

  #isHere(tree: string, shard: number, pinned: boolean): boolean {
    return shard < SHARDS_MAX && (pinned || this.#owns(shardKey(tree, shard)));
  }

  #shard(tree: string, shard: number): Shard | undefined {
    const id = name(tree, shard);
    const known = this.#shards.get(id);
    if (known) return known;
    if (this.#shards.size >= HOSTED_MAX) for (const [other, kept] of this.#shards) if (this.#expire(kept).entries.size === 0) this.#shards.delete(other);
    if (this.#shards.size >= HOSTED_MAX) return undefined;
    const fresh: Shard = { entries: new Map(), shards: smallestWith(shard) };
    this.#shards.set(id, fresh);
    return fresh;
  }

  #put(shard: Shard, index: number, entry: LagEntry, leaseMs: Millis): boolean {
    const now = this.#local.env.now();
    this.#expire(shard);
    if (shard.entries.size >= SPLIT_ABOVE) shard.shards = Math.min(SHARDS_MAX, Math.max(shard.shards, 2 * this.#populated(shard, index)));
    if (shard.entries.size >= ENTRIES_MAX && !shard.entries.has(entry.contact.peerId)) return false;
    shard.entries.set(entry.contact.peerId, { entry, at: now - entry.ageMs, until: now + leaseMs });
    return true;
  }

  /** The fewest shards among which all entries here belong to this one. */
  #populated({ entries, shards }: Shard, index: number): number {
    let smallest = shards;
    for (; smallest < SHARDS_MAX; smallest *= 2) {
      for (const peerId of entries.keys()) if (shardOf(peerId, smallest * 2) !== index) return smallest;
    }
    return smallest;
  }

  #expire(shard: Shard): Shard {
    const now = this.#local.env.now();
    for (const [peerId, { until }] of shard.entries) if (until <= now) shard.entries.delete(peerId);
    return shard;
  }

  /** First who hears in time and has a slot, then who hears in time, then whoever waits as well. */
  #samples(shard: Shard, from: Contact, delayBelow: number): LagEntry[] {
    const { env } = this.#local;
    const others = [...shard.entries.values()].filter(({ entry }) => entry.contact.peerId !== from.peerId && entry.delay < delayBelow);
    const ranked = others.map((listed) => ({ listed, rank: rankOf(listed.entry) + env.random.unit() })).sort((a, b) => a.rank - b.rank);
    return ranked.slice(0, SAMPLES_MAX).map(({ listed: { entry, at } }) => ({ ...entry, ageMs: Math.max(0, Math.round(env.now() - at)) }));
  }
}

/** As the sampling of a directory prefers them: the smaller, the better. */
export function rankOf({ rooted, openSlots }: LagEntry): number {
  return rooted ? (openSlots > 0 ? 0 : 1) : 2;
}

function name(tree: string, shard: number): string {
  return `${shard} ${tree}`;
}

function smallestWith(shard: number): number {
  let shards = 1;
  while (shards <= shard) shards *= 2;
  return shards;
}
