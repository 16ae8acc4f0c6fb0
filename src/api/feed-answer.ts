/**
 * What a reader gets for a feed, as HTTP: status and headers from a document, a request and the time. Pure, so that each rule
 * has a test: validators (RFC 9110 13), freshness (RFC 9111, 5861, 9211), instance manipulation (RFC 3229).
 *
 * `max-age` is the time to the next expected update although `Age` says how old the news is, because most readers take the
 * one and ignore the other: a reader that waits `max-age` then never waits longer than it would have waited at the origin. A cache
 * that counts both finds the document stale early, asks again on loopback and gets a 304 (decision 0057).
 */
import type { Rendition } from '../daemon/feeds/renditions.ts';
import { plainTag, zippedTag } from '../daemon/feeds/renditions.ts';
import type { FeedFormat } from '../daemon/feeds/render.ts';

export interface FeedFacts {
  readonly contentType: string;
  /** Unix ms, whole seconds; undefined when no date would tell this document from the ones before it. */
  readonly modifiedAt: number | undefined;
  /** When the origin was last known to have nothing newer. */
  readonly freshAt: number;
  readonly nextUpdateAt: number;
  /** At the origin. */
  readonly canonicalUrl: string;
  readonly self: string;
  readonly hub: string;
  /** It was fetched while this reader waited. */
  readonly isFirst: boolean;
}

export interface FeedRequest {
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: string | undefined;
  readonly acceptEncoding: string | undefined;
  readonly aIm: string | undefined;
}

export interface FeedAnswer {
  readonly status: 200 | 226 | 304;
  readonly headers: Readonly<Record<string, string>>;
  /** Which bytes follow; nothing after a 304. */
  readonly content: 'plain' | 'gzip' | 'delta' | 'none';
}

/** The items that the reader lacks, if it has a version that is known here. */
export interface Delta {
  readonly baseTag: string;
  readonly body: Uint8Array;
}

/** Even if the origin is left alone for weeks: news may come another way. */
const MAX_AGE_S = 86_400;
/** When the next update is late, or nobody can say when it comes, look again after this. */
const LATE_S = 60;
/** A reader may go on showing what it has when this peer is off. */
const STALE_IF_ERROR_S = 86_400;
/** Smaller ones get no smaller. */
const GZIP_BYTES_MIN = 512;
const VARY = 'Accept-Encoding, A-IM, If-None-Match';
/** What a feed may call itself; anything else, text/html first of all, would be something else to a browser. */
const FEED_TYPE = /^(?:application\/(?:(?:rss|atom|rdf|feed)\+(?:xml|json)|xml|json)|text\/xml)\s*(?:;\s*charset\s*=\s*"?[\w.:-]+"?\s*)?$/i;
const TYPES: Readonly<Record<FeedFormat, string>> = {
  rss: 'application/rss+xml', rdf: 'application/rdf+xml', atom: 'application/atom+xml', json: 'application/feed+json', unknown: 'application/xml',
};

export function answerFeed(facts: FeedFacts, rendition: Rendition, request: FeedRequest, now: number, delta?: Delta): FeedAnswer {
  const common = commonHeaders(facts, now);
  const isUnchanged = isKnown(request, rendition.etag, facts.modifiedAt);
  const isZipped = takesGzip(request.acceptEncoding) && rendition.body.length >= GZIP_BYTES_MIN;
  const etag = isZipped ? zippedTag(rendition.etag) : rendition.etag;
  if (isUnchanged) return { status: 304, headers: { ...common, ETag: etag }, content: 'none' };
  const type = { 'Content-Type': contentType(facts.contentType, rendition.format) };
  if (delta !== undefined) {
    const cacheControl = `no-store, im, ${common['Cache-Control']}`;
    const im = { IM: 'feed', 'Delta-Base': delta.baseTag, ETag: rendition.etag, 'Content-Length': String(delta.body.length) };
    return { status: 226, headers: { ...common, ...type, ...im, 'Cache-Control': cacheControl }, content: 'delta' };
  }
  if (isZipped) return { status: 200, headers: { ...common, ...type, ETag: etag, 'Content-Encoding': 'gzip' }, content: 'gzip' };
  return { status: 200, headers: { ...common, ...type, ETag: etag, 'Content-Length': String(rendition.body.length) }, content: 'plain' };
}

/** Whether the request asks for items only (RFC 3229), and which versions it has, as plain tags. */
export function basesOf(request: FeedRequest): readonly string[] {
  const manipulations = (request.aIm ?? '').split(',').map((one) => one.split(';')[0]?.trim().toLowerCase());
  if (!manipulations.includes('feed')) return [];
  return tagsIn(request.ifNoneMatch).filter((tag) => tag !== '*').slice(0, BASES_MAX);
}

const BASES_MAX = 8;

function commonHeaders({ freshAt, nextUpdateAt, modifiedAt, canonicalUrl, self, hub, isFirst }: FeedFacts, now: number): Record<string, string> & { 'Cache-Control': string } {
  const remainingS = Number.isFinite(nextUpdateAt) ? Math.ceil((nextUpdateAt - now) / 1_000) : 0;
  const maxAgeS = remainingS > 0 ? Math.min(MAX_AGE_S, remainingS) : LATE_S;
  const handling = isFirst ? 'fwd=uri-miss; stored' : 'hit';
  return {
    'Cache-Control': `max-age=${maxAgeS}, stale-if-error=${STALE_IF_ERROR_S}`,
    Age: String(Math.max(0, Math.floor((now - freshAt) / 1_000))),
    'Cache-Status': `grove; ${handling}; ttl=${remainingS}`,
    ...(modifiedAt === undefined ? {} : { 'Last-Modified': new Date(modifiedAt).toUTCString() }),
    Link: `<${uri(canonicalUrl)}>; rel="canonical", <${uri(self)}>; rel="self", <${uri(hub)}>; rel="hub"`,
    Vary: VARY,
  };
}

/** If-None-Match counts alone when it is there (RFC 9110 13.1.3). */
function isKnown(request: FeedRequest, etag: string, modifiedAt: number | undefined): boolean {
  if (request.ifNoneMatch !== undefined) {
    const tags = tagsIn(request.ifNoneMatch);
    return tags.includes('*') || tags.includes(etag);
  }
  const since = Date.parse(request.ifModifiedSince ?? '');
  return modifiedAt !== undefined && modifiedAt <= since;
}

function tagsIn(header: string | undefined): string[] {
  return [...(header ?? '').matchAll(/(?:W\/)?"[^"]*"|\*/g)].map(([tag]) => plainTag(tag));
}

function takesGzip(acceptEncoding: string | undefined): boolean {
  const codings = (acceptEncoding ?? '').split(',').map((one) => /^\s*([\w*-]+)\s*(?:;\s*q\s*=\s*([\d.]+))?\s*$/i.exec(one));
  const quality = (name: string): number | undefined => {
    const found = codings.find((one) => one?.[1]?.toLowerCase() === name);
    return found === undefined ? undefined : Number(found?.[2] ?? 1);
  };
  return (quality('gzip') ?? quality('*') ?? 0) > 0;
}

function contentType(said: string, format: FeedFormat): string {
  return FEED_TYPE.test(said) ? said : TYPES[format];
}

/** Fit for the angle brackets of a Link header. */
function uri(url: string): string {
  return url.replace(/[<>"\s]/g, (one) => encodeURIComponent(one));
}
