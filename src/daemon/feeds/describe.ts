/**
 * A feed in words: summaries, details and reasons, made from what is known and changing nothing.
 *
 * Every state has a sentence that says why and, where there is something to be done, what. Durations are written the way
 * people write them in flags.
 */
import type { Contact } from '../../core/contact.ts';
import type { FeedPoolStatus, FeedVersion } from '../../protocol/feed/feed.ts';
import type { Floor, FloorRule } from '../../protocol/feed/freshness.ts';
import { maxAgeOf } from '../../protocol/feed/freshness.ts';
import type { Verdict } from '../../protocol/feed/verdict.ts';
import { verdictOn } from '../../protocol/feed/verdict.ts';
import type { FeedRecord } from './feed-record.ts';
import type { FeedStore } from './feed-store.ts';
import { attestersOf } from './pool-side.ts';
import type { FeedDetail, FeedItem, FeedReasons, FeedState, FeedSummary, PeerName } from './views.ts';

export interface Surroundings {
  readonly store: FeedStore;
  readonly now: number;
  /** Undefined outside any pool. */
  readonly pool: FeedPoolStatus | undefined;
  /** When this peer asks next; undefined for not at all. */
  readonly nextAt: number | undefined;
  /** `http://127.0.0.1:PORT`; undefined without an API. */
  readonly apiUrl: string | undefined;
  /** From which a version is attested, as far as this peer has seen. */
  networks(version: FeedVersion): number;
}

const ITEMS_SHOWN = 100;

const STATES: Readonly<Record<Verdict, FeedState>> = { met: 'met', late: 'late', 'late-lately': 'late', infeasible: 'infeasible', pending: 'pending', failing: 'error', gone: 'error' };

export function stateOf(record: FeedRecord, pool: FeedPoolStatus | undefined, now: number): { readonly state: FeedState; readonly reason: string } {
  const { wish, memory, latest } = record;
  const verdict = verdictOn({
    now, wishMs: wish.maxStalenessMs, hasVersion: latest !== undefined, freshAt: record.isPushed ? now : memory.freshAt, failing: memory.failing !== undefined, gone: memory.failing?.kind === 'gone',
    gapMs: gapOf(record, pool), delayMs: pool?.delayMs ?? 0, p99Ms: record.staleness().p99,
  });
  return { state: STATES[verdict], reason: sentence(verdict, record, pool, now) };
}

/** Between two polls of which this peer hears. */
function gapOf(record: FeedRecord, pool: FeedPoolStatus | undefined): number {
  if (record.isPushed) return 0;
  return pool !== undefined && pool.gapMs > 0 ? pool.gapMs : record.floor().ms;
}

function sentence(verdict: Verdict, record: FeedRecord, pool: FeedPoolStatus | undefined, now: number): string {
  const { wish, memory } = record;
  const wanted = duration(wish.maxStalenessMs);
  switch (verdict) {
    case 'gone':
      return 'The origin says that this feed is gone for good (410); it is not asked any more.';
    case 'failing':
      return failureSentence(record, now);
    case 'pending':
      if (wish.neverOrigin) return 'Nothing yet: this peer never asks the origin itself, and nobody in the pool has sent the feed so far.';
      return record.inPool === undefined ? 'The origin has not answered yet.' : 'Neither the pool nor the origin has answered yet.';
    case 'infeasible': {
      const possible = duration(gapOf(record, pool) + (pool?.delayMs ?? 0));
      return `At most ${wanted} old is wished, and ${possible} is the best there is: ${floorSentence(record.floor(), record)}.`;
    }
    case 'late':
      return `Last known to be current ${duration(now - memory.freshAt)} ago, and ${wanted} is wished${wish.neverOrigin ? '; this peer never asks the origin itself' : ''}.`;
    case 'late-lately':
      return `Current now, but in one of a hundred moments lately it was more than ${wanted} old.`;
    case 'met':
      if (record.isPushed && memory.failing === undefined) return 'Its hub tells this peer as soon as there is something new (WebSub).';
      return memory.failing === undefined ? `Never more than ${wanted} old.` : `Still within ${wanted}, but ${lowered(failureSentence(record, now))}`;
  }
}

