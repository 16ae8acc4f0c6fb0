/**
 * A feed's document as a reader gets it: the origin's bytes, but links that would lead the reader away again (`self`, `hub`
 * and notices that the feed has moved) point to this peer. FreshRSS moves a feed to its `self` link, so an untouched
 * one un-subscribes itself from us (ecosystem 0.4).
 *
 * Values are replaced in place, byte by byte; nothing is parsed and written again. A signed document is left as it is, and so
 * is one in an encoding where places cannot be told: headers say the same then (ecosystem 3.1).
 */
import type { CodeUnits, Edit } from './code-units.ts';
import { codeUnits, withEdits } from './code-units.ts';
import type { Member, Place } from './json-places.ts';
import { elementsOf, membersOf, stringAt } from './json-places.ts';
import type { XmlElement } from './xml-places.ts';
import { visitXml } from './xml-places.ts';

/** What stands in the place of the origin's own links. ASCII. */
export interface LocalLinks {
  readonly self: string;
  readonly hub: string;
}

export interface Rendered {
  readonly body: Uint8Array;
  readonly format: FeedFormat;
  /** Carries a signature of its publisher, and was left alone for that. */
  readonly isSigned: boolean;
}

export type FeedFormat = 'rss' | 'rdf' | 'atom' | 'json' | 'unknown';

interface Layout {
  readonly format: FeedFormat;
  readonly edits: readonly Edit[];
  readonly isSigned: boolean;
  /** Its items or entries, in the order of the document; undefined where none can be left out. */
  readonly items: readonly Place[] | undefined;
}

const XML_SIGNATURE = 'http://www.w3.org/2000/09/xmldsig#';
const FORMATS: Readonly<Record<string, FeedFormat>> = { rss: 'rss', RDF: 'rdf', feed: 'atom', redirect: 'rss' };
const UNKNOWN: Layout = { format: 'unknown', edits: [], isSigned: false, items: undefined };

/** Without `links` only its format is told. */
export function render(body: Uint8Array, charset: string | undefined, links: LocalLinks | undefined): Rendered {
  const units = codeUnits(body, charset);
  if (units === undefined) return { body, format: 'unknown', isSigned: false };
  const { edits, format, isSigned } = layoutOf(units, links);
  return { body: isSigned || edits.length === 0 ? body : withEdits(body, units, edits), format, isSigned };
}

/**
 * The document without the items that `base` has byte for byte (RFC 3229, `A-IM: feed`). Undefined when that leaves out
 * nothing, or may not be done: to a signed document, or to one whose items are listed elsewhere in it (RDF).
 */
export function withoutItemsOf(body: Uint8Array, base: Uint8Array, charset: string | undefined): Uint8Array | undefined {
  const units = codeUnits(body, charset);
  const baseUnits = codeUnits(base, charset);
  if (units === undefined || baseUnits === undefined) return undefined;
  const layout = layoutOf(units, undefined);
  const { items } = layout;
  const known = layoutOf(baseUnits, undefined).items;
  if (items === undefined || known === undefined || layout.isSigned) return undefined;
  const old = new Set(known.map(({ start, end }) => baseUnits.text.slice(start, end)));
  const gone = items.map(({ start, end }) => old.has(units.text.slice(start, end)));
  if (!gone.includes(true)) return undefined;
  return withEdits(body, units, layout.format === 'json' ? jsonRemovals(items, gone) : xmlRemovals(units.text, items, gone));
}

function layoutOf(units: CodeUnits, links: LocalLinks | undefined): Layout {
  const first = /[^ \t\r\n\ufeff\u00ef\u00bb\u00bf]/.exec(units.text);
  if (first?.[0] === '<') return xmlLayout(units.text, links);
  if (first?.[0] === '{') return jsonLayout(units.text, first.index, links);
  return UNKNOWN;
}

// --- RSS, RDF and Atom ---

