/**
 * What becomes of a document, whoever brought it: it is parsed in the worker, its items get their identities, and everything
 * that follows from it is written in one step.
 *
 * A document that cannot be parsed is kept and served all the same, with no items. Identities are settled inside the same
 * transaction that writes them, so two documents that arrive together cannot give one item two names.
 */
import { createHash } from 'node:crypto';
import { charsetOf } from '../../host/origin/headers.ts';
import type { ParsedDocument } from '../../host/feed-parser/extract.ts';
import type { FeedParser } from '../../host/feed-parser/parser.ts';
import type { FeedFormat } from '../../host/feed-parser/recognise.ts';
import { isSigned, recognise } from '../../host/feed-parser/recognise.ts';
import { rawIdentities, settle } from '../../protocol/feed/identity.ts';
import type { VanishedItem } from '../../protocol/feed/identity.ts';
import type { FeedStore, ItemRow } from './feed-store.ts';
import type { TrustLabel } from './views.ts';

export interface Reading {
  readonly body: Uint8Array;
  /** SHA-256, hex. */
  readonly hash: string;
  readonly format: FeedFormat | undefined;
  readonly signed: boolean;
  readonly document: ParsedDocument | undefined;
  /** Why there is no `document`. */
  readonly reason: string | undefined;
  /** Of its items, in order: the same at every peer. */
  readonly raws: readonly string[];
}

export function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Parses in the worker. */
export async function readDocument(parser: FeedParser, body: Uint8Array, contentType: string): Promise<Reading> {
  const charset = charsetOf(contentType);
  const recognised = recognise(body, charset);
  const base = { body, hash: sha256(body), signed: isSigned(body), format: recognised.kind === 'feed' ? recognised.format : undefined };
  // A DOCTYPE may hold anything: such a document is passed on as it came and not looked into.
  const refused = recognised.kind !== 'feed' ? 'it is no feed' : recognised.hasDoctype ? 'it has a DOCTYPE' : undefined;
  const parsed = refused === undefined ? await parser.parse(body, charset) : { reason: refused };
  if (!('document' in parsed)) return { ...base, document: undefined, reason: parsed.reason, raws: [] };
  return { ...base, document: parsed.document, reason: undefined, raws: rawIdentities(parsed.document.items, sha256) };
}

/** Inside a transaction of the caller's: settles identities and writes the items; returns how many are new. */
export function takeItems(store: FeedStore, feed: string, reading: Reading, label: TrustLabel, attestations: number, at: number): number {
  const items = reading.document?.items ?? [];
  // A document that shrank to nothing, or could not be read, says nothing about which items there are.
  if (items.length === 0) return store.takeItems(feed, reading.hash, [], label, attestations, at);
  const known = new Map<string, string | undefined>(reading.raws.map((raw) => [raw, store.identityOf(feed, raw)]));
  const still = new Set(known.values());
  let keptBefore = 0;
  const vanished: VanishedItem[] = [];
  for (const item of store.present(feed)) {
    if (still.has(item.identity)) keptBefore++;
    else vanished.push({ ...item, keptBefore });
  }
  const settled = settle(items, reading.raws, (raw) => known.get(raw), vanished);
  const rows = new Map<string, ItemRow>();
  items.forEach(({ title, link, publishedAt }, index) => {
    const { raw = '', identity = '' } = settled[index] ?? {};
    // Of items that are one, the first counts.
    if (!rows.has(identity)) rows.set(identity, { identity, raw, title, link, publishedAt });
  });
  return store.takeItems(feed, reading.hash, [...rows.values()], label, attestations, at, reading.document?.complete ?? false);
}
