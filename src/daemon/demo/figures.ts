/**
 * What a demonstration's records come to: pure, so that the figures can be checked by hand.
 *
 * Staleness is from an item's publication to its arrival at a peer, counted once for each peer and item; push time from the first
 * peer that has a version to each other one. A peer that was down when an item came is not late for it: it counts from its return.
 */
import type { Published } from './demo-origin.ts';

/** A peer got a version. */
export interface Receipt {
  readonly peer: number;
  readonly hash: string;
  /** Unix ms. */
  readonly at: number;
}

/** A peer saw an item for the first time. */
export interface Arrival {
  readonly peer: number;
  readonly item: string;
  readonly at: number;
}

export interface Records {
  readonly published: readonly Published[];
  readonly receipts: readonly Receipt[];
  readonly arrivals: readonly Arrival[];
  /** When each peer was first there, or was last back: by peer. */
  readonly upSince: ReadonlyMap<number, number>;
  /** Items that each living peer has at the end, as often as it has them. */
  readonly held: ReadonlyMap<number, readonly string[]>;
}

export interface Spread {
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

export interface DemoFigures {
  readonly stalenessMs: Spread;
  readonly pushMs: Spread;
  readonly missedItems: number;
  readonly duplicateItems: number;
}

export function figuresOf(records: Records): DemoFigures {
  return {
    stalenessMs: spreadOf(stalenessOf(records)), pushMs: spreadOf(pushTimesOf(records)),
    missedItems: count(records, (held, published) => published.filter((title) => !held.has(title)).length),
    duplicateItems: [...records.held.values()].reduce((sum, items) => sum + items.length - new Set(items).size, 0),
  };
}

/** Of every arrival. */
export function stalenessOf({ published, arrivals, upSince }: Pick<Records, 'published' | 'arrivals' | 'upSince'>): number[] {
  const publishedAt = new Map(published.map(({ title, at }) => [title, at]));
  return arrivals.flatMap(({ peer, item, at }) => {
    const from = publishedAt.get(item);
    return from === undefined ? [] : [at - Math.max(from, upSince.get(peer) ?? from)];
  });
}

/** Of every version, from whoever has it first to each of the others that were there then. */
function pushTimesOf({ receipts, upSince }: Records): number[] {
  const first = new Map<string, number>();
  for (const { hash, at } of receipts) first.set(hash, Math.min(at, first.get(hash) ?? Infinity));
  const seen = new Set<string>();
  const times: number[] = [];
  for (const { peer, hash, at } of [...receipts].sort((a, b) => a.at - b.at)) {
    const from = first.get(hash) as number;
    const wasThere = (upSince.get(peer) ?? 0) <= from;
    if (!seen.has(hash)) seen.add(hash);
    else if (wasThere && !seen.has(`${peer} ${hash}`)) times.push(at - from);
    seen.add(`${peer} ${hash}`);
  }
  return times;
}

function count({ held, published }: Records, of: (held: ReadonlySet<string>, published: readonly string[]) => number): number {
  const ids = published.map(({ title }) => title);
  return [...held.values()].reduce((sum, items) => sum + of(new Set(items), ids), 0);
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number | null => (sorted.length === 0 ? null : Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number));
  return { p50: at(0.5), p99: at(0.99), max: sorted.length === 0 ? null : Math.round(sorted.at(-1) as number) };
}
