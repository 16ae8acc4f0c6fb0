/**
 * From text to the parts of a feed's URL. The only place where the URL parser of the platform meets the rules of
 * protocol/feed/feed-url.ts, so that what is fetched is what was checked.
 */
import { GroveError } from '../../core/errors.ts';
import type { UrlParts } from '../../protocol/feed/feed-url.ts';
import { canonicalUrl, URL_LENGTH_MAX } from '../../protocol/feed/feed-url.ts';

export interface ParsedUrl {
  readonly parts: UrlParts;
  /** The one name of the feed. */
  readonly canonical: string;
}

/** `feed:` and `feed://` in front are forgiven. Throws GroveError 'usage'. */
export function parseFeedUrl(text: string): ParsedUrl {
  const trimmed = text.trim().replace(/^feed:(?:\/\/)?(?=https?:)/i, '').replace(/^feed:\/\//i, 'http://');
  const shown = JSON.stringify(trimmed.slice(0, 200));
  if (trimmed.length > URL_LENGTH_MAX) throw new GroveError('usage', `The URL ${shown}... is too long: at most ${URL_LENGTH_MAX} characters.`);
  const parsed = urlOf(trimmed);
  if (parsed === undefined) throw new GroveError('usage', `${shown} is no URL of a feed: it has to look like https://example.org/feed.xml.`);
  const parts = partsOf(parsed);
  if (parts === undefined) throw new GroveError('usage', `${shown} is not reachable by HTTP: a feed's URL begins with https:// or http://.`);
  return { parts, canonical: canonicalUrl(parts) };
}

/** Undefined for anything but http and https. */
export function partsOf(url: URL): UrlParts | undefined {
  const scheme = url.protocol.replace(/:$/, '');
  if ((scheme !== 'http' && scheme !== 'https') || url.hostname === '') return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  return { scheme, username: url.username, password: url.password, host, port: url.port, path: url.pathname, query: url.search };
}

function urlOf(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
