/**
 * The addresses under which readers know a feed here, and back: `/f/<id>.xml`, which lists of subscriptions hold;
 * `/f/https/host/path?query`, which a person can write; and `/feed?url=...`, for scripts. All are one resource
 * (ecosystem 3.1).
 */

export type FeedTarget =
  | { readonly id: string }
  /** `maxAgeS` is a wish for a feed that is not subscribed to yet. */
  | { readonly url: string; readonly maxAgeS: number | undefined };

const ID = /^\/f\/([0-9a-f]{16})(?:\.(?:xml|json|rss|atom|rdf))?$/;
const WRITTEN = /^\/f\/(https?)\/(.+)$/s;

/** `path` is raw, with its query, as in the request line. Undefined when it is no address of a feed. */
export function feedTarget(path: string): FeedTarget | undefined {
  const queryAt = path.indexOf('?');
  const bare = queryAt < 0 ? path : path.slice(0, queryAt);
  const id = ID.exec(bare)?.[1];
  if (id !== undefined) return { id };
  const written = WRITTEN.exec(path);
  if (written !== null) return { url: `${written[1]}://${written[2]}`, maxAgeS: undefined };
  if (bare !== '/feed' || queryAt < 0) return undefined;
  const query = new URLSearchParams(path.slice(queryAt + 1));
  const url = query.get('url') ?? '';
  const maxAgeS = Number(query.get('max_age') ?? Number.NaN);
  return url === '' ? undefined : { url, maxAgeS: Number.isFinite(maxAgeS) && maxAgeS > 0 ? maxAgeS : undefined };
}

/** What somebody calls a feed: an id, an original URL, or a local one under any name of this machine. */
export function feedNamed(name: string, port: number | undefined): FeedTarget {
  const url = URL.parse(name);
  const isHere = url?.protocol === 'http:' && Number(url.port) === port && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  const target = url !== null && isHere ? feedTarget(`${url.pathname}${url.search}`) : undefined;
  return target ?? (/^[0-9a-f]{16}$/.test(name) ? { id: name } : { url: name, maxAgeS: undefined });
}

export function localUrl(api: string, id: string): string {
  return `${api}/f/${id}.xml`;
}
