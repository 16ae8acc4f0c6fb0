/**
 * Which item is which, over all the years in which a feed is read (ecosystem 2.2, 3.4).
 *
 * Rule 1: an item is its own id; without one its link; without that its title and date. Ids and links that are web addresses
 * count without scheme, `www.` and fragment, because those change without anybody meaning it. An id that several items of
 * one document share says nothing and is passed over. When a source changes ids, what looks like the same item (title and
 * date) in the same place among the others keeps its old identity, at most three times in one document, so that a mistake stays small. The rule's number is
 * part of every identity: a later rule must never make everybody see everything twice.
 */
export const IDENTITY_RULE = 1;

/** An item as the document has it; empty texts and undefined for what is missing. */
export interface RawItem {
  readonly id: string;
  readonly link: string;
  readonly title: string;
  /** Unix ms. */
  readonly publishedAt: number | undefined;
  /** For items that have nothing else. */
  readonly text: string;
}

/** An item that was seen before, under its settled identity. */
export interface KnownItem {
  readonly identity: string;
  readonly title: string;
  readonly publishedAt: number | undefined;
}

/** An item that the document before had, and this one has not. */
export interface VanishedItem extends KnownItem {
  /** Items before it in its document that are in the new one, too. */
  readonly keptBefore: number;
}

export interface Settled {
  /** As rule 1 gives it, digested: what travels with a version, the same at every peer. */
  readonly raw: string;
  /** What readers of this peer know it by: `raw`, or that of the item which it was taken for. */
  readonly identity: string;
  readonly repaired: boolean;
}

export const REPAIRS_MAX = 3;
export const TITLE_SIMILARITY_MIN = 0.75;
export const DATE_DISTANCE_MAX_MS = 2 * 24 * 60 * 60_000;
const DIGITS = 16;
/** Longer titles are compared by their beginnings. */
const TITLE_COMPARED_MAX = 200;

/** `digest` gives hex digits, at least 16. The answer has one identity for each item; items that are one share it. */
export function rawIdentities(items: readonly RawItem[], digest: (text: string) => string): string[] {
  const shared = sharedIds(items);
  return items.map((item) => digest(`${IDENTITY_RULE}\n${nameOf(item, shared)}`).slice(0, DIGITS));
}

function nameOf(item: RawItem, shared: ReadonlySet<string>): string {
  const id = evened(item.id);
  if (id !== '' && !shared.has(id)) return `id\n${id}`;
  const link = evened(item.link);
  if (link !== '') return `link\n${link}${id === '' ? '' : `\n${id}`}`;
  if (item.title.trim() !== '' || item.publishedAt !== undefined) return `title\n${plainTitle(item.title)}\n${item.publishedAt ?? ''}`;
  return `text\n${item.text}`;
}

/** Ids that stand for items which differ in their links. */
function sharedIds(items: readonly RawItem[]): Set<string> {
  const linkOf = new Map<string, string>();
  const shared = new Set<string>();
  for (const item of items) {
    const id = evened(item.id);
    if (id === '') continue;
    const link = evened(item.link);
    const other = linkOf.get(id);
    if (other === undefined) linkOf.set(id, link);
    else if (other !== link) shared.add(id);
  }
  return shared;
}

function evened(text: string): string {
  const trimmed = text.trim();
  const address = /^https?:\/\/(?:www\.)?(.*)$/is.exec(trimmed);
  return address?.[1] === undefined ? trimmed : address[1].replace(/#.*$/s, '').replace(/\/$/, '');
}

/**
 * What the items of a new document are to readers. `identityOf` gives the settled identity of a raw one that was seen
 * before; `vanished` are items of the document before this one whose raw identities this one no longer has. What only fell off
 * the end of a feed stood behind all others, and is never taken for what came in at its beginning.
 */
export function settle(items: readonly RawItem[], raws: readonly string[], identityOf: (raw: string) => string | undefined, vanished: readonly VanishedItem[]): Settled[] {
  const left = [...vanished];
  const given = new Map<string, Settled>();
  let repairs = 0;
  let keptBefore = 0;
  return items.map((item, index) => {
    const raw = raws[index] ?? '';
    const earlier = given.get(raw);
    if (earlier !== undefined) return earlier;
    const known = identityOf(raw);
    let settled: Settled = { raw, identity: known ?? raw, repaired: false };
    if (known === undefined && repairs < REPAIRS_MAX) {
      const match = bestMatch(item, left.filter((one) => one.keptBefore === keptBefore));
      if (match !== undefined) {
        repairs++;
        left.splice(left.indexOf(match), 1);
        settled = { raw, identity: match.identity, repaired: true };
      }
    }
    if (known !== undefined) keptBefore++;
    given.set(raw, settled);
    return settled;
  });
}

function bestMatch(item: RawItem, candidates: readonly VanishedItem[]): VanishedItem | undefined {
  let best: VanishedItem | undefined;
  let bestSimilarity = TITLE_SIMILARITY_MIN;
  for (const candidate of candidates) {
    if (!datesAgree(item.publishedAt, candidate.publishedAt)) continue;
    const similarity = titleSimilarity(item.title, candidate.title);
    if (similarity < bestSimilarity || (similarity === bestSimilarity && best !== undefined)) continue;
    best = candidate;
    bestSimilarity = similarity;
  }
  return best;
}

/** Without dates on both sides there is too little to go by. */
function datesAgree(a: number | undefined, b: number | undefined): boolean {
  return a !== undefined && b !== undefined && Math.abs(a - b) <= DATE_DISTANCE_MAX_MS;
}

/** Sorensen and Dice on pairs of letters: 1 for equal titles, 0 for nothing in common. Empty titles are like nothing. */
export function titleSimilarity(a: string, b: string): number {
  const one = plainTitle(a).slice(0, TITLE_COMPARED_MAX);
  const other = plainTitle(b).slice(0, TITLE_COMPARED_MAX);
  if (one === '' || other === '') return 0;
  if (one === other) return 1;
  const pairs = new Map<string, number>();
  for (let i = 0; i + 1 < one.length; i++) pairs.set(one.slice(i, i + 2), (pairs.get(one.slice(i, i + 2)) ?? 0) + 1);
  let common = 0;
  for (let i = 0; i + 1 < other.length; i++) {
    const pair = other.slice(i, i + 2);
    const count = pairs.get(pair) ?? 0;
    if (count === 0) continue;
    pairs.set(pair, count - 1);
    common++;
  }
  return (2 * common) / Math.max(1, one.length + other.length - 2);
}

function plainTitle(title: string): string {
  return title.toLowerCase().replace(/\s+/g, ' ').trim();
}
