/**
 * Is this a feed at all? Asked of every body before it is kept, because servers answer with challenge pages, login pages and
 * error pages under status 200, and call feeds text/html.
 *
 * The root element decides, not the content type. Only the beginning is read, by a small scanner that knows comments,
 * processing instructions and DOCTYPE: it must not be possible to make it slow. Documents that declare entities are refused
 * whole; nobody should hand such a thing on to a reader.
 */
import { decodeText } from './decode-text.ts';

export type Recognised =
  | { readonly kind: 'feed'; readonly format: FeedFormat; readonly hasDoctype: boolean }
  | { readonly kind: 'html' }
  | { readonly kind: 'entities' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'other' };

export type FeedFormat = 'rss' | 'atom' | 'rdf' | 'json';

const BEGINNING = 256 * 1024;
const HTML_ROOTS = new Set(['html', 'head', 'body', 'script', 'title', 'meta', 'div']);

export function recognise(body: Uint8Array, charset: string | undefined): Recognised {
  const text = decodeText(body.subarray(0, BEGINNING), charset).replace(/^[\s\0]+/, '');
  if (text === '') return { kind: 'empty' };
  if (text.startsWith('{')) return isJsonFeed(text) ? { kind: 'feed', format: 'json', hasDoctype: false } : { kind: 'other' };
  return recogniseXml(text);
}

/** Carries an XML signature, so that no byte of it may be changed. */
export function isSigned(body: Uint8Array): boolean {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes('http://www.w3.org/2000/09/xmldsig#');
}

function isJsonFeed(text: string): boolean {
  return /"version"\s*:\s*"https?:(?:\\?\/){2}(?:www\.)?jsonfeed\.org(?:\\?\/)/.test(text);
}

function recogniseXml(text: string): Recognised {
  let hasDoctype = false;
  let at = 0;
  for (;;) {
    at = text.indexOf('<', at);
    if (at < 0) return { kind: 'other' };
    if (text.startsWith('<!--', at)) at = after(text, '-->', at + 4);
    else if (text.startsWith('<?', at)) at = after(text, '?>', at + 2);
    else if (/^<!doctype/i.test(text.slice(at, at + 9))) {
      const doctype = doctypeAt(text, at);
      if (doctype.isHtml) return { kind: 'html' };
      if (doctype.declares) return { kind: 'entities' };
      hasDoctype = true;
      at = doctype.end;
    } else return byRoot(/^<([A-Za-z_][\w.:-]*)/.exec(text.slice(at, at + 100))?.[1] ?? '', hasDoctype);
    if (at < 0) return { kind: 'other' };
  }
}

/** An internal subset can declare entities, and does little else. */
function doctypeAt(text: string, at: number): { readonly isHtml: boolean; readonly declares: boolean; readonly end: number } {
  const end = text.indexOf('>', at);
  const bracket = text.indexOf('[', at);
  const declares = bracket >= 0 && (end < 0 || bracket < end);
  return { isHtml: /^<!doctype\s+html/i.test(text.slice(at, at + 40)), declares, end: end < 0 ? -1 : end + 1 };
}

function byRoot(name: string, hasDoctype: boolean): Recognised {
  const local = name.toLowerCase().replace(/^.*:/, '');
  if (local === 'rss') return { kind: 'feed', format: 'rss', hasDoctype };
  if (local === 'feed') return { kind: 'feed', format: 'atom', hasDoctype };
  if (local === 'rdf') return { kind: 'feed', format: 'rdf', hasDoctype };
  if (local === 'channel') return { kind: 'feed', format: 'rss', hasDoctype };
  return HTML_ROOTS.has(local) ? { kind: 'html' } : { kind: 'other' };
}

function after(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? -1 : found + mark.length;
}
