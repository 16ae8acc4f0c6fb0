/**
 * What Grove needs to know of a document: its items by name, and what it says about itself. Runs in the parser's worker.
 *
 * feedsmith reads RSS, Atom, RDF and JSON Feed; its answer is taken as unknown values, because what a parser makes of a
 * hostile document is not to be trusted to have the types it says. Nothing here keeps contents: they are in the bytes.
 */
import { parseFeed } from 'feedsmith';
import { ITEMS_MAX } from '../../protocol/feed/feed.ts';
import type { Hints } from '../../protocol/feed/freshness.ts';
import type { RawItem } from '../../protocol/feed/identity.ts';

export interface ParsedDocument {
  readonly title: string;
  /** In the document's order, at most ITEMS_MAX. */
  readonly items: readonly RawItem[];
  readonly hints: Hints;
  /** itunes:block or podcast:private. */
  readonly blocked: boolean;
  readonly hubs: readonly string[];
  /** Where an rssCloud takes requests to be notified by HTTP. */
  readonly cloud: string | undefined;
  readonly self: string | undefined;
  /** All that the feed has: items that are not here are gone (RFC 5005). */
  readonly complete: boolean;
}

type Loose = Readonly<Record<string, unknown>>;

const TITLE_MAX = 500;
const LINK_MAX = 2_048;
const TEXT_MAX = 2_000;
const HUBS_MAX = 16;
/** Where a channel's own elements are looked for. */
const HEAD_LENGTH = 64 * 1024;
const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const PERIODS_MS: Readonly<Record<string, number>> = { hourly: 3_600_000, daily: 86_400_000, weekly: 604_800_000, monthly: 2_592_000_000, yearly: 31_536_000_000 };
const MINUTE = 60_000;
/** The last instant that has four digits for its year. */
const INSTANT_MAX = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Throws when it is no feed that feedsmith can read. */
export function extract(text: string): ParsedDocument {
  const { format, feed } = parseFeed(text) as { readonly format: string; readonly feed: unknown };
  const source = loose(feed);
  const items = list(source['items'] ?? source['entries']).slice(0, ITEMS_MAX).map((item) => itemOf(loose(item), format));
  const links = linksOf(source);
  const head = text.slice(0, HEAD_LENGTH).split(/<(?:item|entry)[\s>]/, 1)[0] ?? '';
  return {
    title: words(textOf(source['title']), TITLE_MAX),
    items,
    hints: format === 'json' ? NO_XML_HINTS : hintsOf(source, head),
    blocked: isYes(loose(source['itunes'])['block']) || /<podcast:private[^>]*>\s*(?:yes|true|1)\s*</i.test(head),
    hubs: [...new Set([...links.hubs, ...list(source['hubs']).map((hub) => textOf(loose(hub)['url']))])].filter((url) => /^https?:/i.test(url)).slice(0, HUBS_MAX),
    cloud: cloudOf(loose(source['cloud'])),
    self: links.self ?? (textOf(source['feed_url']) || undefined),
    complete: format !== 'json' && isComplete(head),
  };
}

const NO_XML_HINTS: Hints = { ttlMs: undefined, syndicationMs: undefined, skipHours: [], skipDays: [] };

function itemOf(item: Loose, format: string): RawItem {
  const atom = loose(item['atom']);
  const links = [...list(item['links']), ...list(atom['links'])].map(loose);
  const alternate = links.find((link) => ['', 'alternate'].includes(textOf(link['rel']))) ?? links[0];
  const dates = [item['pubDate'], item['published'], item['date_published'], ...list(loose(item['dc'])['dates']), item['updated'], item['date_modified'], atom['published'], atom['updated']];
  return {
    id: textOf(item['guid'] ?? item['id'] ?? (format === 'rdf' ? loose(item['rdf'])['about'] : undefined) ?? atom['id']).slice(0, LINK_MAX),
    link: (textOf(item['link'] ?? item['url']) || textOf(alternate?.['href'])).slice(0, LINK_MAX),
    title: words(textOf(item['title']), TITLE_MAX),
    publishedAt: dates.map(instantOf).find((at) => at !== undefined),
    text: textOf(item['description'] ?? item['summary'] ?? item['content'] ?? item['content_text'] ?? item['content_html'] ?? loose(item['content'])['encoded']).slice(0, TEXT_MAX),
  };
}

