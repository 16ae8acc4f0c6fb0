/**
 * What an origin's response headers mean, as values that protocol/feed understands.
 *
 * Validators are kept verbatim, quotes, `W/` and all: a server gets back exactly what it sent. Dates are read leniently;
 * one that cannot be read says nothing, except in Expires, where it means "already stale" (RFC 9111).
 */
import type { Clues } from '../../protocol/feed/freshness.ts';
import type { PrivacyClues } from '../../protocol/feed/privacy.ts';

export type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface Validators {
  readonly etag: string;
  readonly lastModified: string;
}

export interface LinkTargets {
  readonly hubs: readonly string[];
  readonly self: string | undefined;
}

/** A server that says how many more requests it takes. */
export interface RateLimit {
  readonly remaining: number;
  readonly resetMs: number;
}

const HEADER_LENGTH_MAX = 4_096;
const LINKS_MAX = 16;
const UNIX_SECONDS_MIN = 1e9;
const UNIX_MS_MIN = 1e12;

export function header(headers: RawHeaders, name: string): string {
  const value = headers[name];
  const text = Array.isArray(value) ? value.join(', ') : (value ?? '');
  return text.length > HEADER_LENGTH_MAX ? '' : text;
}

export function validatorsOf(headers: RawHeaders): Validators {
  return { etag: header(headers, 'etag'), lastModified: header(headers, 'last-modified') };
}

export function cluesOf(headers: RawHeaders, receivedAt: number): Clues {
  const expires = header(headers, 'expires');
  return {
    cacheControl: header(headers, 'cache-control'),
    ageMs: /^\d{1,12}$/.test(header(headers, 'age')) ? Number(header(headers, 'age')) * 1_000 : 0,
    receivedAt,
    dateAt: dateOf(header(headers, 'date')),
    expiresAt: expires === '' ? undefined : (dateOf(expires) ?? 0),
    lastModifiedAt: dateOf(header(headers, 'last-modified')),
  };
}

/** `blocked` is the document's part and is added by whoever has read it. */
export function privacyCluesOf(headers: RawHeaders): Omit<PrivacyClues, 'blocked'> {
  const set = headers['set-cookie'];
  const cookies = (Array.isArray(set) ? set : set === undefined ? [] : [set]).map((one) => (one.split('=')[0] ?? '').trim());
  return { cacheControl: header(headers, 'cache-control'), vary: header(headers, 'vary'), cookies };
}

/** Seconds or a date; a date counts from the server's own clock where it tells it. However long. */
export function retryAfterOf(headers: RawHeaders, now: number): number | undefined {
  const text = header(headers, 'retry-after').trim();
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1_000;
  const at = dateOf(text);
  return at === undefined ? undefined : Math.max(0, at - (dateOf(header(headers, 'date')) ?? now));
}

export function rateLimitOf(headers: RawHeaders, now: number): RateLimit | undefined {
  const first = (...names: string[]): string => names.map((name) => header(headers, name).trim()).find((text) => text !== '') ?? '';
  const remaining = first('x-ratelimit-remaining', 'x-rate-limit-remaining', 'ratelimit-remaining');
  const reset = first('x-ratelimit-reset', 'x-rate-limit-reset', 'ratelimit-reset');
  if (!/^\d+(\.\d+)?$/.test(remaining) || !/^\d+(\.\d+)?$/.test(reset)) return undefined;
  const value = Number(reset);
  const resetMs = value >= UNIX_MS_MIN ? value - now : value >= UNIX_SECONDS_MIN ? value * 1_000 - now : value * 1_000;
  return { remaining: Number(remaining), resetMs: Math.max(0, resetMs) };
}

/** Targets of `Link` headers, made absolute; WebSub looks here first. */
export function linksOf(headers: RawHeaders, base: string): LinkTargets {
  const hubs: string[] = [];
  let self: string | undefined;
  for (const match of header(headers, 'link').matchAll(/<([^>]*)>([^<]*)/g)) {
    const [, target = '', parameters = ''] = match;
    const relations = (/;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,]+))/i.exec(parameters) ?? []).slice(1).find((one) => one !== undefined) ?? '';
    if (!URL.canParse(target, base)) continue;
    const url = new URL(target, base).href;
    for (const relation of relations.toLowerCase().split(/\s+/)) {
      if (relation === 'hub' && hubs.length < LINKS_MAX) hubs.push(url);
      if (relation === 'self') self ??= url;
    }
  }
  return { hubs, self };
}

export function charsetOf(contentType: string): string | undefined {
  return /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1];
}

function dateOf(text: string): number | undefined {
  if (text === '') return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}