function failureSentence({ memory }: FeedRecord, now: number): string {
  const { failing } = memory;
  if (failing === undefined) return 'The origin answers.';
  const times = failing.count === 1 ? '' : ` (${failing.count} times in a row)`;
  const wait = failing.retryAt !== undefined && failing.retryAt > now ? `; it asks to be left alone for ${duration(failing.retryAt - now)}` : '';
  return `The origin ${failing.reason}${times}${wait}.`;
}

export function floorSentence({ ms, by }: Floor, { memory }: FeedRecord): string {
  const every = duration(ms);
  const said: Readonly<Record<FloorRule, string>> = {
    'max-age': `the origin says that its answers are good for ${duration(memory.clues === undefined ? ms : (maxAgeOf(memory.clues) ?? ms))} (max-age), so it is asked every ${every} at most`,
    expires: `the origin says that its answers are good for ${every} (Expires)`,
    heuristic: `the document has not changed for long, so it is asked every ${every} at most`,
    ttl: `the feed asks to be fetched every ${every} at most (ttl)`,
    syndication: `the feed says that it is updated every ${every} (sy:updatePeriod)`,
    history: `the origin allows it and the feed changes often, so it is asked every ${every}`,
    default: `origins that say nothing are asked every ${every} at most`,
    operator: `the operator set a floor of ${every} for origins on this machine`,
    'retry-after': `the origin asks to be left alone for ${every} (Retry-After)`,
    'back-off': `the origin did not answer well, so it is asked again in ${every}`,
  };
  return said[by];
}

export function summaryOf(record: FeedRecord, around: Surroundings): FeedSummary {
  const { wish, memory, id } = record;
  const { store, now, pool, apiUrl } = around;
  const trust = store.trust(id);
  return {
    url: wish.url,
    id,
    local: apiUrl === undefined ? '' : `${apiUrl}/f/${id}.xml`,
    maxStalenessMs: wish.maxStalenessMs,
    fanout: wish.fanout ?? null,
    scope: wish.scope,
    ...stateOf(record, pool, now),
    role: roleOf(record),
    parent: nameOf(parentOf(record)),
    children: pool?.children.length ?? 0,
    intervalMs: Math.round(pool !== undefined && pool.role.kind === 'consumer' && pool.gapMs > 0 ? pool.gapMs : record.intervalMs()),
    floorMs: Math.round(record.floor().ms),
    lastOriginRequest: iso(memory.lastRequestAt),
    lastUpdate: iso(memory.lastUpdateAt),
    stalenessMs: { p50: record.staleness().p50 ?? null, p99: record.staleness().p99 ?? null },
    originRequests: memory.requests,
    items: trust.origin + trust.signed + trust.attested + trust.single + trust.conflict,
    trust,
    title: memory.title === '' ? null : memory.title,
  };
}

export function detailOf(record: FeedRecord, around: Surroundings): FeedDetail {
  const { memory, latest, wish, id } = record;
  return {
    ...summaryOf(record, around),
    canonicalUrl: record.canonical,
    originUrl: memory.originUrl,
    scopeReason: record.scopeReason ?? null,
    neverOrigin: wish.neverOrigin,
    format: memory.format ?? null,
    hubs: memory.hubs,
    nextPoll: iso(around.nextAt),
    freshAt: iso(memory.freshAt),
    version: latest === undefined ? null : {
      hash: latest.hash, bytes: latest.size, contentType: latest.contentType, etag: latest.etag, lastModified: latest.lastModified, stamp: latest.stamp, receivedAt: new Date(latest.fetchedAt).toISOString(),
      attestedBy: { peers: attestersOf(latest).length, networks: around.networks(latest) },
    },
    versions: around.store.countVersions(id),
    latestItems: itemsOf(around.store, id, ITEMS_SHOWN),
  };
}