function linksOf(source: Loose): { readonly hubs: readonly string[]; readonly self: string | undefined } {
  const links = [...list(source['links']), ...list(loose(source['atom'])['links'])].map(loose);
  const by = (relation: string): string[] => links.filter((link) => textOf(link['rel']).toLowerCase() === relation).map((link) => textOf(link['href']));
  return { hubs: by('hub'), self: by('self')[0] };
}

/** Of those that take requests over plain HTTP; the others (xml-rpc, soap) are from another time. */
function cloudOf(cloud: Loose): string | undefined {
  const [domain, port, path] = ['domain', 'port', 'path'].map((name) => textOf(cloud[name]).trim());
  if (textOf(cloud['protocol']).trim().toLowerCase() !== 'http-post' || domain === undefined || domain === '') return undefined;
  const scheme = port === '443' ? 'https' : 'http';
  const url = URL.parse(`${scheme}://${domain}${port === '' ? '' : `:${port}`}${path?.startsWith('/') === true ? path : `/${path ?? ''}`}`);
  return url !== null && url.username === '' && url.href.length <= LINK_MAX ? url.href : undefined;
}

/** feedsmith loses a lone hour or day, so these are read from the channel's own text. */
function hintsOf(source: Loose, head: string): Hints {
  const sy = loose(source['sy']);
  const periodMs = PERIODS_MS[textOf(sy['updatePeriod']).trim().toLowerCase()];
  const frequency = Number(textOf(sy['updateFrequency']) || '1');
  const ttl = Number(textOf(source['ttl']) || 'NaN');
  const within = (name: string): string => new RegExp(`<${name}\\b[^>]*>([^]*?)</${name}>`, 'i').exec(head)?.[1] ?? '';
  const hours = [...within('skipHours').matchAll(/<hour>\s*(\d{1,2})\s*<\/hour>/gi)].map((match) => Number(match[1]) % 24);
  const days = [...within('skipDays').matchAll(/<day>\s*([a-z]+)\s*<\/day>/gi)].map((match) => DAYS.indexOf(String(match[1]).toLowerCase()));
  return {
    ttlMs: ttl > 0 ? ttl * MINUTE : undefined,
    syndicationMs: periodMs !== undefined && frequency > 0 ? periodMs / frequency : undefined,
    skipHours: [...new Set(hours)],
    skipDays: [...new Set(days.filter((day) => day >= 0))],
  };
}

/** `<fh:complete/>`, whatever the prefix is called, in a document that names the namespace. */
function isComplete(head: string): boolean {
  const prefix = /xmlns:([\w.-]+)\s*=\s*["']http:\/\/purl\.org\/syndication\/history\/1\.0["']/.exec(head)?.[1];
  return prefix !== undefined && new RegExp(`<${prefix.replaceAll('.', '\\.')}:complete\\b`).test(head.replace(/<!--[^]*?-->/g, ''));
}

function instantOf(value: unknown): number | undefined {
  const at = Date.parse(textOf(value).trim());
  return Number.isNaN(at) || at < 0 || at > INSTANT_MAX ? undefined : at;
}

function isYes(value: unknown): boolean {
  return value === true || /^(yes|true|1)$/i.test(textOf(value).trim());
}

/** A text, also where the parser wraps it. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '' : value.toISOString();
  const inner = loose(value)['value'];
  return typeof inner === 'string' ? inner : '';
}

function words(text: string, max: number): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, max);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function loose(value: unknown): Loose {
  return typeof value === 'object' && value !== null ? (value as Loose) : {};
}
