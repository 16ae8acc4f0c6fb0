/**
 * What an answer of the origin changes in what this peer remembers of the feed: counts, plans, validators, failures.
 *
 * Functions from a record and an answer to the memory after it. The caller writes it down together with whatever else the
 * answer brought. Validators change only with a good body, never with a 304 or an error: a server that confuses itself must
 * not be able to make this peer ask with the wrong ones for ever.
 */
import type { OriginAnswer } from '../../host/origin/origin-client.ts';
import type { FailureKind } from '../../protocol/feed/schedule.ts';
import { confirmMove, hasMoved, planAfterAnswer, planAfterFailure } from '../../protocol/feed/schedule.ts';
import { CHANGES_MAX } from '../../protocol/feed/staleness.ts';
import type { FeedMemory } from './feed-memory.ts';
import type { FeedRecord } from './feed-record.ts';
import type { Reading } from './intake.ts';

type Answered<K extends OriginAnswer['kind']> = Extract<OriginAnswer, { readonly kind: K }>;

/** The document is what it was: a 304, or a 200 with the same bytes. */
export function afterConfirmation(record: FeedRecord, answer: Answered<'unchanged' | 'document'>, now: number, unit: number): void {
  record.noteFresh(answer.askedAt, now);
  const { memory } = record;
  // A 304 that says nothing of freshness leaves standing what the full answer said.
  const speaks = answer.kind === 'document' || answer.clues.cacheControl !== '' || answer.clues.expiresAt !== undefined;
  const counted = answer.kind === 'document' ? 200 : 304;
  record.memory = {
    ...moved(memory, answer),
    clues: speaks ? answer.clues : memory.clues,
    validators: answer.kind === 'document' && record.latest !== undefined ? { hash: record.latest.hash, ...answer.validators } : memory.validators,
    failing: undefined,
    lastRequestAt: answer.askedAt,
    requests: { ...memory.requests, [counted]: memory.requests[counted] + 1 },
  };
  replan(record, answer.askedAt, unit);
}

/** A new document, read and good. */
export function afterDocument(record: FeedRecord, answer: Answered<'document'>, reading: Reading, now: number, unit: number): void {
  const isFirst = record.latest === undefined;
  record.noteFresh(answer.askedAt, now);
  const { memory } = record;
  record.memory = {
    ...moved(memory, answer),
    ...contentsOf(memory, reading, dateOf(answer.validators.lastModified, now), answer.links),
    clues: answer.clues,
    validators: { hash: reading.hash, ...answer.validators },
    failing: undefined,
    lastRequestAt: answer.askedAt,
    lastUpdateAt: now,
    requests: { ...memory.requests, 200: memory.requests[200] + 1 },
    changes: isFirst ? memory.changes : [...memory.changes, now].slice(-CHANGES_MAX),
  };
  replan(record, answer.askedAt, unit);
}

/** What the document itself says; also for one that the pool brought. */
export function contentsOf(memory: FeedMemory, { hash, document, format, signed }: Reading, date: number, links: { readonly hubs: readonly string[]; readonly self: string | undefined } = { hubs: [], self: undefined }): Partial<FeedMemory> {
  return {
    modified: memory.modified === undefined || date > memory.modified.at ? { hash, at: date } : memory.modified,
    title: document?.title ?? memory.title,
    hints: document?.hints ?? memory.hints,
    format: format ?? memory.format,
    hubs: [...new Set([...links.hubs, ...(document?.hubs ?? [])])],
    cloud: document?.cloud,
    self: links.self ?? document?.self,
    signed,
  };
}

/** Of a document: as the origin said; when it said nothing that is a date, the time it was fetched. Unix ms, whole seconds. */
export function dateOf(lastModified: string, fetchedAt: number): number {
  const said = Date.parse(lastModified);
  return Math.floor((Number.isNaN(said) ? fetchedAt : said) / 1_000) * 1_000;
}

export function afterFailure(record: FeedRecord, failed: { readonly askedAt: number; readonly hosts: readonly string[]; readonly failure: FailureKind; readonly reason: string; readonly retryAfterMs: number | undefined }, now: number, unit: number): void {
  const { memory } = record;
  const count = (memory.failing?.count ?? 0) + 1;
  const plan = planAfterFailure({ kind: failed.failure, count, at: now, retryAfterMs: failed.retryAfterMs }, record.ownIntervalMs(), unit);
  const counted = failed.failure === 'throttled' ? 429 : 'error';
  record.memory = {
    ...memory,
    move: undefined,
    failing: { kind: failed.failure, count, reason: failed.reason, retryAt: failed.retryAfterMs === undefined ? undefined : now + failed.retryAfterMs },
    nextAt: plan.at,
    plannedBy: plan.by,
    ...(failed.hosts.length === 0 ? {} : { lastRequestAt: failed.askedAt, requests: { ...memory.requests, [counted]: memory.requests[counted] + 1 } }),
  };
}

export function replan(record: FeedRecord, askedAt: number, unit: number): void {
  const plan = planAfterAnswer(askedAt, record.floor(), record.wish.maxStalenessMs, record.memory.hints, unit);
  record.memory = { ...record.memory, nextAt: plan.at, plannedBy: plan.by };
}

function moved(memory: FeedMemory, answer: OriginAnswer): FeedMemory {
  const move = confirmMove(memory.move, answer.permanentTo);
  return hasMoved(move) ? { ...memory, originUrl: move.to, move: undefined } : { ...memory, move };
}