export function itemsOf(store: FeedStore, id: string, max: number): FeedItem[] {
  return store.items(id, max).map(({ identity, title, link, publishedAt, firstSeenAt, label, attestations }) => ({
    id: identity, title, link, published: publishedAt === undefined ? null : new Date(publishedAt).toISOString(), firstSeen: new Date(firstSeenAt).toISOString(), trust: label, attestations,
  }));
}

export function reasonsOf(record: FeedRecord, around: Surroundings): FeedReasons {
  const { memory, wish, id } = record;
  const { pool, nextAt, now } = around;
  const floor = record.floor();
  return {
    url: wish.url,
    id,
    ...stateOf(record, pool, now),
    maxStalenessMs: wish.maxStalenessMs,
    scope: wish.scope,
    scopeReason: record.scopeReason ?? null,
    role: roleOf(record),
    parent: nameOf(parentOf(record)),
    children: (pool?.children ?? []).map(({ peerId, name }) => ({ peerId, name })),
    floorMs: Math.round(floor.ms),
    floorBy: floor.by,
    floorReason: `${raised(floorSentence(floor, record))}.`,
    schedule: { next: iso(nextAt), intervalMs: Math.round(record.intervalMs()), reason: scheduleSentence(record, nextAt, now) },
    failures: { count: memory.failing?.count ?? 0, last: memory.failing === undefined ? null : failureSentence(record, now), retryAt: iso(memory.failing?.retryAt) },
    pool: pool === undefined ? null : { subscribers: pool.subscribers, gapMs: pool.gapMs, delayMs: pool.delayMs, slot: pool.role.kind === 'poller' ? pool.role.slot : null },
    freshAt: iso(memory.freshAt),
    lastOriginRequest: iso(memory.lastRequestAt),
    originRequests: memory.requests,
  };
}

function scheduleSentence(record: FeedRecord, nextAt: number | undefined, now: number): string {
  const { memory, wish, inPool } = record;
  if (wish.neverOrigin) return 'This peer never asks the origin: the others do.';
  if (nextAt === undefined) return memory.failing?.kind === 'gone' ? 'The origin is not asked any more.' : 'A question is under way.';
  const inTime = `in ${duration(Math.max(0, nextAt - now))}`;
  if (inPool?.role.kind === 'poller') return `This peer asks the origin for the pool, as number ${inPool.role.slot + 1} of its pollers, next ${inTime}.`;
  if (inPool !== undefined) return `The pool asks the origin; this peer would ask itself ${inTime} if the pool went silent.`;
  if (record.isPushed) return `A hub tells when there is something new; to be safe the origin is asked ${inTime}.`;
  if (memory.failing !== undefined) return `The origin ${memory.failing.reason}, so it is asked again ${inTime}.`;
  return `This peer asks the origin itself, next ${inTime}.`;
}

function roleOf({ inPool }: FeedRecord): FeedSummary['role'] {
  if (inPool === undefined) return 'local';
  return inPool.role.kind === 'poller' ? 'poller' : 'consumer';
}

function parentOf({ inPool }: FeedRecord): Contact | undefined {
  return inPool === undefined || inPool.role.kind === 'seeking' ? undefined : inPool.role.parent;
}

function nameOf(contact: Contact | undefined): PeerName | null {
  return contact === undefined ? null : { peerId: contact.peerId, name: contact.name };
}

function iso(at: number | undefined): string | null {
  return at === undefined || at <= 0 ? null : new Date(at).toISOString();
}

const UNITS = [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1_000]] as const;

/** "90 min", "1.5 h": two digits are enough. */
export function duration(ms: number): string {
  const [unit, size] = UNITS.find(([, one]) => ms >= 2 * one) ?? (ms >= 1_000 ? (['s', 1_000] as const) : (['ms', 1] as const));
  const value = ms / size;
  return `${value >= 10 ? Math.round(value) : Number(value.toFixed(1))} ${unit}`;
}

function raised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