function xmlLayout(text: string, links: LocalLinks | undefined): Layout {
  const edits: Edit[] = [];
  const items: Place[] = [];
  const seen: { format: FeedFormat; hasSignature: boolean } = { format: 'unknown', hasSignature: false };
  visitXml(text, {
    onStart: (element) => {
      if (element.depth === 0 && seen.format === 'unknown') seen.format = FORMATS[element.name] ?? 'unknown';
      if (element.name === 'Signature') seen.hasSignature = true;
      if (links !== undefined && element.name === 'link' && isInHead(element)) edits.push(...linkEdits(element, links));
    },
    onEnd: (element, contentEnd, end) => {
      if ((element.name === 'item' || element.name === 'entry') && isInHead(element)) items.push({ start: element.start, end });
      if (links !== undefined && isMoveNotice(element) && end > contentEnd) edits.push({ start: element.contentStart, end: contentEnd, ascii: escapeXml(links.self) });
    },
  });
  const { format, hasSignature } = seen;
  const isSigned = hasSignature && text.includes(XML_SIGNATURE);
  return { format, edits: format === 'unknown' ? [] : edits, isSigned, items: format === 'rss' || format === 'atom' ? items : undefined };
}

/** Directly in the root, or in the channel that is directly in the root. */
function isInHead({ depth, parent }: XmlElement): boolean {
  return depth === 1 || (depth === 2 && parent?.name === 'channel');
}

function linkEdits({ attributes }: XmlElement, links: LocalLinks): Edit[] {
  const relation = attributes.find((one) => one.name === 'rel')?.value.trim().toLowerCase();
  const href = attributes.find((one) => one.name === 'href');
  if (href === undefined || (relation !== 'self' && relation !== 'hub')) return [];
  return [{ start: href.start, end: href.end, ascii: escapeXml(links[relation]) }];
}

/** `itunes:new-feed-url`, and `newLocation` of the RSS redirect documents. */
function isMoveNotice(element: XmlElement): boolean {
  return (element.name === 'new-feed-url' || element.name === 'newLocation') && isInHead(element);
}

function escapeXml(url: string): string {
  return url.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

/** With the white space before them, so that no empty lines stay. */
function xmlRemovals(text: string, items: readonly Place[], gone: readonly boolean[]): Edit[] {
  return items.filter((_, i) => gone[i]).map(({ start, end }) => ({ start: start - (/[ \t\r\n]*$/.exec(text.slice(Math.max(0, start - 64), start))?.[0].length ?? 0), end, ascii: '' }));
}

// --- JSON Feed ---

function jsonLayout(text: string, from: number, links: LocalLinks | undefined): Layout {
  const members = membersOf(text, from);
  const itemsMember = members?.findLast((one) => one.key === 'items');
  const version = members?.find((one) => one.key === 'version');
  const isFeed = version !== undefined && (itemsMember !== undefined || stringAt(text, version)?.includes('jsonfeed.org') === true);
  if (members === undefined || !isFeed) return UNKNOWN;
  const items = itemsMember === undefined ? undefined : elementsOf(text, itemsMember.start);
  return { format: 'json', edits: links === undefined ? [] : jsonEdits(text, members, links), isSigned: false, items };
}

function jsonEdits(text: string, members: readonly Member[], links: LocalLinks): Edit[] {
  const replace = (place: Place, url: string): Edit[] => (stringAt(text, place) === undefined ? [] : [{ start: place.start, end: place.end, ascii: JSON.stringify(url) }]);
  const selves = members.filter((one) => one.key === 'feed_url').flatMap((place) => replace(place, links.self));
  const hubs = members.filter((one) => one.key === 'hubs').flatMap((place) => elementsOf(text, place.start) ?? []);
  const urls = hubs.flatMap((hub) => (membersOf(text, hub.start) ?? []).filter((one) => one.key === 'url'));
  return [...selves, ...urls.flatMap((place) => replace(place, links.hub))];
}

/** An item goes with the comma that separates it from a neighbour. */
function jsonRemovals(items: readonly Place[], gone: readonly boolean[]): Edit[] {
  const edits: Edit[] = [];
  let lastKept: number | undefined;
  const starts = items.map((one) => one.start);
  for (const [i, item] of items.entries()) {
    if (gone[i] !== true) {
      lastKept = i;
      continue;
    }
    const next = starts[i + 1];
    if (lastKept === undefined) edits.push({ start: item.start, end: next ?? item.end, ascii: '' });
    else edits.push({ start: items[i - 1]?.end ?? item.start, end: item.end, ascii: '' });
  }
  return edits;
}
