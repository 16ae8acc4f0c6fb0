/**
 * Lists of subscriptions (OPML) in, with local URLs out, and back. The way into Grove and the way out of it, so both are exact:
 * of the list that a reader is given only the URLs of feeds differ, each has its original beside it in an attribute of
 * ours, and restoring gives the bytes that came in. Unknown attributes, comments, order and spacing stay (ecosystem 3.4).
 *
 * Lists are hand-edited and broken in places. What can be read is taken; what cannot is named with its line and left as it is.
 */
import { codeUnits, withEdits } from './code-units.ts';
import type { CodeUnits, Edit } from './code-units.ts';
import type { Attribute, XmlElement } from './xml-places.ts';
import { visitXml } from './xml-places.ts';

export interface OpmlFeed {
  /** Of the list, as a reader would read it. */
  readonly url: string;
  readonly title: string;
  readonly line: number;
}

export interface OpmlFault {
  readonly line: number;
  readonly reason: string;
}

export interface OpmlList {
  readonly feeds: readonly OpmlFeed[];
  readonly faults: readonly OpmlFault[];
}

/** A list with more is refused: some other file. */
export const OPML_BYTES_MAX = 64 * 1024 * 1024;
const PREFIX = 'grove:';
const DECLARATION = ' xmlns:grove="https://grove.invalid/ns/opml"';
/** Tags that no value of an attribute holds: the quote before them was never closed. */
const RUNAWAY = /<\/?(?:outline|body|opml|head)\b/;

interface Outline {
  readonly url: Attribute;
  readonly element: XmlElement;
}

interface Outlines {
  readonly root: XmlElement | undefined;
  readonly outlines: readonly Outline[];
  readonly broken: readonly { readonly at: number; readonly reason: string }[];
}

/** Undefined when this is no OPML. */
export function readOpml(bytes: Uint8Array): OpmlList | undefined {
  const units = codeUnits(bytes, undefined);
  const found = units === undefined ? undefined : outlinesOf(units);
  if (units === undefined || found?.root === undefined) return undefined;
  const lineOf = lineCounter(units.text);
  const feeds = found.outlines.map(({ url, element }) => ({
    url: decoded(units, url.value).trim(),
    title: decoded(units, (attribute(element, 'title') ?? attribute(element, 'text'))?.value ?? ''),
    line: lineOf(element.start),
  }));
  return { feeds, faults: found.broken.map(({ at, reason }) => ({ line: lineOf(at), reason })) };
}

/** The list with `localOf(url)` for each URL that it knows, and the original beside it. */
export function withLocalUrls(bytes: Uint8Array, localOf: (url: string) => string | undefined): Uint8Array {
  const units = codeUnits(bytes, undefined);
  const found = units === undefined ? undefined : outlinesOf(units);
  if (units === undefined || found?.root === undefined) return bytes;
  const edits = found.outlines.flatMap(({ url, element }): Edit[] => {
    const local = localOf(decoded(units, url.value).trim());
    if (local === undefined || originalOf(element) !== undefined) return [];
    const quote = units.text[url.start - 1] ?? '"';
    return [{ start: url.start, end: url.end, ascii: escapeXml(local) }, { start: url.end + 1, end: url.end + 1, ascii: ` ${PREFIX}xmlUrl=${quote}${url.value}${quote}` }];
  });
  if (edits.length === 0) return bytes;
  const at = found.root.start + '<opml'.length;
  const isDeclared = found.root.attributes.some(({ prefix, name }) => prefix === 'xmlns:' && name === 'grove');
  return withEdits(bytes, units, isDeclared ? edits : [...edits, { start: at, end: at, ascii: DECLARATION }]);
}

/** Puts every original back; the bytes that `withLocalUrls` was given. `restored` says how many. */
export function withOriginalUrls(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly restored: number } | undefined {
  const units = codeUnits(bytes, undefined);
  const found = units === undefined ? undefined : outlinesOf(units);
  if (units === undefined || found?.root === undefined) return undefined;
  const edits: Edit[] = [];
  for (const { url, element } of found.outlines) {
    const original = originalOf(element);
    if (original === undefined) continue;
    edits.push({ start: url.start, end: url.end, ascii: original.value }, removal(units.text, original));
  }
  const restored = edits.length / 2;
  const declaration = found.root.attributes.find(({ prefix, name }) => prefix === 'xmlns:' && name === 'grove');
  if (declaration !== undefined) edits.push(removal(units.text, declaration));
  return { bytes: withEdits(bytes, units, edits), restored };
}

/** A list of our own making. */
export function writeOpml(title: string, feeds: readonly { readonly url: string; readonly title: string }[]): string {
  const lines = feeds.map(({ url, title: name }) => `    <outline type="rss" text="${escapeXml(name)}" title="${escapeXml(name)}" xmlUrl="${escapeXml(url)}"/>`);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0">\n  <head>\n    <title>${escapeXml(title)}</title>\n  </head>\n  <body>\n${lines.map((line) => `${line}\n`).join('')}  </body>\n</opml>\n`;
}

function outlinesOf({ text }: CodeUnits): Outlines {
  const outlines: Outline[] = [];
  const broken: { at: number; reason: string }[] = [];
  const seen: { root: XmlElement | undefined } = { root: undefined };
  const onStart = (element: XmlElement): void => {
    if (element.name === 'opml') seen.root ??= element;
    if (element.name !== 'outline') return;
    const url = attribute(element, 'xmlUrl');
    const isFeed = ['rss', 'atom', 'feed'].includes(attribute(element, 'type')?.value.toLowerCase() ?? '');
    if (url !== undefined && url.value.trim() !== '') outlines.push({ url, element });
    else if (url !== undefined || isFeed) broken.push({ at: element.start, reason: 'It has no URL of a feed (xmlUrl).' });
  };
  const onBroken = (at: number): void => void broken.push({ at, reason: 'A quote is not closed.' });
  visitXml(text, { onStart, onEnd: () => undefined, onBroken }, RUNAWAY);
  return { root: seen.root, outlines, broken };
}

/** Without regard to case, which lists do not agree on. */
function attribute({ attributes }: XmlElement, name: string): Attribute | undefined {
  return attributes.find((one) => one.prefix === '' && one.name.toLowerCase() === name.toLowerCase());
}

function originalOf({ attributes }: XmlElement): Attribute | undefined {
  return attributes.find((one) => one.prefix === PREFIX && one.name === 'xmlUrl');
}

/** An attribute with the space before it. */
function removal(text: string, { from, end }: Attribute): Edit {
  return { start: /[ \t\r\n]/.test(text[from - 1] ?? '') ? from - 1 : from, end: end + 1, ascii: '' };
}

/** Lines from 1, asked for in any order. */
function lineCounter(text: string): (at: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (at) => {
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decoded({ text, unitBytes }: CodeUnits, raw: string): string {
  const named = /^[^<]*<\?xml[^>]*?\sencoding\s*=\s*["']([^"']+)/.exec(text.slice(0, 256))?.[1] ?? 'utf-8';
  const characters = unitBytes === 2 ? raw : decoderFor(named).decode(Buffer.from(raw, 'latin1'));
  return characters.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w{2,4}));/gi, (whole: string, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

function decoderFor(encoding: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(encoding);
  } catch {
    return new TextDecoder();
  }
}

function escapeXml(text: string): string {
  // What XML has no way to write.
  const plain = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '');
  return plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
